"""Questions that lean on the one before: "and in 2024?", "how many of them like horror?", 那她呢？

About all users the query before is refined: who is asked about stays, and the new words set another condition on them,
ask for their number in place of their names, or put one name or time in the place of another. About one user the words
of the question before are carried over, with another time, person or thing in them; behind "it" stands what was
answered, or, where that was a number or a date, what was asked.
Code does both, and what a follow-up was read as is always said. A question that leans on nothing stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple, cast

from agents.plan import Plan, Unread, language, plan
from agents.recall import names, tokens
from agents.terms import Match, Vocabulary
from agents.when import stretches
from limner.domain import Reply
from limner.query import Active, All, Any, Condition, Everyone, Measured, Not, Query, Standing, Tagged, Want
from prompts.taxonomy import Taxonomy

SHORT = 8
"""Words of an answer that can stand for "it", at most."""
FEW = 6
"""Words of a follow-up that names only a thing, at most."""

_LEAD = re.compile(
    r"^\W*(?:(?:(?:and|but|so|ok|okay|now(?! (?:do|try)\b)|then|also|only|just|what about|how about|please"
    r"|now (?:do|try)|(?:the )?same (?:for|with)|(?:switch|change)(?: (?:that|it|this))? to"
    r"|narrow(?: (?:that|it|this|them))? down (?:to|by)"
    r"|(?:filter|restrict|limit|cut)(?: (?:that|it|this|them))?(?: down)? (?:by|for|to)|keep(?: only)?)\b"
    r"|和|那么?(?![些个])|还有|另外|再?加上|再|然后|而|请"
    r"|只(?:看|要|留下?|保留|选|算)?|筛选出?|(?:如果)?(?:换|改)(?:成|为|作))[\s,，]*)+",
    re.IGNORECASE,
)
_OUT = re.compile(r"^(\W*)(?:再|请)?把(.+?)(?:都|全)?(?:排除|剔除|去|除|刨)(?:掉|出去|在外)?(?=\W*$)")
"""What is to be left out stands before the verb."""
_BUT_NOT = re.compile(
    r"^\W*(?:(?:but|and|now|then|please)\s+)*(?:not|without|except(?: for)?|exclud(?:e|ing)|leav(?:e|ing) out|omit"
    r"|drop|remove|skip|minus)\b\s*"
    r"|^\W*(?:但是?|再)?(?:除了|除(?:去|掉|开)|不包括|不含|不要|去(?:掉|除)|排除掉?|剔除|刨除)\s*|^\W*但是?",
    re.IGNORECASE,
)
_END = re.compile(r"[\s?？!！。.，,]*(?:呢|怎么样)?[\s?？!！。.]*$")
_THEM = re.compile(
    r"\b(?:of |among |from )?(?:them|these|those)\b(?! who| that| which)(?: (?:users|people|ones|customers))?|\bthey\b"
    r"|\b(?:in|within|of|from|among) (?:that|this) (?:group|list|set)\b"
    r"|\bthe ones\b(?= with\b)"
    r"|(?:[这那](?:些|部分)(?:用户|人|顾客)|他们|她们)(?:当中|之中|中间|里面|中|里|之间)?"
    r"|(?:[这那]些|其)(?:当中|之中|中间|里面|中|里|之间)|[这那](?:里面|(?:群人|份?名单|一?组)(?:里面?|中|当中)?)",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(
    r"^(?:(?:any|some|all|the) of |the )?(?:ones|people|users|those|anyone|anybody|everyone|everybody|customers)\b\s*"
    r"(?:who|that)?\b\s*",
    re.IGNORECASE,
)
"""Whom a condition is of, which goes without saying."""
_BARE: tuple[tuple[Want, re.Pattern[str]], ...] = tuple(
    (cast(Want, want), re.compile(words, re.IGNORECASE))
    for want, words in (
        (
            "count",
            r"how many(?: (?:are there|is that|are that|in (?:all|total)))?|count"
            r"|(?:(?:give|tell|show) me |what(?:'s| is) )?the (?:number|count|total)"
            r"|(?:一共|总共|共)?有?(?:多少|几)个?位?人?|(?:一共|总共|共)?有(?:多少|几)(?:个|位|名)?(?:人|用户)?|几个人?"
            r"|(?:人数|总数)(?:是?多少)?",
        ),
        (
            "list",
            r"who(?: are| is (?:it|that))?|which(?: ones?| users)?"
            r"|(?:(?:can|could) you )?(?:name|list|show|(?:give|tell|show) me)(?: (?:their|the) (?:names?|list|users))?"
            r"|(?:具体|分别)?都?是?(?:谁|哪(?:些|几)(?:个|位)?(?:人|用户)?)|都?有谁"
            r"|把?(?:名单|名字)(?:都?列(?:出来|一下)|给我)?|都?列(?:出来|一下)",
        ),
        ("share", r"what (?:share|percentage|part)(?: is that| of all)?|占(?:多少|多大比例|几成)|比例(?:是多少)?"),
        ("apart", r"what (?:sets|makes)(?: apart| different| special)|(?:有)?(?:什么|哪些)(?:共同)?特点"),
        (
            "top tags",
            r"(?:what (?:do|are) )?(?:their )?(?:top|most common|favou?rite) (?:tags|things)"
            r"|what do like(?: most| best)?|最常见的标签|最喜欢什么",
        ),
    )
)
_MORE = re.compile(r"\b(?:also|too|as well|only)\b|[还也]|加上", re.IGNORECASE)
"""Words that set a further condition, though the rest could stand alone."""
_SMALL = re.compile(r"\b(?:also|too|as well|who|that|are|do|does|the ones?|users|people)\b|[还也]|的$", re.IGNORECASE)
_BESIDE = re.compile(
    r"\W*(?:in )?the (?:(?P<back>year before|previous year|prior year)|year after|(?:next|following) year)\W*"
    r"|\W*(?:(?P<earlier>[前上]一?年)|[后下次]一?年)的?\W*",
    re.IGNORECASE,
)
"""The year beside the one that was asked about."""
_ONLY_COUNTS = re.compile(
    r"\W*(?:how many)?(?: ?of (?:them|those|these))?(?: ?(?:of|in|from))?\W*"
    r"|\W*(?:其中)?的?有?(?:(?:多少|几)[部个次条本首件篇])?\W*",
    re.IGNORECASE,
)
"""What a follow-up says beside a time, where it asks no more than the question before."""
_THE_ONES = re.compile(r"\W*(?:the )?(.+?)(?: ones?)?\W*", re.IGNORECASE)
_WORKS = re.compile(
    r"\b(?:films?|movies?|songs?|tracks?|albums?|artists?|books?|shows?|games?|items?|things)\b"
    r"|电影|影片|歌曲|歌|书|剧|节目|游戏|东西",
    re.IGNORECASE,
)
"""What a kind of it can be asked about."""
_PERSON = re.compile(r"\b(?:s?he|they|him|her|them|himself|herself)\b|[他她]", re.IGNORECASE)
_IT = re.compile(r"\b(?:it|that|this|there)\b(?! \w+(?:ed|s)\b)|[它这那](?:个|件事?|里|儿)?(?!么|些)", re.IGNORECASE)


def refined(question: str, before: Query, vocabulary: Vocabulary) -> Plan | None:
    """A question about all users as a refinement of the query before; None where it stands alone.

    Raises:
        Unread: it leans on the query before, and cannot be read.
    """
    question = _OUT.sub(r"\1除了\2", question)
    said = _BUT_NOT.sub(" ", question) if (without := _BUT_NOT.match(question)) else question
    led = without is not None or bool(_LEAD.match(question)) or question.rstrip("？?。 ").endswith("呢")
    rest = _END.sub("", _LEAD.sub("", said))
    them = _THEM.search(rest)
    rest = _THEM.sub(" ", rest)
    bare = " ".join(rest.split()).strip(" ,，、")
    for want, words in _BARE:
        if words.fullmatch(bare):
            return Plan(before.model_copy(update={"want": want, "by": None, "against": None}), ())
    if not them and not led:
        return _of_it(question, before, vocabulary)
    zh = language(question) == "zh"
    if (
        not them
        and not _MORE.search(question)
        and (alone := _read(_END.sub("", _LEAD.sub("", question)), vocabulary)) is not None
    ):
        return alone
    if (read := _read(_as_a_question(bare, zh=zh), vocabulary)) is not None:
        where = Not(of=read.query.where) if without else read.query.where
        asked = read.query if _asks(bare) else before
        return read._replace(query=asked.model_copy(update={"where": _both(before.where, where), "want": asked.want}))
    name = _SMALL.sub(" ", bare).strip()
    if not without and (match := vocabulary.thing(name)) is not None:
        return Plan(before.model_copy(update={"where": _instead(before.where, match, vocabulary)}), (match,))
    raise Unread(bare, [name])


def _of_it(question: str, before: Query, vocabulary: Vocabulary) -> Plan | None:
    """A question whose "it" is the last thing of the query before; None where that names none, or it stands alone."""
    named = _things(before.where)
    if not named or not _IT.search(question) or _read(question, vocabulary) is not None:
        return None
    label = vocabulary.label(named[-1])
    return _read(_IT.sub(label.zh if language(question) == "zh" else label.en, question, count=1), vocabulary)


def _things(where: Condition) -> list[str]:
    """The keys of things that a condition names, in their order."""
    match where:
        case Tagged():
            return list(where.keys)
        case Measured() | Standing():
            return [where.of.key] if where.of.key else []
        case All() | Any():
            return [key for part in where.of for key in _things(part)]
        case Not():
            return _things(where.of)
    return []


def _asks(words: str) -> bool:
    """Whether words ask for something, and do not only set a condition."""
    return (
        re.match(
            r"\s*(?:how many|which|who\b(?! (?:also|like|dislike|buy))|what)|.*(?:多少|哪些|谁|占)",
            words,
            re.IGNORECASE,
        )
        is not None
    )


def _as_a_question(words: str, *, zh: bool) -> str:
    """The words as a whole question about users."""
    if zh:
        bare = re.sub(r"[还也]|的$", "", words)
        if found := re.search(r"有?(?:多少|几)(?:个|位|名)?(?:用户|人)?", bare):
            return f"有多少用户{bare[: found.start()]}{bare[found.end() :]}？"
        bare = re.sub(r"哪些(?:用户|人)?|谁", "", bare)
        return (
            f"哪些用户{bare}？"
            if not re.fullmatch(r"\s*\d{4}年(?:\d+月)?\s*", bare)
            else f"哪些用户在{bare.strip()}活跃？"
        )
    bare = _SOMEBODY.sub("", re.sub(r"\b(?:also|too|as well)\b", " ", words, flags=re.IGNORECASE).strip())
    bare = re.sub(r"^(?=(?:into|fond of|keen on)\b)", "are ", bare, flags=re.IGNORECASE)
    if re.match(r"\s*(?:in|since|before|after|during|from|between)\b[^?]*\d{4}", bare, re.IGNORECASE):
        return f"Which users were active {bare}?"
    if found := re.match(
        r"\s*(how many|which|who|what share)\b(?:\s+(?:users|people|ones|is|are))?", bare, re.IGNORECASE
    ):
        head = {"how many": "How many users", "what share": "What share of users"}.get(found[1].lower(), "Which users")
        return f"{head} {bare[found.end() :]}?"
    return f"Which users {re.sub(r'^with ', 'have ', bare.strip(), flags=re.IGNORECASE)}?"


def _read(question: str, vocabulary: Vocabulary) -> Plan | None:
    try:
        return plan(" ".join(question.split()), vocabulary)
    except Unread:
        return None


def _both(before: Condition, more: Condition) -> Condition:
    """Who fits both; another time takes the place of the earlier one."""
    parts = [one for part in (before, more) for one in (part.of if isinstance(part, All) else (part,))]
    if isinstance(more, Active):
        parts = [one for one in parts if not isinstance(one, Active) or one is more]
    parts = [one for one in dict.fromkeys(parts) if not isinstance(one, Everyone)]
    return All(of=tuple(parts)) if len(parts) > 1 else parts[0] if parts else Everyone()


def _instead(where: Condition, match: Match, vocabulary: Vocabulary) -> Condition:
    """The condition with another thing in the place of the last one that it names; of both where it names none."""
    claim = vocabulary.is_claim(match.keys[0])

    def changed(part: Condition) -> Condition | None:
        match part:
            case Tagged() if part.keys:
                polarity = None if claim else part.polarity if part.polarity is not None else 1
                return part.model_copy(update={"keys": keys, "polarity": polarity})
            case Measured() | Standing() if part.of.key and not claim:
                return part.model_copy(update={"of": part.of.model_copy(update={"key": keys[0]})})
            case All() | Any():
                for at in reversed(range(len(part.of))):
                    if (new := changed(part.of[at])) is not None:
                        return part.model_copy(update={"of": (*part.of[:at], new, *part.of[at + 1 :])})
            case Not():
                new = changed(part.of)
                return None if new is None else Not(of=new)
        return None

    keys = match.keys
    return changed(where) or _both(where, Tagged(keys=keys, polarity=None if claim else 1))


class Turn(NamedTuple):
    """A question of a conversation and what it was told."""

    question: str
    answer: str


class Before(NamedTuple):
    """The question about one user before, as it was read, and what it was told."""

    question: str
    reply: Reply


def carried(question: str, before: Before, speakers: Collection[str], taxonomy: Taxonomy, at: datetime) -> str:
    """A question about one user with what it takes from the one before; as it is where it takes nothing.

    Args:
        speakers: Who speaks in the user's history.
        at: The moment in which it is asked.
    """
    led = bool(_LEAD.match(question)) or question.rstrip("？?。 ").endswith("呢")
    rest = _END.sub("", _LEAD.sub("", question)).strip()
    years = re.findall(r"(?:19|20)\d\d", before.question)
    if (beside := _BESIDE.fullmatch(rest)) is not None and years:
        year = int(years[-1]) + (-1 if beside["back"] or beside["earlier"] else 1)
        return _at_another_time(before.question, _in_year(before.question, year), at)
    if (named := re.search(r"((?:19|20)\d\d)年?", rest)) and _ONLY_COUNTS.fullmatch(
        rest[: named.start()] + rest[named.end() :]
    ):
        return _at_another_time(before.question, _in_year(before.question, int(named[1])), at)
    if led and rest:
        times = list(stretches(rest, at)) or list(stretches(f"in {rest}", at))
        left = rest
        for one in sorted(stretches(rest, at), key=lambda stretch: -stretch.start):
            left = left[: one.start] + left[one.end :]
        if times and not tokens(left):
            return _at_another_time(before.question, rest, at)
        who = next((one for one in speakers if one and names(one, rest)), None)
        if (who is not None and len(rest) <= len(who)) or _PERSON.fullmatch(rest):
            they = "她" if language(before.question) == "zh" else "they"
            return _of_another(before.question, they if who is None else rest, speakers)
        if 0 < len(tokens(rest)) <= FEW and not re.match(
            r"\s*(?:wh\w+|how|did|do|does|is|was|has|are)\b|.*(?:多少|几[次部个条本首件篇]|什么|哪|谁)",
            rest,
            re.IGNORECASE,
        ):
            return _about_another(before.question, rest, taxonomy)
    question = rest if led and rest else question
    if not before.reply.abstained and (found := _IT.search(question)) is not None:
        answer = before.reply.answer.strip(" .。")
        plain = len(tokens(answer)) <= SHORT and not re.search(r"\d", answer)
        behind = "" if language(question) == "zh" else " "
        return f"{question[: found.end()]}{behind}({answer if plain else before.question}){question[found.end() :]}"
    return question


def _at_another_time(question: str, when: str, at: datetime) -> str:
    """The question with another time, in the place of the one that it had."""
    for one in sorted(stretches(question, at), key=lambda stretch: -stretch.start):
        question = question[: one.start].rstrip() + question[one.end :]
    bare = question.strip().rstrip("?？。. ")
    return f"{when}{bare}？" if language(question) == "zh" else f"{bare} {when}?"


def _in_year(question: str, year: int) -> str:
    return f"{year}年" if language(question) == "zh" else f"in {year}"


def _of_another(question: str, who: str, speakers: Collection[str]) -> str:
    """The question with another person in the place of the one that it names, or of "she"."""
    first = next((one for one in speakers if one and names(one, question)), None)
    if first is not None:
        word = next(word for word in re.findall(r"\w+", first) if names(word, question))
        return re.sub(rf"{re.escape(word)}(?:'s)?", who, question, flags=re.IGNORECASE)
    return _PERSON.sub(who, question, count=1)


def _about_another(question: str, thing: str, taxonomy: Taxonomy) -> str:
    """The question about another thing: in the place of the one that the taxonomy finds in it, else behind it."""
    known = [one for one in taxonomy.mentions.find(question) if not _WORKS.fullmatch(question[one.start : one.end])]
    kind = _THE_ONES.fullmatch(thing)
    if not known and kind and next(iter(taxonomy.mentions.find(kind[1])), None) and (work := _WORKS.search(question)):
        kept = "" if language(question) == "zh" or _WORKS.search(kind[1]) else f" {work[0]}"
        return question[: work.start()] + kind[1] + kept + question[work.end() :]
    if known and next(iter(taxonomy.mentions.find(thing)), None) is not None:
        last = max(known, key=lambda found: found.start)
        return question[: last.start] + thing + question[last.end :]
    bare = question.strip().rstrip("?？。. ")
    return f"{bare}：{thing}？" if language(question) == "zh" else f"{bare}: {thing}?"
