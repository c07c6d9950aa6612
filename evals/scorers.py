"""How good profiles are, as pure functions of what was published and what is true."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, bootstrap

from evals.ranking import auc
from limner.domain import Event, Evidence, SignalKind, Tag

RESAMPLES = 2_000
DRAWS = 500
"""Resamples where each is costly."""


class Metric(NamedTuple):
    """A mean with its 95 % interval, resampled by user."""

    mean: float
    low: float
    high: float
    n: int
    """Cases scored."""

    def words(self) -> str:
        """The mean and its interval."""
        if not self.n:
            return "nothing to score"
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"

    def counted(self) -> str:
        """The same with the number of cases."""
        if not self.n:
            return self.words()
        return f"{self.words()[:-1]}, n {self.n})"


class Agreement(NamedTuple):
    """One user's published polarities against the gold ones."""

    right: int
    wrong: int
    """Published where the gold says the other way, or neither."""
    missed: int
    """In the gold, and not published with its polarity."""
    unjudged: int
    """Published where the gold has too few ratings to say."""


def agreement(published: Mapping[str, int], gold: Mapping[str, int | None]) -> Agreement:
    """How the published polarities of one user agree with the gold ones.

    Args:
        published: Key to 1 or -1.
        gold: Key to 1, -1, 0 for neither, or None where the gold does not say.
    """
    right = sum(published.get(key) == polarity for key, polarity in gold.items() if polarity)
    wrong = sum(
        key in published and published[key] != polarity for key, polarity in gold.items() if polarity is not None
    )
    missed = sum(published.get(key) != polarity for key, polarity in gold.items() if polarity)
    unjudged = sum(key in published for key, polarity in gold.items() if polarity is None)
    return Agreement(right, wrong, missed, unjudged)


