from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from limner.domain import Change, Label, Override
from limner.errors import StoreError
from store.database import Database
from store.events import EventStore
from store.overrides import Held, OverrideStore, Revised
from store.profiles import ProfileStore
from store.runs import RunStore
from tests.store.samples import done, draft, event, persona, tag

ROUNDS = 15


def entry(key: str = "genre/noir", **fields: object) -> Override:
    facts: dict[str, object] = {"user_id": "u1", "action": "deny", "facet": "interest", "author": "anna", "why": "no"}
    facts |= {"label": Label(en="noir", zh="黑色"), "created_at": datetime(2000, 1, 1, tzinfo=UTC), "key": key}
    return Override.model_validate(facts | fields)


def without(held: Held) -> Revised:
    """Takes out what is denied, and all that was written."""
    denied = {one.key for one in held.ledger}
    tags = tuple(one for key, (_, one) in held.tags.items() if key not in denied)
    back = tuple(one for _, one in held.restored.values())
    return Revised(tags + back, tuple((key, "denied") for key in held.tags.keys() & denied), ())


@pytest.fixture
def overrides(database: Database) -> OverrideStore:
    events = EventStore(database)
    events.add([event("e1"), event("e2"), event("e1", "u2")])
    run = RunStore(database).start(config={}, users_total=2)
    for user in ("u1", "u2"):
        written = draft(run, user, tags=[tag(), tag("genre/war")], personas=(persona(),), vectors={"en": b"1234"})
        ProfileStore(database).save(written._replace(digest=f"{events.user_digest(user)}:c1"), done(user))
    return OverrideStore(database)


def test_an_entry_makes_a_revision_in_the_same_transaction(overrides: OverrideStore, database: Database) -> None:
    profiles = ProfileStore(database)
    before = profiles.current("u1")
    given = overrides.enter(entry(change=Change(en="x")), without)
    assert (given.revision, given.change.en) == (2, "x")
    assert given.created_at >= before.created_at, "its time is the ledger's, not the caller's"
    assert [one.key for one in profiles.current("u1").tags] == ["genre/war"]
    assert profiles.current("u1").run == before.run
    assert profiles.current("u1", as_of=before.created_at) == before
    assert profiles.timeline("u1", "genre/noir")[-1].reason == "denied"
    assert profiles.unembedded("toy")[1] == []
    assert overrides.ledger("u1") == (1, (given,))
    assert overrides.ledger("u2") == (0, ())
    assert [user for user, changed in RunStore(database).work("c1") if changed] == ["u1"]


def test_a_persona_that_stays_keeps_its_vector(overrides: OverrideStore, database: Database) -> None:
    overrides.enter(entry(), lambda held: without(held)._replace(personas=held.personas))
    assert ProfileStore(database).unembedded("toy")[1] == []
    other = (persona("Likes war films."),)
    overrides.enter(entry("genre/war"), lambda held: without(held)._replace(personas=other))
    assert ProfileStore(database).unembedded("toy")[1] == [("u1", 3, "en", "Likes war films.")]


def test_an_entry_that_changes_nothing_makes_no_revision_and_is_kept(overrides: OverrideStore) -> None:
    given = overrides.enter(entry("genre/none"), lambda held: without(held)._replace(personas=held.personas))
    assert given.revision is None
    assert overrides.every("u1") == [given]


def test_what_is_withdrawn_stays_in_the_ledger_and_gives_back_what_it_ended(
    overrides: OverrideStore, database: Database
) -> None:
    given = overrides.enter(entry(), without)
    taken = overrides.withdraw(given.id, author="ben", why="sorry", revise=without)
    assert (taken.withdrawn_by, taken.withdrawn_why, taken.withdrawn_revision) == ("ben", "sorry", 3)
    assert overrides.every() == [taken]
    assert overrides.ledger("u1") == (2, ())
    assert {one.key for one in ProfileStore(database).current("u1").tags} == {"genre/noir", "genre/war"}
    with pytest.raises(StoreError, match="was withdrawn by ben on"):
        overrides.withdraw(given.id, author="ben", why="", revise=without)
    with pytest.raises(StoreError, match="no override 99"):
        overrides.withdraw(99, author="ben", why="", revise=without)


def test_a_user_without_events_has_no_ledger(overrides: OverrideStore) -> None:
    with pytest.raises(StoreError, match=r"no events of ghost: `limner ingest`"):
        overrides.enter(entry(user_id="ghost"), without)
    with pytest.raises(StoreError, match=r"no events of ghost"):
        overrides.ledger("ghost")


def test_newer_is_what_happened_and_arrived_after_a_denial(overrides: OverrideStore, database: Database) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    EventStore(database).add([event("early", ts=soon)])
    given = overrides.enter(entry(), without)
    EventStore(database).add(
        [event("late"), event("undated", ts=None), event("new", ts=soon), event("x", "u2", ts=soon)]
    )
    assert overrides.newer(given) == {"new"}


def test_a_draft_from_before_a_correction_is_not_stored(overrides: OverrideStore, database: Database) -> None:
    profiles, run = ProfileStore(database), RunStore(database).start(config={}, users_total=1)
    overrides.enter(entry(), without)
    assert profiles.save(draft(run, tags=[tag()]), done()) is None
    assert profiles.current("u1").revision == 2
    assert RunStore(database).summary(run).users["done"] == 0
    assert profiles.save(draft(run, tags=[tag("genre/war")], corrections=1), done()) == 3
    overrides.enter(entry("genre/war"), without)
    assert profiles.save(draft(run, corrections=2), done()) == 5, "the same run reads a corrected user again"
    assert profiles.save(draft(run, corrections=2), done()) == 5, "and no other"


def test_a_correction_and_a_run_wait_for_each_other(
    overrides: OverrideStore, database: Database, database_url: str
) -> None:
    def correct() -> None:
        mine = Database(database_url)
        for number in range(ROUNDS):
            OverrideStore(mine).enter(entry(f"genre/g{number}"), without)
        mine.close()

    def profile() -> int:
        mine, stored = Database(database_url), 0
        while stored < ROUNDS:
            run = RunStore(mine).start(config={}, users_total=1)
            ledger = OverrideStore(mine).ledger("u1")
            denied = {one.key for one in ledger.entries}
            tags = [tag(f"genre/g{number}") for number in range(ROUNDS) if f"genre/g{number}" not in denied]
            made = draft(run, tags=[*tags, tag("genre/always")], corrections=ledger.changes)
            stored += ProfileStore(mine).save(made, done()) is not None
        mine.close()
        return stored

    with ThreadPoolExecutor() as pool:
        corrected, profiled = pool.submit(correct), pool.submit(profile)
        corrected.result()
        assert profiled.result() == ROUNDS
    assert [one.key for one in ProfileStore(database).current("u1").tags] == ["genre/always"]
