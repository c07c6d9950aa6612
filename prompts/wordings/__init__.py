"""Wordings whose meaning is known: what the files beside this say of how people put what a question can ask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from limner.domain import Label, Language

NAME, TIME = "{x}", "{t}"
"""What stands for a name, and for a time, in a wording."""
OTHERS = "others"
"""What wordings mean that no query can tell."""
LANGUAGES: tuple[Language, ...] = ("en", "zh")
_SHOWN: dict[Language, dict[str, str]] = {"en": {NAME: "it", TIME: "in 2018"}, "zh": {NAME: "它", TIME: "2018年"}}


class Wording(NamedTuple):
    text: str
    language: Language
    means: str
    """The key of a habit, plain words in English that rules read, or `OTHERS`."""

    @property
    def shape(self) -> tuple[bool, bool]:
        """Whether it has a name and a time."""
        return NAME in self.text, TIME in self.text


def shown(text: str, language: Language) -> str:
    """A wording with the commonest words for a name and a time in their place."""
    for sign, word in _SHOWN[language].items():
        text = text.replace(sign, word)
    return text


@cache
def wordings() -> tuple[Wording, ...]:
    """All that are known."""
    return tuple(_read())


def _read() -> Iterator[Wording]:
    said = [(one["plain"]["en"], one) for one in _file("leanings")]
    said += [*_file("habits").items(), (OTHERS, _file("others"))]
    for means, one in said:
        for language in LANGUAGES:
            yield from (Wording(text, language, means) for text in one[language].splitlines())


@cache
def means() -> frozenset[str]:
    """All that they mean."""
    return frozenset(one.means for one in wordings())


@cache
def plain() -> dict[str, Label]:
    """The plain words that wordings stand for, by those in English."""
    return {one["plain"]["en"]: Label(**one["plain"]) for one in _file("leanings")}


@cache
def _file(name: str) -> Any:
    return yaml.safe_load((files("prompts") / "wordings" / f"{name}.yaml").read_text("utf-8"))
