"""The commands that read a profiled sample: the shapes that scripts rely on, and what a person sees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.limner.terminal import limner

pytestmark = pytest.mark.usefixtures("profiled")

TAG = {"facet", "key", "label", "polarity", "probability", "basis", "status", "valid_from", "valid_to", "evidence"}
RUN = {"run", "state", "users", "tokens", "model_calls", "seconds"}


def profile(*arguments: str) -> Any:
    said = limner("profile", *arguments, "--json")
    assert said.code == 0, said
    return said.json


def test_a_profile_has_the_shape_that_scripts_rely_on() -> None:
    shown = profile("nell")
    assert {"user_id", "revision", "tags", "persona", "run", "model", "prompts", "taxonomy"} <= shown.keys()
    assert shown["user_id"] == "nell"
    assert shown["revision"] == 1
    assert shown["tags"]
    for tag in shown["tags"]:
        assert tag.keys() >= TAG
        assert tag["label"].keys() == {"en", "zh"}
        assert tag["polarity"] in {1, 0, -1}
        assert 0 <= tag["probability"] <= 1
        assert tag["status"] in {"verified", "pinned"}
        assert tag["evidence"]
        assert all(cited.keys() == {"event_id", "signal", "span"} for cited in tag["evidence"])
    keys = {tag["key"] for tag in shown["tags"]}
    assert shown["persona"].keys() >= {"text", "language", "sentences"}
    assert shown["persona"]["text"].startswith(shown["persona"]["sentences"][0]["text"])
    for sentence in shown["persona"]["sentences"]:
        assert sentence.keys() == {"text", "tags"}
        assert set(sentence["tags"]) <= keys


def test_candidates_are_shown_only_when_asked_for() -> None:
    served = {tag["key"] for tag in profile("nell")["tags"]}
    every = profile("nell", "--include", "candidates")["tags"]
    assert served < {tag["key"] for tag in every}
    assert {tag["status"] for tag in every} == {"verified", "candidate"}


def test_a_persona_that_was_not_written_in_a_language_is_null() -> None:
    assert profile("nell", "--lang", "zh")["persona"] is None
    assert profile("weilan", "--lang", "zh")["persona"]["language"] == "zh"


def test_all_profiles_come_as_one_document_a_line() -> None:
    said = limner("profile", "--all")
    documents = [orjson.loads(line) for line in said.out.splitlines()]
    assert len(documents) == 14
    assert [one["user_id"] for one in documents] == sorted(one["user_id"] for one in documents)
    assert documents[[one["user_id"] for one in documents].index("nell")] == profile("nell")


def test_a_profile_as_of_a_time_is_what_was_served_then() -> None:
    made = datetime.fromisoformat(profile("nell")["created_at"])
    assert profile("nell", "--as-of", made.isoformat())["revision"] == 1
    early = limner("profile", "nell", "--as-of", (made - timedelta(seconds=1)).isoformat())
    assert early.code == 1
    assert "nell has no profile" in early.err
    local = (made + timedelta(hours=8)).replace(tzinfo=None).isoformat(timespec="seconds") + "+08:00"
    assert profile("nell", "--as-of", (datetime.fromisoformat(local) + timedelta(seconds=1)).isoformat())
    assert limner("profile", "nell", "--as-of", "2020-01-31").code == 1
    assert profile("nell", "--as-of", str(datetime.now(UTC).year + 1) + "-01-01")["revision"] == 1


def test_a_profile_tells_how_lately_the_user_was_there() -> None:
    def told(*arguments: str) -> Any:
        (tag,) = (tag for tag in profile("nell", *arguments)["tags"] if tag["key"].startswith("recency/"))
        return tag

    now = told()
    assert now["reason"].startswith(f"last event {now['measure']:.0f} days before 2026-07-25, ")
    later = str(datetime.now(UTC).year + 1) + "-01-01"
    assert told("--as-of", later) == now, "after the newest event of all nobody is known to be silent"
    assert now["evidence"][0]["event_id"] in limner("evidence", "nell", now["key"]).out
    assert now["reason"].split(",")[0] in limner("profile", "nell").out
    assert f"最近一次在查询日的{now['measure']:.0f}天前" in limner("profile", "nell", "--lang", "zh").out
    assert [tag for one in limner("profile", "--all").out.splitlines() for tag in orjson.loads(one)["tags"]].count(now)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("profile", "ghost"), "User ghost has no profile."),
        (("evidence", "ghost", "genre/horror"), "User ghost has no profile."),
        (("history", "nell", "genre/nothing"), "User nell has no tag genre/nothing."),
        (("evidence", "nell", "genre/nothing"), "User nell has no tag genre/nothing."),
        (("status", "20200101-000000-0000"), "There is no run 20200101-000000-0000."),
        (("prompts", "show", "persona.v99"), "persona.v99"),
        (("taxonomy", "show", "genre/nothing"), "The taxonomy has no genre/nothing."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_does_not_exist_is_said_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    said = limner(*arguments)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("limner: ")
    assert words in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("profile",),
        ("profile", "nell", "--all"),
        ("profile", "--all", "--as-of", "2026-01-01"),
        ("profile", "nell", "--as-of", "yesterday"),
        ("profile", "nell", "--lang", "fr"),
        ("profile", "nell", "--include", "everything"),
        ("run", "--lang", "en,fr"),
        ("run", "--limit", "0"),
        ("run", "--users", " , "),
        ("run", "--resume", "--limit", "3"),
        ("run", "--resume", "--retry-failed"),
        ("ingest",),
        ("ingest", "absent.jsonl"),
        ("ingest", "absent.jsonl", "--map", "nonsense"),
        ("nonsense",),
        (),
    ],
    ids=" ".join,
)
def test_wrong_use_ends_with_2_and_nothing_on_stdout(arguments: tuple[str, ...]) -> None:
    said = limner(*arguments)
    assert said.code == 2
    assert not arguments or not said.out
    assert "Traceback" not in said.err


def test_evidence_can_be_asked_for_by_key_or_by_label_in_either_language() -> None:
    shown = limner("evidence", "nell", "genre/musical", "--json").json
    assert shown["user_id"] == "nell"
    assert shown["key"] == "genre/musical"
    assert shown["evidence"]
    for cited in shown["evidence"]:
        assert cited.keys() == {"event_id", "signal", "span", "event"}
        assert cited["event"]["event_id"] == cited["event_id"]
    label = next(tag["label"] for tag in profile("nell")["tags"] if tag["key"] == "genre/musical")
    assert all(limner("evidence", "nell", name, "--json").json == shown for name in label.values())


def test_the_history_of_a_tag_names_its_revision_and_run() -> None:
    shown = limner("history", "nell", "genre/musical", "--json").json
    assert [version["revision"] for version in shown] == [1]
    assert shown[0]["tag"]["polarity"] == -1
    assert shown[0]["retired_at"] is None
    assert shown[0]["run"] == profile("nell")["run"]


def test_a_status_has_the_shape_of_a_run() -> None:
    shown = limner("status", "--json").json
    assert shown.keys() >= RUN
    assert shown["users"] == {"total": 14, "done": 14, "unchanged": 0, "failed": 0}
    assert shown["tokens"].keys() == {"in", "out"}
    assert shown["state"] == "done"
    assert shown["dead_letters"] == []
    assert limner("status", shown["run"], "--json").json["run"] == shown["run"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("prompts", "list"),
        ("prompts", "show", "persona.v1"),
        ("prompts", "diff", "persona.v1", "propose.v1"),
        ("taxonomy", "lint"),
        ("taxonomy", "show"),
        ("taxonomy", "show", "科幻"),
        ("status",),
        ("profile", "nell"),
        ("profile", "weilan", "--lang", "zh", "--include", "candidates"),
        ("evidence", "weilan", "悬疑"),
        ("history", "nell", "musicals"),
    ],
    ids=" ".join,
)
def test_each_result_can_be_read_by_a_program_and_by_a_person(arguments: tuple[str, ...]) -> None:
    document = limner(*arguments, "--json")
    assert document.code == 0
    assert document.json is not None
    person = limner(*arguments)
    assert person.code == 0
    assert person.out.strip()
    assert "\x1b" not in person.out
    assert "Rule(" not in person.out


def test_a_card_begins_with_the_persona_and_gives_each_tag_its_proof_and_an_event() -> None:
    said = limner("profile", "nell")
    shown = profile("nell")
    lines = said.out.splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert "nell · revision 1" in lines[0]
    assert shown["persona"]["sentences"][0]["text"][:40] in lines[1]
    musicals = next(at for at, line in enumerate(lines) if line.startswith(" − musicals"))
    assert "Interest" in lines[musicals]
    assert "below own mean" in lines[musicals]
    assert lines[musicals + 1].split()[0].startswith("nell-0")
    assert "limner evidence nell TAG" in said.err


def test_a_card_in_chinese_has_chinese_labels() -> None:
    said = limner("profile", "weilan", "--lang", "zh").out
    assert "兴趣" in said
    assert "比自己的平均分高" in said
    assert "Interest" not in said


def test_a_user_without_a_proven_tag_has_a_card_that_says_so(profiled: Path) -> None:
    empty = [
        one["user_id"] for one in map(orjson.loads, limner("profile", "--all").out.splitlines()) if not one["tags"]
    ]
    for user in empty:
        assert "Nothing is proven yet" in limner("profile", user).words


def test_help_gives_examples_one_a_line() -> None:
    said = limner("run", "--help")
    assert said.code == 0
    lines = [line.strip() for line in said.out.splitlines()]
    first = lines.index("limner run")
    assert lines[first - 1] == "Examples"
    assert lines[first + 1] == "limner run --limit 100 --dry-run"


def test_limner_alone_shows_what_it_can_do() -> None:
    said = limner()
    assert "Usage: limner" in said.words
    assert "limner ingest events.jsonl" in said.words
    assert all(name in said.words for name in ("init", "doctor", "ingest", "run", "profile", "taxonomy"))
