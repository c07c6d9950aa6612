"""The persona: what the verified tags say, point by point, worded by the model and checked sentence by sentence.

Code chooses the points; the model finds the words; code finds the tags that a sentence names. It stays only where code
can tell that it says no more than they do: every known thing, number, title and name in it comes from them, each clause
speaks of them, it leans the way they lean, it claims nothing about gender, and it is in the language asked for. What no
sentence says is added in a fixed wording.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

from agents.digest import HAN
from agents.facts import NAMED, Fact, Point
from agents.model import Ledger, Model, messages
from agents.prose import Place, opening, plain
from agents.signals import says_against, turns_against
from agents.vocabulary import KINDS, stray
from limner.domain import Language, Persona, Polarity, Sentence
from prompts import library
from prompts.answers import PersonaAnswer
from prompts.taxonomy import Taxonomy
from prompts.taxonomy.words import Found, Matcher

VERSION = 7

MAX_TOKENS = 600
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MEASURE = re.compile(r"(\d+(?:\.\d+)?) ?颗?(stars?|events?|times|星|次)")
_STRENGTH = re.compile(
    r"\b(far|well|a little|slightly|much) (?:above|below|higher|lower|more|less|better|worse)\b"
    r"|(远|明显|略)(?=\S{0,2}[高低])",
    re.IGNORECASE,
)
_SAME_STRENGTH = {"slightly": "a little", "much": "well"}
_OF_TITLE = re.compile(r"》的?评分|(?:rating|score)s? of [\"“]")
_TITLE = re.compile(r"[\"“«《「『]([^\"”»》」』]{2,80})[\"”»》」』]")
_NAME = re.compile(r"(?<![.!?\"“]\s)(?<!^)\b[A-Z][\w'-]+")
_GENDER = re.compile(
    r"\b(?:he|she|him|her|his|hers|man|woman|male|female|gentleman|lady|guy|girl|boy)\b|"
    r"她|(?<![其吉])他(?!人)|男性|女性|男士|女士|先生|小姐",
    re.IGNORECASE,
)
_NOT_PROSE = re.compile(r"[{}\[\]<>|\\]")
_BRACKET = re.compile("[(（]")
_LATIN = re.compile(r"[A-Za-z]")
_CHINESE_SIGN = re.compile(r"[。，；：、]")
_NO_WORDS = re.compile(r"[\W_]+|例如|e\.g\.")
_SUBJECT = re.compile(r"\b(?:this user|they)\b|这位用户", re.IGNORECASE)
_MERE = re.compile(r"\b(?:this user|they|and|are|is|an?|has|have)\b|这位用户|[和、且还是有]", re.IGNORECASE)
"""What a list of tags holds beside them."""
_MARKS = '《〈“「『"'
_BROKEN_OFF = re.compile(
    r"(?:\b(?:as|at|by|from|including|like|e|e\.g|and|or|with|for|the|a|an|of|in|which|that|they|are|is|their|own"
    r"|watching|being(?: not)?)"
    r"|例如|比如|[,，、：:])\s*[.。]$"
)
_PASSED = re.compile(
    r"\b(?:skip(?:s|ped)?|return(?:s|ed)?|turns? away|not taken with)\b|跳过|退回|避开|不受待见|不合", re.IGNORECASE
)
"""What is done with what one does not like, beside the words of `turns_against`."""
_TASTE = re.compile(
    r"\b(?:dis)?(?:likes?|loves?|enjoys?|hates?|prefers?|favou?rites?|hobb(?:y|ies)|pastimes?)\b"
    r"|喜欢|喜爱|偏爱|热爱|钟情|讨厌|爱好|嗜好",
    re.IGNORECASE,
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
_WORD = re.compile(r"[^\W_]{3,}")
_SENTENCE = re.compile(r".+?(?:[。！？]|(?<!e\.g)(?<!i\.e)[.!?]+[”\"]?(?=\s|$)|$)", re.DOTALL)
_HIDDEN = {ord(stop): 0xE000 + at for at, stop in enumerate(".!?。！？")}
_SHOWN = {hidden: stop for stop, hidden in _HIDDEN.items()}
_ALIKE = re.compile(r"\b(?:both|all|each)\b|(?<!平)均|都")
_STEM = 5
"""Letters by which "returns a lot" is known in "they return a lot"."""
_MEDIA = frozenset(
    ["film", "films", "movie", "movies", "music", "books", "shows", "series", "电影", "影片", "影视", "音乐", "小说"]
)
"""Words that say in what form a genre comes; "science fiction films" claims no taste in films."""


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
        messages(rendered),
        PersonaAnswer,
        purpose=prompt.id,
        prompt_digest=prompt.digest,
        max_tokens=MAX_TOKENS,
        user_id=user_id,
        ledger=ledger,
    )
    facts = [fact for point in told for fact in point]
    written: list[tuple[str, Point]] = []
    said: set[str] = set()
    begun: set[str] = set()
    for text in split(answer.sentences, lang, [title for fact in facts for title in fact.titles]):
        cited = named(text, facts, taxonomy)
        news = {fact.tag.key for fact in cited} - said
        start = opening(text, lang)
        if news and start not in begun and complaint(text, cited, lang, taxonomy) is None:
            written.append((text, cited))
            said |= news
            begun.add(start)
    return _portrait(told, written, said, lang)


def fixed(told: Sequence[Point], lang: Language) -> Persona:
    """The same portrait, in the fixed wording alone; no model is asked."""
    return _portrait(told, [], set(), lang)


def _portrait(
    told: Sequence[Point], written: Sequence[tuple[str, Point]], said: Collection[str], lang: Language
) -> Persona:
    """The model's sentences, and the fixed wording of what they do not say, in the order of the facts."""
    missing = [tuple(fact for fact in point if fact.tag.key not in said) for point in told]
    first = told[0][0]
    begun = {opening(text, lang) for text, _ in written}
    filled: list[tuple[str, Point]] = []
    for point in filter(None, missing):
        filled.append((plain(point, lang, _place(point, first), begun), point))
        begun.add(opening(filled[-1][0], lang))
    place = {fact.tag.key: at for at, fact in enumerate(fact for point in told for fact in point)}
    told_in_order = sorted([*written, *filled], key=lambda sentence: min(place[fact.tag.key] for fact in sentence[1]))
    return Persona(
        language=lang,
        sentences=tuple(
            Sentence(text=text, tags=tuple(fact.tag.key for fact in cited)) for text, cited in told_in_order
        ),
        writer="mixed" if written and filled else "model" if written else "rule",
    )


