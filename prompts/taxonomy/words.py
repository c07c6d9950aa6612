"""Finding words of a taxonomy in text, English and Chinese alike.

All of it works on folded text: lower case, full-width letters made half-width, hyphens made spaces. Folding keeps every
character in its place, so a span of the folded text is a span of the original.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import ahocorasick  # pyright: ignore[reportMissingImports]

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_PLAIN = _HALF_WIDTH | {
    0x3000: 0x20,
    0x00A0: 0x20,
    0x2018: 0x27,
    0x2019: 0x27,
    0x2010: 0x20,
    0x2011: 0x20,
    0xFF0D: 0x20,
}
_NOT_PLAIN = re.compile("[\u00a0\u2010\u2011\u2018\u2019\u3000\uff0d\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")
_GAPS = re.compile(r"[\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
_PLURALS = (
    (re.compile(r"(?<=[a-z][^aeiou])y$"), "ies"),
    (re.compile(r"(?<=[a-z]{2})(?:ch|sh|x|ss)$"), r"\g<0>es"),
    (re.compile(r"(?<=[a-z]{3})(?<![sxy])(?<!ch)(?<!sh)(?<!ing)$"), "s"),
)
_NO_PLURALS = frozenset({"blues", "news"})
"""Who likes blue does not like the blues."""
_NOT_DONE = re.compile(r"\b(?:don't|do not|can't|cannot)\b")
_CLAUSE_END = re.compile(r"[.!?;\n。！？；…，]|,(?! (?:that|if))")


def fold(text: str) -> str:
    """The text in lower case, letters half-width, hyphens as spaces; every character stays in its place."""
    plain = text.replace("-", " ")
    if not text.isascii() and _NOT_PLAIN.search(text):
        plain = plain.translate(_PLAIN)
    lower = plain.lower()
    if len(lower) == len(text):
        return lower
    return "".join(small if len(small := character.lower()) == 1 else character for character in plain)


@lru_cache(16_384)
def compact(text: str) -> str:
    """The text as names are compared: NFKC, casefolded, "and" for "&", letters and digits alone, no accents."""
    plain = _GAPS.sub("", _spelt_out(text))
    if plain.isascii():
        return plain
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", plain)))


def slug(text: str) -> str:
    """The text as the last part of a key: letters and digits of any script joined by hyphens, 1 to 60 characters."""
    short = _GAPS.sub("-", _spelt_out(text)).strip("-")[:60].rstrip("-")
    return short or "x" + hashlib.blake2b(text.encode(errors="replace"), digest_size=4).hexdigest()


def _spelt_out(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return plain.replace("&", " and ").replace("+", " plus ").replace("#", " sharp ")


def with_plural(word: str) -> tuple[str, ...]:
    """An English word and its regular plural; any other word alone."""
    if word.isascii():
        for ending, plural in _PLURALS:
            if ending.search(word):
                return word, ending.sub(plural, word)
    return (word,)


def in_both_numbers(name: str) -> tuple[str, ...]:
    """A compacted name, and where it is English its regular plural and singular: boardgames, boardgame."""
    return (*with_plural(name), *_singular(name))


def _singular(name: str) -> tuple[str, ...]:
    if not name.isascii() or name in _NO_PLURALS:
        return ()
    if name.endswith("ies") and len(name) > 4:
        return (name[:-3] + "y", name[:-1])
    if name.endswith(("ches", "shes", "xes", "sses")):
        return (name[:-2], name[:-1])
    return (name[:-1],) if len(name) > 3 and name.endswith("s") and not name.endswith(("ss", "us", "is")) else ()


class Found(NamedTuple):
    key: str
    start: int
    end: int


class Matcher:
    """Finds the words of all terms in one pass."""

    def __init__(self, words: Mapping[str, str], ignored: Iterable[str] = ()) -> None:
        """Args:
        words: Folded surface form to key.
        ignored: Longer forms that contain a word but do not mean it: 咖啡色 is a colour.
        """
        self._words = Words({**dict.fromkeys(ignored), **words})

    def find(self, text: str) -> list[Found]:
        """Keys with the span that means them, left to right, never overlapping, the longest where several begin."""
        every = sorted(self._words.hits(fold(text)), key=leftmost_longest)
        found = []
        taken = 0
        for start, end, key in every:
            if start >= taken:
                taken = end
                if key is not None:
                    found.append(Found(key, start, end))
        return found


class Frames:
    """Finds facts that a text states about its author: "I'm vegetarian", 我对海鲜过敏."""

    def __init__(
        self, frames: Iterable[tuple[str, Mapping[str, str]]], first_person: str, before: str, after: str, any_more: str
    ) -> None:
        """Args:
        frames: Patterns, each with the names that may stand for its `@name`, and the key each name gives.
        first_person: Pattern without which a text says nothing about its author.
        before: Pattern that, in the clause before a statement, takes it back: "not", "if", 不是, 如果.
        after: The same for what follows.
        any_more: What does not take back what somebody does not do.
        """
        said: dict[str, list[tuple[str, str, str]]] = {}
        for frame, names in frames:
            for name, key in names.items():
                said.setdefault(name, []).append((frame, name, key))
        self._names = Words({name: tuple(ways) for name, ways in said.items()})
        self._first_person, self._before, self._after = map(re.compile, (first_person, before, after))
        self._any_more = re.compile(any_more)

    def find(self, text: str) -> list[Found]:
        """Keys with the span that states them, from left to right."""
        folded = fold(text)
        if not self._first_person.search(folded):
            return []
        found = set()
        for ways in {ways for _, _, ways in self._names.hits(folded)}:
            for frame, name, key in ways:
                if not outline(frame).search(folded):
                    continue
                for match in pattern(frame, name).finditer(folded):
                    start, end = match.span("span")
                    if self._stands(folded, start, end):
                        found.add(Found(key, start, end))
        return sorted(found, key=lambda each: (each.start, each.end, each.key))

    def _stands(self, folded: str, start: int, end: int) -> bool:
        clause = _CLAUSE_END.split(folded[max(0, start - 40) : start])[-1]
        if self._before.search(clause):
            return False
        follows = folded[end : end + 24]
        left_off = self._any_more.match(follows) and _NOT_DONE.search(folded, start, end)
        return bool(left_off) or not self._after.match(follows)


@lru_cache(4_096)
def pattern(frame: str, name: str) -> re.Pattern[str]:
    """A frame for one name, ready to search folded text with; a space of it stands for one or two."""
    return _framed(frame, re.escape(name))


@lru_cache(1_024)
def outline(frame: str) -> re.Pattern[str]:
    """What a text must hold for a frame to stand in it with any name at all.

    To make the pattern of one name takes a hundred times as long as to look for this one.
    """
    return _framed(frame, "(?s:.+?)")


def _framed(frame: str, name: str) -> re.Pattern[str]:
    said = frame.replace("@name", f"{name}(?![a-z0-9])").replace("\\ ", " ")
    return re.compile(said.replace(" ", r"\s{1,2}"))


class _Word(NamedTuple):
    length: int
    payload: Any
    left: bool
    """Its first character is a Latin letter or digit, so it must not follow one."""
    right: bool


class Words:
    """Finds folded words in one pass."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        """Args:
        words: Each with its payload.
        """
        self._every = _automaton(words)
        self._ascii = _automaton({word: payload for word, payload in words.items() if word.isascii()})
        """Where a character goes on with no word, all first characters of words are looked through, one by one: in an
        English text only those of English."""

    def hits(self, folded: str) -> Iterator[tuple[int, int, Any]]:
        """Start, end and payload of every word that stands between word boundaries."""
        automaton = self._ascii if folded.isascii() else self._every
        if not automaton:
            return
        size = len(folded)
        for last, (length, payload, left, right) in automaton.iter(folded):
            end = last + 1
            start = end - length
            if left and start and _latin(folded[start - 1]):
                continue
            if right and end < size and _latin(folded[end]):
                continue
            yield start, end, payload


def _automaton(words: Mapping[str, Any]) -> Any:
    automaton = ahocorasick.Automaton()
    for word, payload in words.items():
        automaton.add_word(word, _Word(len(word), payload, _latin(word[0]), _latin(word[-1])))
    automaton.make_automaton()
    return automaton


def _latin(character: str) -> bool:
    return character < "\u0250" and character.isalnum()


def leftmost_longest(hit: tuple[int, int, Any]) -> tuple[int, int]:
    """Sorts hits so that of two that overlap the one to be taken comes first."""
    return hit[0], -hit[1]
