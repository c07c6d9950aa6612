"""Events read as signed evidence about things: genres, brands, topics, stated facts.

A thing comes from an item's attributes, from words of a text, or is the series that titles are of (`agents/series.py`).
Ratings are read against the user's own mean, so that a generous rater's 4 and a harsh rater's 3 mean what they mean to
them; purchases, plays and likes speak for a thing, skips and returns against it. All of it is counting; no model is
asked.

An opinion without stars (a review, a comment, a post about an item) is read as the stars that its words foretell: so
much above or below the user's own mean as its feeling lies above or below that of their other opinions, with the error
that such a forecast has. Both numbers were measured on reviews whose stars are known (`python -m evals.feelings`).
That a text feels good says next to nothing: most do, and bare counts of it agree with a user's own stars in one genre
of four. Of somebody with few opinions there is no mean to speak of, and what they praise or run down is counted.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache, partial
from typing import NamedTuple

from agents.amounts import amounts
from agents.clauses import denied, quotations, within
from agents.intents import NOTHING_WRITTEN, Intents, intents
from agents.series import series
from agents.texts import Form, Json, Texts
from limner.domain import Counts, Event, History, Label, SignalKind
from prompts.taxonomy import Named, Taxonomy
from prompts.taxonomy.words import Found

VERSION = 7

EXPLICIT = frozenset({"rating", "review"})
LIKES = frozenset(
    {"like", "favorite", "favourite", "bookmark", "follow", "subscribe", "share", "recommend", "wishlist"}
)
DISLIKES = frozenset({"dislike", "hide", "block", "unfollow", "unsubscribe", "report"})
TAKES = frozenset(
    {"purchase", "play", "order", "download", "listen", "watch", "read", "booking", "attend", "cart", "click"}
)
REFUSALS = frozenset({"skip", "return", "refund", "cancel", "remove"})
TAKEN_BACK = frozenset({"return", "refund", "cancel"})
SPEECH = frozenset({"post", "message", "comment", "review", "search", "question", "chat", "tweet", "note"})
TALK = frozenset({"message", "chat"})
OPINIONS = EXPLICIT | {"post", "comment", "tweet", "note"}
"""Kinds whose words, where they are about an item and no stars are given, tell what the user thinks of it."""
AGAINST = frozenset({SignalKind.EXPLICIT_NEGATIVE, SignalKind.IMPLICIT_NEGATIVE})
IMPLICIT = frozenset({SignalKind.IMPLICIT_POSITIVE, SignalKind.IMPLICIT_NEGATIVE})
KNOWN_KINDS = (
    EXPLICIT
    | LIKES
    | DISLIKES
    | TAKES
    | REFUSALS
    | SPEECH
    | {"view", "application", "impression", "friend", "unfriend"}
)
"""Kinds with a reading; any other kind is kept and speaks for nothing."""
_BY_KIND = (
    dict.fromkeys(LIKES, SignalKind.EXPLICIT_POSITIVE)
    | dict.fromkeys(DISLIKES, SignalKind.EXPLICIT_NEGATIVE)
    | dict.fromkeys(REFUSALS, SignalKind.IMPLICIT_NEGATIVE)
    | dict.fromkeys(TAKES, SignalKind.IMPLICIT_POSITIVE)
)
OF_WORKS = frozenset({"genre", "music"})
"""Groups of terms that say what kind of work an item is."""

NEUTRAL_BAND = 0.25
"""Ratings within a quarter star of the user's own mean count in means, not for or against."""
_AS_ACTS = {
    SignalKind.EXPLICIT_POSITIVE: SignalKind.IMPLICIT_POSITIVE,
    SignalKind.EXPLICIT_NEGATIVE: SignalKind.IMPLICIT_NEGATIVE,
}
"""Of who gives everything the same stars: what they rate tells something, how they rate it does not."""
FEW_RATINGS = 5
PRIOR_MEAN, PRIOR_WEIGHT = 3.5, 2.0
"""Below `FEW_RATINGS`, the own mean is drawn towards the middle of the scale as if by two ratings."""
SPREAD_PRIOR = 4.0
"""Ratings that the user's own spread weighs like, so that three equal ratings of a thing are no proof."""
STARS_A_FEELING = 0.9
"""By how many stars a text's rating is higher where its feeling is higher by 1, within a user: 0.94 on one half of
Douban's users, 0.85 (0.49 to 1.27) on the other."""
UNTOLD = 0.85
"""Standard deviation, in stars, of a rating around what its text foretells."""
CLEAR_FEELING = 0.4
"""Feeling from which on a text is for or against what it is about, where it cannot be compared with others."""
CONVERSATION = timedelta(hours=1)
CONVERSATION_LINES = 20
"""What is mentioned again so soon, or of undated lines so near, is mentioned in the same conversation."""
SHORT_DWELL, LONG_DWELL = 5.0, 30.0
"""Seconds: a view left sooner speaks against its item, one held longer for it, in between and unknown for it weakly."""

