"""How well meaning tells which events a tag is about, where no attribute says so: the tasks `meaning-*`.

Films whose genres are known are shown without them. Every film is paired with a genre it has and with one it has not,
drawn as often from the same genres, so that how common a genre is tells nothing. The model says yes or no by the
log-odds of its first word; the embedder by how close title and genre are; each by the title alone too, where users
wrote of the films. What a judge is worth is the area under its curve, and on how many pairs it could speak at all:
those above a threshold from which on 95 % are right.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from agents.model import Judge, Ledger
from evals.datasets.histories import rows
from evals.runs import MetricKind, Output
from evals.scorers import probability
from evals.systems import asking, leaning
from evals.task import DATA, Bench, Dataset, Points, Sample, Scorer, System
from limner.app import App
from limner.domain import Language
from prompts.taxonomy import Taxonomy

MOST_CHARACTERS = 400
SEED = 7


def read(files: Sequence[Path], taxonomy: Taxonomy, *, language: Language) -> list[Sample]:
    """Two samples a film that has genres: a genre it has, and one it has not."""
    known: dict[str, tuple[list[str], str]] = {}
    for event in rows(files[0]):
        item = event.get("item", {})
        if item.get("genres"):
            said = event["text"] if event["kind"] == "review" else ""
            known.setdefault(item["title"], (item["genres"], said))
    return list(_pairs(known, language))


def _pairs(known: Mapping[str, tuple[Sequence[str], str]], language: Language) -> Iterator[Sample]:
    draw = random.Random(SEED)
    has = {title: draw.choice(genres) for title, (genres, _) in sorted(known.items())}
    drawn = list(has.values())
    for title, own in has.items():
        genres, said = known[title]
        others = [genre for genre in drawn if genre not in genres]
        for genre in [own, *([draw.choice(others)] if others else [])]:
            given = {"title": title, "said": said, "genre": genre, "language": language}
            yield Sample(f"{title}/{genre}", given, {"has": genre == own}, cluster=title)


def _dataset(name: str, language: Language) -> Dataset:
    return Dataset(name, (DATA / name / "events.jsonl",), partial(read, language=language))


MOVIELENS, DOUBAN = _dataset("movielens", "en"), _dataset("douban", "zh")


# --- the judges ---


def _event(sample: Sample, *, whole: bool) -> tuple[str, Mapping[str, Any]]:
    """What a judge is shown of a film, and all that is given."""
    assert isinstance(sample.given, Mapping)
    given = sample.given
    said = given["said"] if whole else ""
    return f"{given['title']}\n{said}".strip()[:MOST_CHARACTERS], given


def _model(*, whole: bool = True) -> System:
    async def lean(sample: Sample, model: Judge, ledger: Ledger, app: App) -> dict[str, float]:
        event, given = _event(sample, whole=whole)
        asked = {"language": given["language"], "event": event, "tag": given["genre"]}
        return {"says": probability(await leaning(sample, model, ledger, app.prompt("judge"), **asked))}

    return asking(lean, "judge")


def _embedder(*, whole: bool = True) -> System:
    def solve(bench: Bench) -> str:
        embedder = bench.app.embedder(bench.told)
        for sample in bench.left:
            event, given = _event(sample, whole=whole)
            one, other = embedder.embed([event, given["genre"]])
            bench.finish(sample, {"says": float(one @ other)})
        return ""

    return System(solve)


SYSTEMS: Mapping[str, System] = {"model": _model(), "embedder": _embedder()}
TITLES: Mapping[str, System] = {"model-title": _model(whole=False), "embedder-title": _embedder(whole=False)}
"""The same by the title alone, where something was written."""


# --- the scorers ---


def says(sample: Sample, output: Output) -> Points:
    return ((output.output["says"], float(sample.reference["has"])),)


SCORERS: Mapping[str, Scorer] = {
    "auc": Scorer(says, MetricKind(measure="auc")),
    "could_speak": Scorer(says, MetricKind(measure="could_speak")),
}
