"""A typed query and what it brought back, in words of the question's language, by fixed wordings alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from agents import tops
from agents.plan import Plan
from agents.terms import Vocabulary
from limner import query
from limner.domain import Label, Language, Polarity
from limner.query import Condition, Query, Statistic
from store.population import FLOOR, Found, Mean, Ranked

SHOWN = 20
"""Users named in the sentence of an answer; the field `users` names them all."""
CONFIDENT = 1.645
"""Of a one-sided 95 % interval."""

Say = tuple[str, str]
"""The same in English and Chinese."""

_ACTS: dict[tuple[str, ...], Say] = {
    (): ("events", "条记录"),
    query.BOUGHT: ("purchases", "次购买"),
    query.RATED: ("ratings", "个评分"),
    ("review",): ("reviews", "条评论"),
    query.PLAYED: ("plays", "次播放"),
    query.WRITTEN: ("messages", "条消息"),
}
_COMPARED: dict[str, Say] = {
    ">=": ("at least", "至少"),
    "<=": ("at most", "至多"),
    ">": ("more than", "超过"),
    "<": ("fewer than", "少于"),
}
_LEANS: dict[int | None, Say] = {
    1: ("like", "喜欢"),
    -1: ("dislike", "不喜欢"),
    0: ("have", "有"),
    None: ("are tagged", "有标签"),
}
NOTES: dict[str, Say] = {
    "not liking is disliking": (
        "“do not like” was read as “dislike”; “like A but do not like B” leaves out who likes B",
        "“不喜欢”按“反感”理解",
    ),
    "a ranking is cut": ("a ranking has 1 to 1,000 rows", "排名为1至1000行"),
    "by likeness": (
        "part of the question was read by its likeness to other wordings",
        "问题的一部分按与其他说法的相似程度理解",
    ),
    "by its frame": ("the question was read by its likeness to other questions", "问题按与其他问法的相似程度理解"),
    "one name, not two": (
        "a name with “and” in it was taken for one category of that name, and not for two things",
        "含有“和”的名称按一个类别理解，而不是两样东西",
    ),
    "model": ("a clause in doubt was settled by the model", "有疑问的部分由模型判定"),
}
_LATELY: dict[str, Say] = {
    "new": (f"are new, first seen within {query.LATELY} days of the newest event of all", "是新用户"),
    "active": (f"were there within {query.LATELY} days of the newest event of all, and before", "近期活跃"),
    "away": (f"were not there for {query.LATELY} days before the newest event of all", "近期未活跃"),
    "lapsed": ("have lapsed: a silence so long is rare for who came as they did", "已流失：这么久不来对他们而言很少见"),
}
_HELD: dict[Polarity | None, Say] = {
    None: ("have", "有"),
    0: ("have", "有"),
    1: ("like", "喜欢"),
    -1: ("dislike", "不喜欢"),
}
_HOW: dict[str, Say] = {
    "words": ("by its words", "按字词"),
    "spelling": ("by its spelling", "按拼写"),
    "meaning": ("by its meaning", "按含义"),
}


class Words(NamedTuple):
    """How things are called in one language."""

    lang: Language
    vocabulary: Vocabulary

    def said(self, both: Say | Label) -> str:
        if isinstance(both, Label):
            return both.zh if self.lang == "zh" else both.en
        return both[self.lang == "zh"]

    def thing(self, key: str) -> str:
        return self.said(self.vocabulary.label(key))

    # --- the query ---

    def asked(self, asked: Query) -> str:
        """What is asked, as a phrase."""
        group = self.group(asked.where)
        match asked.want:
            case "list":
                return self.said((f"which users {group}", f"哪些用户{group}"))
            case "count":
                return self.said((f"how many users {group}", f"有多少用户{group}"))
            case "share":
                whom = "" if asked.against is None else self.group(asked.against)
                return self.said(
                    (
                        f"what share of the users{f' who {whom}' if whom else ''} {group}",
                        f"{f'{whom}的用户中' if whom else ''}{group}的用户占多大比例",
                    )
                )
            case "top users":
                by, order = self.statistic(asked.by), ("lowest" if asked.lowest else "highest")
                return self.said(
                    (
                        f"the {asked.most} users with the {order} {by} among those who {group}",
                        f"{group}的用户中{by}{'最低' if asked.lowest else '最高'}的{asked.most}个",
                    )
                )
            case "top tags":
                sort, verb = tops.sort_of(asked.groups, asked.facet), _HELD[asked.leaning]
                first = "最少" if asked.lowest else "最多"
                common = f"{verb[1]}的人{first}" if asked.leaning else "最少见" if asked.lowest else "最常见"
                return self.said(
                    (
                        f"the {asked.most} {sort.en} that {'fewest' if asked.lowest else 'most'} users {verb[0]} "
                        f"who {group}",
                        f"{group}的用户中{common}的{asked.most}个{sort.zh}",
                    )
                )
            case "average":
                by = self.statistic(asked.by)
                return self.said((f"the average over users who {group}: {by}", f"{group}的用户的平均值：{by}"))
            case "compare" | "apart":
                other = (
                    self.said(("everybody else", "其他用户"))
                    if asked.against is None
                    else self.said((f"users who {self.group(asked.against)}", f"{self.group(asked.against)}的用户"))
                )
                what = self.said(("tags", "标签")) if asked.by is None else self.statistic(asked.by)
                return self.said(
                    (f"users who {group} against {other}, by {what}", f"{group}的用户与{other}相比的{what}")
                )

    def group(self, part: Condition, *, inside: bool = False) -> str:
        """A condition as what its users do: "like noir and have at least 3 purchases of coffee"."""
        match part:
            case query.Everyone():
                return self.said(("have a profile", "有画像"))
            case query.All() | query.Any():
                word = ("and", "且") if isinstance(part, query.All) else ("or", "或")
                words = self.said((f" {word[0]} ", word[1])).join(self.group(one, inside=True) for one in part.of)
                return f"({words})" if inside else words or self.said(("ask nothing", "条件为空"))
            case query.Not():
                return self.said((f"do not ({self.group(part.of)})", f"并不（{self.group(part.of)}）"))
            case query.Tagged():
                return self._tagged(part)
            case query.Recency():
                return self.said(_LATELY[part.state])
            case query.Active(days=int(days)):
                return self.said(
                    (
                        f"were active within {days} days of the newest event of all",
                        f"在最新事件之前{days}天内活跃",
                    )
                )
            case query.Active():
                since = (
                    ""
                    if part.since is None
                    else self.said((f" on or after {_day(part.since)}", f"{_day(part.since)}起"))
                )
                until = (
                    "" if part.until is None else self.said((f" before {_day(part.until)}", f"{_day(part.until)}前"))
                )
                return self.said((f"were active{since}{until}", f"在{since}{until}活跃"))
            case query.Standing():
                share = f"{100 * part.top:g}"
                by = self.statistic(part.of)
                return self.said((f"are in the top {share} % by {by}", f"{by}居前{share}%"))
            case query.Measured():
                return self._measured(part)

    def _tagged(self, part: query.Tagged) -> str:
        polarity = part.polarity
        if part.keys and all(self.vocabulary.is_claim(key) for key in part.keys):
            polarity = None
        things = self.said((" or ", "或")).join(f"“{self.thing(key)}”" for key in part.keys)
        if not things:
            things = self.said((f"any tag of {part.facet}", f"{part.facet}类的任一标签"))
        words = (
            f"{self.said(_LEANS[polarity])} {things}" if self.lang == "en" else f"{self.said(_LEANS[polarity])}{things}"
        )
        if part.least:
            words += self.said((f" with a probability of {part.least:g} or more", f"（概率不低于{part.least:g}）"))
        if part.basis is not None:
            words += f" ({part.basis})"
        if part.since is not None:
            words += self.said((f" since {_day(part.since)}", f"（自{_day(part.since)}起）"))
        if part.at is not None:
            words += self.said((f" as it was served on {_day(part.at)}", f"（按{_day(part.at)}当时的画像）"))
        return words

    def _measured(self, part: query.Measured) -> str:
        of, compare = part.of, self.said(_COMPARED[part.compare])
        about = self.about(of)
        over = (
            "" if part.rated < 2 else self.said((f" over at least {part.rated} ratings", f"（至少{part.rated}个评分）"))
        )
        match of.measure:
            case "events":
                return self.said(
                    (
                        f"have {compare} {part.value:,g} {self.acts(of)}{about}",
                        f"{about}{compare}有{part.value:g}{self.acts(of)}",
                    )
                )
            case "days":
                return self.said((f"were active on {compare} {part.value:g} days", f"{compare}活跃{part.value:g}天"))
            case "tags":
                return self.said((f"have {compare} {part.value:g} tags", f"{compare}有{part.value:g}个标签"))
            case "share":
                return self.said(
                    (
                        f"have {compare} {100 * part.value:.3g} % of their {self.acts(of)}{about}",
                        f"{self.acts(of)[1:]}中{about}{compare}占{100 * part.value:.3g}%",
                    )
                )
            case "lift":
                side = ("below", "低") if part.value < 0 else ("above", "高")
                word = {"<=": ">=", "<": ">"}.get(part.compare, part.compare) if part.value < 0 else part.compare
                far = self.said(_COMPARED[word])
                return self.said(
                    (
                        f"rate{about.removeprefix(' of')} {far} {abs(part.value):g} stars {side[0]} their own mean"
                        f"{over}",
                        f"给{about}打的分比自己的均分{far}{side[1]}{abs(part.value):g}星{over}",
                    )
                )
        return self.said(
            (
                f"have a {self.statistic(of)} of {compare} {part.value:,.4g}{over}",
                f"{self.statistic(of)}{compare}为{part.value:,.4g}{over}",
            )
        )

    def statistic(self, of: Statistic | None) -> str:
        if of is None:
            return self.said(("tags", "标签"))
        about = self.about(of)
        if of.measure == "events":
            return self.said((f"number of {self.acts(of)}{about}", f"{about}{self.acts(of)[1:]}数"))
        if of.measure == "share":
            return self.said((f"share of their {self.acts(of)}{about}", f"{about}占其{self.acts(of)[1:]}的比例"))
        word: Say = {
            "days": ("number of active days", "活跃天数"),
            "spend": ("money spent", "消费金额"),
            "basket": ("mean amount a purchase", "平均每次购买金额"),
            "stars": ("mean rating", "平均评分"),
            "lift": ("mean rating above their own", "相对自己均分的评分"),
            "tags": ("number of tags", "标签数"),
        }[of.measure]
        return self.said((f"{word[0]}{about}", f"{about}{word[1]}"))

    def acts(self, of: Statistic) -> str:
        known = _ACTS.get(of.acts)
        return (
            self.said(known)
            if known is not None
            else self.said((f"{' or '.join(of.acts)} events", f"条{'、'.join(of.acts)}记录"))
        )

    def about(self, of: Statistic) -> str:
        if of.years is not None:
            first, last = of.years
            span = (
                (f" of items from {first} on", f"{first}年及以后的作品")
                if last >= query.LAST_YEAR
                else (f" of items from before {last + 1}", f"{last + 1}年以前的作品")
                if first <= query.FIRST_YEAR
                else (f" of items from {first} to {last}", f"{first}至{last}年的作品")
            )
            return self.said(span)
        return self.said((f" of “{self.thing(of.key)}”", f"“{self.thing(of.key)}”")) if of.key else ""

    # --- the answer ---

    def answer(self, found: Found) -> str:
        asked = found.query
        group = self.group(asked.where)
        if asked.want == "list":
            return self._list(found)
        if asked.want == "top users":
            lines = [f"{user} ({value:,.4g})" for user, value in zip(found.users, found.values, strict=True)]
            head = self.said((f"By {self.statistic(asked.by)}: ", f"按{self.statistic(asked.by)}："))
            return (
                head + self.said((", ", "，")).join(lines)
                if lines
                else self.said(("Nobody has that number.", "没有用户有这项数据。"))
            )
        if found.size is None:
            return self.said(
                (
                    f"Fewer than {FLOOR} users {group}: a number over so few is not told.",
                    f"{group}的用户少于{FLOOR}个：人数过少，不予给出统计。",
                )
            )
        if asked.want == "count":
            return self.said(
                (
                    f"{found.size:,} of {found.people:,} users {group}.",
                    f"{found.people:,}个用户中有{found.size:,}个{group}。",
                )
            )
        if asked.want == "share":
            return self._share(found)
        if asked.want == "average":
            told, by = self._mean(found.means[0]), self.statistic(asked.by)
            return self.said((f"On average, {by}: {told}.", f"平均而言，{by}：{told}。"))
        if asked.want == "top tags":
            lines = [self._ranked(one, found.size) for one in found.tags]
            head = self.said((f"Of the {found.size:,} users who {group}: ", f"{group}的{found.size:,}个用户中："))
            return (
                head + self.said(("; ", "；")).join(lines)
                if lines
                else self.said(
                    (
                        f"No tag is shared by {FLOOR} of the users who {group}.",
                        f"{group}的用户中没有{FLOOR}人以上共有的标签。",
                    )
                )
            )
        return self._compared(found)

    def _share(self, found: Found) -> str:
        """A share of all users, or of those of a group; never of one that is smaller than the floor."""
        assert found.size is not None
        asked, whom, of = found.query, ("", ""), found.people
        if asked.against is not None:
            if not found.second:
                return self.said((f"Fewer than {FLOOR} users are asked about.", f"所问的用户少于{FLOOR}个。"))
            among, of = self.group(asked.against), found.second
            whom = (f" who {among}", f"{among}的")
        share = 100 * found.size / of if of else 0
        group = self.group(asked.where)
        return self.said(
            (
                f"{share:.1f} % of the users{whom[0]} ({found.size:,} of {of:,}) {group}.",
                f"{whom[1]}用户（{of:,}个）中{share:.1f}%（{found.size:,}个）{group}。",
            )
        )

    def _list(self, found: Found) -> str:
        group = self.group(found.query.where)
        if not found.size:
            return self.said(
                (f"Nobody: none of {found.people:,} users {group}.", f"没有：{found.people:,}个用户中没有人{group}。")
            )
        named = self.said((", ", "、")).join(found.users[:SHOWN])
        more = "" if found.size <= SHOWN else self.said((f" and {found.size - SHOWN:,} more", "等"))
        return self.said(
            (
                f"{found.size:,} of {found.people:,} users {group}: {named}{more}.",
                f"{found.people:,}个用户中有{found.size:,}个{group}：{named}{more}。",
            )
        )

    def _compared(self, found: Found) -> str:
        asked = found.query
        if found.second is None:
            return self.said(
                (
                    f"The other group has fewer than {FLOOR} users: it is not compared.",
                    f"另一组用户少于{FLOOR}个：不作比较。",
                )
            )
        if asked.by is not None:
            told, by = [self._mean(mean) for mean in found.means], self.statistic(asked.by)
            mean = by if by.startswith("mean ") else f"mean {by}"
            return self.said(
                (
                    f"{mean[0].upper()}{mean[1:]}: {told[0]} against {told[1]}.",
                    f"{by}的平均值：{told[0]}，对比组{told[1]}。",
                )
            )
        found_apart = apart(found.tags, found.size or 0, found.second)
        if not found_apart:
            return self.said(("No tag sets the two groups apart for sure.", "没有标签能确定地区分这两组用户。"))
        lines = [
            self.said(
                (
                    f"{self._tag(one.tag)} ({100 * one.share:.0f} % against {100 * one.other:.0f} %)",
                    f"{self._tag(one.tag)}（{100 * one.share:.0f}%，对比组{100 * one.other:.0f}%）",
                )
            )
            for one in found_apart[: asked.most]
        ]
        head = self.said(
            (
                f"What sets the {found.size:,} users apart from the other {found.second:,}: ",
                f"这{found.size:,}个用户与另外{found.second:,}个相比的特点：",
            )
        )
        return head + self.said(("; ", "；")).join(lines)

    def _mean(self, mean: Mean | None) -> str:
        if mean is None:
            return self.said((f"not told (fewer than {FLOOR} users)", f"不予给出（少于{FLOOR}人）"))
        return self.said((f"{mean.value:,.4g} ({mean.users:,} users)", f"{mean.value:,.4g}（{mean.users:,}人）"))

    def _ranked(self, one: Ranked, size: int) -> str:
        return f"{self._tag(one)} {one.users:,} ({100 * one.users / size:.0f} %)"

    def _tag(self, one: Ranked) -> str:
        polarity = None if self.vocabulary.is_claim(one.key) else one.polarity
        words = {1: ("likes", "喜欢"), -1: ("dislikes", "不喜欢"), 0: ("", ""), None: ("", "")}[polarity]
        return (
            f"{self.said(words)} {self.thing(one.key)}".strip()
            if self.lang == "en"
            else f"{self.said(words)}{self.thing(one.key)}"
        )

    # --- what stands behind it ---

    def explanation(self, read: Plan, found: Found | None, rows: int) -> str:
        """The query in words, what each term was taken for, and whatever was left out or cut."""
        words = [self.said((f"Asked: {self.asked(read.query)}.", f"查询：{self.asked(read.query)}。"))]
        words += [
            self.said((f"By your glossary, “{own.name}” is: {own.means}.", f"按词汇表，“{own.name}”即：{own.means}。"))
            for own in read.defined
        ]
        for match in read.matches:
            names = self.said((", ", "、")).join(
                f"{self.said(label)} ({key})" for key, label in zip(match.keys, match.labels, strict=True)
            )
            how = f", {self.said(_HOW[match.how])}" if match.how in _HOW else ""
            nobody = "" if match.held else self.said((" – nobody has it", "——没有用户与之有关"))
            words.append(
                self.said(
                    (
                        f"“{match.said}” was taken for {names}{how}{nobody}.",
                        f"“{match.said}”理解为{names}{how}{nobody}。",
                    )
                )
            )
        words += [f"{self.said(NOTES[note])}{self.said(('.', '。'))}" for note in read.notes]
        if found is not None:
            words += [
                self.said(
                    (
                        f"“{self.group(standing)}” came to: {self.group(measured)}.",
                        f"“{self.group(standing)}”即：{self.group(measured)}。",
                    )
                )
                for standing, measured in found.standings
            ]
            if found.withheld:
                words.append(
                    self.said(
                        (
                            f"{found.withheld:,} groups were too small to be told.",
                            f"有{found.withheld:,}个组因人数过少未给出。",
                        )
                    )
                )
            if found.size is not None and found.query.want == "list" and found.size > rows:
                words.append(self.said((f"The list was cut at {rows:,} users.", f"名单只列出前{rows:,}个用户。")))
        return self.said((" ", "")).join(words)


class Apart(NamedTuple):
    tag: Ranked
    share: float
    other: float
    surely: float
    """Lower bound of how many times as frequent the tag is in the group."""


def apart(tags: Sequence[Ranked], size: int, others: int) -> list[Apart]:
    """The tags that are more frequent in a group for sure, those that most surely are first.

    Source:
        Katz, Baptista, Azen and Pike, Obtaining Confidence Intervals for the Risk Ratio (Biometrics 34, 1978), with
        half a user added to each count.
    """
    found: list[Apart] = []
    for tag in tags:
        a, b = tag.users + 0.5, tag.others + 0.5
        n, m = size + 0.5, others + 0.5
        error = math.sqrt(max(1 / a - 1 / n + 1 / b - 1 / m, 0))
        surely = math.exp(math.log((a / n) / (b / m)) - CONFIDENT * error)
        if surely > 1:
            found.append(Apart(tag, tag.users / size, tag.others / others, surely))
    return sorted(found, key=lambda one: (-one.surely, one.tag.key))


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
