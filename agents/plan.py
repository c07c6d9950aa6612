"""A question in English or Chinese read into a typed query, by rules and without a model.

A question is taken apart: what is wanted (a list, a number, a comparison), whom it is about, and of that each clause
between "and", "or" and "but not". A clause is a leaning (likes, buys, watches), a number with its unit, a time, and a
name. Whatever of a clause is none of these and no small word must be a name, and a name must mean something: a clause
with anything left over is not read at all (`Unread`), so that nothing is dropped silently.

Beside the rules a question is read by what is learnt from many (`agents/frames.py`), and where that surely reads it
otherwise than rules do, or they do not read it, it decides.

What the owner's glossary defines means what it says there. What has no number of its own otherwise gets a plain one,
which is said with the answer: who buys a thing did so at least
`OFTEN_ENOUGH` times; "mostly" is more than half; "often" and "a lot" are the top quarter of the users, "very" the top
tenth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import NamedTuple

from agents import joined, phrases, tops
from agents.frames import OUTSIDE, Framed, Frames
from agents.precedents import LEAD, Masked, Precedents, Reading, clear, hedged, masks, undenied
from agents.terms import Match, Vocabulary
from agents.when import as_number
from limner.domain import Language
from limner.query import (
    BOUGHT,
    FIRST_YEAR,
    LAST_YEAR,
    LATELY,
    Active,
    All,
    Any,
    Comparison,
    Condition,
    Everyone,
    Measure,
    Measured,
    Not,
    Query,
    Recency,
    Standing,
    Statistic,
    Tagged,
    Want,
)
from prompts.frames import Asks
from prompts.taxonomy.glossary import ACTS, NOTHING, YEARS, Definition, Thing
from prompts.wordings import OTHERS, shown

OFTEN_ENOUGH = 3
"""Deeds that prove a leaning, as in `prompts.taxonomy.Rule`."""
MOSTLY, MUCH, VERY_MUCH = 0.5, 0.25, 0.1
TOP, MOST = 10, 1_000
"""Rows of a ranking, where none are named and at most."""
OFFERED = 3
"""Readings that a clause in doubt may have: the right one is among them in 0.97 of 109 wordings."""
LENGTH = 1_000
"""Characters of a question, at most."""

_HAN = re.compile("[\u3400-\u9fff]")
_ENDS_IN_HAN = re.compile("[\u3400-\u9fff]{1,8}$")
_BEGINS_WITH_HAN = re.compile("[\u3400-\u9fff]{1,8}")
_LISTED = re.compile(r"\s*(?:、|以及|或者?是?)\s*")
"""Between two of what may be one name in Chinese."""
_DATE_ALONE = re.compile(r"\W*(?:到|自|从|在)?\d{4}年(?:\d{1,2}月)?(?:[以之及].{1,3}|底|初|里|期间)?\W*")
_MARKS = " .,!?;:()'’-，。\t"
_GAP = "\x1f"
"""Where something was taken out of a clause: no name stretches over it."""


class Near(NamedTuple):
    """What a clause in doubt may mean."""

    plain: str
    """In words that rules read."""
    clause: str
    """What was said, without its name and time."""
    meaning: str
    """`plain` without them."""
    means: str
    """As in `prompts.wordings.Wording`."""
    unknown: tuple[str, ...] = ()
    """Words of the clause that no wording has: then only whoever asked can say what it means."""


class Unread(Exception):
    """A clause that the rules do not read."""

    def __init__(self, clause: str, unknown: Sequence[str] = (), near: Sequence[Near] = ()) -> None:
        super().__init__(clause)
        self.clause = clause
        self.unknown = tuple(unknown)
        """Words in it that name nothing known."""
        self.near = tuple(near)
        """What it may mean, the likeliest first."""
        self.trouble = ""
        """Why a model that could have settled it was not asked."""


class Plan(NamedTuple):
    query: Query
    matches: tuple[Match, ...]
    """What names were taken for."""
    defined: tuple[Definition, ...] = ()
    """Words that mean what the owner's glossary says."""
    notes: tuple[str, ...] = ()
    """Readings that could have been others: ids of sentences in `agents.wording`."""


def language(question: str) -> Language:
    return "zh" if _HAN.search(question) else "en"


def plan(question: str, vocabulary: Vocabulary, *, meant: bool = False, known: Mapping[str, str] | None = None) -> Plan:
    """The question as a query.

    Args:
        meant: Let what no rule reads and no letters find be found by vectors: a question by its frame, a clause by its
            likeness to others, a name by its meaning.
        known: What somebody else says that clauses in doubt mean; "" where nobody knows.

    Raises:
        Unread: the rules cannot read some part of it.
    """
    asked, lang = " ".join(question.split()), language(question)
    if len(asked) > LENGTH:
        raise Unread("")
    ruled: Plan | Unread
    try:
        ruled = _Reader(vocabulary, lang, meant=meant, known=known or {}).by_rules(asked)
    except Unread as unread:
        ruled = unread
    framed = None
    if meant and vocabulary.frames is not None:
        try:
            framed = _Reader(vocabulary, lang, meant=True, known=known or {}).by_its_frame(asked, vocabulary.frames)
        except Unread as unread:
            ruled = unread if isinstance(ruled, Unread) else ruled
    if framed is not None and (isinstance(ruled, Unread) or not are_same(ruled.query, framed.query)):
        return framed
    if isinstance(ruled, Unread):
        raise ruled
    return ruled


_SAID = {
    "lower": ("rates lower", "dislikes"), "dislikes": ("dislikes",), "mostly": ("mostly",),
    "very much": ("very often",), "much": ("often",), "higher": ("rates higher", "likes"), "likes": ("likes",),
    "once": ("bought",), "buys": ("buys",),
}  # fmt: skip
"""Leanings of a clause, and what the glossary calls them; the first that a clause has decides."""


class _Quantity(NamedTuple):
    compare: Comparison
    value: float
    percent: bool
    unit: str


