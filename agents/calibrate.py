"""How sure a claim is, as a probability that comes true as often as it says.

Counting gives log-odds: the posterior that the true lift has the claim's sign, under a normal prior of half a star, and
the posteriors that signals for it outnumber those against it and that the user does it more than others do, under Beta
priors. How far such log-odds can be trusted is another matter, and differs between populations and ways of proof: so
they pass through a line fitted on how often claims came true (`agents/backtest.py`): "0.8" comes true 8 times in 10.

Source: Gelman et al., Bayesian Data Analysis (3rd ed.), sections 2.4 and 2.5, for the posteriors; Platt, Probabilistic
outputs for support vector machines (1999), for the line.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from scipy.special import betainc, expit, logit

from agents.attribute import Claim
from agents.verify import Share, Verdict
from limner.domain import Fit, Line, Way

VERSION = 2

PRIOR_LIFT = 0.5
"""Standard deviation, in stars, of how far a thing's true mean lies from a user's own."""
OTHERS = 10.0
"""Events that the population's share of a thing weighs like."""
STATED_ONCE = 0.95
"""A fact in the user's own words, once; each further time halves the doubt."""
UNSEEN = -4.0
"""Log-odds of a proposal that no event speaks about."""
FLOOR, CEILING = 0.01, 0.99
TRUSTED = 1e-6
"""Doubt that no count of one user's events can go below."""


DEFAULT = Fit(
    lines={
        "rated": Line(shift=0.0, slope=0.27),
        "acts": Line(shift=-0.3, slope=0.4),
        "habit": Line(shift=0.0, slope=0.5),
        "stated": Line(shift=0.0, slope=1.0),
    }
)
"""For want of anything to fit on: ratings as in MovieLens, acts as in household baskets; the other two are guesses."""


def way(claim: Claim, verdict: Verdict) -> Way:
    """How a claim is proved."""
    if claim.behaviour is not None:
        return "habit"
    if claim.basis == "stated":
        return "stated"
    return "rated" if verdict.lift is not None else "acts"


def probability(odds: float, proof: Way, fit: Fit = DEFAULT) -> float:
    """The probability, between 0.01 and 0.99, that log-odds by counting are worth."""
    line = fit.lines[proof]
    return min(CEILING, max(FLOOR, float(expit(line.shift + line.slope * odds))))


def log_odds(claim: Claim, verdict: Verdict) -> float:
    """The log-odds that the claim holds, by counting alone."""
    if claim.behaviour is not None:
        return _share(claim)
    if not claim.readings:
        return UNSEEN
    if claim.basis == "stated":
        return _logit(1 - (1 - STATED_ONCE) * 0.5 ** (verdict.counts.said(claim.polarity) - 1))
    odds = 0.0
    if verdict.lift is not None:
        odds = _logit(_sign(verdict.lift.mean, verdict.lift.error)) * (claim.polarity or 1)
    odds += _outnumbering(*verdict.balance)
    return odds if verdict.share is None else min(odds, _more_than_others(verdict.share))


@lru_cache(4_096)
def _outnumbering(agreeing: float, against: float) -> float:
    """The log-odds that signals for a claim outnumber those against it."""
    return _logit(float(betainc(1 + against, 1 + agreeing, 0.5)))


def _more_than_others(share: Share) -> float:
    """The log-odds that the user's true share is above the population's."""
    like = share.carrying + OTHERS * share.population
    unlike = share.of - share.carrying + OTHERS * (1 - share.population)
    return _logit(1 - float(betainc(like, unlike, share.population)))


def _sign(mean: float, error: float) -> float:
    """The posterior probability that the true lift is positive."""
    shrink = PRIOR_LIFT**2 / (PRIOR_LIFT**2 + error**2)
    return NormalDist(0, math.sqrt(shrink) * error).cdf(shrink * mean)


def _share(claim: Claim) -> float:
    """The posterior log-odds that a habit's true share or mean is above its threshold; a trait has its own."""
    habit = claim.behaviour
    assert habit is not None
    if habit.standing is not None:
        return _logit(habit.standing.probability)
    if not habit.hits:
        return _logit(CEILING)
    return _logit(1 - float(betainc(habit.hits + 0.5, habit.of - habit.hits + 0.5, habit.threshold)))


def _logit(share: float) -> float:
    return float(logit(min(1 - TRUSTED, max(TRUSTED, share))))
