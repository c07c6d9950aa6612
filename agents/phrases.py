"""How questions are said, in English and Chinese: the words by which `agents.plan` takes them apart.

Patterns run on text as it was typed, in any case. What they name they name by groups; which order they are tried in is
theirs: the more particular comes first.
"""

from __future__ import annotations

import re
from typing import Literal, cast

from limner.query import BOUGHT, PLAYED, RATED, WRITTEN, Comparison, Statistic, Want

# --- what is wanted ---

PEOPLE = (
    r"(?:users|user|people|persons|customers|households|viewers|shoppers|readers|listeners|members|accounts|clients|"
    r"buyers|ones|everyone|everybody|anyone|anybody|those|all|we|i)"
)
SHORT: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE if pattern.islower() else 0), said)
    for pattern, said in (
        (r"#(?= ?of\b)", "number "),
        (
            r"\b((?:dis)?likes?|loves?|enjoys?|hates?|buys?|bought|watch(?:es)?|reads?|prefers?|are|have)\s+both\s+"
            r"(?=[^?.!]*\band\b)",
            r"\1 ",
        ),
        (r"\bworks? as (?:an? )?", "are "),
        (r"(\b(?:who|that)\b.+?) ((?:have|has) (?:lapsed|churned)\b)", r"\1 and \2"),
        (r"\bno\.(?= of\b)", "number"),
        (r"(?<![\d ]) ?%(?= of\b)|^%(?= of\b)|(?<=what )%(?= of\b)", "percentage"),
        (r"\bexcl\.", "excluding"),
        (r"\bw/o(?= )", "without"),
        (r"\bNOT(?= (?:those|people|users|ones|anyone)\b)", "but not"),
        (r"^\w+ ?= ?(?=\w)", ""),
        (r"(?<=[a-z]) \+ (?=[a-z])", " and "),
        (r"\bNOT(?= )", "excluding those who"),
        (r"(?<=[\u4e00-\u9fff]) ?(?:[+&∩]|AND|and) ?(?=[\u4e00-\u9fff])", "，而且"),
        (r"(?<=[\u4e00-\u9fff]) ?(?:NOT|not) ?(?=[\u4e00-\u9fff])", "，不包括"),
        (r"\bppl\b", "people"),
        (r"不在(.+?)的?人?之列", r"不属于\1的人"),
    )
)
"""What is short for words, or can be said more plainly."""
ASK = (
    r"(?:(?:please|can you|could you|would you|i need|i want|i'd like|tell me|give me|show me|show|list|find me|find|"
    r"name|work out|figure out|find out|get me|get|return|fetch|display|identify|pick out|let me see|give|"
    r"(?:(?:can|could|would|will) (?:you|i|we)|(?:i|we)(?: would|'d| want to| need to)?(?: like to)?)|see|have|"
    r"(?:pull|bring|look|dig|call)(?: me)? up|search for|look for|select|filter|print|help me(?: to)?|report|export|"
    r"for me|me)\s+)*"
)
WHO = r"(?:\s+(?:who|that|which|whom))?\b"
HEADS: tuple[tuple[Want, re.Pattern[str]], ...] = tuple(
    (cast(Want, want), re.compile(pattern, re.IGNORECASE))
    for want, pattern in (
        (
            "share",
            rf"^{ASK}(?:what|which|how large a|how big a)?\s*(?:is the )?(?:share|percentage|percent|proportion|"
            rf"fraction|part)\s+of\s+(?:all\s+|the\s+|our\s+)*{PEOPLE}{WHO}",
        ),
        ("share", rf"^how many percent of\s+(?:all\s+|the\s+|our\s+)*{PEOPLE}{WHO}"),
        (
            "count",
            rf"^{ASK}(?:what is |what's |whats )?(?:the )?(?:total )?(?:number|count|headcount|head count|"
            rf"size of the group|"
            rf"size of the segment)\s+of\s+"
            rf"(?:all\s+|the\s+|our\s+)*{PEOPLE}{WHO}",
        ),
        (
            "count",
            rf"^{ASK}(?:how many|count)\s+(?:of\s+)?(?:all\s+|the\s+|our\s+)*{PEOPLE}(?:\s+(?:are|is) there)?{WHO}",
        ),
        (
            "count",
            rf"^(?:(?:out )?of|from|among|amongst)\s+(?:all\s+|the\s+|our\s+|"
            rf"of\s+)*{PEOPLE},?\s+how many(?: of them)?\b|"
            r"^how many(?: (?:of them|of these|of those|in total|overall|altogether|exactly))+\b",
        ),
        (
            "count",
            rf"^how (?:big|large) is the (?:group|segment|set|number|share) of\s+(?:all\s+|the\s+|"
            rf"our\s+)*{PEOPLE}{WHO}",
        ),
        (
            "list",
            rf"^{ASK}(?:(?:the|a|all|full)\s+)*(?:list|ids?|names?) of\s+(?:all\s+|the\s+|our\s+)*{PEOPLE}{WHO}",
        ),
        ("list", rf"^(?:who|which|what) (?:are|is) (?:all |the |our )*{PEOPLE}{WHO}"),
        ("list", rf"^(?:which|what)\s+(?:of\s+)?(?:all\s+|the\s+|our\s+)*{PEOPLE}{WHO}"),
        ("list", rf"^{ASK}(?:(?:all|the|every|our|any)\s+)*{PEOPLE}{WHO}"),
        ("list", r"^(?:is|are) there (?:any|some)?(?:one|body|\s*users|\s*people)\b(?: who| that)?"),
        (
            "list",
            rf"^(?:who|which|what)(?: (?:of|among|amongst))(?: (?:all|the|our|these|those|them))*(?: {PEOPLE})?\b{WHO}",
        ),
        ("list", r"^(?:who|whom)(?: all)?(?: do we have| have we got)?(?: that| who)?\b"),
    )
)
_FOLK = (
    rf"(?:{PEOPLE}|folks?|individuals|guys|consumers|subscribers|visitors|patrons|raters|reviewers|audience|crowd|"
    rf"bunch|"
    r"group|segment|cohort|set|accounts|profiles|somebody|someone)"
)
_HEAD = (
    r"(?:can|could|would|will|may|might|you|please|kindly|hand|pass|give|gives|get|fetch|grab|pull|bring|list|show|"
    r"tell|"
    r"name|pick|choose|select|find|identify|spot|dig|look|looking|search|searching|seek|seeking|see|know|want|wanted|"
    r"need|needed|after|like|love|wonder|wondering|curious|interested|trying|report|export|return|display|print|filter|"
    r"count|estimate|compute|calculate|work|say|help|let|me|us|i|i'm|i’m|i'd|i’d|we|we're|we’re|we'd|we’d|am|are|is|"
    r"was|"
    r"what's|what’s|who's|who’s|be|being|there|to|for|of|out|up|down|over|on|in|at|by|about|the|a|an|all|any|every|"
    r"each|"
    r"both|our|my|your|their|those|these|that|which|who|whom|what|how|many|much|big|large|numerous|roughly|around|"
    r"approximately|exactly|precisely|total|overall|number|quantity|size|tally|headcount|figure|share|percentage|"
    r"percent|"
    r"proportion|portion|fraction|part|ids?|names?|lists?|roster|table|overview|do|does|did|have|has|got|and|now|hi|"
    r"hello|"
    r"hey|ok|okay|so|well|then|just|quickly|full|complete|whole|entire|also|among|amongst|within|from|into|data|"
    r"database|"
    r"records|base|draw|make|compile|put|together|extract|generate|produce|create|point|single|narrow|them|got|belong|"
    r"it|this|here|useful|good|nice|great|check|checking|s|select|selecting|determine|establish|discover|run|query|"
    r"provide|supply|send|round|"
    r"whichever|quick|take|keep|start|target|targeting|build|assemble|segment|audience|mailing|mail|email|campaign|"
    r"newsletter|csv|spreadsheet|file|sheet|looked|only|"
    r"able|across|platform|site|store|shop|service|company|membership|account|customer|member|viewer|user|shopper|or|"
    r"terms|together|made|consists?|consisting|comprises?|must|should|"
    r"track|locate|retrieve|enumerate|gather|collect|output|surface|highlight|flag|isolate|pinpoint|possible|way|idea|"
    r"mind|telling|listing|giving|showing|happen|happens|might|across|population|few|rundown|breakdown|different|"
    r"high|add|"
    r"sum|quantify|ask|altogether|let['’]s|where|as)"
)
FOLK = re.compile(rf"(?!(?:we|i)\b){_FOLK}(?![\w'’-])", re.IGNORECASE)
HEAD_WORD = re.compile(rf"(?:{_HEAD}|{_FOLK})(?![\w'’-])|[,:]", re.IGNORECASE)
"""What may stand before whom a question is about, in any order: words that ask, count and name people, no others."""
DEED = re.compile("like|love|want|need|see|show|know|help|mind|add|run|make|check", re.IGNORECASE)
"""What asks before people are named, and behind them says what they do."""
MEASURES = frozenset(["who", "many", "share", "percentage", "percent", "proportion", "portion", "fraction"])
"""What a head may end with once people are named: "Of all users, what fraction …"."""
ASKS_FOR_A_NUMBER = re.compile(r"\b(?:number|count|figure)\b", re.IGNORECASE)
ALL_OF_THEM = re.compile("(?:所有|全部|全体|总|整个)的?|(?:所有|全部|全体)?的?(?:用户|人|会员|客户|顾客)")
ASKS_WHAT_THEY_DO = re.compile(r"\b(?:what|which|whom) (?:do|does|did)\b", re.IGNORECASE)
RELATIVE = re.compile(r"(?:who|that|which|whom)(?![\w'’-])", re.IGNORECASE)
FILLED = re.compile(
    r"^(?:(?:who|that|in total|in all|overall|altogether|all told|happens? to|currently|at present|at the moment|"
    r"right now|these days|actually|really|exactly|here|"
    r"out there|would you say|have we got|do we (?:have|know)|are there|"
    r"(?:in|within|among|from|across) (?:(?:our|the|this|your|my|whole|entire|user) )*"
    r"(?:data(?:base| set)?|base|platform|site|service|store|membership|population|records|sample|"
    r"system))\b[, ]*)+(?:(?:who|that)\b[, ]*)?",
    re.IGNORECASE,
)
NOT_BOTH = re.compile(
    r",?\s*(?:but|though|yet|and)?,?\s*not\s+both(?:\s+of\s+(?:them|these|those))?(?=[.?!]?$)|"
    r"[，,、]?(?:但|但是|而|不过)?(?:两者|二者|两样|这两者|它们)?(?:不能|不会|并?不|没有?)(?:同时|都|两者都|两样都)+(?:喜欢|爱看|爱|是|买|满足|符合|占|具备)?(?:的)?(?=[。？?！]?$)",
    re.IGNORECASE,
)
"""Of two, who fits exactly one: the end of "who like horror or sci-fi, but not both?"."""
EITHER_WORD = re.compile(r"\beither\s+", re.IGNORECASE)
TAIL = re.compile(
    r"(?:[\s,;.!?]+(?:please|thanks|thank you|for me|for us|right now|now|at the moment|at present|in total|overall|"
    r"all told|"
    r"(?:(?:and|can you|could you|please|then|just) )*(?:list|name|send|give|show|tell|export|get|e-?mail)(?: (?:me|"
    r"us|over))? "
    r"(?:(?:them|those|it|all of them|(?:their|the|a|an|its) (?:full |whole |exact )?(?:ids?|names?|lists?|number|"
    r"count|figure|total))"
    r"(?: (?:or|and|plus) (?:their |the )?(?:ids?|names?))?)|(?:in)?to (?:a|an) (?:csv|spreadsheet|file|sheet|list)|"
    r"as (?:a|an) (?:csv|spreadsheet|file|list)|pls|plz|-+ ?who are they|"
    r"altogether|do we have|have we got|are there|is there))+[\s.!?]*$",
    re.IGNORECASE,
)
WANTED: tuple[tuple[Want, re.Pattern[str]], ...] = tuple(
    (cast(Want, want), re.compile(pattern, re.IGNORECASE))
    for want, pattern in (
        (
            "share",
            r"\b(?:share|percentage|percent|proportion|portion|fraction|part)\b|比例|占比|比重|份额|百分|几成|"
            r"一部分|占(?:了|有)?多少(?!人)",
        ),
        (
            "count",
            r"\b(?:how (?:many|big|large|numerous)|number|count|quantity|size|tally|headcount|total|figure|quantify|"
            r"(?:add|sum|tot) up)\b|"
            r"多少|(?<!哪)几[个位名]|人数|数量|数目|用户数|总数|规模|有多大|统计|[数算]一[数算下]",
        ),
    )
)
"""What a head asks for by one of its words; a list where it has none of these."""
COUNTED = (
    rf"{ASK}(?:how many|(?:what\s+(?:is\s+)?)?(?:the )?"
    r"(?:share|percentage|percent|proportion|fraction|number|count) of|which|what|who are|compare)?\s*"
)
"""Before what is counted or listed."""
BEFORE_A_SORT = re.compile(
    rf"^{COUNTED}(?:(?:find|get|give|show|list|name|pull|fetch)(?: me| us)?\s+)?"
    r"(?:(?:all|the|our|of|any|some|every)\s+)*",
    re.IGNORECASE,
)
CALLED = re.compile(rf"\s+{PEOPLE}\b", re.IGNORECASE)
WHO_ELSE = re.compile(r"^\s*(?:who|that|which)\s+", re.IGNORECASE)
THERE_ARE = re.compile(r"^\s*(?:are there|do we have|have we got)\b", re.IGNORECASE)
DOES = (
    r"(?!(?:and|or|but|with|to|against|versus|vs|by|from|are|is|apart|there|have|has|do|does|in|on|of|who|that|which|"
    r"differ|different|except|excluding|minus|without)\b)(\w)"
)
"""The beginning of a clause about what a group does."""
APART = re.compile(
    r"^what do (?P<a3>.+?) have in common[?.!\s]*$|"
    r"^what (?:sets|distinguishes|separates|differentiates|marks|makes|is special about|is typical of|"
    r"is characteristic of|"
    r"characterises|characterizes)\s+(?P<a>.+?)(?:\s+(?:apart|off|out|different|special|stand out))?"
    r"(?:\s+from\s+(?P<b>.+?))?[?.!\s]*$|^how (?:do|does|are|is)\s+(?P<a2>.+?)\s+(?:differ|"
    r"different)(?:\s+from\s+(?P<b2>.+?))?[?.!\s]*$",
    re.IGNORECASE,
)
REST = re.compile(
    rf"^(?:the\s+)?(?:rest|others?|everyone(?: else)?|everybody(?: else)?|all (?:the )?others?|other {PEOPLE}|"
    rf"everyone else|the average user)$",
    re.IGNORECASE,
)
COMPARE = re.compile(
    r"^(?:please )?compare\s+(?P<a>.+?)\s+(?:with|to|against|versus|vs\.?)\s+(?P<b>.+?)"
    r"(?:\s+(?:by|in terms of|on|in|with respect to)\s+(?:their\s+)?(?P<by>[^?.]+?))?[?.!\s]*$",
    re.IGNORECASE,
)
MORE_THAN = re.compile(
    r"^(?:are|is|do|does)\s+(?P<a>.+?)\s+(?P<by>(?:more|less) active|"
    r"(?:rate|score)s?\s+(?:films\s+|things\s+)?(?:higher|lower)|(?:give|gives) (?:higher|lower) ratings|"
    r"spends? (?:more|less)(?: money)?|(?:buy|shop|order)s? (?:more|less)(?: often)?|"
    r"writes? (?:more|fewer) reviews)\s+than\s+(?P<b>.+?)[?.!\s]*$",
    re.IGNORECASE,
)
"""Whether one group is ahead of another."""
ZH_MORE_THAN = re.compile(
    r"^(?:请问)?(?P<a>.+?)比(?P<b>.+?)(?:更|还|要)*(?P<by>活跃|(?:花钱|花得?|消费|花费)(?:更)?(?:多|高|少)|(?:评分|打分|给分)(?:更)?[高低]|"
    r"(?:买得?|购物|购买)(?:更)?(?:多|频繁|少))(?:一些|些)?(?:吗|么|呢)?[？?。]*$"
)
AHEAD: tuple[tuple[re.Pattern[str], Statistic], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), statistic)
    for pattern, statistic in (
        ("active|活跃", Statistic(measure="events")),
        ("rat|score|评分|打分|给分", Statistic(measure="stars")),
        ("review", Statistic(measure="events", acts=("review",))),
        ("spend|花|消费", Statistic(measure="spend", acts=BOUGHT)),
        ("buy|shop|order|买|购", Statistic(measure="events", acts=BOUGHT)),
    )
)
LOWEST = re.compile(r"\b(?:least|fewest|lowest)\b|最少|最低", re.IGNORECASE)
AVERAGE = re.compile(
    rf"^(?:(?:what|how (?:big|large|high))(?:['’]s| is| are)?\s+)?(?:the\s+|our\s+)?(?P<by>(?:average|mean)\s+"
    rf"(?:(?:number|amount|count) of\s+)?.+?)"
    rf"(?:\s+(?:per|by|of|for|among|a)\s+(?P<a>.+?))?[?.!\s]*$|"
    rf"^how (?:much|many)\s+(?P<by2>.*?)\s*\b(?:does|do)\s+(?P<a2>(?:(?:all|the|our|each|a|every|one)\s+)*"
    rf"{PEOPLE}\b.*?)\s+(?P<verb>spend|rate|buy|order|write|give|play)\s+on average[?.!\s]*$",
    re.IGNORECASE,
)
EACH_OF_THEM = re.compile(
    rf"(?:(?:all|the|our|each|a|every|one)\s+)*{PEOPLE}|所有|全部|每[个位名]|我们的?", re.IGNORECASE
)
TOP_USERS = re.compile(
    rf"^(?:{ASK})(?:which|who|the|what)?\s*(?:are\s+)?(?:the\s+|our\s+)?(?:top\s+)?(?:(?P<n>\d+)\s+)?(?:top\s+)?"
    rf"(?:{PEOPLE}\s+)?(?:who\s+|that\s+|with\s+|by\s+|of\s+)?(?:have\s+|has\s+|"
    rf"had\s+)?(?:the\s+)?(?P<by>.*?\b(?:most|highest|least|fewest|lowest|top|by)\b.*?)[?.!\s]*$",
    re.IGNORECASE,
)
BY: tuple[tuple[re.Pattern[str], Statistic], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), statistic)
    for pattern, statistic in (
        (r"average rating|mean rating|average stars|mean stars|平均分|均分|平均评分", Statistic(measure="stars")),
        (
            r"per (?:purchase|basket|order|trip)|basket value|客单价|每次购物|每单",
            Statistic(measure="basket", acts=BOUGHT),
        ),
        (
            r"\bsp(?:end|ent|ending|ends)\b|\bpaid\b|\bmoney\b|revenue|消费|花费|花钱|金额",
            Statistic(measure="spend", acts=BOUGHT),
        ),
        (r"\bratings?\b|\brated?\b|评分|打分", Statistic(measure="events", acts=RATED)),
        (r"\breviews?\b|\breviewed\b|评论|影评", Statistic(measure="events", acts=("review",))),
        (
            r"\bpurchases?\b|\borders?\b|\bbought\b|\bbuys?\b|购买次数|购物次数|订单|购买|购物",
            Statistic(measure="events", acts=BOUGHT),
        ),
        (r"\bplays?\b|\blistens?\b|播放", Statistic(measure="events", acts=PLAYED)),
        (r"\bdays?\b|天", Statistic(measure="days")),
        (r"\btags?\b|标签", Statistic(measure="tags")),
        (r"\bactive\b|\bactivity\b|\bevents?\b|活跃|活动|事件", Statistic(measure="events")),
    )
)
_ZH_FOLK = (
    "用户群?|顾客|家庭(?!片|剧|电影|影|喜剧|类|伦理)|客户|观众|读者|听众|会员|买家|购物者|消费者|成员|人群|"
    "群体|账号|账户|帐号|帐户"
)
ZH_PEOPLE = f"(?:{_ZH_FOLK}|人)"
ZH_HEADS: tuple[tuple[Want, re.Pattern[str]], ...] = tuple(
    (cast(Want, want), re.compile(pattern))
    for want, pattern in (
        (
            "share",
            rf"^(?:请问)?(?P<a>.*?)的?{ZH_PEOPLE}?(?:占|所占)(?:全部|所有|总)?(?:{ZH_PEOPLE})?(?:的)?(?:多大比例|"
            rf"多少比例|比例|比重|百分比|"
            rf"百分之几|几成|多少)(?:是多少|有多大|多大)?[？?。]*$",
        ),
        (
            "share",
            rf"^(?:请问)?(?:有)?(?:百分之多少|百分之几|多大比例|多少比例|几成)的?{ZH_PEOPLE}(?P<a>.*?)[？?。]*$",
        ),
        ("count", rf"^(?:请问)?(?:一共)?有?(?:多少|几)(?:个|位|名)?{ZH_PEOPLE}(?P<a>.*?)[？?。]*$"),
        (
            "count",
            rf"^(?:请|帮我)?(?:统计|数)(?:一下|一数)?(?P<a>.*?)的?(?:{ZH_PEOPLE}的?)?(?:数量|人数|用户数|数目|数|"
            rf"有多少|总数)?[？?。]*$",
        ),
        (
            "count",
            rf"^(?P<a>.*?)的?{ZH_PEOPLE}?(?:数量|数|总数)?(?:一共|总共|大概|大约)?(?:有|是)(?:多少|几)(?:个|位|"
            rf"名)?(?:{ZH_PEOPLE})?[？?。]*$",
        ),
        (
            "count",
            rf"^(?:请|帮我|麻烦)*(?:给出|求|算出|列出)(?P<a>.*?)的?(?:{ZH_PEOPLE}的?)?(?:数量|人数|用户数|数目|"
            rf"总数)[？?。]*$",
        ),
        ("list", rf"^(?:请问)?(?:有)?(?:哪些|哪几个|哪几位|什么样的|哪个){ZH_PEOPLE}(?P<a>.*?)[？?。]*$"),
        ("list", r"^(?:请问)?谁(?P<a>.*?)[？?。]*$"),
        (
            "list",
            rf"^(?:请|帮我|帮忙|麻烦|我?想要?|我要|能不能|可不可以|能否|给我|你)*"
            rf"(?:列出|列举|列一下|找一?找|找一下|找出来?|找到|查一?查|查一下|看看|看一下|查找|查出|查询|搜索|"
            rf"搜|显示|展示|给出|筛选出?|选出|调出|拉出|导出)"
            rf"(?:一下|所有|全部)*(?:有?(?:哪些|什么样的|哪几个){ZH_PEOPLE})?(?P<a>.*?)的?(?:所有|"
            rf"全部)?{ZH_PEOPLE}?[？?。]*$",
        ),
        ("list", rf"^(?:请问)?(?P<a>.*?)的{ZH_PEOPLE}(?:都|一共|分别)*(?:有|是)(?:谁|哪些|哪几个|哪几位)[？?。]*$"),
    )
)
_ZH_WHO = (
    rf"(?:谁|(?:用户|{ZH_PEOPLE})(?:当中|之中|中|里面?|里头)|"
    rf"(?:哪些|哪几[个位名]|多少|几(?=[个位名]|{ZH_PEOPLE})|(?<=[有是共])几|什么样的)[个位名]?(?:{ZH_PEOPLE})?)"
)
_ZH_PART = (
    r"(?:占?比例?|比重|份额|百分比|百分之(?:多少|几)|多少|几成|多大(?:一部分|比例)?|多高|人数|数量|数目|总数|名单)"
)
_ZH_ASK = (
    r"(?:给我个数|有没有(?=.{2,}的)|麻烦|劳烦|烦请|请问|请|帮忙|帮我|帮|给我|替我|为我|我们|我|你|您|想要|想|需要|"
    r"要|知道|了解|看看|"
    r"看一下|"
    r"看下|能不能|能否|"
    r"可不可以|可以|能|把|将|列出来?|列一?下|列举|找出来?|找到|找一?[找下]|挑出来?|选出来?|查出来?|查一?[查下]|查询|"
    r"查找|筛选?出来?|"
    r"圈选|[导调拉筛圈捞挑抓摘抽]一?[下份个出]?|给出|展示|显示|输出|汇总|整理|罗列|提取|锁定|告诉|求|从|在|统计|"
    r"估计|估算|计算|"
    r"咱们?的?|找|[报说问算]一?[下声]?|只要|只想|查看|具体|做活动要?用|平台上?|站内|系统里?|数据库里?|全部|全体|"
    r"所有|整个|总共?的?|"
    r"[数算]一?[数算下]|一下|那些|这些|都|有|目前|现在|如今|到底|究竟|一份|一些|能?帮忙?|"
    rf"大概|大约|一共|总共|总计|{_ZH_PART}|[，,：:\s])"
)
_ZH_TOLD = (
    rf"(?:的|(?<=的)[这那]?[群些批]?人?|{_ZH_FOLK}|名单|列表|清单|名册|编号|[iI][dD]|名字|信息|用户数|客户数|规模|"
    rf"(?:(?<=[的户员众群客人占数少])|(?={_ZH_PART}(?:[是为有占]|大概|大约)*(?:多少|多大|多高|几)))所?占?{_ZH_PART}|"
    r"百分之(?:多少|几)|多少|几成|多大(?:一部分|比例)?|多高|所?占|多不多|具体|在|里面?|中|"
    rf"有|是|为|{_ZH_WHO}|大概|大约|一共|总共|总计?|都|分别|全部|全体|总体|整体|所有|[？?]?请?(?:列|导|发|"
    rf"报)(?:出来|一下|给我)?|"
    r"(?:给我|帮我)?(?:挑|找|列|选|查|筛|导|拉|调|给|报|数|算)(?:选|查)?(?:出来|出|一下|给我|我)|我|[，,\s])"
)
ZH_HEADED = re.compile(
    rf"^(?P<head>(?:{_ZH_ASK}|{_ZH_WHO}|{ZH_PEOPLE}的?)*)(?P<a>.+?)(?P<tail>{_ZH_TOLD}*)[？?。！!吗呢吧啊]*$"
)
"""A question whose edges are words that ask, count and name people, in any order, and what is between them."""
ZH_WISHED = re.compile(rf"(?:{_ZH_WHO}|{ZH_PEOPLE})(?:都|也)?(?:想要?|需要|要)(?:看看?)?$")
"""Where a head ends so, it has taken a wish of those it is about for one of who asks."""
ZH_WHOM = re.compile(rf"{_ZH_WHO}|{ZH_PEOPLE}|名单|人数|用户数")
"""One of these says that a question is about users."""
SHARE = re.compile(r"\b(?:share|percentage|percent|proportion|fraction|part)\b", re.IGNORECASE)
OF_WHOM = re.compile(r"^(?P<a>.+?)\s+also\s+(?P<b>.+)$", re.IGNORECASE)
"""Of a share: of which users, and what is asked of them."""
ZH_OF_WHOM = re.compile(
    rf"^(?P<a>.+?)的?{ZH_PEOPLE}(?:当中|之中|中|里面?)[，,]?(?:有)?(?:(?:多少|多大)比例|百分之多少|百分之几|"
    rf"几成)的?(?:{ZH_PEOPLE})?"
    rf"(?:也|还|同时)*(?P<b>.+?)[？?。]*$|^(?P<a2>.+?)的?{ZH_PEOPLE}(?:当中|之中|中|里面?)[，,]?(?:也|还|"
    rf"同时)*(?P<b2>.+?)的?"
    rf"(?:{ZH_PEOPLE})?(?:占|所占)(?:的)?(?:多大比例|多少比例|比例|百分比|百分之几|几成|多少)(?:是多少)?[？?。]*$"
)
ZH_APART = re.compile(
    rf"^(?P<a>.+?)的?{ZH_PEOPLE}?(?:和|与|跟|相比)(?P<b>.+?)(?:相比)?(?:有什么|有何|有哪些)(?:不同|区别|差别|特点|"
    rf"特别)(?:之处)?[？?。]*$"
    rf"|^(?P<a2>.+?)的?{ZH_PEOPLE}(?:有什么|有何|有哪些)(?:不同|共同点|共同之处|(?:共同)?特点|特别|与众不同|(?:共同)?特征)(?:之处|的地方)?[？?。]*$"
)
ZH_REST = re.compile(rf"^(?:其他|其余|别的|所有|一般|普通|全体)的?{ZH_PEOPLE}?$")
ZH_COMPARE = re.compile(
    rf"^(?:请)?(?:比较|对比)(?:一下)?(?P<a>.+?)的?{ZH_PEOPLE}?(?:和|与|"
    rf"跟)(?P<b>.+?)的?{ZH_PEOPLE}?(?:的(?P<by>[^的]+?))?[？?。]*$"
)
GROUP_OF_THEM = re.compile(rf"(?:(?:all|the|our|each|a|every|one)\s+)*{PEOPLE}\b", re.IGNORECASE)
"""How a group begins that is told as people who do something."""
ZH_AVERAGE = re.compile(
    rf"^(?:请问)?(?:(?P<a>.+?)(?:的?{ZH_PEOPLE})?的?)?(?<![于过自己])(?:人均|平均(?:每(?:个|位|名)?(?:{ZH_PEOPLE}))?的?)"
    rf"(?P<by>(?:(?!{ZH_PEOPLE}|的|以[上下]).){{1,8}}?)(?:是|有|为)?(?:多少|多高|几分|几次)?(?:次|分|钱|元)?[？?。]*$"
)
ZH_TOP_USERS = re.compile(
    rf"^(?:列出|找出|请列出|哪些{ZH_PEOPLE}|谁的?)?(?P<by>.*?(?:最多|最高|最大|最少|最低|"
    rf"最活跃))的?(?:前)?(?P<n>\d+)?(?:个|位|"
    rf"名)?{ZH_PEOPLE}?(?:是谁|有哪些|是哪些)?[？?。]*$"
)

