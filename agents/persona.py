"""The persona: a few sentences worded by the model from verified tags alone, each checked against the tags it cites.

A sentence stays only where code can tell that it says no more than its tags: the ids exist, every known thing, number,
title and name in it comes from the facts it cites, it leans the way they lean, it claims nothing about gender, and it
is in the language asked for. Where too little is left after asking again, a fixed wording takes its place.
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
from prompts.answers import PersonaAnswer, PersonaSentence
from prompts.taxonomy import Taxonomy

VERSION = 1

MAX_TOKENS = 500
MOST_FACTS = 10
MOST_EXEMPLARS = 2
ENOUGH = 2
"""Sentences that must pass the checks, or as many as there are facts."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_TITLE = re.compile(r"[\"“«《「『]([^\"”»》」』]{2,80})[\"”»》」』]")
_NAME = re.compile(r"(?<![.!?\"“]\s)(?<!^)\b[A-Z][\w'-]+")
_GENDER = re.compile(
    r"\b(?:he|she|him|her|his|hers|man|woman|male|female|gentleman|lady|guy|girl|boy)\b|她|(?<![其吉])他(?!人)|男性|女性|男士|女士|先生|小姐",
    re.IGNORECASE,
)
_HAN = re.compile(r"[\u4e00-\u9fff]")
_MEDIA = frozenset(
    ["film", "films", "movie", "movies", "music", "books", "shows", "series", "电影", "影片", "影视", "音乐", "小说"]
)
"""Words that say in what form a genre comes; "science fiction films" claims no taste in films."""


class Fact(NamedTuple):
    """A verified tag as the model is told it."""

    id: str
    tag: Tag
    line: str
    titles: tuple[str, ...]


def facts(tags: Sequence[Tag], events: Mapping[str, Event], lang: Language) -> list[Fact]:
    """What the persona may say: the surest tags, no facet taking more than half of the room for another's."""
    chosen = _varied([tag for tag in tags if tag.status != "candidate"])
    found: list[Fact] = []
    for number, tag in enumerate(chosen, 1):
        titles = _exemplars(tag, events)
        found.append(Fact(f"t{number}", tag, _line(tag, titles, lang), titles))
    return found


async def persona(
    told: Sequence[Fact],
    *,
    user_id: str,
    lang: Language,
    model: Model,
    prompt: library.Prompt,
    taxonomy: Taxonomy,
    ledger: Ledger,
) -> Persona:
    """A portrait that says nothing the facts do not.

    Args:
        told: At least one fact.

    Raises:
        AnswerError: the reply was not in the promised shape, nor when asked again.
        ModelError: the server did not answer.
    """
    rendered = prompt.render(
        tags=[f"{fact.id} {fact.line}" for fact in told], language=lang, sentences=min(4, len(told))
    )
    chat = [Message("system", rendered.system), Message("user", rendered.user)]
    for _ in range(2):
        answer = await model.answer(
            chat,
            PersonaAnswer,
            purpose=prompt.id,
            prompt_digest=prompt.digest,
            max_tokens=MAX_TOKENS,
            user_id=user_id,
            ledger=ledger,
        )
        kept, complaints = checked(answer.sentences, told, lang, taxonomy)
        if len(kept) >= min(ENOUGH, len(told)):
            return Persona(language=lang, sentences=tuple(kept), writer="model")
        wrong = "Wrong: " + " ".join(dict.fromkeys(complaints)) + " Write it again, only from the facts."
        chat = [*chat, Message("assistant", answer.model_dump_json()), Message("user", wrong)]
    return plain(told, lang)


def plain(told: Sequence[Fact], lang: Language) -> Persona:
    """The facts in a fixed wording, one sentence each."""
    sentences = tuple(
        Sentence(text=fact.line[0].upper() + fact.line[1:] + ("。" if lang == "zh" else "."), tags=(fact.tag.key,))
        for fact in told[:4]
    )
    return Persona(language=lang, sentences=sentences, writer="rule")


def checked(
    sentences: Sequence[PersonaSentence], told: Sequence[Fact], lang: Language, taxonomy: Taxonomy
) -> tuple[list[Sentence], list[str]]:
    """The sentences that say no more than the facts they cite, and what is wrong with the others."""
    by_id = {fact.id: fact for fact in told}
    kept: list[Sentence] = []
    complaints: list[str] = []
    for sentence in sentences:
        text = " ".join(sentence.text.split())
        cited = [by_id[id] for id in dict.fromkeys(sentence.tags) if id in by_id]
        complaint = _complaint(text, cited, lang, taxonomy)
        if complaint is not None:
            complaints.append(complaint)
        elif text not in {other.text for other in kept}:
            kept.append(Sentence(text=text, tags=tuple(fact.tag.key for fact in cited)))
    return kept, complaints


def _complaint(text: str, cited: Sequence[Fact], lang: Language, taxonomy: Taxonomy) -> str | None:
    """What is wrong with a sentence, in words for the model; None where nothing is."""
    if not cited:
        return "A sentence names no id of a fact."
    own = _without_titles(text, cited)
    if (len(_HAN.findall(own)) * 2 > len(own)) != (lang == "zh"):
        return "A sentence is in the wrong language."
    if _GENDER.search(own):
        return "Nothing is known of gender: write of this user."
    carried = " ".join([fact.line for fact in cited] + [fact.tag.label.en for fact in cited]).casefold()
    numbers = {float(number) for number in _NUMBER.findall(carried)}
    for number in _NUMBER.findall(text):
        if float(number) not in numbers:
            return f"The number {number} is in no cited fact."
    for title in _TITLE.findall(text):
        if title.casefold().strip(" ,.") not in carried:
            return f"“{title}” is in no cited fact."
    if lang == "en":
        for name in _NAME.findall(own):
            if name.casefold() not in carried and name != "I":
                return f"{name} is in no cited fact."
    return _misleaning(text, cited, taxonomy)


def _without_titles(text: str, cited: Sequence[Fact]) -> str:
    """The writer's own words: a title may be in another language, and be that of The Iron Lady."""
    for title in sorted({title for fact in cited for title in fact.titles}, key=len, reverse=True):
        text = text.replace(title, "")
    return text


def _misleaning(text: str, cited: Sequence[Fact], taxonomy: Taxonomy) -> str | None:
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


def _varied(tags: Sequence[Tag]) -> list[Tag]:
    """The surest tags by turns of polarity and facet, so that many liked genres leave room for a habit or a fact."""
    lanes: dict[tuple[str, int], list[Tag]] = {}
    for tag in sorted(tags, key=lambda tag: (-tag.probability * (1 + abs(tag.lift or 0)), -tag.counts.total, tag.key)):
        lanes.setdefault((tag.facet, tag.polarity), []).append(tag)
    chosen: list[Tag] = []
    while len(chosen) < MOST_FACTS and lanes:
        for lane in list(lanes):
            chosen.append(lanes[lane].pop(0))
            if not lanes[lane]:
                del lanes[lane]
    return chosen[:MOST_FACTS]


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