def _place(point: Point, first: Fact) -> Place:
    """Where a point stands in a portrait that begins with that fact."""
    if point[0].tag.polarity < 0:
        return "against" if first.tag.polarity > 0 and not first.told else "least"
    return "first" if point[0] is first else "further"


def split(texts: Sequence[str], lang: Language, titles: Sequence[str] = ()) -> list[str]:
    """The sentences of an answer: small models put several into one. A full stop in one of the titles ends none."""
    whole = list(texts)
    for title in titles:
        whole = [text.replace(title, title.translate(_HIDDEN)) for text in whole]
    found = (" ".join(sentence.split()).translate(_SHOWN) for text in whole for sentence in _SENTENCE.findall(text))
    return [_ended(sentence, lang) for sentence in found if sentence.strip(" .。")]


def _ended(text: str, lang: Language) -> str:
    """The sentence with the punctuation of its language, and an end."""
    text = text.lstrip(" ,;，；、")
    if lang == "zh":
        text = text.replace("; ", "；")
        return text if text[-1] in "。！？" else text.rstrip("；，、.") + "。"
    return text if text[-1] in '.!?”"' else text.rstrip(";,") + "."


def named(text: str, told: Sequence[Fact], taxonomy: Taxonomy) -> Point:
    """The facts whose thing a sentence names, in the order told."""
    keys = {found.key for found in _mentions(text, taxonomy.mentions)}
    folded, stems = text.casefold(), _stems(text)

    def is_named(fact: Fact) -> bool:
        words = _stems(fact.tag.label.en)
        return (
            not keys.isdisjoint(fact.tag.key.split("+"))
            or any(name in folded for name in _names(fact))
            or (bool(words) and words <= stems)
        )

    return tuple(fact for fact in told if is_named(fact))


