"""What users say of themselves, heard by the model and believed only as far as code can follow.

The taxonomy's frames find where a text speaks of its author, what sort of fact it states and which way it leans: nobody
else's words, no question, nothing denied or imagined. Where what follows is a short name, or a list of them, that is
the fact. What narrows a name belongs to it: who avoids "films that glorify war" does not avoid films. Where it goes
on ("making the soups my grandmother taught me") what was learnt from other people's words tells where the name ends
(`agents/naming.py`), and where that is in doubt the model is shown the line and says which of its words are the name.
Its word counts for no more than that: what it names must stand in the line, behind the words that state it, and name
something. So the span is the proof, and a model that makes things up is not heard.

What is done again and again ("I go swimming every Sunday", 我会听爵士乐来放松) tells a taste only in what the taxonomy
knows as a thing to like, and what is done by those who like a work (to read it again) only in a title.

What somebody says is over ("I used to love jazz") ends the fact that its words would have stated, and makes none of its
own; code alone hears it.

A text without such a line costs no model call. Lines go to the model in chunks that end where a line's own digest says
so: a line that is added changes one chunk, and all others are asked for in the very words of the last run, which the
ledger answers. That makes k new events cost what k events cost.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from agents.clauses import quotations, within
from agents.model import Ledger, Message, Model, messages
from agents.naming import names
from agents.redact import redact
from agents.signals import AGAINST, SPEECH, Reading, Signals, Thing
from agents.texts import Form, Json, Texts
from limner.domain import Event, Label, Polarity, SignalKind
from prompts import library
from prompts.answers import ListenAnswer
from prompts.taxonomy import Taxonomy, Term
from prompts.taxonomy.hearing import Opening, titles_at
from prompts.taxonomy.words import fold, slug

VERSION = 6

_LIKE_A_NAME = re.compile(r"[\u3400-\u9fff·]{2,4}|[A-Z][\w'.-]*(?: [A-Z][\w'.-]*){0,3}")
"""What may name somebody: few Chinese characters, or capitals."""

MOST_LINES = 8
"""In a chunk; one in four ends its chunk earlier."""
MOST_CHARACTERS = 200
"""Of a line."""
MAX_TOKENS = 300
SHORT_WORDS, SHORT_HAN, LONG_HAN = 4, 6, 9
"""What is no longer than that is a name as it stands; with what narrows it down, or with "and", it may have
`MOST_WORDS` or `LONG_HAN`."""
MOST_WORDS, MOST_HAN = 6, 12
"""In the name of a fact; a longer one is a sentence."""
MOST_WORDS_READ, MOST_HAN_READ = 10, 18
"""The same where its end is read from the words around it."""

_LEADING = re.compile(
    r"(?:(?:all|any|most) (?:sorts?|kinds?|forms?|types?) of|(?:places|things|activities|games) (?:like|such as)|"
    r"(?:some )?shades of|a lot of|lots of|all|a|an|some|my|to|including|good|the|any|more|just|sometimes|also|many|"
    r"both)\s+|"
    r"一些|各种|各类|那些|这些|一个",
    re.IGNORECASE,
)
_DOING = re.compile(
    r"(?:play(?:ing)?|watch(?:ing)?|read(?:ing)?|listen(?:ing)? to|eat(?:ing)?|drink(?:ing)?|do(?:ing)?|go(?:ing)?|"
    r"practi[cs]ing|cook(?:ing)?|mak(?:e|ing)|collecting|visiting|paint(?:ing)?|"
    r"(?:learn(?:ing)?|studying)(?: how)?(?: to)?(?: play| speak)?)(?: the)?\s+|"
    r"学习|练习|自学|(?P<verb>[看打弹吃喝听读玩做学练踢逛去养写画品吹拉跳下])(?P=verb)?",
    re.IGNORECASE,
)
_PARTICLES = "啊呢吧哈哦噢啦嘛哒"
_TRAILING = re.compile(
    r"(?:,?\s+(?:sometimes|itself|themselves|sadly|honestly|"
    r"luckily|unfortunately|too|lately|actually|really|a lot|so much|very much|much|"
    r"these days|myself|of course|mostly|though|now|"
    r"currently|today|already|still|together|completely|entirely|a bit|often|well|there|here|\d{1,3}))+$|"
    rf"(?:[的了等]|(?<![酒网书嘻])[{_PARTICLES}]|之类|什么|方面)+$",
    re.IGNORECASE,
)
_LIST = re.compile(r"\s*(?:[,，、；;]|\b(?:and|or)\b|以及|还有|或者|[和或及])\s*", re.IGNORECASE)
_COMMA = re.compile("[,，]")
_JOINED = re.compile(r"\b(?:and|or)\b|[\u4e00-\u9fff]", re.IGNORECASE)
"""Without it a comma stands between adjectives: "calm, quiet places"."""
_BARE_ACT = re.compile(r"to\s\w+", re.IGNORECASE)
_ACT = re.compile(r"\w+ing\b|[看打弹吃喝听读玩做学练踢逛去写画唱跳]", re.IGNORECASE)
_WITH_OBJECT = re.compile(r"(?!(?:any|every|some)thing)\w+ing\s|to\s\w+\s\w|[写画做学练]..", re.IGNORECASE)
_SENTENCE = re.compile(
    r"(?<!-)\b(?:(?<!traveling )(?<!travelling )to|by|into|onto|not|no|is|are|was|be|my|your|his|her|their|our|its|it|"
    r"them|myself|something|everything|everyone|people|things?|stuff|than|other|too)\b(?!-)|[了是在给被把让]",
    re.IGNORECASE,
)
"""What shows that there is more in a slot than a name."""
_NARROWED = re.compile(
    r"(?<=\w)\s(?:of|in|at|on|for|from|with|without|about|like|such as|involving|containing|based on|related to|made|"
    r"that|which|who|where|set|located)\s(?=\S)",
    re.IGNORECASE,
)
"""Where what narrows a thing down begins: "vehicles from Asia", "films that glorify war"."""
_ONE_NARROWS = re.compile(r"\s(?:at|in|on|for)\s\w+$", re.IGNORECASE)
"""One word that narrows, and may belong to another one behind a comma: "staying at small, quiet hotels"."""
_GOES_ON = re.compile(r",|\s(?:and|or)\s")
_ONE_WORD_ON = re.compile(r"\s(?:at|in|on|for|from|with|of|by)\s[\w-]+$", re.IGNORECASE)
"""Before a comma, "and" or "or" that word may narrow another one: "with hot and dry summers"."""
_SHORT_OF = re.compile(r"[^的]{1,8}的(?!习惯|感觉|时候|样子|原因|话)[^的]{1,6}")
"""巴赫的管弦乐: a name with what it is of."""
_HANGING = re.compile(
    r"(?:\b(?:the|a|an|of|in|at|on|for|from|with|without|about|like|that|which|who|where|and|or|so|very|too|are|is|be|"
    r"have|has|do|don't|doesn't|don|this|these|those|such|as|when|i|we|you|they|using|more|less|anything|everything|"
    r"next|close|prone|both|either|rather|just|even|related|due|near|able|to)|"
    r"['’])$",
    re.IGNORECASE,
)
"""What no name ends with."""
_REST: Mapping[int, re.Pattern[str]] = {
    0: re.compile("(?!)"),
    1: re.compile(r"\s(?:of|with|without|about|based|high|low|prone|free|inspired|that|which|who|where|whose)\b|的"),
    -1: re.compile(rf"(?!\s*(?:[,，、;；/]|and\b|or\b|[和或与及了{_PARTICLES}]|以及|$))"),
}
"""What must not follow a name: to like stories with happy ends is not to like stories; of dislikes nothing may."""
_VAGUE = re.compile(
    r"\b(?:it|something|someone|anyone|you|your|them|him|her|those|these|this)\b|[你您她它]|(?<![吉其])他|什么|某",
    re.IGNORECASE,
)
"""Words that point at something else."""
_OWN = re.compile(r"\b(?:my|our|me|myself)\b|我", re.IGNORECASE)
_ADJECTIVE = re.compile(r"\b(?:a|an|the|some|more)\s[\w-]+$", re.IGNORECASE)
_ANOTHER = re.compile(r",\s(?!(?:and|or|but|a|an|the|some|more)\b)[\w-]+\s(?!(?:and|or|but)\b)[a-z]", re.IGNORECASE)
"""What a name goes on with that ends at one of two adjectives: "a safe, inviting place"."""
_CONSUMED = re.compile(r"^(?:品尝|欣赏|观看|收听)(?=[\u4e00-\u9fff]{2})")
"""What is done with a thing that is liked, whoever likes it: 品尝美酒."""
_AT_START = re.compile(r"(?:^|[.!?;:…\n]\s*|[\u4e00-\u9fff，。！？；：])$")
"""What a sentence begins behind."""
_CAPITALISED = re.compile(r"[A-Z][a-z]+(?=\s[a-z])")
_SOME = re.compile(r"(?<=[\u4e00-\u9fff])一些")
"""Says of what is done no more than that it is some: 做一些家常菜."""
_DOUBLED = re.compile(r"[^aeiou]*[aeiou][^aeiouwxy]", re.IGNORECASE)
"""A verb whose last letter is doubled: swim, run."""
_EDGES = " \t.,;:!?'\"“”‘’()（）。，、；：！？…~～"
_HAN = re.compile(r"[\u4e00-\u9fff]")
_ENDS = {0: SignalKind.EXPLICIT_NEGATIVE, 1: SignalKind.EXPLICIT_NEGATIVE, -1: SignalKind.EXPLICIT_POSITIVE}
_SIGNALS = {0: SignalKind.STATED, 1: SignalKind.EXPLICIT_POSITIVE, -1: SignalKind.EXPLICIT_NEGATIVE}


class Line(NamedTuple):
    """Words in which a user speaks of themselves."""

    event: Event
    opening: Opening

    @property
    def shown(self) -> str:
        """The line as the model reads it: what states the fact, and behind ">" what may name it."""
        text, spot = self.event.text, self.opening
        lead = text[max(spot.begin, spot.start - 60) : spot.start]
        return " ".join(redact(f"{lead} > {text[spot.start : spot.end]}"[:MOST_CHARACTERS]).text.split())

    @property
    def is_last(self) -> bool:
        """Whether a chunk ends with it."""
        spot = f"{self.event.event_id} {self.opening.begin}".encode(errors="replace")
        return hashlib.blake2b(spot, digest_size=1).digest()[0] < 64


class Heard(NamedTuple):
    """A fact in a user's own words."""

    event_id: str
    key: str
    facet: str
    label: Label
    polarity: Polarity
    span: str
    ends: bool = False
    """Whether the words say that it is over."""


