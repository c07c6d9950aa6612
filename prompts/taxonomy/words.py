"""Finding words of a taxonomy in text, English and Chinese alike.

All of it works on folded text: lower case, full-width forms made half-width, hyphens made spaces. Folding keeps every
character in its place, so a span of the folded text is a span of the original.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

import ahocorasick

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_PLAIN = _HALF_WIDTH | {0x3000: 0x20, 0x00A0: 0x20, 0x2018: 0x27, 0x2019: 0x27, 0x2010: 0x20, 0x2011: 0x20, 0x2D: 0x20}
_GAPS = re.compile(r"[\W_]+")
_PLURAL = re.compile(r"(?<=[a-z]{3})(?<![sxy])$")


def fold(text: str) -> str:
    """The text in lower case, half-width, hyphens as spaces; every character stays in its place."""
    if text.isascii():
        return text.lower().replace("-", " ")
    plain = text.translate(_PLAIN)
    lower = plain.lower()
    if len(lower) == len(text):
        return lower
    return "".join(small if len(small := character.lower()) == 1 else character for character in plain)


@cache
def compact(text: str) -> str:
    """The text as names are compared: NFKC, casefolded, "and" for "&", without spaces and punctuation; + and # count."""
    name = (
        unicodedata.normalize("NFKC", text).casefold().replace("&", " and ").replace("+", "plus").replace("#", "sharp")
    )
    return _GAPS.sub("", name)


def slug(text: str) -> str:
    """The text as the last part of a key: letters and digits of any script, joined by hyphens, at most 60 characters."""
    name = (
        unicodedata.normalize("NFKC", text)
        .casefold()
        .replace("&", " and ")
        .replace("+", " plus ")
        .replace("#", " sharp ")
    )
    short = _GAPS.sub("-", name).strip("-")[:60].rstrip("-")
    return short or "x" + hashlib.blake2b(text.encode(errors="replace"), digest_size=4).hexdigest()


def with_plural(word: str) -> tuple[str, ...]:
    """An English word and its plain plural; any other word alone."""
    return (word, word + "s") if word.isascii() and _PLURAL.search(word) else (word,)


class Found(NamedTuple):
    key: str
    start: int
    end: int


class _Word(NamedTuple):
    length: int
    payload: object
    left: bool
    """Its first character is a Latin letter or digit, so it must not follow one."""
    right: bool


class Matcher:
    """Finds the words of all terms in one pass."""

    def __init__(self, words: Mapping[str, str], ignored: Iterable[str] = ()) -> None:
        """Args:
        words: Surface form to key.
        ignored: Longer forms that contain a word but do not mean it: 咖啡色 is a colour.
        """
        self._automaton = _automaton({**dict.fromkeys(ignored), **words})

    def find(self, text: str) -> list[Found]:
        """Keys with the span that means them, from left to right, the longest where several begin, never overlapping."""
        folded = fold(text)
        found = []
        end = 0
        for start, stop, key in sorted(_hits(self._automaton, folded), key=_leftmost_longest):
            if start >= end:
                end = stop
                if key is not None:
                    found.append(Found(str(key), start, stop))
        return found


class Frames:
    """Finds facts that a text states about its author: "I'm vegetarian", 我对海鲜过敏."""

    def __init__(
        self, frames: Iterable[tuple[str, Mapping[str, str]]], first_person: str, before: str, after: str
    ) -> None:
        """Args:
        frames: Patterns, each with the names that may stand for its `@name`, and the key each name gives.
        first_person: Pattern without which a text says nothing about its author.
        before: Pattern that, in the clause before a statement, takes it back: "not", "if", 不, 如果.
        after: The same for what follows.
        """
        self._frames = [(frame, names) for frame, names in frames]
        by_name: dict[str, list[int]] = {}
        for number, (_, names) in enumerate(self._frames):
            for name in names:
                by_name.setdefault(name, []).append(number)
        self._automaton = _automaton({name: tuple(numbers) for name, numbers in by_name.items()})
        self._first_person, self._before, self._after = (re.compile(each) for each in (first_person, before, after))

    def find(self, text: str) -> list[Found]:
        """Keys with the span that states them, from left to right."""
        folded = fold(text)
        if not self._first_person.search(folded):
            return []
        numbers = {number for _, _, hit in _hits(self._automaton, folded) for number in hit}  # type: ignore[attr-defined]
        found = set()
        for number in sorted(numbers):
            frame, names = self._frames[number]
            for match in pattern(frame, tuple(names)).finditer(folded):
                start, end = match.span("span")
                clause = CLAUSE_END.split(folded[max(0, start - 40) : start])[-1]
                if not self._before.search(clause) and not self._after.match(folded[end : end + 24]):
                    found.add(Found(names[match["name"]], start, end))
        return sorted(found, key=lambda each: (each.start, each.end, each.key))


CLAUSE_END = re.compile(r"[.!?;\n。！？；…]|,(?! (?:that|if))|，")


@cache
def pattern(frame: str, names: tuple[str, ...]) -> re.Pattern[str]:
    """A frame ready to search folded text with; a space of it stands for one or two."""
    choice = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(frame.replace("@name", f"(?P<name>{choice})(?![a-z0-9])").replace(" ", r"\s{1,2}"))


def _automaton(words: Mapping[str, object]) -> ahocorasick.Automaton:
    automaton = ahocorasick.Automaton()
    for word, payload in words.items():
        automaton.add_word(word, _Word(len(word), payload, _latin(word[0]), _latin(word[-1])))
    if words:
        automaton.make_automaton()
    return automaton


def _hits(automaton: ahocorasick.Automaton, folded: str) -> list[tuple[int, int, object]]:
    """Start, end and payload of every word that stands between word boundaries."""
    if not len(automaton):
        return []
    size = len(folded)
    hits = []
    for last, word in automaton.iter(folded):
        start, stop = last + 1 - word.length, last + 1
        if word.left and start and _latin(folded[start - 1]):
            continue
        if word.right and stop < size and _latin(folded[stop]):
            continue
        hits.append((start, stop, word.payload))
    return hits


def _latin(character: str) -> bool:
    return character.isalnum() and character < "\u0250"


def _leftmost_longest(hit: tuple[int, int, object]) -> tuple[int, int]:
    return hit[0], -hit[1]
