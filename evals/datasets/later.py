"""Whether probabilities come true: claims from the first part of a history, held against the rest of it.

No gold is needed but the events themselves; see `agents/backtest.py` for what comes true, and the card of each set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.backtest import Check
from agents.calibrate import DEFAULT
from evals.calibration import foretold, kept, said_by
from evals.datasets.histories import histories
from evals.runs import MetricKind, Output
from evals.systems import take_in
from evals.task import DATA, Bench, Dataset, Points, Sample, Scorer, System, Tally
from limner.domain import Way
from prompts.taxonomy import Taxonomy

WAYS: tuple[Way, ...] = ("rated", "acts")
"""Those that later events can judge."""


def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a user."""
    return [Sample(user_id, history) for user_id, history in histories(files[0]).items()]


MOVIELENS, DOUBAN, COMPLETEJOURNEY = (
    Dataset(name, (DATA / name / "events.jsonl",), read) for name in ("movielens", "douban", "completejourney")
)


def _saying(
    say: Callable[[Sequence[Check]], NDArray[np.float64]],
    wanted: float = 0.0,
) -> System:
    def solve(bench: Bench) -> str:
        take_in(bench)
        checked = bench.app.checks(bench.told)
        of_user = defaultdict[str, list[dict[str, object]]](list)
        for one, said, published in zip(checked, say(checked), kept(checked, wanted), strict=True):
            row = {"key": one.key, "way": one.way, "said": said, "true": one.came_true}
            row |= {"proved": one.published, "published": published}
            of_user[one.user_id].append(row)
        for sample in bench.left:
            bench.finish(sample, {"claims": of_user[sample.history.user_id]})
        return ""

    return System(solve)


SYSTEMS: Mapping[str, System] = {
    "fitted": _saying(foretold),
    "default": _saying(lambda checked: said_by(checked, DEFAULT)),
    **{f"precision-{wanted:g}": _saying(foretold, wanted) for wanted in (0.8, 0.9)},
}
"""Probabilities by a fit on the other users, by the fit that limner comes with, and by the first with what is not sure
enough held back."""


def _claims(way: Way) -> Callable[[Sample, Output], Points | None]:
    """(said, came true) of the published claims that are proved so; None where the user has none."""

    def points(sample: Sample, output: Output) -> Points | None:
        claims = [one for one in output.output["claims"] if one["published"] and one["way"] == way]
        return tuple((one["said"], float(one["true"])) for one in claims) or None

    return points


def came_true(sample: Sample, output: Output) -> Tally:
    """Of the published claims, those that the later events bear out."""
    claims = [one for one in output.output["claims"] if one["published"]]
    return Tally(sum(one["true"] for one in claims), len(claims))


def published(sample: Sample, output: Output) -> Tally:
    """Of the claims that passed their rule, those that are not held back."""
    claims = [one for one in output.output["claims"] if one["proved"]]
    return Tally(sum(one["published"] for one in claims), len(claims))


SCORERS: Mapping[str, Scorer] = {
    "came_true": Scorer(came_true),
    "published": Scorer(published, MetricKind(better=None)),
    **{
        f"{name}_{way}": Scorer(_claims(way), MetricKind(measure=measure, better="lower"))
        for way in WAYS
        for name, measure in (("calibration_error", "calibration_error"), ("brier", "brier"))
    },
}
