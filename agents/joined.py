"""Questions that name two groups and say what to do with them, put as one group: "Of those who A, which ones also B?".

What such a question does is told by its frame alone; the groups are left as they were said.
"""

from __future__ import annotations

import re

from agents.phrases import PEOPLE, SHARE, ZH_PEOPLE
from limner.domain import Language

_FOLK = rf"(?:(?:all|any|the|our|only|just)\s+)*(?:{PEOPLE}|folks?)"
_WHO = rf"{_FOLK}\s+(?:who|that|which)"
_START = r"(?:please|take|keep|start (?:with|from)|get|find|show|give me|list|pull)"
_ASK = (
    r"(?:(?:please|show|give|get|find|list|name|pull|return|me|us|i|we|want|need|which|are|also|only|just|keep|"
    r"pick|take)\s+)*"
)
_EN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^.*?\b(?:both(?:\s+(?:groups|camps|sets|lists))?|overlap|intersection|common\s+users|in\s+common)\b\W*"
        rf"(?:(?:between|of)\s+)?{_WHO}\s+(?P<a>.+?)\s*(?:[,/;&]|\band\b|\bwith\b)\s*(?:and\s+)?{_WHO}\s+(?P<b>.+)$",
        rf"^{_ASK}{_WHO}\s+(?P<a>.+?)[.,;:]\s+(?:(?:of|among|from)\s+(?:those|these|them),?\s+{_ASK}|"
        rf"which(?:\s+of\s+them|\s+ones)?\s+|narrowed\s+(?:down\s+)?to\s+)(?:{_WHO}\s+)?(?P<b>.+)$",
        rf"^{_ASK}{_WHO}\s+(?P<a>.+?)[,;.]\s+(?:and\s+)?they\s+(?:should|must|need\s+to|have\s+to)\s+(?:also\s+)?be\s+"
        rf"{_WHO}\s+(?P<b>.+)$",
        rf"^(?:of|out of|among|amongst|from|within)\s+{_WHO}\s+(?P<a>.+?),\s+{_ASK}(?:{_WHO}\s+|"
        rf"ones?\s+(?:of them\s+)?)?(?:also\s+)?(?P<b>.+)$",
        rf"^(?:take|keep|start (?:with|from))\s+{_WHO}\s+(?P<a>.+?),?\s+(?:and|then)\s+(?:keep|take|"
        rf"pick)\s+(?:only\s+|just\s+)?{_WHO}\s+(?P<b>.+)$",
        rf"^narrow\s+(?:down\s+)?{_WHO}\s+(?P<a>.+?)\s+(?:down\s+)?to\s+(?:only\s+|just\s+)?{_WHO}\s+(?P<b>.+)$",
        rf"^{_ASK}{_WHO}\s+(?P<a>.+?),?\s+and\s+of\s+(?:those|these|them),?\s+(?:only\s+|just\s+)*{_WHO}\s+(?P<b>.+)$",
        rf"^which\s+of\s+{_WHO}\s+(?P<a>.+?)\s+also\s+(?P<b>.+)$",
        rf"^which\s+{_WHO}\s+(?P<a>.+?)\s+are\s+also\s+{_WHO}\s+(?P<b>.+)$",
        rf"^{_ASK}{_FOLK}\s+(?:(?:where|with|meeting|matching|for whom)\s+)?both(?:\s+(?:hold|conditions?|criteria|"
        rf"are true))?:"
        r"\s*(?P<a>.+?)\s*(?:[,;+]|\band\b)\s*(?P<b>.+)$",
        rf"^{_ASK}{_WHO}\s+(?P<a>.+?)(?:\.\s+(?:they\s+)?(?:should|must|have to|need to)?|,?\s+(?:but\s+)?only if they|"
        rf",?\s+then\s+narrow\s+(?:it|them|that)\s+(?:down\s+)?to\s+{_WHO})\s+(?:also\s+)?(?P<b>.+)$",
        rf"^{_ASK}{_WHO}\s+(?P<a>.+?)(?:,?\s+(?:and|but))?\s+(?:who|that)\s+also\s+(?P<b>.+)$",
        rf"^{_ASK}{_WHO}\s+(?P<a>(?:(?!\b(?:{PEOPLE}|folks?|and|or|but)\s+who\b).)+?)\s+(?-i:who)\s+(?P<b>.+)$",
    )
)
_EN_OUT = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^{_START}\s+{_WHO}\s+(?P<a>.+?),?\s+(?:and|then|but)\s+(?:subtract|remove|throw out|take out|drop|exclude|"
        rf"filter out|leave out|cut|discard|weed out)\s+{_WHO}\s+(?P<b>.+)$",
        rf"^(?:excluding|setting aside|other than|leaving (?:out|aside)|aside from|except(?: for)?|apart from|"
        rf"not counting|ignoring|"
        rf"without)\s+"
        rf"{_WHO}\s+(?P<b>.+?),\s+{_ASK}(?:{_FOLK}\s+)?(?:(?:who|that)\s+)?(?P<a>.+)$",
        rf"^(?:exclude|drop|remove|filter out|leave out)\s+{_WHO}\s+(?P<b>.+?)(?:\.\s+then|,?\s+and(?:\s+then)?|"
        rf"\s+-)\s+"
        rf"{_ASK}(?:the\s+rest\s+(?:who|that)|{_WHO})\s+(?P<a>.+)$",
        rf"^{_ASK}{_WHO}\s+(?P<a>.+?),?\s+(?:but\s+)?(?:skip|drop|exclude|ignore)(?:\s+(?:them|those|anyone))?\s+if\s+"
        rf"(?:they|someone)\s+(?P<b>.+)$",
        rf"^(?:take out|remove|subtract|exclude|drop)\s+{_WHO}\s+(?P<b>.+?)\s+from\s+(?:the (?:list|set|group) of\s+)?"
        rf"{_WHO}\s+(?P<a>.+)$",
    )
)
_TAKES_OUT = re.compile(
    r"^(?:remove|filter|drop|exclude|take|leave|cut|throw|weed|discard|skip|subtract|minus|without|not|no|ignore|what|"
    r"how (?!many\b))\b",
    re.IGNORECASE,
)
_SHARE_OF = re.compile(
    rf"^(?:of|out of|among|amongst|from|within)\s+(?P<a>{_WHO}\s+.+?),\s+(?:what|which)\s+(?P<share>share|percentage|"
    rf"percent|proportion|fraction|portion)(?:\s+of them)?\s+(?:also\s+)?(?P<b>.+)$",
    re.IGNORECASE,
)
_ALSO = re.compile(
    r"(?<!\bare)(?<!\bwho)(?<!\bthat)(?<!\bhave)(?<!\band)(?<!\bbut)(?<!\bdo)(?<!\bcan)(?<!\bnot)(?<!\bthey)"
    r"(?<!\bwhile)(?<!,)(?<!\bones)(?<!\busers)(?<!\bpeople)(?<!\bmany) also (?=(?:are|have|do|don['’]t|aren['’]t|"
    r"haven['’]t|like|love|dislike|hate|enjoy|prefer|dig|buy|shop|rate|watch|give|use|pay|put|keep|tend)\b)",
    re.IGNORECASE,
)
"""Between two clauses, where no other word joins them."""
_HOW_MANY = re.compile(r"^how many(?: of them| of those)?\s+(?:also\s+)?", re.IGNORECASE)
_AMONG = rf"的(?:那[些批]|这[些批])?{ZH_PEOPLE}(?:里面?|中|当中|之中)[，,]?再?"
_WHICH = rf"(?:哪些|有哪些|还有哪些|有谁|谁|还有谁|有?多少个?(?!比例)|有?几[个位名]){ZH_PEOPLE}?"
_BUT = "(?:排除|除了?|除去|去掉|剔除)"
_OUT = (
    r"(?:去[掉除]|刨[除掉去开]|剔[除掉]|排除掉?|扣[除掉]|除[去开]|减去|过滤掉?|筛掉|拿掉|撇开|抛开|屏蔽|删[除掉]|"
    r"除外|不要|"
    r"不算|不含|不包[括含]|不参加|不发|不投|不列)"
)
_ZH_BOTH = tuple(
    re.compile(pattern)
    for pattern in (
        rf"^[从在]?(?P<a>.+?){_AMONG}(?:{_WHICH}|找出|筛出|筛选出?|挑出?|选出)(?P<b>.+?)的?$",
        rf"^[从在]?(?P<a>.+?){_AMONG}(?P<b>.+?)的{_WHICH}$",
        rf"^先找(?:出)?(?P<a>.+?)的{ZH_PEOPLE}[，,]再?从中(?:挑|选|筛|找)出?(?P<b>.+?)的?$",
        rf"^(?:同时)?(?:满足|符合)(?P<a>.+?)(?:[和与跟、]|并且|而且|且|同时)(?P<b>.+?)(?:的?{ZH_PEOPLE})?$",
        r"^(?:两个)?条件[：:](?P<a>.+?)[；;，,](?:并?且|同时)?(?P<b>.+)$",
        rf"^(?P<a>.+?)[和与跟、](?P<b>.+?)(?:两个?条件|两者|二者)(?:都|同时|均)(?:符合|满足|具备)的?{ZH_PEOPLE}?$",
        rf"^(?P<a>.+?)的{ZH_PEOPLE}[和与跟同](?P<b>.+?)的{ZH_PEOPLE}的?(?:取)?(?:交集|重合|重叠)(?:部分)?$",
    )
)
_ZH_OUT = tuple(
    re.compile(pattern)
    for pattern in (
        rf"^[从在]?(?P<a>.+?){_AMONG}{_OUT}(?:其中)?(?P<b>.+?)的?(?:{ZH_PEOPLE})?(?:[，,]?(?:还剩|剩下)?{_WHICH})?$",
        rf"^{_BUT}(?P<b>.+?)的?{ZH_PEOPLE}?(?:之?后|以?外|之外)[，,]?{_WHICH}(?P<a>.+)$",
        rf"^(?:{_BUT}|不包括|不含|不算)(?P<b>.+?)的{ZH_PEOPLE}?[，,]{_WHICH}(?P<a>.+)$",
        rf"^(?:{_BUT}|不包括|不含|不算)(?P<b>.+?)的?{ZH_PEOPLE}?(?:之?后|以?外|之外)?[，,](?P<a>.+?)的{_WHICH}$",
        rf"^先?{_OUT}(?:那些|其中)?(?P<b>.+?)的{ZH_PEOPLE}?(?:不谈|之?后|以?外)?[，,](?:再|只|我想?)*"
        rf"(?:看看?|列出|给我|显示|找出?)?(?:{_WHICH})?(?P<a>.+?)(?:的(?:名单|{ZH_PEOPLE})?)?$",
        rf"^把(?P<b>.+?)的?{ZH_PEOPLE}?{_OUT}(?:之?后)?[，,](?:看看|再看|剩下的?)?{_WHICH}(?P<a>.+)$",
        rf"^(?P<a>.+?)的(?:那[些批])?{ZH_PEOPLE}[，,](?:但|不过|可)?(?:别|不要|不)(?:带上?|包括|包含|算上?|"
        rf"含)(?P<b>.+?)的?$",
        rf"^(?P<a>.+?)的(?:那[些批])?(?:{ZH_PEOPLE}|名单)[，,](?:但|不过)?(?P<b>[^，,]+?)(?:的{ZH_PEOPLE}?|者)"
        rf"(?:都|请|全|就|一律|一概)*{_OUT}(?:了|列|导出)?$",
        rf"^(?P<a>.+?)的(?:那[些批])?{ZH_PEOPLE}[，,](?:但|不过)?别把(?P<b>.+?)的{ZH_PEOPLE}?(?:算|放|列|加)"
        r"(?:进去|进来|上)$",
        rf"^(?P<a>.+?)的(?:那[些批])?{ZH_PEOPLE}(?:有哪些)?[，,？?](?:并|但|再|且)?{_OUT}(?:其中|"
        rf"掉)?(?P<b>.+?)的?{ZH_PEOPLE}?$",
        rf"^(?P<a>.+?){_AMONG}除了?(?P<b>.+?)的?{ZH_PEOPLE}?(?:以外|之外|外)?[，,]?(?:还有谁|还有哪些|"
        rf"还有哪些{ZH_PEOPLE})$",
        rf"^不[看算要](?P<b>.+?)的{ZH_PEOPLE}?[，,]{_WHICH}(?P<a>.+)$",
    )
)
_ASIDE = re.compile(r"[（(]((?:不|除|排除|去掉|剔除)[^（）()]+)[)）]$")
_EVERYBODY = re.compile("(?:我们|咱们|平台|全部|所有|全体|总)的?")
_ZH_ASKS = re.compile(
    r"^(?:请|麻烦|帮我|帮忙|我|咱们?的?|想要|想找|想看|要|想|找出?|查一?下?|筛选(?:条件[：:]|出)?|拉一?份?|列出)+(?=.)"
)


