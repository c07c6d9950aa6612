"""The persona: what the verified tags say, point by point, worded by the model and checked sentence by sentence.

Code chooses the points; the model finds the words; code finds the tags that a sentence names. It stays only where code
can tell that it says no more than they do: every known thing, number, title and name in it comes from them, each clause
speaks of them, it leans the way they lean, it claims nothing about gender, and it is in the language asked for. What no
sentence says is added in a fixed wording.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from agents.digest import HAN, safe
from agents.model import Ledger, Message, Model
from agents.signals import AGAINST, says_against
from limner.domain import Event, Language, Persona, Polarity, Sentence, Tag
from prompts import library
from prompts.answers import PersonaAnswer
from prompts.taxonomy import Taxonomy
from prompts.taxonomy.words import Found

VERSION = 1

MAX_TOKENS = 600
A_POINT = 2
"""Likes, or dislikes, that share a sentence; of habits and facts one more."""
MOST_EXEMPLARS = 2

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_TITLE = re.compile(r"[\"“«《「『]([^\"”»》」』]{2,80})[\"”»》」』]")
_NAME = re.compile(r"(?<![.!?\"“]\s)(?<!^)\b[A-Z][\w'-]+")
_GENDER = re.compile(
    r"\b(?:he|she|him|her|his|hers|man|woman|male|female|gentleman|lady|guy|girl|boy)\b|"
    r"她|(?<![其吉])他(?!人)|男性|女性|男士|女士|先生|小姐",
    re.IGNORECASE,
)
_NOT_PROSE = re.compile(r"[{}\[\]<>|\\]")
_BROKEN_OFF = re.compile(
    r"(?:\b(?:such as|including|like|e\.g|and|or|with|for|the|watching)|例如|比如|[,，、：:])\s*[.。]$"
)
_TASTE = re.compile(
    r"\b(?:dis)?(?:likes?|loves?|enjoys?|hates?|prefers?|favou?rites?)\b|喜欢|喜爱|偏爱|热爱|钟情|讨厌", re.IGNORECASE
)
_CLAUSE = re.compile(r"[!?;:,。！？；：，、—…]|\.(?!\d)|\b(?:and|but|while)\b")
_FAVOUR = re.compile(
    r"\b(?:likes?d?|loves?d?|enjoy(?:s|ed)?|prefer(?:s|red)?|favou?rites?|above|higher|best)\b|(?<!不)(?:喜欢|喜爱|偏爱)|高",
    re.IGNORECASE,
)
_SPELT = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|\w{2,6}teen|eleven|twelve|\w{3,6}ty|dozens?|hundreds?) "
    r"(?:stars|times|events)\b"
    r"|[两二三四五六七八九十百千]+颗?[星次]",
    re.IGNORECASE,
)
_USER = re.compile(r"这位用户|\bth(?:is user|ey)\b")
_UNTITLED = re.compile(r"[\"“«《「『][\"”»》」』]")
_WORD = re.compile(r"[^\W_]{3,}")
_IDLE = frozenset(["the", "and", "for", "has", "own", "their", "like", "disl"])
"""Beginnings of words in facts that speak of nothing."""
_SENTENCE = re.compile(r".+?(?:[。！？]|(?<!e\.g)(?<!i\.e)[.!?]+[”\"]?(?=\s|$)|$)", re.DOTALL)
_ALIKE = re.compile(r"\b(?:both|all|each)\b|(?<!平)均|都")
_STEM = 5
"""Letters by which "returns a lot" is known in "they return a lot"."""
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
    """A portrait that says all of its points and nothing else.

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
    kept: dict[str, Point] = {}
    for text in split(answer.sentences):
        cited = named(text, [fact for point in told for fact in point], taxonomy)
        if cited and complaint(text, cited, lang, taxonomy) is None:
            kept.setdefault(text, cited)
    said = {fact.tag.key for cited in kept.values() for fact in cited}
    missing = [tuple(fact for fact in point if fact.tag.key not in said) for point in told]
    written = list(kept.items())
    filled = [(plain(point, lang), point) for point in missing if point]
    return Persona(
        language=lang,
        sentences=tuple(
            Sentence(text=text, tags=tuple(fact.tag.key for fact in cited)) for text, cited in written + filled
        ),
        writer="mixed" if written and filled else "model" if written else "rule",
    )