@lru_cache(8_192)
def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:_STEM] for word in _WORD.findall(text.casefold()))


def complaint(text: str, point: Point, lang: Language, taxonomy: Taxonomy) -> str | None:
    """What a sentence says that its facts do not, in words; None where nothing is wrong with it."""
    own = _without_titles(text, point)
    if not _is_in(own, point, lang):
        return "it is in the wrong language"
    if sign := _NOT_PROSE.search(own) or (_CHINESE_SIGN.search(own) if lang == "en" else None):
        return f"{sign[0]} has no place in it"
    if repeated := _repeated(text, own, point, lang):
        return f"{repeated}: it repeats its facts word for word"
    if broken := _BROKEN_OFF.search(text):
        return f"it breaks off at {broken[0]}"
    if gender := _GENDER.search(own):
        return f"{gender[0]}: nothing is known of gender"
    clauses = _CLAUSE.split(own)
    if habits := [fact for fact in point if not fact.tag.polarity]:
        for clause in clauses:
            if (taste := _TASTE.search(clause)) and (len(habits) == len(point) or named(clause, habits, taxonomy)):
                return f"{taste[0]}: a habit or a fact is no taste"
    return (
        _unnamed(text, own, point, lang)
        or _unsaid(clauses, point)
        or _misleaning(text, own, clauses, point, taxonomy)
        or _foreign(own, point, lang, taxonomy)
    )


def _is_in(own: str, point: Point, lang: Language) -> bool:
    """Whether a sentence is in a language; names may be in another."""
    labels = {label for fact in point for label in (fact.tag.label.en, fact.tag.label.zh, fact.called)}
    for label in sorted(labels, key=len, reverse=True):
        if bool(HAN.search(label)) != (lang == "zh"):
            own = own.replace(label, "")
    han, latin = len(HAN.findall(own)), len(_LATIN.findall(own))
    return han > latin if lang == "zh" else latin > han


def _repeated(text: str, own: str, point: Point, lang: Language) -> str:
    """The line of a fact that a sentence copies, or the whole sentence where it only lists tags; "" where neither."""
    bare = _NO_WORDS.sub("", text.casefold())
    for fact in point:
        copied = _NO_WORDS.sub("", fact.line.casefold())
        tail = fact.line.partition(fact.much)[1:] if fact.step is not None and fact.titles else ()
        behind = _NO_WORDS.sub("", "".join(tail).casefold())
        if not fact.told and ((fact.much and copied in bare) or (behind and behind in bare)):
            return fact.line
    rest, about = own.casefold(), _SUBJECT.search(own) is not None
    pieces = {piece.casefold() for fact in point for piece in (fact.line, fact.told, *_names(fact))}
    if about:  # "this user has a cat" is a sentence, "this user night owl" is none
        pieces -= {fact.told.casefold() for fact in point}
    for piece in sorted(filter(None, pieces), key=len, reverse=True):
        rest = rest.replace(piece, "")
    return "" if _NO_WORDS.sub("", _MERE.sub("", rest)) else text


