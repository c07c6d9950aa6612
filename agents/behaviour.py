"""Behaviour that counting proves: when, how often and how somebody acts.

A habit is a share of occasions with a threshold. Most hold where the lower bound of the share (Jeffreys interval,
one-sided 80 %) is above it. A habit of when to shop holds where an hour, or a day, of its own sees at least twice as
many trips as another: that is 4 in 9 for the two days of the weekend and 2 in 5 for a quarter of the day, with the
lower bound above the even share, so that a handful of Saturdays makes no weekend shopper.

A trait is a measure compared with the population's, for what has no natural scale: it holds for users in the top
quarter, or in the bottom quarter. They must also differ from the median by more than chance where it is a share of
occasions, and by half as much again where it is an amount or a rate: a quarter of any users is on top, however alike.
Where a trait can be told, the habit of the same name is not asked: a discount that everybody takes says nothing about
anybody. Without a population there are habits only. What words show (`agents/intents.py`) is a trait too, for what is
written in one place is not what is written in another: everybody who writes to a complaints desk complains.

Price-sensitive is who buys the shop's own brand more than three in four others do and takes discounts no less than
most: either alone may be the shop's doing. The opposite is to pay full price. Where nothing tells whose brand was
bought, both rest on the discounts alone.

Sources: Brown, Cai and DasGupta, Interval Estimation for a Binomial Proportion (Statistical Science 16, 2001);
Ailawadi, Neslin and Gedenk, Pursuing the Value-Conscious Consumer: Store Brands versus National Brand Promotions
(Journal of Marketing 65, 2001), for own brands and promotions as the two sides of price consciousness.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import NamedTuple

from scipy.special import betaincinv

from agents.basket import BOUGHT
from agents.measures import SHOWS, TRADED, Measure, measures, timed
from agents.population import NOBODY, Population, Scale, probability
from agents.signals import EXPLICIT, Reading, Signals
from limner.domain import Event, SignalKind

VERSION = 3

LEAST_EVENTS = 10
"""A share of fewer events than this proves nothing about a habit."""
LEAST_DAYS = 8
"""Habits of time are shares of active days: a hundred ratings in one night are one night."""
CONFIDENCE = 0.8


QUARTER = 0.75
MATERIAL = 1.5
"""Times the median, or the median times this, from which on an amount is worth a word."""
LEAST_SHOWN = 3
"""Events that must show a trait."""
LEAST_OF_TEXTS = 0.05
"""Share of what somebody writes and searches for that must show a habit, however seldom others show it."""
TEXTS = "shown by {} of what they write and search for"


class Standing(NamedTuple):
    """Where a user stands among the others."""

    words: str
    probability: float
    """That so many users tell the quarter well enough for this user to be in it."""


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
    standing: Standing | None = None
    """None for a habit, which is compared with nobody."""

    @property
    def reason(self) -> str:
        if self.standing is not None:
            return self.standing.words
        return f"{self.measure:.2f} over {self.of} {self.unit}, at least {self.threshold:g} needed"


class _Hours(NamedTuple):
    """A share of the days with events: the tag holds where its lower bound is at least the threshold."""

    key: str
    dates: bool
    """Whether a date alone counts; otherwise events with an hour do."""
    shows: Callable[[datetime], bool]
    """By the time in the zone of the user."""
    threshold: float
    day: Callable[[datetime], int]
    """That a time counts for; a day shows it when at least half of its events do."""


class _Habit(NamedTuple):
    """A share of a sort of events: the tag holds where its lower bound is at least the threshold."""

    key: str
    of: Callable[[Event], bool]
    shows: Callable[[Event], bool]
    threshold: float


class _Occasion(NamedTuple):
    """A share of purchases, or what else is measured as hits: the tag holds where it reaches the threshold for sure."""

    key: str
    measure: str
    threshold: float
    beyond: float
    """The share that its lower bound must exceed."""


class _Trait(NamedTuple):
    """A place among the users: the tag holds in the top quarter of a measure, or in its bottom quarter."""

    key: str
    measure: str
    """For an amount, without its currency."""
    told: str
    """The measure in words, with a place for its value."""
    top: bool = True
    also: str = ""
    """Another measure that must not lie on the other side of its median."""


@lru_cache(65_536)
def lower_bound(hits: int, total: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided Jeffreys lower bound of a share, 0 to 1."""
    return float(betaincinv(hits + 0.5, total - hits + 0.5, 1 - confidence)) if hits else 0.0


