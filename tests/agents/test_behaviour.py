from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.behaviour import behaviours, lower_bound
from limner.domain import Event, History
from tests.agents.histories import HISTORIES, event, read

LONDON, SHANGHAI = ZoneInfo("UTC"), ZoneInfo("Asia/Shanghai")


def habits(events: list[Event], zone: ZoneInfo = LONDON) -> set[str]:
    return {found.key for found in behaviours(read(events), zone)}


def at(hour: int, minute: int = 30, days: int = 14) -> list[Event]:
    first = datetime(2024, 5, 1, tzinfo=UTC)
    return [event(day, "view", ts=first + timedelta(days=day, hours=hour, minutes=minute)) for day in range(days)]


def bought(n: int, **fields: Any) -> list[Event]:
    return [event(number, "purchase", value=20.0, **fields) for number in range(n)]


@given(st.integers(0, 200), st.integers(1, 200), st.floats(0.7, 0.99))
def test_the_lower_bound_of_a_share_lies_below_it(hits: int, more: int, confidence: float) -> None:
    total = hits + more
    assert 0 <= lower_bound(hits, total, confidence) <= hits / total


@given(st.integers(0, 100), st.integers(1, 100))
def test_the_lower_bound_grows_with_the_hits_and_shrinks_with_the_misses(hits: int, misses: int) -> None:
    bound = lower_bound(hits, hits + misses)
    assert lower_bound(hits + 1, hits + 1 + misses) > bound
    assert lower_bound(hits, hits + misses + 1) <= bound


@pytest.mark.parametrize(
    ("hits", "total", "bound"), [(0, 10, 0.0), (10, 10, 0.922), (5, 10, 0.371), (50, 100, 0.458)], ids=str
)
def test_the_lower_bound_is_that_of_jeffreys(hits: int, total: int, bound: float) -> None:
    assert lower_bound(hits, total) == pytest.approx(bound, abs=0.01)


def test_who_acts_at_night_is_a_night_owl() -> None:
    assert "behaviour/night-owl" in habits(at(23))
    assert "behaviour/night-owl" in habits(at(2))


def test_dates_without_a_time_never_make_a_night_owl() -> None:
    assert "behaviour/night-owl" not in habits(at(0, minute=0))
    assert "behaviour/early-bird" not in habits(at(0, minute=0), ZoneInfo("Asia/Karachi"))  # midnight UTC is 5 there


def test_hours_are_those_of_the_users_zone() -> None:
    assert habits(at(16), SHANGHAI) == {"behaviour/night-owl"}
    assert habits(at(16), LONDON) == set()
    assert "behaviour/early-bird" in habits(at(22), SHANGHAI)


def test_one_long_night_is_no_habit() -> None:
    night = datetime(2024, 5, 1, 23, 1, tzinfo=UTC)
    assert not habits([event(number, "view", ts=night + timedelta(minutes=number)) for number in range(59)])


def test_the_days_of_the_weekend_are_those_of_the_users_zone() -> None:
    friday = datetime(2024, 5, 3, 17, 30, tzinfo=UTC)
    weekly = [event(week, "view", ts=friday + timedelta(weeks=week)) for week in range(10)]
    assert "behaviour/weekend-active" in habits(weekly, SHANGHAI)
    assert not habits(weekly, LONDON)


def test_undated_events_prove_no_habit_of_time() -> None:
    assert not habits([event(number, "view", ts=None) for number in range(30)])


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"meta": {"coupon": True}}, "behaviour/coupon-user"),
        ({"meta": {"coupon_saved": 3}}, "behaviour/coupon-user"),
        ({"meta": {"discount": 0.3}}, "behaviour/price-sensitive"),
        ({"meta": {"saved": 10}}, "behaviour/price-sensitive"),
    ],
    ids=["coupon", "saved by a coupon", "share of discount", "amount saved"],
)
def test_purchases_show_how_somebody_spends(fields: dict[str, Any], key: str) -> None:
    assert key in habits(bought(12, **fields))
    assert key not in habits(bought(9, **fields))


@pytest.mark.parametrize("discount", [0.1, "much", None], ids=str)
def test_a_small_or_unreadable_discount_shows_nothing(discount: object) -> None:
    assert not habits(bought(12, meta={"discount": discount}))


def test_a_habit_cites_the_events_that_show_it() -> None:
    events = bought(12, meta={"coupon": True}) + bought(15)[12:]
    (found,) = behaviours(read(events), LONDON)
    assert [reading.at for reading in found.readings] == list(range(12))
    assert (found.hits, found.of, found.measure) == (12, 15, 0.8)


@pytest.mark.parametrize(
    ("stars", "key"),
    [([5, 5, 5, 4] * 4, "behaviour/generous-rater"), ([1, 2, 3, 2] * 4, "behaviour/harsh-rater"), ([3, 4] * 8, None)],
    ids=["generous", "harsh", "neither"],
)
def test_the_mean_of_ratings_tells_generous_from_harsh(stars: list[float], key: str | None) -> None:
    assert habits([event(number, value=star) for number, star in enumerate(stars)]) == ({key} if key else set())


@given(HISTORIES)
def test_a_proven_share_is_above_its_threshold(raw: History) -> None:
    for found in behaviours(read(list(raw.events)), SHANGHAI):
        if found.hits:
            assert found.threshold <= lower_bound(found.hits, found.of) <= found.measure <= 1
