"""What a model answers about everybody by itself: the systems `full-context` and `plain-rag` of `questions-*`.

Both put the question in its own words before the model with lines about users, each under a short id, and take what it
says: ids of users, or where the set asks for a number, that number; it is told which of the two is asked for. Guided
JSON holds it to the shape.

- **full-context**: what users did, as the events tell it. As many events as `CONTEXT` tokens hold, taken in turn: the
  newest of every user, then the one before it. The same for every question, so that the server keeps it.
- **plain-rag**: the profiles that limner proved, a line a user, the surest tag first; the best `NEAREST` by BM25 and by
  meaning, fused, as many of them as `RETRIEVED` tokens hold. It leans on limner's tags: from bare
  events retrieval could not know what a user likes.

Seconds are those of one question with others under way, as `--concurrency` says.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import bm25s
import numpy as np

from agents.digest import safe
from agents.embedder import Embedder
from agents.model import AnswerT, Judge, Ledger
from agents.recall import fused, tokens
from evals.questions import SETS, profiled
from evals.systems import Timed, answer, asking
from evals.task import Bench, Sample, System
from limner.app import App
from limner.domain import Event, Language, Profile
from limner.errors import AnswerError
from prompts import library
from prompts.answers import NumberAnswer, SelectAnswer

CONTEXT = 3_000
"""Tokens of lines about users: what a context of 4,096 leaves beside instructions and answer."""
RETRIEVED = 1_500
NEAREST = 20
MAX_TOKENS = 360
LONGEST = 120
"""Characters of an event's text, at most."""
_LEANS: Mapping[Language, Mapping[int, str]] = {
    "en": {1: "likes", -1: "dislikes", 0: "is"},
    "zh": {1: "喜欢", -1: "不喜欢", 0: "是"},
}

Lines = Callable[[str], list[str]]
"""The lines that go with a question."""
Names = Mapping[str, Profile]
"""A user's short id to their profile."""


def systems(name: str) -> Mapping[str, System]:
    return {"full-context": _system(name, _everybody), "plain-rag": _system(name, _nearest)}


def _system(name: str, prepare: Callable[[Bench, Judge, Language, Names], Lines]) -> System:
    def solve(bench: Bench) -> str:
        profiled(bench, name)
        profiles = sorted(bench.app.profiles.every(), key=lambda profile: profile.user_id)
        users = {f"u{number}": profile for number, profile in enumerate(profiles, 1)}
        known: list[Lines] = []

        async def ask(sample: Sample, model: Judge, ledger: Ledger, app: App) -> dict[str, Any]:
            if not known:
                known.append(prepare(bench, model, SETS[name], users))
            return await _answered(sample, model, ledger, app.prompt, known[0], users)

        return asking(ask).solve(bench)

    return System(solve, ("select", "number"))


async def _answered(
    sample: Sample, model: Judge, ledger: Ledger, prompt: Callable[[str], library.Prompt], lines: Lines, users: Names
) -> dict[str, Any]:
    assert isinstance(sample.given, Mapping)
    words = next(words for form, words in sample.given["wordings"] if form == "own words")
    want = sample.reference["want"]
    timed, told = Timed(ledger), lines(words)
    one: dict[str, Any] = {"form": "own words", "words": words, "want": want, "lines": len(told), "users": []}
    try:
        if want == "list":
            selected = await _asked(model, prompt("select"), SelectAnswer, timed, told, words)
            one["users"] = [users[name].user_id for name in dict.fromkeys(selected.users) if name in users]
        else:
            one["number"] = (await _asked(model, prompt("number"), NumberAnswer, timed, told, words)).number
    except AnswerError as error:  # what cannot be read names nobody
        one["unreadable"] = str(error)
    return {"wordings": [one | {"seconds": timed.seconds}]}


async def _asked(
    model: Judge, prompt: library.Prompt, schema: type[AnswerT], ledger: Ledger, lines: Sequence[str], question: str
) -> AnswerT:
    return await answer(model, ledger, prompt, schema, MAX_TOKENS, lines=list(lines), question=safe(question))


def _everybody(bench: Bench, model: Judge, lang: Language, users: Names) -> Lines:
    """What every user did last, the same for every question."""
    newest = {name: bench.app.events.history(user.user_id).events[::-1] for name, user in users.items()}
    lines = _fitting(newest, model)
    return lambda question: lines


def _in_turn(newest: Mapping[str, Sequence[Event]]) -> Iterable[tuple[str, Event]]:
    """Everybody's newest event, then everybody's one before it, and so on."""
    for turn in itertools.zip_longest(*newest.values()):
        yield from ((name, event) for name, event in zip(newest, turn, strict=True) if event is not None)


def _fitting(newest: Mapping[str, Sequence[Event]], model: Judge) -> list[str]:
    """A line a user, of the events that fit together."""
    told: dict[str, list[str]] = defaultdict(list)
    used = 0
    for name, event in _in_turn(newest):
        used += model.count_tokens(_line(event)) + (2 if name in told else model.count_tokens(name) + 2)
        if used > CONTEXT:
            break
        told[name].append(_line(event))
    return [f"{name}: {'; '.join(events)}" for name, events in told.items()]


def _line(event: Event) -> str:
    named = [
        value
        for key, values in event.item.items()
        if key in {"genres", "categories", "regions"}
        for value in (values if isinstance(values, list) else [values])
        if isinstance(value, str)
    ]
    value = f" {event.value:g}" if event.value is not None else ""
    text = safe(event.text[:LONGEST]) or f"{event.kind}{value}"
    return f"{text} ({', '.join(map(safe, named[:4]))})" if named else text


def _nearest(bench: Bench, model: Judge, lang: Language, users: Names) -> Lines:
    """The profiles that bear most on a question."""
    lines = [f"{name}: {_profile(profile, lang)}" for name, profile in users.items()]
    index = bm25s.BM25()
    index.index([tokens(line) for line in lines], show_progress=False)
    embedder: Embedder = bench.app.embedder(bench.told)
    meant = embedder.embed(lines)

    def best(question: str) -> list[str]:
        words = np.argsort(-np.asarray(index.get_scores(tokens(question))), kind="stable")
        alike = np.argsort(-(meant @ embedder.embed([question])[0]), kind="stable")
        ranked = [row for row, _ in fused([(map(int, words), 1.0), (map(int, alike), 1.0)])][:NEAREST]
        used, told = 0, list[str]()
        for row in ranked:
            used += model.count_tokens(lines[row]) + 1
            if used > RETRIEVED:
                break
            told.append(lines[row])
        return told

    return best


def _profile(profile: Profile, lang: Language) -> str:
    tags = sorted((tag for tag in profile.tags if tag.status != "candidate"), key=lambda tag: -tag.probability)
    return "; ".join(f"{_LEANS[lang][tag.polarity]} {safe(getattr(tag.label, lang))}" for tag in tags) or "-"
