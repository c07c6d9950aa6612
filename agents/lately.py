"""Whether something still holds of a user, since when, and when last: counted over the dated events about it.

"Has she stopped travelling?" asks for a silence, and a silence says something only where the thing was frequent before
and much else happened since: of n events of the same kinds, k were about it up to the last one, so that m later ones
without it have a chance of (1 - k / n) to the m if nothing changed. Below `CHANCE` it counts as stopped; what the user
says against it, or three events against it in a row, counts at once; of facts that exclude each other the newer has
taken over. No model is asked. A thing the taxonomy does not know, or that no event is about, is left to whoever reads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo
from typing import Literal, NamedTuple

from agents.clean import clean
from agents.dating import WHEN
from agents.recall import Memory, speaker
from agents.signals import AGAINST, Reading, Signals, Thing, signals
from agents.when import day
from limner.domain import Conflict, Event, History, Label, Language, Reply
from prompts.taxonomy import Taxonomy

CHANCE = 0.05
"""Of a silence that is no change: the usual level of a test."""
IN_A_ROW = 3
"""Events against a thing, the last ones about it, that turn it without a word."""
CITED = 3

Asks = Literal["stopped", "still", "last", "since"]
_ASKS: dict[Asks, re.Pattern[str]] = {
    "last": re.compile(r"\bwhen\b.{0,40}\blast\b|\b(?:the )?last time\b|上次|上一次|最后一次|最近一次", re.IGNORECASE),
    "since": re.compile(
        r"\bsince when\b|\bhow long (?:has|have)\b|\bwhen (?:did|has) .{1,30}\b(?:start|begin|take up|get into)\b|"
        r"从什么时候|什么时候开始|从何时|多久了",
        re.IGNORECASE,
    ),
    "stopped": re.compile(
        r"\b(?:stop(?:ped)?|quit|given up|g[ai]ve up|no longer|lost interest|turned away|moved? on from)\b|"
        r"n['’]?t\b.*\bany ?more\b|\bnot\b.*\bany ?more\b|不再|没再|戒(?!指)|停止|放弃|不.{1,6}了[吗么？?]",
        re.IGNORECASE,
    ),
    "still": re.compile(r"\bstill\b|还.{0,10}[吗么？?]|仍然?.{0,10}[吗么？?]|依然", re.IGNORECASE),
}
"""In the order in which they are looked for: "when did she last stop" asks for a day."""


class Course(NamedTuple):
    """What became of a thing."""

    readings: Sequence[Reading]
    """Dated, oldest first."""
    last: Reading | None
    """The last that does not speak against it."""
    against: Sequence[Reading]
    """Those after it: all of them speak against it."""
    silent: int
    """Events of the same kinds after the last about it."""
    chance: float
    """Of that silence, if nothing changed."""

    @property
    def turned(self) -> bool:
        return len(self.against) >= IN_A_ROW or any(reading.span for reading in self.against)

    @property
    def ended(self) -> bool:
        return self.turned or self.chance < CHANCE


def lately(
    question: str,
    memory: Memory,
    taxonomy: Taxonomy,
    conflicts: Sequence[Conflict],
    lang: Language,
    zone: tzinfo,
) -> Reply | None:
    """The answer of code; None where the question asks for nothing of the kind, or no dated event is about its thing.

    Args:
        conflicts: Facts of the user that a newer one has set aside.
    """
    asks: Asks | None = next((name for name, pattern in _ASKS.items() if pattern.search(question)), None)
    keys = list(dict.fromkeys(found.key for found in taxonomy.mentions.find(question))) if asks else []
    if asks is None or len(keys) != 1 or (asks in {"stopped", "still"} and WHEN.search(question)):
        return None
    events = clean(History(user_id="", events=tuple(memory.events(range(len(memory.ids)))))).history.events
    if len({speaker(event) for event in events} - {""}) > 1:  # whose words a mention is, nobody says
        return None
    read = signals(History(user_id="", events=events), taxonomy)
    thing = _thing(keys[0], read)
    if thing is None:
        return None
    course = _course(thing.readings, events)
    newer = _newer(keys[0], conflicts, read)
    if newer is not None and asks in {"stopped", "still"}:
        return _replaced(question, asks, thing, newer, events, lang, zone)
    if course.last is None and not course.against:
        return None
    return _reply(question, asks, thing.label, course, events, lang, zone)


def _thing(key: str, read: Signals) -> Thing | None:
    """All that is counted and stated of a thing; None where nothing is."""
    found = [group[key] for group in (read.things, read.facts) if key in group]
    if not found:
        return None
    by_event = {reading.at: reading for one in found for reading in one.readings}
    return Thing(key, found[0].facet, found[0].label, [by_event[at] for at in sorted(by_event)])


def _course(readings: Sequence[Reading], events: Sequence[Event]) -> Course:
    dated = [reading for reading in readings if events[reading.at].ts is not None and reading.signal is not None]
    last = next((reading for reading in reversed(dated) if reading.signal not in AGAINST), None)
    against = [reading for reading in dated if last is None or reading.at > last.at]
    if last is None:
        return Course(dated, None, against, 0, 1.0)
    about = {reading.at for reading in dated}
    kinds = {events[at].kind for at in about}
    alike = [at for at, event in enumerate(events) if event.kind in kinds and event.ts is not None]
    first = dated[0].at
    before = [at for at in alike if first <= at <= last.at]
    silent = sum(at > max(about) for at in alike)
    share = sum(at in about for at in before) / len(before)
    return Course(dated, last, against, silent, (1 - share) ** silent if len(before) > 1 else 1.0)


def _newer(key: str, conflicts: Sequence[Conflict], read: Signals) -> Thing | None:
    """The fact that took a fact's place."""
    return next((read.facts[one.kept] for one in conflicts if one.set_aside == key and one.kept in read.facts), None)


