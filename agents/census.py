"""What a history holds, counted by kind of event and by thing: what questions with numbers are answered from.

Tags say what is proven; a tally says what happened, as plain counts: five purchases of coffee, forty ratings of
westerns and the sum of their stars. Things are told by the attributes of items, never by words of a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.basket import BOUGHT, basket
from agents.signals import Signals
from limner.domain import Event
from store.tallies import Tally

VERSION = 1

YEARS = ("year", "release_year", "release", "date", "年份", "上映日期")
"""Attributes of an item that begin with the year it is from."""
_DATED = frozenset(YEARS)


def tallies(signals: Signals) -> list[Tally]:
    """The counts of a cleaned history, by thing and kind of event; under "" those of everything."""
    events = signals.events
    days = [event.ts.toordinal() if event.ts is not None else None for event in events]
    paid = [_paid(event) if event.kind in BOUGHT else 0.0 for event in events]
    cells: dict[tuple[str, str], list[int]] = {}
    for at, (event, carried) in enumerate(zip(events, signals.carried, strict=True)):
        kind = event.kind
        for place in (("", ""), ("", kind), *[(key, kind) for key in carried + _years(event)]):
            if (cell := cells.get(place)) is None:
                cells[place] = [at]
            else:
                cell.append(at)
    stars = signals.stars
    return [_tally(key, act, cell, days, paid, stars) for (key, act), cell in cells.items()]


def _tally(
    key: str,
    act: str,
    places: Sequence[int],
    days: Sequence[int | None],
    paid: Sequence[float],
    stars: Mapping[int, float],
) -> Tally:
    """The events at these places as one count."""
    active = {days[at] for at in places}
    active.discard(None)
    rated = [stars[at] for at in places if at in stars]
    return Tally(key, act, len(places), len(active), sum([paid[at] for at in places]), len(rated), sum(rated, 0.0))


def _paid(event: Event) -> float:
    return event.value if event.value is not None else basket(event).paid or 0.0


def _years(event: Event) -> tuple[str, ...]:
    """The year of the event's item as a key; () where it tells none."""
    if not _DATED.isdisjoint(event.item):
        for name in YEARS:
            year = str(event.item.get(name, ""))[:4]
            if year.isascii() and year.isdigit() and 1000 <= int(year) <= 2999:
                return (f"year/{year}",)
    return ()
