from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import attribute, calibrate, merge
from agents import population as populations
from agents.behaviour import Behaviour, behaviours
from agents.population import NOBODY, Population, population, probability, recorded, scale
from limner.domain import Event
from store.database import Database
from store.events import EventStore
from tests.agents.histories import NOON, TAXONOMY, event, read

LONDON = ZoneInfo("UTC")
VALUES = st.lists(st.floats(0, 1e6), min_size=30, max_size=200)


def shopper(user: str, price: float = 20.0, saved: float = 0.0, own: bool = False, times: int = 12) -> list[Event]:
    """One purchase a week."""
    return [
        event(number, "purchase", user, value=price, ts=NOON + timedelta(weeks=number), item={"own_brand": own},
              meta={"saved": saved})
        for number in range(times)
    ]  # fmt: skip


def store(users: Iterable[list[Event]]) -> EventStore:
    found = EventStore(Database("sqlite://"))
    found.add([one for events in users for one in events])
    return found


def found(events: list[Event], others: Population) -> dict[str, Behaviour]:
    return {behaviour.key: behaviour for behaviour in behaviours(read(events), LONDON, others)}


SHOPPERS = [shopper(f"u{n:02}", 10.0 + n, saved=(n * 7 % 40) / 4, own=n % 2 == 0) for n in range(40)]


@pytest.fixture(scope="module")
def others() -> Population:
    return population(store(SHOPPERS), LONDON, NOBODY, taxonomy=TAXONOMY)


@given(VALUES, st.floats(-1, 2e6))
def test_the_share_below_and_the_share_above_leave_no_more_than_the_equals(values: list[float], value: float) -> None:
    known = scale(values)
    assert 0 <= known.below(value) <= 1 - known.above(value) + 1e-9 <= 1 + 1e-9


@given(VALUES, st.floats(0, 1e6), st.floats(0, 1e6))
def test_who_has_more_has_more_below(values: list[float], one: float, other: float) -> None:
    known = scale(values)
    low, high = sorted((one, other))
    assert known.below(low) <= known.below(high) + 1e-9
    assert known.above(low) >= known.above(high) - 1e-9


@given(VALUES)
def test_a_scale_finds_the_quarters_of_its_values(values: list[float]) -> None:
    known = scale(values)
    assert known.median == pytest.approx(np.median(values))
    above = known.steps[-1]
    assert known.below(above + 1) == 1
    assert known.above(known.steps[0] - 1) == 1


def test_the_more_users_the_surer_a_place() -> None:
    assert probability(0.75, 0.75, 100) == 0.5
    assert 0.5 < probability(0.8, 0.75, 30) < probability(0.8, 0.75, 3_000) <= 1


def test_a_recorded_population_comes_back_as_it_was(others: Population) -> None:
    assert recorded({"population": others.model_dump(mode="json")}) == others
    assert recorded({}) == NOBODY
    assert recorded({"population": others.model_dump(mode="json") | {"version": 0, "stranger": 1}}) == NOBODY


def test_more_users_than_are_read_are_drawn_the_same_way_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(populations, "MOST_USERS", 32)
    drawn = [population(store(users), LONDON, NOBODY, taxonomy=TAXONOMY) for users in (SHOPPERS, SHOPPERS[::-1])]
    assert drawn[0] == drawn[1]
    assert drawn[0].users == 40
    assert drawn[0].scales["discount"].users == 32


def test_another_zone_is_another_population(others: Population) -> None:
    counts = {"users": others.users, "events": others.events}
    assert others.still_holds(LONDON, **counts)
    assert not others.still_holds(ZoneInfo("Asia/Shanghai"), **counts)
    assert not others.still_holds(LONDON, users=45, events=others.events)


def test_the_cost_of_a_measured_population_does_not_grow_with_its_users(others: Population) -> None:
    assert all(len(one.steps) == 21 for one in others.scales.values())


def test_high_spenders_are_the_top_quarter_and_more_than_chance_would_have(others: Population) -> None:
    spenders = [n for n, events in enumerate(SHOPPERS) if "behaviour/high-spender" in found(events, others)]
    assert spenders == list(range(35, 40))  # from half as much again as the median on
    assert [n for n, events in enumerate(SHOPPERS) if "behaviour/low-spender" in found(events, others)] == list(
        range(10)
    )


def test_where_all_are_alike_nobody_stands_out() -> None:
    alike = population(store(shopper(f"u{n}", 20 + n / 100) for n in range(40)), LONDON, NOBODY, taxonomy=TAXONOMY)
    assert not found(shopper("u39", 20.39), alike)


def test_price_sensitive_takes_own_brands_and_discounts(others: Population) -> None:
    mixed = [
        shopper(f"u{n}", own=False)[: 12 - n % 12] + shopper(f"u{n}", saved=n % 12, own=True)[12 - n % 12 :]
        for n in range(48)
    ]
    known = population(store(mixed), LONDON, NOBODY, taxonomy=TAXONOMY)
    keen = found(mixed[11], known)["behaviour/price-sensitive"]
    assert keen.standing is not None
    assert keen.standing.words == (
        "92 % spent on own brands against a median of 46 %: in the top quarter of 48 users; discount 34 % against 11 %"
    )
    assert "behaviour/full-price" in found(mixed[0], known)
    assert not {"behaviour/price-sensitive", "behaviour/full-price"} & found(mixed[5], known).keys()
    without_discounts = [one.model_copy(update={"meta": {}}) for one in mixed[11]]
    assert "behaviour/price-sensitive" not in found(without_discounts, known)


