"""Whether one run is better than another: the same samples in both, users taken whole.

A user's samples rise and fall together, so what counts is how many users there are, and of what weight. Were two runs
alike, each user's results could as well be swapped between them: the share of such swaps that make as large a
difference is the p-value, and with one right or wrong sample a user that is McNemar's exact test. Leaving out one user
at a time (the jackknife) says how far the difference hangs on any of them: that is its standard error, and with
Student's t its interval. Both serve shares, means and measures over all points alike. `python -m evals.power` shows by
simulation how often such verdicts are wrong, beside those that the percentile bootstrap would give.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root_scalar
from scipy.stats import binom, binomtest
from scipy.stats import t as student

from evals.runs import Better, Header, MetricKind, Run, Score
from evals.scorers import MEASURES
from limner.errors import InputError

ALPHA = 0.05
POWER = 0.8
MOST = 10_000_000
"""Users beyond whom a need is not told."""
ALL_SWAPS = 13
"""Users up to whom every swap is looked at."""
SWAPS = 9_999
PAGE = 500
"""Swaps computed at once."""
Verdict = Literal["better", "worse", "no difference shown"]
Array = NDArray[np.float64]


class Pairs(NamedTuple):
    """One metric of two runs over the same samples."""

    before: float
    after: float
    error: float | None
    """Standard error of the difference; None where it hangs on a single user."""
    users: int
    samples: int
    changed: int
    """Samples that score differently in the two runs."""
    sums: tuple[Array, Array]
    """Hits and cases of each user, before and after, each of shape (2, users)."""
    flips: tuple[int, int] | None = None
    """Samples gained and lost, where each user has one that is right or wrong."""

    @property
    def delta(self) -> float:
        """After less before."""
        return self.after - self.before

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the difference; None where users do not differ, which says nothing of further users."""
        if not self.error:
            return None
        reach = float(student.ppf(1 - ALPHA / 2, self._freedom)) * self.error
        return max(self.delta - reach, -self._most), min(self.delta + reach, self._most)

    def p(self, at: float = 0.0, *, swaps: int = SWAPS) -> float:
        """How often a difference would lie at least as far from `at`, were `at` the true one; two-sided.

        Were the runs alike, each user's two results could as well be swapped: p is the share of such swaps that make as
        large a difference, among all of them for few users and 9,999 drawn ones for more. With one sample a user that
        is right or wrong this is McNemar's exact test. Five users cannot reach 0.05.

        Source:
            Fisher, The Design of Experiments (1935), section 21; McNemar, Psychometrika 12 (1947).
        """
        if self.flips is not None and at == 0:
            return float(binomtest(self.flips[0], sum(self.flips)).pvalue) if any(self.flips) else 1.0
        if self.error is None:
            return 1.0
        (hits, cases), (hits_after, cases_after) = self.sums
        before, after = np.stack([hits, cases]), np.stack([hits_after - at * cases_after, cases_after])
        wholes = [side.sum(axis=1)[:, None] for side in (before, after)]
        near = 0.0
        drawn = _swaps(self.users, swaps)
        for swapped in drawn:
            moved = (after - before) @ swapped.T
            (hits, cases), (hits_after, cases_after) = wholes[0] + moved, wholes[1] - moved
            with np.errstate(divide="ignore", invalid="ignore"):  # a run left without cases is as far off as can be
                near += np.sum(np.abs(hits_after / cases_after - hits / cases) < abs(self.delta - at) - 1e-12)
        return 1 - float(near) / sum(map(len, drawn))

    def detectable(self, tests: int = 1) -> float | None:
        """The smallest true difference that would be found with 80 % power; None where there is none.

        Args:
            tests: Among how many metrics the 5 % are shared out.

        Source:
            Bloom, Minimum Detectable Effects, Evaluation Review 19 (1995).
        """
        if self.flips is not None:
            return _exactly_detectable(self.samples, sum(self.flips), ALPHA / tests)
        found = _reach(self._freedom, tests) * self.error if self.error and self.users >= _fewest(tests) else math.inf
        return found if found < self._most else None

    def more_users(self, difference: float, tests: int = 1) -> int | None:
        """How many users like these are needed beside them to find a true difference with 80 % power."""
        if not self.error or not difference:
            return None
        error, freedom = self.error * math.sqrt(self.users), self._freedom / self.users

        def lacking(users: float) -> float:
            return _reach(max(1.0, freedom * users), tests) * error / math.sqrt(users) - abs(difference)

        if lacking(MOST) > 0:
            return None
        fewest = _fewest(tests)
        needed = fewest if lacking(fewest) <= 0 else math.ceil(root_scalar(lacking, bracket=(fewest, MOST)).root)
        return max(0, needed - self.users)

    @property
    def _most(self) -> float:
        """The largest difference that there can be: 1 between shares."""
        return 1.0 if all((hits <= cases).all() and (hits >= 0).all() for hits, cases in self.sums) else math.inf

    @property
    def _freedom(self) -> float:
        """Degrees of freedom: users of equal weight that would say as much as these, less one.

        Source:
            Kish, Survey Sampling (1965), section 11.7, for the effective number; Carter, Schnepel and Steigerwald,
            Review of Economics and Statistics 99 (2017), for its use with clusters.
        """
        return max(1.0, min(float(cases.sum() ** 2 / (cases**2).sum()) for _, cases in self.sums) - 1)


