"""How sure a claim is, as a probability, from its counts and its lift.

Two sources of log-odds are added: the posterior that the true lift has the claim's sign, under a normal prior of half a
star, and the posterior that signals for it outnumber those against it, under a Beta prior. Both are priors, not yet
fitted on feedback.

Source: Gelman et al., Bayesian Data Analysis (3rd ed.), sections 2.4 and 2.5.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from scipy.special import betainc

from agents.attribute import Claim
from agents.signals import counted
from agents.verify import Verdict

VERSION = 1

PRIOR_LIFT = 0.5
"""Standard deviation, in stars, of how far a thing's true mean lies from a user's own."""
STATED_ONCE = 0.95
"""A fact in the user's own words, once; each further time halves the doubt."""
FLOOR, CEILING = 0.01, 0.99
UNSEEN = 0.2
"""A proposal that no event speaks about."""


def probability(claim: Claim, verdict: Verdict) -> float:
    """The probability that the claim holds, between 0.01 and 0.99."""
    counts = verdict.counts
    if claim.behaviour is not None:
        return _share(claim)
    if claim.basis == "stated":
        return min(CEILING, 1 - (1 - STATED_ONCE) * 0.5 ** (counts.stated - 1)) if counts.stated else UNSEEN
    if not claim.readings:
        return UNSEEN
    implicit_for, implicit_against = counts.implicit_positive, counts.implicit_negative
    odds = 0.0
    unrated = counts
    if verdict.lift is not None:
        odds += _log_odds(_sign(verdict.lift.mean, verdict.lift.error))
        if claim.polarity < 0:
            odds = -odds
        unrated = counted(reading for reading in claim.readings if reading.deviation is None)
    implicit_for += 2 * unrated.explicit_positive
    implicit_against += 2 * unrated.explicit_negative
    if claim.polarity < 0:
        implicit_for, implicit_against = implicit_against, implicit_for
    odds += _log_odds(float(betainc(1 + implicit_against, 1 + implicit_for, 0.5)))
    return _clip(1 / (1 + math.exp(-odds)))


def _sign(mean: float, error: float) -> float:
    """The posterior probability that the true lift is positive."""
    shrink = PRIOR_LIFT**2 / (PRIOR_LIFT**2 + error**2)
    return NormalDist(0, math.sqrt(shrink) * error).cdf(shrink * mean)


def _share(claim: Claim) -> float:
    """The posterior probability that a habit's true share or mean is above its threshold."""
    habit = claim.behaviour
    assert habit is not None
    if not habit.hits:
        return CEILING
    return _clip(1 - float(betainc(habit.hits + 0.5, habit.of - habit.hits + 0.5, habit.threshold)))


def _log_odds(share: float) -> float:
    share = _clip(share)
    return math.log(share / (1 - share))


def _clip(share: float) -> float:
    return min(CEILING, max(FLOOR, share))
