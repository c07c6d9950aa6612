"""What a user's history measures, in numbers that can be set beside those of other users.

Rates are a week from the user's first such event to the newest event of the store, not to their own last: a month of
shopping followed by a year of silence is not often. Amounts of one currency are compared, the one the user pays most
purchases in: it stands in the name of the measure, `paid a week/CNY`. Shopping is counted in trips: purchases of one
order, or of one moment, are one trip, for a shop may make an event of every line. A measure of too few trips, or of
trips on too few days, is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Sized
from datetime import datetime
from operator import itemgetter
from statistics import median
from typing import NamedTuple

from agents.basket import BOUGHT, Basket, basket, together
from agents.intents import NOTHING_WRITTEN, Intents
from limner.domain import Event

VERSION = 3

LEAST = 10
"""Baskets, views or days below which nothing is measured."""
LEAST_WEEKS = 4.0
"""A rate of a shorter time is taken over this one."""
MORNING, EVENING = range(6, 12), range(18, 24)
SHOWS = "texts that show "
"""How the measure of a habit that words show begins; its key follows."""
TIES, UNTIES = frozenset({"friend", "follow"}), frozenset({"unfriend", "unfollow"})
TRADED = BOUGHT | {"return", "refund"}


class Measure(NamedTuple):
    value: float
    of: int
    """Baskets, days or other units it is over."""
    high: tuple[int, ...]
    """Places of the events that make it high."""
    low: tuple[int, ...] = ()
    """Places of those that make it low."""
    hits: int | None = None
    """Of `of`, where it is a share of them."""


class _Visit(NamedTuple):
    """A trip: a purchase, or the purchases of one order together."""

    at: tuple[int, ...]
    ts: datetime | None
    local: datetime | None
    """In the zone of the user."""
    basket: Basket


def measures(
    events: Sequence[Event], local: Sequence[datetime | None], newest: datetime | None, meant: Intents = NOTHING_WRITTEN
) -> dict[str, Measure]:
    """Every measure that the events of one user allow, by name.

    Args:
        events: Cleaned, oldest first.
        local: Their times in the zone of the user.
        newest: Time of the newest event in the store; the user's own last is used where that is later.
        meant: What their texts show.
    """
    found = _attention(events) | _presence(events, local, newest) | _ties(events)
    if meant.texts >= LEAST:
        found |= _after(meant)
    bought = [at for at, event in enumerate(events) if event.kind in BOUGHT]
    if len(bought) >= LEAST:
        found |= _loyalty(events, bought)
        visits = _visits(events, local, bought)
        if len(visits) >= LEAST:
            found |= _shopping(visits, newest) | _money(visits, newest)
    return found


def timed(ts: datetime) -> bool:
    """Whether a UTC time has an hour: a date alone is stored as midnight sharp."""
    return bool(ts.hour or ts.minute or ts.second)


def _after(meant: Intents) -> dict[str, Measure]:
    """Of what the user writes and searches for, the share that shows each habit."""
    return {
        f"{SHOWS}{key}": Measure(len(places) / meant.texts, meant.texts, places, hits=len(places))
        for key, places in meant.shown.items()
    }


def _visits(events: Sequence[Event], local: Sequence[datetime | None], bought: Sequence[int]) -> list[_Visit]:
    orders: dict[tuple[str | datetime | int, str], list[tuple[int, Basket]]] = {}
    for at in bought:
        one, ts = basket(events[at]), events[at].ts
        moment = ts if ts is not None and timed(ts) else at
        orders.setdefault((one.order or moment, one.currency), []).append((at, one))
    found: list[_Visit] = []
    for order in orders.values():
        first = order[0][0]
        whole = together([one for _, one in order]) if len(order) > 1 else order[0][1]
        found.append(_Visit(tuple(at for at, _ in order), events[first].ts, local[first], whole))
    return found


def _shopping(visits: Sequence[_Visit], newest: datetime | None) -> dict[str, Measure]:
    dated = [(visit, visit.local) for visit in visits if visit.local is not None]
    with_hour = [(visit, local) for visit, local in dated if visit.ts is not None and timed(visit.ts)]
    found = {
        "coupon trips": _share(visits, [visit for visit in visits if visit.basket.coupon]),
        "discounted trips": _share(visits, [visit for visit in visits if visit.basket.discounted]),
    }
    if _days(dated) >= LEAST:
        rate = len(dated) / _weeks([local for _, local in dated], newest)
        found["trips a week"] = Measure(rate, len(dated), _places(visit for visit, _ in dated))
        found["weekend trips"] = _share(dated, [visit for visit, local in dated if local.weekday() >= 5])
    if _days(with_hour) >= LEAST:
        found["morning trips"] = _share(with_hour, [visit for visit, local in with_hour if local.hour in MORNING])
        found["evening trips"] = _share(with_hour, [visit for visit, local in with_hour if local.hour in EVENING])
    return found


def _money(visits: Sequence[_Visit], newest: datetime | None) -> dict[str, Measure]:
    """Measures of amounts, over the purchases in the user's own currency."""
    currency = Counter(visit.basket.currency for visit in visits).most_common(1)[0][0]
    priced = [
        (visit.basket.paid, visit)
        for visit in visits
        if visit.basket.paid is not None and visit.basket.currency == currency
    ]
    paid = sum(amount for amount, _ in priced)
    if len(priced) < LEAST or paid <= 0:
        return {}
    saved = sum(visit.basket.saved for _, visit in priced)
    by_size = [visit for _, visit in sorted(priced, key=itemgetter(0))]
    small, large = _places(by_size[: len(by_size) // 2]), _places(by_size[len(by_size) // 2 :])
    discounted = _places(visit for visit in by_size if visit.basket.discounted)
    full = _places(visit for visit in by_size if not visit.basket.discounted)
    found = {
        f"paid a basket/{currency}": Measure(paid / len(priced), len(priced), large, small),
        "discount": Measure(saved / (paid + saved), len(priced), discounted, full),
    }
    times = [visit.ts for _, visit in priced if visit.ts is not None]
    if len(times) == len(priced):
        found[f"paid a week/{currency}"] = Measure(paid / _weeks(times, newest), len(priced), large, small)
    told = [(amount, visit.basket.own_brand, visit) for amount, visit in priced if visit.basket.own_brand is not None]
    of_told = sum(amount for amount, _, _ in told)
    if len(told) >= LEAST and of_told > 0:
        share = min(1.0, sum(own for _, own, _ in told) / of_told)
        high = _places(visit for _, own, visit in told if own)
        found["own brand"] = Measure(share, len(told), high, _places(visit for _, own, visit in told if not own))
    return found


def _loyalty(events: Sequence[Event], bought: Sequence[int]) -> dict[str, Measure]:
    """Of purchases in a category bought from before, the share that stays with the brand bought last."""
    last: dict[str, str] = {}
    repeats, kept = 0, list[int]()
    for at in bought:
        item = events[at].item
        if isinstance(brand := item.get("brand"), str):
            category = item.get("category") or item.get("categories")
            category = category[0] if isinstance(category, list) else category
            if isinstance(category, str):
                repeats += category in last
                if last.get(category) == brand:
                    kept.append(at)
                last[category] = brand
    if repeats < LEAST:
        return {}
    return {"same brand": Measure(len(kept) / repeats, repeats, tuple(kept), hits=len(kept))}


def _ties(events: Sequence[Event]) -> dict[str, Measure]:
    """How many others the user is tied to: friends and accounts followed, named by `item_id`."""
    tied: dict[str | None, int] = {}
    for at, event in enumerate(events):
        if event.kind in TIES:
            tied[event.item_id] = at
        elif event.kind in UNTIES:
            tied.pop(event.item_id, None)
    tied.pop(None, None)
    return {"ties": Measure(len(tied), len(tied), tuple(tied.values()))} if len(tied) >= LEAST else {}


def _presence(events: Sequence[Event], local: Sequence[datetime | None], newest: datetime | None) -> dict[str, Measure]:
    """On how many days a week the user does anything but shop."""
    dated = {at: time for at, time in enumerate(local) if time is not None and events[at].kind not in TRADED}
    days = {time.toordinal() for time in dated.values()}
    if len(days) < LEAST:
        return {}
    return {"days a week": Measure(len(days) / _weeks(list(dated.values()), newest), len(days), tuple(dated))}


def _attention(events: Sequence[Event]) -> dict[str, Measure]:
    """How long and how readily the user looks at what is shown."""
    found: dict[str, Measure] = {}
    dwelt = [
        (float(seconds), at)
        for at, event in enumerate(events)
        if event.meta and isinstance(seconds := event.meta.get("dwell_seconds"), int | float) and seconds >= 0
    ]
    if len(dwelt) >= LEAST:
        middle = median(seconds for seconds, _ in dwelt)
        found["dwell"] = Measure(middle, len(dwelt), tuple(at for seconds, at in dwelt if seconds >= middle))
    shown = [at for at, event in enumerate(events) if event.kind == "impression"]
    if len(shown) >= LEAST:
        clicked = {event.item_id for event in events if event.kind == "click"} - {None}
        taken = tuple(at for at in shown if events[at].meta.get("clicked") or events[at].item_id in clicked)
        found["clicks"] = Measure(len(taken) / len(shown), len(shown), taken, hits=len(taken))
    return found


def _share(base: Sized, shown: Sequence[_Visit]) -> Measure:
    return Measure(len(shown) / len(base), len(base), _places(shown), hits=len(shown))


def _days(dated: Iterable[tuple[_Visit, datetime]]) -> int:
    """On how many days these are: forty purchases of one night are no habit."""
    return len({local.toordinal() for _, local in dated})


def _places(visits: Iterable[_Visit]) -> tuple[int, ...]:
    return tuple(sorted(at for visit in visits for at in visit.at))


def _weeks(times: Sequence[datetime], newest: datetime | None) -> float:
    """Weeks from the first of these times to the newest event of the store, or to their last where that is later."""
    until = times[-1] if newest is None else max(times[-1], newest)
    return max(LEAST_WEEKS, (until - times[0]).total_seconds() / (7 * 24 * 3600))
