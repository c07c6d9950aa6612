"""What of one user's history bears on a question: events found by words, by meaning and by time, and ranked together.

Words are ranked by BM25 over stems, Chinese cut into pairs of neighbouring characters; meaning by exact cosine over the
vectors of the events that are likeliest by words (and of the newest), made on demand and kept: no index of raw events
is built that deletion would have to reach. The ranks are fused by reciprocal rank. In a dialogue a turn also
inherits from its neighbours, since the answer often stands in the turn after the words of the question.

Memory holds places, times and an inverted index, a few hundred bytes an event; texts are read again when found.
"""

from __future__ import annotations

import math
import re
import sys
from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import bm25s
import numpy as np
import snowballstemmer
from numpy.typing import NDArray

from agents.when import Window
from limner.domain import Event

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

RRF = 60
"""The constant of reciprocal rank fusion, as its source has it."""
EMBEDDED = 300
"""Events whose meaning is compared with a question's, at most."""
MOST_KEPT = 4_000
"""Vectors kept for later questions: 8 MB."""
EXCHANGE = timedelta(hours=1)
"""Messages of one source that follow one another sooner are turns of one conversation."""
FROM_NEIGHBOURS = 0.5
"""Share of a neighbour's score that a turn inherits; chosen by `limner eval run recall-locomo-fitted`."""
MEANING = 0.3
"""Weight of the ranking by meaning beside that by words, chosen likewise: alone, the packaged embedder is weaker."""
TURNS = frozenset({"message", "chat", "comment"})
OF_ANOTHER = 0.7
"""What a turn of somebody else weighs where a question is about one who speaks, chosen likewise."""
LEADING = 5
"""Turns by which a speaker's hold on the words of a question is measured; chosen likewise, of 1, 2, 3 and 5."""
THREAD = ("conversation", "thread", "session", "segment_id", "log")
"""Keys of `meta` that must agree within a conversation."""
SPOKEN = ("speaker", "image_caption", "caption", "note")
"""Keys of `meta` that hold words about an event."""

_TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[\u3400-\u9fff]+")
_WORD = re.compile(r"\w+")
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof"})
_STOP = frozenset(
    """
    a about am an and are as at be been but by can could did do does doing for from had has have he her hers him his
    how i if in into is it its me my of on or our she should so some than that the their them there they this to was
    we were what when where which who whom why will with would you your
    """.split()  # noqa: SIM905
)
_STEMMER = snowballstemmer.stemmer("english")


def said(event: Event) -> str:
    """All words of an event: who speaks, the text, what the item is called and is, what a picture shows."""
    item = [part for value in event.item.values() for part in (value if isinstance(value, list) else [value])]
    meta = [event.meta.get(name) for name in SPOKEN]
    lines = [value for line in event.lines for value in line.values()]
    words = [meta[0], event.text, *item, *lines, *meta[1:]]
    return " ".join(word for word in words if isinstance(word, str))


def speaker(event: Event) -> str:
    """Who says it; "" where nobody is named."""
    name = event.meta.get("speaker")
    return sys.intern(name.strip()[:40]) if isinstance(name, str) else ""


def names(speaker: str, text: str) -> bool:
    """Whether a text names a speaker, by the first word of the name that is no title."""
    first = next((word for word in _WORD.findall(speaker) if word.casefold() not in _TITLES), speaker)
    alone = rf"(?<![^\W\u3400-\u9fff]){re.escape(first)}(?![^\W\u3400-\u9fff])"
    return re.search(alone, text, re.IGNORECASE) is not None


def tokens(text: str) -> list[str]:
    """The words of a text as they are compared: English stems, pairs of Chinese characters."""
    found = list[str]()
    for word in _TOKEN.findall(text.casefold()):
        if word[0] > "\u33ff":
            found += [word[at : at + 2] for at in range(len(word) - 1)] or [word]
        elif word not in _STOP:
            found.append(_stem(word))
    return found


@lru_cache(50_000)
def _stem(word: str) -> str:
    return str(_STEMMER.stemWord(word.removesuffix("'s")))


