"""How much better or worse a run serves one group of users than all others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from evals.compare import ALPHA, jackknife
from evals.runs import Run, Score
from evals.summary import Summary, by_cluster, summarised


class Gap(NamedTuple):
    """One metric in one group."""

    grouping: str
    group: str
    metric: str
    seen: Summary
    """Of the group alone."""
    gap: float | None
    """What the group has over all others together; None where those have no cases."""
    low: float | None
    high: float | None
    """95 % interval of the gap; None where a side hangs on one user."""


def gaps(run: Run) -> list[Gap]:
    """Every share and mean of a run by every grouping of its samples, in the order of both."""
    header, outputs = run.header, run.outputs()
    scores = [score for score in run.scores() if score.sample in outputs]
    found: list[Gap] = []
    for grouping in dict.fromkeys(name for output in outputs.values() for name in output.groups):
        group_of = {sample: output.groups[grouping] for sample, output in outputs.items() if grouping in output.groups}
        for metric, kind in header.metrics.items():
            if kind.measure != "ratio":
                continue
            own = [score for score in scores if score.metric == metric and score.sample in group_of]
            for group in sorted(set(group_of.values())):
                inside = [score for score in own if group_of[score.sample] == group]
                outside = [score for score in own if group_of[score.sample] != group]
                found.append(Gap(grouping, group, metric, summarised(inside, kind), *between(inside, outside)))
    return found


def between(inside: Sequence[Score], outside: Sequence[Score]) -> tuple[float | None, float | None, float | None]:
    """What some users' scores have over others', with the ends of its 95 % interval.

    Source:
        Welch, Biometrika 34 (1947), over the jackknife's standard errors by user.
    """
    one, all_others = _side(inside), _side(outside)
    if one is None or all_others is None:
        return None, None, None
    (mean, variance, users), (other, spread, others) = one, all_others
    gap = mean - other
    if not (variance + spread) > 0:
        return gap, None, None
    freedom = (variance + spread) ** 2 / (variance**2 / (users - 1) + spread**2 / (others - 1))
    reach = float(student.ppf(1 - ALPHA / 2, freedom)) * math.sqrt(variance + spread)
    return gap, gap - reach, gap + reach


def _side(scores: Sequence[Score]) -> tuple[float, float, int] | None:
    """Sum of hits ÷ sum of `of`, its variance by user (nan where it hangs on one), and how many users there are."""
    sums = np.array(list(by_cluster(scores).values())).reshape(-1, 2)
    total = sums.sum(axis=0)
    if total[1] <= 0:
        return None
    rest = total - sums
    error = jackknife(rest[:, 0] / rest[:, 1]) if (rest[:, 1] > 0).all() else None
    return float(total[0] / total[1]), math.nan if error is None else error**2, len(sums)
