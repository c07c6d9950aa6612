"""The words a portrait may use of its own: those that say how much, how often and how liked, and claim nothing else.

A language model asked to word a fact adds what sounds well: a reason, a feeling, a trade. So every word of a sentence
must come from its facts or from here; one stray word, and the sentence does not stay.
"""

from __future__ import annotations

import re

from agents.digest import HAN
from limner.domain import Language

_EN = frozenset(
    """
    a about above across active actively activity all almost also always among an and another any are around as at
    avoid avoided avoids based be been being below best better both but by choice choices close closely come comes
    common commonly content day days disappoint disappointed disappointing disappoints dislike disliked dislikes do
    does down drawn drew early enjoy enjoyable enjoyed enjoying enjoys especially even evening evenings event events
    every example examples fall falls fan favor favored favorite favorites favors favour favoured favourite
    favourites favours film films find finds follow followed follows fond for found frequent frequently from gave
    generally genre genres get gets give given gives giving go goes got habit habits half hardly has have having
    high higher highest highly home hour hours in include includes including instance interest interested interests
    is it item items its just keen keeps kind kinds last late later lead leads least less like liked likes list
    little live lives living love loved loves low lower lowest many mark marked marks mean means middle more morning
    mornings most mostly movie movies much music name named nearly never next night nights no none not notable
    notably of often on one ones only or other others out over own owns part particular particularly pick picked
    picks piece pieces place places played playing plays please pleased pleases point points poor poorly popular
    positive prefer preferred prefers product products rank ranked ranks rarely rate rated rates rating ratings read
    reading reads receive received receives regular regularly remain remains same say says score scored scores
    scoring second see seen seldom series several show shown shows similar similarly since so some sort sorts stand
    stands star stars still stories story strong strongly such take taken takes taste tastes than that the their
    them themselves then there these they thing things this those time times title titles to too top topic topics
    toward towards turn turns type types typical typically under up use user uses using usual usually very view
    viewed views watch watched watches watching way well what when where which while who whose with within without
    word words work working works would
    """.split()  # noqa: SIM905 (four hundred words in quotation marks are no easier to read)
)
"""English, lower case. "Means" is the plural of a mean here: with "which" before it, it is refused as a reason."""

_REASON = re.compile(
    r"\b(?:which|that|this) (?:means?|suggests?|shows?|makes?|indicates?)\b|\bso (?:they|this)\b|\bsince\b",
    re.IGNORECASE,
)
_ZH = frozenset(
    "这位用户喜欢偏爱热钟最爱不太讨厌受待见得心明显评分打给出比自己的平均值高低于过达超只有仅为是在对中上下里外间内"
    "星次回个部些相关行例如像包括等和与及以或且也还都则而就均分别各自其它他类型题材片影视剧集节目电作品书音乐歌曲"
    "品牌商店物东西方面活动跃常经时候分段夜深晚早晨清日周末天每多少很更较尤特别另此外同样之一二两三首先其次再又"
    "家养着了过来去说到提自述表示称本人从事职业工作身目前现正学习口味选择兴趣关注感愿意通看听买用吃喝玩读"
    "青睐好印象一般远稍略大小第名列前后被被把让使中意收获得获给予普遍倾向习惯属于相比其余所喜爱看重"
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
