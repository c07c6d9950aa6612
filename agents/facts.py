"""Verified tags as facts: what a portrait says, point by point, and the line in which the model is told each.

A fact tells how strong a taste is the way a reader would: "rated well above their own average", "bought 5 times". The
numbers behind the words stand with the tag. What is no taste is told as the taxonomy has it: "has a cat", "is a nurse".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from agents.amounts import SUMMED
from agents.arrange import A_SENTENCE, MOST, in_order
from agents.digest import safe
from agents.series import ORIGINAL, SERIES
from agents.signals import AGAINST
from limner.domain import Event, Language, Tag
from prompts.taxonomy import Taxonomy

A_POINT = 2
"""Likes, or dislikes, that share a sentence where each is told with a number or an example; of habits and facts one
more."""
MOST_EXEMPLARS = 2
WELL, FAR = 0.5, 1.0
"""Stars from the own mean from which on a taste is told as a clear one, and as a very clear one."""

_ARTICLE = re.compile(r"^(.+), (The|An?|L[ae]s?|L'|Il|El|Los|D(?:er|ie|as))$")
"""As catalogues sort titles: "Sixth Sense, The"."""
_PATH = re.compile(r"[a-z_]+(?:\.[a-z_]+)+")
"""A category with those above it: electronics.video.tv."""
_SHELF = re.compile(r"/| - ")
_ASIDE = re.compile(r"\s*\([^()]*\)$")
"""A year, or another title, behind a title."""
_INNER = str.maketrans("《》“”", "〈〉‘’")
_WARES, _WORKS = frozenset({"brand", "price"}), frozenset({"genre", "genres", "artist", "album", "author", "director"})
"""Attributes of what has a name; and of what has a title all the same."""
DONE: Mapping[str, tuple[str, str]] = {
    "purchase": ("bought", "购买"),
    "view": ("viewed", "浏览"),
    "search": ("searched for", "搜索"),
    "like": ("liked", "点赞"),
    "post": ("posted about", "发帖提到"),
    "message": ("talked about", "聊到"),
    "review": ("wrote about", "评论中写到"),
    "return": ("returned", "退回"),
    "skip": ("skipped", "跳过"),
}
"""Kind of event to what was done with a thing; other kinds are counted as events."""
NAMED: Mapping[str, tuple[str, str, str]] = {
    "brand": ("the brand", "the brands", "品牌"),
    "artist": ("the artist", "the artists", "音乐人"),
    "author": ("the author", "the authors", "作者"),
    "director": ("the director", "the directors", "导演"),
    "actor": ("the actor", "the actors", "演员"),
    "account": ("the account", "the accounts", "账号"),
}
"""Group of a key to what its names are names of: one, several, in Chinese."""
MORE = {"en": "far more than most others", "zh": "远多于其他"}
FEW = 3
"""Acts from which on a taste is told by how many they are."""
STEPS = {"en": ("a little", "well", "far"), "zh": ("略", "明显", "远")}
_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
_NUMBERED = re.compile(r"\s*[(（][^()（）]*\{[^()（）]*[)）]")
"""A measure in brackets."""
_BEFORE_VOWEL = re.compile(r"\ba(?= [aeiou])")


class Fact(NamedTuple):
    """A verified tag as the model is told it."""

    tag: Tag
    line: str
    much: str
    """How strong it is, in words; "" where nothing was measured that a reader would want to know."""
    titles: tuple[str, ...]
    called: str = ""
    """The name of a thing, with what it is a name of where nobody would know: "the brand Halloway"."""
    told: str = ""
    """What is said of a user who has it, "has a cat"; "" for a taste."""
    acts: tuple[tuple[str, int], ...] = ()
    """How often which of `DONE` was done, where all that was done is known."""
    when: str = ""
    """The month in which it was said first; "" where that is not known, or it was not said."""
    marks: str = ""
    """What a title stands between in Chinese; "" where there is none."""
    most: bool = False
    """Whether it is told as what the user turns to far more than to most others."""

    @property
    def step(self) -> int | None:
        """Place in `STEPS`; None where it is not known from ratings."""
        off = self.tag.lift
        return None if off is None else (abs(off) >= WELL) + (abs(off) >= FAR)


Point = tuple[Fact, ...]
"""Facts that belong together: one sentence renders them."""
Arrange = Callable[[Sequence[Tag]], Sequence[Sequence[int]]]
"""Gives of stated tastes, the one that matters most first, the places of those that share a sentence."""


def _in_order(tags: Sequence[Tag]) -> Sequence[Sequence[int]]:
    return in_order(len(tags))


def points(
    tags: Sequence[Tag],
    events: Mapping[str, Event],
    kinds: Collection[str],
    lang: Language,
    taxonomy: Taxonomy,
    arrange: Arrange = _in_order,
) -> list[Point]:
    """What the persona says, a sentence a point: likes that were counted and likes that were stated, the surer ones
    first, then dislikes, habits and other stated facts.

    No title is the example of two tastes, and the shelf of a catalogue is told where there is nothing else. Of what is
    as sure, what was said more often comes first, then what was said last.

    Args:
        events: Those that the tags cite, by id.
        kinds: Of all events of the history.
        arrange: Of the stated likes.
    """
    known = sorted(
        (tag for tag in tags if tag.status != "candidate"),
        key=lambda tag: (
            tag.status != "pinned",
            _is_shelf(tag, taxonomy),
            -tag.probability * (1 + abs(tag.lift or 0)),
            -tag.counts.total,
            -_last(tag, events) if is_said(tag) else 0.0,
            tag.key,
        ),
    )
    traits, likes, dislikes = list[Tag](), list[Tag](), list[Tag]()
    for tag in known:
        (traits if _is_trait(tag, taxonomy) else likes if tag.polarity > 0 else dislikes).append(tag)
    said, most, first, further = list[Tag](), list[Tag](), list[Tag](), list[Tag]()
    for tag in likes:
        if is_said(tag):
            said.append(tag)
        elif is_most(tag, events):
            most.append(tag)
        else:
            (first if tag.facet == "interest" and len(first) < A_POINT else further).append(tag)
    said = said[:MOST]
    stated = [[said[at] for at in places] for places in arrange(said)]
    said_first = bool(said) and said[0] is likes[0]
    groups = [
        *(stated if said_first else ()),
        first,
        further[:A_POINT],
        most[:A_SENTENCE],
        *(() if said_first else stated),
        [tag for tag in dislikes if not is_said(tag)][:A_POINT],
        [tag for tag in dislikes if is_said(tag)][:A_SENTENCE],
        [tag for tag in traits if tag.basis != "stated"][: A_POINT + 1],
        [tag for tag in traits if tag.basis == "stated"][: A_POINT + 1],
    ]
    told: set[str] = set()
    return [tuple(_fact(tag, events, kinds, lang, told, taxonomy) for tag in group) for group in groups if group]


def is_said(tag: Tag) -> bool:
    """Whether nothing but the user's own words tells a taste."""
    return tag.basis == "stated" and tag.lift is None


