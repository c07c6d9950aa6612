"""Frames of questions about users, with what they ask: how people put one or two clauses ("like tea") in a question.

`frames.yaml` has them by hand, that is by who wrote them, so that those of one hand can be read by those of the others.
In a frame with two clauses {a} is the one whose users are asked for, and {b} the other, whichever is said first; of a
share, {b} is the group it is a share of.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import yaml

from limner.domain import Language
from prompts.wordings import LANGUAGES

Asks = Literal[
    "list", "count", "share", "both", "without", "either", "one", "share among",
    "count both", "count without", "count one", "other",
]  # fmt: skip
"""What a frame asks of its clauses: which users, how many or what share; of two, who fits both, the one without the
other, either, or exactly one, and what share of those of the second fit the first; "other" is anything else."""
TURNING = frozenset({"without", "count without", "share among"})
"""What asks of two clauses something else when they change places."""


class Frame(NamedTuple):
    text: str
    """With {c} for its only clause, or {a} and {b}."""
    language: Language
    asks: Asks
    hand: int
    """Who wrote it."""


class Fillings(NamedTuple):
    """What is put into frames to learn where their clauses stand."""

    names: list[str]
    times: list[str]
    clauses: list[str]
    """With `{x}` for a name."""


@cache
def frames() -> tuple[Frame, ...]:
    """All that are known."""
    return tuple(_read())


@cache
def fillings(language: Language) -> Fillings:
    return Fillings(**{kind: lines.splitlines() for kind, lines in _file("fillings")[language].items()})


def _read() -> Iterator[Frame]:
    for hand, written in enumerate(_file("frames")):
        for language in LANGUAGES:
            for asks, lines in written[language].items():
                yield from (Frame(text, language, asks, hand) for text in lines.splitlines())


def _file(name: str) -> Any:
    return yaml.safe_load((files("prompts") / "frames" / f"{name}.yaml").read_text("utf-8"))
