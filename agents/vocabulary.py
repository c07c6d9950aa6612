"""The words a portrait may use of its own: those that say how much, how often and how liked, and claim nothing else.

A language model asked to word a fact adds what sounds well: a reason, a feeling, a trade. So every word of a sentence
must come from its facts or from here; one stray word, and the sentence does not stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from agents.digest import HAN
from limner.domain import Language

_EN = frozenset(
    """
    a about above account across active actively activity again all almost also always among an and another any
    appeal are around as at average avoid avoided avoids away back based be been being below besides best better beyond
    both bought but buy buys by came choice choices close closely come comes common commonly content contrast day
    days different disappoint disappointed disappointing disappoints dislike disliked dislikes do does down drawn
    drew each early else end enjoy enjoyable enjoyed enjoying enjoys especially even evening evenings event events
    every example examples fall falls fan favor favored favorite favorites favors favour favoured favourite
    favourites favours find finds follow followed follows fond for found frequent frequently from gave generally
    genre genres get gets give given gives giving go goes got habit habits half hand hardly has have having high
    higher highest highly home hour hours in include includes including instance interest interested interests is
    it item items its just keen keep keeps kind kinds last late later lead leads least less like liked likes
    likewise list little live lives living look looks love loved loves low lower lowest many mark marked marks
    mean means middle more morning mornings most mostly much name named nearly never next night nights no none nor
    not notable notably of often on one ones only or other others out over overall own owns part particular
    particularly passed pick picked picks piece pieces place places played playing plays please pleased pleases
    point points poor poorly popular positive posted prefer preferred prefers rank ranked ranks rarely rate rated
    rates rather rating ratings read reading reads receive received receives regular regularly remain remains
    return said same say saying says score scored scores scoring searched see seen seldom several shopper shopping
    shops show shown shows similar similarly since skipped so some sort sorts stand stands star stars still strong
    strongly such take taken takes talked taste tastes tend than that the their them themselves then there these
    they thing things this those time times title titles to too top topic topics toward towards turn turned turns
    type types typical typically under up use user uses using usual usually very view viewed views watch watched
    watches watching way well what when where which while who whose with within without word words work working
    works would
    """.split()  # noqa: SIM905 (four hundred words in quotation marks are no easier to read)
)
"""English, lower case. "Means" is the plural of a mean here: with "which" before it, it is refused as a reason."""

KINDS: Mapping[str, str] = (
    dict.fromkeys(
        ("genre", "director", "actor", "region", "open"),
        "film films movie movies cinema series show shows story stories book books work works "
        "电影片影视剧集节目作品故事题材类型书",
    )
    | dict.fromkeys(("music", "artist"), "music song songs track tracks album albums 音乐歌曲专辑作品")
    | {
        "series": "series saga franchise film films movie movies book books story stories show shows game games "
        "系列电影片影视剧集作品小说书故事游戏",
        "author": "book books story stories writing 书作品小说",
        "brand": "brand brands product products goods item items 品牌产品商品",
        "category": "product products goods item items 产品商品用品",
        "food": "food foods drink drinks product products 食物饮料美食产品",
    }
)
"""Group of a key to words for the kind of thing it names: a brand is no film."""

_REASON = re.compile(
    r"\b(?:which|that|this) (?:means?|suggests?|shows?|makes?|indicates?)\b|\bso (?:they|this)\b|\bsince\b",
    re.IGNORECASE,
)
_ZH = frozenset(
    "这位用户喜欢偏爱热钟最不太讨厌受待见得心明显评分打给出比自己的平均值高低于过达超只有仅为是在对中上下里外间内星"
    "次回个部些相关行例如像包括等和与及以或且也还都则而就别各其它他类型题材片集节目作品书音牌商店物东西方面活动跃"
    "常经时候段夜深晚早晨清日周末天每多少很更较尤特另此同样之一二两三首先再又家养着了来去说到提述表示称本人从事职业"
    "工身前现正学习口味选择兴趣注感愿意通看听买吃喝玩读青睐好印象般远稍略大小第名列后被把让使收获予普遍倾向惯属余所"
    "重合论总体据起除避开接触聊浏览搜索点赞发帖退跳购"
)
"""Chinese, character by character."""
_STRAY = 1
"""Characters from elsewhere that a Chinese sentence may hold: a list of characters is never complete."""
_BEGINNING = 4
"""Letters by which "musicals" is known in "musical"."""
_LATIN = re.compile(r"[A-Za-z][A-Za-z'’]*")


def stray(text: str, facts: str, lang: Language) -> str:
    """Words of a sentence that neither its facts nor this vocabulary hold; "" where there are none.

    Args:
        text: Without the titles that its facts name.
        facts: All that its facts say, names of their things in any wording.
    """
    if (reason := _REASON.search(text)) is not None:
        return reason[0]
    if lang == "zh":
        foreign = [sign for sign in HAN.findall(text) if sign not in _ZH and sign not in facts]
        return "".join(foreign) if len(foreign) > _STRAY else ""
    known = {word[:_BEGINNING] for word in _LATIN.findall(facts.casefold())}
    words = (word.removesuffix("'s").removesuffix("’s") for word in _LATIN.findall(text.casefold()))
    return " ".join(word for word in words if len(word) > 1 and word not in _EN and word[:_BEGINNING] not in known)