def behaviours(signals: Signals, zone: tzinfo, population: Population = NOBODY) -> list[Behaviour]:
    """The habits and traits a history proves, in a fixed order.

    Args:
        zone: The time zone in which hours and weekdays are read.
        population: Whom the user is compared with.
    """
    local = [event.ts.astimezone(zone) if event.ts else None for event in signals.events]
    known = measures(signals.events, local, population.newest, signals.intents)
    traits, settled = _traits(known, population)
    dated = [(at, time) for at, time in enumerate(local) if time is not None]
    with_hour = [(at, time) for at, time in dated if (ts := signals.events[at].ts) is not None and timed(ts)]
    of_time = (_timely(hours, dated if hours.dates else with_hour) for hours in HOURS)
    of_events = (_proved(habit, signals.events) for habit in HABITS)
    found = [behaviour for behaviour in (*of_time, *of_events) if behaviour is not None]
    if signals.rated >= LEAST_EVENTS:
        margin = 0.84 * signals.spread / signals.rated**0.5
        if signals.mean - margin >= GENEROUS:
            found.append(_rater("behaviour/generous-rater", GENEROUS, signals))
        elif signals.mean + margin <= HARSH:
            found.append(_rater("behaviour/harsh-rater", HARSH, signals))
    shown = [habit for habit in OCCASIONS if habit.key not in settled and habit.measure in known]
    found += [behaviour for habit in shown if (behaviour := _shown(habit, known[habit.measure]))]
    shops = {
        reading for behaviour in found if behaviour.key == "behaviour/weekend-shopper" for reading in behaviour.readings
    }
    if shops:  # who does nothing else at weekends is told as a shopper alone
        found = [one for one in found if one.key != "behaviour/weekend-active" or not shops.issuperset(one.readings)]
    return found + traits


GENEROUS, HARSH = 4.2, 2.8
"""Mean ratings, in five-star units."""


def _rater(key: str, threshold: float, signals: Signals) -> Behaviour:
    readings = tuple(
        Reading(at, SignalKind.EXPLICIT_POSITIVE)
        for at, event in enumerate(signals.events)
        if event.kind in EXPLICIT and event.value is not None
    )
    return Behaviour(key, 0, signals.mean, signals.rated, "ratings", threshold, readings)


def _timely(habit: _Hours, times: Sequence[tuple[int, datetime]]) -> Behaviour | None:
    """The habit, where these places and times prove it."""
    shown = [(at, time) for at, time in times if habit.shows(time)]
    if not shown:
        return None
    active = Counter([habit.day(time) for _, time in times])
    showing = Counter([habit.day(time) for _, time in shown])
    hits, total = sum(2 * n >= active[day] for day, n in showing.items()), len(active)
    if total < LEAST_DAYS or lower_bound(hits, total) < habit.threshold:
        return None
    return _behaviour(habit, hits, total, "active days", [at for at, _ in shown])


def _proved(habit: _Habit, events: Sequence[Event]) -> Behaviour | None:
    """The habit, where the events prove it."""
    base = [at for at, event in enumerate(events) if habit.of(event)]
    shown = [at for at in base if habit.shows(events[at])]
    if len(base) < LEAST_EVENTS or lower_bound(len(shown), len(base)) < habit.threshold:
        return None
    return _behaviour(habit, len(shown), len(base), "events", shown)


def _behaviour(habit: _Hours | _Habit, hits: int, total: int, unit: str, shown: Sequence[int]) -> Behaviour:
    readings = tuple(Reading(at, SignalKind.IMPLICIT_POSITIVE) for at in shown)
    return Behaviour(habit.key, hits, hits / total, total, unit, habit.threshold, readings)


def _shown(habit: _Occasion, mine: Measure) -> Behaviour | None:
    hits = mine.hits or 0
    if mine.value < habit.threshold or lower_bound(hits, mine.of) <= habit.beyond:
        return None
    readings = tuple(Reading(at, SignalKind.IMPLICIT_POSITIVE) for at in mine.high)
    return Behaviour(habit.key, hits, mine.value, mine.of, "purchases", habit.threshold, readings)


def _traits(known: Mapping[str, Measure], population: Population) -> tuple[list[Behaviour], set[str]]:
    """The traits that hold, and the keys that the comparison settles, whether they hold or not."""
    found: list[Behaviour] = []
    settled: set[str] = set()
    named: dict[str, str] = {}
    for name in known:
        named.setdefault(name.partition("/")[0], name)
    worded = [_Trait(name.removeprefix(SHOWS), name, TEXTS) for name in known if name.startswith(SHOWS)]
    for trait in (*TRAITS, *worded):
        mine = trait.measure if trait.measure in known else named.get(trait.measure, "")
        scale = population.scales.get(mine)
        if trait.key in settled or scale is None or not scale.tells:
            continue
        settled.add(trait.key)
        if (behaviour := _stands(trait, mine, scale, known, population)) is not None:
            found.append(behaviour)
    return found, settled


