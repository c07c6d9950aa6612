"""Where a text says something of its author, and which words of it may name what.

A frame of a facet is a pattern with an open `slot`: "I'm really into ___", 我最喜欢的电影是___. It settles who speaks,
and of whom, which facet it is about and which way it leans; what the words in the slot name is for others to say. A
frame is tried only where a first person or a clause begins, so that a text costs some microseconds; one that begins
with its slot only where no first person does.

What somebody says is over ("I used to love jazz", 我不打网球了) is put back into the statement that it ends ("I love
jazz", 我打网球), so that every frame and every pattern of a fact can be ended, in the words it is stated with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from limner.domain import Polarity
from prompts.taxonomy.words import fold

STATEMENTS = (
    "first_person",
    "before",
    "after",
    "ends",
    "restricts",
    "conditions",
    "narrows",
    "resumes",
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

NOBODY = r"(?!(?:i|we|my|our|im|as)\b)"
"""Begins a frame that names no speaker: "not a fan of …"."""
_BEGINS = re.compile(r"[\s\"'“”‘’]{0,3}(?=\S)")
_GOES_ON = re.compile(rf"[.!?;:,\n。！？；：，…]{_BEGINS.pattern}")
_GAP = re.compile(r" (?<=[\u4e00-\u9fff] ) *")
"""Where a clause begins: at its end."""
_SPEAKS = re.compile(
    "|".join([rf"{one}(?<!\w{one})\b" for one in ("i", "we", "my", "our", "im", "as")] + ["我", "本人", "俺"])
)
"""Each begins with a letter: a text is looked through for those much faster than for the edges of words."""
_SENTENCE_END = re.compile(r"[.!?;\n。！？；…](?![0-9])")
_ITEM = re.compile(r"\s*(?:and |or |和|还有|以及)?\s*(?P<item>[^,，.!?;\n。！？；…]{1,60})")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_FIRST_HAN = "\u4e00"
_COMMA = re.compile("[,，]")
_CLAUSE_BEFORE = re.compile(r"[.!?;\n。！？；…，]|,(?! (?:that|if))")
_CLAUSE_AHEAD = re.compile(r"[^,，.!?;\n。！？；…]*([,，.!?;\n。！？；…]?)")
_SPEAKER = re.compile(r"我|本人|俺|\b(?:i|im|we|my|our|as)\b")
_QUOTES = "'\"‘’“”"
_MARKS = frozenset(_QUOTES)
_NEXT_TITLE = re.compile(r"\s*(?:,|and|or|,\s*and)?\s*")
_TITLE = re.compile(r"['\"‘“]?([A-Z0-9](?:[^'\"‘’“”\n]|(?<=\w)['’](?=\w)){1,59}?)[,.]?['\"’”](?!\w)")
"""A title in quotation marks, of whose marks the first may be just before."""
_AND = re.compile(r"\s(?:and|but) ")
_AND_I = "   i "
"""What stands for "and" or "but" where another verb of the same speaker follows; as long as they are."""
_ANYTHING = frozenset({"places", "things", "activities", "cities"})
"""What says nothing without an example."""
_LONG_EN, _LONG_ZH = 4, 5
"""Words, or characters, of a list's item; a longer one is a clause of its own."""


Only = Literal["", "known", "works"]
"""Of what a frame is believed: of anything, of things that the taxonomy knows, or of titles in quotation marks."""


class Way(NamedTuple):
    """What a frame makes of the words in its slot."""

    facet: str
    polarity: Polarity
    only: Only = ""


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
    only: Only = ""
    """What its slot must name to be believed."""


class Ending(NamedTuple):
    """A place in a text where its author says that something is over."""

    begin: int
    end: int
    ended: tuple[str, ...]
    """What could have been said before, each a statement about the author."""


def titles_at(text: str, start: int) -> list[tuple[int, int]]:
    """Where the titles in quotation marks are, in a list, with which a slot begins; [] where it begins with none."""
    found: list[tuple[int, int]] = []
    at = start - 1 if start and text[start - 1] in _QUOTES else start
    while text[at : at + 1] in _MARKS and (title := _TITLE.match(text, at)):
        found.append(title.span(1))
        at = _NEXT_TITLE.match(text, title.end()).end()  # type: ignore[union-attr]
    return found


Framed = tuple[int, tuple[str, Way]]


def _is_named(framed: Framed) -> bool:
    """Whether a frame begins with what it names, or otherwise with no speaker."""
    return framed[1][0].startswith(("(?P<slot>", NOBODY))


