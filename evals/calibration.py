"""Whether probabilities come true: `limner calibrate` on one's own logs, `python -m evals.calibration` on data sets.

Claims from the earlier part of each history are held against the later part (`agents/backtest.py`). Every fit is judged
on users it has not seen: they are dealt into five parts, and each part is foretold by a fit on the other four.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from agents.backtest import Check, fit
from agents.calibrate import DEFAULT, probability
from evals.genres import DATA, events_file
from evals.scorers import Bin, Metric, brier, by_user, calibration_error, ratio, reliability
from limner import settings, show
from limner.app import App
from limner.domain import Fit, Way

FOLDS = 5
SETS = ("movielens", "douban", "completejourney")
WANTED = (0.8, 0.9)


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
    foretold = _foretold(checked)
    default = _said(checked, DEFAULT)
    results: list[Judged] = []
    for way in DEFAULT.lines:
        for published in (False, True):
            rows = [at for at, one in enumerate(checked) if one.way == way and one.published >= published]
            if len({checked[at].user_id for at in rows}) < FOLDS:
                continue
            users = [checked[at].user_id for at in rows]
            true = np.array([float(checked[at].came_true) for at in rows])
            said = foretold[rows]
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


class Abstained(NamedTuple):
    """What asking for a precision does to published tags."""

    wanted: float
    """Share that must come true."""
    kept: Metric
    """Share of the published tags that would still be."""
    came_true: Metric
    """Of those that are kept."""


def abstained(checked: Sequence[Check], wanted: float) -> Abstained:
    """Published tags of users that the thresholds were not found on, had every facet's rule wanted a precision."""
    fold = _folds(checked)
    kept: dict[str, list[bool]] = {}
    for out in range(FOLDS):
        fitted = _fit_without(checked, fold, out, dict.fromkeys({one.facet for one in checked}, wanted))
        for one, part in zip(checked, fold, strict=True):
            if part == out and one.published:
                found = fitted.abstain.get(one.facet)
                sure = probability(one.log_odds, one.way, fitted)
                if sure >= (found.below if found else wanted):
                    kept.setdefault(one.user_id, []).append(one.came_true)
    published = Counter(one.user_id for one in checked if one.published)
    left = [len(kept.get(user, ())) for user in published]
    true = [sum(kept.get(user, ())) for user in published]
    return Abstained(
        wanted,
        ratio(left, [n - here for n, here in zip(published.values(), left, strict=True)]),
        ratio(true, [here - good for here, good in zip(left, true, strict=True)]),
    )


def _folds(checked: Sequence[Check]) -> list[int]:
    """Into which part each claim's user is dealt."""
    return [int(hashlib.blake2b(one.user_id.encode()).hexdigest(), 16) % FOLDS for one in checked]


def _fit_without(
    checked: Sequence[Check], fold: Sequence[int], out: int, precision: Mapping[str, float] | None = None
) -> Fit:
    """The fit on the users of all parts but one."""
    return fit([one for one, part in zip(checked, fold, strict=True) if part != out], precision=precision)


def _foretold(checked: Sequence[Check]) -> NDArray[np.float64]:
    """The probability of every claim by a fit on the other users' claims."""
    fold = _folds(checked)
    fits = [_fit_without(checked, fold, out) for out in range(FOLDS)]
    return np.array(
        [probability(one.log_odds, one.way, fits[part]) for one, part in zip(checked, fold, strict=True)], float
    )


def _said(checked: Sequence[Check], using: Fit) -> NDArray[np.float64]:
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


class Measured(NamedTuple):
    """The results for one data set."""

    judged: list[Judged]
    abstained: list[Abstained]


def measured(folder: Path) -> Measured:
    """The results for one data set."""
    with tempfile.TemporaryDirectory() as home, show.bar(folder.name, "users") as bar:
        app = App(settings.read().model_copy(update={"home": Path(home), "database_url": None}))
        app.ingest([events_file(folder)], {}, lambda done, total, n: None)
        checked = app.checks(lambda stage, done, total, unit: bar.at(done, total))
        app.close()
    return Measured(judge(checked), [abstained(checked, wanted) for wanted in WANTED])


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = DATA,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Calibration error of probabilities on real data sets, by users the fit has not seen; no model is needed."""
    if not data.is_dir():
        raise typer.BadParameter(f"{data} is not there: the data sets are not part of limner.")
    results = {name: measured(data / name) for name in SETS}
    if as_json:
        show.document(results)
        return
    for name, result in results.items():
        show.line(f"\n{name}")
        told(result.judged)
        show.table(
            ("precision wanted", "tags kept", "came true"),
            [(f"{one.wanted:g}", one.kept.counted(), one.came_true.counted()) for one in result.abstained],
        )


if __name__ == "__main__":
    typer.run(main)
