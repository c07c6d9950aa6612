"""A clause that no rule reads, read by how much it means the same as wordings whose meaning is known.

The wordings stand in `prompts/wordings`, some of what no query can tell among them. Each clause, known or new, is
compared with its name and its time taken out (`agents/likeness.py`), and only a reading that leads the next one clearly
(`LEAD`, `APART`) is taken; whoever asked is told. A clause that hedges ("used to") is not read so, nor one with a word
that no wording has, nor one that denies something where it would mean the same without the denial: a vector hardly sees
a "not". What such a clause, or one in doubt, may have meant is offered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from agents import likeness, phrases
from agents.likeness import Feel, Vectors
from limner.domain import Label, Language
from prompts.wordings import NAME, OTHERS, TIME, Wording, plain, wordings

LEAD, APART = 0.4, 0.5
"""By which a reading must lead the next, and lead what no query can tell: found on the wordings and on one half of the
clauses that only look like them (`limner eval run wordings`, `twisted`)."""
UNSURE_LEAD, UNSURE_APART = 0.5, 0.7
"""The same for a clause that denies something, or has an adverb that no wording has. Read so, each by all others, 4 of
1,175 wordings that deny are read wrong."""
SAME = 2.0
"""Score of a clause that is a wording letter by letter; others score about 1 at the most."""
ALIKE = 0.5
"""Least score of what is offered for a clause that names nothing and has a word that no wording has, maybe a name: 0.62
of the wordings of habits, all with one of their words left out, have it, of 200 wordings with unknown names 0.13."""
LEAST_WORDS = 2
"""Of a clause that is none of the wordings, beside its name: "return {x}" is in more doubt than others, and where
nothing is named ("after") it is read as nothing."""
_WORD = re.compile(r"[\u3400-\u9fff]|[a-z]+(?:['’][a-z]+)?")
_ENDING = re.compile(r"(?<=[a-z]{3})(?:e?s|ing|e?d|ly|['’]s|e)$")
COMMON = 3
"""Wordings that a word must stand in that is also the name of something, to be no name."""
_HOW = re.compile(r"[a-z]{3,}ly|whatsoever")
"""What says how, or how much: of what it says besides, `HEDGES` knows."""
_HELPS_DENY = re.compile(r"\b(?:do|does|did|ca|wo)\b", re.IGNORECASE)
_THIRD = re.compile(
    r"^(?:is|has|does|goes|was|(?:isn|hasn|doesn|wasn)['’]t|[a-z]{2,}(?:ch|sh|ss|x)es|[a-z]{2,}[^s\W]s)(?= )"
)
_PLURAL = {"is": "are", "has": "have", "does": "do", "goes": "go", "was": "were"}
_NUMBER = re.compile(r"\d")
_HANGS_ON_TIME = re.compile(
    r"\b(?:or|and|after\w*|before\w*|since|until|later|earlier|older|newer)\b|[前后]|以[来上下]|或"
)
DENIES = re.compile(
    r"\b(?:not|no|nor|never|without|hardly|rarely|seldom|scarcely|barely|(?<!a )(?:little|few)|cannot|nothing|"
    r"nobody|none|"
    r"less|(?<!at )least|lack(?:s|ing)?|stop(?:s|ped)?(?! (?:by|in)\b))\b|n[’']t\b|"
    r"不(?!少|动)|没(?!少)|[无未]|非(?!常)|(?<![特区级个性类])别(?![人的家])|(?<![不没至多])少",
    re.IGNORECASE,
)
HEDGES = re.compile(
    r"\b(?:used to|would|could|might|may|should|must|shall|will|ought|wish\w*|hop(?:e|es|ed|ing)|intend\w*|"
    r"plan(?:s|ned)? to|expect\w*|promis\w*|want(?:s|ed)? to|pretend\w*|feign\w*|fak(?:e|es|ed|ing)|claim(?:s|ed)? to|"
    r"profess\w*|alleged(?:ly)?|suppos\w*|reported(?:ly)?|apparently|rumou?red|(?:say|said|tell|told)(?= (?:that|"
    r"they|to))|"
    r"admit\w*|formerly|previous(?:ly)?|once(?= \w+ed\b)|except|if|unless|sometimes|occasional\w*|somewhat|slightly|"
    r"(?:mild|part|partial|moderate|reluctant|(?:be)?grudging|accidental|ironic(?:al)?|brief|temporari|joking|"
    r"hypothetical|seeming|purported|ostensib|potential|possib|probab|presumab|theoretical|initial|original|"
    r"(?:un)?willing|inadvertent|indirect|vicarious|polite|professional|former|previous|rare|sole|"
    r"eventual|final|sudden|gradual|increasing|decreasing|apparent|relative|fair|bare|scarce|hard|sarcastical|"
    r"fake|false|unknowing|unintentional|private|public|month|week|year|quarter)ly|"
    r"partners?|spouses?|husbands?|wi(?:fe|ves)|(?:boy|girl)friends?|child(?:ren)?|kids?|sons?|daughters?|parents?|"
    r"mothers?|fathers?|friends?|neighbou?rs?|colleagues?|boss\w*|(?:people|those) who|some(?:body|one))\b|"
    r"曾|以前|从前|过去|当年|年轻时|小时候|儿时|早年|假装|装作|自称|号称|声称|据说|听说|传闻|好像|似乎|看似|看起来|"
    r"也许|或许|"
    r"可能|大概|应该|必须|不得不|如果|(?<!主)要是|假如|想(?=学|要|买|试|有|成|去|喜)|打算|计划|准备|考虑|希望|盼|"
    r"将[会来]|逐渐|渐渐|"
    r"慢慢|越来越|偶尔|有时|有点|有些|稍微|勉强|凑合|差点|家人|家里人|父母|爸|妈|老公|老婆|丈夫|妻子|男友|女友|孩子|"
    r"小孩|儿子|"
    r"女儿|朋友|同事|邻居|的人$",
    re.IGNORECASE,
)
"""What says that something is past, perhaps, pretended, hardly, or somebody else's."""


