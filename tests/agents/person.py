"""A person to be asked about: a chat with a friend, purchases and ratings, and an embedder that knows letters only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from agents.ask import Person
from agents.recall import Memory
from limner.domain import Event, Tag

MAY = datetime(2023, 5, 8, 12, 0, tzinfo=UTC)


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Counts of letters, at unit length: enough to have an order, no meaning."""
    rows = np.array([[1 + text.casefold().count(chr(letter)) for letter in range(97, 123)] for text in texts], float)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def turn(number: int, speaker: str, text: str, at: datetime = MAY) -> Event:
    meta = {"speaker": speaker, "speaker_is_user": speaker == "Caroline"}
    return Event(event_id=f"d{number}", user_id="c", ts=at, source="chat", kind="message", text=text, meta=meta)


def bought(number: int, title: str, price: float, at: datetime, kind: str = "purchase", **item: str) -> Event:
    return Event(
        event_id=f"p{number}", user_id="c", ts=at, source="shop", kind=kind, value=price, item_id=title,
        item={"title": title, **item},
    )  # fmt: skip


TALK = [
    turn(1, "Caroline", "I went to a pottery class yesterday and made a blue bowl."),
    turn(2, "Melanie", "What is the name of your teacher?"),
    turn(3, "Caroline", "Oscar. He moved here from Sweden."),
    turn(4, "Melanie", "I adopted a goose, and I play the violin."),
    turn(5, "Caroline", "Mail me at caroline@example.com!", MAY + timedelta(days=20)),
]
SHOP = [
    bought(1, "Blue Mountain coffee beans", 12.5, MAY + timedelta(days=1)),
    bought(2, "Blue Mountain coffee beans", 12.5, MAY + timedelta(days=30)),
    bought(3, "Harbour decaf coffee", 8, MAY + timedelta(days=40)),
    bought(4, "Rain jacket", 60, MAY + timedelta(days=41)),
    bought(5, "Rain jacket", 60, MAY + timedelta(days=50), kind="return"),
]


def remembered(events: Iterable[Event]) -> Memory:
    by_id = {event.event_id: event for event in events}
    return Memory(by_id.values(), lambda ids: {one: by_id[one] for one in ids})


def somebody(events: Iterable[Event] = (*TALK, *SHOP), tags: tuple[Tag, ...] = ()) -> Person:
    return Person("c", remembered(events), tags)
