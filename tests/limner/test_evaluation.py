"""`limner eval` as a person types it: run, killed, gone on with, scored again."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from agents.server import Server
from evals import tasks
from evals.runs import Runs
from evals.task import Dataset
from tests.faulty_server import Body, Fault, FaultyServer
from tests.limner.terminal import answer, apart, ended, limner

SUMMARY = {"mean", "low", "high", "n", "clusters", "unscored", "failed"}


def plainly(body: Body) -> str:
    """What a model says that is taken at its word."""
    if "Name 4 to 8 tags" not in str(body["messages"][0]["content"]):
        return answer(body)
    return json.dumps({"tags": [{"tag": "yachts", "polarity": "likes", "evidence": ["e1", "e40"]}]})


@pytest.fixture
def server() -> Any:
    with FaultyServer(plainly) as server:
        yield server


def lines(home: Path, run: str) -> list[str]:
    return (home / "evals" / run / "samples.jsonl").read_text("utf-8").splitlines()


def test_limner_over_the_bundled_people_end_to_end(home: Path) -> None:
    ran = limner("eval", "run", "sample", "--limit", "3", "--json")
    assert ran.code == 0, ran
    told = ran.json
    assert {"run", "task", "metrics", "seconds", "tokens"} <= told.keys()
    assert (told["task"], told["system"], told["state"]) == ("sample", "limner", "done")
    assert (told["samples"], told["finished"], told["failed"]) == (3, 3, {})
    assert told["tokens"]["in"] > 0 < told["tokens"]["out"]
    assert told["prompts"].keys() == {"listen.v1", "propose.v1"} and told["taxonomy"] and told["limner"]
    metrics = told["metrics"]
    assert all(found.keys() == SUMMARY for found in metrics.values())
    assert metrics["failing_evidence"]["mean"] == 0 < metrics["failing_evidence"]["n"]
    assert metrics["groundedness"]["mean"] == 1 and metrics["groundedness"]["n"] >= 3
    assert metrics["flips"]["mean"] == 0 < metrics["flips"]["n"]
    assert metrics["leaks"]["mean"] == 0
    assert metrics["evidence_precision"]["mean"] == 1
    assert metrics["tokens_a_tag"]["mean"] > 0 and metrics["seconds_a_tag"]["mean"] > 0
    assert metrics["polarity_recall"]["n"] > 0
    run = Runs(home).open(told["run"])
    before = run.scores()
    assert limner("eval", "rescore", told["run"], "--json").json["metrics"] == metrics
    assert run.scores() == before and len({score.cluster for score in before}) == 3
    listed = limner("eval", "list", "--json").json
    assert [one["run"] for one in listed["runs"]] == [told["run"]]
    assert limner("eval", "show", told["run"][:15], "--json").json == told
    shown = limner("eval", "show", told["run"]).words
    assert "3 of 3 samples" in shown and "polarity recall" in shown and told["run"] in limner("eval", "list").words


def test_baselines_answer_the_same_samples(home: Path) -> None:
    told = {
        name: limner("eval", "run", "sample", "--limit", "3", "--system", name, "--json")
        for name in ("plain", "counts")
    }
    runs = {name: Runs(home).open(said.json["run"]) for name, said in told.items()}
    assert {said.code for said in told.values()} == {0}
    assert runs["plain"].outputs().keys() == runs["counts"].outputs().keys()
    inputs = [{one.sample: one.input for one in run.outputs().values()} for run in runs.values()]
    assert inputs[0] == inputs[1]
    assert runs["counts"].header.model is None and told["counts"].json["tokens"] == {"in": 0, "out": 0}
    assert runs["plain"].header.prompts.keys() == {"plain.v1"}
    metrics = told["plain"].json["metrics"]
    assert metrics["evidence_precision"]["mean"] == 0 < metrics["evidence_precision"]["n"]
    assert metrics["failing_evidence"] == dict.fromkeys(("mean", "low", "high")) | {
        "n": 0, "clusters": 0, "unscored": 3, "failed": 0
    }  # fmt: skip
    assert metrics["tokens_a_tag"]["mean"] == sum(told["plain"].json["tokens"].values()) / 3


def test_a_sample_that_fails_is_kept_with_its_reason_and_the_rest_goes_on(home: Path, server: FaultyServer) -> None:
    server.choose(lambda body: Fault.PROSE if "greyhound" in str(body).casefold() else None)
    ran = limner("eval", "run", "sample", "--system", "plain", "--json")
    assert ran.code == 1
    assert ran.json["finished"] == 13 and "AnswerError" in ran.json["failed"]["nell"]
    assert ran.json["metrics"]["tags"]["n"] == 13 and ran.json["metrics"]["tags"]["failed"] == 1
    server.choose(lambda body: None)
    asked = len(server.chats)
    again = limner("eval", "run", "sample", "--system", "plain", "--resume", "--json")
    assert again.code == 0, again
    assert again.json["run"] == ran.json["run"] and again.json["finished"] == 14
    assert len(server.chats) == asked + 1
    assert limner("eval", "run", "sample", "--system", "plain", "--resume").code == 2, "nothing is unfinished"


def test_a_failed_user_of_limner_is_tried_again_alone(home: Path, server: FaultyServer) -> None:
    server.choose(lambda body: Fault.PROSE if "greyhound" in str(body).casefold() else None)
    ran = limner("eval", "run", "sample", "--json")
    assert ran.code == 1
    assert list(ran.json["failed"]) == ["nell"]
    server.choose(lambda body: None)
    asked = len(server.chats)
    again = limner("eval", "run", "sample", "--resume", "--json")
    assert again.code == 0, again
    assert again.json["finished"] == 14 and len(server.chats) - asked == 1


@pytest.mark.parametrize("system", ["limner", "plain"])
def test_what_was_answered_before_is_not_asked_again_and_costs_nothing(
    system: str, home: Path, server: FaultyServer
) -> None:
    first = limner("eval", "run", "sample", "--system", system, "--limit", "2", "--json").json
    asked = len(server.chats)
    assert asked > 0 and first["kept"] == {"answers": 0, "in": 0, "out": 0}
    again = limner("eval", "run", "sample", "--system", system, "--limit", "3", "--json").json
    news = len(server.chats) - asked
    assert 1 <= news <= 3, "only the third person is asked about"
    assert again["kept"] == {"answers": asked, **first["tokens"]}
    assert again["tokens"]["in"] > first["tokens"]["in"], "what the kept answers once cost still counts"
    third = limner("eval", "run", "sample", "--system", system, "--limit", "3", "--json").json
    assert len(server.chats) == asked + news
    assert third["kept"] == {"answers": asked + news, **again["tokens"]} and third["tokens"] == again["tokens"]
    still = {name: found for name, found in third["metrics"].items() if name != "seconds_a_tag"}
    assert still == {name: again["metrics"][name] for name in still}
    assert f"of which {asked + news} kept answers cost" in limner("eval", "show").words
    fresh = limner("eval", "run", "sample", "--system", system, "--limit", "2", "--fresh", "--json").json
    assert fresh["kept"]["answers"] == 0 and len(server.chats) == asked + news + asked


@pytest.mark.parametrize("system", ["limner", "plain"])
def test_after_a_kill_nothing_that_is_finished_is_asked_again(system: str, home: Path, server: FaultyServer) -> None:
    server.slow_seconds = 0.3
    server.always(Fault.SLOW)
    command = ("eval", "run", "sample", "--system", system)
    process = apart(*command, "--concurrency", "2")
    server.hear(9, seconds=120)
    process.send_signal(signal.SIGKILL)
    ended(process)
    (begun,) = Runs(home).every()
    assert begun.state == "running"
    if system == "plain":
        assert len(lines(home, begun.run)) >= 5
        with (home / "evals" / begun.run / "samples.jsonl").open("a") as file:
            file.write('{"sample":"torn')
    server.always(None)
    ran = limner(*command, "--resume", "--json")
    assert ran.code == 0, ran
    assert ran.json["run"] == begun.run and ran.json["finished"] == 14
    twice = len(server.chats) - len({json.dumps(chat, sort_keys=True) for chat in server.chats})
    assert twice <= 2, "no more than the two in flight were asked twice"
    if system == "plain":
        assert len(lines(home, begun.run)) == 14


def test_a_run_stops_when_the_model_is_gone_and_says_how_to_go_on(home: Path, server: FaultyServer) -> None:
    server.always(Fault.DENIED)
    ran = limner("eval", "run", "sample", "--system", "plain", "--json")
    assert ran.code == 1
    assert ran.json["state"] == "stopped" and "--resume" in ran.json["note"] and "LIMNER_MODEL_KEY" in ran.json["note"]
    assert ran.json["finished"] == 0 and ran.json["failed"] == {}
    server.always(None)
    assert limner("eval", "run", "sample", "--system", "plain", "--resume", "--json").json["finished"] == 14


def test_a_run_that_was_begun_under_another_model_is_not_gone_on_with(
    home: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.always(Fault.DENIED)
    limner("eval", "run", "sample", "--system", "plain")
    monkeypatch.setenv("LIMNER_MODEL", "another")
    said = limner("eval", "run", "sample", "--system", "plain", "--resume")
    assert said.code == 2 and "begun with other model: begin a new one" in said.words


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("run", "movielans"), "Did you mean movielens?"),
        (("run", "sample", "--system", "oracle"), "it has limner, plain, counts"),
        (("run", "sample", "--resume", "--limit", "3"), "stands without --limit"),
        (("run", "sample", "--resume"), "without --resume a new one begins"),
        (("show", "20260101"), "`limner eval list` shows those there are"),
    ],
    ids=["unknown task", "unknown system", "resume with a limit", "nothing to resume", "unknown run"],
)
def test_wrong_use_is_told_with_what_to_do(arguments: tuple[str, ...], hint: str, home: Path) -> None:
    said = limner("eval", *arguments)
    assert said.code == 2 and hint in said.words


def test_a_task_whose_data_is_absent_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Dataset("movielens", (home / "nowhere" / "events.jsonl",), tasks.ratings.read)
    monkeypatch.setitem(tasks.TASKS, "movielens", tasks.TASKS["movielens"]._replace(dataset=gone))  # type: ignore[arg-type]
    said = limner("eval", "run", "movielens")
    assert said.code == 2 and "is not there: this data set is not part of limner" in said.words
    listed = {one["task"]: one["absent"] for one in limner("eval", "list", "--json").json["tasks"]}
    assert "is not there" in listed["movielens"] and listed["sample"] is None
    assert not (home / "evals").exists()


@pytest.mark.vllm
@pytest.mark.timeout(1800)
def test_the_plain_prompt_is_answered_by_a_real_model(
    vllm_server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_MODEL_URL", vllm_server.url)
    monkeypatch.setenv("LIMNER_MODEL", vllm_server.name)
    told = limner("eval", "run", "sample", "--system", "plain", "--limit", "2", "--json").json
    assert told["finished"] + len(told["failed"]) == 2
    assert all("AnswerError" in reason for reason in told["failed"].values())
    assert told["tokens"]["in"] > 0 < told["tokens"]["out"]