def ratio(hits: Sequence[float], misses: Sequence[float], *, seed: int = 7) -> Metric:
    """Hits of all cases, with an interval resampled by user.

    Args:
        hits: Per user; whole or, of an F1, halves.
        misses: Per user, in the same order.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3 (percentile interval).
    """
    good, bad = np.asarray(hits, float), np.asarray(misses, float)
    total = float(good.sum() + bad.sum())
    if not total:
        return Metric(float("nan"), float("nan"), float("nan"), 0)

    def share(x: NDArray[np.float64], y: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        cases = x.sum(axis=axis) + y.sum(axis=axis)
        return np.asarray(np.divide(x.sum(axis=axis), cases, out=np.ones_like(cases), where=cases > 0))

    mean = float(good.sum() / total)
    if len(good) < 2 or not bad.any() or not good.any():
        return Metric(mean, *_exact(round(good.sum()), max(1, round(total))), round(total))
    found = bootstrap((good, bad), share, paired=True, method="percentile", n_resamples=RESAMPLES, rng=seed)
    return Metric(mean, float(found.confidence_interval.low), float(found.confidence_interval.high), round(total))


def f1(right: Sequence[int], wrong: Sequence[int], missed: Sequence[int], *, seed: int = 7) -> Metric:
    """The harmonic mean of precision and recall over all cases, with an interval resampled by user.

    Args:
        right: Tags per user that are published and in the gold.
        wrong: Those published only, in the same order.
        missed: Those in the gold only.

    Returns:
        `n` counts the cases in the gold.

    Source:
        Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 8.3.
    """
    both = [2 * hits for hits in right]
    either = [false + lost for false, lost in zip(wrong, missed, strict=True)]
    return ratio(both, either, seed=seed)._replace(n=sum(right) + sum(missed))


def per(amounts: Sequence[float], units: Sequence[float], *, seed: int = 7) -> Metric:
    """The sum of amounts over the sum of units, with an interval resampled by user.

    Args:
        amounts: Per user.
        units: Per user, in the same order, such as thousands of tokens.
    """
    over = np.asarray(amounts, float), np.asarray(units, float)

    def quotient(x: NDArray[np.float64], y: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(x.sum(axis=axis) / y.sum(axis=axis))

    mean = float(over[0].sum() / over[1].sum())
    if len(set(amounts)) == len(set(units)) == 1:
        return Metric(mean, mean, mean, len(amounts))
    found = bootstrap(over, quotient, paired=True, method="percentile", n_resamples=RESAMPLES, rng=seed)
    return Metric(mean, float(found.confidence_interval.low), float(found.confidence_interval.high), len(amounts))


def _exact(hits: int, total: int) -> tuple[float, float]:
    """The exact 95 % interval of a share that is 0 or 1, where resampling has no spread.

    Source:
        Clopper and Pearson, Biometrika 26 (1934).
    """
    interval = binomtest(hits, total).proportion_ci(method="exact")
    return float(interval.low), float(interval.high)


class Bin(NamedTuple):
    """Claims of about equal probability: what was said of them, and how many came true."""

    said: float
    came_true: float
    n: int


def reliability(said: NDArray[np.float64], came_true: NDArray[np.float64], bins: int = 10) -> list[Bin]:
    """The bins of equal width that hold any claim, from the least likely to the likeliest.

    Args:
        said: Probabilities, 0 to 1.
        came_true: 1 or 0 for each.

    Source:
        DeGroot and Fienberg, The Comparison and Evaluation of Forecasters (The Statistician 32, 1983).
    """
    place = np.minimum((said * bins).astype(int), bins - 1)
    chosen = (place == number for number in range(bins))
    return [Bin(float(said[s].mean()), float(came_true[s].mean()), int(s.sum())) for s in chosen if s.any()]


def calibration_error(said: NDArray[np.float64], came_true: NDArray[np.float64]) -> float:
    """The expected calibration error: how far the bins are from what they say, weighed by their claims; 0 is the best.

    Source:
        Guo et al., On Calibration of Modern Neural Networks (ICML 2017), equation 3.
    """
    return sum(one.n * abs(one.said - one.came_true) for one in reliability(said, came_true)) / len(said)


def brier(said: NDArray[np.float64], came_true: NDArray[np.float64]) -> float:
    """The mean squared error of the probabilities; 0 is the best, 0.25 is what always saying one half gets.

    Source:
        Brier, Verification of Forecasts Expressed in Terms of Probability (Monthly Weather Review 78, 1950).
    """
    return float(((said - came_true) ** 2).mean())


def kappa(said: NDArray[np.float64], came_true: NDArray[np.float64]) -> float:
    """How far verdicts (probabilities above one half) agree with labels beyond chance; 1 is the best, 0 is chance.

    Where all labels are of one kind there is nothing to agree on, and it is 0. It is what scikit-learn's
    `cohen_kappa_score` says, without the checks that make a resampling of that take a minute.

    Source:
        Cohen, A Coefficient of Agreement for Nominal Scales (Educational and Psychological Measurement 20, 1960).
    """
    yes, right = said > 0.5, came_true > 0.5
    agreed, one, other = float((yes == right).mean()), float(yes.mean()), float(right.mean())
    by_chance = one * other + (1 - one) * (1 - other)
    return (agreed - by_chance) / (1 - by_chance) if 0 < other < 1 else 0.0


def area(said: NDArray[np.float64], came_true: NDArray[np.float64]) -> float:
    """The area under the ROC curve; one half, which is chance, where all labels are of one kind."""
    found = auc(said, came_true)
    return 0.5 if found is None else found


def probability(log_odds: float) -> float:
    """What log-odds come to, 0 to 1."""
    return 1 / (1 + math.exp(-log_odds))


def macro_f1(said: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """The mean over the true classes of the F1 of each; a class is a number.

    Source:
        Sokolova and Lapalme, A Systematic Analysis of Performance Measures (Information Processing and Management 45,
        2009), table 3, with the F1 taken before the mean.
    """
    classes = np.unique(true)
    hits = np.array([((said == one) & (true == one)).sum() for one in classes], float)
    either = np.array([(said == one).sum() + (true == one).sum() for one in classes], float)
    return float((2 * hits / either).mean())


RIGHT = 0.95
"""Share of what a judge says that has to be right before anything is published on its word."""


def could_speak(said: NDArray[np.float64], came_true: NDArray[np.float64], least: int = 20) -> float:
    """The share of cases above the lowest threshold from which on 95 % are true, of at least `least` cases; 0 where
    there is no such threshold."""
    right = np.cumsum(came_true[np.argsort(-said)]) / np.arange(1, len(said) + 1)
    enough = np.flatnonzero(right[least - 1 :] >= RIGHT)
    return float(enough[-1] + least) / len(said) if len(enough) else 0.0


MEASURES: dict[str, Callable[[NDArray[np.float64], NDArray[np.float64]], float]] = {
    "calibration_error": calibration_error,
    "brier": brier,
    "kappa": kappa,
    "auc": area,
    "macro_f1": macro_f1,
    "could_speak": could_speak,
}
"""What only all claims together have, by name: from their probabilities, and 1 or 0 for how each came out; or from what
each was called, and what it is."""


def by_user(
    measure: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
    users: Sequence[str],
    said: NDArray[np.float64],
    came_true: NDArray[np.float64],
    *,
    seed: int = 7,
) -> Metric:
    """A measure of probabilities with a 95 % interval, users resampled whole.

    Args:
        users: Whose claim each is.
    """
    rows: dict[str, list[int]] = {}
    for row, user in enumerate(users):
        rows.setdefault(user, []).append(row)
    groups = [np.array(own) for own in rows.values()]
    rng = np.random.default_rng(seed)
    drawn = (np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))]) for _ in range(DRAWS))
    low, high = np.percentile([measure(said[chosen], came_true[chosen]) for chosen in drawn], (2.5, 97.5))
    return Metric(measure(said, came_true), float(low), float(high), len(said))


