"""A history made fit to be read: Unicode normalised, control characters, repeats and other people's words left out.

Nothing is deleted from the store: what is left out here is counted, so that a run can say what it did not read.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import NamedTuple

from limner.domain import Event, History

VERSION = 1

BURST_WINDOW = timedelta(seconds=60)
BURST_LIMIT = 5
"""The same act on the same thing more often than this within the window reads as a machine's, and counts once."""

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
    seen: set[tuple[object, ...]] = set()
    recent: dict[tuple[str, str | None, str], list[Event]] = {}
    repeats = bursts = by_others = 0
    for event in history.events:
        if event.meta.get("speaker_is_user") is False:
            by_others += 1
            continue
        act = (event.kind, event.item_id, event.text)
        same = (*act, event.ts, event.value)
        if event.ts is not None and same in seen:
            repeats += 1
            continue
        seen.add(same)
        if event.ts is not None and _is_burst(recent.setdefault(act, []), event):
            bursts += 1
            continue
        kept.append(_normalised(event))
    return Cleaned(History.model_construct(user_id=history.user_id, events=tuple(kept)), repeats, bursts, by_others)


def _is_burst(earlier: list[Event], event: Event) -> bool:
    """Whether `event` is beyond the limit of equal acts in the window; `earlier` is kept up to date."""
    assert event.ts is not None
    while earlier and earlier[0].ts is not None and event.ts - earlier[0].ts > BURST_WINDOW:
        earlier.pop(0)
    earlier.append(event)
    return len(earlier) > BURST_LIMIT


def _normalised(event: Event) -> Event:
    text = event.text
    if text.isascii() and text.isprintable():
        return event
    tidy = _CONTROL.sub(" ", unicodedata.normalize("NFC", text)).strip()
    return event if tidy == text else event.model_copy(update={"text": tidy})
