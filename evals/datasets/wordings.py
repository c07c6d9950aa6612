"""The wordings of `prompts/wordings.yaml`, each read by all the others: how well a new one would be. See wordings.md.

A wording is read right where the reading that is taken is its own, wrong where it is another, and in doubt where none
leads; then whoever asks is offered the likeliest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from agents.plan import OFFERED
from agents.precedents import clear
from evals.runs import MetricKind, Output
from evals.task import Bench, Dataset, Sample, Scorer, System
from prompts.taxonomy import Taxonomy
from prompts.wordings import wordings

FILE = Path(str(files("prompts") / "wordings.yaml"))


def _read(_: Sequence[Path], __: Taxonomy) -> list[Sample]:
    return [
        Sample(
            f"{one.language} {one.means} | {one.text}",
            {"language": one.language, "text": one.text},
            {"means": one.means},
            groups={"language": one.language},
        )
        for one in wordings()
    ]


def _solve(bench: Bench) -> str:
    precedents = bench.app.vocabulary(bench.told).precedents
    assert precedents is not None
    read = {(one.language, one.text): readings for one, readings in precedents.left_out()}
    for sample in bench.left:
        assert isinstance(sample.given, Mapping)
        readings = read[sample.given["language"], sample.given["text"]]
        taken = clear(sample.given["text"], readings, lambda _: True)
        offered = [reading.means for reading in readings[:OFFERED]]
        bench.finish(sample, {"taken": None if taken is None else taken.means, "offered": offered})
    return ""


def _right(sample: Sample, output: Output) -> float:
    return float(output.output["taken"] == sample.reference["means"])


def _wrong(sample: Sample, output: Output) -> float:
    return float(output.output["taken"] not in (None, sample.reference["means"]))


def _taken_right(sample: Sample, output: Output) -> float | None:
    return None if output.output["taken"] is None else _right(sample, output)


def _offered(sample: Sample, output: Output) -> float:
    return float(sample.reference["means"] in output.output["offered"])


WORDINGS = Dataset("wordings", (FILE,), _read)
SYSTEMS: Mapping[str, System] = {"limner": System(_solve)}
SCORERS: Mapping[str, Scorer] = {
    "read_right": Scorer(_right),
    "read_wrong": Scorer(_wrong, MetricKind(better="lower")),
    "right_of_those_read": Scorer(_taken_right),
    "right_one_offered": Scorer(_offered),
}
