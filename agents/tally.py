"""How often, how many, how much: questions that counting answers, read into a small query and counted in code.

A question is counted here where it names an act that the history records as events (buy, rate, 买, 评分): then the
number is that of the events. What is only told in conversations is another matter: there the model lists the cases
and code counts the list (`agents/ask.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from agents.amounts import amounts
from agents.recall import Memory, said, tokens
from agents.signals import attributed
from agents.when import Window, day, stretches
from limner.domain import Event, Language, Reply
from prompts.taxonomy import Taxonomy
from prompts.taxonomy.words import fold

CITED = 20
"""Events cited for a count, at most: the newest."""
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
PAGE = 2_000

_ASKS = re.compile(
    r"\bhow (?:many|often|frequently)\b|\bhow much\b.{0,30}\b(?:spen[dt]|pay|paid|cost)\b|\bnumber of\b|"
    r"几[次回趟遍部首本个件种条篇位家]|多少[次回趟遍部首本个件种条篇位家钱]?|多久.{0,6}一次",
    re.IGNORECASE,
)
_ACTS: dict[str, tuple[str, ...]] = {
    r"\b(?:buy|buys|bought|buying|purchas\w*|order(?:ed|s)?)\b|购买|买|下单": ("purchase", "order"),
    r"\b(?:spen[dt]|spends|pay|paid)\b|花了?|消费": ("purchase", "order"),
    r"\b(?:rat(?:e|ed|es|ing|ings)|scored?)\b|评分|打分|打过分": ("rating", "review"),
    r"\breview(?:s|ed)?\b|评论|评价|点评": ("review",),
    r"\b(?:play|plays|played|listen(?:s|ed)?)\b|播放|收听|听": ("play", "listen"),
    r"\b(?:watch(?:es|ed)?|see|seen|saw)\b|观看|看": ("play", "watch", "view"),
    r"\b(?:view(?:s|ed)?|look(?:s|ed)? at|brows\w+|visit(?:s|ed)?|open(?:s|ed)?)\b|浏览|查看": ("view",),
    r"\b(?:search(?:es|ed)?|look(?:s|ed)? for)\b|搜索?": ("search",),
    r"\b(?:return(?:s|ed)?|sen[dt]\w* back|refund\w*)\b|退货?|退回": ("return", "refund"),
    r"\bskip(?:s|ped)?\b|跳过": ("skip",),
    r"\b(?:click(?:s|ed)?)\b|点击": ("click",),
}
_SPENT = re.compile(r"\b(?:spen[dt]|spends|pay|paid|cost)\b|花|消费|多少钱", re.IGNORECASE)
_DIFFERENT = re.compile(r"\b(?:different|distinct|unique)\b|不同|几种|多少种", re.IGNORECASE)
_ASIDE = re.compile(
    r"\b(?:times?|often|frequently|total|altogether|ever|much|many|number|money|different|distinct|unique|"
    r"writes?|written|wrote|makes?|made|leaves?|left|gives?|given|gave|users?|customers?|persons?|people|last|past|since|between|"
    r"until|before|after|during)\b|"
    r"这位|该|给|打|写(?![作真字])|用户|顾客|客户|总共|一共|共|曾经|曾|过|了|的|吗|呢|啊|呀|有|她|他|我|你|在|上|里|钱|不同|平均|多久|一次",
    re.IGNORECASE,
)
_WHAT_ITEMS_ARE = frozenset(tokens("film films movie song track item product thing article video show title"))
_WHAT_ITEMS_ARE_ZH = frozenset(("电影", "影片", "片", "歌", "歌曲", "商品", "东西", "产品", "视频", "文章", "书"))
_MAKERS = frozenset({"artist", "brand", "director", "actor", "author", "genre"})
"""Groups of keys of which one asks how many different ones there were."""
_HAN = re.compile(r"[\u3400-\u9fff]+")
_WORD = re.compile(r"[A-Za-z]+|歌手|音乐人|乐队|艺人|品牌|导演|演员|作者|作家|类型")
_UNIT = {
    "events": {"en": "times", "zh": "次"},
    "items": {"en": "different ones", "zh": "种"},
    "value": {"en": "spent", "zh": "（金额）"},
}


class Tally(NamedTuple):
    """What to count."""

    of: Literal["events", "items", "value"]
    kinds: tuple[str, ...]
    things: tuple[str, ...]
    """Keys of the taxonomy that an event must be about, all of them."""
    words: tuple[str, ...]
    """That its words must hold, all of them: stems in English, phrases in Chinese."""
    window: Window | None
    maker: str = ""
    """Group of the keys of which the different ones are counted, "artist"; "" where items are."""


def tally(question: str, memory: Memory, taxonomy: Taxonomy, asked: Window | None, lang: Language) -> Reply | None:
    """The counted answer; None where the question asks for no number, or for one that the history does not hold."""
    query = read(question, memory.kinds, taxonomy, asked)
    if query is None:
        return None
    rows = memory.allowed(query.window, query.kinds).nonzero()[0].tolist()
    events = [event for page in _pages(memory, rows) for event in page]
    specific = _specific(query.words, events)
    taken = [word for word in query.words if word not in specific]
    query = query._replace(words=specific)
    counted = {at: event for at, event in enumerate(events) if _fits(event, query, taxonomy)}
    summed = sum(max(0, round(counted[at].value or 0) - 1) for at in counted.keys() & amounts(events).keys())
    number = _number(query, list(counted.values()), summed, taxonomy)
    if number is None:
        return None
    is_sum = query.of == "events" and summed > 0
    return _reply(question, query, list(counted.values()), number, len(events), taken, lang, is_sum=is_sum)


def read(question: str, kinds: frozenset[str], taxonomy: Taxonomy, asked: Window | None) -> Tally | None:
    """What a question asks to have counted; None where it asks for no number of recorded acts.

    Args:
        kinds: Of the events there are.
    """
    if not _ASKS.search(question):
        return None
    acts = {kind for pattern, named in _ACTS.items() if re.search(pattern, question, re.IGNORECASE) for kind in named}
    acts &= kinds
    if not acts:
        return None
    rest = question
    for one in sorted(stretches(question, _ANY_DAY), key=lambda stretch: -stretch.start):
        rest = rest[: one.start] + " " + rest[one.end :]
    for pattern in (_ASKS.pattern, *_ACTS, _ASIDE.pattern):
        rest = re.sub(pattern, " ", rest, flags=re.IGNORECASE)
    spent, different = bool(_SPENT.search(question)), bool(_DIFFERENT.search(question))
    maker = ""
    for word in _WORD.findall(rest) if different else ():
        if (known := taxonomy.attribute(word.lower())) is not None and known.prefix in _MAKERS:
            maker, rest = known.prefix, rest.replace(word, " ")
    things = dict[str, None]()
    for found in sorted(taxonomy.mentions.find(rest), key=lambda found: -found.start):
        if not _general(rest[found.start : found.end]):
            things[found.key] = None
            rest = rest[: found.start] + " " + rest[found.end :]
    words = [*_HAN.findall(rest), *(word for word in tokens(_HAN.sub(" ", rest)))]
    return Tally(
        of="value" if spent else "items" if different else "events",
        kinds=tuple(sorted(acts)),
        things=tuple(things),
        words=tuple(dict.fromkeys(words)),
        window=asked,
        maker=maker,
    )


def _specific(words: tuple[str, ...], events: list[Event]) -> tuple[str, ...]:
    """The words without those for whatever the items are, unless an item's own attributes tell films from songs."""
    general = {word for word in words if _general(word)}
    told = {word for event in events for word in general if _holds(_attributes(event), word)}
    return tuple(word for word in words if word not in general or word in told)