@lru_cache(maxsize=4)
def _swaps(users: int, drawn: int) -> tuple[NDArray[np.int8], ...]:
    """Which users' results are swapped, 1 or 0, in pages of shape (swaps, users); one swaps none."""
    if users <= ALL_SWAPS:
        return ((np.arange(2**users)[:, None] >> np.arange(users) & 1).astype(np.int8),)
    rng = np.random.default_rng(7)
    pages = [rng.integers(0, 2, (min(PAGE, drawn - at), users), np.int8) for at in range(0, drawn, PAGE)]
    return (np.zeros((1, users), np.int8), *pages)


def _exactly_detectable(samples: int, flipped: int, alpha: float) -> float | None:
    """The smallest true difference that McNemar's exact test would find with 80 % power.

    Args:
        samples: One a user.
        flipped: How many of them differ, which stays as it is where the difference allows.
    """
    differing = np.arange(samples + 1)
    least = binom.isf(alpha / 2, differing, 0.5) + 1

    def lacking(difference: float) -> float:
        share = max(flipped / samples, difference)
        toward = (share + difference) / (2 * share)
        found = binom.sf(least - 1, differing, toward) + binom.cdf(differing - least, differing, toward)
        return POWER - float(binom.pmf(differing, samples, share) @ found)

    found = (1e-9, 1 - 1e-9)
    return float(root_scalar(lacking, bracket=found).root) if flipped and lacking(found[1]) < 0 else None


def _fewest(tests: int) -> int:
    """Users with fewer of whom no swap is rare enough to show anything: see `Pairs.p`."""
    return math.ceil(1 + math.log2(tests / ALPHA))


def _reach(freedom: float, tests: int) -> float:
    """Standard errors between no difference and one that is found with 80 % power."""
    return float(sum(student.ppf((1 - ALPHA / tests / 2, POWER), freedom)))


class Difference(NamedTuple):
    """One metric of a comparison."""

    before: float
    after: float
    delta: float
    """After less before."""
    delta_low: float | None
    delta_high: float | None
    """95 % interval of `delta`; None where users do not differ."""
    p: float
    """After Holm's correction over the metrics compared."""
    mde: float | None
    """The smallest true difference that would be found with 80 % power, after the correction."""
    verdict: Verdict | None
    """None where neither higher nor lower is better."""
    better: Better | None
    more_users: int | None
    """Needed beside these to find `delta`, or the difference that was asked for, with 80 % power."""
    samples: int
    """In both runs, that the metric says something about."""
    users: int
    """Or conversations."""
    changed: int
    """Samples that score differently."""


class Comparison(NamedTuple):
    before: Header
    after: Header
    samples: int
    """With an output in both."""
    left_out: int
    """Samples that one of the runs lacks or failed at."""
    metrics: dict[str, Difference]


def compare(before: Run, after: Run, *, metrics: Sequence[str] = (), difference: float | None = None) -> Comparison:
    """What the later run has over the earlier one, metric by metric.

    Args:
        metrics: Those to compare; all that both runs have if empty. The fewer, the less each must prove.
        difference: Asked for in `more_users`; the observed one if None.

    Raises:
        InputError: the runs cannot be paired, or do not have such a metric.
    """
    paired = Paired(before, after)
    chosen = {name: paired.pairs(name) for name in metrics or paired.metrics}
    found = {name: pairs for name, pairs in chosen.items() if pairs is not None}
    corrected = holm({name: pairs.p() for name, pairs in found.items() if paired.kind(name).better})
    return Comparison(
        before=paired.before,
        after=paired.after,
        samples=len(paired.samples),
        left_out=paired.left_out,
        metrics={
            name: _difference(pairs, paired.kind(name).better, corrected.get(name), len(corrected), difference)
            for name, pairs in found.items()
        },
    )