def in_one(question: str, language: Language) -> str:
    """The question as one about one group; as it was where its frame is none of these."""
    text = question.strip(" ?？。.!！")
    if language == "en":
        for pattern in _EN:
            if (found := pattern.match(text)) is not None and _TAKES_OUT.match(found["b"]) is None:
                counted = _HOW_MANY.sub("", found["b"])
                return f"{'Which' if counted == found['b'] else 'How many'} users {found['a']} and also {counted}?"
        for pattern in _EN_OUT:
            if (found := pattern.match(text)) is not None:
                return f"Which users {found['a']} but not those who {found['b']}?"
        if (found := _SHARE_OF.match(text)) is not None:
            return f"What {found['share']} of {found['a']} also {found['b']}?"
        return question if SHARE.search(question) else _ALSO.sub(" and also ", question)
    text = _ASIDE.sub(r"，\1", text)
    asked = "多少用户" if re.search("多少|(?<!哪)几[个位名]|人数", text) else "哪些用户"
    for patterns, joint in ((_ZH_OUT, "{a}，但不包括{b}的"), (_ZH_BOTH, "{a}，而且{b}")):
        for pattern in patterns:
            if (found := pattern.match(text)) is not None and not _EVERYBODY.fullmatch(found["a"]):
                return asked + joint.format(a=_ZH_ASKS.sub("", found["a"]), b=found["b"])
    return question
