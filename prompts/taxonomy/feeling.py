"""How well a text speaks of what it is about, by the words in it: a number from -1 to 1, in English and Chinese.

Every word has a value, those of English from VADER's lexicon, the others from the taxonomy's `feelings`, which an owner
can extend. A word before it in the same clause may deny, strengthen or weaken it; what stands behind a "but" weighs
more than what stands before. It is one pass over the text for all words, whatever language they are of.

Source: Hutto and Gilbert, VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text (ICWSM
2014), for the English lexicon, the weight of a denial, of "but", and the scale.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from prompts.taxonomy.words import Words, fold, leftmost_longest

SCALE = 15.0
"""Of the sum of all words' values, so that it ends up between -1 and 1."""
BEFORE_TURN, AFTER_TURN = 0.5, 1.5
REACH_LATIN, REACH_HAN = 24, 5
"""Characters between a word and what denies or strengthens it: three English words, or two Chinese ones."""

_CLAUSE_END = re.compile(r"[,.!?;:\n，。！？；：、…～~()（）]")


class Cue(NamedTuple):
    """What a word does to what a text feels."""

    value: float = 0.0
    times: float | None = None
    """What it multiplies the value of the next word by."""
    turns: bool = False


class Feeling(NamedTuple):
    score: float
    """-1 to 1; 0 where no word feels anything."""
    start: int
    end: int
    """Where the words stand that say it most."""


NONE = Feeling(0.0, 0, 0)


class Feelings:
    """Args:
    cues: By folded word, over those of VADER.
    """

    def __init__(self, cues: Mapping[str, Cue]) -> None:
        self._words = Words({**vader(), **cues})

    def of(self, text: str) -> Feeling:
        """What a text feels about what it is about."""
        folded = fold(text)
        found: list[tuple[int, int, float]] = []
        turn = -1
        pending: list[tuple[int, int, float]] = []
        """Words that deny or strengthen what follows: where they stand, and by how much."""
        for start, end, cue in _apart(self._words.hits(folded)):
            if cue.turns:
                turn, pending = start, []
            elif cue.times is not None:
                pending.append((start, end, cue.times))
            elif cue.value:
                begin, value = start, cue.value
                reach = REACH_LATIN if folded[start] < "\u0250" else REACH_HAN
                for at, until, times in pending:
                    if start - until <= reach and not _CLAUSE_END.search(folded, until, start):
                        begin, value = min(begin, at), value * times
                found.append((begin, end, value))
                pending = []
            else:
                pending = []
        if not found:
            return NONE
        if turn >= 0:
            found = [(begin, end, value * (BEFORE_TURN if begin < turn else AFTER_TURN)) for begin, end, value in found]
        total = sum([value for _, _, value in found])
        begin, end, _ = max(found, key=lambda word: word[2] * total)
        return Feeling(total / math.sqrt(total * total + SCALE), begin, end)


@cache
def vader() -> dict[str, Cue]:
    """VADER's English words, and its emoji by the words that describe them."""
    folder = files("vaderSentiment")
    words: dict[str, Cue] = {}
    for line in (folder / "vader_lexicon.txt").read_text("utf-8").splitlines():
        word, value, *_ = line.split("\t")
        words[fold(word)] = Cue(float(value))
    for line in (folder / "emoji_utf8_lexicon.txt").read_text("utf-8").splitlines():
        sign, told = line.split("\t")
        if of_all := sum(words[word].value for word in told.split() if word in words):
            words[sign] = Cue(of_all)
    return words


def _apart(found: Iterable[tuple[int, int, Any]]) -> Iterable[tuple[int, int, Cue]]:
    """Words that do not overlap, from left to right, the longest where several begin."""
    taken = 0
    for start, end, cue in sorted(found, key=leftmost_longest):
        if start >= taken:
            taken = end
            yield start, end, cue
