"""Whether users who are said to have lapsed stay away: asked at a cut in time, held against what came after.

python -m evals.silence --json
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from agents.recency import GROUP, recency
from evals.datasets.histories import histories
from evals.scorers import Metric, ratio
from evals.task import DATA, found
from limner import show
from store.events import Activity

SETS = ("movielens", "completejourney")
AHEAD = timedelta(days=90)
"""How long somebody must stay away."""
CUTS = 5
"""Moments asked at, evenly from 40 % to 80 % of the time between the first and the last event of a set."""


def staying_away(times: dict[str, list[datetime]]) -> dict[str, Metric]:
    """Of the users in each state, the share that is not seen in the next 90 days; users are resampled whole."""
    every = sorted(ts for own in times.values() for ts in own)
    span = every[-1] - every[0]
    away: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for cut in range(CUTS):
        asked = min(every[0] + span * (0.4 + 0.4 * cut / (CUTS - 1)), every[-1] - AHEAD)
        for user, own in times.items():
            before = [ts for ts in own if ts <= asked]
            if before:
                days = len({ts.date() for ts in before})
                tag = recency(Activity(len(before), before[0], before[-1], days, "last"), asked)
                seen = any(asked < ts <= asked + AHEAD for ts in own)
                away[tag.key.removeprefix(GROUP)][user][seen] += 1
    return {
        state: ratio([gone for gone, _ in own.values()], [back for _, back in own.values()])
        for state, own in sorted(away.items())
    }


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = DATA,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """How many of the users in each state are not seen in the next 90 days."""
    results: dict[str, dict[str, Metric]] = {}
    for name in SETS:
        path = found(data / name / "events.jsonl")
        if path is None:
            raise typer.BadParameter(f"{data / name} is not there: the data sets are not part of limner.")
        read = histories(path)
        results[name] = staying_away(
            {user: times for user, own in read.items() if (times := [event.ts for event in own.events if event.ts])}
        )
    if as_json:
        show.document({name: {state: one._asdict() for state, one in own.items()} for name, own in results.items()})
        return
    rows = [(name, state, one.counted()) for name, own in results.items() for state, one in own.items()]
    show.table(("set", "said to be", "not seen in the next 90 days"), rows)


if __name__ == "__main__":
    typer.run(main)