def is_most(tag: Tag, events: Mapping[str, Event]) -> bool:
    """Whether a taste rests on a row or two that sum up far more than most rows of the user do."""
    if tag.lift is not None or tag.basis == "stated" or not 0 < tag.counts.total < FEW:
        return False
    agreeing = _agreeing(tag, events)
    summed = all(event.ts is None and event.value and event.kind in SUMMED for event in agreeing)
    return summed and len(agreeing) == tag.counts.total


def _agreeing(tag: Tag, events: Mapping[str, Event]) -> list[Event]:
    """The cited events that speak as the tag does."""
    against = tag.polarity < 0
    cited = [one.event_id for one in tag.evidence if (one.signal in AGAINST) == against]
    return [events[event_id] for event_id in cited if event_id in events]


def _last(tag: Tag, events: Mapping[str, Event]) -> float:
    """When the newest of the cited events happened, in seconds since 1970; 0 where no time is known."""
    times = [events[one.event_id].ts for one in tag.evidence if one.event_id in events]
    return max((time.timestamp() for time in times if time is not None), default=0.0)


def _is_shelf(tag: Tag, taxonomy: Taxonomy) -> bool:
    """Whether a name is what only a catalogue calls things: "CRACKERS/MISC BKD FD", "CANDY - PACKAGED"."""
    return tag.key.startswith("category/") and tag.key not in taxonomy.terms and bool(_SHELF.search(tag.label.en))


