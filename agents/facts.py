"""Verified tags as facts in words: what a portrait says, and how code alone says it.

A fact tells how strong a taste is the way a reader would: "rated well above their own average", "bought 5 times". The
numbers behind the words stand with the tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agents.digest import safe
from agents.signals import AGAINST
from limner.domain import Event, Language, Tag

A_POINT = 2
"""Likes, or dislikes, that share a sentence; of habits and facts one more."""
MOST_EXEMPLARS = 2
WELL, FAR = 0.5, 1.0
"""Stars from the own mean from which on a taste is told as a clear one, and as a very clear one."""

_ARTICLE = re.compile(r"^(.+), (The|An?|L[ae]s?|L'|Il|El|Los|D(?:er|ie|as))$")
"""As catalogues sort titles: "Sixth Sense, The"."""
_ASIDE = re.compile(r"\s*\([^()]*\)$")
"""A year, or another title, behind a title."""
_INNER = str.maketrans("《》", "〈〉")
_DONE: dict[str, tuple[str, str]] = {
    "purchase": ("bought {} times", "购买{}次"),
    "view": ("viewed {} times", "浏览{}次"),
    "search": ("searched for {} times", "搜索{}次"),
    "like": ("liked {} times", "点赞{}次"),
    "post": ("posted about {} times", "发帖提到{}次"),
    "message": ("talked about {} times", "聊到{}次"),
    "return": ("returned {} times", "退货{}次"),
    "skip": ("skipped {} times", "跳过{}次"),
}
"""Kind of event to what it says of the thing; events of other kinds, or of several, are counted as events."""
_ALL_ZH = re.compile("^(评分)?")
_STEPS = {"en": ("a little", "well", "far"), "zh": ("略", "明显", "远")}


class Fact(NamedTuple):
    """A verified tag as the model is told it."""

    tag: Tag
    line: str
    much: str
    """How strong it is, in words; "" where nothing was measured that a reader would want to know."""
    titles: tuple[str, ...]


Point = tuple[Fact, ...]
"""Facts that belong together: one sentence renders them."""


def points(tags: Sequence[Tag], events: Mapping[str, Event], lang: Language) -> list[Point]:
    """What the persona says, a sentence a point: first tastes, further likes, dislikes, habits, stated facts.

    No title is the example of two tastes where either has another.
    """
    known = sorted(
        (tag for tag in tags if tag.status != "candidate"),
        key=lambda tag: (
            tag.status != "pinned",
            -tag.probability * (1 + abs(tag.lift or 0)),
            -tag.counts.total,
            tag.key,
        ),
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
    told: set[str] = set()
    return [tuple(_fact(tag, events, lang, told) for tag in group) for group in groups if group]


def plain(point: Point, lang: Language, *, also: bool = False) -> str:
    """A point in a fixed wording.

    Args:
        also: Other likes have been told before.
    """
    first = point[0]
    polarity, stated = first.tag.polarity, first.tag.basis == "stated"
    alike = bool(first.much) and len(point) > 1 and all(fact.much == first.much for fact in point)
    told = [_told(fact, lang, much="" if alike else fact.much) for fact in point]
    if lang == "zh":
        begin = {1: "也喜欢" if also else "这位用户喜欢", -1: "不喜欢", 0: "自述：" if stated else "行为特点："}[
            polarity
        ]
        shared = "，" + _ALL_ZH.sub(r"\1都", first.much, count=1) if alike else ""
        return begin + _listed(told, "和" if polarity else "、", "、") + shared + "。"
    begin = {
        1: "They also like " if also else "They like ",
        -1: "They dislike ",
        0: "In their own words: " if stated else "By habit: ",
    }[polarity]
    shared = f", {'both' if len(point) == 2 else 'all'} {first.much}" if alike else ""
    last = " and " if not polarity or alike or not first.much else ", and "
    return begin + _listed(told, last, ", ") + shared + "."


def _told(fact: Fact, lang: Language, *, much: str) -> str:
    """The name of a thing, with how much, and an example or two in brackets."""
    if lang == "zh":
        inside = "，".join(filter(None, (much, "如" + _quoted(fact.titles) if fact.titles else "")))
        return safe(fact.tag.label.zh) + (f"（{inside}）" if inside else "")
    examples = f" ({' and '.join(fact.titles)})" if fact.titles else ""
    return safe(fact.tag.label.en) + (f", {much}" if much else "") + examples


def _listed(parts: Sequence[str], last: str, between: str) -> str:
    return last.join(filter(None, (between.join(parts[:-1]), parts[-1])))


def _quoted(titles: Sequence[str]) -> str:
    return "、".join(f"《{title}》" for title in titles)


def _fact(tag: Tag, events: Mapping[str, Event], lang: Language, told: set[str]) -> Fact:
    agreeing = [
        events[cited.event_id]
        for cited in tag.evidence
        if cited.event_id in events and (cited.signal in AGAINST) == (tag.polarity < 0)
    ]
    titles = _exemplars(agreeing, told) if tag.polarity else ()
    told.update(titles)
    much = _much(tag, agreeing, lang)
    return Fact(tag, _line(tag, much, titles, lang), much, titles)


def _exemplars(agreeing: Sequence[Event], told: set[str]) -> tuple[str, ...]:
    """Titles of the strongest events that agree with the tag, without repeats, those not told yet first."""
    titles = dict.fromkeys(
        title(given) for event in agreeing if isinstance(given := event.item.get("title"), str) and given
    )
    return tuple(sorted(titles, key=told.__contains__)[:MOST_EXEMPLARS])


def title(given: str) -> str:
    """A title as one says it: "Sixth Sense, The (1999)" is The Sixth Sense. At most 60 characters."""
    said = given[:240]
    while (shorter := _ASIDE.sub("", said)) and shorter != said:
        said = shorter
    return safe(_ARTICLE.sub(r"\2 \1", said)).translate(_INNER)[:60]


def _line(tag: Tag, much: str, titles: tuple[str, ...], lang: Language) -> str:
    """The tag in words of the language: what, how much, and an example or two.

    English titles stand without quotation marks: a model that repeats those ends its JSON string with them.
    """
    if lang == "zh":
        name = safe(tag.label.zh)
        verb = {1: f"喜欢{name}", -1: f"不喜欢{name}", 0: name}[tag.polarity]
        return "，".join(filter(None, (verb, much, f"例如{_quoted(titles)}" if titles else "")))
    name = safe(tag.label.en)
    verb = {1: f"likes {name}", -1: f"dislikes {name}", 0: name}[tag.polarity]
    return ", ".join(filter(None, (verb, much, f"e.g. {' and '.join(titles)}" if titles else "")))


def _much(tag: Tag, agreeing: Sequence[Event], lang: Language) -> str:
    zh = lang == "zh"
    if tag.lift is not None:
        how = _STEPS[lang][(abs(tag.lift) >= WELL) + (abs(tag.lift) >= FAR)]
        if zh:
            return f"评分{how}{'高' if tag.lift > 0 else '低'}于自己的平均分"
        return f"rated {how} {'above' if tag.lift > 0 else 'below'} their own average"
    if tag.basis == "stated" or tag.measure is not None:
        return ""
    kinds = {event.kind for event in agreeing}
    if len(kinds) == 1 and 1 < len(agreeing) == tag.counts.total and (done := _DONE.get(kinds.pop())):
        return done[zh].format(len(agreeing))
    return f"{tag.counts.total}次相关行为" if zh else f"{tag.counts.total} events"
