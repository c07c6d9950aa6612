from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from limner.domain import Outcome
from limner.errors import StoreError
from store import runs as runs_module
from store.database import Database
from store.events import EventStore
from store.profiles import ProfileStore
from store.runs import RunStore
from tests.store.samples import call, done, draft, event, events, tag

ROOT = Path(__file__).parents[2]


@pytest.fixture
def runs(database: Database) -> RunStore:
    EventStore(database).add(events(5, 2))
    return RunStore(database)


def failed(user_id: str, kind: str = "AnswerError") -> Outcome:
    return Outcome(user_id=user_id, state="failed", error_kind=kind, error="it was cut off\0", seconds=2)


def test_a_run_counts_its_users_tokens_and_failures(runs: RunStore, database: Database) -> None:
    run = runs.start(config={"model": "scripted"}, users_total=5)
    ProfileStore(database).save(draft(run, "u0000", [tag(cites=("e1",))]), done("u0000"))
    runs.unchanged(run, ["u0001", "u0002"])
    runs.unchanged(run, ["u0000"])
    runs.unchanged(run, [])
    runs.fail(run, failed("u0003"))
    runs.fail(run, failed("u0004", "ModelError"))
    runs.record(run, call(tokens_in=10, tokens_out=2))
    runs.record(run, call(tokens_in=5, tokens_out=1, attempt=2, outcome="bad_answer", answer=None))
    summary = runs.summary()
    assert summary.run == run
    assert summary.users == {"total": 5, "done": 1, "unchanged": 2, "failed": 2}
    assert (summary.tokens, summary.model_calls) == ({"in": 15, "out": 3}, 2)
    assert summary.failures == {"AnswerError": 1, "ModelError": 1}
    assert list(runs.settled(run)) == ["u0000", "u0001", "u0002"]
    assert runs.failed_users(run) == ["u0003", "u0004"]
    assert runs.dead_letters(run)[0] == failed("u0003").model_copy(update={"error": "it was cut off\ufffd"})
    assert runs.config(run) == {"model": "scripted"}


def test_a_run_is_running_until_it_is_finished(runs: RunStore) -> None:
    run = runs.start(config={}, users_total=0)
    assert runs.summary(run).state == "running"
    runs.finish(run, "stopped", "Ctrl-C: `limner run --resume` goes on.")
    summary = runs.summary(run)
    assert (summary.state, summary.note) == ("stopped", "Ctrl-C: `limner run --resume` goes on.")
    assert summary.seconds == runs.summary(run).seconds


def test_the_latest_run_can_be_asked_for_by_state(runs: RunStore) -> None:
    assert runs.latest() is None
    first, second = runs.start(config={}, users_total=0), runs.start(config={}, users_total=0)
    runs.finish(first, "done")
    assert runs.latest() == second
    assert runs.latest(("done",)) == first
    assert runs.latest(("failed",)) is None


def test_a_run_whose_process_died_shows_as_stopped_and_can_be_resumed(runs: RunStore, database_url: str) -> None:
    code = (
        "import sys; from store.database import Database; from store.runs import RunStore\n"
        "print(RunStore(Database(sys.argv[1])).start(config={}, users_total=3), flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, database_url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        run = process.stdout.readline().decode().strip()
        assert runs.summary(run).state == "running"
        process.kill()
        process.wait()
    stopped = runs.summary(run)
    assert stopped.state == "stopped"
    assert "--resume" in stopped.note
    assert runs.latest(("stopped",)) == run
    runs.resume(run)
    assert runs.summary(run).state == "running"


def test_time_between_the_stretches_of_a_run_does_not_count(runs: RunStore) -> None:
    run = runs.start(config={}, users_total=0)
    runs.finish(run, "stopped")
    before = runs.summary(run).seconds
    runs.resume(run)
    assert before <= runs.summary(run).seconds < before + 5


@pytest.mark.parametrize("ask", ["summary", "config", "resume"])
def test_a_run_that_is_not_there_is_said_so(runs: RunStore, ask: str) -> None:
    with pytest.raises(StoreError, match="no run 20200101"):
        getattr(runs, ask)("20200101-000000-0000")
    with pytest.raises(StoreError, match="no run yet"):
        runs.summary()


def test_an_answer_is_found_by_its_request(runs: RunStore) -> None:
    run = runs.start(config={}, users_total=0)
    runs.record(run, call(request_digest="r", answer='{"old": 1}'))
    runs.record(run, call(request_digest="r", answer='{"new": 1}'))
    runs.record(run, call(request_digest="r", outcome="bad_answer", answer=None))
    assert runs.answer("r") == '{"new": 1}'
    assert runs.answer("other") is None


def test_work_tells_who_changed_in_order(runs: RunStore, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "PAGE", 2)
    store = EventStore(database)
    run = runs.start(config={}, users_total=5)
    for user in ("u0001", "u0003"):
        made_from = f"{store.user_digest(user)}:c1"
        ProfileStore(database).save(draft(run, user, digest=made_from), done(user))
    changed = {"u0000": True, "u0001": False, "u0002": True, "u0003": False, "u0004": True}
    assert list(runs.work("c1")) == list(changed.items())
    assert all(flag for _, flag in runs.work("c2"))
    store.add([event("new", "u0003")])
    assert dict(runs.work("c1")) == changed | {"u0003": True}
    assert list(runs.work("c1", limit=3)) == list(changed.items())[:3]
    assert list(runs.work("c1", limit=0)) == []
    assert list(runs.work("c1", users=["u0004", "u0001", "u0004"])) == [("u0001", False), ("u0004", True)]


def test_work_for_a_user_without_events_is_refused(runs: RunStore) -> None:
    with pytest.raises(StoreError, match=r"no events of ghost: `limner ingest`"):
        list(runs.work("c1", users=["u0000", "ghost"]))


def test_pages_of_settled_users_join_up(runs: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "PAGE", 2)
    run = runs.start(config={}, users_total=5)
    runs.unchanged(run, [f"u{number:04}" for number in range(4)])
    assert list(runs.settled(run)) == [f"u{number:04}" for number in range(4)]


def test_a_kept_answer_is_that_of_the_same_model_with_all_that_it_cost(runs: RunStore) -> None:
    earlier, run = (runs.start(config={}, users_total=0) for _ in range(2))
    runs.record(earlier, call(request_digest="r", answer='{"old": 1}', tokens_in=7, tokens_out=7))
    runs.record(run, call(request_digest="r", outcome="bad_answer", answer=None, tokens_in=10, tokens_out=2))
    runs.record(run, call(request_digest="r", answer='{"new": 1}', tokens_in=15, tokens_out=3))
    model = call().model
    kept = runs.kept("r", model)
    assert kept is not None and (kept.answer, kept.outcome) == ('{"new": 1}', "kept")
    assert (kept.tokens_in, kept.tokens_out) == (25, 5)
    assert runs.kept("r", "another") is None and runs.kept("other", model) is None
    runs.record(run, call(request_digest="q", outcome="bad_answer", answer=None))
    assert runs.kept("q", model) is None, "what was never answered well is asked again"


def test_calls_of_a_run_are_counted_by_user_and_outcome(runs: RunStore) -> None:
    run = runs.start(config={}, users_total=0)
    runs.record(run, call(user_id="a", tokens_in=10, tokens_out=1))
    runs.record(run, call(user_id="a", outcome="kept", tokens_in=20, tokens_out=2))
    assert runs.asked(run) == {"a": (2, 30, 3)}
    assert runs.asked(run, "kept") == {"a": (1, 20, 2)}
    assert runs.spent(run) == {"a": (30, 3)}
