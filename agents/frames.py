"""A question that no rule reads, read by how its frame is like frames whose meaning is known (`prompts/frames`).

A conditional random field marks which words of a question are its one or two clauses, by the words around them. What
the question asks of them is told from the frame that is left, as what a clause means is told from wordings
(`agents/likeness.py`): by its vector, its words in a row, and beside which clause they stand. What the clauses
themselves mean is read as anywhere else. A question is not read so where a word is left that no frame has (it may be a
name, or a hedge), nor where what is asked does not lead clearly. Both are fitted beforehand (`python -m evals.fitted`).

Source: Lafferty, McCallum and Pereira, Conditional Random Fields (2001); Ratinov and Roth, Design Challenges and
Misconceptions in Named Entity Recognition (2009), for marking spans of words by the words around them.
"""

from __future__ import annotations

import heapq
import logging
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from math import log
from pathlib import Path
from typing import Literal, NamedTuple, cast

import jieba
import numpy as np
from pycrfsuite import Tagger, Trainer  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

from agents import likeness
from agents.likeness import Vectors
from agents.precedents import DENIES, HEDGES
from limner.domain import Language
from prompts.frames import TURNING, Asks, Frame, fillings
from prompts.wordings import LANGUAGES, NAME, TIME, plain, wordings

LEAD = 0.4
"""By which what is asked must lead what else it may be: found on the frames of two hands, each read by the others."""
LIKELIEST = 12
"""Ways to mark the clauses of a question that are tried."""
FAR = 4.0
"""By how much a way is less likely, in logarithms, that is not tried any more."""
LEAST = 1e-6
"""Probability of a mark, at least."""
FILLS = 6
"""Questions made of each frame to learn from, each with other clauses."""
QUOTED = 0.1
"""Share of the clauses to learn from whose names are quoted."""
LEARNING: Mapping[str, object] = {"c1": 1.0, "c2": 0.01, "max_iterations": 80, "feature.minfreq": 5}
"""Smaller penalties and rarer words make the files four times as large, and mark the frames of an unseen hand no
better."""
FITTED = Path(__file__).parents[1] / "prompts" / "frames"
ASKING = "fitted.npz"
CLAUSE = "{}"
"""Any clause, in what of a frame must be known."""
OUTSIDE = " … "
HEDGING = 3
"""Words before a clause that may hedge it: "who say they {}"."""
_WORD: Mapping[Language, re.Pattern[str]] = {
    "en": re.compile(r"[a-z]+(?:['’][a-z]+)?|\d+(?:\.\d+)?|[^\w\s]|\w", re.IGNORECASE),
    "zh": re.compile(r"[a-z]+|\d+(?:\.\d+)?|[^\w\s]|\w", re.IGNORECASE),
}
_QUOTE = re.compile('[“”„"「」『』]')
_PLACE = re.compile(r"(\{[abc]\})")
PUT_IN: Mapping[Language, Mapping[str, str]] = {
    "en": {"{1}": "like it", "{2}": "do that"},
    "zh": {"{1}": "喜欢它", "{2}": "做那个"},
}
"""What stands for a clause in the text that a vector is made of."""

Mark = Literal["first", "second", "frame"]
_IN_ORDER: Sequence[Mark] = ("frame", "first", "frame", "second", "frame")
"""The marks of a question, one after the other, as far as they go."""


class Word(NamedTuple):
    text: str
    """As it is compared: in lower case, "#" for a number."""
    start: int
    end: int


class Framed(NamedTuple):
    """What a question asks of its clauses."""

    asks: Asks
    clauses: tuple[str, ...]
    """As they are said; of two, the first is the one whose users are asked for."""
    left: str
    """The rest of the question, `OUTSIDE` for each clause."""
    is_sure: bool
    """Whether what is asked leads clearly, and all of the rest is known from frames."""


