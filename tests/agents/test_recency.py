"""How lately a user was there, as of the moment it is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.recency import recency, silence
from store.database import Database
from store.events import Activity, EventStore
from tests.agents.histories import NOON, event


def activity(*days: int) -> Activity:
    """Of somebody who was there on these days."""
    first, last = NOON + timedelta(days=days[0]), NOON + timedelta(days=days[-1])
    return Activity(len(days), first, last, len(days), "last")


@pytest.mark.parametrize(
    ("days", "asked", "state"),
    [
        ([0], 0, "new"),
        ([0, 10], 30, "new"),
        ([0, 200], 230, "active"),
        ([0, 9, 18, 27, 36, 45, 54, 63, 72, 81, 90], 300, "lapsed"),
        ([0, 200, 400, 600], 700, "away"),
        ([0], 400, "away"),
    ],
)
def test_a_silence_is_read_by_how_the_user_used_to_come(days: list[int], asked: int, state: str) -> None:
    tag = recency(activity(*days), NOON + timedelta(days=asked))
    assert (tag.key, tag.measure) == (f"recency/{state}", asked - days[-1])
    assert [cited.event_id for cited in tag.evidence] == ["last"]


def test_the_reason_gives_the_numbers() -> None:
    tag = recency(activity(*range(0, 91, 9)), NOON + timedelta(days=300))
    assert tag.reason == (
        "last event 210 days before 2025-02-25, first 300; usually every 9.0 days, over 11 days with events"
    )


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(0, 2000), st.integers(1, 2000))
def test_a_longer_silence_is_rarer_and_rarer_still_of_who_came_more_often(
    gaps: list[int], away: int, more: int
) -> None:
    days = [0]
    for gap in gaps:
        days.append(days[-1] + gap)
    seen, asked = activity(*days), NOON + timedelta(days=days[-1] + away)
    rare = silence(seen, asked)
    assert 0 < rare <= 1
    assert silence(seen, asked + timedelta(days=more)) <= rare
    assert silence(seen._replace(days=seen.days + 5), asked) <= rare


def test_the_store_tells_when_somebody_was_there_up_to_a_moment() -> None:
    store = EventStore(Database("sqlite://"))
    store.add([event(1, "message"), event(2, "message"), event(40, "message"), event(3, "message", ts=None)])
    store.add([event(1, "message", "other")])
    seen = store.activity("u1", event(40).ts or NOON)
    assert seen == Activity(3, event(1).ts, event(40).ts, 2, "e40")
    before = store.activity("u1", event(39).ts or NOON)
    assert before is not None
    assert (before.events, before.last_event) == (2, "e2")
    assert store.activity("u1", NOON) is None
    assert store.activity("nobody", NOON) is None
