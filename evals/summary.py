"""From the scores of a run to one number a metric, with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import bootstrap

from evals.runs import MetricKind, Run, Score
from evals.scorers import MEASURES, RESAMPLES, by_user, ratio


class Summary(NamedTuple):
    """A metric over a run, with its 95 % interval by cluster."""

    mean: float | None
    """None where nothing was scored."""
    low: float | None
    high: float | None
    n: int
    """Cases: sum of `of`, or the number of points."""
    clusters: int
    """Users or conversations they come from."""
    unscored: int
    """Finished samples the metric says nothing about."""
    failed: int
    """Samples without an output, which no metric can score."""


def summary(run: Run, prefix: str = "") -> dict[str, Summary]:
    """Every metric of a run whose name begins so, in the order of its header."""
    header, outputs = run.header, run.outputs().values()
    failed = sum(one.error is not None for one in outputs)
    scores: dict[str, list[Score]] = {name: [] for name in header.metrics if name.startswith(prefix)}
    for score in run.scores():
        if score.metric.startswith(prefix):
            scores.setdefault(score.metric, []).append(score)
    return {
        name: summarised(of_one, header.metrics.get(name, MetricKind()))._replace(
            unscored=len(outputs) - failed - len({score.sample for score in of_one}), failed=failed
        )
        for name, of_one in scores.items()
    }


def summarised(scores: Iterable[Score], kind: MetricKind, *, seed: int = 7) -> Summary:
    """One metric's number; `unscored` and `failed` are left at 0.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3 (percentile interval); clusters are
        resampled whole.
    """
    every = list(scores)
    clusters = len({score.cluster for score in every})
    if kind.measure != "ratio":
        points = [(score.cluster, *point) for score in every for point in score.points]
        if not points:
            return Summary(None, None, None, 0, clusters, 0, 0)
        users, said, true = zip(*points, strict=True)
        found = by_user(MEASURES[kind.measure], users, np.array(said), np.array(true), seed=seed)
        return Summary(found.mean, found.low, found.high, found.n, clusters, 0, 0)
    sums = by_cluster(every)
    hits, of = np.array([one for one, _ in sums.values()]), np.array([one for _, one in sums.values()])
    total = float(of.sum()) if len(of) else 0.0
    if total <= 0:
        return Summary(None, None, None, 0, clusters, 0, 0)
    if not kind.unit:
        share = ratio(hits.tolist(), (of - hits).tolist(), seed=seed)
        return Summary(share.mean, share.low, share.high, round(total), clusters, 0, 0)
    mean = float(hits.sum()) / total
    if clusters < 2 or (not np.ptp(hits) and not np.ptp(of)):
        return Summary(mean, None, None, round(total), clusters, 0, 0)

    def rate(x: Any, y: Any, axis: int = -1) -> Any:
        return x.sum(axis=axis) / np.maximum(y.sum(axis=axis), 1)

    drawn = bootstrap((hits, of), rate, paired=True, method="percentile", n_resamples=RESAMPLES, rng=seed)
    low, high = drawn.confidence_interval
    return Summary(mean, float(low), float(high), round(total), clusters, 0, 0)


def by_cluster(scores: Iterable[Score]) -> Mapping[str, tuple[float, float]]:
    """Sums of hits and `of`, cluster by cluster."""
    sums: dict[str, tuple[float, float]] = {}
    for score in scores:
        hits, of = sums.get(score.cluster, (0.0, 0.0))
        sums[score.cluster] = (hits + score.hits, of + score.of)
    return sums