class Frames:
    """Reads questions by what was learnt from frames.

    Args:
        known: The frames.
        kept: Makes vectors of these, and may keep them.
        vectors: Makes those of what is asked.
        embedder: Name of what makes them.
        folder: Where what was fitted beforehand lies.
    """

    def __init__(
        self, known: Sequence[Frame], kept: Vectors, vectors: Vectors, embedder: str, folder: Path = FITTED
    ) -> None:
        self._known = known
        self._kept = kept
        self._vectors = vectors
        self._embedder = embedder
        self._folder = folder
        self._heard: dict[Language, frozenset[str]] = {}
        self._said: dict[Language, str] = {}
        self._spans: dict[Language, Tagger] = {}
        self._asking: dict[tuple[Language, int], likeness.Classifier] = {}

    def read(self, question: str, language: Language) -> Iterator[Framed]:
        """Where the clauses of a question may be and what it asks of them, the likeliest first."""
        words = _words(question, language)
        if not words:
            return
        spans, heard = self._tagger(language), self._known_parts(language)
        spans.set([_features([word.text for word in words], at) for at in range(len(words))])
        marked = [{mark: spans.marginal(mark, at) for mark in spans.labels()} for at in range(len(words))]
        for clauses in _likeliest(marked):
            places = [(words[start].start, words[end - 1].end) for start, end in clauses]
            said = [question[start:end] for start, end in places]
            bounds = zip((0, *(end for _, end in places)), (*(start for start, _ in places), None), strict=True)
            outside = [question[start:end] for start, end in bounds]
            asking = self._classifier(language, len(clauses))
            scores = asking.scores(_as_text(outside, language), self._vectors, _feels_nothing)
            second, first = map(int, np.argsort(scores)[-2:])
            asks, _, turned = asking.means[first].partition(" | ")
            leads = scores[first] - scores[second] >= LEAD
            sure = asks != "other" and bool(leads) and heard.issuperset(_parts(outside, language, asks))
            yield Framed(cast(Asks, asks), tuple(reversed(said) if turned else said), OUTSIDE.join(outside), sure)

    def says(self, words: str, language: Language) -> bool:
        """Whether a frame that asks something of users has these words outside its clauses."""
        if language not in self._said:
            read = (one.text for one in self._known if one.language == language and one.asks != "other")
            self._said[language] = "\n".join(read).casefold()
        edge = r"\b" if language == "en" else ""
        return re.search(f"{edge}{re.escape(words.casefold())}{edge}", self._said[language]) is not None

    def _known_parts(self, language: Language) -> frozenset[str]:
        if language not in self._heard:
            self._heard[language] = frozenset(
                part
                for one in self._known
                if one.language == language and one.asks != "other"
                for part in _parts(_PLACE.split(one.text)[::2], language, one.asks)
            )
        return self._heard[language]

    def _tagger(self, language: Language) -> Tagger:
        if language not in self._spans:
            self._spans[language] = Tagger()
            self._spans[language].open(str(self._folder / f"{language}.crfsuite"))
        return self._spans[language]

    def _classifier(self, language: Language, clauses: int) -> likeness.Classifier:
        if (language, clauses) not in self._asking:
            self._asking[language, clauses] = likeness.kept(
                self._folder / ASKING, digest(self._known, self._embedder), f"{language}{clauses}"
            ) or _asking(self._known, self._kept, language, clauses)
        return self._asking[language, clauses]


def _words(text: str, language: Language) -> list[Word]:
    return [
        Word("#" if found[0][0].isdigit() else _QUOTE.sub('"', found[0].casefold()), *found.span())
        for found in _WORD[language].finditer(text)
    ]


def _features(words: Sequence[str], at: int) -> list[str]:
    """What tells whether a word belongs to a clause: itself, its neighbours, and two of them in a row."""

    def word(far: int) -> str:
        place = at + far
        return words[place] if 0 <= place < len(words) else "^" if place < 0 else "$"

    alone = [f"{far} {word(far)}" for far in range(-3, 4)]
    pairs = [f"{far} {word(far)} {word(far + 1)}" for far in range(-2, 2)]
    return [*alone, *pairs]


def _likeliest(marked: Sequence[Mapping[str, float]]) -> list[tuple[tuple[int, int], ...]]:
    """The likeliest places of one or two clauses, in words."""
    paths: list[list[tuple[float, tuple[int, ...]]]] = [[(0.0, ())], [], [], [], []]
    for at, marks in enumerate(marked):
        ahead: list[list[tuple[float, tuple[int, ...]]]] = []
        for place, mark in enumerate(_IN_ORDER):
            come = [*paths[place]]
            if place:
                come += [(score, (*bounds, at)) for score, bounds in paths[place - 1]]
            likely = log(marks.get(mark, LEAST))
            ahead.append(heapq.nlargest(LIKELIEST, [(score + likely, bounds) for score, bounds in come]))
        paths = ahead
    ended = [
        (score, bounds if len(bounds) % 2 == 0 else (*bounds, len(marked)))
        for ending in paths[1:]
        for score, bounds in ending
    ]
    likeliest = heapq.nlargest(LIKELIEST, ended)
    return [
        tuple(zip(bounds[::2], bounds[1::2], strict=True))
        for score, bounds in likeliest
        if score > likeliest[0][0] - FAR
    ]


def _as_text(outside: Sequence[str], language: Language, asks: str = "") -> likeness.Text:
    """A frame as it is compared with others.

    Args:
        outside: What stands before, between and after its clauses.
    """
    left = [word.text for word in _words(outside[0], language)]
    for number, text in enumerate(outside[1:], 1):
        left += [f"{{{number}}}", *(word.text for word in _words(text, language))]
    whole = ("" if language == "zh" else " ").join(left)
    for place, said in PUT_IN[language].items():
        whole = whole.replace(place, said)
    where, placed = "", list[str]()
    for word in left:
        where = word if word in PUT_IN[language] else where
        placed.append(f"{where} {word}")
    return likeness.Text(asks, whole, [*likeness.in_a_row(["^", *left, "$"], 3), *placed])