class _Reader:
    """One reading of one question."""

    def __init__(self, vocabulary: Vocabulary, lang: Language, *, meant: bool, known: Mapping[str, str]) -> None:
        self._vocabulary = vocabulary
        self._known = known
        self._lang: Language = lang
        self._meant = meant
        self._names_meant = False
        self._quoted: list[str] = []
        self._inherited: Callable[[str], Condition] | None = None
        self._opposite: dict[Condition, tuple[set[str], str]] = {}
        """What was read as a liking, with the leaning and the thing that are its opposite."""
        self._now = datetime.now(UTC)
        self.defined: list[Definition] = []
        self.matches: list[Match] = []
        self.notes: list[str] = []

    def by_rules(self, asked: str) -> Plan:
        both = phrases.NOT_BOTH.search(asked)
        if both is not None:
            asked = phrases.EITHER_WORD.sub("", asked[: both.start()] + asked[both.end() :])
        text = self._in_full(self._set_quotes_aside(asked))
        text = self._with_people(joined.in_one(text, self._lang))
        text = self._with_users(text) if self._lang == "en" else text
        query = self._chinese(text) if self._lang == "zh" else self._english(text)
        return self._planned(query if both is None else _of_one(query, both[0]))

    def by_its_frame(self, asked: str, frames: Frames) -> Plan | None:
        """What a question asks whose frame is surely like known ones; None where it is not.

        Raises:
            Unread: the frame is known, but what a clause in it means is in doubt.
        """
        for framed in frames.read(self._with_people(self._in_full(asked)), self._lang):
            self.defined, self.matches, self.notes = [], [], ["by its frame"]
            self._inherited = None
            is_sure = self._is_sure(framed, frames)
            try:
                groups = [self._group(self._set_quotes_aside(clause)) for clause in framed.clauses]
            except Unread as unread:
                if is_sure and unread.near:
                    raise
                if is_sure:
                    return None
            else:
                return self._planned(asked_of(framed.asks, groups)) if is_sure else None
        return None

    def _is_sure(self, framed: Framed, frames: Frames) -> bool:
        """Whether nothing else is asked in the rest of a question: it names nothing, the owner's words included, and
        cuts no name in two."""
        left = framed.left
        if not framed.is_sure:
            return False
        if len(framed.clauses) == 2 and self._is_one_name(framed.clauses[0], left.split(OUTSIDE)[1], framed.clauses[1]):
            return False
        own = any(phrase in left for phrase in self._vocabulary.taxonomy.glossary.phrases)
        names = (left[start:end] for start, end in self._names_of(left))
        return not own and all(frames.says(name, self._lang) for name in names)

    def _planned(self, asked: Query) -> Plan:
        return Plan(
            asked,
            matches=tuple(dict.fromkeys(self.matches)),
            defined=tuple({one.name: one for one in self.defined}.values()),
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def _in_full(self, text: str) -> str:
        """A text with what is short in it as it is said in full, and its months in numbers."""
        for pattern, said in phrases.SHORT:
            text = pattern.sub(said, text)
        return phrases.MONTHS.sub(_in_numbers, text)

    def _with_people(self, text: str) -> str:
        """The text with "users who are" before what the owner calls a group of them: "How many VIPs are there?"."""
        for phrase in (*self._vocabulary.taxonomy.glossary.phrases, *self._called_zh(text)):
            said = re.escape(phrase)
            if _HAN.search(phrase):
                text = re.sub(rf"(?<=多少|哪些|几个|几位){said}(?=(\w)?)", _people_zh, text)
                text = re.sub(rf"^{said}(?=有哪些|有谁|都有谁|有多少|有几|占)", rf"是{phrase}的用户", text)
                text = re.sub(rf"的{said}(?=有哪些|有谁|都有谁|是谁|有多少|有几|$|？)", rf"且是{phrase}的用户", text)
            else:
                text = re.sub(rf"\b({said}s?)\s+(?:who|that|which)\b", r"\g<1> and", text, flags=re.IGNORECASE)
                head = rf"^({phrases.COUNTED}(?:(?:all|the|our|of)\s+)*)({said}s?)\b(?:\s+{phrases.DOES})?"
                text = re.sub(head, _people, text, flags=re.IGNORECASE)
        return text

    def _as_people(self, who: str) -> str | None:
        """Who is called so by a tag, as users who are that; None where no tag calls them so."""
        if self._lang == "zh":
            term = self._vocabulary.taxonomy.resolve(who)
            is_claim = term is not None and self._vocabulary.is_claim(term.key)
            return f"是{who}的用户" if is_claim else None
        people = self._with_users(who)
        return people if people != who else None

    def _called_zh(self, text: str) -> list[str]:
        """What tags call those who have them, as a Chinese question does: 夜猫子, 新用户."""
        if self._lang != "zh":
            return []
        found = self._vocabulary.taxonomy.mentions.find(text)
        return [text[one.start : one.end] for one in found if self._vocabulary.is_claim(one.key)]

    def _with_users(self, text: str) -> str:
        """The text with "users who are" before what a tag calls them: "Find night owls who …", "new users"."""
        if (head := phrases.BEFORE_A_SORT.match(text)) is None:
            return text
        words = list(re.finditer(r"[\w'’-]+", text[head.end() :]))[:4]
        taxonomy = self._vocabulary.taxonomy
        for size in range(min(3, len(words)), 0, -1):
            sort, rest = text[head.end() :][: words[size - 1].end()], text[head.end() + words[size - 1].end() :]
            called = phrases.CALLED.match(rest)
            term = taxonomy.resolve(sort)
            if term is None and called is not None and (term := taxonomy.resolve(f"{sort} user")) is not None:
                sort = term.label.en
            if term is None or not self._vocabulary.is_claim(term.key):
                continue
            if called is None and not sort.lower().endswith("s"):
                return text  # "which parent …" asks for no group
            rest = rest[called.end() :] if called is not None else rest
            more = phrases.WHO_ELSE.sub("", rest)
            if not more.strip(" ?.!") or phrases.THERE_ARE.match(more):
                return f"{head[0]}users who are {sort}{more}"
            join = "also" if phrases.SHARE.search(head[0]) else "and"
            return f"{head[0]}users who are {sort} {join} {more.strip()}"
        return text

    def _set_quotes_aside(self, text: str) -> str:
        """The text with every quoted name as one character of the private area, which nothing takes apart."""

        def aside(match: re.Match[str]) -> str:
            self._quoted.append(match[1])
            return chr(0xE000 + len(self._quoted) - 1)

        return phrases.QUOTED.sub(aside, text)

    def _with_quotes(self, text: str) -> str:
        return "".join(
            self._quoted[ord(sign) - 0xE000] if 0 <= ord(sign) - 0xE000 < len(self._quoted) else sign for sign in text
        )

    # --- heads ---

    def _english(self, text: str) -> Query:
        if found := phrases.APART.match(text):
            rest = found["b"] or found["b2"]
            against = None if rest is None or phrases.REST.match(rest) else self._group(rest)
            return Query(want="apart", where=self._group(found["a"] or found["a2"] or found["a3"]), against=against)
        if found := phrases.COMPARE.match(text):
            by = None if found["by"] is None else self._by(found["by"])
            against = None if phrases.REST.match(found["b"]) else self._group(found["b"])
            return Query(want="compare", where=self._group(found["a"]), against=against, by=by)
        if (ranked := self._by_numbers(text)) is not None:
            return ranked
        for want, head in phrases.HEADS:
            if found := head.match(text):
                body = text[found.end() :]
                if want == "share" and (two := phrases.OF_WHOM.match(body)):
                    return self._share_of(two["a"], two["b"])
                everyone = re.search(r"\b(?:everyone|everybody|all|users|people|there)\b", found[0], re.IGNORECASE)
                try:
                    return Query(want=want, where=self._group(body, everyone=everyone is not None and want != "list"))
                except Unread:
                    if (headed := _headed(text)) is None or headed[1] == body:
                        raise
                    break
        if (headed := _headed(text)) is None:
            raise Unread("")
        want, body = headed
        if want == "share" and (two := phrases.OF_WHOM.match(body)):
            return self._share_of(two["a"], two["b"])
        return Query(want=want, where=self._group(body, everyone=want != "list"))

    def _chinese(self, text: str) -> Query:
        if found := phrases.ZH_APART.match(text):
            rest = found["b"]
            against = None if rest is None or phrases.ZH_REST.match(rest) else self._group(rest)
            return Query(want="apart", where=self._group(found["a"] or found["a2"]), against=against)
        if found := phrases.ZH_COMPARE.match(text):
            by = None if found["by"] is None else self._by(found["by"])
            against = None if phrases.ZH_REST.match(found["b"]) else self._group(found["b"])
            return Query(want="compare", where=self._group(found["a"]), against=against, by=by)
        if (ranked := self._by_numbers(text)) is not None:
            return ranked
        if found := phrases.ZH_BESIDES.match(text):
            read = self._chinese(found["a"])
            return read.model_copy(update={"where": _all(read.where, Not(of=self._group(found["b"])))})
        if found := phrases.ZH_OF_WHOM.match(text):
            return self._share_of(found["a"] or found["a2"], found["b"] or found["b2"])
        if (headed := _headed_zh(text)) is not None:
            try:
                return Query(want=headed[0], where=self._group(headed[1], everyone=headed[0] != "list"))
            except Unread:
                if not any(head.match(text) for _, head in phrases.ZH_HEADS):
                    raise
        for want, head in phrases.ZH_HEADS:
            if found := head.match(text):
                return Query(want=want, where=self._group(found["a"], everyone=want != "list"))
        raise Unread("")

    def _by_numbers(self, text: str) -> Query | None:
        """A question after who, or what, is ahead, or after an average; None where it is none."""
        is_zh = self._lang == "zh"
        if found := (phrases.ZH_MORE_THAN if is_zh else phrases.MORE_THAN).match(text):
            return self._more_than(found)
        if (top := tops.read(text, self._lang, self._as_people)) is not None:
            return self._top_tags(top)
        if found := (phrases.ZH_AVERAGE if is_zh else phrases.AVERAGE).match(text):
            by = next(filter(None, map(self._ranked_by, _averaged(found))), None)
            if by is not None:
                return self._average(by, found["a"] or (None if is_zh else found["a2"]))
        if found := (phrases.ZH_TOP_USERS if is_zh else phrases.TOP_USERS).match(text):
            by, lowest = self._ranked_by(found["by"]), phrases.LOWEST.search(found["by"]) is not None
            if by is not None:
                return Query(want="top users", where=Everyone(), by=by, most=self._most(found["n"]), lowest=lowest)
        return None

    def _share_of(self, whom: str, what: str) -> Query:
        if phrases.ALL_OF_THEM.fullmatch(whom.strip(" ，,")):
            return Query(want="share", where=self._group(what))
        group = self._group(whom)
        return Query(want="share", where=_all(group, self._group(what)), against=group)

    def _top_tags(self, top: tops.Top) -> Query:
        return Query(
            want="top tags",
            where=Everyone() if top.group is None else self._group(top.group, everyone=True),
            facet=top.sort.facet,
            groups=top.sort.groups,
            leaning=top.leaning,
            most=self._most(top.most),
            lowest=top.lowest,
        )

    def _more_than(self, found: re.Match[str]) -> Query:
        """Two groups compared by a number."""
        by = next(statistic for pattern, statistic in phrases.AHEAD if pattern.search(found["by"]))
        rest = phrases.REST if self._lang == "en" else phrases.ZH_REST
        against = None if rest.match(found["b"]) else self._group_called(found["b"])
        return Query(want="compare", where=self._group_called(found["a"]), against=against, by=by)

    def _group_called(self, group: str) -> Condition:
        """A group that is told as people who do something, or by the name of a tag."""
        people = group if phrases.GROUP_OF_THEM.match(group) and self._lang == "en" else self._as_people(group)
        if people is None and self._lang == "en":
            raise Unread("", [group])
        return self._group(people or group)

    def _average(self, by: Statistic, group: str | None) -> Query:
        if group is None or phrases.EACH_OF_THEM.fullmatch(group.strip()):
            return Query(want="average", where=Everyone(), by=by)
        return Query(want="average", where=self._group_called(group), by=by)

    def _most(self, said: str | int | None) -> int:
        """Rows of a ranking."""
        most = int(said or TOP)
        if not 1 <= most <= MOST:
            self.notes.append("a ranking is cut")
        return min(max(most, 1), MOST)

    def _by(self, words: str) -> Statistic:
        if (by := self._ranked_by(words)) is None:
            raise Unread("", [words])
        return by

    def _ranked_by(self, words: str) -> Statistic | None:
        """The number users are ranked by; None where the words ask something else as well."""
        for pattern, statistic in phrases.BY:
            if pattern.search(words):
                left = phrases.SMALL.sub(" ", pattern.sub(" ", words))
                left = re.sub(
                    r"\b(?:highest|lowest|fewest|top|gave|written|wrote|total|number|count|amount)\b|数量|次数|活跃|最|多|高|少|低|大",
                    " ",
                    left,
                )
                return statistic if not left.strip() else None
        return None

    # --- groups ---

    def _group(self, body: str, *, everyone: bool = False) -> Condition:
        """The condition that a body of words sets."""
        body = phrases.TAKEN_ASIDE.sub(r", \1", body.strip(" ?.!？。！，,"))
        if self._lang == "en":
            body = re.sub(
                rf"^(?:the\s+|all\s+)*{phrases.PEOPLE}{phrases.WHO}\s*|^(?:who|that)\s+", "", body, flags=re.IGNORECASE
            )
            body = re.sub(
                r"^(?:are|is) there\s*|\s+(?:(?:are|is) there|(?:do|have) we (?:have|got))$",
                "",
                body,
                flags=re.IGNORECASE,
            )
        else:
            body = phrases.ZH_TRIM.sub("", body)
        if not body.strip():
            if everyone:
                return Everyone()
            raise Unread("")
        return self._expression(body)

    def _expression(self, body: str) -> Condition:
        english = self._lang == "en"
        body = phrases.AS_WELL.sub("", body) if english else phrases.ZH_BOTH.sub("", body)
        if (habit := self._habit(body)) is not None:
            return habit
        if self._meant and (read := self._by_likeness(body, word_for_word=True)[0]) is not None:
            return read
        if not english and (found := phrases.ZH_BESIDES.match(body)):
            kept = self._expression(found["a"]) if phrases.ZH_TRIM.sub("", found["a"]) else Everyone()
            return _all(kept, Not(of=self._expression(found["b"])))
        if not english and (found := phrases.ZH_TAKEN_OUT.search(body)) and body[: found.start()].strip():
            out = self._expression(found["b"] or found["b2"])
            return _all(self._expression(body[: found.start()]), Not(of=out))
        if not english and (found := phrases.ZH_AMONG.match(body)):
            body = f"{found['a']}，{found['b']}"
        if english and (found := phrases.TAKEN_OUT.search(body)) and body[: found.start()].strip():
            return _all(self._expression(body[: found.start()]), Not(of=self._expression(found["b"])))
        for excluding in (phrases.EXCEPT, phrases.BUT_NOT) if english else (phrases.ZH_EXCEPT, phrases.ZH_BUT_NOT):
            if (found := excluding.search(body)) and body[found.end() :].strip():
                before = body[: found.start()]
                kept = self._expression(before) if before.strip() else Everyone()
                if not before.strip() and excluding is phrases.BUT_NOT:
                    continue
                return _all(kept, Not(of=self._expression(body[found.end() :])))
        for joiner, join in (
            ((phrases.OR, _any), (phrases.AND, _all)) if english else ((phrases.ZH_OR, _any), (phrases.ZH_AND, _all))
        ):
            pieces = self._pieces(body, joiner)
            if join is _any and len(pieces) > 1 and self._goes_on(pieces[1]):
                continue
            if len(pieces) > 1:
                return join(*(self._expression(piece) for piece in pieces))
        return self.clause(body)

    def _goes_on(self, piece: str) -> bool:
        """Whether what follows an "or" is a bare name, and then another clause: "buy beer or ale and like horror"."""
        name, *more = self._pieces(piece, phrases.AND if self._lang == "en" else phrases.ZH_AND)
        return bool(more) and not self._leans(name) and self._vocabulary.thing(name.strip()) is not None

    def _pieces(self, body: str, joiner: re.Pattern[str]) -> list[str]:
        """The parts of a body between words like "and", where it is not a name, or a number, that holds the word."""
        for found in joiner.finditer(body):
            left, right = body[: found.start()], body[found.end() :]
            if (
                phrases.EITHER.sub("", f"{left} ").strip()
                and right.strip()
                and not self._is_one_name(left, found[0], right)
            ):
                return [left, right]
        return [body]

    def _is_one_name(self, left: str, between: str, right: str) -> bool:
        """Whether the word between stands inside a name ("rock and roll") or a quantity ("5 or more")."""
        if (
            self._lang == "en"
            and re.search(r"\d\s*$", left)
            and re.match(r"(?:more|less|fewer|above|up|higher|lower|later|below)\b", right)
        ):
            return True
        if re.search(r"\d(?:\s|$|-\d+|年)", left) and phrases.LATER.match(right):
            return True
        if re.search(r"\b(?:on|in|from)$", left, re.IGNORECASE) and re.match(
            r"(?:after|since)\b", right, re.IGNORECASE
        ):
            return True
        if self._lang == "en" and re.search(r"\b(?:again|time)$", left) and re.match(r"again\b", right):
            return True
        if self._lang == "zh" and (
            re.match(r"以[上下后前]|之[后前]", right)
            or (re.match(r"(?:至少|不少于|均分比)", right) and phrases.QUANTITY.search(left))
        ):
            return True
        if phrases.DAY.search(left) and phrases.DAY.match(right):
            return True
        if self._lang == "zh" and _DATE_ALONE.fullmatch(left):
            return True
        if self._lang == "zh" and not _LISTED.fullmatch(between):
            return False
        gap = "" if self._lang == "zh" else " "
        for before, after in _around(left, right, self._lang):
            name = f"{before}{gap}{between.strip()}{gap}{after}"
            if (one := self._vocabulary.is_one(name, before, after)) is not None:
                if one:
                    self._note_one(name, before, after)
                    return True
                continue
            match = None if self._lang == "zh" else self._vocabulary.thing(name)
            if match is not None and (
                match.how == "name"
                or (match.how == "words" and len(match.keys) == 1 and len(before.split()) + len(after.split()) > 2)
            ):
                return True
        return False

    def _note_one(self, name: str, *halves: str) -> None:
        """Say that a name was not taken for two, where it could have been."""
        one = self._vocabulary.thing(name)
        two = [self._vocabulary.thing(half) for half in halves]
        if one is not None and all(half and half.held and {*half.keys} - {*one.keys} for half in two):
            self.notes.append("one name, not two")

    # --- clauses ---

    def clause(self, words: str) -> Condition:
        """The condition that one clause sets.

        Raises:
            Unread: something in it is neither known nor small.
        """
        words = phrases.AS_WELL.sub("", phrases.EITHER.sub("", words.strip(" ?.!？。！，,")))
        if self._lang == "zh":
            words = phrases.ZH_TRIM.sub("", words)
        if (aside := phrases.PARENTHESIS.search(words)) is not None:
            inside = aside[1]
            said = (
                any(pattern.search(inside) for _, pattern in phrases.LEANINGS)
                or phrases.QUANTITY.search(inside) is not None
            )
            outside = phrases.PARENTHESIS.sub("", words)
            if not said:
                return self.clause(outside)
            try:
                return self.clause(inside)
            except Unread:
                return self.clause(phrases.PARENTHESIS.sub(r" \1 ", words))
        if (habit := self._habit(words)) is not None:
            return habit
        negated = (phrases.NEGATED if self._lang == "en" else phrases.ZH_NEGATED).match(words)
        if negated is not None and self._meant and (read := self._by_likeness(words)[0]) is not None:
            return read
        if negated is not None and not re.match(r"\s*not (?:fans?|into)", words, re.IGNORECASE):
            rest = words[negated.end() :]
            before = len(self.defined)
            inner = self._habit(rest) or self._positive(rest)
            if (opposite := self._opposite.get(inner)) is not None:
                self.notes.append("not liking is disliking")
                del self.defined[before:]
                return self._leant(*opposite)
            if isinstance(inner, Tagged) and inner.polarity == 1:
                self.notes.append("not liking is disliking")
                return inner.model_copy(update={"polarity": -1})
            return Not(of=inner)
        return self._positive(words)

    def _positive(self, words: str) -> Condition:
        try:
            return self._told(words)
        except Unread as unread:
            said = self._with_quotes(words).strip()
            match = None
            near: tuple[Near, ...] = ()
            if self._meant:
                read, near = self._by_likeness(words)
                if read is not None:
                    return read
                told = self._leans(said) - {"takes"} or not any(self._names_of(words))
                if told and (read := self._with_meant_names(words)) is not None:
                    return read
                match = None if leans_to_a_thing(said) or hedged(said) else self._vocabulary.habit(said)
            if match is None:
                raise Unread(said, unread.unknown, near) from None
            self.matches.append(match)
            return self._claimed(*match.keys)

    def _with_meant_names(self, words: str) -> Condition | None:
        """What a clause means where its name is found by its vector; None where it is not."""
        self._names_meant = True
        try:
            return self._told(words)
        except Unread:
            return None
        finally:
            self._names_meant = False

    def _by_likeness(self, words: str, *, word_for_word: bool = False) -> tuple[Condition | None, tuple[Near, ...]]:
        """What a clause means that is like wordings whose meaning is known, where one leads; else what it may mean.

        Args:
            word_for_word: Only where it is one of them.
        """
        precedents = self._vocabulary.precedents
        if precedents is None:
            return None, ()
        read_as = precedents.word_for_word if word_for_word else precedents.readings
        found = [
            (readings, masked)
            for masked in masks(words.strip(), phrases.TIMES, self._names_of)
            if (readings := read_as(masked.text, self._lang)) and masked.is_like(readings)
        ]
        if not found:
            return None, ()
        readings, masked = max(found, key=lambda one: (not one[1].unknown, one[0][0].score))
        near = {one.means: self._near(one, masked) for one in readings if one.means != OTHERS}
        offered = tuple(one._replace(plain=self._with_quotes(one.plain)) for one in [*near.values()][:OFFERED])
        settled = self._known.get(offered[0].clause) if offered else None
        chosen = clear(
            masked, self._differing(readings, near), self._vocabulary.holds, self._undenied(masked, precedents)
        )
        means = settled if chosen is None else chosen.means
        plain = near[means].plain if means in near else ""
        read = self._said_plainly(plain) if plain else None
        if read is not None and plain != words.strip():
            self.notes.append("by likeness" if chosen is not None else "model")
        return read, offered

    def _differing(self, readings: Sequence[Reading], near: Mapping[str, Near]) -> list[Reading]:
        """The readings without those that lie near to the first and ask the same of the data: that is no doubt."""
        first, *rest = readings
        doubted = [one for one in rest if one.means in near and first.score - one.score < LEAD]
        if first.means not in near or not doubted:
            return [*readings]
        asked = self._apart(near[first.means].plain)
        same = {one.means for one in doubted if asked is not None and self._apart(near[one.means].plain) == asked}
        return [one for one in readings if one.means not in same]

    def _undenied(self, masked: Masked, precedents: Precedents) -> frozenset[str] | None:
        """What a clause would mean without its denial, as `clear` wants it."""
        if (text := undenied(masked.text)) == masked.text:
            return frozenset()
        readings = (
            [one for one in precedents.readings(text, self._lang) if one.means != OTHERS][:OFFERED] if text else []
        )
        if not readings:
            return None
        first = self._apart(self._near(readings[0], masked).plain)
        same = (one.means for one in readings[1:] if self._apart(self._near(one, masked).plain) == first)
        return frozenset({readings[0].means, *same})

    def _apart(self, said: str) -> Condition | None:
        """What plain words mean, without a trace of their having been read."""
        before = [*self.defined], [*self.matches], [*self.notes], self._inherited
        try:
            return self._said_plainly(said)
        finally:
            self.defined, self.matches, self.notes, self._inherited = before

    def _said_plainly(self, said: str) -> Condition | None:
        try:
            return self._habit(said) or self._told(said)
        except Unread:
            return None

    def _names_of(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a clause names things, quoted or not; "films" is none."""
        quoted = [(at, at + 1) for at, sign in enumerate(text) if 0 <= ord(sign) - 0xE000 < len(self._quoted)]
        for start, end in quoted or self._vocabulary.named_in(text):
            said = text[start:end]
            if quoted or not (phrases.ITEMS.fullmatch(said) or phrases.WORDS_OF_HABITS.fullmatch(said)):
                yield start, end

    def _near(self, reading: Reading, masked: Masked) -> Near:
        label = self._vocabulary.label(reading.means) if reading.plain is None else reading.plain
        said = label.zh if self._lang == "zh" else label.en
        clause, meaning = shown(masked.text, self._lang), shown(said, self._lang)
        return Near(masked.plainly(said), clause, meaning, reading.means, masked.unknown)

    def _told(self, words: str) -> Condition:
        if (unreal := phrases.UNREAL.search(words)) is not None:
            raise Unread(words, [unreal[0].strip()])
        for reading in (self._lately, self._of_tags_then, self._quantified, self._dated, self._leaning):
            if (read := reading(words)) is not None:
                return read
        if self._inherited is not None:
            return self._inherited(words)
        raise Unread(words, [words.strip()])

    def _habit(self, words: str) -> Condition | None:
        """A clause that as a whole names a habit or a fact: "are night owls", "shop at weekends"."""
        plain = re.sub(
            r"^(?:(?:are|is|be|have|has|do|does|tend to be|being)\s+|是)", "", words.strip(), flags=re.IGNORECASE
        )
        third = re.sub(r"^\w+", r"\g<0>s", plain)
        forms = dict.fromkeys((words.strip(), plain, re.sub(r"^(?:a|an|the)\s+", "", plain), third))
        for said in forms:
            if (own := self._vocabulary.taxonomy.glossary.phrase(self._with_quotes(said))) is not None:
                return self._means(own, NOTHING)
        for said in forms:
            term = self._vocabulary.taxonomy.resolve(self._with_quotes(said))
            if term is not None and self._vocabulary.is_claim(term.key):
                match = self._vocabulary.thing(term.key)
                assert match is not None
                self.matches.append(match._replace(said=said))
                return self._claimed(term.key)
        for key, parts in () if phrases.UNREAL.search(words) else phrases.HABITS:
            if self._is_said_in_parts(words, parts):
                match = self._vocabulary.thing(key)
                assert match is not None
                self.matches.append(match._replace(said=self._with_quotes(words.strip()), how="words"))
                return self._claimed(key)
        return None

    def _is_said_in_parts(self, words: str, parts: Sequence[re.Pattern[str]]) -> bool:
        """Whether a clause says each part of a habit, and nothing else but small words."""
        for part in parts:
            if part.search(words) is None:
                return False
            words = part.sub(" ", words)
        return not phrases.SMALL.sub(" ", phrases.SMALL_OF_HABITS.sub(" ", words)).replace(_GAP, " ").strip(" %-")

    def _claimed(self, *keys: str) -> Condition:
        """Who has a habit, by its tag or by what the owner means by it; how lately they came is counted when asked."""
        if (state := phrases.RECENCY.get(keys[0])) is not None and len(keys) == 1:
            self.matches = [match for match in self.matches if keys[0] not in match.keys]
            return Recency(state=state)
        own = self._vocabulary.taxonomy.glossary.tag(keys[0]) if len(keys) == 1 else None
        return Tagged(keys=keys) if own is None else self._means(own, NOTHING)

    def _means(self, own: Definition, thing: Thing) -> Condition:
        self.defined.append(own)
        return own.condition(thing, self._now)

    def _defined(self, lean: set[str], about: tuple[str, ...], thing: Thing) -> Condition | None:
        """What the owner means by a leaning; None where the glossary does not say."""
        first = next((name for name in _SAID if name in lean), None)
        for name in () if first is None else _SAID[first]:
            if (own := self._vocabulary.taxonomy.glossary.leaning(name, about)) is not None:
                return self._means(own, thing)
        return None

    def _leant(self, lean: set[str], key: str) -> Condition:
        """The condition that users stand to a thing in these ways."""
        if self._vocabulary.is_claim(key):
            if "dislikes" in lean:
                raise Unread(key)
            return self._claimed(key)
        acts = BOUGHT if "buys" in lean else ()
        made = self._defined(lean, self._vocabulary.about(key), Thing(key, acts=acts)) or leant(lean, key)
        if lean & {"likes", "higher"}:
            self._opposite[made] = {"lower" if "higher" in lean else "dislikes"}, key
        return made

    def _of_tags_then(self, words: str) -> Condition | None:
        """A clause as of an earlier day."""
        if (then := phrases.AS_OF.search(words)) is None:
            return None
        day = _moment(then["a"] or then["b"])
        inner = self.clause(words[: then.start()] + words[then.end() :])
        if not isinstance(inner, Tagged):
            raise Unread(words)
        return inner.model_copy(update={"at": day})

    def _quantified(self, words: str) -> Condition | None:
        """A clause with a number that is no date."""
        span = _span(words)
        undated = words if span is None else span[2]
        found = [
            match for match in phrases.QUANTITY.finditer(undated) if not re.fullmatch(r"[12]\d{3}", match[0].strip())
        ]
        if not found:
            return None
        years = _years(words)
        if years is None and span is not None:  # a number of what was done in a time is not kept
            raise Unread(words, [words.strip()])
        rest = phrases.QUANTITY.sub(_GAP, undated)
        rest = rest if years is None else phrases.ITEMS.sub(" ", rest)
        numbers = [_quantity(match) for match in found]
        shares = [one for one in numbers if one.percent]
        stars = [one for one in numbers if one.unit in {"star", "stars", "星"}]
        counts = [one for one in numbers if one not in shares and one not in stars]
        if len(shares) + len(stars) > 1 or len(counts) > 1:
            raise Unread(words, [words.strip()])
        count = counts[0] if counts else None
        if shares:
            return self._share(rest, shares[0], count, years)
        if stars and phrases.OWN.search(undated):
            return self._lift(rest, undated, stars[0], count)
        if phrases.RATINGS.search(undated) or (stars and phrases.MEAN.search(undated)):
            return self._stars(rest, stars[0] if stars else None, count)
        if stars or count is None:
            raise Unread(words, [words.strip()])
        if phrases.MONEY.search(undated):
            return self._spent(rest, undated, count)
        return self._counted(rest, undated, count, years)

    def _share(self, rest: str, share: _Quantity, count: _Quantity | None, years: tuple[int, int] | None) -> Condition:
        """A part of all that users did, and how often at least."""

        def made(of: Statistic) -> Condition:
            parts: list[Condition] = [_beyond(of, share._replace(value=share.value / 100))]
            if count is not None:
                parts.append(_beyond(of.model_copy(update={"measure": "events"}), count))
            return _all(*parts)

        if years is not None:
            self._nothing_left(rest)
            return made(Statistic(measure="share", years=years))
        return self._about(rest, lambda key: made(Statistic(measure="share", key=key)), phrases.DOING)

    def _lift(self, rest: str, undated: str, star: _Quantity, count: _Quantity | None) -> Condition:
        """Stars above or below the own mean."""
        below = "lower" in self._leans(rest) or phrases.LOWER.search(undated) is not None
        value, compare = (-star.value, phrases.MIRRORED[star.compare]) if below else (star.value, star.compare)

        def made(key: str) -> Condition:
            of = Statistic(measure="lift", key=key)
            return Measured(of=of, compare=compare, value=value, rated=_least(count))

        return self._about(rest, made, phrases.DOING)

    def _stars(self, rest: str, star: _Quantity | None, count: _Quantity | None) -> Condition:
        """A mean of all ratings."""
        one = star or count
        assert one is not None
        self._nothing_left(phrases.RATINGS.sub(" ", phrases.MEAN.sub(" ", rest)))
        rated = 0 if star is None else _least(count)
        return Measured(of=Statistic(measure="stars"), compare=one.compare, value=one.value, rated=rated)

    def _spent(self, rest: str, undated: str, money: _Quantity) -> Condition:
        """Money paid, altogether or a purchase."""
        measure: Measure = "basket" if phrases.A_TIME.search(undated) else "spend"
        left = phrases.MEAN.sub(" ", phrases.MONEY.sub(" ", phrases.A_TIME.sub(" ", rest)))
        left = re.sub(r"购物|购买|\b(?:purchases?|money|total)\b", " ", left)

        def made(key: str) -> Condition:
            return _beyond(Statistic(measure=measure, acts=BOUGHT, key=key), money)

        return self._about(left, made, phrases.DOING) if self._left(left) else made("")

    def _counted(self, rest: str, undated: str, count: _Quantity, years: tuple[int, int] | None) -> Condition | None:
        """A number of days, tags, or events."""
        if count.unit.startswith("day") or count.unit == "天":
            self._nothing_left(phrases.ACTIVE.sub(" ", rest))
            return _beyond(Statistic(measure="days"), count)
        if count.unit.startswith("tag") or count.unit.endswith("标签"):
            self._nothing_left(rest)
            return _beyond(Statistic(measure="tags"), count)
        acts = next((acts for pattern, acts in phrases.NOUNS if pattern.search(undated)), ())
        for pattern, _ in phrases.NOUNS:
            rest = pattern.sub(" ", rest)
        if years is not None:
            self._nothing_left(rest)
            return _beyond(Statistic(measure="events", acts=acts, years=years), count)
        if self._left(rest):
            return self._about(
                rest, lambda key: _beyond(Statistic(measure="events", acts=acts, key=key), count), phrases.DOING
            )
        return _beyond(Statistic(measure="events", acts=acts), count) if acts or count.unit else None

    def _lately(self, words: str) -> Condition | None:
        """A clause about who was active within a time before the newest event of all."""
        lately = phrases.LATELY.search(words)
        if lately is None or not phrases.ACTIVE.search(words):
            return None
        rest = words[: lately.start()] + " " + words[lately.end() :]
        left = phrases.NOT_THERE.sub(" ", rest, count=1)
        self._nothing_left(phrases.ACTIVE.sub(" ", left), items=True)
        return Active(days=_days(lately)) if left == rest else Not(of=Active(days=_days(lately)))

    def _dated(self, words: str) -> Condition | None:
        """A clause about when somebody was active, or about the years that items are from."""
        span = _span(words)
        if span is None:
            return None
        since, until, rest = span
        if phrases.ACTIVE.search(words):
            self._nothing_left(phrases.ACTIVE.sub(" ", rest), items=True)
            return Active(since=since, until=until)
        if phrases.ITEMS.search(words) or re.search(r"\b(?:released|made|from)\b|上映|出版", words):
            lean = self._leans(rest)
            if lean & {"dislikes", "lower"}:
                raise Unread(words, [words.strip()])
            if "likes" in lean:  # who likes films of a time watches many
                lean |= {"much"}
            self._nothing_left(re.sub(r"上映|出版|影", " ", phrases.ITEMS.sub(" ", rest)))
            first = FIRST_YEAR if since is None else since.year
            last = LAST_YEAR if until is None else until.year - (until.month == until.day == 1)
            years = (first, last)
            return self._defined(lean, (YEARS,), Thing(years=years)) or _weighed(
                lean, Statistic(measure="share", years=years), Statistic(measure="events", years=years)
            )
        if since is not None and until is None:
            inner = self._positive(rest)
            if isinstance(inner, Tagged):
                return inner.model_copy(update={"since": since})
        return None

    def _leaning(self, words: str) -> Condition | None:
        """A clause that says how somebody stands to a thing, or how much they do."""
        lean = self._leans(words)
        if self._inherited is not None and not self._leans(phrases.REGULARLY.sub(" ", words)):
            lean = set()
        acts = next((acts for pattern, acts in phrases.NOUNS if pattern.search(words)), ())
        if {"much", "very much"} & lean or re.search(r"\bthan most\b|\bheaviest\b", words, re.IGNORECASE):
            left = _without_leanings(words)
            for pattern, _ in phrases.NOUNS:
                left = pattern.sub(" ", left)
            left = re.sub(
                r"\b(?:than most|go|goes|heaviest|number|amount|far|tend to)\b|次数|数量|去|片子?|电影|分", " ", left
            )
            if acts and not self._left(left):
                top = VERY_MUCH if "very much" in lean else MUCH
                sort = next(name for name, known in ACTS.items() if known == acts)
                often = lean & {"much", "very much"} or {"very much"}
                return self._defined(often, (sort,), NOTHING) or Standing(
                    of=Statistic(measure="events", acts=acts), top=top
                )

        def made(key: str) -> Condition:
            return self._leant(lean, key)

        if not lean and self._inherited is None:
            return None
        before = self._inherited
        if lean:
            self._inherited = lambda more: self._about(more, made)
        elif before is not None:
            return before(words)
        try:
            return self._about(words, made)
        except Unread:
            self._inherited = before
            raise

    # --- names ---

    def _leans(self, words: str) -> set[str]:
        lean = {name for name, pattern in phrases.LEANINGS if pattern.search(words)}
        if "dislikes" in lean:
            lean.discard("likes")
        if lean & {"higher", "lower"}:  # who often rates a thing higher rates it higher
            lean -= {"mostly", "much", "very much"}
        if "buys" in lean and "much" in lean and not phrases.MUCH.search(phrases.REGULARLY.sub(" ", words)):
            lean.discard("much")
        return lean

    def _about(
        self, words: str, made: Callable[[str], Condition], leanings: frozenset[str] = phrases.LEANING
    ) -> Condition:
        """What is made of the thing that the rest of a clause names; of any of them where it names several.

        Args:
            leanings: That the clause may have, besides the name.
        """
        keys = self._thing(words, leanings)
        return _any(*(made(key) for key in keys))

    def _thing(self, words: str, leanings: frozenset[str]) -> tuple[str, ...]:
        """The keys that a clause names beside its leaning.

        A name may hold a word that leans elsewhere ("love stories", "seen live"): so what names something is looked for
        with the first word of each leaning taken out, then with the last, then with all of them.
        """
        unknown: list[str] = []
        for rest in _rests(words, self._leans(words) & leanings):
            found = self._names_in(rest)
            if isinstance(found, Match):
                self.matches.append(found)
                return found.keys
            unknown = unknown or found
        raise Unread(words.replace(_GAP, " "), unknown)

    def _names_in(self, rest: str) -> Match | list[str]:
        """The one thing that is named between the gaps of a text; else the words that name nothing."""
        named: list[Match] = []
        unknown: list[str] = []
        for part in rest.split(_GAP):
            *longer, said = (self._with_quotes(name) for name in _bared(part))
            if said:
                names = longer if self._lang == "zh" else longer[:1]
                match = next((match for name in names if (match := self._named(name))), None) or self._named(said)
                if match is None:
                    unknown.append(said)
                else:
                    named.append(match)
        return named[0] if not unknown and len({match.keys for match in named}) == 1 else unknown

    def _named(self, said: str) -> Match | None:
        """What a name means; of two names with a slash between them, either."""
        if phrases.WORDS_OF_HABITS.fullmatch(said) and said not in self._quoted:
            return None
        match = self._vocabulary.thing(said)
        if match is None and (pair := phrases.EITHER_NAME.fullmatch(said)) is not None:
            halves = [half for part in pair.groups() if (half := self._vocabulary.thing(part)) is not None]
            if halves:
                return halves[0]._replace(said=said)
        if match is None and self._lang == "en" and (found := re.fullmatch(r"(.+?) (?:and|or) (.+)", said)):
            both = [self._vocabulary.thing(part) for part in found.groups()]
            if both[0] is not None and both[1] is not None and both[0].keys == both[1].keys:
                return both[0]._replace(said=said)
        if match is None:
            match = self._vocabulary.meant(said) if self._names_meant else None
        return match

    def _left(self, words: str) -> str:
        """What of a clause is neither a leaning nor small."""
        return re.sub(r"[\x1f\s%-]+", " ", phrases.SMALL.sub(" ", _without_leanings(words))).strip()

    def _nothing_left(self, words: str, *, items: bool = False) -> None:
        left = self._left(phrases.ITEMS.sub(" ", words) if items else words)
        if left:
            raise Unread(words.replace(_GAP, " "), [left])


def are_same(one: Query, other: Query) -> bool:
    """Whether two queries ask the same, whatever the order of their conditions."""
    conditions = [
        frozenset(query.where.of) if isinstance(query.where, All | Any) else query.where for query in (one, other)
    ]
    return conditions[0] == conditions[1] and one == other.model_copy(update={"where": one.where})


def asked_of(asks: Asks, groups: Sequence[Condition]) -> Query:
    """The query that a frame asks of its clauses."""
    match asks:
        case "both" | "count both":
            where = _all(*groups)
        case "without" | "count without":
            where = _all(groups[0], Not(of=groups[1]))
        case "either":
            where = _any(*groups)
        case "one" | "count one":
            first, second = groups
            where = _any(_all(first, Not(of=second)), _all(second, Not(of=first)))
        case "share among":
            asked, among = groups
            return Query(want="share", where=_all(among, asked), against=among)
        case _:
            [where] = groups
    return Query(want="count" if asks.startswith("count") else "share" if asks == "share" else "list", where=where)


def _of_one(asked: Query, said: str) -> Query:
    """The query for who fits one of its two conditions alone.

    Raises:
        Unread: there are not two of which one is enough.
    """
    groups = asked.where.of if isinstance(asked.where, Any) else ()
    if asked.want not in ("list", "count") or len(groups) != 2 or any(isinstance(group, Any) for group in groups):
        raise Unread(said)
    return asked_of("count one" if asked.want == "count" else "one", groups)


def _headed(text: str) -> tuple[Want, str] | None:
    """What a question asks for, and the words after whom it is about: "Could you hand me the ids of those who …"."""
    said = text
    text = phrases.TAIL.sub("", said)
    at = end = 0
    while (word := phrases.HEAD_WORD.match(text, at)) is not None and not (end and phrases.DEED.fullmatch(word[0])):
        after = _next_word(text, word.end())
        if phrases.FOLK.match(text, at):
            end = word.end()
            if (relative := phrases.RELATIVE.match(text, after)) is not None:
                end = relative.end()
                break
        elif word[0].lower() in {"who", "which"} if not end else word[0].lower() in phrases.MEASURES:
            end = word.end()
        at = after
    head, body = text[:end], text[end:].strip(" ,")
    if not head or phrases.ASKS_WHAT_THEY_DO.search(head):
        return None
    counting = phrases.ASKS_FOR_A_NUMBER.search(said, len(text)) is not None
    return "count" if counting else _wanted(head), phrases.FILLED.sub("", body)


def _headed_zh(text: str) -> tuple[Want, str] | None:
    found = phrases.ZH_HEADED.match(text)
    if (
        found is None
        or phrases.ZH_WISHED.search(found["head"])
        or not phrases.ZH_WHOM.search(edges := f"{found['head']} {found['tail']}")
    ):
        return None
    return _wanted(edges), found["a"]


def _around(left: str, right: str, lang: Language) -> Iterator[tuple[str, str]]:
    """What may be a name's beginning and its end on both sides of a word like "and", the longest first."""
    if lang == "zh":
        before, after = _ENDS_IN_HAN.search(left), _BEGINS_WITH_HAN.match(right)
        befores = [] if before is None else [before[0][-size:] for size in range(len(before[0]), 0, -1)]
        afters = [] if after is None else [after[0][:size] for size in range(len(after[0]), 0, -1)]
    else:
        words_left, words_right = left.split(), right.split()
        befores = [" ".join(words_left[-size:]) for size in range(min(4, len(words_left)), 0, -1)]
        afters = [" ".join(words_right[:size]) for size in range(min(4, len(words_right)), 0, -1)]
    return product(befores, afters)


def _next_word(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _wanted(head: str) -> Want:
    for want, pattern in phrases.WANTED:
        if pattern.search(head):
            return want
    return "list"


def leans_to_a_thing(clause: str) -> bool:
    """Whether a clause likes, dislikes or buys something, so that as a whole it tells no habit."""
    return any(pattern.search(clause) for name, pattern in phrases.LEANINGS if name in {"likes", "dislikes", "buys"})


def leant(lean: set[str], key: str) -> Condition:
    """The condition that users stand to a thing in these ways, where nobody has defined another."""
    if "dislikes" in lean or "lower" in lean:
        return Tagged(keys=(key,), polarity=-1)
    if lean & {"mostly", "much", "very much"}:
        acts = BOUGHT if "buys" in lean else ()
        share = Statistic(measure="share", acts=acts, key=key)
        return _weighed(lean, share, Statistic(measure="events", acts=acts, key=key))
    if "likes" in lean or "higher" in lean:
        return Tagged(keys=(key,), polarity=1)
    if "buys" in lean:
        least = 1 if "once" in lean else OFTEN_ENOUGH
        return Measured(of=Statistic(measure="events", acts=BOUGHT, key=key), value=least)
    return Measured(of=Statistic(measure="events", key=key), value=OFTEN_ENOUGH)


def _weighed(lean: set[str], share: Statistic, count: Statistic) -> Condition:
    """How much of what somebody does is about something, by words like "mostly"."""
    enough = Measured(of=count, value=OFTEN_ENOUGH)
    if "mostly" in lean:
        return _all(Measured(of=share, compare=">", value=MOSTLY), enough)
    if lean & {"much", "very much"}:
        return _all(Standing(of=share, top=VERY_MUCH if "very much" in lean else MUCH), enough)
    return enough


def _people(match: re.Match[str]) -> str:
    """What the owner calls a group, as people; what they do besides is another clause."""
    join = "also" if phrases.SHARE.search(match[1]) else "and"
    return f"{match[1]}users who are {match[2]}" + (f" {join} {match[3]}" if match[3] else "")


def _people_zh(match: re.Match[str]) -> str:
    more = match[1] is not None and match[1] not in "的有占和与跟"
    return f"用户是{match[0]}" + ("，" if more else "")


def _without_leanings(words: str) -> str:
    for _, pattern in phrases.LEANINGS:
        words = pattern.sub(" ", words)
    return words


def _rests(words: str, lean: set[str]) -> Iterator[str]:
    """What may be left of a clause without its leanings, the likeliest first."""
    if "dislikes" not in lean:
        patterns = [pattern for name, pattern in phrases.LEANINGS if name in lean]
    else:
        patterns = [pattern for name, pattern in phrases.LEANINGS if name in lean - {"likes"}]
    told = [pattern for name, pattern in phrases.LEANINGS if name in lean - {"takes", "once"}]
    for chosen in (told, patterns):
        for place in (0, -1):
            rest = words
            for pattern in chosen:
                if found := list(pattern.finditer(rest)):
                    rest = rest[: found[place].start()] + _GAP + rest[found[place].end() :]
            yield rest
    for pattern in patterns:
        words = pattern.sub(_GAP, words)
    yield words


def _bared(part: str) -> Iterator[str]:
    """A name with fewer and fewer of the small words before and behind it, down to none: 过有机果蔬, 有机果蔬, …"""
    before = None
    while part != before:
        before = bare = part.strip(_MARKS)
        yield bare
        for found in phrases.SMALL.finditer(bare):
            if (found.end() == len(bare) and found.start() > 0 and not re.match(r"[\w]", found[0][0])) or (
                found.start() == 0
            ):
                bare = bare[: found.start()] + bare[found.end() :]
                break
            if found.end() == len(bare):
                bare = bare[: found.start()]
                break
        part = bare


def _in_numbers(match: re.Match[str]) -> str:
    """A day or month as 2018-03-01 or 2018-03."""
    month = 1 + [name[:3] for name in phrases.NAMES].index(match["month"][:3].lower())
    day = match["day"] or match["day2"]
    return f"{match['year']}-{month:02d}" + (f"-{int(day):02d}" if day else "")


def _quantity(match: re.Match[str]) -> _Quantity:
    groups = match.groupdict()
    word = (groups["pre"] or groups["post"] or groups["post2"] or groups["zhpost"] or "at least").lower()
    value = float(groups["n"].replace(",", ""))
    unit = (groups["unit"] or "").lower()
    return _Quantity(phrases.COMPARED.get(word, ">="), value, bool(groups["percent"]) or unit == "%", unit)


def _beyond(of: Statistic, number: _Quantity) -> Measured:
    return Measured(of=of, compare=number.compare, value=number.value)


def _least(count: _Quantity | None) -> int:
    """Ratings that there must be."""
    if count is None:
        return 0
    if count.compare not in {">=", ">"}:
        raise Unread("", ["ratings"])
    return int(count.value) + (count.compare == ">")


def _span(words: str) -> tuple[datetime | None, datetime | None, str] | None:
    """The time that a clause speaks of, and the clause without it."""
    if found := phrases.DECADE.search(words):
        first = int(found["decade"] or found["zh"])
        return _moment(f"{first}"), _moment(f"{first + 10}"), words[: found.start()] + " " + words[found.end() :]
    since = until = None
    rest = words
    if found := phrases.SINCE.search(rest):
        said = next(filter(None, found.groups()))
        since = (
            _after(said) if re.match(r"\s*(?:after\b|later than\b|晚于)", found[0], re.IGNORECASE) else _moment(said)
        )
        rest = rest[: found.start()] + " " + rest[found.end() :]
    if found := phrases.BEFORE.search(rest):
        until = _moment(next(filter(None, found.groups())))
        rest = rest[: found.start()] + " " + rest[found.end() :]
    if since is None and until is None and (found := phrases.DURING.search(rest)):
        said = next(filter(None, found.groups()))
        since, until = _moment(said), _after(said)
        rest = rest[: found.start()] + " " + rest[found.end() :]
    return None if since is None and until is None else (since, until, rest)


def _averaged(found: re.Match[str]) -> list[str]:
    """What an average is of, as rankings call it."""
    said = found.groupdict()
    if "by2" not in said:  # Chinese
        return [f"平均{said['by']}", said["by"]]
    return [said["by"] or f"{said['by2']} {said['verb']}"]


def _days(lately: re.Match[str]) -> int:
    """How many days "the last two weeks" are; 30 where no number and no unit is named."""
    said, unit = lately["n"] or lately["zh"] or "1", (lately["unit"] or lately["zh_unit"] or "").lower()
    units = 0.5 if said == "半" else as_number(said)
    return max(1, round(units * next((days for sign, days in phrases.UNITS.items() if unit.startswith(sign)), LATELY)))


def _years(words: str) -> tuple[int, int] | None:
    span = _span(words)
    if span is None or not phrases.ITEMS.search(words):
        return None
    since, until, _ = span
    return FIRST_YEAR if since is None else since.year, LAST_YEAR if until is None else until.year - (
        until.month == until.day == 1
    )


def _moment(said: str) -> datetime:
    """The beginning of a year, month or day."""
    numbers = [int(number) for number in re.findall(r"\d+", said)]
    year, month, day = (*numbers, 1, 1)[:3]
    try:
        if year <= LAST_YEAR:
            return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        pass  # there is no such day
    raise Unread(said, [said])


def _after(said: str) -> datetime:
    """The end of a year, month or day."""
    numbers = [int(number) for number in re.findall(r"\d+", said)]
    begin = _moment(said)
    if len(numbers) == 1:
        return begin.replace(year=begin.year + 1)
    if len(numbers) == 2:
        return begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return datetime.fromordinal(begin.toordinal() + 1).replace(tzinfo=UTC)


def _all(*parts: Condition) -> Condition:
    flat = [one for part in parts for one in (part.of if isinstance(part, All) else (part,))]
    return flat[0] if len(flat) == 1 else All(of=tuple(dict.fromkeys(flat)))


def _any(*parts: Condition) -> Condition:
    return parts[0] if len(parts) == 1 else Any(of=tuple(parts))
