"""Whether probabilities come true: `limner calibrate` on one's own logs, the tasks of `datasets/later.py` on others'.

Claims from the earlier part of each history are held against the later part (`agents/backtest.py`). Every fit is judged
on users it has not seen: they are dealt into five parts, and each part is foretold by a fit on the other four.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.backtest import Check, fit
from agents.calibrate import DEFAULT, probability
from evals.scorers import Bin, Metric, brier, by_user, calibration_error, reliability
from limner import show
from limner.domain import Fit, Way

FOLDS = 5


class Judged(NamedTuple):
    """How far the probabilities of one way of proof can be believed."""

    way: Way
    published: bool
    """Only claims that passed their rule; otherwise all of them."""
    users: int
    came_true: float
    default_error: Metric
    """Expected calibration error of the fit that limner comes with."""
    error: Metric
    """Of a fit on other users of the same population."""
    brier: Metric
    bins: list[Bin]


def judge(checked: Sequence[Check]) -> list[Judged]:
    """Every way of proof that has checks, all claims and the published ones apart."""
    fitted = foretold(checked)
    default = said_by(checked, DEFAULT)
    results: list[Judged] = []
    for way in DEFAULT.lines:
        for published in (False, True):
            rows = [at for at, one in enumerate(checked) if one.way == way and one.published >= published]
            if len({checked[at].user_id for at in rows}) < FOLDS:
                continue
            users = [checked[at].user_id for at in rows]
            true = np.array([float(checked[at].came_true) for at in rows])
            said = fitted[rows]
            results.append(
                Judged(
                    way,
                    published,
                    len(set(users)),
                    float(true.mean()),
                    by_user(calibration_error, users, default[rows], true),
                    by_user(calibration_error, users, said, true),
                    by_user(brier, users, said, true),
                    reliability(said, true),
                )
            )
    return results


def foretold(checked: Sequence[Check]) -> NDArray[np.float64]:
    """The probability of every claim by a fit on the other users' claims."""
    fold = _folds(checked)
    fits = _fits(checked, fold)
    return np.array(
        [probability(one.log_odds, one.way, fits[part]) for one, part in zip(checked, fold, strict=True)], float
    )


def kept(checked: Sequence[Check], wanted: float) -> list[bool]:
    """Whether each claim would be published if its facet's rule wanted a precision, by thresholds of other users.

    Args:
        wanted: Share that must come true; 0 holds nothing back that passed its rule.
    """
    if not wanted:
        return [one.published for one in checked]
    fold = _folds(checked)
    fits = _fits(checked, fold, dict.fromkeys({one.facet for one in checked}, wanted))
    found = [fits[part].abstain.get(one.facet) for one, part in zip(checked, fold, strict=True)]
    return [
        one.published and bool(said >= (threshold.below if threshold else wanted))
        for one, said, threshold in zip(checked, foretold(checked), found, strict=True)
    ]


def _folds(checked: Sequence[Check]) -> list[int]:
    """The part that each claim's user is dealt into."""
    return [int(hashlib.blake2b(one.user_id.encode()).hexdigest(), 16) % FOLDS for one in checked]


def _fits(checked: Sequence[Check], fold: Sequence[int], precision: Mapping[str, float] | None = None) -> list[Fit]:
    """For each part, the fit on the users of all others."""
    return [
        fit([one for one, part in zip(checked, fold, strict=True) if part != out], precision=precision)
        for out in range(FOLDS)
    ]


def said_by(checked: Sequence[Check], using: Fit) -> NDArray[np.float64]:
    return np.array([probability(one.log_odds, one.way, using) for one in checked], float)


def told(results: Sequence[Judged]) -> None:
    """The results as a table, and the published claims' reliability as a plot in characters."""
    show.table(
        ("proved by", "claims", "n", "came true", "error, default fit", "error, own fit", "Brier"),
        [
            (
                one.way,
                "published" if one.published else "all",
                f"{one.error.n:,} of {one.users} users",
                f"{one.came_true:.2f}",
                one.default_error.words(),
                one.error.words(),
                one.brier.words(),
            )
            for one in results
        ],
    )
    for one in results:
        if one.published:
            show.line(f"\nProved by {one.way}: how many came true (█), where said (│)")
            for place in one.bins:
                bar = "█" * round(place.came_true * 40)
                at = min(39, round(place.said * 40))
                drawn = bar.ljust(40)
                show.line(f"  {place.said:.2f} {drawn[:at]}│{drawn[at + 1 :]} {place.came_true:.2f}  n {place.n:,}")
