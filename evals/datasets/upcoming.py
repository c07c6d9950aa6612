"""The items users turned to next: films they rated high, artists, kinds of goods new to them. See the sets' cards.

What a user had before is in their history; the reference is what came after, and was not there before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from evals.datasets.histories import histories, rows
from evals.task import DATA, Dataset, Sample
from limner.domain import Event, History
from prompts.taxonomy import Taxonomy


def read(
    files: Sequence[Path], taxonomy: Taxonomy, *, wanted: Mapping[str, bool], genres: bool = False
) -> list[Sample]:
    """A sample a user with a history; users whom nothing of the kind came to have an empty reference.

    Args:
        files: The events, what came next, and, with `genres`, what listeners call each item.
        wanted: What a row of what came next must say of itself.
    """
    events, later, *named = files
    called = {row["item_id"]: [tag for tag, _ in row["top_tags"]] for path in named for row in rows(path)}
    came = defaultdict[str, list[str]](list)
    for row in rows(later):
        if all(row[name] == value for name, value in wanted.items()):
            came[row["user_id"]].append(row["item_id"])
    return [
        Sample(user_id, _called(history, called) if genres else history, {"next": sorted(set(came[user_id]))})
        for user_id, history in histories(events).items()
    ]


def items(event: Event) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The items of an event, with their attributes: its own, or each kind of goods in a basket."""
    if event.item_id is not None:
        yield event.item_id, event.item
    else:
        for category in event.item.get("categories", ()):
            yield category, {"categories": [category]}


def _called(history: History, called: Mapping[str, list[str]]) -> History:
    """The same history with what an artist is called as its genres."""
    known = tuple(
        event.model_copy(update={"item": {**event.item, "genres": called.get(event.item_id or "", [])}})
        for event in history.events
    )
    return History(user_id=history.user_id, events=known)


def _dataset(name: str, *others: str, wanted: Mapping[str, bool]) -> Dataset:
    files = tuple(DATA / name / f"{file}.jsonl" for file in ("events", "gold_next", *others))
    return Dataset(name, files, partial(read, wanted=wanted, genres=bool(others)))


MOVIELENS = _dataset("movielens", wanted={"relevant": True})
LASTFM = _dataset("lastfm", "items", wanted={})
COMPLETEJOURNEY = _dataset("completejourney", wanted={"bought_before": False})