def _replaced(
    question: str, asks: Asks, thing: Thing, newer: Thing, events: Sequence[Event], lang: Language, zone: tzinfo
) -> Reply:
    said = newer.readings[-1]
    name, other = getattr(thing.label, lang), getattr(newer.label, lang)
    date = _day(said, events, lang, zone)
    if lang == "zh":
        answer = f"{'是的' if asks == 'stopped' else '不了'}：{date}说的是“{other}”，不再是“{name}”。"
    else:
        answer = f"{'Yes' if asks == 'stopped' else 'No'}: on {date} they said {other}, no longer {name}."
    return Reply(question=question, scope="user", answer=answer, citations=(events[said.at].event_id,))


def _reply(
    question: str, asks: Asks, label: Label, course: Course, events: Sequence[Event], lang: Language, zone: tzinfo
) -> Reply:
    speaking = [reading for reading in course.readings if reading.signal not in AGAINST]
    cited = speaking[:CITED] if asks == "since" else [*speaking[-CITED:], *course.against[-CITED:]]
    told = _told(asks, getattr(label, lang), course, speaking, events, lang, zone)
    return Reply(
        question=question,
        scope="user",
        answer=told,
        citations=tuple(events[reading.at].event_id for reading in cited),
        explanation=_explained(course, lang),
    )


def _told(
    asks: Asks,
    name: str,
    course: Course,
    speaking: Sequence[Reading],
    events: Sequence[Event],
    lang: Language,
    zone: tzinfo,
) -> str:
    zh = lang == "zh"
    if course.last is None:
        n, newest = len(course.against), _day(course.against[-1], events, lang, zone)
        if zh:
            return f"历史记录里没有支持“{name}”的，只有{n}次相反的，最近一次是{newest}。"
        return f"Nothing speaks for {name}, {n} event{'s' * (n > 1)} against it, the last on {newest}."
    first, last = (_day(reading, events, lang, zone) for reading in (speaking[0], course.last))
    n = len(speaking)
    times = f"共{n}次" if zh else f"{n} time{'s' * (n > 1)} in all"
    if asks == "last":
        return f"{last}（{times}）。" if zh else f"{last} ({times})."
    if asks == "since":
        return f"最早是{first}，最近是{last}（{times}）。" if zh else f"First on {first}, last on {last} ({times})."
    ended = course.ended
    if zh:
        verdict = ("看来是的" if ended else "看不出来") if asks == "stopped" else ("看来不了" if ended else "看来是的")
        told = f"{verdict}：“{name}”从{first}到{last}{times}"
        return told + (
            f"，此后有{len(course.against)}次相反的。" if course.turned else f"，此后{course.silent}个同类事件里没有。"
        )
    verdict = (
        ("It seems so" if ended else "No sign of it") if asks == "stopped" else ("It seems not" if ended else "Yes")
    )
    told = f"{verdict}: {name} from {first} to {last}, {times}"
    if course.turned:
        return f"{told}; {len(course.against)} against it since."
    return f"{told}; {course.silent} events of the same kinds since, none about it."


def _explained(course: Course, lang: Language) -> str:
    if course.last is None or course.turned:
        return "数事件得出；没有问模型。" if lang == "zh" else "Counted; no model was asked."
    if lang == "zh":
        return f"数事件得出；若没有改变，这样的沉默出现的可能是{course.chance:.0%}。"
    return f"Counted: if nothing changed, such a silence has a chance of {course.chance:.0%}."


def _day(reading: Reading, events: Sequence[Event], lang: Language, zone: tzinfo) -> str:
    ts = events[reading.at].ts
    return day(ts.astimezone(zone), lang) if ts is not None else "?"