# --- between clauses ---

_WITHOUT = (
    r"except(?:ing)?(?: for)?|excluding|excepting|minus|without(?: (?:counting|including|being(?: among)?|any of))?|"
    r"(?:with|to) the (?:exception|exclusion) of|other than|apart from|aside from|save(?: for)?|less|bar|barring|sans|"
    r"(?:with the omission|exclusive|outside|short|net|instead) of|as opposed to|in contrast to|all but|never mind|"
    r"(?:but )?not (?:counting|including|being(?: among)?)(?: in)?|but not|and not|(?:though|just|only) not|"
    r"(?:but|and) (?:no one|nobody|none|no)(?: of)?"
)
_REMOVE = (
    r"(?:leav(?:e|ing)|tak(?:e|ing)|filter(?:ing)?|screen(?:ing)?|set(?:ting)?|put(?:ting)?|cut(?:ting)?|weed(?:ing)?|"
    r"rul(?:e|ing)|strip(?:ping)?|throw(?:ing)?|toss(?:ing)?|keep(?:ing)?|sort(?:ing)?|pass(?:ing)?|knock(?:ing)?|"
    r"cast(?:ing)?|lay(?:ing)?|shut(?:ting)?) (?:out|aside|over|away|off)|"
    r"(?:exclud|remov|ignor|eliminat)(?:e|ing)|(?:avoid|bann?|forget(?:t?ing)?(?: about)?|do(?: not|n['’]t) want|"
    r"cut|disregard|discount|subtract|deduct|neglect|reject|discard|overlook)"
    r"(?:ing)?|omit(?:ting)?|drop(?:ping)?|skip(?:ping)?"
)
_REMOVED = (
    r"(?:left|taken|filtered|screened|set|put|cut|weeded|ruled|stripped|thrown|kept|sorted) (?:out|aside|away|off)|"
    r"excluded|removed|ignored|eliminated|disregarded|discounted|subtracted|deducted|rejected|discarded|omitted|"
    r"dropped|"
    r"skipped"
)
_THOSE = (
    rf"(?:(?:of|the|any|all|every|from)\s+)*(?:{PEOPLE}|folks?|individuals|any|(?<=no )one|(?<=nobody)|(?<=no one))"
)
EXCEPT = re.compile(
    rf"[,;]\s*(?:not|no one|nobody|none|no)\s+{_THOSE}(?:\s+(?:who|that))?\s+|"
    rf",?\s*\b(?:(?:but|and|yet|then|only|after|once|when|while|if|you|we|i|let['’]s|please|"
    rf"also)\s+)*(?:(?:{_WITHOUT}|{_REMOVE})\s+"
    rf"{_THOSE}(?:\s+(?:who|that))?|(?:but|and) (?:nobody|no one|none) (?:who|that))\s+(?:also\s+)?",
    re.IGNORECASE,
)
TAKEN_OUT = re.compile(
    rf"(?:,?\s*\b(?:but\s+|and\s+)?(?:with|once|after|when|if|leav(?:e|ing)|tak(?:e|ing)|keep(?:ing)?)|,)\s+{_THOSE}"
    rf"(?:\s+(?:who|that))?\s+(?P<b>.+?)\s+(?:(?:are|is|were|have been|being|having been|all)\s+)*"
    rf"(?:{_REMOVED}|excepted|out|aside|off|not (?:included|counted|wanted))$",
    re.IGNORECASE,
)
BUT_NOT = re.compile(
    r"[,;]?\s*\b(?:(?:but|and|yet|though|although|while|whilst|whereas|however|only|just|when|if|provided|providing|"
    r"(?:as|so) long as|on (?:the )?condition|with the proviso|except|who|that|they|even|simply|certainly|definitely|"
    r"really|otherwise|clearly|on the other hand|at the same time|also|still)\b[,;]?\s+)+"
    r"(?:(?:do|does|did|are|is|were|was|have|has|must)\s*(?:not|n't)|don't|doesn't|didn't|aren't|isn't|haven't|hasn't|"
    r"never|not(?: (?:if|when) they)?|in no way|by no means|neither|fail to|refuse to|nor do they)\s+(?:also\s+)?|"
    r"[,;]?\s*\b(?:unless|except (?:where|when|if)|nor do|none of whom)\s+(?:they\s+)?(?:also\s+)?",
    re.IGNORECASE,
)
DAY = re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|周[一二三四五六日天末]", re.IGNORECASE)
_ADDING = (
    r"(?:also|in fact|indeed|generally|further|separately|second(?:ly)?|meanwhile|all (?:the while|along)|"
    r"(?:apart|aside) from (?:that|this)|over and above (?:that|this)|likewise|equally|similarly|simultaneously|"
    r"concurrently|additionally|moreover|furthermore|even|too|as well|"
    r"still|then|yet|in (?:addition|turn|parallel|the same breath)|at (?:the same time|once)|"
    r"on (?:top(?: of (?:that|it|this))?|the side|the other hand)|what(?: is|['’]s) more|(?:beyond|along(?:side|"
    r" with)|together with) (?:that|this|it)|for good measure|to boot|into the bargain|"
    rf"besides(?: (?:that|this))?(?! (?:(?:the|any|all)\s+)*{PEOPLE}\b))"
)
"""Words that say that something comes to what was said, and nothing else."""
AND = re.compile(
    r"\s*(?:[,;]\s*)?(?:\b(?:as well as|at the same time|while|whilst|in addition(?: to (?:which|that))?|moreover|"
    rf"furthermore|besides(?! (?:(?:the|any|all)\s+)*{PEOPLE}\b)|on top of that|plus|coupled with|combined with|"
    r"together with|along with|paired with|in (?:combination|conjunction|tandem) with|"
    rf"(?:if|when|where|provided|providing|(?:as|so) long as|on (?:the )?condition)(?: that)?(?= they\b)|and|but)\b|"
    rf"&)(?:,?\s*\b{_ADDING}\b,?)*\s*|\s*[,;]\s+",
    re.IGNORECASE,
)
OR = re.compile(r"\s*(?:,\s*)?\b(?:or else|or)\b\s*", re.IGNORECASE)
EITHER = re.compile(
    rf"^\s*(?:(?:both|either|not only|who|that|which|they|really|happen to|{_ADDING}|"
    rf"(?:(?:are|also|being|count|belong|number|in|to|among|of|the|known)\s+)*(?:{PEOPLE}|folks?|individuals|"
    rf"group) (?:who|that))\b[,\s]+)+",
    re.IGNORECASE,
)
AS_WELL = re.compile(
    r"[,\s]+(?:as well|both (?:at once|conditions)|both|simultaneously|into the bargain|too|also|likewise|to boot|"
    r"besides|in addition|"
    r"at the same time)$",
    re.IGNORECASE,
)
NEGATED = re.compile(
    r"^\s*(?:(?:do|does|did|are|is|were|was|have|has)\s*(?:not|n't)|don't|doesn't|didn't|aren't|isn't|haven't|"
    r"hasn't|never|not)\s+",
    re.IGNORECASE,
)
_ZH_TAKE = (
    r"(?:不包[括含]|排除掉?|除[去掉开]|去[掉除]|不含|不算|不要|不计(?:入|算)?|不考虑|剔[除去]掉?|刨[掉除去]|"
    r"扣[除掉去]|减[去掉]|"
    r"撇[开除]|抛[开去]|过滤掉|筛[掉除去]|滤[掉除]|删[掉除去]|忽略掉?|略[去过]|跳过|避开|绕开|拿掉)"
)
ZH_EXCEPT = re.compile(
    rf"[，,；;]?\s*(?:但是?|不过|而|只是|可是|并且?|且|再|然后|同时)?(?:要|都)?(?:{_ZH_TAKE}|不属于|"
    rf"除了(?!.*(?:还|也))|"
    rf"(?<=.)除(?=.+外$))"
)
ZH_TAKEN_OUT = re.compile(
    rf"[，,；;]?\s*(?:但是?|不过|再|并|然后)?(?:(?:把|将)(?P<b>.+?)(?:的?{ZH_PEOPLE}|者|的)?(?:都|全|给)*"
    rf"(?:{_ZH_TAKE}|除外)(?:在外|掉|出去)?|[，,；;](?:但是?|不过|可是?)?(?:要|"
    rf"得)?把?(?P<b2>[^，,；;]+?)(?:的?{ZH_PEOPLE}|者|的)"
    rf"(?:都|全|要|应|得)*(?:{_ZH_TAKE}|除外)(?:在[内外])?)$"
)
ZH_AMONG = re.compile(
    rf"^[从在]?(?P<a>.+?)的{ZH_PEOPLE}(?:当中|之中|中|里面?)[，,]?(?P<b>(?:{_ZH_TAKE}|不(?!过|同)|没有?).+)$"
)
"""Of a group, who is taken out, or who does not do something."""
ZH_BESIDES = re.compile(r"^除了?(?P<b>.+?)(?:以外|之外|外)[，,的]?(?![，,]?(?:还|也))(?P<a>.*)$")
ZH_BUT_NOT = re.compile(
    r"[，,；;]?\s*(?:(?:但是?|却|而|可是?|然而|只是|不过)(?:都|又|也|并)?(?:没有|没|并不|并没有|并未|不是|非)|(?:却|"
    r"然而|只是)不(?!过|同)|"
    r"除非|(?:但?(?:只要|前提是|条件是)|而|可)不(?!过|同|且|仅|但|光|只)(?:是)?)"
)
ZH_AND = re.compile(
    r"[，,；;、]\s*(?:但是?|不过|可是|并且|而且|与此同时|同时|此外|另外|再加上|外加|加上|同样|顺便|而|又|也|还|且|"
    r"并|更|兼)*|"
    r"(?:但是?|不过|可是|并且|而且|与此同时|(?:之外|之余|的)?同时也?|以及|且|之余也?|之外(?:还|也)|一边|兼(?=喜|爱|"
    r"买|看))|"
    r"(?<=.)(?:又|也|还(?!是|在|有|没)|并(?!不|未|没|非))(?=.)"
)
ZH_BOTH = re.compile(r"^(?:不[仅但光只止]|除了(?=.*(?:还|也))|虽然?|尽管|一边|同时)")
ZH_OR = re.compile(r"[，,]?\s*(?:或者是?|或是?)")
ZH_TRIM = re.compile(
    rf"^(?:的|既|又|也|都|还|同时|并且|那些|这些|{ZH_PEOPLE}(?=.))+|(?:的{ZH_PEOPLE}?(?:之列)?|的)+$|[？?。！!，,\s]+$"
)
ZH_NEGATED = re.compile(r"^(?:没有|没|并不|并未|不是|非(?!常))")

