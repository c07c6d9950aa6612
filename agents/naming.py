"""Where the name of a thing ends in what somebody says of it: "films based on true stories, if I have the time".

A conditional random field, learnt from lines whose names are marked (`prompts/tastes`), marks the words of a name by
those around them. It is asked only where a frame has found that an author speaks of what they like or dislike, and what
follows is too long to be a name as it stands, or may be no list; whether anything is said at all is not its to decide.
Fitted beforehand (`python -m evals.fitted`).

Source: Lafferty, McCallum and Pereira, Conditional Random Fields (2001); Ramshaw and Marcus, Text Chunking using
Transformation-Based Learning (1995), for names as words that begin one, go on with one, or belong to none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from pycrfsuite import Tagger, Trainer  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

from limner.domain import Language
from prompts.tastes import Line
from prompts.wordings import LANGUAGES

SURE = 0.75
"""Least probability of each mark of a name, and of the one behind it: found on lines of hands not learnt from."""
LEARNING: Mapping[str, object] = {"c1": 0.1, "c2": 0.05, "max_iterations": 100}
FITTED = Path(__file__).parents[1] / "prompts" / "tastes"
BACK = 2
"""Places from which a name is read in learning: where it begins, and a word before: "a" in "a good book"."""

_WORD = re.compile(r"[\u3400-\u9fff]|[a-z]+(?:['’][a-z]+)?|\d+(?:\.\d+)?|[^\w\s]|\w", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?![0-9])|[;\n。！？；…]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_BETWEEN = frozenset([",", "，", "、", "and", "or", "&", "和", "或", "与", "跟", "及", "以", "还", "有"])
"""What may stand between the names of a list."""

Mark = Literal["begins", "goes on", "none"]


class Word(NamedTuple):
    text: str
    """As it is compared: in lower case, "#" for a number."""
    start: int
    end: int


class Names:
    """Reads names.

    Args:
        folder: Where what was learnt lies.
    """

    def __init__(self, folder: Path = FITTED) -> None:
        self._folder = folder
        self._taggers: dict[Language, Tagger] = {}

    def read(self, text: str, start: int) -> list[tuple[int, int]]:
        """Where the names are, in a list, that a text gives from a place on; [] where that is in doubt."""
        end = _SENTENCE_END.search(text, start)
        words = _words(text, start, end.start() if end else len(text))
        if not words:
            return []
        tagger = self._tagger("zh" if _HAN.search(text, start, words[-1].end) else "en")
        tagger.set(_features(words, _words(text, max(0, start - 60), start)))
        marks: list[Mark] = tagger.tag()
        found: list[tuple[int, int]] = []
        last = 0
        for first, behind in _named(marks):
            if found and not all(word.text in _BETWEEN for word in words[last:first]):
                break
            around = range(first, min(behind + 1, len(marks)))
            if min(tagger.marginal(marks[at], at) for at in around) < SURE:
                return []
            found.append((words[first].start, words[behind - 1].end))
            last = behind
        return found

    def _tagger(self, language: Language) -> Tagger:
        if language not in self._taggers:
            self._taggers[language] = Tagger()
            self._taggers[language].open(str(self._folder / f"{language}.crfsuite"))
        return self._taggers[language]


@cache
def names() -> Names:
    """The names that limner comes with."""
    return Names()


def _words(text: str, start: int, end: int) -> list[Word]:
    return [
        Word("#" if found[0][0].isdigit() else found[0].lower().replace("’", "'"), *found.span())
        for found in _WORD.finditer(text, start, end)
    ]


def _named(marks: Sequence[Mark]) -> Iterator[tuple[int, int]]:
    """The first word of each name, and the one behind its last."""
    for first, mark in enumerate(marks):
        if mark == "begins":
            behind = first + 1
            while behind < len(marks) and marks[behind] == "goes on":
                behind += 1
            yield first, behind


def _features(words: Sequence[Word], before: Sequence[Word]) -> list[list[str]]:
    """What tells whether a word belongs to a name: itself, its neighbours, two and three in a row, and endings."""
    said = [word.text for word in (*before[-3:], *words)]
    shift = len(said) - len(words)

    def word(place: int) -> str:
        return said[place] if 0 <= place < len(said) else "^" if place < 0 else "$"

    return [
        [
            *(f"{far} {word(at + far)}" for far in range(-3, 5)),
            *(f"{far} {word(at + far)} {word(at + far + 1)}" for far in range(-2, 3)),
            *(f"{far} {word(at + far)} {word(at + far + 1)} {word(at + far + 2)}" for far in range(-1, 2)),
            f"ends {word(at)[-3:]}",
            f"next ends {word(at + 1)[-3:]}",
            f"at {min(at - shift, 12)}",
        ]
        for at in range(shift, len(said))
    ]


# --- learning ---


def fit(known: Sequence[Line], folder: Path = FITTED) -> None:
    """Learn from lines whose names are marked, and leave what was learnt as files."""
    for language in LANGUAGES:
        trainer = Trainer(verbose=False)
        trainer.set_params(LEARNING)
        for line in known:
            if line.language == language:
                for words, marks, before in _examples(line):
                    trainer.append(_features(words, before), marks)
        trainer.train(str(folder / f"{language}.crfsuite"))


def _examples(line: Line) -> Iterator[tuple[list[Word], list[Mark], list[Word]]]:
    """What is said from the first name of a sentence on, and from words before it; up to where it turns to what is
    liked from what is disliked, or the other way."""
    begin = 0
    for stop in [*(found.end() for found in _SENTENCE_END.finditer(line.text)), len(line.text)]:
        inside = [mark for mark in line.marks if begin <= mark.start and mark.end <= stop]
        if inside:
            turn = next((mark.start for mark in inside if mark.polarity != inside[0].polarity), stop)
            words = _words(line.text, begin, turn)
            marks: list[Mark] = [_mark(word, inside) for word in words]
            first = marks.index("begins")
            for back in range(BACK):
                if back <= first and all(word.text[0].isalnum() for word in words[first - back : first]):
                    yield words[first - back :], marks[first - back :], words[: first - back]
        begin = stop


def _mark(word: Word, inside: Sequence[tuple[int, int, int]]) -> Mark:
    for start, end, _ in inside:
        if start <= word.start and word.end <= end:
            return "begins" if word.start == start else "goes on"
    return "none"
