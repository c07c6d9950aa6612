"""What each stage of retrieval is worth, by the evidence it finds: the tasks `recall-locomo*`; no model is asked.

A system is retrieval up to one stage: words as they come, their stems, neighbouring turns, who speaks, meaning, and at
last the time asked about, which is what limner does. Each gives the ten events that bear most on a question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import bm25s
import numpy as np
from numpy.typing import NDArray

from agents.recall import FROM_NEIGHBOURS, MEANING, Embed, Memory, fused, said
from agents.when import asks_for_now, window
from evals import ranking
from evals.datasets.people import Histories
from evals.runs import Output
from evals.systems import counting
from evals.task import Bench, Sample, Scorer, System
from limner.domain import Event

K = 10
ANSWERED = tuple(f"id {number}" for number in (1, 2, 3, 4))
"""LoCoMo's categories of questions that have an answer."""
Way = Callable[[str, Memory, Embed], Sequence[int]]
"""Places of events in a history, what bears most on a question first."""


def remembered(events: Sequence[Event]) -> Memory:
    by_id = {event.event_id: event for event in events}
    return Memory(events, lambda ids: {one: by_id[one] for one in ids})


def embedding(bench: Bench) -> Embed:
    """The embedder of the settings, opened when it is first needed."""
    return lambda texts: bench.app.embedder(bench.told).embed(texts)


def by_words(question: str, memory: Memory, inherited: float = 0) -> list[int]:
    """The places of all events by their stems, best first."""
    return _best(memory.by_words(question, inherited))


def nearest(question: str, memory: Memory) -> list[Event]:
    """What plain retrieval reads: the ten best by their stems, oldest first."""
    return memory.events(sorted(by_words(question, memory)[:K]))


def _best(scores: NDArray[np.float32]) -> list[int]:
    return [int(row) for row in np.argsort(-scores, kind="stable")]


def _as_they_come(question: str, memory: Memory, embed: Embed) -> Sequence[int]:
    return _best(np.asarray(_index(memory).get_scores(_plain(question))))


@cache
def _index(memory: Memory) -> bm25s.BM25:
    index = bm25s.BM25()
    index.index([_plain(said(event)) for event in memory.events(range(len(memory.ids)))], show_progress=False)
    return index


def _plain(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _meant(question: str, memory: Memory, embed: Embed, inherited: float = FROM_NEIGHBOURS) -> NDArray[np.float32]:
    return memory.by_meaning(question, np.arange(len(memory.ids)), embed, inherited)


def _with_meaning(question: str, memory: Memory, embed: Embed) -> Sequence[int]:
    own = memory.own(question)
    words, alike = _best(memory.by_words(question) * own), _best(_meant(question, memory, embed) * own)
    return [row for row, _ in fused([(words, 1.0), (alike, MEANING)])]


def _limner(question: str, memory: Memory, embed: Embed) -> Sequence[int]:
    asked = window(question, memory.newest) if memory.newest else None
    hits = memory.recalled(question, K, embed=embed, window=asked, newest=asks_for_now(question))
    return [hit.row for hit in hits]


WAYS: Mapping[str, Way] = {
    "limner": _limner,
    "meaning-too": _with_meaning,
    "speaker": lambda question, memory, embed: _best(memory.by_words(question) * memory.own(question)),
    "neighbours": lambda question, memory, embed: _best(memory.by_words(question)),
    "stems": lambda question, memory, embed: by_words(question, memory),
    "words": _as_they_come,
    "meaning": lambda question, memory, embed: _best(_meant(question, memory, embed, 0)),
}


def systems(histories: Callable[[], Histories]) -> Mapping[str, System]:
    every = cache(histories)
    memory = cache(lambda name: remembered(every()[name]))
    return {name: _system(way, memory) for name, way in WAYS.items()}


def _system(way: Way, memory: Callable[[str], Memory]) -> System:
    def solve(bench: Bench) -> str:
        embed = embedding(bench)

        def found(sample: Sample, _: object) -> dict[str, Any]:
            assert isinstance(sample.given, Mapping)
            own = memory(sample.given["history"])
            rows = way(sample.given["question"], own, embed)[:K]
            return {"found": {event.event_id: said(event) for event in own.events(rows)}}

        return counting(found).solve(bench)

    return System(solve)


# --- the scorers ---


def recall(sample: Sample, output: Output) -> float | None:
    """Of the evidence, what is among the first ten, of as much as could be; see `evals.ranking`."""
    return ranking.recall_at(K, list(output.output["found"]), sample.reference["evidence"])


def ndcg(sample: Sample, output: Output) -> float | None:
    """How far in front the evidence stands; see `evals.ranking`."""
    return ranking.ndcg_at(K, list(output.output["found"]), sample.reference["evidence"])


def of(categories: Sequence[str], score: Callable[[Sample, Output], Any]) -> Callable[[Sample, Output], Any]:
    """A score of the samples of some categories only."""
    return lambda sample, output: score(sample, output) if sample.groups["category"] in categories else None


SCORERS: Mapping[str, Scorer] = {
    f"recall_at_{K}": Scorer(of(ANSWERED, recall)),
    f"ndcg_at_{K}": Scorer(of(ANSWERED, ndcg)),
    **{f"recall_at_{K}_{one.replace(' ', '_')}": Scorer(of([one], recall)) for one in (*ANSWERED, "id 5")},
}
