"""A history told to the model in few words: counted signals first, then a handful of example events.

A history of a hundred events or of a hundred thousand costs the same prompt. Personal data is taken out of every text
that goes in; the user's id never does. The prompt library keeps the text inside its fence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from agents.behaviour import Behaviour
from agents.redact import redact
from agents.signals import EXPLICIT, Signals, Thing, counted
from limner.domain import Event, Language, SignalKind
from prompts.taxonomy import Taxonomy

VERSION = 4

BUDGET = 500
"""Most tokens a digest may take."""
MOST_LIKED, MOST_DISLIKED, MOST_FREQUENT, MOST_STATED, MOST_EXAMPLES = 10, 6, 8, 16, 12
MOST_CHARACTERS = 120
"""Of one event's text."""

HAN = re.compile(r"[\u4e00-\u9fff]")
"""A Chinese character."""


def language(events: Iterable[Event]) -> Language:
    """The language the user writes, or where they write nothing, that of the items they chose."""
    han = latin = 0
    for event in events:
        if not event.text and not event.item:
            continue
        text = (event.text or str(event.item.get("title", "")))[:200]
        if text.isascii():
            latin += len(text)
        elif signs := HAN.findall(text):
            han += len(signs)
        else:
            latin += len(text.encode("ascii", "ignore"))
    return "zh" if han * 3 > latin else "en"


def digest(
    signals: Signals,
    habits: Sequence[Behaviour],
    taxonomy: Taxonomy,
    *,
    lang: Language,
    count_tokens: Callable[[str], int],
    budget: int = BUDGET,
) -> str:
    """The history in at most `budget` tokens: counted lines, then examples, the newest last.

    Examples give way first, then the less frequent things.
    """
    lines = _counted_lines(signals, habits, taxonomy, lang)
    examples = [_example(event) for event in _chosen(signals)]
    told = "\n".join(lines + examples)
    while told and (used := count_tokens(told)) > budget:  # counting may ask the server: a few times, not every line
        most = len(told.encode("utf-8", "replace")) * budget // used
        while len(told.encode("utf-8", "replace")) > most and (examples or lines):
            _ = examples.pop(0) if examples else lines.pop()
            told = "\n".join(lines + examples)
    return told


@lru_cache(16_384)
def safe(text: str) -> str:
    """A user's text fit to stand in a prompt: without personal data, on one line."""
    return " ".join(redact(text).text.split())


def _counted_lines(signals: Signals, habits: Sequence[Behaviour], taxonomy: Taxonomy, lang: Language) -> list[str]:
    liked: list[tuple[float, str]] = []
    disliked: list[tuple[float, str]] = []
    frequent: list[tuple[float, str]] = []
    for thing in signals.things.values():
        if signals.acts(thing.readings) < 2 or not taxonomy.serves(thing.key, thing.facet):
            continue
        name = safe(getattr(thing.label, lang))
        rated = thing.lift
        if rated is None:
            frequent.append((signals.acts(thing.readings), f"* {name}: {_said_of(thing)}"))
        elif abs(rated.mean) > rated.error:
            sign, found = ("+", liked) if rated.mean > 0 else ("-", disliked)
            found.append((abs(rated.mean) - rated.error, f"{sign} {name}: {rated.n} ratings, {rated.mean:+.1f}"))
    lines = [f"{signals.rated} ratings, own mean {signals.mean:.1f} of 5"] if signals.rated else []
    lines += [f"* {getattr(taxonomy.terms[habit.key].label, lang)}" for habit in habits]
    stated = [
        fact for fact in signals.facts.values() if taxonomy.serves(fact.key, fact.facet) and not fact.readings[-1].ends
    ]
    lines += [f"{_mark(fact)} {safe(getattr(fact.label, lang))}" for fact in stated[-MOST_STATED:]]
    for found, most in ((liked, MOST_LIKED), (disliked, MOST_DISLIKED), (frequent, MOST_FREQUENT)):
        lines += [line for _, line in sorted(found, reverse=True)[:most]]
    return lines


def _mark(fact: Thing) -> str:
    """How a stated fact leans, as the prompt explains it."""
    last = fact.readings[-1].signal
    return "+" if last is SignalKind.EXPLICIT_POSITIVE else "-" if last is SignalKind.EXPLICIT_NEGATIVE else "*"


def _said_of(thing: Thing) -> str:
    counts = counted(thing.readings)
    agreeing = counts.explicit_positive + counts.implicit_positive
    against = counts.explicit_negative + counts.implicit_negative
    return f"{agreeing} for, {against} against" if against else f"{agreeing} times"


def _chosen(signals: Signals) -> list[Event]:
    """A few telling events of different items, oldest first: highest and lowest rated, longest said, newest."""
    events = signals.events
    order = range(len(events))
    said = sorted(
        (i for i in order if len(events[i].text) > 20 and events[i].kind not in {"rating"}),
        key=lambda i: -len(events[i].text),
    )
    rated = sorted(
        (i for i in order if events[i].kind in EXPLICIT and events[i].value is not None),
        key=lambda i: (events[i].value, i),
    )
    picks = dict.fromkeys([*rated[-3:], *rated[:2], *said[:4], *order[-6:]])
    by_item = {events[i].item_id or events[i].event_id: i for i in sorted(picks)[-MOST_EXAMPLES * 2 :]}
    return [events[i] for i in sorted(by_item.values())[-MOST_EXAMPLES:]]


def _example(event: Event) -> str:
    stars = f" {event.value:g} stars" if event.kind in EXPLICIT and event.value is not None else ""
    title = safe(str(event.item.get("title", ""))[:240])[:60]
    text = safe(event.text[: MOST_CHARACTERS * 2])[:MOST_CHARACTERS]
    if title and (not text or (title in text and len(text) < len(title) + 20)):
        shown = title
    else:
        shown = text if not title or title in text else f"{title}: {text}"
    return f'{safe(event.kind)}{stars}: "{shown}"'