def _is_trait(tag: Tag, taxonomy: Taxonomy) -> bool:
    """Whether a tag tells what a user is or does, not what they like: to value quality is to like nothing."""
    return not tag.polarity or (tag.polarity > 0 and taxonomy.told(tag.key, tag.facet) is not None)


def _fact(
    tag: Tag, events: Mapping[str, Event], kinds: Collection[str], lang: Language, told: set[str], taxonomy: Taxonomy
) -> Fact:
    agreeing = _agreeing(tag, events)
    when = _month(tag.valid_from, lang) if tag.basis == "stated" and tag.valid_from else ""
    if _is_trait(tag, taxonomy):
        trait = _trait(tag, lang, taxonomy)
        return Fact(tag, _line_of_trait(tag, trait, when, lang), "", (), name(tag, lang), told=trait, when=when)
    titles = _exemplars(agreeing, told)
    told.update(titles)
    acts = _acts(tag, agreeing, kinds)
    named = [event.item.keys() for event in agreeing if event.item.get("title")]
    wares = all(_WARES & keys and not _WORKS & keys for keys in named)
    marks = ("“”" if wares else "《》") if titles else ""
    called, most = _called(tag, lang), is_most(tag, events)
    much = MORE[lang] if most else _much(tag, acts, lang)
    line = _line(tag, called, much, titles, marks, lang)
    return Fact(tag, line, much, titles, called, acts=acts, when=when, marks=marks, most=most)


def _exemplars(agreeing: Sequence[Event], told: set[str]) -> tuple[str, ...]:
    """Titles of the strongest events that agree with the tag, without repeats and without those told already."""
    found: list[str] = []
    for event in agreeing:
        if isinstance(given := event.item.get("title"), str) and given:
            one = title(ORIGINAL.sub(r"\g<chinese>", given) if not _WORKS.isdisjoint(event.item) else given)
            if one not in told and one not in found:
                found.append(one)
                if len(found) == MOST_EXEMPLARS:
                    break
    return tuple(found)


@lru_cache(16_384)
def title(given: str) -> str:
    """A title as one says it: "Sixth Sense, The (1999)" is The Sixth Sense. At most 60 characters."""
    said = given[:240]
    while (shorter := _ASIDE.sub("", said)) and shorter != said:
        said = shorter
    return safe(_ARTICLE.sub(r"\2 \1", said)).translate(_INNER)[:60]


def name(tag: Tag, lang: Language) -> str:
    """What a thing is called in a sentence: a category of a catalogue in capitals is no acronym."""
    label = safe(getattr(tag.label, lang))
    if tag.key.startswith("category/") and _PATH.fullmatch(label):
        label = label.rpartition(".")[2].replace("_", " ")
    return label.lower() if label.isupper() and len(label) > 3 and tag.key.startswith("category/") else label


def _called(tag: Tag, lang: Language) -> str:
    group, called = tag.key.partition("/")[0], name(tag, lang)
    if group == SERIES:
        return f"《{called}》系列" if lang == "zh" else f"the {called.removeprefix('The ')} series"
    noun = NAMED.get(group)
    if noun is None:
        return f"{group} {called}" if called.isdigit() else called
    return f"{noun[2]}{called}" if lang == "zh" else f"{noun[0]} {called}"


