"""What users are compared with: "pays 86.20 a week against a median of 42.10: in the top quarter of 120 users".

A run compares every user with one population: the measures of all users in the store, of `MOST_USERS` drawn by the
digest of their id where there are more, told as twenty-one steps for each measure, so that it takes the same memory
whatever the number of users. It is recorded with the run. The next run goes by the same one, and reads nobody to do so,
until the store holds a tenth more users or events (or fewer). A population that moves changes nobody: users whose
events stay as they are keep the tags they have, which say what they were compared with.

A user is in the top quarter of a measure, or is not; how sure that is follows from how well so many users tell where
the quarter begins. Below `LEAST_USERS` users with the measure nobody is compared.

Source: the interval of a quantile by order statistics, David and Nagaraja, Order Statistics (3rd ed., 2003),
section 7.1, in its normal approximation.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from statistics import NormalDist
from typing import Any

import numpy as np

from agents.clean import clean
from agents.intents import intents
from agents.measures import VERSION, measures
from agents.signals import attributed, goes_on, mentioned, written
from limner.domain import Value
from prompts.taxonomy import Taxonomy
from store.events import EventStore

MOST_USERS = 1_000
"""Users read for one population; the rank of a quarter among so many is known to 1.4 %."""
LEAST_USERS = 30
"""Fewer users with a measure than this are no population for it: the quarter would be known to no better than 8 %."""
MOVED = 0.1
"""Share of users or events by which a store must differ before its population is measured again."""
STEPS = 20


class Scale(Value):
    """How one measure is spread over the users who have it."""

    users: int
    steps: tuple[float, ...]
    """The lowest, then the value below which lie 5 %, 10 % … of them, then the highest."""

    @property
    def tells(self) -> bool:
        """Whether it sets users apart at all."""
        return self.steps[0] < self.steps[-1]

    @property
    def median(self) -> float:
        return self.steps[STEPS // 2]

    def below(self, value: float) -> float:
        """The share of users with less, 0 to 1."""
        at = bisect_left(self.steps, value)
        return self._between(at, value) if 0 < at <= STEPS else float(at > 0)

    def above(self, value: float) -> float:
        """The share of users with more, 0 to 1."""
        at = bisect_right(self.steps, value)
        return 1 - self._between(at, value) if 0 < at <= STEPS else float(at == 0)

    def _between(self, at: int, value: float) -> float:
        low, high = self.steps[at - 1], self.steps[at]
        return (at - 1 + (value - low) / (high - low)) / STEPS


class Population(Value):
    """The users that a run compares each user with."""

    version: int = VERSION
    zone: str = ""
    taxonomy: str = ""
    """Digest of the one whose words show habits."""
    users: int = 0
    """In the store when it was measured."""
    events: int = 0
    newest: datetime | None = None
    """Time of the newest event then."""
    scales: Mapping[str, Scale] = {}
    mentions: Mapping[str, float] = {}
    """By key, the share of all events whose own words name it."""

    def still_holds(self, zone: tzinfo, users: int, events: int) -> bool:
        """Whether a store with so many users and events is near enough to the one that was measured."""
        return (
            (self.version, self.zone) == (VERSION, str(zone))
            and abs(users - self.users) <= MOVED * self.users
            and abs(events - self.events) <= MOVED * self.events
        )


NOBODY = Population()


def recorded(config: Mapping[str, Any]) -> Population:
    """The population of a run, by what was recorded with it; nobody where that was none, or an older limner's."""
    found = config.get("population") or {}
    return Population.model_validate(found) if found.get("version") == VERSION else NOBODY


def population(
    events: EventStore,
    zone: tzinfo,
    before: Population,
    told: Callable[[int, int], None] = lambda done, total: None,
    *,
    taxonomy: Taxonomy,
) -> Population:
    """The population of the store as it is, or `before` where that still holds.

    Args:
        told: Told how many of how many users were read.
    """
    counts = events.counts()
    if before.taxonomy == taxonomy.digest and before.still_holds(zone, counts["users"], counts["events"]):
        return before
    chosen = events.sample(MOST_USERS)
    newest = events.newest()
    found: dict[str, list[float]] = {}
    named, read = Counter[str](), 0
    for done, user in enumerate(chosen):
        told(done, len(chosen))
        history = clean(events.history(user)).history.events
        local = [event.ts.astimezone(zone) if event.ts else None for event in history]
        meant = intents(written(history), taxonomy)
        for name, measure in measures(history, local, newest, meant).items():
            found.setdefault(name, []).append(measure.value)
        read += len(history)
        last: dict[str, int] = {}
        for at, _, text in written(history):
            for one in mentioned(text, attributed(history[at], taxonomy), taxonomy):
                if one.key not in last or not goes_on(history, last[one.key], at):
                    named[one.key] += 1
                    last[one.key] = at
    mentions = {key: times / read for key, times in named.items()} if len(chosen) >= LEAST_USERS else {}
    scales = {name: scale(values) for name, values in found.items() if len(values) >= LEAST_USERS}
    return Population(
        zone=str(zone), taxonomy=taxonomy.digest, **counts, newest=newest, scales=scales, mentions=mentions
    )


def scale(values: Iterable[float]) -> Scale:
    """How values are spread."""
    known = np.sort(np.fromiter(values, float))
    steps = np.quantile(known, np.linspace(0, 1, STEPS + 1))
    return Scale(users=len(known), steps=tuple(map(float, steps)))


def probability(share: float, beyond: float, users: int) -> float:
    """That a user with a share of those seen below is in the part of all users that begins at `beyond`."""
    return NormalDist().cdf((share - beyond) / math.sqrt(beyond * (1 - beyond) / users))