def _difference(
    pairs: Pairs, better: Better | None, corrected: float | None, tests: int, wanted: float | None
) -> Difference:
    low, high = pairs.interval or (None, None)
    return Difference(
        before=pairs.before,
        after=pairs.after,
        delta=pairs.delta,
        delta_low=low,
        delta_high=high,
        p=pairs.p() if corrected is None else corrected,
        mde=pairs.detectable(max(tests, 1)),
        verdict=None if corrected is None else verdict(pairs.delta, corrected, better),
        better=better,
        more_users=pairs.more_users(pairs.delta if wanted is None else wanted, max(tests, 1)),
        samples=pairs.samples,
        users=pairs.users,
        changed=pairs.changed,
    )


def verdict(delta: float, p: float, better: Better | None) -> Verdict:
    """What a difference and its corrected p-value come to."""
    if p > ALPHA:
        return "no difference shown"
    return "better" if (delta > 0) == (better == "higher") else "worse"


def holm(raw: Mapping[str, float]) -> dict[str, float]:
    """P-values corrected so that any false alarm among them has at most the chance that one alone would have.

    Source:
        Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, (name, p) in enumerate(sorted(raw.items(), key=lambda one: one[1])):
        largest = max(largest, min(1.0, p * (len(raw) - rank)))
        corrected[name] = largest
    return corrected


class Paired:
    """The samples that two runs have in common, and what their metrics say of them.

    Raises:
        InputError: the runs cannot be paired.
    """

    def __init__(self, before: Run, after: Run) -> None:
        self.before, self.after = before.header, after.header
        _check(self.before, self.after)
        earlier, later = ({k: one for k, one in run.outputs().items() if not one.error} for run in (before, after))
        self.samples = {sample: one.cluster for sample, one in earlier.items() if sample in later}
        self.left_out = len(before.outputs().keys() | after.outputs().keys()) - len(self.samples)
        if not self.samples:
            raise InputError(
                f"Runs {self.before.run} and {self.after.run} have no sample in common that both answered: "
                "run both over the same samples (the same limit and seed)."
            )
        self._scores = [_by_metric(run.scores()) for run in (before, after)]

    @property
    def metrics(self) -> list[str]:
        """Those that both runs have."""
        return [name for name in self.before.metrics if name in self.after.metrics]

    def kind(self, metric: str) -> MetricKind:
        return self.after.metrics[metric]

    def pairs(self, metric: str) -> Pairs | None:
        """One metric over the samples in common; None where it says nothing about them in one of the runs.

        Raises:
            InputError: the runs do not have it.
        """
        if metric not in self.metrics:
            raise InputError(f"{metric} is no metric of both runs; they have {', '.join(self.metrics)}.")
        earlier, later = (
            {sample: score for sample, score in scores.get(metric, {}).items() if sample in self.samples}
            for scores in self._scores
        )
        if not earlier or not later:
            return None
        spoken = [sample for sample in self.samples if sample in earlier or sample in later]
        users = [self.samples[sample] for sample in spoken]
        measure = self.kind(metric).measure
        if measure != "ratio":
            points = [[one[sample].points if sample in one else () for sample in spoken] for one in (earlier, later)]
            return of_points(MEASURES[measure], users, *points)
        cases = (np.array([_cases(one.get(sample)) for sample in spoken]) for one in (earlier, later))
        return of_ratio(users, *cases)


def of_ratio(users: Sequence[object] | NDArray[Any], before: Array, after: Array) -> Pairs | None:
    """Two runs by sum of hits ÷ sum of cases.

    Args:
        users: Whose each sample is, shape (samples,).
        before: Hits and cases of each sample, shape (samples, 2).
        after: The same of the other run, in the same order.

    Returns:
        None where a run has no cases.
    """
    names, place = np.unique(np.asarray(users, dtype=str), return_inverse=True)
    earlier, later = (_sums(place, one) for one in (before, after))
    if earlier[1].sum() <= 0 or later[1].sum() <= 0:
        return None
    rest, rest_later = (one.sum(axis=1, keepdims=True) - one for one in (earlier, later))
    alone = bool((rest[1] <= 0).any() or (rest_later[1] <= 0).any())
    one_a_user = len(names) == len(place) and bool((before[:, 1] == 1).all() and (after[:, 1] == 1).all())
    right_or_wrong = one_a_user and bool(np.isin([before[:, 0], after[:, 0]], (0, 1)).all())
    gained, lost = (int((sign * (after[:, 0] - before[:, 0]) > 0).sum()) for sign in (1, -1))
    return Pairs(
        before=float(earlier[0].sum() / earlier[1].sum()),
        after=float(later[0].sum() / later[1].sum()),
        error=None if alone else jackknife(rest_later[0] / rest_later[1] - rest[0] / rest[1]),
        users=len(names),
        samples=len(place),
        changed=int((before != after).any(axis=1).sum()),
        sums=(earlier, later),
        flips=(gained, lost) if right_or_wrong else None,
    )


def _sums(place: NDArray[np.intp], cells: Array) -> Array:
    """Hits and cases of each user, shape (2, users)."""
    return np.stack([np.bincount(place, column) for column in cells.T]).astype(float)


Points = Sequence[tuple[float, float]]


def of_points(
    measure: Callable[[Array, Array], float], users: Sequence[object], before: Sequence[Points], after: Sequence[Points]
) -> Pairs | None:
    """Two runs by a measure that only all points together have.

    Args:
        measure: Of probabilities, and of 1 or 0 for each.
        users: Whose each sample is.
        before: The points of each sample.
        after: The same of the other run, in the same order.

    Returns:
        None where a run has no points.
    """
    names, place = np.unique(np.asarray(users, dtype=str), return_inverse=True)
    if not any(before) or not any(after):
        return None
    runs = [_spread(place, one) for one in (before, after)]
    without = [
        [measure(*points[:, whose != user]) if (whose != user).any() else math.nan for points, whose in runs]
        for user in range(len(names))
    ]
    differences = np.array([later - earlier for earlier, later in without])
    earlier, later = (measure(*points) for points, _ in runs)
    alone = bool(np.isnan(differences).any())
    pulls = np.zeros(len(names)) if alone else later - earlier + (len(names) - 1) * (differences.mean() - differences)
    ones = np.ones(len(names))
    return Pairs(
        earlier,
        later,
        error=None if alone else jackknife(differences),
        users=len(names),
        samples=len(place),
        changed=sum(tuple(one) != tuple(other) for one, other in zip(before, after, strict=True)),
        sums=(np.stack([0 * ones, ones]), np.stack([pulls, ones])),
    )


def _spread(place: NDArray[np.intp], points: Sequence[Points]) -> tuple[Array, NDArray[np.intp]]:
    """All points of a run, shape (2, points), and whose each is."""
    whose = np.repeat(place, [len(one) for one in points])
    return np.array([point for one in points for point in one]).T, whose


def jackknife(without: Array) -> float | None:
    """The standard error of a statistic.

    Args:
        without: The statistic when one user is left out, for each user.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap (1993), equation 11.5.
    """
    users = len(without)
    if users < 2:
        return None
    error = float(np.sqrt((users - 1) * without.var()))
    return error if error > 1e-12 else 0.0


def _check(before: Header, after: Header) -> None:
    """That two runs answered the same questions.

    Raises:
        InputError: they did not.
    """
    names = f"{before.run} and {after.run}"
    if before.run == after.run:
        raise InputError(f"{before.run} is both of the runs: name two.")
    if before.task != after.task:
        raise InputError(f"Runs {names} are of two tasks, {before.task} and {after.task}: compare runs of one task.")
    if before.task_version != after.task_version:
        raise InputError(
            f"Runs {names} are of versions {before.task_version} and {after.task_version} of {before.task}, whose "
            "scores do not compare: run the older one again."
        )
    if before.dataset_digest != after.dataset_digest:
        raise InputError(
            f"Runs {names} read different data ({before.dataset} {before.dataset_digest}, {after.dataset} "
            f"{after.dataset_digest}): run both on the same."
        )


def _by_metric(scores: Iterable[Score]) -> dict[str, dict[str, Score]]:
    """Metric to sample to score."""
    found: dict[str, dict[str, Score]] = {}
    for score in scores:
        found.setdefault(score.metric, {})[score.sample] = score
    return found


def _cases(score: Score | None) -> tuple[float, float]:
    return (score.hits, score.of) if score is not None else (0.0, 0.0)