class Masked(NamedTuple):
    """A clause with its name and its time taken out."""

    text: str
    name: str = ""
    time: str = ""
    unknown: tuple[str, ...] = ()
    """Words left in it that no wording of its kind has: one might be a name that nobody knows."""
    adverb: bool = False
    """Whether it has one that no wording has, and that only says how."""

    def is_like(self, readings: Sequence[Reading]) -> bool:
        """Whether readings are worth being offered."""
        return not self.unknown or bool(self.name) or readings[0].score >= ALIKE

    @property
    def is_short(self) -> bool:
        return len(_words(self.text)) < LEAST_WORDS

    def plainly(self, said: str) -> str:
        """Plain words with them put in again."""
        return said.replace(NAME, self.name).replace(TIME, self.time)


class Reading(NamedTuple):
    means: str
    plain: Label | None
    """Words that rules read, with `NAME` and `TIME`; None where `means` is the key of a habit, or `OTHERS`."""
    score: float


def clear(
    clause: Masked,
    readings: Sequence[Reading],
    holds: Callable[[str], bool],
    undenied: frozenset[str] | None = frozenset(),
) -> Reading | None:
    """The reading that leads clearly; None where none does, or the clause hedges, or has a word that no wording has.

    Args:
        holds: Whether the population has what it means; a reading that it has is preferred to one alike that it has
            not.
        undenied: What a clause that denies something means without the denial: that it does not mean, for a classifier
            hardly sees a "not"; None where nothing is left of it, empty where nothing is denied.
    """
    if readings and readings[0].score == SAME:
        said = [one for one in readings if one.means != OTHERS and holds(one.means)] or [*readings]
        return None if len(said) > 1 or said[0].means == OTHERS else said[0]
    if clause.unknown or HEDGES.search(clause.text) or undenied is None or (clause.is_short and not clause.name):
        return None
    unsure = undenied or clause.adverb or clause.is_short
    lead, apart = (UNSURE_LEAD, UNSURE_APART) if unsure else (LEAD, APART)
    besides = max((one.score for one in readings if one.means == OTHERS), default=-np.inf)
    told = [one for one in readings if one.means != OTHERS]
    if not told:
        return None
    known = [one for one in told if holds(one.means)]
    best = known[0] if known and told[0].score - known[0].score < LEAD else told[0]
    rest = [one.score for one in (known or told) if one is not best]
    if best.means in undenied or best.score - besides < apart:
        return None
    return best if not rest or best.score - rest[0] >= lead else None


def undenied(clause: str) -> str:
    """A clause without what denies something in it."""
    left = DENIES.sub(lambda found: " " if found[0].isascii() else "", clause)
    return " ".join(_HELPS_DENY.sub(" ", left).split()) if left != clause else clause


def hedged(clause: str) -> bool:
    """Whether a clause denies or hedges something."""
    return DENIES.search(clause) is not None or HEDGES.search(clause) is not None


def _folded(text: str) -> str:
    return " ".join(re.sub(r"[^\w{}'’]+", " ", text.casefold()).split())


def _of_many(match: re.Match[str]) -> str:
    """A verb as one says it of many: "goes" is "go"."""
    verb = re.sub("n['’]t$", "", match[0])
    if verb in _PLURAL:
        return _PLURAL[verb] + match[0][len(verb) :]
    return verb[:-2] if re.search("(?:ch|sh|ss|x)es$", verb) else verb[:-1]


def named(text: str, start: int, end: int) -> str:
    """A clause with one of its names taken out, and with it the form that goes with it: "films from", "类商品"."""
    after = phrases.FORM_AFTER.match(text, end)
    before = phrases.FORM_BEFORE.search(text[:start])
    if before is not None and (after is not None or not before[0].startswith(("in ", "from "))):
        start = before.start()
    return f"{text[:start]}{NAME}{text[end if after is None else after.end() :]}"


def _words(text: str) -> dict[str, str]:
    """The words of a text, English ones without their endings, Chinese ones as characters, each with how it is said."""
    bare = text.replace(NAME, " ").replace(TIME, " ").casefold()
    return {_ENDING.sub("", word): word for word in _WORD.findall(bare)}


