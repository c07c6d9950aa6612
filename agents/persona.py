"""The persona: a sentence for each point that the verified tags make, worded by the model and checked against them.

Code chooses the points, so that no sentence lists; the model finds the words. A sentence stays only where code can tell
that it says no more than its tags: every known thing, number, title and name in it comes from them, each clause speaks
of them, it leans the way they lean, it claims nothing about gender, and it is in the language asked for. A sentence
that fails is replaced by the same point in a fixed wording.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from agents.digest import safe
from agents.model import Ledger, Message, Model
from agents.signals import says_against
from limner.domain import Event, Language, Persona, Polarity, Sentence, SignalKind, Tag
from prompts import library
from prompts.answers import PersonaAnswer
from prompts.taxonomy import Taxonomy

VERSION = 1

MAX_TOKENS = 400
A_POINT = 2
"""Likes, or dislikes, that share a sentence; of habits and facts one more."""
MOST_EXEMPLARS = 2

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_TITLE = re.compile(r"[\"“«《「『]([^\"”»》」』]{2,80})[\"”»》」』]")
_NAME = re.compile(r"(?<![.!?\"“]\s)(?<!^)\b[A-Z][\w'-]+")
_GENDER = re.compile(
    r"\b(?:he|she|him|her|his|hers|man|woman|male|female|gentleman|lady|guy|girl|boy)\b|她|(?<![其吉])他(?!人)|男性|女性|男士|女士|先生|小姐",
    re.IGNORECASE,
)
_HAN = re.compile(r"[\u4e00-\u9fff]")
_NOT_PROSE = re.compile(r"[{}\[\]<>|\\]")
_TASTE = re.compile(
    r"\b(?:dis)?(?:likes?|loves?|enjoys?|hates?|prefers?|favou?rites?)\b|喜欢|喜爱|偏爱|热爱|钟情|讨厌", re.IGNORECASE
)
_CLAUSE = re.compile(r"[!?;:,。！？；：，、—…]|\.(?!\d)|\b(?:and|but|while)\b")
_WORD = re.compile(r"[^\W_]{4,}")
_FREE = {"en": 24, "zh": 6}
"""Characters that a clause may have without naming anything of its facts: a turn of phrase, no claim."""
_MEDIA = frozenset(
    ["film", "films", "movie", "movies", "music", "books", "shows", "series", "电影", "影片", "影视", "音乐", "小说"]
)
"""Words that say in what form a genre comes; "science fiction films" claims no taste in films."""


class Fact(NamedTuple):
    """A verified tag as the model is told it."""

    tag: Tag
    line: str
    titles: tuple[str, ...]


Point = tuple[Fact, ...]
"""Facts that belong together: one sentence renders them."""


def points(tags: Sequence[Tag], events: Mapping[str, Event], lang: Language) -> list[Point]:
    """What the persona says, a sentence a point: first tastes, further likes, dislikes, habits, stated facts."""
    known = sorted(
        (tag for tag in tags if tag.status != "candidate"),
        key=lambda tag: (-tag.probability * (1 + abs(tag.lift or 0)), -tag.counts.total, tag.key),
    )
    likes = [tag for tag in known if tag.polarity > 0]
    first = [tag for tag in likes if tag.facet == "interest"][:A_POINT]
    groups = [
        first,
        [tag for tag in likes if tag not in first][:A_POINT],
        [tag for tag in known if tag.polarity < 0][:A_POINT],
        [tag for tag in known if tag.polarity == 0 and tag.basis != "stated"][: A_POINT + 1],
        [tag for tag in known if tag.polarity == 0 and tag.basis == "stated"][: A_POINT + 1],
    ]
    return [tuple(_fact(tag, events, lang) for tag in group) for group in groups if group]


async def persona(
    told: Sequence[Point],
    *,
    user_id: str,
    lang: Language,
    model: Model,
    prompt: library.Prompt,
    taxonomy: Taxonomy,
    ledger: Ledger,
) -> Persona:
    """A portrait that says nothing its points do not, a sentence each, in their order.

    Args:
        told: At least one point.

    Raises:
        AnswerError: the reply was not in the promised shape, nor when asked again.
        ModelError: the server did not answer.
    """
    rendered = prompt.render(points=["; ".join(fact.line for fact in point) for point in told], language=lang)
    answer = await model.answer(
        [Message("system", rendered.system), Message("user", rendered.user)],
        PersonaAnswer,
        purpose=prompt.id,
        prompt_digest=prompt.digest,
        max_tokens=MAX_TOKENS,
        user_id=user_id,
        ledger=ledger,
    )
    written = [" ".join(text.split()) for text in answer.sentences] + [""] * len(told)
    good = [complaint(text, point, lang, taxonomy) is None for text, point in zip(written, told, strict=False)]
    return Persona(
        language=lang,
        sentences=tuple(
            Sentence(text=text if kept else plain(point, lang), tags=tuple(fact.tag.key for fact in point))
            for text, kept, point in zip(written, good, told, strict=False)
        ),
        writer="model" if all(good) else "mixed" if any(good) else "rule",
    )


def plain(point: Point, lang: Language) -> str:
    """A point in a fixed wording."""
    if lang == "zh":
        return "；".join(fact.line for fact in point) + "。"
    text = "; ".join(fact.line for fact in point)
    return text[0].upper() + text[1:] + "."


def complaint(text: str, point: Point, lang: Language, taxonomy: Taxonomy) -> str | None:
    """What a sentence says that its facts do not, in words; None where nothing is wrong with it."""
    own = _without_titles(text, point)
    if not own or (len(_HAN.findall(own)) * 2 > len(own)) != (lang == "zh"):
        return "it is in the wrong language"
    if stray := _NOT_PROSE.search(own):
        return f"{stray[0]} has no place in it"
    if gender := _GENDER.search(own):
        return f"{gender[0]}: nothing is known of gender"
    if point[0].tag.polarity == 0 and (taste := _TASTE.search(own)):
        return f"{taste[0]}: a habit or a fact is no taste"
    carried = " ".join([fact.line for fact in point] + [fact.tag.label.en for fact in point]).casefold()
    for title in _TITLE.findall(text):
        if title.casefold().strip(" ,.") not in carried:
            return f"“{title}” is in none of its facts"
    if lang == "en":
        for name in _NAME.findall(own):
            if name.casefold() not in carried and name != "I":
                return f"{name} is in none of its facts"
    return _unsaid(text, point) or _loose(own, point, lang) or _misleaning(text, point, taxonomy)


def _unsaid(text: str, point: Point) -> str | None:
    """A number that none of the facts named beside it carries."""
    for clause in _CLAUSE.split(text):
        folded = clause.casefold()
        named = [
            fact for fact in point if {fact.tag.label.en.casefold(), fact.tag.label.zh} & _labels_in(folded, point)
        ]
        numbers = {float(number) for fact in named or point for number in _NUMBER.findall(fact.line)}
        for number in _NUMBER.findall(clause):
            if float(number) not in numbers:
                return f"the number {number} is not said of that"
    return None


def _labels_in(folded: str, point: Point) -> set[str]:
    labels = {label for fact in point for label in (fact.tag.label.en.casefold(), fact.tag.label.zh)}
    return {label for label in labels if label in folded}


def _loose(own: str, point: Point, lang: Language) -> str | None:
    """A clause long enough to claim something that has no word of the facts in it."""
    carried = " ".join(fact.line for fact in point).casefold()
    words = set(_WORD.findall(carried))
    pairs = {label[i : i + 2] for fact in point for label in [fact.tag.label.zh] for i in range(len(label) - 1)}
    for clause in _CLAUSE.split(own):
        said = clause.strip().casefold()
        if len(said) <= _FREE[lang] or _NUMBER.search(said):
            continue
        if not any(pair in said for pair in pairs) and not words & set(_WORD.findall(said)):
            return f"“{said}” is in none of its facts"
    return None


def _without_titles(text: str, cited: Point) -> str:
    """The writer's own words: a title may be in another language, and be that of The Iron Lady."""
    for title in sorted({title for fact in cited for title in fact.titles}, key=len, reverse=True):
        text = text.replace(title, "")
    return text