# --- within a clause ---

UNREAL = re.compile(
    r"\bused to\b|\bwould (?:love|like|want|hate|pay|prefer|enjoy|buy|watch)\b|"
    r"\b(?:want|hope|wish|intend|plan|expect|pretend|claim|promise)s? to\b|"
    rf"(?<=\w )(?:{PEOPLE}|folks?) (?:who|that)\b|"
    r"\b(?:some|any|every)thing (?:to|but|except|other)\b|\bheard of\b|\bas (?:others|every(?:one|body)) do\b|"
    r"\bwork(?:s|ed)? (?:at|in|for)\b|(?:dislikes?|hates?|讨厌|反感).+(?:\b(?:fans|lovers)|的?粉丝|迷)$|曾经?(?!买|"
    r"看|听|评)|(?<![年\d])以前(?!的)|从前|小时候|假装|装作|自称|号称|"
    r"^想(?:要|看|买|听|吃|玩)?",
    re.IGNORECASE,
)
"""What says that something was, or is wished for, pretended, or done by somebody else: no rule reads it."""

_OWN_ZH = "(?:自己|自身|本人|个人|平均|均分|均值|平时|惯常|一贯|整体|总体)"
LEANINGS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        (
            "dislikes",
            r"\b(?:dislikes?|disliked|hates?|loathes?|detests?|avoids?|despises?|disfavou?rs?|can(?:'t|not|"
            r"not really) (?:stand|bear|abide)|(?:are |is |feel )?(?:averse to|put off by|"
            r"turned off by|sick of|tired of|bored by|bored with|no fans? of|not fans? of|hostile to)|"
            r"have (?:an aversion to|a dislike (?:of|for)|no time for|no taste for|no interest in))(?=\W|$)|"
            r"讨厌|反感|厌恶|嫌弃|受不了|不(?:太|怎么|大)?(?:喜欢|爱看|爱听|爱吃|爱玩|爱|待见)|(?:没有?|不感|"
            r"毫无)(?:兴趣|好感)",
        ),
        (
            "likes",
            r"\b(?:likes?|liked|loves?|loved|cares? for|enjoys?|enjoyed|adores?|prefers?|favou?rs?|appreciates?|digs?|"
            r"(?:are |is |be )?(?:(?:really |very |deeply |most )*into|fond of|keen on|crazy about|"
            r"mad about|partial to|drawn to|devoted to|passionate about|interested in|hooked on|(?:big |great |"
            r"huge )?(?:fans?|lovers?|enthusiasts?|friends?) of)|have (?:an?|some) (?:taste|liking|weakness|"
            r"soft spot|preference|passion|"
            r"thing|love|interest|penchant|fondness) (?:for|in)|fans?|lovers?|enthusiasts?|aficionados|"
            r"buffs?)(?=\W|$)|"
            r"(?:最|很|特别|非常|都|比较|更|挺)?(?:喜欢(?:看|听|吃|买|玩|读)?|喜爱|爱看|爱听|爱吃|爱玩|爱买|偏爱|"
            r"热爱|热衷于?|痴迷于?|迷恋|钟爱|中意|偏好|着迷|"
            r"(?:很|非常|都|特别)?(?:感|有)兴趣|(?:很|都)?有好感)|^迷",
        ),
        (
            "higher",
            r"\b(?:above|higher than|better than|more than|(?:more )?generous(?:ly)?(?: with)?|more (?:stars|points))"
            r"(?=.*\b(?:own|usual|usually|other|average|mean)\b)|\bhigher(?= than)|"
            r"\bbetter marks than\b|(?:明显|显著)?(?:高于|高过|高出)(?=.*(?:自己|平均|均分))|"
            rf"偏高|正向|(?:比|较)平时[高多]|比(?!例|重).*(?:明显|显著|至少)?高|{_OWN_ZH}.*(?:之上|以上|上方)|"
            rf"(?:超[过出]|大于|优于|好于|胜过|跑赢|赢过|压过|强过|盖过)(?=.*{_OWN_ZH})|(?:明显|显著)?(?:高于|高过|"
            rf"高出)(?=平时|平常|一般|"
            r"往常|通常|其他)",
        ),
        (
            "lower",
            r"\b(?:below|lower than|worse than|less than|stricter(?: with)?|harsher(?: with)?|(?:fewer|"
            r"less) (?:stars|points))"
            r"(?=.*\b(?:own|usual|usually|other|average|mean)\b)|\blower(?= than)|"
            r"\bworse marks than\b|(?:明显|显著)?(?:低于|低过|低出)(?=.*(?:自己|平均|均分))|"
            rf"偏低|负向|(?:比|较)平时[低少]|比(?!例|重).*(?:明显|显著|至少)?低|{_OWN_ZH}.*(?:之下|以下|下方)|"
            rf"(?:不及|不如|逊于|小于|输给|跑输|达?不到|没到|少于|比不上|弱于|差于)(?=.*{_OWN_ZH})|(?:明显|"
            rf"显著)?(?:低于|低过|低出)(?=平时|平常|一般|"
            r"往常|通常|其他)",
        ),
        (
            "mostly",
            r"\b(?:mostly|mainly|chiefly|primarily|predominantly|for the most part|largely|above all|"
            r"more than anything(?: else)?|"
            r"more than half)\b|(?:主要|大多数?|多半|大部分(?:时间)?|基本上?|最多)(?:是|都|的是)?|为主",
        ),
        (
            "very much",
            r"\b(?:very (?:often|many|much|frequently|a lot)|a huge (?:number|amount) of|huge numbers? of|"
            r"far more (?:often|\w+)? ?than most|among the heaviest|all the time|extremely (?:often|many)|"
            r"an? (?:enormous|exceptional) (?:number|amount) of)|"
            r"(?:非常|特别|极其|极)(?:频繁|多|经常|常)(?:的)?|远超常人|远多于常人|老是",
        ),
        (
            "much",
            r"\b(?:often|frequently|regularly|an awful lot(?: of)?|a (?:great|good) many|loads of|tons of|a lot of|"
            r"a lot|lots of|plenty of|much|many|heavily|"
            r"again and again|a great deal of)\b|(?:经常|常常|时常|(?<![惯平日通往异寻])常(?!客)|很多|许多|频繁|"
            r"(?:比较|较)多)(?:地)?|(?<=.)得多",
        ),
        ("once", r"\b(?:ever|have bought|bought|purchased|ordered)\b|买过|购买过"),
        (
            "buys",
            r"\b(?:(?:keeps? )?(?:buy(?:s|ing)?|purchas(?:es?|ing)|getting|ordering)|bought|purchased|gets?|shops? for|"
            r"picks? up|orders?|(?:are |is )?(?:regular )?buyers? of|(?:have|has|puts?)(?=\s.* (?:in|"
            r"into) their (?:basket|cart|"
            r"trolley))|(?:has|have) a habit of buying)(?=\W|$)|"
            r"(?:会|要|常|都|爱|老|总)?(?:购买|买|选购|采购)",
        ),
        (
            "takes",
            r"\b(?:watch(?:es|ed|ing)?|sees?|seen|views?|viewed|reading|listening to|rating|reviewing|playing|"
            r"listens? to|listened to|plays?|played|reads?|"
            r"hears?|heard|streams?|rates?|rated|rating|reviews?|reviewed|scores?|scored|gives?|gave|marks?)\b|"
            r"(?:看|听|读|玩|评|打)(?:过|了)?(?:的)?|打分|评分|评价|给|对",
        ),
    )
)
LEANING = frozenset(name for name, _ in LEANINGS)
MUCH = dict(LEANINGS)["much"]
REGULARLY = re.compile(r"\b(?:regularly|on a regular basis)\b", re.IGNORECASE)
"""Of buying: again and again, not more than others do."""
DOING = LEANING - {"likes", "dislikes"}
"""What a clause with a number may lean to."""
SMALL = re.compile(
    r"\b(?:a|an|the|regularly|of|to|in|on|at|for|with|from|by|is|are|was|were|be|been|being|have|has|had|do|does|"
    r"did|they|"
    r"them|their|"
    r"it|its|who|that|which|those|these|all|any|some|there|as|things?|something|anything|stuff|own|usually|"
    r"usual|average|"
    r"mean|means|marks?|stars?|out|up|made|make|makes|came|come|released|shot|produced|later|earlier|onwards?|"
    r"general|"
    r"whole|other|others|than|over|really|quite|rather|also|still|just|only|always|so|what|movies?|films?|pictures|"
    r"works?|least|most|more|less|fewer|ratings?|each|every|when|genre|will|would|can|into|off|or|and|their|"
    r"clearly|markedly|significantly|baskets?|carts?|trolleys?|times?|users?|people|items?|products?|goods|"
    r"among|category|kinds?|sorts?|type|sticks?|that|points?|while|when)\b|(?:而且|并且|片子里?|作品里?|平时|平常|"
    r"一般|往常|通常|分数|星级|时候?)|['’]s\b|[.,!?;:()\"'“”‘’《》「」、，。]+|"
    r"[的了地得着过是在占部出有和与跟把被让会都也又还就且并而其里中上下起以及之后前内外最很太更比较自己平均均分分数"
    r"星打给对评看听读买占本人一个次条部们些这那用户]"
)
"""What carries no meaning of its own in what is left of a clause."""
EITHER_NAME = re.compile(r"([\w' -]{2,30}?)\s*/\s*([\w' -]{2,30})")
TAKEN_ASIDE = re.compile(
    r"\s*[(（]((?:(?:but|and|also|though)\s)*(?:not|no|except|exclud|without|minus|leav|omit|但?不|排除|除|"
    r"去掉)[^()（）]*|[^()（）]+(?:除外|不算|不计))[)）]",
    re.IGNORECASE,
)
"""In parentheses, who is taken out."""
PARENTHESIS = re.compile(r"\s*[(（]([^()（）]+)[)）]")
QUOTED = re.compile(r"[\"“”「『]([^\"“”「」『』]{1,60})[\"”“」』]")
NUMBER = (
    r"(?:(?P<pre{0}>at least|no fewer than|no less than|not less than|a minimum of|minimum|more than|over|"
    r"above|exceeding|at most|no more than|not more than|up to|fewer than|less than|below|under|>=|≥|<=|≤|>|<|至少|"
    r"不少于|不低于|超过|多于|高于|大于|至多|最多|不超过|不多于|不高于|少于|低于|不到|不足|小于)\s*(?:高|低|有|为|"
    r"评过|看过|买过|打过|"
    r"听过)?\s*)?[$€£¥]?(?P<n{0}>(?<![A-Za-z\d.-])\d+(?:,\d{{3}})*(?:\.\d+)?)(?![\dA-Za-z])\s*(?P<percent{0}>%|"
    r"percent\b|％)?\s*(?:or (?P<post{0}>more|less|higher|lower|above|below|fewer)\b|and (?:up|above|more)\b|\+)?"
)
QUANTITY = re.compile(
    NUMBER.format("")
    + r"\s*(?P<unit>stars?|ratings?|reviews?|times|occasions|purchases?|orders?|baskets?|trips?|films?|movies?|"
    r"days?|tags?|events?|plays?|songs?|tracks?|items?|books?|dollars?|euros?|yuan|"
    r"个?(?:不同的)?(?:评分|评论|订单|标签|事件)|星|次|部|天|元|块|单|条|首|本|%)?"
    r"\s*(?:or (?P<post2>more|less|higher|lower|above|below|"
    r"fewer)\b)?(?P<zhpost>或?以上|或以下|以下|及以上|及以下|以内)?",
    re.IGNORECASE,
)
DATE = r"(?P<{0}>\d{{4}}(?:-\d{{1,2}}(?:-\d{{1,2}})?|年(?:\d{{1,2}}月(?:\d{{1,2}}[日号])?)?)?)"
SINCE = re.compile(
    rf"\b(?:since|from|on or after|after|later than)\s+(?:the )?(?:start of |"
    rf"beginning of )?{DATE.format('a')}(?:\s*(?:on(?:wards?)?|or (?:later|after(?:wards?)?)))?|"
    rf"\b(?:in )?{DATE.format('b')} or (?:later|any (?:later|other)(?: year| date)?|after(?:wards?)?|since|beyond)|"
    rf"\bin or (?:after|since) {DATE.format('f')}|"
    rf"\b(?:from )?{DATE.format('g')} on(?:wards?)?(?=\W|$)|\b{DATE.format('h')}\+|(?:不早于|不先于|"
    rf"晚于){DATE.format('i')}年?|"
    rf"{DATE.format('j')}年?(?:或更晚|或者?以后|或后)|"
    rf"{DATE.format('c')}\s*(?:年)?(?:或之后|或以后|以来|之后|以后|起|及以后|及之后)|"
    rf"{DATE.format('d')} or newer|"
    rf"\b(?:no|not) (?:older|earlier) than {DATE.format('e')}",
    re.IGNORECASE,
)
BEFORE = re.compile(
    rf"\b(?:before|until|prior to|earlier than|older than)\s+(?:the )?(?:start of |end of )?{DATE.format('a')}|"
    rf"\bpre-?{DATE.format('b')}|{DATE.format('c')}(?:年)?(?:以前|之前|前)",
    re.IGNORECASE,
)
LATER = re.compile(
    r"(?:later|after(?:wards?)?|since|beyond|newer|earlier|before)\b(?! \d)|更[晚早]|以[后前]|之[后前]", re.IGNORECASE
)
"""What follows a date and an "or"."""
DURING = re.compile(
    rf"\b(?:in|during|throughout)\s+{DATE.format('a')}|(?:在)?(?P<b>\d{{4}}(?:-\d{{1,2}}(?:-\d{{1,2}})?|"
    rf"年(?:\d{{1,2}}月(?:\d{{1,2}}[日号])?)?))",
    re.IGNORECASE,
)
DECADE = re.compile(r"\b(?:the )?(?P<decade>\d{3}0)s\b|(?P<zh>\d{3}0)年代")
TIMES = (DECADE, SINCE, BEFORE, DURING)
NAMES = "january february march april may june july august september october november december".split()  # noqa: SIM905
MONTHS = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}})(?:st|nd|rd|"
    rf"th)?\s+(?:of\s+)?)?(?P<month>{'|'.join(f'{name[:3]}(?:{name[3:]})?' for name in NAMES)})\.?"
    r"(?:\s+(?P<day2>\d{1,2})(?:st|nd|rd|th)?,)?\s+(?P<year>\d{4})\b",
    re.IGNORECASE,
)
AS_OF = re.compile(rf"\b(?:as of|as at)\s+{DATE.format('a')}|截[至止](?:到)?{DATE.format('b')}", re.IGNORECASE)
LATELY = re.compile(
    r"\b(?:(?:in|within|over|during|for)\s+)?(?:the\s+)?(?:last|past|previous)\s+(?:(?P<n>\d+|two|three|four|six|twelve|few|"
    r"couple of)\s+)?(?P<unit>days?|weeks?|months?|quarters?|years?)\b|\b(?:recently|lately|of late)\b|"
    r"(?:在)?(?:最近|近|过去)的?(?P<zh>\d+|[一两二三四五六七八九十半])(?:个)?(?P<zh_unit>天|日|周|星期|礼拜|月|季度|年)(?:之?内|里|以来|中)?|"
    r"最近|近期|近来"
)
"""How long before the newest event of all."""
NOT_THERE = re.compile(r"没有?|未|不(?:再|太|怎么)?")
UNITS = {
    "day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365, "天": 1, "日": 1, "周": 7, "星期": 7, "礼拜": 7,
    "月": 30, "季度": 91, "年": 365,
}  # fmt: skip
RECENCY: dict[str, Literal["new", "lapsed"]] = {"behaviour/new-user": "new", "behaviour/lapsed": "lapsed"}
"""Habits that no tag holds, for they change while nothing happens."""
ACTIVE = re.compile(
    r"\b(?:(?:still |last |first |were |was |are |been |have been )*(?:active|around|seen|signed in|online)|"
    r"did (?:something|anything)|(?:posted|left|gave|submitted|made|logged|entered) (?:a |any |some |their |"
    r"at least one )*(?:ratings?|reviews?|stars)|"
    r"(?:last|most recently) (?:rated|reviewed|seen|bought|shopped)|(?:rating |any |some )*activity(?: dated)?|"
    r"show(?:s|ed|n)? (?:any |some )?activity|(?:were |was )?(?:still )?(?:rating|buying|"
    r"shopping|listening|watching|posting)(?: (?:movies|films|things|stuff))?(?= in )|rated (?:something|anything)|"
    r"bought (?:something|anything)|"
    r"wrote (?:something|"
    r"anything)|(?:have|had) (?:any |some |at least one |given |left )*(?:ratings?|activity|events?)"
    r"(?= (?:from|in|since|after|during|dating|on)\b))\b|"
    r"(?:还|仍然?|依然)?(?:在)?(?:活跃|活动|评过分|登录过?|有(?:过)?活动)|最后一次活动|评过分|(?:最近|最后|末次|"
    r"上一?次)(?:一次)?的?(?:评分|打分|评论|活动|登录)(?:时间)?(?:是?在)?|(?:还|仍)?(?:没|未)流失",
    re.IGNORECASE,
)
ITEMS = re.compile(
    r"\b(?:films?|movies?|pictures|books?|albums?|songs?|titles?|flicks?|features|cinema|works?|shows?|series)\b|"
    r"片子?|电影|影片|剧|书|作品|"
    r"歌|专辑",
    re.IGNORECASE,
)
_FORM = (
    r"(?:films?|movies?|flicks?|pictures|features|titles?|cinema|productions?|shows?|series|books?|albums?|songs?|"
    r"music|"
    r"tracks?|works?|products?|items?|goods|purchases)"
)
_SHELF = r"(?:genre|category|section|aisle|department|shelf)"
FORM_AFTER = re.compile(
    rf"\s*(?:{_SHELF}\s+{_FORM}|{_FORM}(?:\s+{_SHELF})?|{_SHELF})\b|"
    r"(?:类型?|题材|出品|制作|拍摄?)?的?(?:片子?|电影|影片|影视剧?|剧集?|作品|节目|歌曲|音乐|专辑|书籍?|商品|产品|"
    r"品类|类目|题材|类型)",
    re.IGNORECASE,
)
FORM_BEFORE = re.compile(
    rf"\b(?:the\s+)?{_FORM}\s+(?:(?:that|which)\s+(?:are|come|were)\s+)?(?:(?:made|produced|shot|filmed)\s+in|from|"
    rf"out of|in(?=\s+the\s+$))\s+(?:the\s+)?$|\b(?:in|from)\s+the\s+$|\bthe\s+$|来自$",
    re.IGNORECASE,
)
"""What things come as and where they stand, which goes with a name: "films from", "the … category", "类商品"."""
RATINGS = re.compile(
    r"\baverage rating|\bmean rating|\baverage(?= (?:at|[\d.]| ))|\brating averages?|平均(?:打分|评分|分|星级)|均分",
    re.IGNORECASE,
)
OWN = re.compile(r"\b(?:own|usual|usually)\b|自己|平时", re.IGNORECASE)
MEAN = re.compile(r"\baverag(?:e|es|ing)\b|平均|均", re.IGNORECASE)
LOWER = re.compile(r"\b(?:below|lower|worse)\b|低", re.IGNORECASE)
MIRRORED: dict[Comparison, Comparison] = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}
MONEY = re.compile(r"\b(?:sp(?:end|ends|ent|ending)|paid|pays?)\b|[$€£¥]|花|消费|支付", re.IGNORECASE)
A_TIME = re.compile(
    r"\b(?:per|each|a|every) (?:purchase|basket|order|trip|shop|visit)\b|\bon average\b|平均每次|每次|每单|单次|一单",
    re.IGNORECASE,
)
NOUNS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), acts)
    for pattern, acts in (
        (r"\b(?:reviews?|reviewed)\b|评论|影评", ("review",)),
        (r"\b(?:ratings?|rated|rate|raters?)\b|评分|打分|评", RATED),
        (
            r"\b(?:purchases?|bought|orders?|baskets?|trips?|visits?|stores?|shops?|shopping|buys?|trolley)\b|购物|"
            r"购买|买|订单|单",
            BOUGHT,
        ),
        (r"\b(?:plays?|played|listens?|listened|tracks?|songs?)\b|播放|听|首", PLAYED),
        (r"\b(?:messages?|posts?)\b|消息|帖子?", WRITTEN),
    )
)
COMPARED: dict[str, Comparison] = {
    "at least": ">=", "no fewer than": ">=", "no less than": ">=", "not less than": ">=", "a minimum of": ">=",
    "minimum": ">=", ">=": ">=", "≥": ">=", "至少": ">=", "不少于": ">=", "不低于": ">=", "more": ">=", "higher": ">=",
    "above": ">", "以上": ">=", "或以上": ">=", "及以上": ">=", "more than": ">", "over": ">", "exceeding": ">",
    ">": ">", "超过": ">", "多于": ">", "高于": ">", "大于": ">", "at most": "<=", "no more than": "<=",
    "not more than": "<=", "up to": "<=", "<=": "<=", "≤": "<=", "至多": "<=", "最多": "<=", "不超过": "<=",
    "不多于": "<=", "不高于": "<=", "less": "<=", "lower": "<=", "fewer": "<=", "以下": "<=", "或以下": "<=",
    "及以下": "<=", "以内": "<=", "fewer than": "<", "less than": "<", "below": "<", "under": "<", "<": "<",
    "少于": "<", "低于": "<", "不到": "<", "不足": "<", "小于": "<",
}  # fmt: skip