def lines(events: Iterable[Event], taxonomy: Taxonomy) -> list[Line]:
    """Where a cleaned history's texts speak of their author, oldest first; what they quote is somebody else's."""
    find = taxonomy.hearing.find
    return [
        Line(event, opening)
        for event in events
        if event.text and event.kind in SPEECH
        for opening in find(event.text)
        if not within(opening.begin, quotations(event.text))
    ]


def plain(line: Line, taxonomy: Taxonomy) -> tuple[str, ...]:
    """What a line names, where that is plain; () where it takes a reader."""
    text, spot = line.event.text, line.opening
    if titles := titles_at(text, spot.start):
        return tuple(text[begin:end] for begin, end in titles)
    if spot.only == "works" and text[spot.start] != "《":
        return ()
    said = text[spot.start : spot.end]
    if text[: spot.start].rstrip().endswith((":", "：")):
        listed = [name for part in _LIST.split(said) if (name := _tidy(part))]
        return tuple(name for name in listed if _is_short(name, spot.polarity) or _term(name, spot, taxonomy))
    named = _parts(said, spot, taxonomy)
    if spot.only == "known" and not all(_term(name, spot, taxonomy) for name in named):
        return ()  # of "math and reading apps" nothing is known
    narrows_another = _ONE_NARROWS.search(named[-1]) and text[spot.end : spot.end + 1] == ","
    is_plain = not narrows_another and all(_is_short(name, spot.polarity) for name in named)
    if spot.only or (is_plain and not _is_doubtful(named, said, spot, taxonomy)):
        return named if is_plain else ()
    return tuple(text[start:end] for start, end in _read(line)) or (named if is_plain else ())


