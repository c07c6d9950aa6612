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
    cells: dict[str, dict[str, list[int]]] = {}
    """Places of events, by their kind and then by thing."""
    for at, (event, keys) in enumerate(zip(events, signals.carried, strict=True)):
        if (of_kind := cells.get(event.kind)) is None:
            of_kind = cells[event.kind] = {"": []}
        of_kind[""].append(at)
        for key in keys + _years(event) if event.item else keys:
            if (places := of_kind.get(key)) is None:
                of_kind[key] = [at]
            else:
                places.append(at)
    days = [event.ts.toordinal() if event.ts is not None else None for event in events]
    paid = {at: _paid(events[at]) for kind in BOUGHT & cells.keys() for at in cells[kind][""]}
    stars = signals.stars
    told = [_tally(key, kind, places, days, paid, stars) for kind, of in cells.items() for key, places in of.items()]
    return [_tally("", "", range(len(events)), days, paid, stars), *told] if told else []


def _tally(
    key: str,
    act: str,
    places: Sequence[int],
    days: Sequence[int | None],
    paid: Mapping[int, float],
    stars: Mapping[int, float],
) -> Tally:
    """The events at these places as one count."""
    active = {days[at] for at in places}
    active.discard(None)
    rated = [stars[at] for at in places if at in stars]
    spent = sum([paid[at] for at in places if at in paid], 0.0)
    return Tally(key, act, len(places), len(active), spent, len(rated), sum(rated, 0.0))


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