_CLAUSE_END = re.compile(r"[!?;。！？；，、\n]|[.,](?!\d)|\bbut\b|但是?|不过|可是")
_AGAINST = re.compile(
    r"\b(?:hate|hated|dislike|disliked|can'?t stand|sick of|tired of|bored (?:of|by|with)|not into|not a fan|"
    r"(?:do|did|does|don|didn|doesn)(?:'t| not|t) (?:really )?(?:like|enjoy|care|want|watch|need)|"
    r"never (?:again|liked)|no more|quit|gave up|avoid|awful|terrible|boring)\b|"
    r"讨厌|不喜欢|不爱|不想|受不了|厌倦|戒了|不再|别再|无聊|难看|难吃|烂片|避开|拒绝",
    re.IGNORECASE,
)
_FOR = re.compile(
    r"\b(?:(?:i|we|really|still|also) (?:really |still |also )?(?:like|love|enjoy)d?|loved|adore|favou?rite|fan of|"
    r"obsessed|crazy about|i'?m into|great|wonderful|brilliant|amazing|can'?t get enough)\b|"
    r"喜欢|热爱|超爱|最爱|爱看|爱听|爱吃|爱玩|爱好|好看|好听|好吃|过瘾|推荐|迷上|精彩|痴迷",
    re.IGNORECASE,
)
_LOW = re.compile(
    r"\b(?:dislik\w*|hat(?:es|ed|ing)|avoid\w*|below|lower|low|less|least|poor(?:ly)?|badly|worse|worst|seldom|"
    r"rarely|negative|disappoint\w*|unimpressed|averse|aversion|critical|struggles?|not)\b|不太|不高|不佳|较低|偏低|低于|低[0-9一二两三半]|不感兴趣|反感|差评|很少|失望|回避",
    re.IGNORECASE,
)


class Reading(NamedTuple):
    """What one event says about one thing."""

    at: int
    """Place of the event in the history."""
    signal: SignalKind | None
    """None where a rating is too near the user's own mean to be for or against."""
    deviation: float | None = None
    """Rating minus the user's own mean, in five-star units; None where nothing was rated, or all of it the same."""
    span: str | None = None
    """The words of the text that name the thing, where words did, or that tell what the user thinks of it."""
    ends: bool = False
    """Whether these words say that it is over."""

    @property
    def foretold(self) -> bool:
        """Whether the rating is what the words of the text foretell."""
        return self.deviation is not None and self.span is not None


class Lift(NamedTuple):
    """The mean of a thing's ratings, by their weight, minus the user's own mean, in five-star units."""

    mean: float
    error: float
    """Standard error."""
    n: int


