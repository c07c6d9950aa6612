"""Lines in which people say what they like and dislike, with the names of those things marked, to learn from.

`tastes.yaml` has them by hand, that is by who wrote them, so that those of one hand can be read by what is learnt from
the others. In a line `[+jazz]` is liked and `[-crowded trains]` disliked by whoever says it; half of the lines say
nothing of the kind, though many look as if they did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import yaml

from limner.domain import Language, Polarity
from prompts.wordings import LANGUAGES

_MARK = re.compile(r"\[(?P<leaning>[+-])(?P<name>[^\[\]]+)\]")


class Mark(NamedTuple):
    """A name in a line."""

    start: int
    end: int
    polarity: Polarity


class Line(NamedTuple):
    text: str
    """Without the marks."""
    language: Language
    marks: tuple[Mark, ...]
    """From left to right."""
    hand: int
    """Who wrote it."""


@cache
def lines() -> tuple[Line, ...]:
    """All that are known."""
    return tuple(_read())


def unmarked(line: str, language: Language, hand: int = 0) -> Line:
    """A line as it is written in the file, its marks apart."""
    text, marks, at = "", list[Mark](), 0
    for found in _MARK.finditer(line):
        text += line[at : found.start()]
        marks.append(Mark(len(text), len(text) + len(found["name"]), 1 if found["leaning"] == "+" else -1))
        text += found["name"]
        at = found.end()
    return Line(text + line[at:], language, tuple(marks), hand)


def _read() -> Iterator[Line]:
    hands = yaml.safe_load((files("prompts") / "tastes" / "tastes.yaml").read_text("utf-8"))
    for hand, written in enumerate(hands):
        for language in LANGUAGES:
            yield from (unmarked(line, language, hand) for line in written[language].splitlines())
