"""Whether a tag says which events it means: can they be picked from a line-up by the tag's name alone?

The tasks `specificity*`. The tags are those that counting proves of each user, those of behaviour left out, which are
about no single event. Of each, up to five of the events it cites stand in a line-up with events of other users that are
not about it. Who looks is told the name of the tag and what an event is about, and orders the line-up; the first are
its picks, as many as there are to be found. A judge that knows nothing finds `chance` of them. A tag that anybody's
events would fit ("films") is found no better than that, however well its own events were counted.

Source: interest specificity of GISTBench (arXiv 2603.29112); see `evals/grounding.py`. It lines up fifty and has the
judge list its picks. Here they are twenty, and the model is asked about one after the other: a small model that lists
picks misses most of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agents.digest import language, safe
from agents.model import Judge, Ledger
from agents.recall import tokens
from evals import ranking
from evals.datasets import bundled, households, ratings
from evals.grounding import lineup
from evals.grounding import specificity as found_again
from evals.portraits import attributes
from evals.runs import MetricKind, Output
from evals.systems import asking, counting, leaning, proven
from evals.task import Bench, Dataset, Sample, Scorer, System, Tally
from limner.app import App
from limner.domain import Event, Tag
from prompts.taxonomy import Taxonomy

LINED_UP = 20
DRAWN = 300
"""Events of others that line-ups of a user are drawn from."""
ATTRIBUTES, TEXT = 400, 60
"""Characters that are shown of what an item is, and of what was written."""


def dataset(of: Dataset) -> Dataset:
    """A sample a tag of each user of another data set."""

    def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
        return list(_line_ups(of.read(files, taxonomy), taxonomy))

    return replace(of, read=read)


def _line_ups(samples: Sequence[Sample], taxonomy: Taxonomy) -> Iterator[Sample]:
    spoken = {sample.id: language(sample.history.events) for sample in samples}
    about: dict[str, dict[str, frozenset[str]]] = {lang: {} for lang in spoken.values()}
    for sample in samples:
        lines = {shown(event, taxonomy): sample.about[event.event_id] for event in sample.history.events}
        about[spoken[sample.id]] |= lines
    for sample in samples:
        lang, own = spoken[sample.id], {event.event_id: shown(event, taxonomy) for event in sample.history.events}
        others = sorted(about[lang].keys() - own.values() - {""})
        drawn = random.Random(_seed(sample.id)).sample(others, min(DRAWN, len(others)))
        for tag in proven(sample.history, taxonomy):
            name = f"{sample.id}/{tag.key}"
            backing = [own[one.event_id] for one in tag.evidence if own[one.event_id]]
            pool = [line for line in drawn if not _about(tag, line, about[lang][line])]
            events, behind = lineup(backing, pool, seed=_seed(name), size=LINED_UP)
            if tag.measure is None and behind and len(events) == LINED_UP:
                yield Sample(
                    name,
                    {"tag": tag.label.en if lang == "en" else tag.label.zh, "language": lang, "events": events},
                    [at for at, line in enumerate(events) if line in behind],
                    cluster=sample.id,
                    groups={"facet": tag.facet, "language": lang},
                )


def shown(event: Event, taxonomy: Taxonomy) -> str:
    """What an event is about, without the user's stars: title, what the item is, what was written."""
    title = event.item.get("title")
    of = dict.fromkeys(part for part, _ in attributes(event, taxonomy) if part != title)
    text = "" if title and str(title) in event.text else event.text
    parts = (str(title or ""), f"[{', '.join(of)[:ATTRIBUTES]}]" if of else "", text[:TEXT])
    return safe(" ".join(filter(None, parts)))


def _about(tag: Tag, line: str, keys: frozenset[str]) -> bool:
    """Whether an event of somebody else would be a right pick too."""
    told = line.casefold()
    return set(tag.key.split("+")) <= keys or any(name.casefold() in told for name in (tag.label.en, tag.label.zh))


def _seed(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest())


SAMPLE, MOVIELENS, DOUBAN, COMPLETEJOURNEY = (
    dataset(of) for of in (bundled.SAMPLE, ratings.MOVIELENS, ratings.DOUBAN, households.COMPLETEJOURNEY)
)


# --- the judges: how well each event of a line-up fits the tag, higher for better ---


async def model(sample: Sample, model: Judge, ledger: Ledger, app: App) -> list[float]:
    """The log-odds of the model's first word, asked about each event by itself."""
    given, prompt = _given(sample), app.prompt("judge")

    async def lean(event: str) -> float:
        return await leaning(sample, model, ledger, prompt, language=given["language"], event=event, tag=given["tag"])

    return await asyncio.gather(*map(lean, given["events"]))


def words(sample: Sample, taxonomy: Taxonomy) -> list[float]:
    """The share of the name's words that stand in an event."""
    given = _given(sample)
    name = set(tokens(given["tag"]))
    return [len(name & set(tokens(event))) / max(1, len(name)) for event in given["events"]]


def _meaning(bench: Bench) -> str:
    """How close name and event are to the embedder."""
    embedder = bench.app.embedder(bench.told)
    for sample in bench.left:
        given = _given(sample)
        name, *events = embedder.embed([given["tag"], *given["events"]])
        bench.finish(sample, [float(event @ name) for event in events])
    return ""


def _given(sample: Sample) -> Mapping[str, Any]:
    assert isinstance(sample.given, Mapping)
    return sample.given


SYSTEMS: Mapping[str, System] = {
    "model": asking(model, "judge"),
    "words": counting(words),
    "embedder": System(_meaning),
}


# --- the scorers ---


def specificity(sample: Sample, output: Output) -> Tally | None:
    """Of the events behind a tag, those among the first of the order, as many as there are of them."""
    behind = sample.reference
    order = np.argsort(-np.asarray(output.output), kind="stable")
    return found_again(order[: len(behind)].tolist(), behind)


def chance(sample: Sample, output: Output) -> Tally:
    """Of the events behind a tag, those found by who picks blindly."""
    behind, of = len(sample.reference), len(output.output)
    return Tally(behind * behind / of, behind)


def area(sample: Sample, output: Output) -> float | None:
    """The chance that an event behind a tag stands before another of the same line-up; see `evals.ranking`."""
    return ranking.auc(output.output, [at in sample.reference for at in range(len(output.output))])


SCORERS: Mapping[str, Scorer] = {
    "specificity": Scorer(specificity),
    "auc": Scorer(area),
    "chance": Scorer(chance, MetricKind(better=None)),
}
