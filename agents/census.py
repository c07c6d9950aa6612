"""What a history holds, counted by kind of event and by thing: what questions with numbers are answered from.

Tags say what is proven; a tally says what happened, as plain counts: five purchases of coffee, forty ratings of
westerns and the sum of their stars. Things are told by the attributes of items, never by words of a text.
"""

from __future__ import annotations

from collections.abc import Iterator

from agents.basket import BOUGHT, basket
from agents.signals import Signals
from limner.domain import Event
from store.tallies import Tally

VERSION = 1

YEARS = ("year", "release_year", "release", "date", "年份", "上映日期")
"""Attributes of an item that begin with the year it is from."""


def tallies(signals: Signals) -> list[Tally]:
    """The counts of a cleaned history, by thing and kind of event; under "" those of everything."""
    cells: dict[tuple[str, str], _Cell] = {}
    for index, (event, carried) in enumerate(zip(signals.events, signals.carried, strict=True)):
        paid = (basket(event).paid or 0.0) if event.kind in BOUGHT else 0.0
        for place in (("", ""), *((key, event.kind) for key in ("", *carried, *_years(event)))):
            cells.setdefault(place, _Cell()).add(event, paid, signals.stars.get(index))
    return [
        Tally(key, act, cell.events, len(cell.days), cell.paid, cell.rated, cell.stars)
        for (key, act), cell in cells.items()
    ]


class _Cell:
    __slots__ = ("days", "events", "paid", "rated", "stars")

    def __init__(self) -> None:
        self.events = self.rated = 0
        self.paid = self.stars = 0.0
        self.days = set[int]()

    def add(self, event: Event, paid: float, stars: float | None) -> None:
        self.events += 1
        self.paid += paid
        if stars is not None:
            self.rated += 1
            self.stars += stars
        if event.ts is not None:
            self.days.add(event.ts.toordinal())


def _years(event: Event) -> Iterator[str]:
    for name in YEARS:
        year = str(event.item.get(name, ""))[:4]
        if year.isascii() and year.isdigit() and 1000 <= int(year) <= 2999:
            yield f"year/{year}"
            return
