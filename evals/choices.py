"""Chinese questions about a log of notes, a choice of four: the tasks `memdaily*`.

The model reads lines and answers with a letter, which guided JSON holds it to. What it reads is what tells the systems
apart: what limner recalls, as `limner ask` would show it; the ten notes that are best by BM25 (`plain-rag`); the whole
log (`full-context`); nothing (`no-memory`). `words` asks no model: the choice most of whose words stand in those ten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from agents.digest import safe
from agents.recall import Memory, tokens
from evals.datasets.people import Histories
from evals.readers import COST, Asked, plainly, reading
from evals.retrieval import nearest, of, remembered
from evals.runs import Output
from evals.systems import counting
from evals.task import Sample, Scorer, System
from prompts.answers import ChoiceAnswer

CATEGORIES = ("simple", "conditional", "comparative", "aggregative", "post processing", "noisy")
Lines = Callable[[Asked], Mapping[str, str]]
"""What is read with a question, by the ids of events."""


def systems(histories: Callable[[], Histories]) -> Mapping[str, System]:
    every = cache(histories)
    memory = cache(lambda name: remembered(every()[name]))

    def chosen(lines: Lines) -> System:
        async def way(asked: Asked) -> dict[str, Any]:
            return await _chosen(asked, lines(asked))

        return reading(every, way, "choose")

    return {
        "limner": chosen(lambda asked: asked.recalled("zh")),
        "plain-rag": chosen(lambda asked: plainly(asked.nearest)),
        "full-context": chosen(lambda asked: plainly(asked.newest)),
        "no-memory": chosen(lambda asked: {}),
        "words": counting(lambda sample, known: _likest(sample, memory)),
    }


async def _chosen(asked: Asked, lines: Mapping[str, str]) -> dict[str, Any]:
    choices = [f"{letter}. {safe(text)}" for letter, text in asked.choices.items()]
    answer = await asked.answer(
        "choose", ChoiceAnswer, lines=list(lines.values()), question=safe(asked.question), choices=choices
    )
    return {"choice": answer.choice, "read": dict(lines)}


def _likest(sample: Sample, memory: Callable[[str], Memory]) -> dict[str, Any]:
    assert isinstance(sample.given, Mapping)
    lines = plainly(nearest(sample.given["question"], memory(sample.given["history"])))
    held = set(tokens(" ".join(lines.values())))

    def share(text: str) -> float:
        words = tokens(text)
        return sum(word in held for word in words) / max(1, len(words))

    choices = sample.given["choices"]
    return {"choice": max(choices, key=lambda letter: share(choices[letter])), "read": lines}


# --- the scorers ---


def right(sample: Sample, output: Output) -> float:
    """Whether the choice is the right one."""
    return float(output.output["choice"] == sample.reference["choice"])


SCORERS: Mapping[str, Scorer] = {
    "right": Scorer(right),
    **COST,
    **{f"right_{one.replace(' ', '_')}": Scorer(of([one], right)) for one in CATEGORIES},
}