def _is_doubtful(named: Sequence[str], said: str, spot: Opening, taxonomy: Taxonomy) -> bool:
    """Whether what seems a list in Chinese may be clauses: 我喜欢拼图，一千片的那种."""
    is_list = len(named) > 1 and bool(_HAN.search(said)) and bool(_COMMA.search(said))
    return is_list and not any(_term(name, spot, taxonomy) for name in named[1:])


def _read(line: Line) -> list[tuple[int, int]]:
    """Where the names of what a line likes or dislikes are, told by the words around them."""
    text, spot = line.event.text, line.opening
    found = names().read(text, spot.start) if spot.polarity and spot.close == spot.end else []
    return found if not any(_breaks_off(text, start, end) for start, end in found) else []


def _breaks_off(text: str, start: int, end: int) -> bool:
    """Whether a name seems to go on where it ends: "the sound of", "towns with hot and dry summers"."""
    name = text[start:end]
    of_two = name.isascii() and _GOES_ON.match(text, end) and (" " not in name or _ONE_WORD_ON.search(name))
    return bool(_HANGING.search(name) or of_two)


def unclear(told: Sequence[Line], taxonomy: Taxonomy) -> list[Line]:
    """The lines that take a reader."""
    return [line for line in told if not line.opening.only and not plain(line, taxonomy)]


