from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from agents.measures import Measure, measures
from limner.domain import Event, History
from tests.agents.histories import HISTORIES, event

MONDAY = datetime(2024, 1, 1, 15, 30, tzinfo=UTC)
WEEK, DAY = timedelta(weeks=1), timedelta(days=1)


def measured(events: Sequence[Event], newest: datetime | None = None) -> dict[str, Measure]:
    return measures(events, [one.ts for one in events], newest)


def bought(n: int, apart: timedelta = WEEK, first: datetime = MONDAY, **fields: Any) -> list[Event]:
    given = {"value": 20.0} | fields
    return [event(number, "purchase", ts=first + number * apart, **given) for number in range(n)]


def values(events: Sequence[Event], newest: datetime | None = None) -> dict[str, float]:
    return {name: round(measure.value, 3) for name, measure in measured(events, newest).items()}


def test_amounts_and_rates_are_over_the_weeks_since_the_first_purchase() -> None:
    found = values(bought(11))
    assert (found["paid a week/"], found["paid a basket/"], found["trips a week"]) == (22.0, 20.0, 1.1)
    later = values(bought(11), newest=MONDAY + 20 * WEEK)
    assert (later["paid a week/"], later["trips a week"]) == (11.0, 0.55)


def test_a_first_busy_week_is_no_rate_yet() -> None:
    assert values(bought(12, DAY))["trips a week"] == 3.0


def test_one_long_day_of_purchases_is_no_habit() -> None:
    assert not any(
        "trips" in name for name in values(bought(40, DAY / 80)) if name not in {"coupon trips", "discounted trips"}
    )


def test_too_few_purchases_measure_nothing() -> None:
    assert values(bought(9)) == {}


def test_purchases_of_one_order_or_one_moment_are_one_trip() -> None:
    orders = [one.model_copy(update={"meta": {"order_id": place // 2}}) for place, one in enumerate(bought(22))]
    moments = [*bought(11), *bought(11)]
    for lines in (orders, moments):
        found = measured(lines)
        assert found["paid a basket/"].value == 40
        assert found["trips a week"].of == 11
        assert len(found["trips a week"].high) == 22


def test_amounts_of_two_currencies_are_never_added() -> None:
    found = values([*bought(11, meta={"currency": "CNY"}), *bought(3, value=900.0, meta={"currency": "USD"})])
    assert found["paid a basket/CNY"] == 20
    assert not any(name.endswith("USD") for name in found)


def test_times_of_day_and_of_the_week_are_shares_of_purchases() -> None:
    saturday_evening = bought(10, first=MONDAY + 5 * DAY + timedelta(hours=4))
    found = values([*saturday_evening, *bought(5)])
    assert (found["weekend trips"], found["evening trips"], found["morning trips"]) == (0.667, 0.667, 0)


def test_dates_without_a_time_tell_no_time_of_day() -> None:
    dates = bought(12, first=MONDAY.replace(hour=0, minute=0))
    eight_there = [one.ts.astimezone(ZoneInfo("Asia/Shanghai")) for one in dates if one.ts]
    found = {name: measure.value for name, measure in measures(dates, eight_there, None).items()}
    assert "morning trips" not in found
    assert found["weekend trips"] == 0


def test_savings_and_own_brands_are_shares_of_what_was_paid() -> None:
    cheap = bought(5, value=10.0, meta={"saved": 10}, item={"own_brand": True})
    found = measured([*cheap, *bought(10, value=30.0, item={"own_brand": False})[5:]])
    assert found["discount"].value == pytest.approx(50 / 250)
    assert found["own brand"].value == pytest.approx(50 / 200)
    assert (len(found["own brand"].high), len(found["own brand"].low)) == (5, 5)


def test_what_is_not_told_is_not_measured() -> None:
    assert "own brand" not in values(bought(12))
    assert "paid a week/" not in values([event(number, "purchase", ts=None, value=2.0) for number in range(12)])
    assert "paid a basket/" not in values(bought(12, value=None))


def test_brand_loyalty_is_over_repeat_purchases_in_a_category() -> None:
    brands = ["Tarrow"] * 8 + ["Vell"] * 4
    shoes = [
        event(number, "purchase", value=9.0, item={"brand": brand, "categories": ["Shoes"]})
        for number, brand in enumerate(brands)
    ]
    assert values(shoes)["same brand"] == round(10 / 11, 3)


def test_days_of_use_leave_shopping_out() -> None:
    assert values([event(number, "view", ts=MONDAY + number * WEEK) for number in range(11)])["days a week"] == 1.1
    assert "days a week" not in values(bought(20))


def test_dwell_is_the_median_and_clicks_are_of_what_was_shown() -> None:
    seconds = [event(number, "view", meta={"dwell_seconds": number}) for number in range(11)]
    assert values(seconds)["dwell"] == 5
    shown = [event(number, "impression", item_id=f"i{number}") for number in range(10)]
    marked = [one.model_copy(update={"meta": {"clicked": one.event_id == "e4"}}) for one in shown]
    clicks = [event(20 + number, "click", item_id=f"i{number}") for number in range(3)]
    assert values(marked)["clicks"] == 0.1
    assert values([*shown, *clicks])["clicks"] == 0.3


def test_ties_are_friends_and_follows_that_last() -> None:
    tied = [event(number, "friend" if number % 2 else "follow", item_id=f"u{number}") for number in range(12)]
    left = [event(20, "unfriend", item_id="u1"), event(21, "follow", item_id="u2")]
    assert values([*tied, *left])["ties"] == 11


@given(HISTORIES)
def test_a_measure_of_any_history_is_a_number_with_events_of_it(raw: History) -> None:
    for measure in measured(raw.events).values():
        assert math.isfinite(measure.value)
        assert measure.of >= 10
        assert {*measure.high, *measure.low} <= set(range(len(raw.events)))
