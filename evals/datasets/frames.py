"""The frames of `prompts/frames`, those of each hand read by what is learnt from all the others; see frames.md."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from agents.embedder import USE, open_embedder
from agents.frames import Frames, fit
from agents.plan import Unread, are_same, asked_of, plan
from agents.terms import Vocabulary
from evals.datasets.wordings import ASKED
from evals.runs import MetricKind, Output
from evals.task import Bench, Dataset, Sample, Scorer, System
from limner.domain import Language
from limner.query import Condition
from prompts.frames import frames
from prompts.taxonomy import Taxonomy

FILES = tuple(Path(str(files("prompts") / "frames" / f"{name}.yaml")) for name in ("frames", "fillings"))
CLAUSES: Mapping[Language, Sequence[tuple[str, str]]] = {
    "en": (("like comedy", "are harsh raters"), ("dislike horror", "shop at weekends")),
    "zh": (("喜欢喜剧片", "打分苛刻"), ("不喜欢恐怖片", "周末购物")),
}
"""What the frames are filled with: clauses that rules read."""


def _read(_: Sequence[Path], __: Taxonomy) -> list[Sample]:
    return [
        Sample(
            f"{one.language} {one.hand} {number} | {one.text}",
            {"language": one.language, "text": one.text, "clauses": CLAUSES[one.language][number]},
            {"asks": one.asks},
            groups={"language": one.language, "hand": str(one.hand), "asks": one.asks},
        )
        for one in frames()
        if one.hand  # rules read the first, as a test asserts
        for number in range(len(CLAUSES[one.language]))
    ]


def _solve(bench: Bench) -> str:
    vocabulary = bench.app.vocabulary(bench.told)
    embedder = open_embedder(USE, bench.app.settings.home, progress=lambda *_: None)
    left = {sample.id: sample for sample in bench.left}
    for hand in sorted({sample.groups["hand"] for sample in left.values()}):
        with tempfile.TemporaryDirectory() as folder:
            others = [one for one in frames() if str(one.hand) != hand]
            fit(others, embedder.embed, embedder.name, Path(folder))
            vocabulary.frames = Frames(others, embedder.embed, embedder.embed, embedder.name, Path(folder))
            for sample in left.values():
                if sample.groups["hand"] == hand:
                    bench.finish(sample, _told(sample, vocabulary))
    return ""


def _told(sample: Sample, vocabulary: Vocabulary) -> dict[str, object]:
    """How a frame was read, and whether that is what it asks."""
    assert isinstance(sample.given, Mapping)
    text, language, (first, second) = (sample.given[key] for key in ("text", "language", "clauses"))
    asks = sample.reference["asks"]
    one_clause = "{c}" in text
    try:
        read = plan(text.format(a=first, b=second, c=first), vocabulary, meant=True)
    except Unread:
        return {"read": None}
    by = "frame" if "by its frame" in read.notes else "rules"
    if asks == "other":
        return {"read": by, "right": False}
    groups = [_condition(clause, language, vocabulary) for clause in ((first,) if one_clause else (first, second))]
    return {"read": by, "right": are_same(read.query, asked_of(asks, groups))}


def _condition(clause: str, language: Language, vocabulary: Vocabulary) -> Condition:
    return plan(ASKED[language].format(clause), vocabulary).query.where


def _right(sample: Sample, output: Output) -> float | None:
    if sample.reference["asks"] == "other":
        return None
    return float(output.output["read"] is not None and output.output["right"])


def _wrong(by: str) -> Scorer:
    def score(sample: Sample, output: Output) -> float | None:
        if sample.reference["asks"] == "other" and by == "rules":
            return None  # rules read comparisons and rankings, which are other frames
        return float(output.output["read"] == by and not output.output["right"])

    return Scorer(score, MetricKind(better="lower"))


def _other(sample: Sample, output: Output) -> float | None:
    return float(output.output["read"] == "frame") if sample.reference["asks"] == "other" else None


DATASET = Dataset("frames", FILES, _read)
SYSTEMS = {"others": System(_solve)}
SCORERS = {
    "right": Scorer(_right),
    "wrong_by_rules": _wrong("rules"),
    "wrong_by_frame": _wrong("frame"),
    "others_read_by_frame": Scorer(_other, MetricKind(better="lower")),
}