class Memory:
    """The events of one user, ready to be searched.

    Args:
        events: All of them, oldest first.
        read: Events by id, read again.
    """

    def __init__(self, events: Iterable[Event], read: Callable[[Sequence[str]], Mapping[str, Event]]) -> None:
        self._read = read
        self.ids: list[str] = []
        self._vectors: dict[int, NDArray[np.float32]] = {}
        vocabulary: dict[str, int] = {}
        corpus: list[array[int]] = []
        times, joined = list[float](), list[bool]()
        self._kinds = list[str]()
        self._speakers = list[str]()
        others = list[bool]()
        self.newest: datetime | None = None
        before: Event | None = None
        for event in events:
            self.ids.append(event.event_id)
            self._kinds.append(sys.intern(event.kind))
            self._speakers.append(speaker(event))
            others.append(event.meta.get("speaker_is_user") is False)
            times.append(np.nan if event.ts is None else event.ts.timestamp())
            joined.append(before is not None and _continues(before, event))
            corpus.append(array("i", (vocabulary.setdefault(word, len(vocabulary)) for word in tokens(said(event)))))
            self.newest = event.ts or self.newest
            before = event
        self._times = np.array(times)
        self._joined = np.array(joined, dtype=bool)
        self._others = np.array(others, dtype=bool)
        self._known = vocabulary
        self._index = _indexed(corpus, vocabulary)

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(self._kinds)

    def by_words(self, question: str, inherited: float = FROM_NEIGHBOURS) -> NDArray[np.float32]:
        """How well each event fits by its words, shape (n,), 0 where it shares none.

        Args:
            inherited: Share of the better neighbour's score that a turn of a conversation takes over.
        """
        asked = [self._known[word] for word in tokens(question) if word in self._known]
        if self._index is None or not asked:
            return np.zeros(len(self.ids), dtype=np.float32)
        own = np.asarray(self._index.get_scores_from_ids(asked), dtype=np.float32)
        return self._with_neighbours(own, inherited)

    def _with_neighbours(self, own: NDArray[np.float32], inherited: float) -> NDArray[np.float32]:
        near = np.zeros_like(own)
        near[1:] = np.where(self._joined[1:], own[:-1], 0)
        near[:-1] = np.maximum(near[:-1], np.where(self._joined[1:], own[1:], 0))
        return np.asarray(own + inherited * near, dtype=np.float32)

    def by_meaning(
        self, question: str, rows: NDArray[np.intp], embed: Embed, inherited: float = FROM_NEIGHBOURS
    ) -> NDArray[np.float32]:
        """How near each of the rows is to the question by cosine, in their order; vectors made once are kept."""
        if len(self._vectors) > MOST_KEPT:
            self._vectors.clear()
        fresh = [int(row) for row in rows if int(row) not in self._vectors]
        if fresh:
            texts = [said(event) for event in self.events(fresh)]
            self._vectors |= dict(zip(fresh, embed(texts), strict=True))
        asked = embed([question])[0]
        own = np.zeros(len(self.ids), dtype=np.float32)
        own[rows] = [self._vectors[int(row)] @ asked for row in rows]
        return self._with_neighbours(own, inherited)[rows]

    def allowed(self, window: Window | None, kinds: Collection[str] = ()) -> NDArray[np.bool_]:
        """Which events lie in the window and are of one of the kinds, shape (n,); None and () let all pass."""
        free = np.ones(len(self.ids), dtype=bool)
        if window is not None:
            since, until = (edge.timestamp() if edge else None for edge in window)
            free &= ~np.isnan(self._times)
            free &= (self._times >= since) if since is not None else True
            free &= (self._times < until) if until is not None else True
        if kinds:
            free &= np.array([kind in kinds for kind in self._kinds], dtype=bool)
        return free

    def recalled(
        self,
        question: str,
        most: int,
        *,
        embed: Embed,
        window: Window | None = None,
        kinds: Collection[str] = (),
        newest: bool = False,
    ) -> list[Hit]:
        """The events that bear most on a question, best first.

        Args:
            most: Events at most.
            window: The time it asks about: what lies in it goes first, what was told later may still tell of it.
            kinds: Only events of these.
            newest: Whether the newest word on it counts.
        """
        own = self.own(question)
        words = np.where(self.allowed(None, kinds), self.by_words(question) * own, 0)
        rows = _best(words, EMBEDDED)
        others = np.setdiff1d(np.flatnonzero(self.allowed(None, kinds)), rows)[::-1]
        compared = np.concatenate([rows, others[: EMBEDDED - len(rows)]])
        if not len(compared):
            return []
        alike = compared[np.argsort(-self.by_meaning(question, compared, embed) * own[compared], kind="stable")]
        rankings = [(rows.tolist(), 1.0), (alike.tolist(), MEANING)]
        if window is not None:
            rankings.append((rows[self.allowed(window)[rows]].tolist(), 1.0))
        if newest:
            rankings.append((sorted(rows[: 2 * most].tolist(), reverse=True), MEANING))
        return [Hit(row, score) for row, score in fused(rankings)[:most]]

    @property
    def speakers(self) -> frozenset[str]:
        """Who says something in it, by name."""
        return frozenset(filter(None, self._speakers))

    def own(self, question: str) -> NDArray[np.float32]:
        """What each event weighs by who speaks, shape (n,): 1 where it is the one a question is about, or nobody.

        Where a question names one of the speakers it is about that one; where it names none, about the user.
        """
        named = self._named(question)
        others = self._of_others(named[0]) if len(named) == 1 else self._others & (not named)
        return np.where(others, OF_ANOTHER, 1).astype(np.float32)

    def held(self, question: str) -> NDArray[np.float64]:
        """The share of a question's words that each event holds, shape (n,), a rare word weighing more, as in BM25.

        Names of those who speak count for nothing.
        """
        speakers = {word for one in set(self._speakers) for word in tokens(one)}
        held, whole = np.zeros(len(self.ids)), 0.0
        for word in sorted(set(tokens(question)) - speakers):
            has = self._has(word)
            weight = math.log1p((len(has) - has.sum() + 0.5) / (has.sum() + 0.5))
            held += weight * has
            whole += weight
        return held / (whole or 1)

    def lead(self, question: str) -> float | None:
        """How much better the one a question names holds its words than whoever else speaks, -1 to 1.

        Either holds them as well as its best `LEADING` turns do, on average. None where the question names no one of
        several speakers, or one who says less than a third: the best of many turns beat the best of few.
        """
        named = self._named(question)
        others = self._of_others(named[0]) if len(named) == 1 else np.zeros(len(self.ids), dtype=bool)
        if not 0 < others.sum() <= len(self.ids) * 2 / 3:
            return None
        held = self.held(question)
        own, theirs = (np.sort(held[rows])[-LEADING:].mean() for rows in (~others, others))
        return float(own - theirs)

    def _named(self, question: str) -> list[str]:
        return [one for one in set(self._speakers) if one and names(one, question)]

    def _of_others(self, name: str) -> NDArray[np.bool_]:
        return np.array([one not in {"", name} for one in self._speakers], dtype=bool)

    def _has(self, word: str) -> NDArray[np.bool_]:
        """Which events hold a word, shape (n,)."""
        known = self._known.get(word)
        if known is None or self._index is None:
            return np.zeros(len(self.ids), dtype=bool)
        return np.asarray(self._index.get_scores_from_ids([known])) > 0

    def events(self, rows: Iterable[int]) -> list[Event]:
        """The events in these places, in their order, read again."""
        ids = [self.ids[row] for row in rows]
        found = self._read(ids)
        return [found[one] for one in ids]


