"""Where a text says something of its author, and which words of it may name what.

A frame of a facet is a pattern with an open `slot`: "I'm really into ___", 我最喜欢的电影是___. It settles who speaks,
and of whom, which facet it is about and which way it leans; what the words in the slot name is for others to say. A
frame is tried only where a first person or a clause begins, so that a text costs some microseconds.

What somebody says is over ("I used to love jazz", 我不打网球了) is put back into the statement that it ends ("I love
jazz", 我打网球), so that every frame and every pattern of a fact can be ended, in the words it is stated with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from limner.domain import Polarity
from prompts.taxonomy.words import fold

STATEMENTS = (
    "first_person",
    "before",
    "after",
    "ends",
    "restricts",
    "conditions",
    "nothing",
    "others",
    "asks",
    "any_more",
    "still",
    "people",
)
"""Patterns of a taxonomy on what makes a statement of words, and what does not."""
FACTUAL = ("first_person", "before", "after", "any_more")
"""Those that a fact's pattern is held against."""
MOST_ITEMS = 6
"""Further items of a list that a slot may hold beyond its clause."""

_ANCHOR = re.compile(
    r"\b(?:i|we|my|our|im|as)\b|我|本人|俺|(?:^|[.!?;:,\n。！？；：，…])[\s\"'“”‘’]{0,3}(?=\S)|(?<=[\u4e00-\u9fff]) +"
)
_SENTENCE_END = re.compile(r"[.!?;\n。！？；…](?![0-9])")
_ITEM = re.compile(r"\s*(?:and |or |和|还有|以及)?\s*(?P<item>[^,，.!?;\n。！？；…]{1,60})")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_COMMA = re.compile("[,，]")
_CLAUSE_BEFORE = re.compile(r"[.!?;\n。！？；…，]|,(?! (?:that|if))")
_CLAUSE_AHEAD = re.compile(r"[^,，.!?;\n。！？；…]*([,，.!?;\n。！？；…]?)")
_SPEAKER = re.compile(r"我|本人|俺|\b(?:i|im|we|my|our|as)\b")
_LONG_EN, _LONG_ZH = 4, 5
"""Words, or characters, of a list's item; a longer one is a clause of its own."""


class Way(NamedTuple):
    """What a frame makes of the words in its slot."""

    facet: str
    polarity: Polarity


class Opening(NamedTuple):
    """A place in a text where its author says something of themselves."""

    facet: str
    polarity: Polarity
    begin: int
    """Of the words that say so."""
    start: int
    """Of the slot."""
    end: int
    """Of the slot, without a further clause; the items of a list are in it."""
    close: int
    """Of the words that say so, where they go on behind the slot: 对…感兴趣; otherwise as `end`."""


class Ending(NamedTuple):
    """A place in a text where its author says that something is over."""

    begin: int
    end: int
    ended: tuple[str, ...]
    """What could have been said before, each a statement about the author."""