def failed_recounts(
    user_id: str, tags: Sequence[Tag], events: Sequence[Event], carries: Callable[[Tag, Event, Evidence], bool]
) -> list[str]:
    """Published tags whose evidence does not stand when it is counted again from the raw events; [] is the goal.

    Each cited event must exist, belong to the user, carry the tag, and speak the way it is cited: a rating above the
    user's own mean as explicit and positive, and so on; what users say of themselves is read from their words, whatever
    stars stand beside it. The cited events alone must reach the floor of signals.

    Args:
        events: All of the user's, as stored.
        carries: Whether an event is about a tag, by attributes or words.
    """
    by_id = {event.event_id: event for event in events}
    stars = [event.value for event in events if event.kind in {"rating", "review"} and event.value is not None]
    mean = sum(stars) / len(stars) if stars else 0.0
    heavy = _at_three_times_the_median(events)
    failed: list[str] = []
    for tag in tags:
        cited = [(evidence, by_id.get(evidence.event_id)) for evidence in tag.evidence]
        for evidence, event in cited:
            if event is None or event.user_id != user_id:
                failed.append(f"{tag.key}: {evidence.event_id} is not an event of the user")
            elif not carries(tag, event, evidence):
                failed.append(f"{tag.key}: {evidence.event_id} is not about it")
            elif tag.measure is None and tag.basis != "stated" and not _leans(evidence.signal, event, mean, len(stars)):
                failed.append(f"{tag.key}: {evidence.event_id} is cited as {evidence.signal}")
        if not _floor(tag, heavy):
            failed.append(f"{tag.key}: its evidence does not reach the floor")
    return failed


def _leans(signal: SignalKind, event: Event, mean: float, rated: int) -> bool:
    """Whether a rating is on the side of the own mean that it is cited for; anything else is taken at its kind."""
    if event.kind not in {"rating", "review"} or event.value is None or rated < 5 or signal is SignalKind.STATED:
        return True
    if abs(event.value - mean) < 0.25:
        return signal.value.startswith("implicit")
    return (event.value > mean) == (signal is SignalKind.EXPLICIT_POSITIVE)


def _at_three_times_the_median(events: Sequence[Event]) -> frozenset[str]:
    """Ids of rows without a time that sum up at least three times what the user's rows of ten items or more do."""
    found: set[str] = set()
    plays = [event for event in events if event.ts is None and event.value and event.kind not in {"rating", "review"}]
    for sort in {(event.kind, event.source) for event in plays}:
        rows = [event for event in plays if (event.kind, event.source) == sort]
        usual = statistics.median(event.value or 0 for event in rows)
        if len(rows) >= 10 and len({event.item_id for event in rows}) == len(rows):
            found |= {event.event_id for event in rows if (event.value or 0) >= 3 * usual}
    return frozenset(found)


def _floor(tag: Tag, heavy: Collection[str]) -> bool:
    """At least two explicit, three implicit, one and two, or one in the user's own words that agrees with the tag.

    Args:
        heavy: Events that are worth three of their sort.
    """
    side = "negative" if tag.polarity < 0 else "positive"
    explicit = sum(evidence.signal == f"explicit_{side}" for evidence in tag.evidence)
    implicit = sum(
        3 if evidence.event_id in heavy else 1 for evidence in tag.evidence if evidence.signal == f"implicit_{side}"
    )
    stated = sum(evidence.signal is SignalKind.STATED for evidence in tag.evidence)
    stated += explicit if tag.basis == "stated" else 0
    return stated >= 1 or explicit >= 2 or implicit >= 3 or (explicit >= 1 and implicit >= 2)
