from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event as listener
from sqlalchemy import text

from limner.domain import Event
from limner.errors import StoreError
from store.database import Database
from store.events import EventStore
from tests.store.samples import NOON, event, events

letters = st.characters(codec="utf-8", exclude_characters="\0")
words, names = st.text(letters, max_size=30), st.text(letters, min_size=1, max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
moments = st.datetimes(
    datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))])
)
any_event = st.builds(
    Event,
    event_id=names,
    user_id=st.sampled_from(["a", "用户", "Z"]),
    ts=st.none() | moments,
    source=names,
    kind=names,
    text=words,
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    item_id=st.none() | names,
    item=st.dictionaries(words, plain, max_size=3),
    meta=st.dictionaries(words, plain, max_size=3),
)


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore(database)


@given(st.lists(any_event, unique_by=lambda one: (one.user_id, one.event_id), max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_goes_in_comes_out(store: EventStore, drawn: list[Event]) -> None:
    fresh = uuid4().hex
    batch = [one.model_copy(update={"user_id": f"{one.user_id} {fresh}"}) for one in drawn]
    assert store.add(batch).accepted == len(batch)
    assert store.add(batch).duplicates == len(batch)
    for user in {one.user_id for one in batch}:
        given_in = {one.event_id: one for one in batch if one.user_id == user}
        history = store.history(user).events
        assert {one.event_id: one for one in history} == given_in == store.some(user, [*given_in, "absent"])
        assert len(history) == len(given_in)


def test_a_history_is_oldest_first_and_undated_events_come_before_in_order_of_arrival(store: EventStore) -> None:
    store.add([event("late", ts=NOON), event("undated 1", ts=None), event("early", ts=NOON - timedelta(days=1))])
    store.add([event("undated 2", ts=None), event("late too", ts=NOON)])
    ids = [one.event_id for one in store.history("u1").events]
    assert ids == ["undated 1", "undated 2", "early", "late", "late too"]


def test_a_history_of_several_pages_is_whole_and_in_order(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.events.PAGE", 3)
    store.add([event(f"e{hour}", ts=NOON + timedelta(hours=hour)) for hour in reversed(range(10))])
    history = store.history("u1").events
    assert [one.event_id for one in history] == [f"e{hour}" for hour in range(10)]
    assert history == tuple(store.each("u1"))


def test_a_changed_copy_of_a_stored_event_leaves_the_others_as_they_are(store: EventStore) -> None:
    store.add([event("e1", text="old"), event("e2", text="old")])
    one, other = store.history("u1").events
    changed = one.model_copy(update={"text": "new"})
    assert (changed.text, one.text, other.text) == ("new", "old", "old")
    assert changed.model_dump() == one.model_dump() | {"text": "new"}


def test_times_are_utc_whatever_zone_they_came_in(store: EventStore) -> None:
    store.add([event(ts=datetime(2024, 5, 1, 20, tzinfo=timezone(timedelta(hours=8))))])
    [stored] = store.history("u1").events
    assert stored.ts == NOON
    assert stored.ts.utcoffset() == timedelta(0)
    assert store.add([event(ts=NOON)]).duplicates == 1


def test_the_same_event_counts_once_within_a_batch_and_across_batches(store: EventStore) -> None:
    assert store.add([event(), event()]).model_dump() == {"accepted": 1, "duplicates": 1, "conflicts": ()}
    assert store.add([event(), event("e2")]).model_dump() == {"accepted": 1, "duplicates": 1, "conflicts": ()}
    assert store.counts() == {"users": 1, "events": 2}


def test_the_same_id_with_other_content_is_a_conflict_and_the_older_one_stays(store: EventStore) -> None:
    store.add([event(value=5)])
    assert store.add([event(value=1), event(value=5)]).conflicts == ("u1\te1",)
    assert store.add([event("e2", value=2), event("e2", value=3)]).conflicts == ("u1\te2",)
    assert {one.event_id: one.value for one in store.history("u1").events} == {"e1": 5, "e2": 2}


def test_batches_of_every_size_are_the_same_few_statements(database: Database) -> None:
    """The driver keeps each statement it has seen: one for every length of a list would fill the memory."""
    store, seen = EventStore(database), list[set[str]]()
    listener.listen(database._engine, "before_cursor_execute", lambda *args: seen[-1].add(args[2]))
    for size in (1, 7, 60):
        seen.append(set())
        store.add([event(user_id=f"u{n}") for n in range(size)])
        store.some("u1", [f"e{n}" for n in range(size)])
    assert seen[0] == seen[1] == seen[2]


def test_two_users_may_use_the_same_event_id(store: EventStore) -> None:
    assert store.add([event(user_id="a", value=1), event(user_id="b", value=2)]).accepted == 2


def test_the_digest_of_a_user_does_not_depend_on_order_or_batches(tmp_path: Path) -> None:
    batch = events(3, 40)
    digests = set()
    for seed in range(3):
        random.Random(seed).shuffle(batch)
        database = Database(f"sqlite:///{tmp_path}/{seed}.db")
        store = EventStore(database)
        for start in range(0, len(batch), 7 + seed):
            store.add(batch[start : start + 7 + seed])
        digests.add(tuple(store.user_digest(user) for user in store.users()))
        database.close()
    assert len(digests) == 1
    assert len(set(digests.pop())) == 3, "and users differ"


def test_a_new_event_changes_the_digest_and_an_old_one_does_not(store: EventStore) -> None:
    nothing = store.user_digest("u1")
    store.add([event()])
    before = store.user_digest("u1")
    store.add([event()])
    assert store.user_digest("u1") == before != nothing
    store.add([event("e2")])
    assert store.user_digest("u1") != before


def test_users_come_sorted_by_code_point_from_any_point_on(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.events.PAGE", 2)
    people = ["a", "B", "é", "用户", "10", "9", "😀"]
    store.add([event(user_id=one) for one in people])
    assert list(store.users()) == sorted(people)
    assert list(store.users(after="B")) == [one for one in sorted(people) if one > "B"]


def test_the_baseline_counts_events_of_the_population_by_attribute(store: EventStore) -> None:
    noir: dict[str, Any] = {
        "title": "M",
        "genres": ["Noir", "Crime", "Noir"],
        "brand": "UFA",
        "price": 3,
        "tags": ["x" * 81, ""],
    }
    store.add([event(item=noir), event("e2", item={"genres": ["Crime"]}), event("e3")])
    store.add([event(item=noir), event("e1", item={"genres": ["Other"]})])
    expected = {("", ""): 3, ("genres", "Crime"): 2, ("brand", "UFA"): 1, ("genres", "Noir"): 1}
    assert dict(store.baseline()) == expected
    assert list(store.baseline(2)) == [("", ""), ("genres", "Crime")]


def test_the_lines_of_a_basket_count_as_the_event_they_are_of(store: EventStore) -> None:
    lines = [{"category": "Tea", "brand": "UFA"}, {"category": "Tea", "price": 3}]
    store.add([event(item={"genres": ["Noir"], "lines": lines})])
    assert dict(store.baseline()) == {("", ""): 1, ("genres", "Noir"): 1, ("category", "Tea"): 1, ("brand", "UFA"): 1}


def test_the_newest_event_of_all_is_known(store: EventStore) -> None:
    assert store.newest() is None
    store.add([event(ts=NOON), event("e2", ts=None), event("e3", user_id="u2", ts=NOON - timedelta(days=9))])
    assert store.newest() == NOON


def test_an_event_with_very_many_values_counts_for_sixty(store: EventStore) -> None:
    store.add([event(item={"tags": [f"t{number}" for number in range(100)]})])
    assert len(store.baseline()) == 61


def test_first_and_last_times_of_a_user_are_kept(store: EventStore, database: Database) -> None:
    store.add([event(ts=NOON), event("e2", ts=None)])
    store.add([event("e3", ts=NOON - timedelta(days=9)), event("e4", ts=NOON + timedelta(days=9))])
    with database.reading() as connection:
        row = connection.execute(text("SELECT events, first_ts, last_ts FROM users")).one()
    assert row.events == 4
    assert [str(row.first_ts)[:10], str(row.last_ts)[:10]] == ["2024-04-22", "2024-05-10"]


def test_nul_characters_are_kept_in_text_and_refused_in_ids_where_the_database_cannot(
    store: EventStore, database: Database
) -> None:
    store.add([event(text="a\0b", item={"title": "c\0d"})])
    assert store.history("u1").events[0].text == "a\0b"
    if database.dialect == "postgresql":
        with pytest.raises(StoreError, match="NUL"):
            store.add([event("e\0")])
        assert store.counts()["events"] == 1


@pytest.mark.parametrize(
    "item", [{"n": 2**70}, {"when": object()}, {"text": "\ud800"}], ids=["huge", "object", "surrogate"]
)
def test_what_json_cannot_say_is_refused_by_name(store: EventStore, item: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="Event e2 of user u1"):
        store.add([event("e1"), event("e2", item=item)])
    assert store.counts()["events"] == 0


def test_a_text_of_five_megabytes_is_kept_whole(store: EventStore) -> None:
    long = "长" * 1_700_000
    store.add([event(text=long)])
    assert store.history("u1").events[0].text == long


def test_a_large_batch_over_many_users_adds_up(store: EventStore) -> None:
    batch = events(6_000, 2)
    assert store.add(batch).accepted == 12_000
    assert store.add([*batch, event("new", "u0000")]).model_dump() == {
        "accepted": 1,
        "duplicates": 12_000,
        "conflicts": (),
    }
    assert store.counts() == {"users": 6_000, "events": 12_001}
    assert Counter(store.users()).total() == 6_000
