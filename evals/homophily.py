"""What a user's friends tell of the user: whether a tag of theirs is the user's own, by Last.fm's friendships.

A tag could be inferred from neighbours if so many of them had it that it is nearly always the user's as well. Here tags
are the words that listeners use themselves; beside the share of friends with a tag stands the share of all listeners.

    python -m evals.homophily --json
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Annotated

import typer

from evals.datasets.histories import rows
from evals.datasets.lastfm import OFTEN
from evals.scorers import Metric, ratio
from evals.task import DATA, found
from limner import show

LEAST_FRIENDS = 5
"""With tags of their own; of fewer a share says nothing."""
STEPS = (0.1, 0.25, 0.5, 0.75)
"""Shares of friends from which on the user is looked at."""


def own_where_friends(own: Mapping[str, Set[str]], friends: Mapping[str, Set[str]]) -> dict[str, Metric]:
    """Of the tags that so many of a user's friends have, those that the user has; users are resampled whole."""
    popular = Counter(tag for tags in own.values() for tag in tags)
    hits: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for user, mine in own.items():
        tagged = [own[friend] for friend in friends.get(user, ()) if friend in own]
        if len(tagged) < LEAST_FRIENDS:
            continue
        theirs = Counter(tag for tags in tagged for tag in tags)
        for tag, times in theirs.items():
            for least in STEPS:
                if times / len(tagged) >= least:
                    hits[f"{least:.0%} of friends"][user][tag not in mine] += 1
        for tag, times in popular.items():
            if times / len(own) >= STEPS[0]:
                hits[f"{STEPS[0]:.0%} of all"][user][tag not in mine] += 1
    return {
        name: ratio([right for right, _ in users.values()], [wrong for _, wrong in users.values()])
        for name, users in sorted(hits.items())
    }


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = DATA,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """How often a tag of many friends is the user's own."""
    edges, tags = found(data / "lastfm" / "friends.jsonl"), found(data / "lastfm" / "gold_tags.jsonl")
    if edges is None or tags is None:
        raise typer.BadParameter(f"{data / 'lastfm'} is not there: the data sets are not part of limner.")
    own, friends = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for row in rows(tags):
        if row["n_artists"] >= OFTEN:
            own[row["user_id"]].add(row["tag"])
    for row in rows(edges):
        friends[row["a"]].add(row["b"])
        friends[row["b"]].add(row["a"])
    result = own_where_friends(own, friends)
    if as_json:
        show.document({name: metric._asdict() for name, metric in result.items()})
        return
    show.table(("a tag of", "is the user's own"), [(name, metric.counted()) for name, metric in result.items()])


if __name__ == "__main__":
    typer.run(main)
