from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.clean import BURST_LIMIT, BURST_WINDOW, clean
from limner.domain import Event, History
from tests.agents.histories import HISTORIES, NOON, event, history


def test_what_somebody_else_said_is_left_out() -> None:
    theirs = event(1, "message", text="I have a cat", meta={"speaker_is_user": False})
    mine = event(2, "message", text="I have a dog", meta={"speaker_is_user": True})
    cleaned = clean(history([theirs, mine]))
    assert cleaned.history.events == (mine,)
    assert cleaned.by_others == 1


def test_the_same_act_at_the_same_time_counts_once() -> None:
    twice = [event(number, item_id="i", value=4, ts=NOON) for number in (1, 2)]
    assert clean(history(twice)).history.events == (twice[0],)
    assert clean(history(twice)).repeats == 1


def test_undated_events_are_never_taken_for_repeats() -> None:
    undated = [event(number, "view", item_id="i", ts=None) for number in range(10)]
    assert len(clean(history(undated)).history.events) == 10


def test_a_burst_of_one_act_counts_up_to_its_limit() -> None:
    clicks = [event(number, "view", item_id="i", ts=NOON + timedelta(seconds=number)) for number in range(30)]
    cleaned = clean(history(clicks))
    assert (len(cleaned.history.events), cleaned.bursts) == (BURST_LIMIT, 30 - BURST_LIMIT)


def test_the_same_act_once_a_day_is_no_burst() -> None:
    plays = [event(number, "play", item_id="i", ts=NOON + timedelta(days=number)) for number in range(30)]
    assert len(clean(history(plays)).history.events) == 30


def test_many_acts_on_different_things_are_no_burst() -> None:
    views = [event(number, "view", item_id=f"i{number}", ts=NOON + timedelta(seconds=number)) for number in range(30)]
    assert clean(history(views)).bursts == 0


@given(st.lists(st.tuples(st.integers(0, 25), st.sampled_from("ab"), st.sampled_from([None, 1.0])), max_size=60))
def test_repeats_and_bursts_are_those_that_looking_back_over_all_events_finds(acts: list[tuple[int, str, Any]]) -> None:
    at, raw = NOON, list[Event]()
    for number, (gap, item, value) in enumerate(acts):
        at += timedelta(seconds=gap)
        raw.append(event(number, "view", item_id=item, value=value, ts=at))
    once = [one for at, one in enumerate(raw) if not any(_same(one, earlier) for earlier in raw[:at])]
    alone = [
        one
        for at, one in enumerate(once)
        if sum(one.item_id == other.item_id and one.ts - other.ts <= BURST_WINDOW for other in once[: at + 1])  # type: ignore[operator]
        <= BURST_LIMIT
    ]
    cleaned = clean(history(raw))
    assert list(cleaned.history.events) == alone
    assert (cleaned.repeats, cleaned.bursts) == (len(raw) - len(once), len(once) - len(alone))


def _same(one: Event, other: Event) -> bool:
    return (one.item_id, one.value, one.ts) == (other.item_id, other.value, other.ts)


def test_text_is_composed_and_free_of_control_characters() -> None:
    decomposed = unicodedata.normalize("NFD", "café")
    cleaned = clean(history([event(1, "post", text=f"\x00{decomposed}\u200b\x1b[31m好\ufeff")]))
    assert cleaned.history.events[0].text == "café [31m好"


@given(HISTORIES)
def test_cleaning_keeps_the_order_and_counts_all_it_leaves_out(raw: History) -> None:
    cleaned = clean(raw)
    kept = [one.event_id for one in cleaned.history.events]
    ids = iter(one.event_id for one in raw.events)
    assert all(one in ids for one in kept)
    assert len(kept) + cleaned.repeats + cleaned.bursts + cleaned.by_others == len(raw.events)


@given(HISTORIES)
def test_cleaning_twice_changes_no_text(raw: History) -> None:
    once = clean(raw).history
    assert [one.text for one in clean(once).history.events[: len(once.events)]] == [one.text for one in once.events]