class Hit(NamedTuple):
    row: int
    """Place in the history."""
    score: float
    """By reciprocal rank: comparable within one search only."""


def fused(rankings: Iterable[tuple[Iterable[int], float]]) -> list[tuple[int, float]]:
    """Places and scores of all that any ranking holds, best first, by reciprocal rank times the ranking's weight.

    Source:
        Cormack, Clarke and Buettcher, Reciprocal Rank Fusion (SIGIR 2009).
    """
    scores: dict[int, float] = {}
    for ranking, weight in rankings:
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + weight / (RRF + rank)
    return sorted(scores.items(), key=lambda one: -one[1])


def _best(scores: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    """The places of the best scores above 0, best first, the newer of equals before the older."""
    order = np.argsort(-scores[::-1], kind="stable")[:most]
    rows = len(scores) - 1 - order
    return rows[scores[rows] > 0]


def _continues(before: Event, event: Event) -> bool:
    """Whether an event is the next turn of the conversation that the one before it belongs to."""
    if event.kind not in TURNS or (event.kind, event.source) != (before.kind, before.source):
        return False
    if any(event.meta.get(name) != before.meta.get(name) for name in THREAD):
        return False
    return event.ts == before.ts or (
        event.ts is not None and before.ts is not None and event.ts - before.ts <= EXCHANGE
    )


def _indexed(corpus: list[array[int]], vocabulary: dict[str, int]) -> bm25s.BM25 | None:
    """An inverted index of the events' words; None where they have none."""
    if not vocabulary:
        return None
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index((corpus, vocabulary), create_empty_token=False, show_progress=False)
    return index
