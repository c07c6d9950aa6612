"""The rules that decide by counting whether a claim is published.

A thing that was rated passes on its lift: the mean of its ratings must differ from the user's own mean by at least a
quarter star, and the lower confidence bound of that difference must have the same sign. Anything else passes on counts:
a floor of signals for it, and limits on signals against it; where there are many of both, the rule is on their rate.

Source: the floor and the limits follow GISTBench (arXiv 2603.29112), section "interest groundedness".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

from agents.attribute import Claim
from agents.behaviour import lower_bound
from agents.signals import AGAINST, IMPLICIT, Lift, Signals, counted, lift
from limner.domain import Counts
from prompts.taxonomy import Facet, Rule

VERSION = 6

MAKERS = frozenset({"creator", "brand"})
"""Facets whose things one item is of."""
MANY = 10
"""Signals from which on the rule is on rates: a heavy user dislikes some of what they love."""


class Balance(NamedTuple):
    """What speaks for a claim and against it beside its lift: events by their weight."""

    agreeing: float
    against: float


class Share(NamedTuple):
    """How many of the user's events carry a thing, by their weight, and the share of everybody's that do."""

    carrying: float
    of: float
    population: float


class Verdict(NamedTuple):
    holds: bool
    reason: str
    counts: Counts
    lift: Lift | None = None
    """None where the claim was rated less than twice."""
    balance: Balance = Balance(0, 0)
    share: Share | None = None
    """Where it rests on acts, and there are enough users to compare with."""


def verify(claim: Claim, facet: Facet, signals: Signals, baseline: Mapping[str, float]) -> Verdict:
    """Whether the events carry the claim, and why.

    Args:
        baseline: Share of all users' events that carry a key; empty where there are too few users to compare with.
    """
    rule, weights = facet.rule, signals.weights(facet.half_life_days)
    counts = counted(claim.readings)
    if claim.behaviour is not None:
        return Verdict(True, claim.behaviour.reason, counts)
    if claim.over is not None and claim.basis == "stated":
        return Verdict(False, f'said to be over: "{claim.over.span}"', counts)
    if claim.basis == "stated":
        return _by_word(claim, rule, counts, signals, weights)
    if claim.worded:
        return Verdict(False, "named by the model; that the user's texts hold its words proves no taste", counts)
    if facet.stated_only:
        return Verdict(False, "only the user's own words could prove it", counts)
    rated = claim.lift or lift(claim.readings, signals.spread, weights)
    balance = _balance(claim, weights, with_ratings=rated is None)
    if rated is not None and rated.n >= rule.min_explicit:
        return Verdict(*_by_lift(claim, rule, counts, rated), counts, rated, balance)
    holds, reason = _by_counts(claim.polarity, rule, counts, balance, _summed(claim, signals))
    if holds and rated is not None and rated.mean * (claim.polarity or 1) < rule.min_lift:
        holds, reason = False, f"{reason}; {rated.mean:+.2f} stars against the own mean: its ratings do not bear it out"
    share: Share | None = None
    if claim.polarity > 0 and claim.key in baseline and not _says_so(claim, rule):
        carrying = sum(weights[at] for at in {reading.at for reading in claim.readings})
        share = Share(carrying, sum(weights), baseline[claim.key])
        if holds:
            holds, reason = _above_population(share, rule, reason, "acts" if signals.amounts else "events")
    return Verdict(holds, reason, counts, rated, balance, share)


def _by_word(claim: Claim, rule: Rule, counts: Counts, signals: Signals, weights: Sequence[float]) -> Verdict:
    """What the user says holds, unless it is a taste that their own ratings turn round."""
    times = counts.said(claim.polarity)
    words = f"said {'once' if times == 1 else f'{times} times'} in the user's own words"
    rated = lift(claim.readings, signals.spread, weights) if claim.polarity else None
    if rated is not None and rated.n >= rule.min_explicit and rated.mean * claim.polarity <= -rule.min_lift:
        return Verdict(
            False, f"{words}; {rated.mean:+.2f} stars against the own mean: their ratings say otherwise", counts
        )
    return Verdict(times >= 1, words, counts)


def _balance(claim: Claim, weights: Sequence[float], *, with_ratings: bool) -> Balance:
    agreeing = against = 0.0
    for reading in claim.readings:
        if reading.signal is None or (reading.deviation is not None and not with_ratings):
            continue
        if (reading.signal in AGAINST) == (claim.polarity < 0):
            agreeing += weights[reading.at]
        else:
            against += weights[reading.at]
    return Balance(agreeing, against)


def _summed(claim: Claim, signals: Signals) -> float:
    """How many acts the events that agree are worth, where some sum up many and one is enough to name a taste; else 0.

    Whom somebody plays most is whom they like; of the dozen genres of that one artist nothing is known.
    """
    if claim.facet not in MAKERS:
        return 0.0
    agreeing = [reading for reading in claim.readings if reading.signal in IMPLICIT]
    agreeing = [reading for reading in agreeing if (reading.signal in AGAINST) == (claim.polarity < 0)]
    return signals.acts(agreeing) if any(reading.at in signals.amounts for reading in agreeing) else 0.0


@lru_cache
def _quantile(confidence: float) -> float:
    """Of the standard normal distribution."""
    return NormalDist().inv_cdf(confidence)


def _by_lift(claim: Claim, rule: Rule, counts: Counts, rated: Lift) -> tuple[bool, str]:
    size = abs(rated.mean)
    bound = size - _quantile(rule.confidence) * rated.error
    words = f"{rated.mean:+.2f} stars against the own mean over {rated.n} ratings (error {rated.error:.2f})"
    agreeing = counts.explicit_positive if claim.polarity > 0 else counts.explicit_negative
    if (rated.mean > 0) != (claim.polarity > 0):
        return False, f"{words}: the other way"
    if agreeing < rule.min_explicit:
        return False, f"{words}: {agreeing} agreeing ratings, {rule.min_explicit} needed"
    if size < rule.min_lift:
        return False, f"{words}: less than {rule.min_lift:g}"
    if bound <= 0:
        return False, f"{words}: could be chance"
    deeds = [reading for reading in claim.readings if reading.deviation is None]
    if deeds and _outnumbered(claim.polarity, rule, counted(deeds)):
        return False, f"{words}: but what they did and said speaks against it"
    return True, words


def _by_counts(polarity: int, rule: Rule, counts: Counts, balance: Balance, summed: float) -> tuple[bool, str]:
    """Args:
    summed: How many acts those of one sort are that agree, where events sum up many; 0 where none does.
    """
    explicit, implicit = counts.explicit_positive, counts.implicit_positive
    against_explicit, against_implicit = counts.explicit_negative, counts.implicit_negative
    if polarity < 0:
        explicit, implicit, against_explicit, against_implicit = against_explicit, against_implicit, explicit, implicit
    words = (
        f"{explicit} explicit and {implicit} implicit signals for it, {against_explicit} and {against_implicit} against"
    )
    if summed:
        words = f"{words}; {summed:.1f} times as much as is usual for them"
        implicit = max(implicit, int(summed))
    floor = (
        explicit >= rule.min_explicit
        or implicit >= rule.min_implicit
        or (explicit >= 1 and implicit >= rule.min_implicit - 1)
    )
    if not floor:
        return False, f"{words}: too few"
    if counts.total >= MANY:
        agreeing = round(balance.agreeing)
        holds = lower_bound(agreeing, agreeing + round(balance.against), rule.confidence) > 0.5
    else:
        holds = (
            against_explicit <= rule.max_explicit_negative
            and against_implicit <= rule.max_implicit_negative
            and balance.agreeing > balance.against
        )
    return holds, words if holds else f"{words}: too mixed"


def _outnumbered(polarity: int, rule: Rule, deeds: Counts) -> bool:
    """Whether signals other than ratings are beyond the limits against a claim, and more than those for it."""
    explicit, implicit = deeds.explicit_negative, deeds.implicit_negative
    agreeing = deeds.explicit_positive + deeds.implicit_positive
    if polarity < 0:
        agreeing, explicit, implicit = explicit + implicit, deeds.explicit_positive, deeds.implicit_positive
    beyond = explicit > rule.max_explicit_negative or implicit > rule.max_implicit_negative
    return beyond and explicit + implicit > agreeing


def _says_so(claim: Claim, rule: Rule) -> bool:
    """Whether the user says it often enough in words of their own that it matters little what others do."""
    words = [one for one in claim.readings if one.span is not None and one.deviation is None]
    return counted(words).explicit_positive >= rule.min_explicit


def _above_population(share: Share, rule: Rule, reason: str, unit: str) -> tuple[bool, str]:
    """Whether the user does it more than users do on the whole: what everybody buys says nothing about anybody."""
    carrying, total, population = share
    bound = lower_bound(round(carrying), round(total), rule.confidence)
    words = f"{reason}; in {carrying:.0f} of {total:.0f} {unit} against {population:.1%} of everybody's"
    return (True, words) if bound > population else (False, f"{words}: no more than others")