def split(texts: Sequence[str]) -> list[str]:
    """The sentences of an answer: small models put several into one."""
    found = (" ".join(sentence.split()) for text in texts for sentence in _SENTENCE.findall(text))
    return [_ended(sentence) for sentence in found if sentence.strip(" .。")]


def _ended(text: str) -> str:
    """The sentence with the punctuation of its language, and an end."""
    if HAN.search(text):
        text = text.replace("; ", "；")
        return text if text[-1] in "。！？" else text.rstrip("；，、.") + "。"
    return text if text[-1] in '.!?”"' else text.rstrip(";,") + "."


def named(text: str, told: Sequence[Fact], taxonomy: Taxonomy) -> Point:
    """The facts whose thing a sentence names, in the order told."""
    keys = {found.key for found in _mentions(text, taxonomy)}
    stems = _stems(text)

    def is_named(fact: Fact) -> bool:
        label = fact.tag.label
        words = _stems(label.en)
        return (
            bool(keys & set(fact.tag.key.split("+")))
            or label.zh in text
            or label.en.casefold() in text.casefold()
            or (bool(words) and words <= stems)
        )

    return tuple(fact for fact in told if is_named(fact))


@lru_cache(8_192)
def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:_STEM] for word in _WORD.findall(text.casefold()))


def plain(point: Point, lang: Language) -> str:
    """A point in a fixed wording."""
    if lang == "zh":
        return "；".join(fact.line for fact in point) + "。"
    text = "; ".join(fact.line for fact in point)
    return text[0].upper() + text[1:] + "."


def complaint(text: str, point: Point, lang: Language, taxonomy: Taxonomy) -> str | None:
    """What a sentence says that its facts do not, in words; None where nothing is wrong with it."""
    own = _without_titles(text, point)
    if not own or (len(HAN.findall(own)) * 2 > len(own)) != (lang == "zh"):
        return "it is in the wrong language"
    if stray := _NOT_PROSE.search(own):
        return f"{stray[0]} has no place in it"
    if broken := _BROKEN_OFF.search(text):
        return f"it breaks off at {broken[0]}"
    if gender := _GENDER.search(own):
        return f"{gender[0]}: nothing is known of gender"
    habits = [fact for fact in point if not fact.tag.polarity]
    for clause in _CLAUSE.split(own):
        if (taste := _TASTE.search(clause)) and (len(habits) == len(point) or named(clause, habits, taxonomy)):
            return f"{taste[0]}: a habit or a fact is no taste"
    carried = " ".join([fact.line for fact in point] + [fact.tag.label.en for fact in point]).casefold()
    if (spelt := _SPELT.search(own)) and spelt[0].casefold() not in carried:
        return f"{spelt[0]}: the facts have their numbers in digits"
    for title in _TITLE.findall(text):
        if title.casefold().strip(" ,.") not in carried:
            return f"“{title}” is in none of its facts"
    if lang == "en":
        for name in _NAME.findall(own):
            if name.casefold() not in carried and name != "I":
                return f"{name} is in none of its facts"
    return _unsaid(text, point) or _loose(own, point, lang, taxonomy) or _misleaning(text, point, taxonomy)


def _unsaid(text: str, point: Point) -> str | None:
    """A number that none of the facts named beside it carries."""
    for clause in _CLAUSE.split(text):
        if not (numbers := _NUMBER.findall(clause)):
            continue
        folded = clause.casefold()
        named = [fact for fact in point if any(name in folded for name in _names(fact))]
        by_fact = [{float(number) for number in _NUMBER.findall(fact.line)} for fact in named or point]
        carried = set.intersection(*by_fact) if _ALIKE.search(folded) else set.union(*by_fact)
        for number in numbers:
            if float(number) not in carried:
                return f"the number {number} is not said of that"
    return None


def _names(fact: Fact) -> tuple[str, str]:
    return fact.tag.label.en.casefold(), fact.tag.label.zh