def _general(word: str) -> bool:
    return word in _WHAT_ITEMS_ARE_ZH or (bool(found := set(tokens(word))) and found <= _WHAT_ITEMS_ARE)


def _attributes(event: Event) -> str:
    values = [value for name, value in event.item.items() if name != "title"]
    return " ".join(part for value in values for part in (value if isinstance(value, list) else [value])
                    if isinstance(part, str))  # fmt: skip


def _fits(event: Event, query: Tally, taxonomy: Taxonomy) -> bool:
    if query.things:
        about = attributed(event, taxonomy).keys() | {found.key for found in taxonomy.mentions.find(said(event))}
        if not about >= set(query.things):
            return False
    return all(_holds(said(event), word) for word in query.words)


def _holds(told: str, word: str) -> bool:
    return word in fold(told) if _HAN.match(word) else word in tokens(told)


def _pages(memory: Memory, rows: list[int]) -> Iterator[list[Event]]:
    for start in range(0, len(rows), PAGE):
        yield memory.events(rows[start : start + PAGE])


def _number(query: Tally, counted: list[Event], summed: int, taxonomy: Taxonomy) -> float | None:
    """What is asked for; None where the items do not say it.

    Args:
        summed: How many more acts than rows those are that sum up, by their values.
    """
    keys = {key for event in counted for key in attributed(event, taxonomy)} if query.maker else ()
    makers = sum(key.startswith(f"{query.maker}/") for key in keys)
    if query.maker and counted and not makers:
        return None
    if query.of == "value":
        return round(sum(event.value or 0 for event in counted), 2)
    if query.of == "events":
        return len(counted) + summed
    return makers if query.maker else len({event.item_id or said(event) for event in counted})


