"""MovieLens and Douban: which genres users like by their own ratings. See movielens.md and douban.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evals.datasets.histories import histories, rows
from evals.portraits import named_by
from evals.task import DATA, Dataset, Sample
from limner.domain import History
from prompts.taxonomy import Taxonomy

POLARITY = {"like": 1, "dislike": -1, "neutral": 0, "too_few": None}


def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a user."""
    events, gold = files
    polarity: dict[str, dict[str, int | None]] = {}
    for row in rows(gold):
        if row["dimension"] == "genre_preference":
            named = taxonomy.named("genres", row["tag"])
            key = named.key if named is not None else f"genre/{row['tag']}"
            polarity.setdefault(row["user_id"], {})[key] = POLARITY[row["polarity"]]
    return [
        Sample(
            user_id,
            history,
            {"polarity": polarity.get(user_id, {})},
            about={event.event_id: named_by(event, taxonomy) for event in history.events},
        )
        for user_id, history in histories(events).items()
    ]


def unstarred(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """The same, with no stars in what a system may see."""
    return [replace(sample, given=_without_stars(sample.history)) for sample in read(files, taxonomy)]


def _without_stars(history: History) -> History:
    events = tuple(event.model_copy(update={"value": None}) for event in history.events)
    return History(user_id=history.user_id, events=events)


UNSTARRED = Dataset(
    "douban-unstarred", (DATA / "douban" / "events.jsonl", DATA / "douban" / "gold_tags.jsonl"), unstarred
)
MOVIELENS, DOUBAN = (
    Dataset(name, (DATA / name / "events.jsonl", DATA / name / "gold_tags.jsonl"), read)
    for name in ("movielens", "douban")
)
