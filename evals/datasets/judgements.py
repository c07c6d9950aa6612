"""Sentences that facts carry or do not, and portraits of which one is better: what a judge is judged by. See
judgements.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from evals.datasets.histories import rows
from evals.task import Dataset, Sample
from prompts.taxonomy import Taxonomy

FILE = Path(__file__).with_name("judgements.jsonl")
SECOND = Path(__file__).with_name("judgements.second.jsonl")
"""What a second reader said of every sample, which saw neither labels nor faults."""


def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a sentence and a pair of portraits, with both labels; those about the same facts are a cluster."""
    second = {row.pop("sample"): row for row in rows(files[1])}
    return [
        replace(sample, reference=sample.reference | {"second": second[sample.id]}) for sample in _samples(files[0])
    ]


def _samples(path: Path) -> Iterator[Sample]:
    for number, row in enumerate(rows(path)):
        case, groups = row["case"], {"language": row["language"]}
        given = {"language": row["language"], "facts": row["facts"]}
        for at, text in enumerate(row["carried"], 1):
            yield Sample(f"{case}/carried/{at}", {**given, "sentence": text}, {"carried": True}, case, groups)
        for at, wrong in enumerate(row["not_carried"], 1):
            told = {**given, "sentence": wrong["text"]}
            yield Sample(f"{case}/not/{at}", told, {"carried": False}, case, {**groups, "sentence": wrong["fault"]})
        for at, worse in enumerate(row["worse"]):
            portraits = [row["better"], worse["text"]]
            better = "ab"[(number + at) % 2]
            a, b = portraits if better == "a" else portraits[::-1]
            told, kinds = {**given, "a": a, "b": b}, {**groups, "portrait": worse["fault"]}
            yield Sample(f"{case}/pair/{at + 1}", told, {"better": better}, case, kinds)


JUDGEMENTS = Dataset("judgements", (FILE, SECOND), read)
