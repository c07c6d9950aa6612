from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from evals import crash
from store.database import Database
from store.events import EventStore
from store.profiles import ProfileStore
from store.runs import RunStore
from tests.store.samples import done, draft, event, tag

ROW = (("user_id", "u1"), ("state", "done"))
OTHER = (("user_id", "u2"), ("state", "done"))
FIRST, SECOND = (("user_id", "u1"), ("revision", 1)), (("user_id", "u1"), ("revision", 2))


def rows(*items: crash.Row, profiles: tuple[crash.Row, ...] = ()) -> crash.Rows:
    return {"run_items": Counter(items), "profiles": Counter(profiles)}


def untold(done: int, total: int) -> None:
    pass


def test_equal_databases_have_no_difference() -> None:
    assert crash.compared(rows(ROW, OTHER), rows(OTHER, ROW)) == (0, 0, 0)


def test_a_user_who_is_gone_is_lost() -> None:
    assert crash.compared(rows(ROW, OTHER), rows(ROW)) == (1, 0, 1)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(rows(ROW, ROW, profiles=(FIRST,)), id="entered twice"),
        pytest.param(rows(ROW, profiles=(FIRST, SECOND)), id="two revisions"),
    ],
)
def test_a_user_who_is_stored_twice_is_told(found: crash.Rows) -> None:
    _, twice, different = crash.compared(rows(ROW, profiles=(FIRST,)), found)
    assert (twice, different) == (1, 1)


@pytest.mark.slow
def test_a_killed_run_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    tally = crash.killed_runs(tmp_path, 30, 5, seed=1, told=untold)
    assert tally.kills == tally.before + tally.during + tally.after == 5
    assert tally.holds, tally


@pytest.mark.slow
def test_a_killed_ingest_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    tally = crash.killed_ingests(tmp_path, 30_000, 3, seed=1, told=untold)
    assert tally.kills == 3
    assert tally.holds, tally


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one user, profiled."""
    with closing(Database(f"sqlite:///{tmp_path / 'limner.db'}")) as database:
        EventStore(database).add([event()])
        run = RunStore(database).start(config={}, users_total=1)
        ProfileStore(database).save(draft(run, tags=[tag()]), done())
    return tmp_path


@pytest.mark.parametrize(
    ("harm", "outcome"),
    [
        pytest.param("UPDATE tags SET recorded_at = '2001-01-01 00:00:00'", (0, 0, 0), id="another time"),
        pytest.param("DELETE FROM tags", (0, 0, 1), id="a tag is gone"),
        pytest.param("UPDATE tag_evidence SET cited = '[]'", (0, 0, 2), id="evidence is gone"),
        pytest.param("UPDATE personas SET writer = 'nobody'", (0, 0, 2), id="another persona"),
        pytest.param("DELETE FROM run_items", (1, 0, 1), id="a user is gone"),
    ],
)
def test_damage_does_not_pass_for_equal(harm: str, outcome: tuple[int, int, int], home: Path) -> None:
    wanted = crash.rows(home, crash.PROFILES)
    with closing(sqlite3.connect(home / "limner.db")) as connection, connection:
        connection.execute(harm)
    assert crash.compared(wanted, crash.rows(home, crash.PROFILES)) == outcome
