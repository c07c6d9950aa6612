"""How often claims come true: a history is cut in time, and claims from its earlier part are held against the later.

A claim that ratings prove came true where the later ratings of its thing, at least three, lie on average on the same
side of the user's own mean. One that acts prove came true where later acts for it outnumber those against it and are no
rarer than in the population; it is asked only where, at the pace so far, at least two such acts were to be expected.
Every claim is held against the later events, published or not: the fit must not see a selection. What people judged
counts beside it, claim by claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from agents.attribute import Claim, attribute
from agents.behaviour import lower_bound
from agents.calibrate import DEFAULT, log_odds, probability, way
from agents.clean import clean
from agents.signals import Signals, counted, signals
from agents.verify import Verdict, verify
from limner.domain import Abstention, Fit, History, Judgement, Line, Way
from prompts.taxonomy import Taxonomy

EARLIER = 0.6
"""Share of the events that claims are made from."""
LEAST_EVENTS = 15
"""Events below which a history is too short to be cut."""
RATED_LATER = 3
"""Later ratings below which their mean is mostly noise."""
EXPECTED = 2.0
"""Acts to be expected of a claim before their absence says anything."""
SURE = 0.95
"""One-sided confidence that the wanted share of a facet's tags comes true."""
DOUBT = 1.0
"""Standard deviation of a line's shift and slope about the default: how fast data overrules it."""


class Check(NamedTuple):
    """One claim from the earlier part of a history, and whether the later part bears it out."""

    user_id: str
    key: str
    facet: str
    way: Way
    published: bool
    """Whether the earlier part proved it."""
    log_odds: float
    came_true: bool


def checks(history: History, taxonomy: Taxonomy, baseline: Mapping[str, float]) -> list[Check]:
    """The claims of one history that its later part can judge."""
    events = clean(history).history.events
    if len(events) < LEAST_EVENTS:
        return []
    cut = round(len(events) * EARLIER)
    earlier, later = (
        signals(History(user_id=history.user_id, events=part), taxonomy) for part in (events[:cut], events[cut:])
    )
    found: list[Check] = []
    for claim in attribute(earlier, (), (), taxonomy):
        verdict = verify(claim, taxonomy.facets[claim.facet], earlier, baseline)
        true = _came_true(claim, way(claim, verdict), earlier, later, baseline)
        if true is not None:
            found.append(_check(history.user_id, claim, verdict, came_true=true))
    return found


def judged(
    history: History, judgements: Iterable[Judgement], taxonomy: Taxonomy, baseline: Mapping[str, float]
) -> list[Check]:
    """What counting says now of the claims about a user that people judged; a claim that turned since is left out."""
    counted = signals(clean(history).history, taxonomy)
    claims = {claim.key: claim for claim in attribute(counted, (), (), taxonomy)}
    found: list[Check] = []
    for one in judgements:
        claim = claims.get(one.key)
        if claim is not None and claim.polarity == one.polarity:
            verdict = verify(claim, taxonomy.facets[claim.facet], counted, baseline)
            found.append(_check(one.user_id, claim, verdict, came_true=one.correct))
    return found


def _check(user_id: str, claim: Claim, verdict: Verdict, *, came_true: bool) -> Check:
    return Check(
        user_id, claim.key, claim.facet, way(claim, verdict), verdict.holds, log_odds(claim, verdict), came_true
    )


def fit(checked: Sequence[Check], *, population: int = 0, precision: Mapping[str, float] | None = None) -> Fit:
    """The lines that make the checked claims likeliest, drawn to the default ones where there are few.

    Args:
        precision: Of facets, the share of their published tags that must come true.

    Source:
        Maximum a posteriori logistic regression; Gelman et al., Bayesian Data Analysis (3rd ed.), section 16.3.
    """
    fitted = Fit(
        population=population,
        users=len({one.user_id for one in checked}),
        checks=len(checked),
        lines={
            proof: _line([one for one in checked if one.way == proof], line) for proof, line in DEFAULT.lines.items()
        },
    )
    abstain: dict[str, Abstention] = {}
    for facet, wanted in (precision or {}).items():
        cases = [
            (probability(one.log_odds, one.way, fitted), one.came_true)
            for one in checked
            if one.facet == facet and one.published
        ]
        if cases:
            abstain[facet] = Abstention(precision=wanted, below=_abstain(cases, wanted))
    return fitted.model_copy(update={"abstain": abstain})


def _abstain(cases: Iterable[tuple[float, bool]], wanted: float) -> float:
    """The least probability from which on the wanted share comes true, by a lower bound; 1 where there is none.

    Source:
        El-Yaniv and Wiener, On the Foundations of Noise-free Selective Classification (JMLR 11, 2010), for the idea.
    """
    below, true = 1.0, 0
    for n, (said, came_true) in enumerate(sorted(cases, reverse=True), 1):
        true += came_true
        if lower_bound(true, n, SURE) >= wanted:
            below = said
    return below


def _line(cases: Sequence[Check], prior: Line) -> Line:
    if not cases:
        return prior
    odds = np.array([one.log_odds for one in cases])
    signs = np.array([1.0 if one.came_true else -1.0 for one in cases])
    start = np.array([prior.shift, prior.slope])

    def loss(line: NDArray[np.float64]) -> float:
        doubt = float((((line - start) / DOUBT) ** 2).sum()) / 2
        return doubt + float(np.logaddexp(0, -signs * (line[0] + line[1] * odds)).sum())

    shift, slope = minimize(loss, start, method="L-BFGS-B", bounds=[(None, None), (0, None)]).x
    return Line(shift=round(float(shift), 4), slope=round(float(slope), 4))


def _came_true(
    claim: Claim, proof: Way, earlier: Signals, later: Signals, baseline: Mapping[str, float]
) -> bool | None:
    """None where the later events cannot tell."""
    thing = later.things.get(claim.key)
    if proof == "rated":
        deviations = [reading.deviation for reading in thing.readings if reading.deviation is not None] if thing else []
        total = sum(deviations)
        return (total > 0) == (claim.polarity > 0) if total and len(deviations) >= RATED_LATER else None
    if proof != "acts":
        return None
    counts = counted(thing.readings if thing else ())
    agreeing = counts.explicit_positive + counts.implicit_positive
    against = counts.explicit_negative + counts.implicit_negative
    if claim.polarity < 0:
        return against > agreeing if agreeing + against else None
    if len(claim.readings) / len(earlier.events) * len(later.events) < EXPECTED:
        return None
    return agreeing > against and agreeing / len(later.events) >= baseline.get(claim.key, 0.0)
