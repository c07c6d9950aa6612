"""Whether users who are said to have lapsed stay away: the tasks `staying-*`.

Each user is asked about at five moments, evenly from 40 % to 80 % of the time between the first and the last event of
the whole set, from what came before alone; the days after say whether they were seen again. No model is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from agents.recency import GROUP, State, recency
from evals.datasets.histories import histories
from evals.runs import MetricKind, Output
from evals.systems import counting
from evals.task import DATA, Dataset, Sample, Scorer, System, Tally
from prompts.taxonomy import Taxonomy
from store.events import Activity

AHEAD = timedelta(days=90)
"""How long somebody must stay away."""
CUTS = 5
"""Moments asked at."""


def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a user; the moments before their first event say nothing of them."""
    times = {
        user: own
        for user, history in histories(files[0]).items()
        if (own := [event.ts for event in history.events if event.ts])
    }
    every = sorted(ts for own in times.values() for ts in own)
    span = every[-1] - every[0]
    cuts = [min(every[0] + span * (0.4 + 0.4 * cut / (CUTS - 1)), every[-1] - AHEAD) for cut in range(CUTS)]
    return [
        Sample(
            user,
            {"times": [ts.isoformat() for ts in own], "asked": [cut.isoformat() for cut in cuts]},
            {"seen": [any(cut < ts <= cut + AHEAD for ts in own) for cut in cuts]},
        )
        for user, own in times.items()
    ]


MOVIELENS, COMPLETEJOURNEY = (
    Dataset(name, (DATA / name / "events.jsonl",), read) for name in ("movielens", "completejourney")
)


def states(sample: Sample, taxonomy: Taxonomy) -> dict[str, list[str | None]]:
    """What is said of the user at each moment; None before they came."""
    assert isinstance(sample.given, Mapping)
    times = [datetime.fromisoformat(ts) for ts in sample.given["times"]]
    return {"states": [_state(times, datetime.fromisoformat(asked)) for asked in sample.given["asked"]]}


def _state(times: Sequence[datetime], asked: datetime) -> str | None:
    before = [ts for ts in times if ts <= asked]
    if not before:
        return None
    days = len({ts.date() for ts in before})
    return recency(Activity(len(before), before[0], before[-1], days, "last"), asked).key.removeprefix(GROUP)


SYSTEMS: Mapping[str, System] = {"counting": counting(states)}


def _away(state: str) -> Callable[[Sample, Output], Tally | None]:
    """Of the moments at which a user is said to be so, those after which they are not seen for 90 days."""

    def away(sample: Sample, output: Output) -> Tally | None:
        pairs = zip(output.output["states"], sample.reference["seen"], strict=True)
        seen: list[Any] = [back for said, back in pairs if said == state]
        return Tally(seen.count(False), len(seen)) if seen else None

    return away


SCORERS: Mapping[str, Scorer] = {
    f"{state}_stays_away": Scorer(_away(state), MetricKind(better="higher" if state == "lapsed" else None))
    for state in get_args(State)
}