# --- habits said in parts ---

_OFTEN = (
    r"\b(?:very|quite|really|always|usually|often|regularly|frequently|mostly|mainly|chiefly|generally|typically|"
    r"normally|"
    r"tend(?:s)? to|like(?:s)? to|love(?:s)? to|prefer(?:s)? to|make(?:s)? a habit of|as a rule|again and again|"
    r"all the time|a lot|most|much|on the whole|do|does|doing|make|makes|leave|leaves|keep|keeps|be|being|are|is)\b|"
    r"非常|很|特别|十分|比较|总是?|老是?|常常?|经常|习惯于?|通常|一般|大多|多半?|多在|喜欢|爱|偏好|普遍|总体|"
    r"基本上?|大部分|主要|去|时|东西"
)
"""How much or how often a habit is one; it claims nothing besides."""
_SHOP = (
    r"\b(?:shop(?:s|ping|pers?)?|buy(?:s|ing|ers?)?(?: things| their things)?|purchas(?:e|es|ing)|grocer(?:y|ies)|"
    r"go(?:es)? (?:to )?(?:the )?(?:shops?|shopping|stores?|supermarket)|visit(?:s)? (?:the )?(?:shop|store)s?|"
    r"(?:the|their) shopping|trips?)\b|购物|采购|买菜|逛超市|逛街|下单|消费|购买|买"
)
_A_TRIP = (
    r"\b(?:(?:per|each|every|a|one|in a single|in one|on each|on every|on a) (?:shopping )?(?:trip|visit|time|purchase|"
    r"basket|shop|order|go|receipt|transaction)|at (?:once|a time)|in one go)\b|每一?次|一次性?|单次|每单|每笔|单笔|"
    r"客单价"
)
_BASKETS = r"\b(?:baskets?|trolleys?|carts?|shops|purchases|receipts|orders)\b|购物篮|购物车"
_LARGE = r"\b(?:large|larger|big|bigger|huge|heavy|full)\b|大|满"
_MUCH = rf"\b(?:a lot|lots|much|plenty|high|a great deal|a fortune)\b|{_LARGE}|多|高"
_PAY = (
    r"\b(?:sp(?:end|ends|ent|ending)|pay(?:s|ing)?|fill(?:s|ing)?|have|has|money|amounts?|sums?|bills?|of money)\b|"
    r"花费?|钱|金额|购物|消费|买|很"
)
_COUPON = r"\b(?:discount )?(?:coupons?|vouchers?|promo codes?)\b|优惠券|代金券|折扣券|抵用券|券"
_USE = (
    r"\b(?:us(?:e|es|ing|ers?)|redeem(?:s|ing|ers?)?|pay(?:s|ing)?(?: with)?|clip(?:s|ping|pers?)?|cash(?:es)? in|"
    r"hand(?:s)? in|appl(?:y|ies)|make(?:s)? use of)\b|使用|用|兑换|付款|领|薅"
)
_PRICE = (
    r"\b(?:prices?|bargains?|discounts?|(?:special )?offers?|deals?|sales?|promotions?|specials|"
    r"(?:the )?(?:cheap(?:er|est)?|lowest|best)(?: (?:options?|ones?|products?|goods|brands?|things?|prices?|deals?))?|"
    r"penn(?:y|ies)|savings?|money|cost|costs|own labels?|store brands?|private labels?)\b|"
    r"价格|价钱|便宜货?|打折(?:货|品|商品)?|折扣|优惠|特价|促销|实惠|省钱|划算"
)
_SEEK = (
    r"\b(?:hunt(?:s|ing|ers?)?|look(?:s|ing)? (?:out )?|seek(?:s|ing|ers?)?|search(?:es|ing)?|watch(?:es|ing)?|"
    r"car(?:e|es|ing)(?: about)?|mind(?:s|ing)?|conscious|sensitive|careful|compar(?:e|es|ing)|chas(?:e|es|ing|ers?)|"
    r"pinch(?:es|ing)?|count(?:s|ing)?|sav(?:e|es|ing)|wait(?:s|ing)?|after|every|go(?:es)?|buy(?:s|ing)?)\b|"
    r"敏感|在意|在乎|关注|看重|追求?|计较|比较|等|图|找|买"
)
_IGNORE = (
    r"\b(?:(?:with )?(?:little|no|hardly any) (?:regard|interest|thought|attention)|(?:car(?:e|es)|bother(?:s)?|"
    r"look(?:s)?|think(?:s)?)"
    r" (?:very )?(?:little|nothing|less)|(?:do not|does not|don[’']t|doesn[’']t|never|rarely|seldom|hardly(?: ever)?) "
    r"(?:bother(?: with)?|care(?: about| for)?|look(?: for| at| out for)?|wait(?: for)?|hunt(?: for)?|mind|chase|"
    r"buy(?: on)?|"
    r"use|pay attention to|respond to|go for)|ignor(?:e|es|ing)|indifferent|regardless|irrespective|unconcerned)\b|"
    r"不(?:太|怎么)?(?:在乎|在意|看|管|追求?|关心|计较|关注|论)|无所谓|很少(?:在意|看|用|买)|从不(?:在意|看|用|买)"
)
_BRANDS = (
    r"\b(?:(?:name|big|national|well-known|known) brands?|brand(?:-| )?names?(?: goods| products)?|branded goods|"
    r"brands)\b|名牌|大牌|品牌货?|牌子货?"
)
_FULL = r"\b(?:full|regular|normal|list|undiscounted|original) prices?\b|原价|正价|全价"
_RATE = (
    r"\b(?:rat(?:e|es|ing|ings|ers?)|stars?|marks?|scores?|grades?|giv(?:e|es|ing)|hand(?:s)? out|award(?:s)?|critics?|"
    r"reviewers?)\b|打分|给分|评分|评价|打|给|评|分|手"
)
_KIND = (
    r"\b(?:high|generous(?:ly)?|lenient(?:ly)?|easy(?: to please)?|easily pleased|kind(?:ly)?|soft|mild|good|top|"
    r"favou?rable|favou?rably)\b|大方|宽松|宽容|松|偏高|高|慷慨"
)
_STRICT = (
    r"\b(?:low|harsh(?:ly)?|strict(?:ly)?|tough|hard to please|hard|severe(?:ly)?|stingy|mean|critical(?:ly)?|"
    r"demanding|"
    r"unforgiving|bad|poor)\b|严格?|苛刻?|小气|偏低|低|抠门?|挑剔"
)
_WEEKEND = (
    r"\b(?:at|on|over|during|for|in)?\s*(?:the )?week-?ends?\b|\bsat(?:urday)?s?\s*(?:and|or|&|/)\s*sun(?:day)?s?\b|"
    r"周末|双休日?|(?:周|星期|礼拜)六(?:和|与|、|或|跟)?(?:周|星期|礼拜)[日天]"
)
_MORNING = (
    r"\b(?:in|of|during)?\s*(?:the )?mornings?\b|\bbefore (?:noon|lunch(?:time)?|midday|1[012]|eleven|ten|twelve)"
    r"(?:\s*(?:a\.?m\.?|o'?clock))?(?=\W|$)|\bearly(?: in the day| hours)?\b|上午|早上|早晨|清晨|一早|中午(?:以|之)?前"
)
_EVENING = (
    r"\b(?:in|of|during)?\s*(?:the )?evenings?\b|\bafter (?:work|dark|dinner)\b|\blate in the day\b|晚上|傍晚|夜里|"
    r"下班后"
)
HABITS: tuple[tuple[str, tuple[re.Pattern[str], ...]], ...] = tuple(
    (key, tuple(re.compile(part, re.IGNORECASE) for part in parts))
    for key, parts in (
        ("behaviour/full-price", (_IGNORE, _PRICE, rf"{_SHOP}|$", rf"{_BRANDS}|$")),
        ("behaviour/full-price", (_FULL, _SHOP + r"|\bpay(?:s|ing)?\b", rf"{_BRANDS}|$")),
        ("behaviour/coupon-user", (_COUPON, _USE)),
        ("behaviour/price-sensitive", (_PRICE, _SEEK)),
        ("behaviour/weekend-shopper", (_WEEKEND, _SHOP)),
        ("behaviour/morning-shopper", (_MORNING, _SHOP)),
        ("behaviour/evening-shopper", (_EVENING, _SHOP)),
        ("behaviour/big-basket", (_A_TRIP, _MUCH, rf"{_PAY}|{_SHOP}|{_BASKETS}|$")),
        ("behaviour/big-basket", (_BASKETS, _LARGE, rf"{_PAY}|{_A_TRIP}|$")),
        ("behaviour/generous-rater", (_KIND, _RATE)),
        ("behaviour/harsh-rater", (_STRICT, _RATE)),
    )
)
"""Habits by what is done, and how, when or how much: each part must be said, and nothing else."""
WORDS_OF_HABITS = re.compile(
    r"(?:coupons?|vouchers?|discounts?|deals?|bargains?|offers?|stores?|shops?|trips?|weekends?|mornings?|evenings?|"
    r"prices?|brands?)|优惠券|券|折扣|特价|商店|超市|周末|早上|上午|晚上|价格|品牌",
    re.IGNORECASE,
)
"""What names nothing unless it is quoted, though a thing may be called so: who uses coupons does not buy them."""
SMALL_OF_HABITS = re.compile(_OFTEN, re.IGNORECASE)
