"""Evaluation runs written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evals.runs import Header, MetricKind, Output, Run, Runs, Score

AT = datetime(2026, 11, 22, 6, 15, tzinfo=UTC)


def stored(
    home: Path, run: str, told: Mapping[str, Mapping[str, float | tuple[float, float]]], /, **header: Any
) -> Run:
    """A finished run.

    Args:
        told: Sample ids, "user/number", to metric to score, or to (hits, of).
        header: Fields in place of the usual ones.
    """
    names = dict.fromkeys(metric for scores in told.values() for metric in scores)
    fields: dict[str, Any] = {
        "run": run,
        "task": "films",
        "task_version": 1,
        "system": "limner",
        "dataset": "handmade",
        "dataset_digest": "0123456789abcdef",
        "samples": len(told),
        "model": "scripted",
        "prompts": {"propose.v1": "0123456789ab"},
        "taxonomy": "1 0123456789ab",
        "limner": "0.1.0",
        "seed": 0,
        "settings": {"limit": None},
        "metrics": {name: MetricKind() for name in names},
        "started_at": AT,
        "state": "done",
    }
    made = Runs(home).start(Header(**fields | header))
    for sample in told:
        made.add(Output(sample=sample, cluster=user(sample), input="0", output={"said": sample}, reference=["right"]))
    made.score(
        Score(sample=sample, cluster=user(sample), metric=metric, hits=said[0], of=said[1])
        if isinstance(said, tuple)
        else Score(sample=sample, cluster=user(sample), metric=metric, hits=said, of=1)
        for sample, scores in told.items()
        for metric, said in scores.items()
    )
    return made


def user(sample: str) -> str:
    return sample.split("/", maxsplit=1)[0]