def _stands(
    trait: _Trait, name: str, scale: Scale, known: Mapping[str, Measure], population: Population
) -> Behaviour | None:
    """The trait, where the user is in its quarter."""
    mine = known[name]
    share = scale.below(mine.value) if trait.top else scale.above(mine.value)
    if name.startswith(SHOWS) and mine.value < LEAST_OF_TEXTS:
        return None
    if share < QUARTER or not _differs(mine, name, scale, top=trait.top):
        return None
    told = trait.told.format(_number(mine.value, name))
    part = f"in the {'top' if trait.top else 'bottom'} quarter of {scale.users:,} users"
    words = f"{told} against a median of {_number(scale.median, name)}: {part}"
    sure = probability(share, QUARTER, scale.users)
    shown = mine.high if trait.top else mine.low
    if trait.also and (other := population.scales.get(trait.also)) is not None:
        if trait.also not in known:
            return None
        second = known[trait.also]
        beyond = other.below(second.value) if trait.top else other.above(second.value)
        if beyond < 0.5:
            return None
        words += f"; {trait.also} {_number(second.value, trait.also)} against {_number(other.median, trait.also)}"
        sure *= probability(beyond, 0.5, other.users)
        shown = tuple(sorted({*shown, *(second.high if trait.top else second.low)}))
    if len(shown) < LEAST_SHOWN:
        return None
    readings = tuple(Reading(at, SignalKind.IMPLICIT_POSITIVE) for at in shown)
    threshold = scale.steps[15 if trait.top else 5]
    return Behaviour(
        trait.key, mine.hits or 0, mine.value, mine.of, "occasions", threshold, readings, Standing(words, sure)
    )


def _differs(mine: Measure, name: str, scale: Scale, *, top: bool) -> bool:
    """Whether a measure is apart from the median by more than chance, or by enough to speak of."""
    if mine.hits is not None:
        return lower_bound(mine.hits, mine.of) > scale.median
    if name in SHARES:
        return True
    return mine.value >= MATERIAL * scale.median if top else mine.value * MATERIAL <= scale.median


def _number(value: float, name: str) -> str:
    """The value of a measure as one says it."""
    if name in SHARES or name.startswith(SHOWS):
        return f"{100 * value:.0f} %"
    return f"{f'{value:,.2f}'.removesuffix('.00')} {name.partition('/')[2]}".rstrip()


def _evening(time: datetime) -> int:
    return time.toordinal() - (time.hour < 4)  # 2 a.m. belongs to the evening before


HOURS = (
    _Hours("behaviour/night-owl", False, lambda time: not 4 <= time.hour < 22, 0.4, _evening),
    _Hours("behaviour/early-bird", False, lambda time: 5 <= time.hour < 8, 0.4, datetime.toordinal),
    _Hours("behaviour/weekend-active", True, lambda time: time.weekday() >= 5, 0.5, datetime.toordinal),
)
HABITS = (
    _Habit("behaviour/returns-a-lot", lambda event: event.kind in TRADED, lambda event: event.kind not in BOUGHT, 0.2),
    _Habit(
        "behaviour/long-writer",
        lambda event: event.kind == "review" and bool(event.text),
        lambda event: len(event.text) >= 200,
        0.5,
    ),
)
OCCASIONS = (
    _Occasion("behaviour/coupon-user", "coupon trips", 0.3, 0.3),
    _Occasion("behaviour/price-sensitive", "discounted trips", 0.5, 0.5),
    _Occasion("behaviour/weekend-shopper", "weekend trips", 4 / 9, 2 / 7),
    _Occasion("behaviour/morning-shopper", "morning trips", 2 / 5, 1 / 4),
    _Occasion("behaviour/evening-shopper", "evening trips", 2 / 5, 1 / 4),
)
SHARES = frozenset({"discount", "own brand", "coupon trips", "same brand", "clicks"})
"""Measures from 0 to 1."""
TRAITS = (
    _Trait("behaviour/high-spender", "paid a week", "pays {} a week"),
    _Trait("behaviour/low-spender", "paid a week", "pays {} a week", top=False),
    _Trait("behaviour/big-basket", "paid a basket", "pays {} a purchase"),
    _Trait("behaviour/frequent-shopper", "trips a week", "shops {} times a week"),
    _Trait("behaviour/price-sensitive", "own brand", "{} spent on own brands", also="discount"),
    _Trait("behaviour/price-sensitive", "discount", "{} saved by discounts"),
    _Trait("behaviour/full-price", "own brand", "{} spent on own brands", top=False, also="discount"),
    _Trait("behaviour/full-price", "discount", "{} saved by discounts", top=False),
    _Trait("behaviour/coupon-user", "coupon trips", "{} of trips with a coupon"),
    _Trait("behaviour/brand-loyal", "same brand", "{} of repeat purchases stay with the brand"),
    _Trait("behaviour/well-connected", "ties", "tied to {} others"),
    _Trait("behaviour/frequent", "days a week", "there on {} days a week"),
    _Trait("behaviour/long-dwell", "dwell", "stays {} seconds"),
    _Trait("behaviour/clicks-often", "clicks", "{} of what is shown is clicked"),
)
"""Of two with a key the first holds or fails for the user, unless its measure is not known of them."""
