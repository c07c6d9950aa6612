"""A history made fit to be read: Unicode normalised, control characters, repeats and other people's words left out.

Nothing is deleted from the store: what is left out here is counted, so that a run can say what it did not read.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple

from limner.domain import Event, History

VERSION = 1

BURST_WINDOW = timedelta(seconds=60)
BURST_LIMIT = 5
"""The same act on the same thing more often than this within the window reads as a machine's, and counts once."""

Act = tuple[str, str | None, str]
"""Kind, item and text of an event."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff]+")


class Cleaned(NamedTuple):
    history: History
    repeats: int
    """Events equal to another in all but their id."""
    bursts: int
    """Events left out as part of a machine-like burst."""
    by_others: int
    """Messages that somebody else wrote (`meta.speaker_is_user` is false)."""


def clean(history: History) -> Cleaned:
    """The history that the later steps read.

    Returns:
        Events in the same order, text in NFC without control characters; each act counted once.
    """
    kept: list[Event] = []
    now: datetime | None = None
    done: set[tuple[Act, float | None]] = set()
    """At that time."""
    window: deque[tuple[datetime, Act]] = deque()
    often: dict[Act, int] = {}
    """How often in the window."""
    repeats = bursts = by_others = 0
    for event in history.events:
        if event.meta.get("speaker_is_user") is False:
            by_others += 1
            continue
        if (ts := event.ts) is not None:
            act = (event.kind, event.item_id, event.text)
            if ts != now:
                now = ts
                done.clear()
                while window and ts - window[0][0] > BURST_WINDOW:
                    _, past = window.popleft()
                    often[past] -= 1
                    if not often[past]:
                        del often[past]
            if (act, event.value) in done:
                repeats += 1
                continue
            done.add((act, event.value))
            window.append((ts, act))
            often[act] = often.get(act, 0) + 1
            if often[act] > BURST_LIMIT:
                bursts += 1
                continue
        kept.append(_normalised(event))
    return Cleaned(History.model_construct(user_id=history.user_id, events=tuple(kept)), repeats, bursts, by_others)


def _normalised(event: Event) -> Event:
    text = event.text
    if text.isascii() and text.isprintable():
        return event
    tidy = _CONTROL.sub(" ", unicodedata.normalize("NFC", text)).strip()
    return event if tidy == text else event.model_copy(update={"text": tidy})