def test_without_brands_price_sensitivity_rests_on_discounts() -> None:
    plain = [[one.model_copy(update={"item": {}, "meta": {"saved": n}}) for one in shopper(f"u{n}")] for n in range(40)]
    known = population(store(plain), LONDON, NOBODY, taxonomy=TAXONOMY)
    assert "behaviour/price-sensitive" in found(plain[39], known)
    assert "behaviour/full-price" in found(plain[0], known)
    assert "behaviour/price-sensitive" not in found(plain[25], known), "more than half of all take a third off"
    assert "behaviour/price-sensitive" in found(plain[25], NOBODY), "compared with nobody, a third is much"


def test_coupons_are_compared_beyond_chance() -> None:
    def users_of_coupons(times: Sequence[int]) -> list[int]:
        users = [
            [one.model_copy(update={"meta": {"coupon": at < used}}) for at, one in enumerate(shopper(f"u{n}"))]
            for n, used in enumerate(times)
        ]
        known = population(store(users), LONDON, NOBODY, taxonomy=TAXONOMY)
        return [n for n, events in enumerate(users) if "behaviour/coupon-user" in found(events, known)]

    assert users_of_coupons([n // 4 for n in range(40)]) == list(range(28, 40))
    assert users_of_coupons([5 + n // 20 for n in range(40)]) == [], "six of twelve is not surely more than five"


@pytest.mark.parametrize(
    ("hour", "days", "key"),
    [(9, 7, "behaviour/morning-shopper"), (19, 7, "behaviour/evening-shopper"), (14, 7, None)],
    ids=["morning", "evening", "afternoon"],
)
def test_when_somebody_shops_needs_no_population(hour: int, days: int, key: str | None) -> None:
    monday = NOON.replace(day=6, hour=hour)
    visits = [event(n, "purchase", value=9.0, ts=monday + timedelta(days=n * days)) for n in range(12)]
    assert {name for name in found(visits, NOBODY) if name.endswith("shopper")} == ({key} if key else set())


def test_a_handful_of_saturdays_makes_no_weekend_shopper() -> None:
    saturday = NOON.replace(day=4)
    weekly = [event(n, "purchase", value=9.0, ts=saturday + timedelta(weeks=n)) for n in range(12)]
    assert "behaviour/weekend-shopper" in found(weekly, NOBODY)
    assert "behaviour/weekend-active" not in found(weekly, NOBODY), "it would say the same again"
    weekdays = [one.model_copy(update={"ts": one.ts + timedelta(days=3)}) for one in weekly if one.ts]
    assert "behaviour/weekend-shopper" not in found(weekly[:4] + weekdays[4:11], NOBODY)


def test_a_trait_cites_the_events_that_show_it(others: Population) -> None:
    high = found(SHOPPERS[39], others)["behaviour/high-spender"]
    assert len(high.readings) == 6, "the larger half"
    assert high.measure > high.threshold


PERSONS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["Mary Jones", "Mohammed Ali", "王芳", "Jesús"]),
        "gender": st.sampled_from(["female", "male", "女", "x"]),
        "region": st.sampled_from(["Kent", "河南", "Bronx"]),
    }
)


@given(st.integers(0, 39), PERSONS, PERSONS)
def test_a_name_a_gender_or_a_region_changes_no_computed_tag(
    others: Population, number: int, one: dict[str, Any], other: dict[str, Any]
) -> None:
    def told(person: dict[str, Any]) -> dict[str, Behaviour]:
        text = f"Order for {person['name']} ({person['gender']}), {person['region']}"
        return found(
            [event.model_copy(update={"meta": {**event.meta, **person}, "text": text}) for event in SHOPPERS[number]],
            others,
        )

    assert told(one) == told(other)


# --- what is written about ---


def writes(user: str, about: int, texts: int = 40, said: str = "more jazz tonight") -> list[Event]:
    """Somebody who names jazz in so many of their posts."""
    return [
        event(number, "post", user, text=f"{said if number < about else 'late again'} {number}")
        for number in range(texts)
    ]


def topics(events: list[Event], others: Population) -> set[str]:
    counted = read(events)
    claims = attribute.attribute(counted, [], [], TAXONOMY)
    tags = merge.tags(claims, counted, TAXONOMY, others.mentions, calibrate.DEFAULT)
    return {tag.key for tag in tags if tag.status == "verified"}


def test_what_everybody_writes_about_says_nothing_of_anybody() -> None:
    everybody = population(store(writes(f"u{n}", 8) for n in range(40)), LONDON, NOBODY, taxonomy=TAXONOMY)
    assert everybody.mentions["music/jazz"] == pytest.approx(0.2)
    assert topics(writes("u", 8), NOBODY) == {"music/jazz"}
    assert topics(writes("u", 8), everybody) == set()
    assert topics(writes("u", 24), everybody) == {"music/jazz"}
    assert topics(writes("u", 2, said="I love jazz"), everybody) == {"music/jazz"}, "who says so need not say it more"


def test_few_users_are_nobody_to_compare_words_with() -> None:
    few = population(store(writes(f"u{n}", 8) for n in range(20)), LONDON, NOBODY, taxonomy=TAXONOMY)
    assert few.mentions == {}


def test_words_of_others_are_no_topic_of_the_user() -> None:
    quoting = [event(n, "post", text=f"“There will be more jazz tonight, {n}” says the poster") for n in range(5)]
    assert topics(quoting, NOBODY) == set()
