"""Corrections and feedback as a person makes them: at once in the profile, and still there after every regeneration."""

from __future__ import annotations

import getpass
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from limner import cli
from store.database import Database
from store.feedback import FeedbackStore
from tests.faulty_server import FaultyServer
from tests.limner.terminal import SAMPLE, limner

ENTRY = {"id", "user_id", "key", "action", "change", "author", "why", "created_at", "withdrawn_at", "revision", "tag"}


@pytest.fixture
def desk(profiled_home: Path, home: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the profiled sample, with the server it is profiled by at the same name."""
    shutil.copytree(profiled_home, home)
    limner("run")  # the embedder's address is another one
    return home


def profile(user: str = "nell", *arguments: str) -> Any:
    said = limner("profile", user, *arguments, "--json")
    assert said.code == 0, said
    return said.json


def tags(user: str = "nell", *arguments: str) -> dict[str, Any]:
    return {tag["key"]: tag for tag in profile(user, *arguments)["tags"]}


def rendered(user: str = "nell") -> set[str]:
    """Keys of the tags that the persona renders."""
    persona = profile(user)["persona"]
    return {key for sentence in persona["sentences"] for key in sentence["tags"]} if persona else set()


def entered(*arguments: object) -> Any:
    said = limner("override", *arguments, "--json")
    assert said.code == 0, said
    return said.json


def done(*arguments: str) -> tuple[int, int]:
    """Users profiled and unchanged in a run."""
    said = limner("run", *arguments, "--json")
    assert said.code == 0, said
    return said.json["users"]["done"], said.json["users"]["unchanged"]


def add(folder: Path, *rows: dict[str, Any]) -> None:
    file = folder / f"more-{time.time_ns()}.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, rows)) + b"\n")
    assert limner("ingest", file).code == 0


def musicals(first: int, ts: datetime | None, number: int = 6) -> list[dict[str, Any]]:
    """Bad ratings of musicals and good ones of something else, each at a time of its own."""
    item = {"genres": ["Musical"]}, {"genres": ["Western"]}
    return [
        {"user_id": "nell", "event_id": f"n{first + at}", "kind": "rating", "value": 1 if at % 2 else 5}
        | {"item": item[0 if at % 2 else 1] | {"title": f"Title {at}"}, "item_id": f"i{first + at}"}
        | ({"ts": (ts + timedelta(minutes=at)).isoformat()} if ts else {})
        for at in range(2 * number)
    ]


# --- deny -----------------------------------------------------------------------------------------------------------


def test_a_denied_tag_is_gone_at_once_and_stays_gone(desk: Path, server: FaultyServer) -> None:
    before = profile()
    assert "genre/musical" in tags() and "genre/musical" in rendered()
    asked = server.count
    said = entered("deny", "nell", "genre/musical", "--why", "she told support", "--author", "anna")
    assert said.keys() >= ENTRY
    assert (said["author"], said["why"], said["revision"]) == ("anna", "she told support", before["revision"] + 1)
    assert server.count == asked, "no model was asked"
    assert "genre/musical" not in tags("nell", "--include", "candidates")
    assert "genre/musical" not in rendered()
    assert profile()["persona"]["sentences"], "sentences about other tags stay"
    assert profile("nell", "--as-of", before["created_at"])["tags"] == before["tags"], "what was served is still told"
    assert done() == (1, 13), "the persona is written anew"
    assert "genre/musical" not in tags() and "genre/musical" not in rendered()
    asked = server.count
    assert done() == (0, 14)
    assert server.count == asked
    assert limner("doctor").code == 0


def test_only_evidence_newer_than_the_denial_brings_a_tag_back(desk: Path, tmp_path: Path) -> None:
    entered("deny", "nell", "musicals")
    add(tmp_path, *musicals(0, datetime(2020, 1, 1, tzinfo=UTC)), *musicals(100, None))
    assert done()[0] == 1
    assert "genre/musical" not in tags(), "events from before the denial, whenever they come in, and undated ones"
    add(tmp_path, *musicals(200, datetime.now(UTC) + timedelta(minutes=1)))
    assert done()[0] == 1
    back = tags()["genre/musical"]
    assert (back["polarity"], back["status"]) == (-1, "verified")
    assert all(cited["event_id"] >= "n200" and cited["event_id"][0] == "n" for cited in back["evidence"])
    entered("edit", "nell", "genre/musical", "--en", "stage musicals")
    assert tags()["genre/musical"]["label"]["en"] == "stage musicals", "it stays back when something else is corrected"


# --- pin ------------------------------------------------------------------------------------------------------------


def test_a_pinned_tag_is_served_at_once_and_enters_the_persona_with_the_next_run(desk: Path) -> None:
    said = entered("pin", "nell", "genre/western", "--polarity", "dislikes", "--why", "asked her")
    assert said["author"] == getpass.getuser()
    pinned = tags()["genre/western"]
    assert (pinned["status"], pinned["polarity"], pinned["facet"]) == ("pinned", -1, "interest")
    assert pinned["corrected"] == f"pinned by {getpass.getuser()}: asked her"
    assert pinned["label"] == {"en": "westerns", "zh": "西部片"}
    assert done() == (1, 13)
    assert tags()["genre/western"] == pinned
    assert "genre/western" in rendered()
    assert done() == (0, 14)


def test_a_pin_keeps_the_evidence_that_agrees_with_it(desk: Path) -> None:
    before = tags()["genre/musical"]
    entered("pin", "nell", "genre/musical")
    after = tags()["genre/musical"]
    assert after["status"] == "pinned"
    assert (after["evidence"], after["polarity"], after["reason"]) == (
        before["evidence"],
        before["polarity"],
        before["reason"],
    )
    assert "genre/musical" in rendered(), "what the persona says of it is still right"
    entered("pin", "nell", "genre/musical", "--polarity", "likes")
    turned = tags()["genre/musical"]
    assert (turned["polarity"], turned["status"], turned["evidence"], turned["lift"]) == (1, "pinned", [], None)
    assert "genre/musical" not in rendered()


def test_a_tag_nobody_knows_is_pinned_by_its_words_and_facet(desk: Path) -> None:
    wrong = limner("override", "pin", "nell", "collects tram tickets")
    assert wrong.code == 2
    assert "--facet (interest" in wrong.err and "--polarity" in wrong.err
    said = entered(
        "pin", "nell", "collects tram tickets", "--facet", "interest", "--polarity", "is", "--zh", "收集电车票"
    )
    assert said["key"] == "open/collects-tram-tickets"
    assert tags()["open/collects-tram-tickets"]["label"] == {"en": "collects tram tickets", "zh": "收集电车票"}
    assert done() == (1, 13)
    assert tags()["open/collects-tram-tickets"]["status"] == "pinned"


# --- edit, withdraw, list -------------------------------------------------------------------------------------------


def test_an_edit_survives_regeneration(desk: Path, tmp_path: Path) -> None:
    entered("edit", "nell", "genre/musical", "--en", "stage musicals", "--facet", "lifestyle", "--why", "our word")
    edited = tags()["genre/musical"]
    assert edited["label"] == {"en": "stage musicals", "zh": "歌舞片"}
    assert (edited["facet"], edited["status"]) == ("lifestyle", "verified")
    assert "genre/musical" not in rendered()
    add(tmp_path, {"user_id": "nell", "kind": "view", "item": {"title": "Trams"}})
    assert done()[0] == 1
    assert tags()["genre/musical"] == edited
    assert "stage musicals" in profile()["persona"]["text"]


def test_a_polarity_that_is_edited_is_served_on_the_persons_word(desk: Path) -> None:
    entered("edit", "nell", "genre/musical", "--polarity", "likes")
    assert (tags()["genre/musical"]["polarity"], tags()["genre/musical"]["status"]) == (1, "pinned")
    done()
    assert (tags()["genre/musical"]["polarity"], tags()["genre/musical"]["status"]) == (1, "pinned")


@pytest.mark.parametrize(
    "act",
    [
        ("deny", "nell", "genre/musical"),
        ("pin", "nell", "genre/western"),
        ("edit", "nell", "genre/musical", "--en", "x"),
    ],
    ids=lambda act: act[0],
)
def test_what_a_withdrawn_correction_changed_goes_back_at_once(desk: Path, act: tuple[str, ...]) -> None:
    before = tags()
    number = entered(*act)["id"]
    assert tags() != before
    said = entered("withdraw", number, "--why", "a mistake")
    assert said["withdrawn_at"] and (said["withdrawn_by"], said["withdrawn_why"]) == (getpass.getuser(), "a mistake")
    assert tags() == before
    assert done() == (1, 13)
    assert tags() == before
    assert done() == (0, 14)
    again = limner("override", "withdraw", number)
    assert again.code == 1
    assert f"Override {number} was withdrawn" in again.err


def test_the_list_shows_who_when_and_why(desk: Path) -> None:
    first = entered("deny", "nell", "genre/musical", "--author", "anna", "--why", "she told support")
    second = entered("pin", "dex", "genre/western")
    entered("withdraw", second["id"])
    listed = entered("list")
    assert [(one["id"], one["user_id"], one["action"]) for one in listed] == [
        (first["id"], "nell", "deny"),
        (second["id"], "dex", "pin"),
    ]
    assert [one["withdrawn_at"] is None for one in listed] == [True, False]
    assert [one["id"] for one in entered("list", "nell")] == [first["id"]]
    person = limner("override", "list").out
    assert all(word in person for word in ("nell", "deny", "genre/musical", "anna", "she told support", "withdrawn"))


def test_a_correction_before_the_first_run_holds_in_it(home: Path, tmp_path: Path) -> None:
    assert limner("ingest", SAMPLE).code == 0
    said = entered("deny", "nell", "genre/musical")
    assert (said["revision"], said["tag"]) == (None, None)
    entered("pin", "nell", "genre/western")
    assert limner("run", "--users", "nell").code == 0
    assert "genre/musical" not in tags()
    assert tags()["genre/western"]["status"] == "pinned"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("override", "deny", "ghost", "genre/musical"), 1, "There are no events of ghost: `limner ingest`"),
        (("override", "deny", "nell", "no such thing"), 1, "User nell has no tag no such thing."),
        (("override", "edit", "nell", "genre/musical"), 2, "--polarity"),
        (("override", "edit", "nell", "genre/western", "--en", "x"), 1, "User nell has no tag genre/western."),
        (("override", "edit", "nell", "genre/musical", "--facet", "taste"), 2, "interest"),
        (("override", "pin", "nell", "genre/musical", "--polarity", "loves"), 2, "likes"),
        (("override", "pin", "nell", "politics/left", "--facet", "politics"), 2, "politics"),
        (("override", "withdraw", "999"), 1, "There is no override 999: `limner override list`"),
        (("feedback", "nell", "genre/musical"), 2, "--right or --wrong"),
        (("feedback", "nell", "genre/nothing", "--right"), 1, "User nell has no tag genre/nothing."),
        (("feedback", "--file", "absent.jsonl"), 2, "absent.jsonl"),
        (("feedback",), 2, "--file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_said_with_what_to_do(profiled: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    said = limner(*arguments)
    assert (said.code, said.out) == (code, "")
    assert words in said.words
    assert "Traceback" not in said.err


def test_what_the_taxonomy_keeps_out_cannot_be_pinned(profiled: Path) -> None:
    known = limner("taxonomy", "show", "--json").json
    off = next(name for name, facet in known["facets"].items() if facet["served"] == "off")
    said = limner("override", "pin", "nell", "open/thing", "--facet", off)
    assert said.code == 2
    assert "taxonomy" in said.words


def test_who_corrects_has_a_name_where_the_system_knows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert cli.author().startswith("uid ")


# --- history --------------------------------------------------------------------------------------------------------


def test_the_history_of_a_user_tells_what_changed_who_did_it_and_why(desk: Path) -> None:
    entered("deny", "nell", "genre/musical", "--author", "anna", "--why", "she told support")
    number = entered("pin", "nell", "genre/western", "--author", "ben")["id"]
    done()
    entered("withdraw", number, "--author", "ben")
    told = limner("history", "nell", "--json").json
    causes = [one["cause"] for one in told]
    assert causes[-4:] == ["correction", "correction", "run", "withdrawal"]
    denial, pin, run, withdrawal = told[-4:]
    assert (denial["override"]["author"], denial["override"]["why"]) == ("anna", "she told support")
    [ended] = denial["changes"]
    assert (ended["key"], ended["after"], ended["why"]) == ("genre/musical", None, "denied by anna: she told support")
    assert [(one["key"], one["before"], one["after"]["status"]) for one in pin["changes"]] == [
        ("genre/western", None, "pinned")
    ]
    assert (run["changes"], run["override"]) == ([], None)
    assert [one["after"] for one in withdrawal["changes"]] == [None]
    assert [one["revision"] for one in told] == list(range(1, len(told) + 1))
    person = limner("history", "nell").words
    assert all(word in person for word in ("anna", "she told support", "musicals", "westerns", "revision 1"))
    assert [one["reason"] for one in limner("history", "nell", "genre/musical", "--json").json][-1:] == [
        "denied by anna: she told support"
    ]


# --- feedback -------------------------------------------------------------------------------------------------------


def test_feedback_is_kept_with_what_was_served_and_changes_no_tag(desk: Path) -> None:
    before = profile()
    said = limner("feedback", "nell", "musicals", "--wrong", "--why", "she sang along", "--json")
    assert said.code == 0, said
    served = next(tag for tag in before["tags"] if tag["key"] == "genre/musical")
    assert said.json | {"created_at": None} == {
        "user_id": "nell",
        "key": "genre/musical",
        "correct": False,
        "facet": "interest",
        "polarity": -1,
        "basis": served["basis"],
        "probability": served["probability"],
        "author": getpass.getuser(),
        "why": "she sang along",
        "created_at": None,
    }
    assert profile() == before
    assert done() == (0, 14)
    assert limner("feedback", "list", "nell", "--json").json == [said.json]
    assert limner("feedback", "list", "dex", "--json").json == []
    assert "she sang along" in limner("feedback", "list").out


def test_feedback_comes_from_a_file_and_bad_lines_are_named(desk: Path, tmp_path: Path) -> None:
    file = tmp_path / "feedback.jsonl"
    rows = [
        {"user_id": "nell", "key": "genre/musical", "correct": True, "author": "panel", "why": "asked"},
        {"user_id": "ghost", "key": "genre/musical", "correct": True},
        {"user_id": "nell", "key": "genre/musical", "correct": "perhaps"},
        {"user_id": "nell", "key": "genre/musical", "correct": False, "author": "panel"},
    ]
    file.write_bytes(b"\n".join(map(orjson.dumps, rows)) + b"\n\nnonsense\n")
    said = limner("feedback", "--file", file, "--json")
    assert said.code == 0
    assert said.json["accepted"] == 2
    assert [(one["line"], one["reason"].split(":")[0]) for one in said.json["rejects"]] == [
        (
            2,
            "User ghost has no profile. `limner status` tells whether a run has reached them; "
            "`limner run --users ghost` makes one.",
        ),
        (3, "`correct` is not true or false"),
        (6, "it is not a JSON object"),
    ]
    person = limner("feedback", "--file", file)
    assert "2 judgements taken in, 3 lines refused" in person.out
    database = Database(f"sqlite:///{desk / 'limner.db'}")
    judged = FeedbackStore(database).judged()
    database.close()
    assert [(one.author, one.correct) for one in judged] == [("panel", False)], "the newest word of each person counts"


def test_a_pinned_tag_takes_no_feedback(desk: Path) -> None:
    entered("pin", "nell", "genre/western")
    said = limner("feedback", "nell", "genre/western", "--wrong")
    assert said.code == 1
    assert "override" in said.err


def test_commands_have_examples() -> None:
    for name in ("pin", "deny", "edit", "list", "withdraw"):
        assert f"limner override {name}" in limner("override", name, "--help").words
    assert "limner feedback 42 genre/musical --wrong" in limner("feedback", "--help").words


@pytest.mark.parametrize("follow", [("taxonomy", "migrate"), ("run",)], ids=" ".join)
def test_the_ledger_survives_keys_that_are_renamed_and_united(
    desk: Path, tmp_path: Path, follow: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    entered("edit", "nell", "genre/musical", "--en", "song and dance", "--why", "our word")
    entered("deny", "nell", "genre/film-noir", "--why", "no")
    entered("pin", "nell", "genre/western", "--polarity", "dislikes")
    assert "genre/romance" in tags()
    own = tmp_path / "own.yaml"
    own.write_text(
        "extends: starter\n"
        "terms:\n"
        "  genre/musical: null\n"
        "  genre/stage: {en: stage musicals, zh: 音乐剧, was: [genre/musical]}\n"
        "  genre/romance: null\n"
        "  genre/film-noir: {was: [genre/romance]}\n"
        "  genre/western: null\n"
        "  genre/frontier: {en: frontier films, zh: 边疆片, was: [genre/western]}\n",
        "utf-8",
    )
    monkeypatch.setenv("LIMNER_TAXONOMY", str(own))
    assert limner(*follow).code == 0
    for _ in range(2):
        served = tags("nell", "--include", "candidates")
        assert served["genre/stage"]["label"]["en"] == "song and dance"
        assert "genre/film-noir" not in served, "romance is film noir now, and that is denied"
        assert served["genre/frontier"]["status"] == "pinned"
        assert not {"genre/musical", "genre/romance", "genre/western"} & served.keys()
        assert rendered() <= served.keys()
        done()