def _unnamed(text: str, own: str, point: Point, lang: Language) -> str | None:
    """A title, a name or a number in words that is in none of the facts, or a title as if it were no title."""
    if rated := _OF_TITLE.search(text):
        return f"{rated[0]}: the facts rate a kind of thing, not one of them"
    carried = " ".join([fact.line for fact in point] + [fact.tag.label.en for fact in point]).casefold()
    if (spelt := _SPELT.search(own)) and spelt[0].casefold() not in carried:
        return f"{spelt[0]}: the facts have their numbers in digits"
    for title in _TITLE.findall(text):
        if title.casefold().strip(" ,.") not in carried:
            return f"“{title}” is in none of its facts"
    if lang == "zh":
        names = [name for fact in point for name in _names(fact)]
        for title in {title for fact in point for title in fact.titles if not any(title in name for name in names)}:
            if any(start == 0 or text[start - 1] not in _MARKS for start, _ in _spans(title, text)):
                return f"{title}: a title stands between marks"
    if lang == "en":
        for name in _NAME.findall(own):
            if name.casefold() not in carried and name != "I":
                return f"{name} is in none of its facts"
    return None


def _unsaid(clauses: Sequence[str], point: Point) -> str | None:
    """A number or a strength that the facts it is said of do not carry: those named beside it, else those before."""
    before: list[Fact] = []
    for clause in clauses:
        folded = clause.casefold()
        named = _named_in(folded, point)
        before += named
        if not (amounts := _amounts(clause)):
            continue
        meant = named or before or point
        by_fact = [_amounts(fact.line) for fact in meant]
        common, carried = set.intersection(*by_fact), set.union(*by_fact)
        shared = common if _ALIKE.search(folded) else carried
        for amount in sorted(amounts, key=str):
            if amount not in (common if isinstance(amount, str) and not named else shared):
                return f"{amount if isinstance(amount, str) else f'the number {amount:g}'} is not said of that"
        measured = {measure for fact in named or point for measure in _measures(fact.line)}
        for number, unit in _measures(folded) - measured:
            return f"the facts count no {number:g} {unit}"
        before = []
    return None


def _named_in(clause: str, point: Point) -> list[Fact]:
    """The facts that a clause in small letters names; "psychological thrillers" names no thrillers."""
    found: set[str] = set()
    for name, key in sorted(((name, fact.tag.key) for fact in point for name in _names(fact)), key=_longest):
        if name in clause:
            found.add(key)
            clause = clause.replace(name, "")
    return [fact for fact in point if fact.tag.key in found]


def _longest(named: tuple[str, str]) -> int:
    return -len(named[0])


def _amounts(text: str) -> set[float | str]:
    """Numbers, and words for how far from the own average."""
    strengths = (found[1] or found[2] for found in _STRENGTH.finditer(text.casefold()))
    return {float(number) for number in _NUMBER.findall(text)} | {_SAME_STRENGTH.get(how, how) for how in strengths}


def _measures(text: str) -> set[tuple[float, str]]:
    """Numbers with what they count: stars, or events."""
    units = {"星": "stars", "s": "stars"}
    return {(float(number), units.get(unit[0], "events")) for number, unit in _MEASURE.findall(text)}


def _names(fact: Fact) -> tuple[str, ...]:
    """What a sentence may call it, in small letters."""
    return _small(fact.tag.label.en, fact.tag.label.zh, fact.told)


@lru_cache(8_192)
def _small(en: str, zh: str, told: str) -> tuple[str, ...]:
    return tuple(name.casefold() for name in (en, zh, _BRACKET.split(told)[0].strip()) if name)


def _foreign(own: str, point: Point, lang: Language, taxonomy: Taxonomy) -> str | None:
    """Words that neither the facts say, by any name of their things, nor a portrait may use of its own.

    Those of a title are not the facts' own: who likes a brand with a turntable has not called it one.
    """
    terms = [taxonomy.terms[part] for fact in point for part in fact.tag.key.split("+") if part in taxonomy.terms]
    names = [
        name for term in terms for name in (*term.synonyms, *term.words, *term.names, term.label.en, term.label.zh)
    ]
    kinds = [KINDS.get(part.partition("/")[0], "") for fact in point for part in fact.tag.key.split("+")]
    lines = [_without_titles(fact.line, (fact,)) for fact in point]
    said = " ".join([*names, *lines, *kinds, *(label for fact in point for label in _names(fact))])
    foreign = stray(own, said, lang)
    return f"“{foreign}” is in none of its facts" if foreign else None


