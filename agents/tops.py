"""Which tags most of a group have: "the most popular brands", "what genres do our users like best?", 最受欢迎的品牌.

A sort of tags is told by its noun: brands and artists by the group that begins their keys, interests and habits by
their facet. Where something is asked to be popular, liking it counts; where it is hated, disliking it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from agents.phrases import PEOPLE, ZH_PEOPLE
from agents.when import as_number
from limner.domain import Language, Polarity


class Sort(NamedTuple):
    """A sort of tags."""

    en: str
    zh: str
    groups: tuple[str, ...] = ()
    """What begins their keys; anything where empty."""
    facet: str = ""


SORTS = (
    Sort("tags", "标签"),
    Sort("interests", "兴趣", facet="interest"),
    Sort("habits", "习惯", facet="behaviour"),
    Sort("brands", "品牌", ("brand",)),
    Sort("genres", "类型", ("genre", "music")),
    Sort("categories", "品类", ("category", "food")),
    Sort("artists", "音乐人", ("artist",)),
    Sort("directors", "导演", ("director",)),
    Sort("actors", "演员", ("actor",)),
    Sort("authors", "作者", ("author",)),
    Sort("series", "系列", ("series",)),
    Sort("topics", "话题", ("topic",)),
)
_NOUNS = {
    "tags": r"tags?|标签",
    "interests": r"interests?|tastes?|hobb(?:y|ies)|兴趣爱好|兴趣|爱好|口味",
    "habits": r"habits?|behaviou?rs?|习惯|行为",
    "brands": r"brands?|品牌|牌子",
    "genres": r"(?:film |movie |music |book )?genres?|(?:电影|影片|音乐|图书)?(?:类型|题材|流派|曲风)|片种",
    "categories": r"(?:product )?categor(?:y|ies)|(?:商品|产品)?(?:品类|类别|类目|分类)",
    "artists": r"artists?|singers?|bands?|musicians?|歌手|音乐人|艺人|乐队",
    "directors": r"directors?|导演",
    "actors": r"actors?|演员",
    "authors": r"authors?|writers?|作者|作家",
    "series": r"(?:film |movie )?(?:series|franchises?)|(?:电影|影视)?系列",
    "topics": r"topics?|话题|主题",
}
_WHAT = f"(?P<what>{'|'.join(_NOUNS.values())})"
_N = r"(?:(?P<n>\d+|two|three|four|five|six|seven|eight|nine|ten|twenty)\s+)?"
_N2 = _N.replace("<n>", "<n2>")
_POPULAR = (
    r"(?P<how>top|hottest|best[- ]liked|(?:most|least) (?:popular|common|frequent|liked|loved|favou?red)"
    r"|favou?rite|most (?:disliked|hated|unpopular))"
)
_ALL = rf"(?:(?:most|all|the|our|of|many|everyone|everybody)\s*)*(?:{PEOPLE})?"
_EN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:what|which)(?:['’]s| is| are)\s+(?P<who>[\w ’'-]+?)['’]s?\s+{_N}{_POPULAR}\s+{_WHAT}",
        rf"(?:(?:what|which)(?:['’]s| is| are)?|(?:please )?(?:list|show|give|name|tell)(?: me| us)?)?\s*(?:the |our )?"
        rf"{_N}{_POPULAR}\s+{_N2}{_WHAT}(?:\s+(?:of|among|amongst|for|in|with|by|across)\s+(?P<a>.+))?",
        rf"(?:what|which)\s+{_N}{_WHAT}\s+(?:is|are)\s+(?:the\s+)?(?:{_POPULAR}|(?P<best>liked) (?:the )?(?:most|best))"
        rf"(?:\s+(?:of all|overall))?(?:\s+(?:among|amongst|with|by|for|of)\s+(?P<a>.+))?",
        rf"(?:what|which)(?:\s+else)?(?:\s+{_WHAT})?\s+(?:do|does)\s+(?P<who>.+?)\s+"
        rf"(?P<best>like|love|enjoy|prefer|favou?r|dislike|hate|buy|watch|read|play)(?:\s+(?:the\s+)?(?:most|best))?",
        rf"(?:what|which)\s+{_WHAT}\s+(?:is|are)\s+(?P<best>liked|loved|disliked|hated) by\s+(?:the\s+)?"
        rf"(?P<a>(?:most|many|the largest number of)(?: of (?:the|our))?\s+{PEOPLE})",
    )
)
_MOST_ZH = (
    "最(?P<how>受(?:用户|大家|人们?)?(?:欢迎|喜爱|青睐)|热门|流行|火爆?|常见|普遍|多(?:人喜欢)?|不受(?:欢迎|喜爱)|"
    "(?:被|遭)?讨厌)"
)
_N_ZH = r"(?:前)?(?P<n>\d+|[一二两三四五六七八九十])?(?:个|种|大|位|名)?的?"
_ASKED_ZH = r"(?:都|分别)?(?:是|有)?(?:什么|哪些|哪[几]?[个种位]|谁)?"
_ZH = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:请问|列出|给出)?(?:(?P<a>.+?)的?{ZH_PEOPLE}?(?:当中|之中|中|里)[，,]?)?"
        rf"{_MOST_ZH}的?{_N_ZH}{_WHAT}{_ASKED_ZH}",
        rf"(?:请问)?(?:(?P<a>.+?)的?{ZH_PEOPLE}(?:当中|之中|中|里)?[，,]?)?(?:什么|哪些|哪[几]?[个种位])"
        rf"{_WHAT}(?:在(?:用户|大家)中)?{_MOST_ZH}",
        rf"(?:请问)?(?P<who>.*?)(?:们)?(?:都|一般|普遍|还|也|通常)*最?(?P<best>喜欢|喜爱|爱|偏爱|讨厌|不喜欢)"
        rf"(?:的)?(?:是)?(?:什么|哪些|哪[几]?[个种位])(?:{_WHAT})?",
        rf"(?:请问)?(?:被)?(?P<best>喜欢|喜爱|讨厌)的?(?:{ZH_PEOPLE}|人)(?:数)?最多的{_N_ZH}{_WHAT}{_ASKED_ZH}",
    )
)
_FOLK = re.compile(rf"(?:(?:most|all|the|our|of|many)\s+)*{PEOPLE}\b", re.IGNORECASE)
_FOLK_ZH = re.compile(rf"(?P<a>.*?)的?(?:{ZH_PEOPLE}|大家)")
_HATED = re.compile(r"disliked?|hated?|unpopular|[被遭]?讨厌|不受|不喜欢", re.IGNORECASE)


class Top(NamedTuple):
    """What is asked."""

    sort: Sort
    leaning: Polarity | None
    """None where it does not matter."""
    lowest: bool
    most: int | None
    """None where no number is asked for."""
    group: str | None
    """Among whom, as it is said; None among everybody."""


def read(asked: str, lang: Language, named: Callable[[str], str | None] = lambda who: None) -> Top | None:
    """What a question asks that asks for the top tags of a group; None where it asks anything else.

    Args:
        named: Gives who is called so as people of whom something is said: "night owls" as "users who are night owls";
            None where that names no group.
    """
    text = asked.strip().rstrip("?？.。!！ ")
    found = next(filter(None, (pattern.fullmatch(text) for pattern in (_ZH if lang == "zh" else _EN))), None)
    if found is None:
        return None
    said = found.groupdict()
    best = (said.get("best") or "").lower()
    what = said.get("what") or ("categories" if best == "buy" else "interests")
    sort = next(one for one in SORTS if re.fullmatch(_NOUNS[one.en], what, re.IGNORECASE))
    how = said.get("how") or best
    most = said.get("n") or said.get("n2")
    among = said.get("a")
    if (who := said.get("who")) is not None:
        of_zh = _FOLK_ZH.fullmatch(who)
        among = of_zh["a"] if of_zh is not None else who if _FOLK.match(who) or _is_everyone(who, lang) else named(who)
        if among is None:
            return None
    return Top(
        sort,
        -1 if _HATED.match(how.removeprefix("most ")) else 1 if sort.groups or best else None,
        how.lower().startswith("least"),
        None if most is None else as_number(most),
        None if among is None or _is_everyone(among, lang) else among,
    )


def _is_everyone(among: str, lang: Language) -> bool:
    return re.fullmatch(_ALL if lang == "en" else rf"所有|全部|全体|{ZH_PEOPLE}|", among, re.IGNORECASE) is not None


def sort_of(groups: tuple[str, ...], facet: str) -> Sort:
    """The sort of tags with these groups or this facet."""
    return next((one for one in SORTS if (one.groups, one.facet) == (groups, facet)), SORTS[0])
