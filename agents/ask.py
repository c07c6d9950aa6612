"""A question about one user, answered from what they did and said, every claim with the events that say it.

Code answers what it can: what is counted (`agents/tally.py`), whether something still holds (`agents/lately.py`), when
it was (`agents/dating.py`), what was said in so many words (`agents/quoting.py`), and that somebody else said it. For
the rest code finds the events (`agents/recall.py`) and dates what is said of "yesterday" (`agents/when.py`); the model
reads a few lines and answers in a few words; code then takes out every claim that no line of the one asked about holds,
and all of an answer that the model itself found unlikely. Nothing left means that the history does not say. A history
of a hundred events and one of a hundred thousand cost the same prompt.

What the history says is data: it is redacted before the model sees it, and fenced by the prompt library. An instruction
in it has nothing to act on: the model's answer can only become claims, and claims are held against the lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from pydantic_core import from_json

from agents import tally
from agents.dating import WHEN, dating
from agents.digest import HAN, safe
from agents.lately import lately
from agents.model import Ledger, Message, Model, messages, unrecorded
from agents.quoting import quoting
from agents.recall import TURNS, Embed, Memory, fused, names, speaker, tokens
from agents.when import Window, asks_for_now, dated, day, window
from limner.domain import Conflict, Event, Language, Persona, Reply, Tag
from limner.errors import StoreError
from prompts import library
from prompts.answers import QuestionAnswer
from prompts.taxonomy import Taxonomy
from store.events import EventStore
from store.profiles import ProfileStore

VERSION = 2

Told = Callable[[str], None]
"""Told of each stage as it begins: finding events, so many lines found, writing, checking."""
Seen = Callable[[Sequence[str], str], None]
"""Told, while a model writes, of the claims that their lines hold, and of the words of the next, not checked yet."""

BUDGET = 350
"""Most tokens of the lines that the model reads."""
MOST_EVENTS = 10
MOST_TAGS = 6
MOST_CHARACTERS = 400
"""Of one event's text."""
MAX_TOKENS = 200
LEAST_SHARE = 0.6
"""Of the words of a claim that are not the question's, the share that its lines must hold."""
EVIDENCE = 3
"""Events cited for a tag."""
LEAST_LEAD = -0.04
"""Of the one asked about over whoever else speaks, see `Memory.lead`: below it nothing is answered. A tenth of what can
be answered in the conversations of `locomo-fitted` lies below it, and 0.54 of what cannot."""

LEAST_SURE = -0.3
"""Mean log-probability of an answer's tokens below which it is withheld. On 60 questions of the conversations that
choices are made on, the area under the curve is 0.70 for what can be answered over what cannot, and 0.77 for right
over wrong answers; nothing that has any F1 lies below it, and 4 of 13 answers to what cannot be answered and is not
somebody else's do. At -0.2 it would be 9 of them, and 0.08 of the F1; half of PersonaBench's with it. The model's word
when it is asked whether the lines say so tells nothing (0.48)."""

_NUMBER = re.compile(r"\d+")
_NEUTRAL = frozenset(tokens("yes no not likely probably currently 是的 不是 没有 可能 目前"))
_OFFERED = re.compile(r"\bor\b|还是|或", re.IGNORECASE)
"""A question that names its own answers."""
_DATED = re.compile(r"\[([^\[\]]*\d[^\[\]]*)\]")
_LIKE = re.compile(
    r"^\W*(?:what(?: is|'s| are) (?:s?he|they|(?:the|this) (?:user|person|customer)) like|"
    r"(?:describe|tell me about) (?:her|him|them|they|(?:the|this) (?:user|person|customer))|"
    r"who (?:is|are) (?:s?he|they|(?:the|this) (?:user|person|customer)))\W*$|"
    r"(?:什么样|怎样|怎么样)的(?:一个)?(?:人|用户|顾客)|^(?:请?介绍|描述)一?下(?:他|她|这位用户|这个用户|they)?\W*$|用户画像",
    re.IGNORECASE,
)
_COUNTING = re.compile(
    r"\bhow many\b(?! (?:\w+ )?(?:years?|months?|weeks?|days?|hours?|minutes?))|\bnumber of\b|"
    r"(?:几|多少)[个位名次种本部家只条件样]",
    re.IGNORECASE,
)
_SILENT = {"en": "The history does not say.", "zh": "历史记录中没有提到。"}
_STATES = {
    "en": {1: "likes", -1: "dislikes", 0: "is known for"},
    "zh": {1: "喜欢", -1: "不喜欢", 0: "特点"},
}


