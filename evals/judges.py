"""How well meaning tells which events a tag is about, where no attribute says so: `python -m evals.judges`.

Films whose genres are known are shown without them. Every film is paired with a genre it has and with one it has not,
drawn as often from the same genres, so that how common a genre is tells nothing. The model says yes or no by the
log-odds of its first word; the embedder by how close title and genre are. What a judge is worth is the area under its
curve, and on how many pairs it could speak at all: those above a threshold from which on 95 % are right.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from agents.embedder import Embedder
from agents.model import VllmModel, messages
from evals.datasets.histories import rows
from evals.datasets.ratings import DOUBAN, MOVIELENS
from evals.scorers import Metric, area, by_user
from evals.task import Dataset, found
from limner import settings, show
from limner.app import App
from limner.domain import Language
from prompts import library

SETS: dict[Dataset, Language] = {MOVIELENS: "en", DOUBAN: "zh"}
AT_ONCE = 16
MOST_CHARACTERS = 400
RIGHT = 0.95
"""Share of what a judge says that has to be right before anything is published on its word."""


class Pair(NamedTuple):
    title: str
    said: str
    """What a user wrote of it; empty where nobody did."""
    genre: str
    has: bool

    @property
    def event(self) -> str:
        """What a judge is shown."""
        return f"{self.title}\n{self.said}".strip()[:MOST_CHARACTERS]


class Judge(NamedTuple):
    """What one judge is worth on one data set."""

    data: str
    judge: str
    auc: Metric
    """Films resampled whole."""
    could_speak: float
    """Share of the pairs that lie above a threshold from which on 95 % have the genre; 0 where there is none."""


def pairs(events: Path, films: int, *, seed: int = 7) -> list[Pair]:
    """Two for each of `films` films that have genres, in random order."""
    known: dict[str, tuple[list[str], str]] = {}
    for event in rows(events):
        item = event.get("item", {})
        if item.get("genres"):
            said = event["text"] if event["kind"] == "review" else ""
            known.setdefault(item["title"], (item["genres"], said))
    draw = random.Random(seed)
    titles = draw.sample(sorted(known), min(films, len(known)))
    has = [Pair(title, known[title][1], draw.choice(known[title][0]), True) for title in titles]
    drawn = [pair.genre for pair in has]
    lacks: list[Pair] = []
    for title in titles:
        other = [genre for genre in drawn if genre not in known[title][0]]
        if other:
            lacks.append(Pair(title, known[title][1], draw.choice(other), False))
    return draw.sample(has + lacks, len(has) + len(lacks))


def could_speak(says: NDArray[np.float64], has: NDArray[np.float64], least: int = 20) -> float:
    """The share of pairs above the lowest threshold from which on 95 % have the genre, of at least `least` pairs."""
    order = np.argsort(-says)
    right = np.cumsum(has[order]) / np.arange(1, len(has) + 1)
    enough = [n for n in range(least, len(has) + 1) if right[n - 1] >= RIGHT]
    return max(enough, default=0) / len(has)


async def leanings(model: VllmModel, asked: Sequence[Pair], lang: Language, bar: show.Bar) -> list[float]:
    """The model's log-odds of yes, pair by pair."""
    prompt, slots, done = library.default("judge"), asyncio.Semaphore(AT_ONCE), 0

    async def one(pair: Pair) -> float:
        nonlocal done
        rendered = prompt.render(language=lang, event=pair.event, tag=pair.genre)
        async with slots:
            leaning = await model.leaning(messages(rendered))
        done += 1
        bar.at(done, len(asked))
        return leaning

    return await asyncio.gather(*map(one, asked))


def cosines(embedder: Embedder, asked: Sequence[Pair]) -> list[float]:
    """How close event and genre are, pair by pair."""
    things, tags = embedder.embed([pair.event for pair in asked]), embedder.embed([pair.genre for pair in asked])
    return [float(thing @ tag) for thing, tag in zip(things, tags, strict=True)]


async def judged(
    data: Dataset, lang: Language, films: int, model: VllmModel, embedder: Embedder, bar: show.Bar
) -> list[Judge]:
    """Every judge on one data set, by titles alone and with what users wrote."""
    results: list[Judge] = []
    drawn = pairs(found(data.files[0]) or data.files[0], films)
    has = np.array([float(pair.has) for pair in drawn])
    titles = [pair.title for pair in drawn]
    shown = {"title": [pair._replace(said="") for pair in drawn]}
    if any(pair.said for pair in drawn):
        shown["title and review"] = drawn
    for what, asked in shown.items():
        bar.at(0, len(asked), title=f"{data.name}, {what}")
        says = {model.name: await leanings(model, asked, lang, bar), "embedder": cosines(embedder, asked)}
        for judge, answers in says.items():
            scores = np.array(answers)
            auc = by_user(area, titles, scores, has)
            results.append(Judge(data.name, f"{judge}, {what}", auc, could_speak(scores, has)))
    return results


def main(
    films: Annotated[int, typer.Option(help="Films of each set.")] = 200,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Area under the curve of the model and of the embedder as judges of which events a tag is about."""
    for data in SETS:
        if data.absent:
            raise typer.BadParameter(data.absent)
    app = App(settings.read())
    with show.bar("judging", "pairs") as bar:

        def told(stage: str, done: int, total: int, unit: str) -> None:
            bar.at(done, total or None, title=stage)

        embedder = app.embedder(told)
        with app.model(told) as model:

            async def every() -> list[Judge]:
                try:
                    return [
                        judge
                        for data, lang in SETS.items()
                        for judge in await judged(data, lang, films, model, embedder, bar)
                    ]
                finally:
                    await model.aclose()

            results = asyncio.run(every())
    app.close()
    if as_json:
        show.document([one._asdict() for one in results])
        return
    show.table(
        ("data", "judge", "area under the curve", "pairs it could speak on"),
        [(one.data, one.judge, one.auc.counted(), f"{one.could_speak:.0%}") for one in results],
    )


if __name__ == "__main__":
    typer.run(main)
