"""Data sets of user histories: events in limner's own format, one JSON object a line."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from agents.wiring import Wiring
from limner.domain import Event, History

UNDATED = datetime.min.replace(tzinfo=UTC)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, gzipped or not."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        yield from map(orjson.loads, file)


def histories(path: Path) -> dict[str, History]:
    """The history of every user, read as `limner ingest` reads it; a row that stands twice counts once."""
    wiring = Wiring({})
    users: dict[str, dict[str, Event]] = {}
    for row in rows(path):
        event = wiring.event(row, 0)
        users.setdefault(event.user_id, {}).setdefault(event.event_id, event)
    return {
        user_id: History(user_id=user_id, events=tuple(sorted(events.values(), key=lambda event: event.ts or UNDATED)))
        for user_id, events in users.items()
    }