def _misleaning(text: str, cited: Point, taxonomy: Taxonomy) -> str | None:
    """What a sentence says of a thing that its facts do not, or say the other way round."""
    leaning: dict[str, Polarity] = {}
    for fact in cited:
        for part in fact.tag.key.split("+"):
            leaning[part] = fact.tag.polarity
    in_titles = [span for fact in cited for title in fact.titles for span in _spans(title, text)]
    for key, start, end in taxonomy.mentions.find(text):
        if any(left <= start and end <= right for left, right in in_titles):
            continue
        if key not in leaning:
            if text[start:end].casefold() in _MEDIA:
                continue
            return f"{text[start:end]} is in no cited fact."
        if leaning[key] and says_against(text, start, end) != (leaning[key] < 0):
            return f"{text[start:end]} is {'liked' if leaning[key] > 0 else 'disliked'}, not the other way round."
    return None


def _spans(title: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a title stands in a text."""
    start = text.find(title)
    while start >= 0:
        yield start, start + len(title)
        start = text.find(title, start + len(title))


def _fact(tag: Tag, events: Mapping[str, Event], lang: Language) -> Fact:
    titles = _exemplars(tag, events) if tag.polarity else ()
    return Fact(tag, _line(tag, titles, lang), titles)


def _exemplars(tag: Tag, events: Mapping[str, Event]) -> tuple[str, ...]:
    """Titles of the strongest events that agree with the tag, without repeats."""
    against = {SignalKind.EXPLICIT_NEGATIVE, SignalKind.IMPLICIT_NEGATIVE}
    titles: dict[str, None] = {}
    for cited in tag.evidence:
        event = events.get(cited.event_id)
        title = event.item.get("title") if event is not None else None
        if isinstance(title, str) and title and (cited.signal in against) == (tag.polarity < 0):
            titles[safe(title[:240])[:60]] = None
        if len(titles) == MOST_EXEMPLARS:
            break
    return tuple(titles)


def _line(tag: Tag, titles: tuple[str, ...], lang: Language) -> str:
    """The tag in words of the language: what, how much, and an example or two."""
    counts = tag.counts
    times = counts.total
    if lang == "zh":
        name = safe(tag.label.zh)
        verb = {1: f"喜欢{name}", -1: f"不喜欢{name}", 0: name}[tag.polarity]
        if tag.lift is not None:
            much = f"，评分比自己的平均分{'高' if tag.lift > 0 else '低'}{abs(tag.lift):.1f}星"
        else:
            much = f"，{times}次相关行为" if tag.basis == "observed" and tag.measure is None else ""
        return verb + much + (f"，例如{'、'.join(f'《{title}》' for title in titles)}" if titles else "")
    name = safe(tag.label.en)
    verb = {1: f"likes {name}", -1: f"dislikes {name}", 0: name}[tag.polarity]
    if tag.lift is not None:
        much = f", rated {abs(tag.lift):.1f} stars {'above' if tag.lift > 0 else 'below'} their own mean"
    else:
        much = f", {times} events" if tag.basis == "observed" and tag.measure is None else ""
    return verb + much + (", e.g. " + " and ".join(f"“{title}”" for title in titles) if titles else "")