class Person(NamedTuple):
    """A user, ready to be asked about."""

    user_id: str
    memory: Memory
    tags: tuple[Tag, ...] = ()
    """Those that are served."""
    personas: tuple[Persona, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


class Line(NamedTuple):
    """What the model reads of one event or tag."""

    text: str
    event_ids: tuple[str, ...]
    speaker: str
    """Who speaks in it, where somebody does."""


def person(user_id: str, events: EventStore, profiles: ProfileStore) -> Person:
    """A user's history made searchable, with the tags that are served of them.

    Raises:
        StoreError: nothing is known of the user.
    """
    memory = Memory(events.each(user_id), lambda ids: events.some(user_id, ids))
    known = profiles.digest(user_id) is not None
    if not memory.ids and not known:
        raise StoreError(f"User {user_id} is not known: `limner ingest` takes in their events.")
    if not known:
        return Person(user_id, memory)
    profile = profiles.current(user_id)
    return Person(user_id, memory, profile.tags, profile.personas, profiles.conflicts(user_id))


async def ask(
    question: str,
    person: Person,
    *,
    model: Model,
    prompt: library.Prompt,
    embed: Embed,
    taxonomy: Taxonomy,
    at: datetime | None = None,
    zone: tzinfo = UTC,
    ledger: Ledger = unrecorded,
    told: Told = lambda stage: None,
) -> Reply:
    """The answer to a question about one user, in the question's language: code's, or what a model reads.

    Args:
        at: The moment in which the question is asked; the newest event's where None.
        zone: In which days begin and end.

    Returns:
        A reply whose citations are ids of events the model was shown, or code counted; `abstained` where the history
        does not say.

    Raises:
        AnswerError: after one repair the model's reply still was not in the promised shape.
        ModelError: the server did not answer, or the vectors could not be had.
    """
    told("reading the question")
    known = without_a_model(question, person, taxonomy=taxonomy, at=at, zone=zone)
    if known is not None:
        return known
    return await read(
        question, person, model=model, prompt=prompt, embed=embed, at=at, zone=zone, ledger=ledger, told=told
    )


async def read(
    question: str,
    person: Person,
    *,
    model: Model,
    prompt: library.Prompt,
    embed: Embed,
    at: datetime | None = None,
    zone: tzinfo = UTC,
    ledger: Ledger = unrecorded,
    told: Told = lambda stage: None,
    seen: Seen | None = None,
    least_sure: float = LEAST_SURE,
) -> Reply:
    """What a model reads in a few lines of the history, every claim held against them; see `ask`.

    Args:
        least_sure: Mean log-probability of an answer's tokens below which it is withheld.
    """
    lang, moment = _language(question), _moment(person, at, zone)
    asked = window(question, moment)
    told("finding events")
    lines = shown(question, person, embed=embed, asked=asked, at=moment, lang=lang, count_tokens=model.count_tokens)
    told(f"{len(lines)} line{'s' * (len(lines) != 1)} found")
    if not lines:
        return settled(question, [], lines, person, asked, lang)
    told("writing")
    sureness = list[float]()
    answer = await model.answer(
        chat(question, lines, prompt, lang, moment),
        QuestionAnswer,
        purpose=prompt.id,
        prompt_digest=prompt.digest,
        max_tokens=MAX_TOKENS,
        user_id=person.user_id,
        ledger=ledger,
        heard=None if seen is None else lambda text: seen(*_growing(question, text, lines)),
        weighed=sureness.append,
    )
    told("checking")
    if sureness and sureness[-1] < least_sure:
        return _unsure(question, lines, person, asked, lang)
    return settled(question, answer.claims, lines, person, asked, lang)


def _growing(question: str, text: str, lines: Mapping[str, Line]) -> tuple[list[str], str]:
    """Of an answer that is being written, the claims that hold, and the words of the one that is not whole yet."""
    try:
        whole, begun = (from_json(text, allow_partial=mode) for mode in ("on", "trailing-strings"))
    except ValueError:  # it is no JSON: the seam says so when it ends
        return [], ""
    claims, drafts = ([one for one in _claims(part) if isinstance(one, str)] for part in (whole, begun))
    held = [_dates(question, claim) for claim in claims if _proof(question, claim, lines) is not None]
    return list(dict.fromkeys(held)), drafts[-1] if len(drafts) > len(claims) else ""


def _claims(answer: Any) -> list[Any]:
    return answer.get("claims") or [] if isinstance(answer, dict) else []


def without_a_model(
    question: str, person: Person, *, taxonomy: Taxonomy, at: datetime | None = None, zone: tzinfo = UTC
) -> Reply | None:
    """The answer where code has it: the persona, or what can be counted; None where a model must read."""
    lang = _language(question)
    asked = re.sub(rf"(?<!\w){re.escape(person.user_id)}(?!\w)", "they", question)
    moment = _moment(person, at, zone)
    known = (
        _portrait(asked, person, lang)
        or tally.tally(asked, person.memory, taxonomy, window(asked, moment), lang)
        or lately(asked, person.memory, taxonomy, person.conflicts, lang, zone)
        or _said_by_another(asked, person.memory, lang)
        or dating(asked, person.memory, lang, zone)
        or quoting(asked, person.memory, lang, zone)
    )
    return known and known.model_copy(update={"question": question})


def _language(question: str) -> Language:
    return "zh" if HAN.search(question) else "en"


def _moment(person: Person, at: datetime | None, zone: tzinfo) -> datetime:
    return (at or person.memory.newest or datetime.now(UTC)).astimezone(zone)


def _said_by_another(question: str, memory: Memory, lang: Language) -> Reply | None:
    """That the history does not say, where somebody else says what the question asks of one; None where that one may.

    Who holds the question's words tells what can be answered: the area under the curve is 0.827 on the conversations
    that choices are made on (458 questions), 0.818 on those that are reported (792).
    """
    lead = memory.lead(question)
    if lead is None or lead >= LEAST_LEAD:
        return None
    told = (
        "问题里的话主要是别人说的，不是被问的人。"
        if lang == "zh"
        else "The words of the question are somebody else's, rather than of the one asked about."
    )
    return Reply(question=question, scope="user", answer=_SILENT[lang], abstained=True, explanation=told)


def _portrait(question: str, person: Person, lang: Language) -> Reply | None:
    """The persona, where a question asks for no more than what the user is like; None where it asks for more."""
    told = [persona for persona in person.personas if persona.language == lang]
    if not told or not _LIKE.search(question):
        return None
    named = {key for sentence in told[0].sentences for key in sentence.tags}
    cited = [one.event_id for tag in person.tags if tag.key in named for one in tag.evidence[:EVIDENCE]]
    return Reply(
        question=question,
        scope="user",
        answer=told[0].text,
        citations=tuple(dict.fromkeys(cited)),
        explanation="画像，逐句由已证实的标签写成。" if lang == "zh" else "The persona, written from proven tags.",
    )


def chat(
    question: str, lines: Mapping[str, Line], prompt: library.Prompt, lang: Language, at: datetime
) -> list[Message]:
    """What the model is asked: the static part first, so that the server's prefix cache serves it."""
    rendered = prompt.render(
        language=lang,
        listing=bool(_COUNTING.search(question)),
        lines=[line.text for line in lines.values()],
        now=day(at, lang),
        question=safe(question),
    )
    return messages(rendered)


def shown(
    question: str,
    person: Person,
    *,
    embed: Embed,
    asked: Window | None,
    at: datetime,
    lang: Language,
    count_tokens: Callable[[str], int],
    budget: int = BUDGET,
) -> dict[str, Line]:
    """The lines that the model reads, by short id: tags first, then events, oldest first, in at most `budget` tokens.

    What bears least on the question gives way first.
    """
    memory = person.memory
    hits = memory.recalled(question, MOST_EVENTS, embed=embed, window=asked, newest=asks_for_now(question))
    rows = [hit.row for hit in hits]
    told = dict(zip(rows, (line_of(event, lang, at.tzinfo or UTC) for event in memory.events(rows)), strict=True))
    facts = [fact(tag, lang) for tag in _bearing(question, person.tags, embed)]
    while rows or facts:
        used = count_tokens("\n".join(line.text for line in (*facts, *(told[row] for row in rows))))
        if used <= budget:
            break
        keep = min(len(rows) - 1, len(rows) * budget // used)
        rows, facts = (rows[:keep], facts) if keep > 0 else (rows[:-1], facts[: len(facts) // 2])
    named = {f"t{number}": one for number, one in enumerate(facts, 1)}
    return named | {f"e{number}": told[row] for number, row in enumerate(sorted(rows), 1)}


def _bearing(question: str, tags: Sequence[Tag], embed: Embed) -> list[Tag]:
    """The tags that bear most on a question: by likeness of their names to it, and by how sure they are."""
    if not tags:
        return []
    asked = embed([question])[0]
    alike = [max(embed([tag.label.en, tag.label.zh]) @ asked) for tag in tags]
    by_meaning = sorted(range(len(tags)), key=lambda at: -alike[at])
    surest = sorted(range(len(tags)), key=lambda at: -tags[at].probability)
    return [tags[at] for at, _ in fused([(by_meaning, 1), (surest, 1)])[:MOST_TAGS]]


def fact(tag: Tag, lang: Language) -> Line:
    """What the model reads of a tag."""
    name = safe(getattr(tag.label, lang))
    count = f"{tag.counts.total}次" if lang == "zh" else f"{tag.counts.total} events"
    events = tuple(one.event_id for one in tag.evidence[:EVIDENCE])
    return Line(f"{_STATES[lang][tag.polarity]} {name} ({count})", events, "")


def line_of(event: Event, lang: Language, zone: tzinfo) -> Line:
    """What the model reads of an event: redacted, its relative days dated."""
    ts = event.ts.astimezone(zone) if event.ts else None
    name = safe(speaker(event))
    if event.kind in TURNS:
        own = event.meta.get("speaker_is_user")
        who = name or (("someone else", "别人") if own is False else ("the person", "本人"))[lang == "zh"]
        if name and own is True:
            who += " (the person)" if lang == "en" else "（本人）"
    else:
        who = safe(event.kind) + (f" {event.value:g}" if event.value is not None else "")
    title = event.item.get("title")
    parts = [str(title)[:120]] if isinstance(title, str) and title not in event.text else []
    kind = [
        value
        for name, values in event.item.items()
        if name != "title"
        for value in (values if isinstance(values, list) else [values])
        if isinstance(value, str) and len(value) <= 40
    ][:6]
    parts += [f"({', '.join(kind)})"] if kind else []
    caption = event.meta.get("image_caption") or event.meta.get("caption")
    said = safe(event.text[:MOST_CHARACTERS])
    text = dated(said, ts, lang) if ts else said
    shown = [safe(" ".join(parts)), text, f"[image: {safe(caption[:120])}]" if isinstance(caption, str) else ""]
    date = day(ts, lang) if ts else "?"
    return Line(f"{date} | {who}: {' '.join(filter(None, shown))}", (event.event_id,), name)


def settled(
    question: str,
    claims: Sequence[str],
    lines: Mapping[str, Line],
    person: Person,
    asked: Window | None,
    lang: Language,
) -> Reply:
    kept = [(claim, line) for claim in claims if (line := _proof(question, claim, lines)) is not None]
    texts = list(dict.fromkeys(_dates(question, claim) for claim, _ in kept))
    said = any(_NUMBER.search(text) for text in texts)
    counted = len(texts) if _COUNTING.search(question) and texts and not said else None
    stop = "；" if lang == "zh" else "; "
    answer = stop.join(texts)
    return Reply(
        question=question,
        scope="user",
        answer=_SILENT[lang] if not texts else f"{counted}: {answer}" if counted is not None else answer,
        count=counted,
        citations=tuple(dict.fromkeys(event for _, line in kept for event in line.event_ids)),
        abstained=not texts,
        explanation=_explained(lines, person, asked, len(claims) - len(kept), lang),
    )


def _unsure(question: str, lines: Mapping[str, Line], person: Person, asked: Window | None, lang: Language) -> Reply:
    """An answer that the model itself found unlikely is none."""
    reply = settled(question, [], lines, person, asked, lang)
    why = (
        "模型对自己的回答没有把握，所以没有采用。"
        if lang == "zh"
        else " The model's answer was withheld: it was unsure of it."
    )
    return reply.model_copy(update={"explanation": reply.explanation + why})


def _dates(question: str, text: str) -> str:
    """What is said, or where a question asks when, the dates that code put behind the words of it."""
    dates = _DATED.findall(text) if WHEN.search(question) else []
    return "; ".join(dict.fromkeys(dates)) or text.strip()


def _proof(question: str, claim: str, lines: Mapping[str, Line]) -> Line | None:
    """The line that says a claim: of the one asked about, and holding most of its words; None where no line does."""
    asked = set(tokens(question))
    words = set(tokens(claim)) - asked
    if not words and not _OFFERED.search(question):  # it says no more than the question does
        return None

    def holding(line: Line) -> tuple[int, int]:
        told = set(tokens(line.text))
        return len(words & told), len(asked & told)

    best = max(_of_the_one_asked_about(question, lines), key=holding, default=None)
    return best if best is not None and _holds(question, claim, best) else None


def _holds(question: str, claim: str, line: Line) -> bool:
    """Whether a line holds what a claim says beyond the question: all of its numbers, and most of its words.

    Of a Chinese answer from an English line only the numbers and names can be compared.
    """
    known, asked = set(tokens(line.text)), set(tokens(question)) | _NEUTRAL
    words = [word for word in tokens(claim) if word not in asked]
    if not HAN.search(line.text.partition(": ")[2]):
        words = [word for word in words if not HAN.match(word)]  # in a language that the line is not in
    numbers = set(_NUMBER.findall(claim)) - set(_NUMBER.findall(question))
    return numbers <= set(_NUMBER.findall(line.text)) and sum(word in known for word in words) >= LEAST_SHARE * len(
        words
    )


def _of_the_one_asked_about(question: str, lines: Mapping[str, Line]) -> list[Line]:
    """The lines without those that somebody else says, where a question names one of those who speak.

    Of LoCoMo's answerable questions that name one speaker 97 % rest on what that one says (345 questions of the
    conversations that are not reported); of its unanswerable ones three in four rest on what the other says.
    """
    asked = {line.speaker for line in lines.values() if line.speaker and names(line.speaker, question)}
    return [line for line in lines.values() if len(asked) != 1 or line.speaker in {*asked, ""}]


def _explained(lines: Mapping[str, Line], person: Person, asked: Window | None, out: int, lang: Language) -> str:
    events = sum(name.startswith("e") for name in lines)
    tags, every = len(lines) - events, len(person.memory.ids)
    if lang == "zh":
        told = f"读了{every:,}个事件中的{events}个和{tags}个标签。"
        told += f"问的是{_span(asked, lang)}。" if asked else ""
        return told + (f"{out}条说法因所引之处没有这么说而删去。" if out else "")
    told = f"Read {events} of {every:,} events and {tags} tags."
    told += f" It asks about {_span(asked, lang)}." if asked else ""
    return told + (f" Taken out: {out} claim{'s' * (out > 1)} that the cited lines do not say." if out else "")


def _span(asked: Window, lang: Language) -> str:
    since = day(asked.since, lang) if asked.since else "…"
    until = day(asked.until, lang) if asked.until else "…"
    return f"{since}到{until}（不含）" if lang == "zh" else f"{since} up to {until}"
