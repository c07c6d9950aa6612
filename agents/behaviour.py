"""Behaviour that counting proves: when, how often and how somebody acts.

Each tag is a share with a threshold, and holds where the lower bound of the share (Jeffreys interval, one-sided 80 %)
is above it. Thresholds are absolute; what needs a population to compare with (high spender) is not computed here.

Source: Brown, Cai and DasGupta, Interval Estimation for a Binomial Proportion (Statistical Science 16, 2001).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from scipy.special import betaincinv

from agents.signals import EXPLICIT, Reading, Signals
from limner.domain import Event, SignalKind

VERSION = 1

LEAST_EVENTS = 10
"""A share of fewer events than this proves nothing about a habit."""
LEAST_DAYS = 8
"""Habits of time are shares of active days: a hundred ratings in one night are one night."""
CONFIDENCE = 0.8


class Behaviour(NamedTuple):
    key: str
    hits: int
    """Of `of`; 0 where the measure is a mean."""
    measure: float
    """The share, or the mean in five-star units."""
    of: int
    """Events, or active days, that the measure is over."""
    unit: str
    threshold: float
    readings: tuple[Reading, ...]
    """The events that show it."""


class _Act(NamedTuple):
    """An event with what several habits ask of its time."""

    event: Event
    local: datetime
    """In the zone of the user; the start of time where the event has none."""


class _Habit(NamedTuple):
    """A share of a base of events: the tag holds where its lower bound is at least the threshold."""

    key: str
    base: Callable[[Event], bool]
    shows: Callable[[_Act], bool]
    threshold: float
    day: Callable[[_Act], date] | None = None
    """For a habit of time: the day an event counts for; a day shows it when at least half of its events do."""


@lru_cache(65_536)
def lower_bound(hits: int, total: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided Jeffreys lower bound of a share, 0 to 1."""
    return float(betaincinv(hits + 0.5, total - hits + 0.5, 1 - confidence)) if hits else 0.0


def behaviours(signals: Signals, zone: tzinfo) -> list[Behaviour]:
    """The habits a history proves, in a fixed order.

    Args:
        zone: The time zone in which hours and weekdays are read.
    """
    acts = [_Act(event, event.ts.astimezone(zone) if event.ts else datetime.min) for event in signals.events]
    found = [behaviour for habit in HABITS if (behaviour := _proved(habit, acts))]
    if signals.rated >= LEAST_EVENTS:
        ratings = [
            Reading(index, SignalKind.EXPLICIT_POSITIVE)
            for index, event in enumerate(signals.events)
            if event.kind in EXPLICIT and event.value is not None
        ]
        margin = 0.84 * signals.spread / signals.rated**0.5
        if signals.mean - margin >= GENEROUS:
            found.append(
                Behaviour(
                    "behaviour/generous-rater", 0, signals.mean, signals.rated, "ratings", GENEROUS, tuple(ratings)
                )
            )
        elif signals.mean + margin <= HARSH:
            found.append(
                Behaviour("behaviour/harsh-rater", 0, signals.mean, signals.rated, "ratings", HARSH, tuple(ratings))
            )
    return found


GENEROUS, HARSH = 4.2, 2.8
"""Mean ratings, in five-star units."""


def _proved(habit: _Habit, acts: Sequence[_Act]) -> Behaviour | None:
    base = [at for at, act in enumerate(acts) if habit.base(act.event)]
    shown = [at for at in base if habit.shows(acts[at])]
    if not shown:
        return None
    hits, total, unit = len(shown), len(base), "events"
    if habit.day is not None:
        days = {at: habit.day(acts[at]) for at in base}
        active, showing = Counter(days.values()), Counter(days[at] for at in shown)
        hits, total, unit = sum(2 * showing[day] >= n for day, n in active.items()), len(active), "active days"
    if total < (LEAST_DAYS if habit.day else LEAST_EVENTS) or lower_bound(hits, total) < habit.threshold:
        return None
    readings = tuple(Reading(at, SignalKind.IMPLICIT_POSITIVE) for at in shown)
    return Behaviour(habit.key, hits, hits / total, total, unit, habit.threshold, readings)


def _dated(event: Event) -> bool:
    return event.ts is not None


def _timed(event: Event) -> bool:
    """Whether the event has a time of day: a date alone is stored as midnight sharp."""
    return event.ts is not None and (event.ts.hour, event.ts.minute, event.ts.second) != (0, 0, 0)


def _bought(event: Event) -> bool:
    return event.kind == "purchase"


def _traded(event: Event) -> bool:
    return event.kind in {"purchase", "return"}


def _reviewed(event: Event) -> bool:
    return event.kind == "review" and bool(event.text)


def _amount(event: Event, *names: str) -> float:
    return max((float(value) for name in names if isinstance(value := event.meta.get(name), int | float)), default=0.0)


def _with_coupon(event: Event) -> bool:
    coupon = event.meta.get("coupon")
    return bool(coupon) or _amount(event, "coupon_saved") > 0


def _discounted(event: Event) -> bool:
    """Whether at least a fifth of the full price was saved: `meta.discount` is a share, `meta.saved` an amount."""
    saved = _amount(event, "saved")
    full = (event.value or 0.0) + saved
    return _amount(event, "discount") >= 0.2 or (full > 0 and saved / full >= 0.2)


def _day(act: _Act) -> date:
    return act.local.date()


def _evening(act: _Act) -> date:
    day = act.local.date()
    return day if act.local.hour >= 4 else day - timedelta(days=1)  # 2 a.m. belongs to the evening before


HABITS = (
    _Habit("behaviour/night-owl", _timed, lambda act: not 4 <= act.local.hour < 22, 0.4, _evening),
    _Habit("behaviour/early-bird", _timed, lambda act: 5 <= act.local.hour < 8, 0.4, _day),
    _Habit("behaviour/weekend-active", _dated, lambda act: act.local.weekday() >= 5, 0.5, _day),
    _Habit("behaviour/coupon-user", _bought, lambda act: _with_coupon(act.event), 0.3),
    _Habit("behaviour/price-sensitive", _bought, lambda act: _discounted(act.event), 0.5),
    _Habit("behaviour/returns-a-lot", _traded, lambda act: act.event.kind == "return", 0.2),
    _Habit("behaviour/long-writer", _reviewed, lambda act: len(act.event.text) >= 200, 0.5),
)