@cache
def _worded(named: bool) -> Counter[str]:
    """All words of wordings with a name, or without, that a query can tell, and how many have each."""
    told = (one for one in wordings() if one.means != OTHERS and (NAME in one.text) == named)
    return Counter(word for one in told for word in _words(one.text))


def _unknown(left: str, names: Iterable[str]) -> list[str]:
    """Words of a clause that no wording of its kind has, or hardly any and something is called so.

    Args:
        names: What else is named in it.
    """
    worded = _worded(NAME in left)
    called = {word for name in names for word in _words(name)}
    return [said for word, said in _words(left).items() if worded[word] < (COMMON if word in called else 1)]


@cache
def _of_habits() -> str:
    return "\n".join(one.text for one in wordings() if NAME not in one.text and one.means != OTHERS).casefold()


def _in_habits(name: str) -> bool:
    return re.search(rf"(?<![a-z]){re.escape(name.casefold())}(?![a-z])", _of_habits()) is not None


def masks(
    clause: str,
    times: Sequence[re.Pattern[str]],
    names: Callable[[str], Iterable[tuple[int, int]]],
) -> list[Masked]:
    """A clause with its time taken out, and each of the names in it once.

    Args:
        times: What a time looks like, the more particular first.
        names: Where a text names something.

    Returns:
        One with no name taken out only where it names nothing, or what also stands in the wordings of habits ("shop");
        [] where a number is left, or a word that a time hangs on: those are for rules.
    """
    found = next(filter(None, (pattern.search(clause) for pattern in times)), None)
    time = "" if found is None else found[0].strip()
    text = clause if found is None else f"{clause[: found.start()]} {TIME} {clause[found.end() :]}"
    text = _THIRD.sub(_of_many, " ".join(text.split()))
    if _NUMBER.search(text) or (time and _HANGS_ON_TIME.search(text)):
        return []
    spans = [(start, end) for start, end in names(text) if text[start - 1 : end + 1] != TIME]
    taken = [(named(text, start, end), text[start:end]) for start, end in spans]
    whole = [(text, "")] if all(_in_habits(name) for _, name in taken) else []
    made: list[Masked] = []
    for left, name in (*whole, *taken):
        if _words(left):
            unknown = _unknown(left, (other for _, other in taken if NAME in left and other != name))
            how = [word for word in unknown if _HOW.fullmatch(word)]
            made.append(Masked(left, name, time, tuple(word for word in unknown if word not in how), bool(how)))
    return made


class Precedents:
    """Args:
    known: Wordings to go by.
    kept: Makes vectors of these, and may keep them.
    vectors: Makes those of what is asked.
    embedder: Names what makes them.
    """

    def __init__(
        self,
        known: Sequence[Wording],
        kept: Vectors,
        vectors: Vectors,
        feel: Feel,
        embedder: Callable[[], str] = lambda: "",
    ) -> None:
        self._known = known
        self._kept = kept
        self._vectors = vectors
        self._feel = feel
        self._embedder = embedder
        self._same: dict[tuple[Language, str], list[str]] = {}
        for one in known:
            self._same.setdefault((one.language, _folded(one.text)), []).append(one.means)
        self._fitted: dict[tuple[Language, likeness.Shape], likeness.Classifier | None] = {}

    def word_for_word(self, clause: str, language: Language) -> list[Reading]:
        """What a clause means that is one of the wordings; [] where it is none. It costs no vector."""
        return [Reading(means, plain().get(means), SAME) for means in self._same.get((language, _folded(clause)), ())]

    def readings(self, clause: str, language: Language) -> list[Reading]:
        """What a clause with its name and time taken out may mean, the likeliest first; [] where nothing is like it."""
        if known := self.word_for_word(clause, language):
            return known
        asked = Wording(clause, language, "")
        fitted = self._fit(language, asked.shape)
        if fitted is None:
            return []
        return _ranked(fitted.means, fitted.scores(likeness.worded(asked), self._vectors, self._feel))

    def left_out(self) -> Iterator[tuple[Wording, list[Reading]]]:
        """Every known wording with what all the others read it as, the likeliest first."""
        for _, _, alike in likeness.apart(self._known):
            fit = likeness.Fit([*map(likeness.worded, alike)], self._kept, self._feel)
            for one, scores in zip(alike, fit.left_out(), strict=True):
                yield one, _ranked(fit.means, scores)

    def _fit(self, language: Language, shape: likeness.Shape) -> likeness.Classifier | None:
        if (language, shape) not in self._fitted:
            alike = [likeness.worded(one) for one in self._known if (one.language, one.shape) == (language, shape)]
            digest, name = likeness.digest(self._known, self._embedder()), likeness.named(language, shape)
            self._fitted[language, shape] = (
                likeness.kept(likeness.FITTED, digest, name) or likeness.Fit(alike, self._kept, self._feel).classifier()
                if alike
                else None
            )
        return self._fitted[language, shape]


def _ranked(means: Sequence[str], scores: likeness.Floats) -> list[Reading]:
    return [Reading(means[at], plain().get(means[at]), float(scores[at])) for at in map(int, np.argsort(-scores))]
