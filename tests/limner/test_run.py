"""Ingest and run: what they report, how they can be stopped, and how they go on."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any, Literal

import pytest

from limner.app import App
from limner.settings import Settings
from tests.faulty_server import Fault, FaultyServer, honest, unused_url
from tests.limner.terminal import COMMAND, SAMPLE, apart, ended, events_of, limner

USERS = ("ahua", "dex", "gordon", "nell")


@pytest.fixture
def ingested(home: Path, tmp_path: Path) -> Path:
    """A home with the events of `USERS`."""
    assert limner("ingest", events_of(tmp_path, *USERS)).code == 0
    return home


def users(said: Any) -> dict[str, int]:
    counts = dict(said.json["users"])
    return {name: counts[name] for name in ("total", "done", "unchanged", "failed")}


def counted(total: int, done: int = 0, unchanged: int = 0, failed: int = 0) -> dict[str, int]:
    return {"total": total, "done": done, "unchanged": unchanged, "failed": failed}


def test_ingest_has_the_shape_that_scripts_rely_on(home: Path) -> None:
    said = limner("ingest", SAMPLE, "--json")
    assert said.code == 0
    assert said.json.keys() >= {"accepted", "duplicates", "rejected", "users", "rejects_file"}
    assert (said.json["accepted"], said.json["duplicates"], said.json["users"]) == (715, 1, 14)
    again = limner("ingest", SAMPLE, "--json").json
    assert (again["accepted"], again["duplicates"]) == (0, 716)


def test_a_bad_row_is_named_and_the_rest_goes_in(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text("customer,what\nanna,view\n,view\n")
    said = limner("ingest", file, "--map", "user_id=customer", "--map", "kind=what")
    assert said.code == 0
    assert "1 events taken in, 0 known already, 1 rejected" in said.out
    assert str(home / "rejects") in said.out


def test_a_run_has_the_shape_that_scripts_rely_on_and_a_second_one_asks_nothing(
    ingested: Path, server: FaultyServer
) -> None:
    said = limner("run", "--json")
    assert said.code == 0
    assert said.json.keys() >= {"run", "state", "users", "tokens", "model_calls", "seconds"}
    assert users(said) == counted(4, done=4)
    assert said.json["model_calls"] == server.count == 4
    asked = server.count
    again = limner("run", "--json")
    assert users(again) == counted(4, unchanged=4)
    assert again.json["model_calls"] == 0
    assert server.count == asked
    assert limner("status", "--json").json["run"] == again.json["run"]


def test_where_no_text_takes_a_reader_no_model_server_is_looked_for(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_NAMER", "code")
    monkeypatch.setenv("LIMNER_WRITER", "code")
    monkeypatch.setenv("LIMNER_MODEL_URL", unused_url())
    file = tmp_path / "plays.csv"
    rows = [f"u{user},play,i{at},Band {at % 3}" for user in range(3) for at in range(9)]
    file.write_text("\n".join(["user_id,kind,item_id,item.artist", *rows]))
    limner("ingest", file)
    assert users(limner("run", "--json")) == counted(3, done=3)
    words = tmp_path / "words.jsonl"
    words.write_text(
        '{"user_id": "u9", "kind": "message", "text": "I love making the soups my grandmother taught me"}\n'
    )
    limner("ingest", words)
    said = limner("run")
    assert said.code == 1
    assert "No model server answers" in said.out + said.err
    assert users(limner("status", "--json")) == counted(4, unchanged=3)


def test_users_without_a_tag_are_told_where_most_have_none(home: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.csv"
    bare.write_text("user_id,kind,item_id\n" + "".join(f"u{at % 3},view,i{at}\n" for at in range(9)))
    limner("ingest", bare)
    assert "3 of 3 users have no tag" in limner("run").out
    limner("ingest", events_of(tmp_path, *USERS))
    assert "have no tag" not in limner("run").out


def test_a_new_event_makes_one_user_new(ingested: Path, tmp_path: Path) -> None:
    limner("run")
    more = tmp_path / "more.jsonl"
    more.write_text('{"user_id": "dex", "kind": "view", "item": {"title": "Trams", "topics": ["public transport"]}}\n')
    limner("ingest", more)
    assert users(limner("run", "--json")) == counted(4, done=1, unchanged=3)


def test_a_dry_run_prices_and_asks_nothing(ingested: Path, server: FaultyServer) -> None:
    price = limner("run", "--dry-run", "--json").json
    assert (price["users"], price["unchanged"], price["calls"]) == (4, 0, 4)
    assert price["tokens_in"] > 1000
    assert server.count == 0
    assert limner("status").code == 1, "there is no run yet"
    assert "4 users to profile, 0 unchanged: about 4 model calls" in limner("run", "--dry-run").out


def test_the_model_words_personas_where_it_is_set_to(
    ingested: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    limner("run")
    assert not any(name.startswith("persona") for name in limner("profile", "nell", "--json").json["prompts"])
    asked = server.count
    monkeypatch.setenv("LIMNER_WRITER", "model")
    assert users(limner("run", "--json")) == counted(4, done=4)
    assert server.count > asked, "who words it is part of how a profile is made"
    assert any(name.startswith("persona") for name in limner("profile", "nell", "--json").json["prompts"])


def test_where_code_names_tags_no_call_is_made_and_it_is_said(
    ingested: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    limner("run")
    asked, named = server.count, limner("profile", "nell", "--json").json
    assert "code words personas, without a call" in limner("status").out
    monkeypatch.setenv("LIMNER_NAMER", "code")
    assert limner("run", "--dry-run", "--json").json["calls"] == 0
    assert limner("run", "--json").json["model_calls"] == 0
    assert server.count == asked
    assert limner("profile", "nell", "--json").json["tags"] == named["tags"]
    assert "code names tags and words personas, without a call" in limner("status").out
    assert "code alone names tags: as it is set (LIMNER_NAMER)" in limner("doctor").words
    assert "packaged models do no better" in limner("doctor", LIMNER_MODEL="smollm2-135m", LIMNER_MODEL_URL="").words


def test_a_limit_takes_the_first_users_and_names_choose(ingested: Path) -> None:
    assert users(limner("run", "--limit", 2, "--json")) == counted(2, done=2)
    assert users(limner("run", "--users", "gordon, nell", "--json")) == counted(2, done=2)
    assert users(limner("run", "--json")) == counted(4, unchanged=4)


def test_an_unknown_user_is_named_and_no_run_begins(ingested: Path) -> None:
    said = limner("run", "--users", "nell,ghost")
    assert said.code == 1
    assert said.err == "limner: There are no events of ghost: `limner ingest` brings events in.\n"
    assert "There was no run yet" in limner("status").err


def test_personas_come_in_the_languages_asked_for(ingested: Path) -> None:
    limner("run", "--users", "nell", "--lang", "en,zh")
    personas = limner("profile", "nell", "--json").json["personas"]
    assert {one["language"] for one in personas} == {"en", "zh"}


def test_a_budget_stops_cleanly_and_resume_does_the_rest(ingested: Path) -> None:
    said = limner("run", "--budget-tokens", 1, "--concurrency", 1, "--json")
    assert said.code == 1
    assert said.json["state"] == "stopped"
    assert "the budget of 1 tokens is spent. `limner run --resume` goes on" in said.json["note"]
    done = said.json["users"]["done"]
    assert 0 < done < 4
    resumed = limner("run", "--resume", "--json")
    assert resumed.code == 0
    assert resumed.json["run"] == said.json["run"]
    assert users(resumed)["done"] + users(resumed)["unchanged"] == 4
    assert limner("run", "--resume").words == "limner: There is no run to go on with; `limner run` begins one."


def test_a_failed_user_is_a_dead_letter_that_can_be_tried_again(ingested: Path, server: FaultyServer) -> None:
    server.always(Fault.PROSE)
    said = limner("run", "--users", "nell,dex", "--json")
    assert said.code == 1
    assert said.json["state"] == "done"
    assert users(said) == counted(2, failed=2)
    assert said.json["failures"] == {"AnswerError": 2}
    assert [letter["user_id"] for letter in said.json["dead_letters"]] == ["dex", "nell"]
    person = limner("status")
    assert "2 × AnswerError" in person.out
    assert "`limner run --retry-failed` tries them again." in person.out
    server.always(None)
    again = limner("run", "--retry-failed", "--json")
    assert again.code == 0
    assert users(again) == counted(2, done=2)
    assert again.json["run"] == said.json["run"]
    assert "has no failed users" in limner("run", "--retry-failed").err


def test_a_run_without_events_says_where_they_come_from(home: Path) -> None:
    said = limner("run")
    assert said.code == 0
    assert "There are no events yet: `limner ingest FILE` takes them in." in said.err


def test_ctrl_c_finishes_the_users_in_flight_and_says_how_to_go_on(ingested: Path, server: FaultyServer) -> None:
    server.slow_seconds = 1
    server.always(Fault.SLOW)
    with apart("run", "--concurrency", 1) as process:
        server.hear(1, 60)
        process.send_signal(signal.SIGINT)
        said = ended(process)
    assert said.code == 1
    assert "Finishing the users in flight; Ctrl-C again ends at once." in said.err
    assert "stopped" in said.out
    assert "It stopped: it was interrupted, and finished the users in flight. `limner run --resume`" in said.out
    assert "Traceback" not in said.err
    stopped = limner("status", "--json").json
    assert stopped["state"] == "stopped"
    assert 0 < stopped["users"]["done"] < 4
    assert stopped["users"]["failed"] == 0
    server.always(None)
    resumed = limner("run", "--resume", "--json")
    assert resumed.code == 0
    assert sum(users(resumed).values()) == 8


def test_a_second_ctrl_c_ends_at_once(ingested: Path, server: FaultyServer) -> None:
    server.slow_seconds = 50
    server.always(Fault.SLOW)
    with apart("run") as process:
        server.hear(1, 60)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("Ctrl-C again" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        said = ended(process, 20)
    assert said.code == 1
    assert "Interrupted." in said.err
    assert "Traceback" not in said.err
    assert limner("status", "--json").json["state"] == "stopped"


def test_a_killed_run_is_resumed_while_a_living_one_keeps_others_out(ingested: Path, server: FaultyServer) -> None:
    server.choose(lambda body: Fault.SLOW if server.count > 2 else None)
    server.slow_seconds = 50
    with apart("run", "--concurrency", 1) as process:
        server.hear(3, 60)
        second = limner("run")
        assert second.code == 1
        assert f"Another limner is at it (run): pid {process.pid} on " in second.err
        assert limner("status", "--json").json["state"] == "running"
        process.kill()
        ended(process)
    killed = limner("status", "--json").json
    assert killed["state"] == "stopped"
    assert "`limner run --resume` goes on" in killed["note"]
    done = killed["users"]["done"]
    assert 0 < done < 4
    profiles = {user: limner("profile", user, "--json") for user in USERS}
    before = {user: said.out for user, said in profiles.items() if said.code == 0}
    assert len(before) == done
    server.choose(lambda body: None)
    resumed = limner("run", "--resume", "--json")
    assert resumed.code == 0
    assert resumed.json["users"]["done"] == 4
    assert {user: limner("profile", user, "--json").out for user in before} == before
    assert limner("doctor").code == 0


def test_a_server_that_dies_in_the_middle_stops_the_run_and_no_user_is_lost(
    ingested: Path, server: FaultyServer
) -> None:
    server.choose(lambda body: Fault.HANG_UP if server.count > 2 else None)
    said = limner("run", "--concurrency", 1, "--json")
    assert said.code == 1
    assert said.json["state"] == "stopped"
    assert "--resume" in said.json["note"]
    assert users(said)["failed"] == 0
    server.choose(lambda body: None)
    assert users(limner("run", "--resume", "--json"))["done"] == 4


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_model_server_that_is_down_is_said_so(ingested: Path, command: str) -> None:
    said = limner(command, LIMNER_MODEL_URL=unused_url())
    assert said.code == 1
    assert "No model server answers at http://127.0.0.1:" in said.words
    assert "LIMNER_MODEL_URL" in said.words


def test_a_model_server_that_is_down_does_not_end_a_run_for_good(ingested: Path) -> None:
    assert limner("run", LIMNER_MODEL_URL=unused_url()).code == 1
    failed = limner("status", "--json").json
    assert failed["state"] == "failed"
    assert "`limner run --resume` goes on" in failed["note"]
    assert users(limner("run", "--resume", "--json")) == counted(4, done=4)


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_wrong_model_name_is_said_with_the_right_one(ingested: Path, command: str) -> None:
    said = limner(command, LIMNER_MODEL="other")
    assert said.code == 1
    assert "serves faulty, not other: set LIMNER_MODEL to its name." in said.words


def test_a_model_check_passes_what_a_server_can_do_and_names_what_it_cannot(home: Path, server: FaultyServer) -> None:
    server.answer = honest
    said = limner("model", "check", "--json")
    assert all(finding.keys() >= {"name", "ok", "detail", "advice"} for finding in said.json)
    assert said.code == 0
    assert "✓ guided JSON" in limner("model", "check").out
    server.always(Fault.FREE)
    free = limner("model", "check")
    assert free.code == 1
    assert "✗ guided JSON" in free.out
    assert "→" in free.out


def test_a_pipe_that_closes_early_is_no_error(profiled: Path) -> None:
    for arguments in ("profile --all", "taxonomy show"):
        shell = f"set -o pipefail; '{COMMAND}' {arguments} | head -c 100 >/dev/null"
        said = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False, timeout=60)
        assert (said.returncode, said.stderr) == (0, "")


def test_a_glossary_makes_no_profile_anew(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert limner("ingest", SAMPLE).code == 0
    limner("run", "--limit", "3")
    own = tmp_path / "own.yaml"
    own.write_text('extends: starter\nglossary:\n  VIP: {en: [VIP], where: {spend: ">= 100"}}\n', "utf-8")
    monkeypatch.setenv("LIMNER_TAXONOMY", str(own))
    assert limner("run", "--limit", "3", "--json").json["users"]["unchanged"] == 3


@pytest.mark.parametrize(
    ("model", "who", "asked"),
    [
        ("qwen2.5-coder-1.5b", None, False),
        ("qwen2.5-coder-1.5b", "model", True),
        ("Qwen/Qwen2.5-32B-Instruct", None, True),
        ("Qwen/Qwen2.5-32B-Instruct", "code", False),
    ],
)
def test_a_packaged_model_leaves_names_and_words_to_code(
    tmp_path: Path, model: str, who: Literal["code", "model"] | None, asked: bool
) -> None:
    for setting, name in (("namer", "propose"), ("writer", "persona")):
        others = {"namer": "code", "writer": "code"}
        app = App(Settings.model_validate({"home": tmp_path, "model": model, **others, setting: who}))
        assert [prompt.name for prompt in app.of_a_run()] == ["listen", *[name] * asked]
        parts = app.parts(())
        assert ((parts.propose or parts.persona) is not None) is asked