def _any(framed: Iterable[Framed]) -> re.Pattern[str]:
    """Any of these frames, each slot numbered as its frame is."""
    return re.compile("|".join(f"(?:{frame.replace('<slot>', f'<slot{at}>')})" for at, (frame, _) in framed) or "(?!)")


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
        english, chinese = ([one for one in enumerate(framed) if bool(_HAN.search(one[1][0])) == zh] for zh in (0, 1))
        self._said, self._named = _any([one for one in english if not _is_named(one)]), _any(filter(_is_named, english))
        self._said_zh, self._named_zh = _any([one for one in chinese if not _is_named(one)]), _any(chinese)
        (
            self._first_person,
            self._before,
            self._after,
            self._ends,
            self._restricts,
            self._conditions,
            self._narrows,
            self._resumes,
            self._nothing,
            self._others,
            self._asks,
            self._any_more,
            self._still,
            self._people,
        ) = (re.compile(statements.get(name, "(?!)")) for name in STATEMENTS)

        self._own = lru_cache(2)(self._spoken_by_author)  # a text's openings are looked for, and then its endings

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
        folded = self._own(text)
        if folded is None:
            return []
        return sorted(
            Ending(match.start(), match.end(), tuple(said.format_map(match.groupdict()) for said in ended))
            for cue, ways in self._endings
            if cue in folded
            for frame, ended in ways
            for match in frame.finditer(folded)
            if self._is_over(folded, match.start(), match.end())
        )

    def _spoken_by_author(self, text: str) -> str | None:
        """A text folded; None where it cannot say anything of its author."""
        folded = fold(text)
        return folded if self._first_person.search(folded) or _HAN.search(folded) else None

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
        folded = self._own(text)
        if folded is None:
            return []
        found: list[Opening] = []
        taken = -1
        for anchor in self._anchors(folded):
            if anchor < taken:
                continue
            opening = self._at(text, folded, anchor)
            while opening is not None:
                found.append(opening)
                taken = opening.start
                opening = self._joined(text, folded, opening)
        return found

    def _at(self, text: str, folded: str, anchor: int) -> Opening | None:
        match = self._match(folded, anchor)
        return None if match is None else self._opening(text, folded, match)

    def _match(self, folded: str, at: int) -> re.Match[str] | None:
        """The frame that stands at a place, of those that may: what begins with its slot begins with no speaker."""
        if folded[at : at + 1] < _FIRST_HAN:
            return (self._said if _SPEAKER.match(folded, at) else self._named).match(folded, at)
        return (self._said_zh if _SPEAKER.match(folded, at) else self._named_zh).match(folded, at)

    def _joined(self, text: str, folded: str, before: Opening) -> Opening | None:
        """What the same speaker goes on to say behind "and" or "but" without naming themselves again."""
        joint = _AND.match(folded, before.end) if before.close == before.end else None
        if joint is None or _SPEAKER.match(folded, joint.end()):
            return None
        said = f"{folded[: joint.start()]}{_AND_I}{folded[joint.end() :]}"
        opening = self._at(text, said, joint.end() - 2)
        return None if opening is None else opening._replace(begin=joint.end())

    def _anchors(self, folded: str) -> list[int]:
        """Where a first person or a clause begins, from left to right."""
        begins = _BEGINS.match(folded)
        start = begins.end() if begins else 0
        found = {one.end() for one in _GOES_ON.finditer(folded, start)}
        found.update([one.start() for one in _SPEAKS.finditer(folded, start)])
        if begins:
            found.add(start)
        if " " in folded and not folded.isascii():
            found.update([one.end() for one in _GAP.finditer(folded, start)])
        return sorted(found)

    def _opening(self, text: str, folded: str, match: re.Match[str]) -> Opening | None:
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
        titles = titles_at(text, start)
        if end == close:  # an open end: up to where another clause begins
            ahead = folded[start : self._closed(folded, start, end, way.polarity)]
            close = end = titles[-1][1] if titles else start + len(ahead.rstrip())
        if way.polarity < 0 and self._conditions.match(folded, end):
            return None  # "driving when it's dark" is not driving
        if end - start < 1 or (not titles and self._nothing.match(folded, start, end)):
            return None
        if self._is_asked(folded, begin, end):
            return None
        return Opening(way.facet, way.polarity, begin, start, end, close, way.only)

    def _closed(self, folded: str, start: int, end: int, polarity: Polarity) -> int:
        """Where a slot ends: at a word that begins another clause; short items after a comma still belong to it.

        What narrows the thing down is in it: "films that glorify war" are not films.
        """
        comma = _COMMA.search(folded, start, end)
        first = comma.start() if comma else end
        cut = self._ends.search(folded, start, first)
        narrows = (
            self._narrows if polarity < 0 or (cut and folded[start : cut.start()] in _ANYTHING) else self._restricts
        )
        if cut and (self._restricts.match(folded, cut.start()) or narrows.match(folded, cut.start())):
            cut = self._resumes.search(folded, cut.end(), first)
            return cut.start() if cut else first
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
            if self._match(folded, item.start("item")):
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
            or bool(self._asks.search(ahead[0].rstrip()))
        )