def _loose(own: str, point: Point, lang: Language, taxonomy: Taxonomy) -> str | None:
    """A clause long enough to claim something, or all that is said of a taste, that has no word of the facts in it."""
    carried = _carried(point, lang, taxonomy)
    spoken = point[0].tag.polarity == 0
    for clause in _CLAUSE.split(own):
        said = _USER.sub("", clause.casefold()).strip()
        if _NUMBER.search(said) or _UNTITLED.search(said) or _speaks(said, carried, lang):
            spoken = True
        elif len(said) > _FREE[lang]:
            return f"“{said}” is in none of its facts"
    return None if spoken else f"“{own}” is in none of its facts"


def _carried(point: Point, lang: Language, taxonomy: Taxonomy) -> set[str]:
    """Marks of these facts: a clause that speaks of them has one; beginnings of words, in Chinese two characters."""
    terms = [taxonomy.terms[part] for fact in point for part in fact.tag.key.split("+") if part in taxonomy.terms]
    synonyms = [name.casefold() for term in terms for name in term.synonyms]
    if lang == "en":
        told = " ".join([*synonyms, *(fact.line.casefold() for fact in point)])
        return {word[:4] for word in _WORD.findall(told)} - _IDLE
    names = [fact.tag.label.zh.casefold() for fact in point] + [name for name in synonyms if HAN.search(name)]
    return {name[i : i + 2] for name in names for i in range(max(1, len(name) - 1))}


def _speaks(said: str, carried: set[str], lang: Language) -> bool:
    if lang == "en":
        return any(word[:4] in carried for word in _WORD.findall(said))
    return any(mark in said for mark in carried)


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
    own = _without_titles(text, cited)
    against = [clause for clause in _CLAUSE.split(own) if says_against(clause, 0, len(clause))]
    if min(leaning.values()) > 0 and (low := [clause for clause in against if _NUMBER.search(clause)]):
        return f"{low[0].strip()}: it is liked, not the other way round."
    mixed = min(leaning.values()) < 0 < max(leaning.values())
    praised = [clause.casefold() for clause in _CLAUSE.split(own) if _FAVOUR.search(clause)]
    elliptical = bool(against) and not _FAVOUR.search(own)
    habits = [name for fact in cited if not fact.tag.polarity for name in _names(fact)]
    in_titles = [span for fact in cited for title in fact.titles for span in _spans(title, text)]
    in_names = [span for fact in cited for name in _names(fact) for span in _spans(name, text.casefold())]
    for key, start, end in _mentions(text, taxonomy):
        if any(left <= start and end <= right for left, right in in_titles):
            continue
        if key not in leaning:
            inside = any(left <= start and end <= right for left, right in in_names)
            if inside or text[start:end].casefold() in _MEDIA or any(text[start:end] in name for name in habits):
                continue
            return f"{text[start:end]} is in no cited fact."
        turned = says_against(text, start, end) or (leaning[key] < 0 and elliptical)
        if mixed and leaning[key] > 0 and not any(text[start:end].casefold() in clause for clause in praised):
            turned = True
        if leaning[key] and turned != (leaning[key] < 0):
            return f"{text[start:end]} is {'liked' if leaning[key] > 0 else 'disliked'}, not the other way round."
    return None


def _mentions(text: str, taxonomy: Taxonomy) -> list[Found]:
    """What is named in a text; "it" is no trade."""
    return [found for found in taxonomy.mentions.find(text) if text[found.start : found.end] not in ("it", "It")]


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
    titles: dict[str, None] = {}
    for cited in tag.evidence:
        event = events.get(cited.event_id)
        title = event.item.get("title") if event is not None else None
        if isinstance(title, str) and title and (cited.signal in AGAINST) == (tag.polarity < 0):
            titles[safe(title[:240])[:60]] = None
        if len(titles) == MOST_EXEMPLARS:
            break
    return tuple(titles)


def _line(tag: Tag, titles: tuple[str, ...], lang: Language) -> str:
    """The tag in words of the language: what, how much, and an example or two.

    English titles stand without quotation marks: a model that repeats those ends its JSON string with them.
    """
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
    return verb + much + (f", e.g. {' and '.join(titles)}" if titles else "")