class Hearing:
    """Finds openings and endings."""

    def __init__(
        self,
        frames: Iterable[tuple[str, Way]],
        statements: Mapping[str, str],
        endings: Mapping[str, Mapping[str, Sequence[str]]],
    ) -> None:
        """Args:
        frames: Patterns over folded text, each with one group `slot`, and what they make of it.
        statements: The patterns of the taxonomy's section of that name; missing ones match nothing.
        endings: By a word without which none is there, patterns, each with the statements it ends, in which the
            pattern's groups stand in braces.
        """
        self._endings = [
            (cue, [(re.compile(frame), tuple(ended)) for frame, ended in ways.items()]) for cue, ways in endings.items()
        ]
        framed = list(frames)
        self._ways = [way for _, way in framed]
        numbered = (frame.replace("(?P<slot>", f"(?P<slot{at}>") for at, (frame, _) in enumerate(framed))
        self._frames = re.compile("|".join(f"(?:{frame})" for frame in numbered) or "(?!)")
        (
            self._first_person,
            self._before,
            self._after,
            self._ends,
            self._restricts,
            self._conditions,
            self._nothing,
            self._others,
            self._asks,
            self._any_more,
            self._still,
            self._people,
        ) = (re.compile(statements.get(name, "(?!)")) for name in STATEMENTS)

    def names_nothing(self, value: str) -> bool:
        """Whether words name no thing: it, that, what you said."""
        return self._nothing.match(fold(value)) is not None

    def is_taken_back(self, text: str, end: int, polarity: Polarity) -> bool:
        """Whether what follows takes a statement back: anymore, the other day, 的话; a dislike is none the less one."""
        follows = fold(text[end : end + 24])
        if polarity < 0 and self._any_more.match(follows):
            return False
        return self._after.match(follows) is not None

    def tells_of_another(self, text: str, start: int) -> bool:
        """Whether a sentence is about somebody else up to a place: "my sister loves", and not "my sister and I"."""
        sentence = _SENTENCE_END.split(fold(text[max(0, start - 80) : start]))[-1]
        spoken = [match.span() for match in self._people.finditer(sentence)]
        return bool(spoken) and not (
            _SPEAKER.search(sentence, 0, spoken[0][0]) or _SPEAKER.search(sentence, spoken[-1][1])
        )

    def endings(self, text: str) -> list[Ending]:
        """Where a text says that something is over, with what it ends, from left to right."""
        folded = fold(text)
        if not self._first_person.search(folded) and not _HAN.search(folded):
            return []
        return sorted(
            Ending(match.start(), match.end(), tuple(said.format_map(match.groupdict()) for said in ended))
            for cue, ways in self._endings
            if cue in folded
            for frame, ended in ways
            for match in frame.finditer(folded)
            if self._is_over(folded, match.start(), match.end())
        )

    def _is_over(self, folded: str, begin: int, end: int) -> bool:
        clause = _CLAUSE_BEFORE.split(folded[max(0, begin - 40) : begin])[-1]
        return not (
            self._before.search(clause)
            or self._is_asked(folded, begin, end)
            or self._still.match(folded, end)
            or (not _SPEAKER.match(folded, begin) and self._of_another(folded, begin))
        )

    def find(self, text: str) -> list[Opening]:
        """The openings of a text, from left to right, at most one at each place."""
        folded = fold(text)
        if not self._first_person.search(folded) and not _HAN.search(folded):
            return []
        found: list[Opening] = []
        taken = -1
        for anchor in self._anchors(folded):
            if anchor < taken:
                continue
            match = self._frames.match(folded, anchor)
            if match is None or not (opening := self._opening(folded, match)):
                continue
            found.append(opening)
            taken = opening.start
        return found

    def _anchors(self, folded: str) -> Iterator[int]:
        last = -1
        for anchor in _ANCHOR.finditer(folded):
            at = anchor.end() if not _SPEAKER.match(anchor[0]) else anchor.start()
            if at > last:
                last = at
                yield at

    def _opening(self, folded: str, match: re.Match[str]) -> Opening | None:
        group = match.lastgroup
        assert group is not None
        way = self._ways[int(group.removeprefix("slot"))]
        begin, (start, end) = match.start(), match.span(group)
        clause = _CLAUSE_BEFORE.split(folded[max(0, begin - 40) : begin])[-1]
        if self._before.search(clause):
            return None
        if not _SPEAKER.match(folded, begin) and self._of_another(folded, begin):
            return None
        close = match.end()
        if end == close:  # an open end: up to where another clause begins
            close = end = start + len(folded[start : self._closed(folded, start, end)].rstrip())
        if self._restricts.match(folded, end) or (way.polarity < 0 and self._conditions.match(folded, end)):
            return None  # "films that glorify war" are not films
        if end - start < 1 or self._nothing.match(folded, start, end) or self._is_asked(folded, begin, end):
            return None
        return Opening(way.facet, way.polarity, begin, start, end, close)

    def _closed(self, folded: str, start: int, end: int) -> int:
        """Where a slot ends: at a word that begins another clause; short items after a comma still belong to it."""
        comma = _COMMA.search(folded, start, end)
        first = comma.start() if comma else end
        cut = self._ends.search(folded, start, first)
        if cut:
            return cut.start()
        end = first
        for _ in range(MOST_ITEMS):
            if end >= len(folded) or folded[end] not in ",，":
                break
            item = _ITEM.match(folded, end + 1)
            if item is None:
                break
            cut = self._ends.search(folded, item.start("item") - 1, item.end("item"))
            words = folded[item.start("item") : cut.start() if cut else item.end("item")].strip()
            long = len(words) > _LONG_ZH if _HAN.search(words) else len(words.split()) > _LONG_EN
            if long or not words or self._first_person.search(words) or self._others.search(words):
                break
            if self._frames.match(folded, item.start("item")):
                break
            end = item.start("item") + len(words)
            if cut:
                break
        return end

    def _of_another(self, folded: str, begin: int) -> bool:
        """Whether a clause without a subject goes on about somebody who was named before in its sentence."""
        sentence = _SENTENCE_END.split(folded[max(0, begin - 80) : begin])[-1]
        own = max((match.start() for match in _SPEAKER.finditer(sentence)), default=-1)
        return any(match.start() > own for match in self._others.finditer(sentence))

    def _is_asked(self, folded: str, begin: int, end: int) -> bool:
        """Whether the clause is a question."""
        ahead = _CLAUSE_AHEAD.match(folded, end, end + 24)
        assert ahead is not None
        return (
            ahead[1] in ("?", "？")
            or bool(self._asks.search(folded[max(0, begin - 12) : begin]))
            or bool(self._asks.search(ahead[0]))
        )