def _reply(
    question: str,
    query: Tally,
    counted: list[Event],
    number: float,
    among: int,
    taken: list[str],
    lang: Language,
    *,
    is_sum: bool,
) -> Reply:
    """Args:
    among: How many events were looked at.
    taken: Words that stand for whatever the items are.
    is_sum: Whether rows are among them whose values say how often.
    """
    dates = [event.ts for event in counted if event.ts is not None]
    unit = _UNIT[query.of][lang]
    amount = f"{number:.2f}".removesuffix(".00")
    answer = f"{amount}{'' if lang == 'zh' else ' '}{unit if number != 1 or unit != 'times' else 'time'}"
    if dates and len(dates) > 1:
        first, last = day(dates[0], lang), day(dates[-1], lang)
        answer += f"，从{first}到{last}" if lang == "zh" else f", from {first} to {last}"
    elif dates:
        answer += f"，{day(dates[0], lang)}" if lang == "zh" else f", on {day(dates[0], lang)}"
    about = [*query.things, *query.words]
    kinds = "/".join(query.kinds)
    if lang == "zh":
        told = f"在{among:,}个{kinds}事件中数" + (f"关于{'、'.join(about)}的。" if about else "。")
    else:
        told = f"Counted among {among:,} {kinds} events" + (f": those about {', '.join(about)}." if about else ".")
    if is_sum:
        rows = len(counted)
        told += (
            f"{rows:,}行没有时间，其值算作次数。"
            if lang == "zh"
            else f" {rows:,} row{'s' * (rows != 1)} without a time: the values are taken as how often."
        )
    if taken:
        told += f"“{'、'.join(taken)}”按任何一个算。" if lang == "zh" else f" Any of them counts as {', '.join(taken)}."
    return Reply(
        question=question,
        scope="user",
        answer=answer + ("。" if lang == "zh" else "."),
        count=None if query.of == "value" else int(number),
        citations=tuple(event.event_id for event in counted[-CITED:]),
        query={
            "of": query.of,
            "kinds": query.kinds,
            "things": query.things,
            "words": query.words,
            "since": query.window and query.window.since,
            "until": query.window and query.window.until,
        },
        explanation=told,
    )