def _feels_nothing(_: str) -> float:
    return 0.0


def _parts(outside: Sequence[str], language: Language, asks: str) -> set[str]:
    """What of a frame must be known: its words; which of them stand right before and right after a clause; and what
    denies or hedges right before one, from frames that ask the like."""
    parts: set[str] = set()
    like_it = "without" if "without" in asks else str(len(outside) - 1)
    for place, text in enumerate(outside):
        words = _cut(text, language)
        parts.update(word for word in words if word[0].isalnum())
        if place:
            parts.add(f"{CLAUSE} {words[0] if words else ''}")
        if place < len(outside) - 1:
            last = words[-1] if words else ""
            before = (" " if language == "en" else "").join(words[-HEDGING:])
            parts.add(f"{last} {CLAUSE}")
            if DENIES.search(last):
                parts.add(f"{like_it} {last} {CLAUSE}")
            if HEDGES.search(before):
                parts.add(f"{like_it} {before} {CLAUSE}")
    return parts


def _cut(text: str, language: Language) -> list[str]:
    """The words of a text; Chinese ones of more than one character, where the dictionary has them."""
    if language == "en":
        return [word.text for word in _words(text, "en")]
    return [word for cut in _dictionary().cut(text.casefold(), HMM=False) if (word := cut.strip())]


@cache
def _dictionary() -> jieba.Tokenizer:
    jieba.setLogLevel(logging.WARNING)
    return jieba.Tokenizer()


# --- learning ---


def digest(known: Sequence[Frame], embedder: str) -> str:
    """What is fitted to frames rests on."""
    said = "\n".join("\t".join(map(str, one)) for one in known)
    return f"{blake2b(said.encode(), digest_size=8).hexdigest()} {likeness.CONSTANTS} {embedder}"


def fit(known: Sequence[Frame], vectors: Vectors, embedder: str, folder: Path = FITTED) -> None:
    """Learn from frames, filled with known wordings, and leave what was learnt as files."""
    for language in LANGUAGES:
        trainer = Trainer(verbose=False)
        trainer.set_params(LEARNING)
        filled = _Clauses(language, random.Random(0))
        for one in known:
            for _ in range(FILLS if one.language == language else 0):
                marked = _filled(one, filled)
                words = [word for word, _ in marked]
                trainer.append([_features(words, at) for at in range(len(words))], [mark for _, mark in marked])
        trainer.train(str(folder / f"{language}.crfsuite"))
    made = {
        f"{language}{clauses}": _asking(known, vectors, language, clauses)
        for language in LANGUAGES
        for clauses in (1, 2)
    }
    likeness.keep(folder / ASKING, digest(known, embedder), made)


def _asking(known: Sequence[Frame], vectors: Vectors, language: Language, clauses: int) -> likeness.Classifier:
    """What tells frames of so many clauses apart."""
    texts: list[likeness.Text] = []
    for one in known:
        if one.language == language and (1 if "{c}" in one.text else 2) == clauses:
            turned = one.asks in TURNING and one.text.index("{b}") < one.text.index("{a}")
            outside = _PLACE.split(one.text)[::2]
            texts.append(_as_text(outside, language, f"{one.asks} | turned" if turned else one.asks))
    return likeness.Fit(texts, vectors, _feels_nothing).classifier()


def _filled(frame: Frame, filled: _Clauses) -> list[tuple[str, Mark]]:
    """A question of a frame, each of its words marked."""
    parts = _PLACE.split(frame.text)
    parts[1::2] = [filled.any() for _ in parts[1::2]]
    return [
        (word.text, mark) for part, mark in zip(parts, _IN_ORDER, strict=False) for word in _words(part, frame.language)
    ]


class _Clauses:
    """Clauses drawn from the known wordings, and from such as rules read."""

    def __init__(self, language: Language, drawn: random.Random) -> None:
        self._drawn = drawn
        self._fillings = fillings(language)
        worded = [one.text for one in wordings() if one.language == language]
        plainly = sorted({said.zh if language == "zh" else said.en for said in plain().values()})
        self._known = [*worded, *plainly * 5, *self._fillings.clauses * 40]

    def any(self) -> str:
        said = self._drawn.choice(self._known)
        quoted = self._drawn.random() < QUOTED
        while NAME in said:
            name = self._drawn.choice(self._fillings.names)
            said = said.replace(NAME, f"“{name}”" if quoted else name, 1)
        return said.replace(TIME, self._drawn.choice(self._fillings.times))
