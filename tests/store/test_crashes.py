"""A process is killed while it writes; what it had committed is whole, and doing it all again adds nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import func, select

from limner.domain import Event
from store.database import Database
from store.events import EventStore
from store.profiles import ProfileStore
from store.runs import RunStore
from store.tables import AttributeCountRow, EventRow, RunItemRow, UserRow
from tests.store.samples import done, draft, event, persona, tag

ROOT = Path(__file__).parents[2]
KILLS = 4
UNITS = 4_000
TAGS, CITED, EVENTS = 5, 3, 40
WORK = """
import sys
from store.database import Database
from tests.store.test_crashes import work
work(Database(sys.argv[1]), sys.argv[2])
"""


def batch(unit: int) -> list[Event]:
    return [event(f"e{number}", f"u{unit}", item={"genres": ["Noir"]}) for number in range(EVENTS)]


def work(database: Database, run: str) -> None:
    """Unit after unit: a user's events, then their profile; each is told when it is committed."""
    events, profiles = EventStore(database), ProfileStore(database)
    for unit in range(UNITS):
        events.add(batch(unit))
        cites = [f"e{number}" for number in range(CITED)]
        tags = [tag(f"genre/g{number}", cites=cites) for number in range(TAGS)]
        user = f"u{unit}"
        made_from = f"{events.user_digest(user)}:c1"
        profiles.save(draft(run, user, tags, personas=(persona(),), digest=made_from), done(user))
        sys.stdout.write(f"{unit}\n")
        sys.stdout.flush()


def test_a_process_killed_while_it_writes_loses_and_doubles_nothing(database: Database, database_url: str) -> None:
    run = RunStore(database).start(config={}, users_total=UNITS)
    chance = random.Random(7)
    committed = -1
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", WORK, database_url, run], cwd=ROOT, stdout=subprocess.PIPE
        ) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            time.sleep(chance.uniform(0, 0.3))
            worker.kill()
            time.sleep(0.2)  # a server may still be at what it was told last
            told = [int(line) for line in worker.stdout.read().split(b"\n")[:-1]]
        committed = max([committed, *told])
        check(database, run, committed)
    assert committed > 0


def check(database: Database, run: str, committed: int) -> None:
    events, profiles = EventStore(database), ProfileStore(database)
    with database.reading() as connection:
        of_user = dict(connection.execute(select(EventRow.user_id, func.count()).group_by(EventRow.user_id)).all())
        counted = dict(connection.execute(select(UserRow.user_id, UserRow.events)).all())
        items = set(connection.scalars(select(RunItemRow.user_id).where(RunItemRow.run == run)))
        profiled = set(connection.scalars(select(UserRow.user_id).where(UserRow.profiled_digest.is_not(None))))
        noir = connection.scalar(select(AttributeCountRow.events).where(AttributeCountRow.value == "Noir"))
    assert of_user == counted
    assert set(of_user.values()) == {EVENTS}, "every batch is whole"
    assert noir == sum(counted.values()) == events.counts()["events"]
    saved = {profile.user_id: profile for profile in profiles.every()}
    assert saved.keys() == items == profiled
    assert {f"u{unit}" for unit in range(committed + 1)} <= saved.keys()
    for profile in saved.values():
        assert (profile.revision, len(profile.tags), len(profile.personas)) == (1, TAGS, 1)
        assert all(len(one.evidence) == CITED for one in profile.tags)