def _trait(tag: Tag, lang: Language, taxonomy: Taxonomy) -> str:
    """What is said of a user who has it, as the taxonomy tells it; an owner's own words are quoted."""
    label = taxonomy.told(tag.key, tag.facet)
    if label is None:
        stated = {"en": "mentions {}", "zh": "提到{}"}
        noted = {"en": "is noted as “{}”", "zh": "备注为“{}”"}
        return (stated if tag.basis == "stated" else noted)[lang].format(name(tag, lang))
    told: str = getattr(label, lang)
    if tag.measure is None:
        told = _NUMBERED.sub("", told)
    share = f"{100 * (tag.measure or 0):.0f}" + (" %" if lang == "en" else "%")
    return _BEFORE_VOWEL.sub("an", told.format(name(tag, lang), share=share, mean=f"{tag.measure or 0:.1f}"))


def _month(time: datetime, lang: Language) -> str:
    return f"{_MONTHS[time.month - 1]} {time.year}" if lang == "en" else f"{time.year}年{time.month}月"


def _line_of_trait(tag: Tag, trait: str, when: str, lang: Language) -> str:
    called = name(tag, lang)
    said = {"en": f"said in {when}", "zh": f"{when}说的"}[lang] if when else ""
    between, comma = (": ", ", ") if lang == "en" else ("：", "，")
    return comma.join(filter(None, (trait if called in trait else called + between + trait, said)))


def _line(tag: Tag, called: str, much: str, titles: tuple[str, ...], marks: str, lang: Language) -> str:
    """A taste in words of the language: what, how much, and an example or two.

    English titles stand without quotation marks: a model that repeats those ends its JSON string with them.
    """
    if lang == "zh":
        verb = f"喜欢{called}" if tag.polarity > 0 else f"不喜欢{called}"
        return "，".join(filter(None, (verb, much, f"例如{'、'.join(marked(titles, marks))}" if titles else "")))
    verb = f"likes {called}" if tag.polarity > 0 else f"dislikes {called}"
    return ", ".join(filter(None, (verb, much, f"e.g. {' and '.join(titles)}" if titles else "")))


def marked(titles: Sequence[str], marks: str) -> list[str]:
    """Titles between their marks."""
    return [f"{marks[0]}{one}{marks[1]}" for one in titles]


def _acts(tag: Tag, agreeing: Sequence[Event], kinds: Collection[str]) -> tuple[tuple[str, int], ...]:
    """What was done with a thing and how often, the most frequent first; () where it is not known of every event.

    Args:
        kinds: Of all events of the history.
    """
    total = tag.counts.total
    if tag.lift is not None or tag.basis == "stated" or total < 2:
        return ()
    done = Counter(event.kind for event in agreeing)
    if sum(done.values()) != total:
        done = Counter(dict.fromkeys(kinds, total)) if len(kinds) == 1 else Counter()
    return tuple(done.most_common()) if done and done.keys() <= DONE.keys() else ()


def _much(tag: Tag, acts: Sequence[tuple[str, int]], lang: Language) -> str:
    zh = lang == "zh"
    if tag.lift is not None:
        how = STEPS[lang][(abs(tag.lift) >= WELL) + (abs(tag.lift) >= FAR)]
        if zh:
            return f"评分{how}{'高' if tag.lift > 0 else '低'}于自己的平均分"
        return f"rated {how} {'above' if tag.lift > 0 else 'below'} their own average"
    if tag.basis == "stated":
        return ""
    if acts:
        return ("、" if zh else " and ").join(
            f"{DONE[kind][1]}{n}次" if zh else f"{DONE[kind][0]} {times(n)}" for kind, n in acts
        )
    return f"{tag.counts.total}次相关行为" if zh else f"{tag.counts.total} events"


def times(number: int) -> str:
    return f"{number} times" if number > 1 else "once"
