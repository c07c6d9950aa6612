"""When something was, read in code: by the turn of the conversation that holds the words of the question best.

What is told of "last Friday" was on the Friday before the day it was told; a turn that names no time tells of its own
day. `limner eval run locomo --system code` gives the F1 of this on LoCoMo, and how much it leaves to a model.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

import numpy as np

from agents.recall import TURNS, Memory, tokens
from agents.when import Stretch, day, stretches, told
from limner.domain import Event, Language, Reply

LEAST_HELD = 0.5
"""Of the question's words, by weight, what the turn must hold: of 85 questions of the conversations that choices are
made on (`locomo-fitted`) 66 have such a turn, and F1 is 0.755 on them, 0.683 on all."""

WHEN = re.compile(
    r"^\W*(?:when|what (?:day|date|month|year)|which (?:day|month|year))\b|什么时候|何时|哪[天年月一]|几[月号]",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:what|which) year\b|哪一?年", re.IGNORECASE)
_MONTH = re.compile(r"\b(?:what|which) month\b|哪个?月|几月", re.IGNORECASE)
_OF_NO_DAY = re.compile(r"\bbirthday\b|\bborn\b|生日|出生|纪念日|\banniversar", re.IGNORECASE)
"""What is on a day that is seldom the day of which it is told."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])")


def dating(question: str, memory: Memory, lang: Language, zone: tzinfo = UTC) -> Reply | None:
    """The dated answer; None where the question asks for no time, or no turn is surely about what it asks of."""
    if not WHEN.search(question):
        return None
    asked = WHEN.sub(" ", question)
    scores = memory.by_words(asked, 0) * memory.own(asked)
    if not scores.any():
        return None
    row = int(np.argmax(scores))
    if memory.held(asked)[row] < LEAST_HELD:
        return None
    event = memory.events([row])[0]
    if event.kind not in TURNS:
        return None
    found = _told_of(question, event, zone)
    if found is None:
        return None
    answer = _worded(question, *found, lang)
    return Reply(
        question=question,
        scope="user",
        answer=answer,
        citations=(event.event_id,),
        explanation=_explained(event, zone, lang),
    )


def _told_of(question: str, event: Event, zone: tzinfo) -> tuple[Stretch | None, datetime] | None:
    """The time that the sentence nearest to the question names, None for the day itself, and the day it was told."""
    if event.ts is None:
        return None
    at, asked = event.ts.astimezone(zone), set(tokens(question))
    dated = [(sentence, list(stretches(sentence, at))) for sentence in _SENTENCE.split(event.text)]
    dated = [(sentence, named) for sentence, named in dated if named]
    if not dated:
        return None if _OF_NO_DAY.search(question) else (None, at)
    _, named = max(dated, key=lambda one: len(asked.intersection(tokens(one[0]))))
    return min(named, key=lambda stretch: stretch.start), at


def _worded(question: str, stretch: Stretch | None, at: datetime, lang: Language) -> str:
    since = stretch.since if stretch is not None else at
    if _YEAR.search(question):
        return f"{since.year}年" if lang == "zh" else f"{since.year}"
    if _MONTH.search(question):
        return f"{since.year}年{since.month}月" if lang == "zh" else f"{since:%B} {since.year}"
    return told(stretch, at, lang) if stretch is not None else day(at, lang)


def _explained(event: Event, zone: tzinfo, lang: Language) -> str:
    said = day(event.ts.astimezone(zone), lang) if event.ts else ""
    if lang == "zh":
        return f"由{said}所说的话推算；没有问模型。"
    return f"Reckoned from what was said on {said}; no model was asked."
