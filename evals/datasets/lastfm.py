"""Last.fm: music tags against the words that listeners use themselves. See lastfm.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.datasets.histories import histories, rows
from evals.portraits import named_by
from evals.runs import Output
from evals.task import DATA, Dataset, Sample, Scorer, Tally
from limner.domain import History
from prompts.taxonomy import Taxonomy

OFTEN = 5
"""Artists a listener put a tag on before they count as into it, as in the questions of the set."""


def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a listener who has words of their own; what other listeners call an artist are the artist's genres."""
    events, items, tags = files
    genres = {row["item_id"]: [tag for tag, _ in row["top_tags"]] for row in rows(items)}
    own = defaultdict[str, set[str]](set)
    for row in rows(tags):
        if row["n_artists"] >= OFTEN and (named := taxonomy.named("genres", row["tag"])) is not None:
            own[row["user_id"]].add(named.key)
    samples: list[Sample] = []
    for user_id, history in histories(events).items():
        if user_id in own:
            known = tuple(
                event.model_copy(update={"item": {**event.item, "genres": genres.get(event.item_id or "", [])}})
                for event in history.events
            )
            about = {event.event_id: named_by(event, taxonomy) for event in known}
            told = History(user_id=user_id, events=known)
            samples.append(Sample(user_id, told, {"own": sorted(own[user_id]), "polarity": {}}, about=about))
    return samples


LASTFM = Dataset(
    "lastfm", tuple(DATA / "lastfm" / name for name in ("events.jsonl", "items.jsonl", "gold_tags.jsonl")), read
)


def _liked(output: Output) -> set[str]:
    """Kinds of music that are published as liked; artists are not what the reference is about."""
    return {tag["key"] for tag in output.output["tags"] if tag["polarity"] > 0 and not tag["key"].startswith("artist/")}


def _own(sample: Sample, output: Output) -> set[str]:
    """The listener's own tags, under the names that the run merged them to."""
    merged = output.output.get("merged", {})
    return {merged.get(key, key) for key in sample.reference["own"]}


def own_tags_precision(sample: Sample, output: Output) -> Tally:
    """Of the kinds of music that are published as liked, those the listener has a tag for."""
    found, own = _liked(output), _own(sample, output)
    return Tally(len(found & own), len(found))


def own_tags_coverage(sample: Sample, output: Output) -> Tally:
    """Of the listener's own tags, those that are published."""
    found, own = _liked(output), _own(sample, output)
    return Tally(len(found & own), len(own))


def own_tags_f1(sample: Sample, output: Output) -> Tally:
    """The harmonic mean of the two over all listeners.

    Source:
        Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 8.3.
    """
    found, own = _liked(output), _own(sample, output)
    return Tally(len(found & own), (len(found) + len(own)) / 2)


SCORERS: Mapping[str, Scorer] = {
    "own_tags_f1": Scorer(own_tags_f1),
    "own_tags_precision": Scorer(own_tags_precision),
    "own_tags_coverage": Scorer(own_tags_coverage),
}