@dataclass(slots=True)
class Thing:
    """Something the history speaks about, with every event that does."""

    key: str
    facet: str
    label: Label
    readings: list[Reading] = field(default_factory=list)
    lift: Lift | None = None
    """None where the events rated it less than twice."""

    def counts(self) -> Counts:
        return counted(self.readings)


@dataclass(frozen=True, slots=True)
class Signals:
    """What reading makes of a history."""

    events: tuple[Event, ...]
    things: Mapping[str, Thing]
    facts: Mapping[str, Thing]
    """Stated facts by key, each reading with its span."""
    rated: int
    mean: float
    """The user's own mean rating, in five-star units; NaN where nothing was rated."""
    spread: float
    """Standard deviation of the user's ratings, in five-star units; at least 0.25."""
    ages: tuple[float, ...]
    """Days from each event to the newest; 0 where it has no time."""
    stars: Mapping[int, float] = field(default_factory=dict)
    """The ratings in five-star units, by the place of their event."""
    carried: tuple[tuple[str, ...], ...] = ()
    """Of each event, the keys that its item's attributes name, and that of its series."""
    intents: Intents = NOTHING_WRITTEN
    amounts: Mapping[int, float] = field(default_factory=dict)
    """How many acts an event is worth that sums up many, by its place; all others are one."""
    _weights: dict[float | None, Sequence[float]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def weights(self, half_life_days: float | None) -> Sequence[float]:
        """What each event still weighs, 0 to 1; an event's weight halves with every half-life that passes after it.

        One that sums up many acts, of which none has a time, weighs what it is worth.
        """
        weights = self._weights.get(half_life_days)
        if weights is None:
            if half_life_days is None:
                weights = array("d", [1.0]) * len(self.ages)
            else:
                weights = array("d", [0.5 ** (age / half_life_days) for age in self.ages])
            for at, amount in self.amounts.items():
                weights[at] = amount
            self._weights[half_life_days] = weights
        return weights

    def acts(self, readings: Sequence[Reading]) -> float:
        """How many acts these readings are of."""
        return sum([self.amounts.get(reading.at, 1.0) for reading in readings]) if self.amounts else len(readings)


def counted(readings: Iterable[Reading]) -> Counts:
    """How many readings there are of each kind."""
    kinds = [reading.signal for reading in readings]
    return _counts(*map(kinds.count, _EACH))


_EACH = tuple(SignalKind)


@lru_cache(4_096)
def _counts(*each: int) -> Counts:
    """So many readings of each kind: few different ones, which all users share."""
    return Counts(**dict(zip(_EACH, each, strict=True)))


def lift(readings: Sequence[Reading], spread: float, weights: Sequence[float]) -> Lift | None:
    """The lift of a thing over the user's own mean; None where fewer than two of the events rated it.

    Args:
        spread: Standard deviation of all of the user's ratings, in five-star units.
        weights: Of the user's events, by their place.

    Source:
        Kish, Survey Sampling (1965), section 8.2, for how many equal ratings the weighted ones are worth.
    """
    rated = [(weights[reading.at], reading.deviation) for reading in readings if reading.deviation is not None]
    if len(rated) < 2:
        return None
    total = sum([weight for weight, _ in rated])
    worth = total**2 / sum([weight**2 for weight, _ in rated])
    mean = sum([weight * deviation for weight, deviation in rated]) / total
    squares = worth / total * sum([weight * (deviation - mean) ** 2 for weight, deviation in rated])
    variance = (squares + SPREAD_PRIOR * spread**2) / (worth - 1 + SPREAD_PRIOR)
    untold = sum([weights[reading.at] ** 2 for reading in readings if reading.foretold]) * (UNTOLD / total) ** 2
    return Lift(mean, math.sqrt(variance / worth + untold), len(rated))


def signals(history: History, taxonomy: Taxonomy, texts: Texts | None = None) -> Signals:
    """The things a cleaned history speaks about, in order of first mention.

    Args:
        texts: What is known of the user's texts.
    """
    events, texts = history.events, texts or Texts()
    stars = five_stars(events)
    mean, spread = _mean_and_spread(list(stars.values()))
    relative = len(set(stars.values())) > 1
    middle = mean if relative else PRIOR_MEAN
    deviations = {index: star - middle for index, star in stars.items()}
    opinions = _opinions(events, taxonomy)
    if not stars and opinions:
        _, spread = _mean_and_spread([one.deviation for one in opinions.values() if one.deviation is not None])
    regretted = _regretted(events, deviations, opinions)
    of_series = series(events, taxonomy)
    things: dict[str, Thing] = {}
    facts: dict[str, Thing] = {}
    carried: list[tuple[str, ...]] = []
    for index, event in enumerate(events):
        deviation = deviations.get(index)
        if deviation is not None:
            spoken = _rated(deviation)
            if not relative and len(stars) >= FEW_RATINGS:
                spoken = spoken and _AS_ACTS[spoken]
            reading = Reading(index, spoken, deviation if relative else None)
        elif index in opinions:
            reading = opinions[index]
        else:
            reading = Reading(index, None if event.kind in TAKES and event.item_id in regretted else _signal(event))
        about = attributed(event, taxonomy)
        if (of := of_series.get(index)) is not None:
            about[of.key] = of
        keys = tuple(about)
        carried.append(keys)
        if reading.signal is not None or reading.deviation is not None:
            for key, named in about.items():
                thing = things.get(key) or _thing(things, key, named.facet, named.label)
                thing.readings.append(reading)
        if event.text and event.kind in SPEECH:
            words = texts.said(("named", event.text, *keys), partial(_words, event.text, keys, taxonomy), WORDS)
            _add_words(words, events, index, reading.signal, taxonomy, things, facts)
    meant = intents(written(events), taxonomy)
    summed = amounts(events)
    found = Signals(
        events, things, facts, len(stars), mean, spread, _ages(events), stars, tuple(carried), meant, summed
    )
    for thing in things.values():
        weights = found.weights(taxonomy.facets[thing.facet].half_life_days)
        thing.lift = lift(thing.readings, spread, weights)
    return found


def written(events: Sequence[Event]) -> Iterator[tuple[int, str, str]]:
    """Place, kind and text of what the user wrote and searched for."""
    return ((at, event.kind, event.text) for at, event in enumerate(events) if event.text and event.kind in SPEECH)


class _Words(NamedTuple):
    """What the words of a text say, each thing once."""

    named: list[tuple[str, SignalKind, str]]
    """Key of each thing, how the clause around it speaks about it, and the words."""
    stated: list[tuple[str, str]]
    """Key of each fact about the author that names none of these things, and the words."""


def _packed(words: _Words) -> Json:
    return [words.named, words.stated]


def _unpacked(kept: Json) -> _Words:
    named, stated = kept
    return _Words(
        [(key, SignalKind(saying), span) for key, saying, span in named], [(key, span) for key, span in stated]
    )


WORDS = Form(_packed, _unpacked, _Words([], []))


def _words(text: str, attributed: tuple[str, ...], taxonomy: Taxonomy) -> _Words:
    found = mentioned(text, attributed, taxonomy)
    named = [(key, said(text, start, end), text[start:end]) for key, start, end in found]
    heard = {*attributed, *(key for key, _, _ in named)}
    stated: dict[str, str] = {}
    for key, start, end in taxonomy.facts(text):
        if key not in heard:
            stated.setdefault(key, text[start:end])
    return _Words(named, list(stated.items()))


def _add_words(
    words: _Words,
    events: Sequence[Event],
    index: int,
    signal: SignalKind | None,
    taxonomy: Taxonomy,
    things: dict[str, Thing],
    facts: dict[str, Thing],
) -> None:
    """Add what a text names and states; what is merely mentioned counts once a conversation.

    Args:
        signal: How the event speaks about its item.
    """
    for key, saying, span in words.named:
        term = taxonomy.terms[key]
        reading = Reading(index, signal or saying, None, span)
        thing = _thing(things, key, term.facet, term.label)
        mere = reading.signal is SignalKind.IMPLICIT_POSITIVE and thing.readings
        if not (mere and goes_on(events, thing.readings[-1].at, index)):
            thing.readings.append(reading)
    for key, span in words.stated:
        term = taxonomy.terms[key]
        _thing(facts, key, term.facet, term.label).readings.append(Reading(index, SignalKind.STATED, None, span))


def goes_on(events: Sequence[Event], before: int, at: int) -> bool:
    """Whether what is said at a place belongs to the conversation of an earlier one, where it is no new mention: in
    talk, what others bring up and one scene is about is named again and again."""
    earlier, later = events[before], events[at]
    if later.kind not in TALK or earlier.kind not in TALK or earlier.source != later.source:
        return False
    if earlier.ts is None or later.ts is None:
        return at - before < CONVERSATION_LINES
    return later.ts - earlier.ts < CONVERSATION


def mentioned(text: str, attributed: Collection[str], taxonomy: Taxonomy) -> list[Found]:
    """The things that a text names in the user's own words, each once, beside those that its item is.

    A review of a film tells what happens in it: there, only words for what kind of work it is are the user's own. Words
    that the text quotes are somebody else's, and what "my sister loves" is hers.
    """
    found = taxonomy.matcher.find(text)
    if not found:
        return []
    others = quotations(text)
    own = {
        one.key: one
        for one in reversed(found)
        if one.key not in attributed
        and (not attributed or taxonomy.terms[one.key].group in OF_WORKS)
        and not within(one.start, others)
        and not taxonomy.hearing.tells_of_another(text, one.start)
    }
    return list(own.values())[::-1]


def _ages(events: Sequence[Event]) -> tuple[float, ...]:
    newest = next((event.ts for event in reversed(events) if event.ts is not None), None)
    return tuple([(newest - event.ts).total_seconds() / 86_400 if newest and event.ts else 0.0 for event in events])


def _thing(things: dict[str, Thing], key: str, facet: str, label: Label) -> Thing:
    if (thing := things.get(key)) is None:
        thing = things[key] = Thing(key, facet, label)
    return thing


def attributed(event: Event, taxonomy: Taxonomy) -> dict[str, Named]:
    """The things that the event's item is, or the lines of its basket are, by their attributes."""
    found: dict[str, Named] = {}
    if not event.item:
        return found
    attribute, named = taxonomy.attribute, taxonomy.named
    for item in (event.item, *event.lines) if "lines" in event.item else (event.item,):
        for name, value in item.items():
            if attribute(name) is None:
                continue
            for part in value if isinstance(value, list) else (value,):
                if isinstance(part, str) and (one := named(name, part)) is not None:
                    found[one.key] = one
    return found


def _opinions(events: Sequence[Event], taxonomy: Taxonomy) -> dict[int, Reading]:
    """What the user's words tell of the items that they are about and give no stars to, by the place of the event."""
    told = [
        (index, event.text, feeling)
        for index, event in enumerate(events)
        if event.item and event.value is None and event.text and event.kind in OPINIONS
        if (feeling := taxonomy.feeling(event.text)).score
    ]
    few = len(told) < FEW_RATINGS
    mean = 0.0 if few else sum([feeling.score for _, _, feeling in told]) / len(told)
    found: dict[int, Reading] = {}
    for index, text, feeling in told:
        span, deviation = text[feeling.start : feeling.end], STARS_A_FEELING * (feeling.score - mean)
        if not few:
            found[index] = Reading(index, _rated(deviation), deviation, span)
        elif abs(feeling.score) >= CLEAR_FEELING:
            found[index] = Reading(index, _rated(feeling.score), None, span)
    return found


def _regretted(
    events: Sequence[Event], deviations: Mapping[int, float], opinions: Mapping[int, Reading]
) -> set[str | None]:
    """Items rated low, run down or sent back: that they were bought or played before speaks for nothing."""
    returned = {event.item_id for event in events if event.kind in TAKEN_BACK}
    rated_low = {events[index].item_id for index, deviation in deviations.items() if deviation <= -NEUTRAL_BAND}
    run_down = {events[at].item_id for at, one in opinions.items() if one.signal is SignalKind.EXPLICIT_NEGATIVE}
    return (returned | rated_low | run_down) - {None}


def _rated(deviation: float) -> SignalKind | None:
    """How a rating speaks: against the own mean, or against the middle of the scale where all ratings are equal."""
    if abs(deviation) < NEUTRAL_BAND:
        return None
    return SignalKind.EXPLICIT_POSITIVE if deviation > 0 else SignalKind.EXPLICIT_NEGATIVE


def _signal(event: Event) -> SignalKind | None:
    """How an event without a rating speaks about its item."""
    if event.kind != "view":
        return _BY_KIND.get(event.kind)
    dwell = event.meta.get("dwell_seconds")
    if not isinstance(dwell, int | float) or dwell >= LONG_DWELL:
        return SignalKind.IMPLICIT_POSITIVE
    return SignalKind.IMPLICIT_NEGATIVE if dwell < SHORT_DWELL else None


def said(text: str, start: int, end: int) -> SignalKind:
    """How the clause around text[start:end] speaks about what it names."""
    clause = _clause(text, start, end)
    against, favour = _AGAINST.search(clause), _FOR.search(clause)
    if against:
        turned = denied(clause, against.start())
        return SignalKind.IMPLICIT_POSITIVE if turned else SignalKind.EXPLICIT_NEGATIVE
    if favour is None:
        return SignalKind.IMPLICIT_POSITIVE
    turned = denied(clause, favour.start())
    return SignalKind.EXPLICIT_NEGATIVE if turned else SignalKind.EXPLICIT_POSITIVE


def says_against(text: str, start: int, end: int) -> bool:
    """Whether the clause around text[start:end] turns against what it names, as a person or a portrait would say."""
    return turns_against(_clause(text, start, end))


def turns_against(clause: str) -> bool:
    """The same of a clause."""
    return bool(_AGAINST.search(clause) or _LOW.search(clause))


def _clause(text: str, start: int, end: int) -> str:
    left = max(0, start - 120)
    breaks = [mark.end() for mark in _CLAUSE_END.finditer(text, left, start)]
    ahead = _CLAUSE_END.search(text, end, end + 60)
    return text[breaks[-1] if breaks else left : ahead.start() if ahead else end + 60]


def five_stars(events: Sequence[Event]) -> dict[int, float]:
    """The ratings in five-star units, by place; the largest of a source tells scales of 5, 10 and 100 apart."""
    rated = [
        (index, event.source, event.value)
        for index, event in enumerate(events)
        if event.value is not None and event.kind in EXPLICIT
    ]
    largest: dict[str, float] = {}
    for _, source, value in rated:
        largest[source] = max(value, largest.get(source, 0.0))
    units = {source: 1.0 if top <= 5 else 0.5 if top <= 10 else 5 / max(top, 100) for source, top in largest.items()}
    return {index: value * units[source] for index, source, value in rated}


def _mean_and_spread(stars: list[float]) -> tuple[float, float]:
    n = len(stars)
    if n == 0:
        return math.nan, 1.0
    mean = sum(stars) / n
    spread = math.sqrt(sum((star - mean) ** 2 for star in stars) / (n - 1)) if n > 1 else 1.0
    if n < FEW_RATINGS:
        mean = (sum(stars) + PRIOR_MEAN * PRIOR_WEIGHT) / (n + PRIOR_WEIGHT)
    return mean, max(spread, 0.25)
