from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from limner.domain import Polarity
from limner.query import Everyone, Query
from store.database import Database
from store.events import EventStore
from store.population import PopulationStore
from store.profiles import ProfileStore
from store.runs import RunStore
from store.sets import MOST, counted, encoded
from tests.store.samples import done, draft, event, tag

TAGS = st.tuples(st.integers(1, MOST - 1), st.sampled_from([-1, 0, 1]))


@given(st.lists(TAGS, max_size=30))
def test_tags_are_counted_as_they_were_written(tags: list[tuple[int, Polarity]]) -> None:
    small = [(number % 50_000, polarity) for number, polarity in tags]
    assert counted("".join(encoded(*one) for one in small)) == Counter(small)


@given(TAGS)
def test_a_tag_is_four_characters_of_their_own(one: tuple[int, Polarity]) -> None:
    assert len(encoded(*one)) == 4
    assert encoded(*one) != encoded(one[0] - 1, one[1])


def ranked(database: Database) -> dict[tuple[str, int], int]:
    found = PopulationStore(database).answer(Query(want="top tags", where=Everyone(), most=1000))
    return {(one.key, one.polarity): one.users for one in found.tags}


@pytest.fixture
def run(database: Database) -> str:
    EventStore(database).add([event("e1", f"u{number}") for number in range(6)])
    return RunStore(database).start(config={}, users_total=6)


def save(store: ProfileStore, run: str, user: str, *keys: str, made_from: str = "d1:c1") -> None:
    tags = [tag(key, polarity=-1 if key.endswith("no") else 1) for key in keys]
    assert store.save(draft(run, user, [*tags, tag("genre/maybe", status="candidate")], digest=made_from), done(user))


def test_a_ranking_follows_what_is_served(database: Database, run: str) -> None:
    store = ProfileStore(database)
    for number in range(6):
        save(store, run, f"u{number}", "genre/noir", "music/no")
    assert ranked(database) == {("genre/noir", 1): 6, ("music/no", -1): 6}
    save(store, run, "u0", "genre/noir", made_from="d2:c1")
    assert ranked(database) == {("genre/noir", 1): 6, ("music/no", -1): 5}
    with database.connection() as connection:
        connection.execute(text("DELETE FROM users WHERE user_id = 'u1'"))
    assert ranked(database) == {("genre/noir", 1): 5}


def test_a_key_of_a_transaction_that_failed_is_numbered_again(
    database: Database, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ProfileStore(database)
    with monkeypatch.context() as broken, pytest.raises(RuntimeError):
        broken.setattr("store.tallies.replace", lambda *_: (_ for _ in ()).throw(RuntimeError))
        save(store, run, "u0", "genre/lost", "genre/noir")
    for number in range(6):
        save(store, run, f"u{number}", "genre/noir")
    assert ranked(database) == {("genre/noir", 1): 6}


def test_a_joint_transaction_that_failed_is_done_again_with_numbers_that_stay(database: Database, run: str) -> None:
    store, tries = ProfileStore(database), 0

    def fails() -> None:
        nonlocal tries
        tries += 1
        save(store, run, "u5", "genre/other")
        if tries == 1:
            raise RuntimeError

    jobs = [lambda number=number: save(store, run, f"u{number}", "genre/noir", "genre/war") for number in range(5)]
    assert database.at_once([*jobs, fails]) == [None] * 6
    assert ranked(database) == {("genre/noir", 1): 5, ("genre/war", 1): 5}


def test_two_processes_number_keys_alike(database: Database, run: str) -> None:
    stores = [ProfileStore(database), ProfileStore(database)]
    for number in range(6):
        save(stores[number % 2], run, f"u{number}", "genre/noir" if number % 2 else "genre/war", "genre/both")
    assert ranked(database) == {("genre/both", 1): 6}
    for number in range(6):
        save(stores[(number + 1) % 2], run, f"u{number}", "genre/noir", "genre/both", made_from="d2:c1")
    assert ranked(database) == {("genre/both", 1): 6, ("genre/noir", 1): 6}
