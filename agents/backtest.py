"""How often claims come true: a history is cut in time, and claims from its earlier part are held against the later.

A claim that ratings prove came true where the later ratings of its thing, at least three, lie on average on the same
side of the user's own mean. One that acts prove came true where later acts for it outnumber those against it and are no
rarer than in the population; it is asked only where, at the pace so far, at least two such acts were to be expected.
Every claim is held against the later events, published or not: the fit must not see a selection. What people judged
counts beside it, claim by claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from agents.attribute import Claim, attribute
from agents.behaviour import lower_bound
from agents.calibrate import DEFAULT, log_odds, probability, way
from agents.clean import clean
from agents.signals import Reading, Signals, counted, signals
from agents.verify import Verdict, verify
from limner.domain import Abstention, Fit, History, Judgement, Line, Polarity, Way
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
    parts = halves(history, EARLIER, taxonomy)
    if parts is None:
        return []
    earlier, later = parts
    found: list[Check] = []
    for claim in attribute(earlier, (), (), taxonomy):
        verdict = verify(claim, taxonomy.facets[claim.facet], earlier, baseline)
        true = came_true(claim, way(claim, verdict), earlier, later, baseline)
        if true is not None:
            found.append(_check(history.user_id, claim, verdict, came_true=true))
    return found


def halves(history: History, split: float | datetime, taxonomy: Taxonomy) -> tuple[Signals, Signals] | None:
    """What a history shows before a point and after it; None where it is too short, or lies on one side.

    Args:
        split: The share of the events that come before, 0 to 1; or the time (UTC) from which events come after, and
            undated ones before.
    """
    events = clean(history).history.events
    if isinstance(split, datetime):
        cut = sum(event.ts is None or event.ts < split for event in events)
    else:
        cut = round(len(events) * split)
    if len(events) < LEAST_EVENTS or not 0 < cut < len(events):
        return None
    earlier, later = (History(user_id=history.user_id, events=part) for part in (events[:cut], events[cut:]))
    return signals(earlier, taxonomy), signals(later, taxonomy)


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


def came_true(claim: Claim, proof: Way, earlier: Signals, later: Signals, baseline: Mapping[str, float]) -> bool | None:
    """Whether the later events bear a claim out; None where they cannot tell."""
    readings = later.things[claim.key].readings if claim.key in later.things else ()
    if proof == "rated":
        leaning = _rated(readings)
        return leaning == claim.polarity if leaning else None
    if proof != "acts":
        return None
    agreeing, against = _acts(readings)
    if claim.polarity < 0:
        return against > agreeing if agreeing + against else None
    if len(claim.readings) / len(earlier.events) * len(later.events) < EXPECTED:
        return None
    return agreeing > against and agreeing / len(later.events) >= baseline.get(claim.key, 0.0)


def shown(later: Signals, baseline: Mapping[str, float], taxonomy: Taxonomy) -> dict[str, Polarity]:
    """What later events bear out by themselves, claimed before or not: key to 1 or -1."""
    found: dict[str, Polarity] = {}
    for thing in later.things.values():
        agreeing, against = _acts(thing.readings)
        leaning = _rated(thing.readings)
        if not leaning and agreeing + against >= EXPECTED:
            often = agreeing / len(later.events) >= baseline.get(thing.key, 0.0)
            leaning = -1 if against > agreeing else 1 if agreeing > against and often else 0
        if leaning and taxonomy.serves(thing.key, thing.facet):
            found[thing.key] = leaning
    return found


def _rated(readings: Sequence[Reading]) -> Polarity:
    """The side of the own mean that ratings lie on; 0 where they are too few."""
    deviations = [reading.deviation for reading in readings if reading.deviation is not None]
    total = sum(deviations)
    return 0 if not total or len(deviations) < RATED_LATER else 1 if total > 0 else -1


def _acts(readings: Sequence[Reading]) -> tuple[int, int]:
    """How many signals there are for a thing, and against it."""
    counts = counted(readings)
    return (
        counts.explicit_positive + counts.implicit_positive,
        counts.explicit_negative + counts.implicit_negative,
    )
