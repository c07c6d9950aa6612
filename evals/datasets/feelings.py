"""How well texts speak of what they are about, against stars that are hidden or people's labels.

See douban.md, cped.md and sample.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from agents.model import Judge, Ledger
from agents.signals import said
from evals.datasets.histories import rows
from evals.runs import MetricKind, Output
from evals.systems import asking, counting, leaning
from evals.task import DATA, Dataset, Points, Sample, Scorer, System
from limner.app import App
from limner.domain import SignalKind
from prompts.taxonomy import Taxonomy

CLASSES = {"positive": 1, "neutral": 0, "negative": -1}
CLEAR = 0.05
"""Feeling from which on a text counts as positive or negative, as VADER's authors set it."""
SHOWN = 400
"""Characters of a text that the model is shown."""


def labelled(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a text, by the label that the set gives it."""
    events, gold = files
    texts = {row["event_id"]: row["text"] for row in rows(events)}
    return [
        Sample(row["event_id"], {"text": texts[row["event_id"]]}, row["sentiment"], cluster=row["user_id"])
        for row in rows(gold)
    ]


def starred(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a text with stars, each event once: 4 and 5 are positive, 3 is neutral."""
    samples = (
        Sample(
            row["event_id"],
            {"text": row["text"]},
            "positive" if row["value"] >= 4 else "neutral" if row["value"] == 3 else "negative",
            cluster=row["user_id"],
            groups={"language": _language(row["text"])},
        )
        for row in rows(files[0])
        if row["kind"] in ("rating", "review") and row.get("text") and row.get("value") is not None
    )
    return list({sample.id: sample for sample in samples}.values())


def _language(text: str) -> str:
    return "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in text) else "en"


DOUBAN, CPED = (
    Dataset(f"sentiment-{name}", (DATA / name / "events.jsonl", DATA / name / "gold_sentiment.jsonl"), labelled)
    for name in ("douban", "cped")
)
SAMPLE = Dataset("sentiment-sample", (Path(__file__).parent / "sample.jsonl",), starred)


# --- the systems ---


def limner(sample: Sample, taxonomy: Taxonomy) -> dict[str, float]:
    return {"feeling": taxonomy.feeling(_text(sample)).score}


def patterns(sample: Sample, taxonomy: Taxonomy) -> dict[str, float]:
    """By the few turns of phrase that decide of a thing named in a text."""
    signal = said(_text(sample), 0, 0)
    feelings = {SignalKind.EXPLICIT_POSITIVE: 1.0, SignalKind.EXPLICIT_NEGATIVE: -1.0}
    return {"feeling": feelings.get(signal, 0.0)}


def vader(sample: Sample, taxonomy: Taxonomy) -> dict[str, float]:
    """The library by itself, made for English."""
    return {"feeling": _vader().polarity_scores(_text(sample))["compound"]}


def positive(sample: Sample, taxonomy: Taxonomy) -> dict[str, float]:
    return {"feeling": 1.0}


def negative(sample: Sample, taxonomy: Taxonomy) -> dict[str, float]:
    return {"feeling": -1.0}


async def model(sample: Sample, model: Judge, ledger: Ledger, app: App) -> dict[str, float]:
    """The log-odds of the model's first word, squeezed to -1 to 1."""
    text = _text(sample)
    odds = await leaning(sample, model, ledger, app.prompt("feeling"), language=_language(text), text=text[:SHOWN])
    return {"feeling": math.tanh(odds / 2)}


def _text(sample: Sample) -> str:
    assert isinstance(sample.given, Mapping)
    return str(sample.given["text"])


@cache
def _vader() -> Any:
    return SentimentIntensityAnalyzer()


SYSTEMS: Mapping[str, System] = {
    "limner": counting(limner),
    "patterns": counting(patterns),
    "vader": counting(vader),
    "positive": counting(positive),
    "negative": counting(negative),
    "model": asking(model, "feeling"),
}
"""The last two without a model say the same of every text: one of them is the majority of a set."""


# --- the scorers ---


def of_class(feeling: float) -> int:
    return 0 if abs(feeling) < CLEAR else 1 if feeling > 0 else -1


def right(sample: Sample, output: Output) -> bool:
    return of_class(output.output["feeling"]) == CLASSES[sample.reference]


def of_three(sample: Sample, output: Output) -> Points:
    return ((float(of_class(output.output["feeling"])), float(CLASSES[sample.reference])),)


def good_before_bad(sample: Sample, output: Output) -> Points | None:
    """None of a neutral text."""
    label = CLASSES[sample.reference]
    return ((output.output["feeling"], float(label > 0)),) if label else None


def praise(sample: Sample, output: Output) -> bool | None:
    """Of what is called positive, what is."""
    return sample.reference == "positive" if of_class(output.output["feeling"]) > 0 else None


def blame(sample: Sample, output: Output) -> bool | None:
    """Of what is called negative, what is."""
    return sample.reference == "negative" if of_class(output.output["feeling"]) < 0 else None


SCORERS: Mapping[str, Scorer] = {
    "area_under_curve": Scorer(good_before_bad, MetricKind(measure="auc")),
    "accuracy": Scorer(right),
    "macro_f1": Scorer(of_three, MetricKind(measure="macro_f1")),
    "praise_right": Scorer(praise),
    "blame_right": Scorer(blame),
}