def chunks(told: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines in their order, at most `MOST_LINES` at a time; more of them later change the last chunk alone."""
    chunk: list[Line] = []
    for line in told:
        chunk.append(line)
        if len(chunk) == MOST_LINES or line.is_last:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def chat(chunk: Sequence[Line], prompt: library.Prompt) -> list[Message]:
    """What the model is asked of a chunk: the static part first, so that the server's prefix cache serves it."""
    rendered = prompt.render(lines=[line.shown for line in chunk])
    return messages(rendered)


async def listen(
    events: Sequence[Event],
    *,
    user_id: str,
    model: Model,
    prompt: library.Prompt,
    taxonomy: Taxonomy,
    ledger: Ledger,
    texts: Texts | None = None,
) -> list[Heard]:
    """What the user states of themselves in a cleaned history, oldest first, each with the words that say so.

    Args:
        texts: What is known of the user's texts.

    Raises:
        AnswerError: after one repair a reply still was not in the promised shape.
        ModelError: the server did not answer.
    """

    async def ask(chunk: Sequence[Line]) -> list[Heard]:
        answer = await model.answer(
            chat(chunk, prompt),
            ListenAnswer,
            purpose=prompt.id,
            prompt_digest=prompt.digest,
            max_tokens=MAX_TOKENS,
            user_id=user_id,
            ledger=ledger,
        )
        named = [(chunk[at - 1], name) for at, name in answer.names if at <= len(chunk)]
        return [
            fact
            for line, name in named
            for part in _parts(name, line.opening, taxonomy)
            for fact in believed(line, part, taxonomy)
        ]

    named, unread, ended = list[Heard](), list[Line](), list[Heard]()
    texts = texts or Texts()
    for event in events:
        if not event.text or event.kind not in SPEECH:
            continue
        said = texts.said(("heard", event.kind, event.text), partial(_said, event, taxonomy), SAID)
        named += [fact._replace(event_id=event.event_id) for fact in said.named]
        unread += [Line(event, opening) for opening in said.unread]
        ended += [fact._replace(event_id=event.event_id) for fact in said.ended]
    read = await asyncio.gather(*map(ask, chunks(unread)))
    return list(dict.fromkeys([*named, *(fact for facts in read for fact in facts), *ended]))


class _Said(NamedTuple):
    """What one text states, whoever says it again: people do, and then it is read once."""

    named: list[Heard]
    unread: list[Opening]
    """Where a reader has to say what is named."""
    ended: list[Heard]


def _packed(said: _Said) -> Json:
    return [list(map(_row, said.named)), list(map(list, said.unread)), list(map(_row, said.ended))]


def _unpacked(kept: Json) -> _Said:
    named, unread, ended = kept
    return _Said(list(map(_fact, named)), [Opening(*opening) for opening in unread], list(map(_fact, ended)))


def _row(fact: Heard) -> list[Json]:
    return [fact.key, fact.facet, fact.label.en, fact.label.zh, fact.polarity, fact.span, fact.ends]


def _fact(row: Json) -> Heard:
    key, facet, en, zh, polarity, span, ends = row
    return Heard("", key, facet, Label(en=en, zh=zh), polarity, span, ends)


SAID = Form(_packed, _unpacked, _Said([], [], []))


def _said(event: Event, taxonomy: Taxonomy) -> _Said:
    told = [(line, plain(line, taxonomy)) for line in lines([event], taxonomy)]
    return _Said(
        [fact for line, names in told for name in names for fact in believed(line, name, taxonomy)],
        [line.opening for line, names in told if not names and not line.opening.only],
        list(over([event], taxonomy)),
    )


def over(events: Iterable[Event], taxonomy: Taxonomy) -> Iterator[Heard]:
    """What the texts of a cleaned history say is over, oldest first, each with the words that say so."""
    for event in events:
        if not event.text or event.kind not in SPEECH:
            continue
        for ending in taxonomy.hearing.endings(event.text):
            span = event.text[ending.begin : ending.end]
            for words in ending.ended:
                once = event.model_copy(update={"text": words})
                for fact in plainly([once], taxonomy):
                    yield fact._replace(span=span, ends=True)
                for key, _, _ in taxonomy.facts(words):
                    term = taxonomy.terms[key]
                    yield Heard(event.event_id, key, term.facet, term.label, 0, span, ends=True)


def plainly(events: Iterable[Event], taxonomy: Taxonomy) -> list[Heard]:
    """What is stated of themselves in names that code can read, oldest first."""
    return [
        fact
        for line in lines(events, taxonomy)
        for name in plain(line, taxonomy)
        for fact in believed(line, name, taxonomy)
    ]


def believed(line: Line, name: str, taxonomy: Taxonomy) -> Iterator[Heard]:
    """The fact that a name makes of a line; none where the line does not bear it out."""
    text, spot = line.event.text, line.opening
    titles = titles_at(text, spot.start)
    value = name if titles else _tidy(name)
    place = _place(fold(value), fold(text), spot)
    if (
        place is None
        or (not titles and taxonomy.hearing.names_nothing(value))
        or taxonomy.hearing.is_taken_back(text, place[1], spot.polarity)
    ):
        return
    value = text[place[0] : place[1]]
    long = not titles and (len(_HAN.findall(value)) > MOST_HAN or len(value.split()) > MOST_WORDS)
    if long or _REST[spot.polarity].match(text, place[1], spot.end):
        too_long = len(_HAN.findall(value)) > MOST_HAN_READ or len(value.split()) > MOST_WORDS_READ
        if too_long or place[1] not in {end for _, end in _read(line)}:
            return
    if taxonomy.reveals(value) or (not titles and _is_no_name(value, text, place[1])):
        return
    facet = spot.facet
    term = _term(value, spot, taxonomy)
    if term is None and spot.only == "known":
        return  # who often takes the bus need not like it
    if term is None and facet == "interest" and line.event.kind == "review" and not _LIKE_A_NAME.fullmatch(value):
        return  # "I love the ending" praises a part of what is reviewed; "I love Tom Hanks" need not
    if term is None and _BARE_ACT.fullmatch(text, spot.start, spot.end):
        return  # a garden that I like to visit is no taste in visiting
    if term is not None:
        key, facet, label = term.key, term.facet, term.label
    else:
        if fold(text[spot.start : place[0]]).strip() == "to":
            value = _doing(value)
        if not titles:
            value = _named(value, text[: place[0]], taxonomy)
        key, label = f"{'open' if facet == 'interest' else facet}/{slug(value)}", Label(en=value, zh=value)
    if taxonomy.serves(key, facet):
        span = text[spot.begin : place[1] if spot.close == spot.end else spot.close]
        yield Heard(line.event.event_id, key, facet, label, spot.polarity, span)


def _is_no_name(value: str, text: str, end: int) -> bool:
    """Whether words point at something else, or break off where the text goes on behind them."""
    breaks_off = _HANGING.search(value) or (_ADJECTIVE.search(value) and _ANOTHER.match(text, end))
    return bool(_VAGUE.search(value) or _OWN.search(value) or breaks_off)


def _parts(words: str, spot: Opening, taxonomy: Taxonomy) -> tuple[str, ...]:
    """The names of a list; the words as they are where what stands between them belongs together."""
    parts = [words] if "," in words and not _JOINED.search(words) else _LIST.split(words)
    narrowed = _NARROWED.search(words) if spot.polarity else None
    if narrowed and not (_WITH_OBJECT.match(words) and all(map(_ACT.match, map(_tidy, parts)))):
        *before, last = _LIST.split(words[: narrowed.start()])
        parts = [*before, last + words[narrowed.start() :]]  # what narrows may be a list itself
    first, *others = names = [tidy for part in parts if (tidy := _tidy(part))] or [""]
    act = words.strip() if words.lstrip().lower().startswith("to ") else first
    with_object = _WITH_OBJECT.match(act) and not all(
        map(_ACT.match, others)
    )  # "sharing knowledge and views", 写诗歌和小说
    adjective = first.replace("-", "").isalpha() and first.isascii() and any(" " in other for other in others)
    of_both = len({"的" in name for name in names}) > 1  # 西班牙的文化和音乐
    if with_object or of_both or (adjective and not taxonomy.resolve(first)):  # "hot and humid climates"
        return (_tidy(words),)
    return tuple(names)


def _is_short(name: str, polarity: Polarity) -> bool:
    narrowed = _NARROWED.search(name)
    if narrowed and not polarity:
        return False  # what somebody is ends before "at", "for" or "in"
    if "的" in name and not (polarity and _SHORT_OF.fullmatch(name)):
        return False
    joined = narrowed or "的" in name or len(_LIST.split(name)) == 2
    words = f"{name[: narrowed.start()]} {name[narrowed.end() :]}" if narrowed else _undone(name)
    return (
        len(name.strip()) > 1
        and len(_HAN.findall(name)) <= (LONG_HAN if joined else SHORT_HAN)
        and len((name if joined else words).split()) <= (MOST_WORDS if joined else SHORT_WORDS)
        and not _HANGING.search(name)
        and not _SENTENCE.search(words)
    )


def _tidy(value: str) -> str:
    """A name without what stands around it."""
    value = value.strip(_EDGES)
    while (
        tidy := _TRAILING.sub("", _LEADING.sub("", value, count=1) if _LEADING.match(value) else value).strip(_EDGES)
    ) != value:
        value = tidy
    return value


def _place(value: str, text: str, spot: Opening) -> tuple[int, int] | None:
    """Where in the slot a folded name stands, whole words only; None where it does not."""
    if len(value) < 2:
        return None
    start = text.find(value, spot.start, spot.end)
    while start >= 0:
        end = start + len(value)
        goes_on = value[-1].isascii() and end < spot.end and _in_word(text[end])
        if not goes_on and not (value[0].isascii() and start and _in_word(text[start - 1])):
            return start, end
        start = text.find(value, start + 1, spot.end)
    return None


def _in_word(character: str) -> bool:
    """Whether a folded character is part of an English word."""
    return "a" <= character <= "z" or "0" <= character <= "9"


def _term(value: str, spot: Opening, taxonomy: Taxonomy) -> Term | None:
    """The term of the facet that a name means, with or without the verb before it; None where there is none."""
    for name in dict.fromkeys((value, _undone(value), *(_acts(value) if spot.only == "known" else ()))):
        if len(name) > 1 or _HAN.match(name):
            if spot.polarity:
                term = taxonomy.resolve(name)
                if (
                    term is not None
                    and term.kind == "thing"
                    and term.facet in ("interest", "brand", "creator", "origin")
                ):
                    return term
            elif (term := _of_facet(name, spot.facet, taxonomy)) is not None:
                return term
    return None


def _undone(words: str) -> str:
    """A name without the verb of what is done with it."""
    verb = _DOING.match(words)
    return words[verb.end() :] if verb else words


def _doing(words: str) -> str:
    """What somebody likes to do as a name: "adopt pets" is adopting pets."""
    verb, *others = words.split(" ")
    if not verb.isalpha():
        return words
    stem = verb.removesuffix("e") if not verb.endswith(("ee", "ye", "oe")) else verb
    return " ".join([f"{stem}{stem[-1] if _DOUBLED.fullmatch(stem) and stem == verb else ''}ing", *others])


def _named(words: str, before: str, taxonomy: Taxonomy) -> str:
    """A name as it is called anywhere in a sentence: "Painting cats is my favourite" tells of painting cats.

    Args:
        before: What stands before it in its text.
    """
    if _HAN.search(words):
        return _CONSUMED.sub("", _SOME.sub("", words))
    first = _CAPITALISED.match(words)
    if first is None or not _AT_START.search(before):
        return words
    term = taxonomy.resolve(first[0])
    is_common = first[0].endswith("ing") if term is None else term.facet == "interest"
    return words[0].lower() + words[1:] if is_common else words


def _acts(word: str) -> Iterator[str]:
    """What an English verb, or who does it, does: run and runner are for running."""
    stem = re.sub(r"(?:er|ist)$", "", word)
    if word.isascii() and word.isalpha():
        yield from (f"{root}ing" for root in dict.fromkeys((word, word.removesuffix("e"), word + word[-1], stem)))


def _of_facet(name: str, facet: str, taxonomy: Taxonomy) -> Term | None:
    """A term of one facet; of a facet with one value the last words are what counts: a rookie firefighter is one."""
    words, joint = (name.split(), " ") if " " in name else (list(name) if _HAN.search(name) else [name], "")
    for cut in range(len(words) if taxonomy.facets[facet].single_valued else 1):
        rest = joint.join(words[cut:])
        if len(rest) > 1:
            named = (taxonomy.resolve(rest, group) for group in taxonomy.groups_of(facet))
            if (term := next(filter(None, named), None) or taxonomy.spoken(fold(rest), facet)) is not None:
                return term
    return None


def told(signals: Signals, heard: Sequence[Heard]) -> Signals:
    """The signals with what was heard among the stated facts; an event states a fact once, and ends what is known."""
    if not heard:
        return signals
    named = {fact.event_id for fact in heard}
    places = {event.event_id: at for at, event in enumerate(signals.events) if event.event_id in named}
    facts = {key: Thing(key, fact.facet, fact.label, list(fact.readings)) for key, fact in signals.facts.items()}
    stated = {(key, reading.at): reading for key, fact in facts.items() for reading in fact.readings}
    for fact in sorted(heard, key=lambda fact: fact.ends):
        at = places.get(fact.event_id)
        if at is None:
            continue
        before = stated.get((fact.key, at))
        if fact.ends:
            if (fact.key not in facts and fact.key not in signals.things) or _outlives(before, fact, signals, at):
                continue
            if before is not None:
                facts[fact.key].readings.remove(before)
        elif before is not None:
            continue
        signal = (_ENDS if fact.ends else _SIGNALS)[fact.polarity]
        stated[fact.key, at] = reading = Reading(at, signal, None, fact.span, fact.ends)
        known = signals.things.get(fact.key, fact)
        facts.setdefault(fact.key, Thing(fact.key, known.facet, known.label)).readings.append(reading)
    for thing in facts.values():
        thing.readings.sort(key=lambda reading: (reading.at, reading.ends))
    return replace(signals, facts=facts)


def _outlives(before: Reading | None, end: Heard, signals: Signals, at: int) -> bool:
    """Whether what an event states holds although the event also ends it: it is the opposite, or is said after that."""
    if before is None:
        return False
    if before.ends or (before.signal in AGAINST) == (_ENDS[end.polarity] in AGAINST):
        return True
    text = signals.events[at].text
    return text.rfind(before.span or "") >= text.find(end.span) + len(end.span)
