"""What somebody said about something, in their own words: the lines that hold it best, quoted and dated by code.

"What did he say about his job?" asks for words, and whoever sums them up can get them wrong. What is quoted is redacted
as a model would see it. A topic that no line of theirs holds is left to whoever reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import tzinfo

import numpy as np

from agents.digest import safe
from agents.recall import Memory
from agents.signals import SPEECH
from agents.when import day
from limner.domain import Event, Language, Reply

MOST = 3
LEAST_HELD = 0.6
"""Of the topic's words, by weight, what a line must hold."""
MOST_CHARACTERS = 240

_ASKS: Mapping[Language, re.Pattern[str]] = {
    "en": re.compile(
        r"^\W*what (?:did|does|do|has|have) (?P<who>.{1,40}?) (?:ever |actually )?(?:say|said|tell|told|write|written|"
        r"mention(?:ed)?)\b.{0,20}?\babout (?P<topic>.+?)\W*$",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"^(?P<who>.{0,12}?)是?(?:怎么|如何)(?:说起?|讲|评价|谈|提)(?P<topic>.+?)的?[？?]*$|"
        r"^(?:关于|对于?)(?P<of>[^，,]+?)(?:[，,](?P<by>.{1,6}?)|[他她我你])(?:都|曾)?(?:说|讲|提到?|谈|写)[过了]"
        r"(?:些|哪些)?(?:什么|话)[？?]*$"
    ),
}
_OWN = re.compile(r"^(?:(?:his|her|their|my|your|the|a|an)\s+)+|^(?:自己的?|[他她我你]的)", re.IGNORECASE)


def quoting(question: str, memory: Memory, lang: Language, zone: tzinfo) -> Reply | None:
    """Their own words, the best first; None where the question asks for none, or no line of theirs holds the topic."""
    asks = _ASKS[lang].search(question)
    if asks is None:
        return None
    named = {name: words for name, words in asks.groupdict().items() if words}
    topic = _OWN.sub("", named.get("topic") or named.get("of") or "")
    who = named.get("who") or named.get("by") or ""
    scores = memory.by_words(topic, 0) * (memory.own(who) == 1) * (memory.held(topic) >= LEAST_HELD)
    scores = np.where(memory.allowed(None, SPEECH), scores, 0)
    rows = [int(row) for row in np.argsort(-scores, kind="stable")[:MOST] if scores[row] > 0]
    if not rows:
        return None
    events = memory.events(rows)
    return Reply(
        question=question,
        scope="user",
        answer="\n".join(_quoted(event, lang, zone) for event in events),
        citations=tuple(event.event_id for event in events),
        explanation="原话；没有问模型。" if lang == "zh" else "In their own words; no model was asked.",
    )


def _quoted(event: Event, lang: Language, zone: tzinfo) -> str:
    words = safe(" ".join(event.text.split())[:MOST_CHARACTERS])
    date = day(event.ts.astimezone(zone), lang) if event.ts else "?"
    return f"{date}：“{words}”" if lang == "zh" else f'{date}: "{words}"'