def _without(clause: str, cited: Point) -> str:
    """A clause without the names of things: what is low-maintenance is not low."""
    folded = clause.casefold()
    for name in (name for fact in cited if not fact.told for name in _names(fact)):
        folded = folded.replace(name, "")
    return folded


def _without_titles(text: str, cited: Point) -> str:
    """The writer's own words: a title may be in another language, and be that of The Iron Lady."""
    for title in sorted({title for fact in cited for title in fact.titles}, key=len, reverse=True):
        text = text.replace(title, "")
    return text


def _misleaning(text: str, own: str, clauses: Sequence[str], cited: Point, taxonomy: Taxonomy) -> str | None:
    """What a sentence says of a thing that its facts do not, or say the other way round.

    Args:
        own: The sentence without titles, in its `clauses`.
    """
    against = [clause for clause in clauses if turns_against(bare := _without(clause, cited)) or _PASSED.search(bare)]
    return _misplaced(clauses, against, cited) or _turned(text, own, clauses, against, cited, taxonomy)


def _misplaced(clauses: Sequence[str], against: Sequence[str], cited: Point) -> str | None:
    """A clause that speaks well of what is disliked, or ill where all is liked."""
    leanings = {fact.tag.polarity for fact in cited}
    if leanings == {1} and against:
        return f"{against[0].strip()}: it is liked, not the other way round."
    for clause in clauses:
        named = {fact.tag.polarity for fact in _named_in(clause.casefold(), cited)}
        if (named or leanings) == {-1} and clause not in against and _FAVOUR.search(clause):
            return f"{clause.strip()}: it is disliked, not the other way round."
    return None


def _turned(
    text: str, own: str, clauses: Sequence[str], against: Sequence[str], cited: Point, taxonomy: Taxonomy
) -> str | None:
    """A thing of the taxonomy that no fact is about, or that its clause leans the other way on."""
    leaning: dict[str, Polarity] = {}
    for fact in cited:
        for part in fact.tag.key.split("+"):
            leaning[part] = fact.tag.polarity
    mixed = min(leaning.values()) < 0 < max(leaning.values())
    praised = [clause.casefold() for clause in clauses if mixed and _FAVOUR.search(clause)]
    elliptical = bool(against) and not _FAVOUR.search(own)
    habits = [name for fact in cited if fact.told for name in (*_names(fact), fact.told)]
    nouns = [noun for fact in cited for noun in NAMED.get(fact.tag.key.partition("/")[0], ())]
    for title in {title for fact in cited for title in fact.titles}:
        text = text.replace(title, "")
    folded = text.casefold()
    in_names = [span for fact in cited for name in _names(fact) for span in _spans(name, folded)]
    for key, start, end in _mentions(text, taxonomy.mentions):
        if key not in leaning:
            inside = any(left <= start and end <= right for left, right in in_names)
            if (
                inside
                or text[start:end].casefold() in _MEDIA
                or any(text[start:end] in name for name in (*habits, *nouns))
            ):
                continue
            return f"{text[start:end]} is in no cited fact."
        turned = says_against(text, start, end) or (leaning[key] < 0 and elliptical)
        if mixed and leaning[key] > 0 and not any(text[start:end].casefold() in clause for clause in praised):
            turned = True
        if leaning[key] and turned != (leaning[key] < 0):
            return f"{text[start:end]} is {'liked' if leaning[key] > 0 else 'disliked'}, not the other way round."
    return None


@lru_cache(1_024)
def _mentions(text: str, mentions: Matcher) -> tuple[Found, ...]:
    """What is named in a text; "it" is no trade."""
    return tuple(found for found in mentions.find(text) if text[found.start : found.end] not in ("it", "It"))


def _spans(title: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a title stands in a text."""
    start = text.find(title)
    while start >= 0:
        yield start, start + len(title)
        start = text.find(title, start + len(title))
