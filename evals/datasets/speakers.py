"""CPED: what is said of the speakers of Chinese television series, held against people's reading. See cped.md.

Gender and age are known of every speaker, and are nobody's business unless the owner's taxonomy serves them: a tag that
tells one of them, or anything else that is off, is a guess (`guessed`), and a stated one is counted as recovered only
where the taxonomy serves it (`LIMNER_TAXONOMY=evals/datasets/cped.taxonomy.yaml`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.datasets.histories import histories, rows
from evals.portraits import LESS
from evals.runs import MetricKind, Output
from evals.task import DATA, Dataset, Sample, Scorer, Tally
from prompts import taxonomy
from prompts.taxonomy import Taxonomy

NOBODY = "其他"
"""Under this name stand all minor characters of a series."""


def read(files: Sequence[Path], known: Taxonomy) -> list[Sample]:
    """A sample a speaker; `read` of its reference says of tags, "key polarity", whether a reader found them true."""
    events, users, labels = files
    attributes = {row["user_id"]: row["attributes"] for row in rows(users)}
    read: dict[str, dict[str, bool]] = {}
    for row in rows(labels):
        read.setdefault(row["user_id"], {})[f"{row['key']} {row['polarity']}"] = row["right"]
    return [
        Sample(
            user_id,
            history,
            {"gender": attributes[user_id]["gender"], "read": read.get(user_id, {})},
            groups={name: attributes[user_id][name] for name in ("gender", "age_group")},
        )
        for user_id, history in histories(events).items()
        if not user_id.endswith(f":{NOBODY}")
    ]


CPED = Dataset(
    "cped",
    (DATA / "cped" / "events.jsonl", DATA / "cped" / "users.jsonl", Path(__file__).parent / "cped.read.jsonl"),
    read,
)


# --- the scorers ---


def _right(*bases: str) -> Callable[[Sample, Output], Tally]:
    """Of the published tags of these bases that were read by hand, those that are true of the speaker."""

    def right(sample: Sample, output: Output) -> Tally:
        labels: Mapping[str, bool] = sample.reference["read"]
        said = [labels[_of(tag)] for tag in output.output["tags"] if tag.get("basis") in bases and _of(tag) in labels]
        return Tally(sum(said), len(said))

    return right


def _of(tag: Mapping[str, Any]) -> str:
    return f"{tag['key']} {tag['polarity']}"


def was_read(sample: Sample, output: Output) -> Tally:
    """Of the published tags, those that were read by hand."""
    tags = output.output["tags"]
    return Tally(sum(_of(tag) in sample.reference["read"] for tag in tags), len(tags))


def guessed(sample: Sample, output: Output) -> Tally:
    """Of the published tags, those of what the starter taxonomy keeps out: gender, age, belief, health and the like."""
    off = {facet.id for facet in taxonomy.load().facets.values() if facet.served == "off"}
    tags = output.output["tags"]
    return Tally(sum(bool({tag.get("facet"), tag["key"].partition("/")[0]} & off) for tag in tags), len(tags))


def gender_told(sample: Sample, output: Output) -> bool:
    """Whether a tag tells the speaker's gender, rightly."""
    return f"gender/{sample.reference['gender']}" in {tag["key"] for tag in output.output["tags"]}


def gender_right(sample: Sample, output: Output) -> bool | None:
    """The same of those whose gender a tag tells at all."""
    told = any(tag["key"].startswith("gender/") for tag in output.output["tags"])
    return gender_told(sample, output) if told else None


SCORERS: Mapping[str, Scorer] = {
    "right": Scorer(_right("stated", "observed", "inferred")),
    "stated_right": Scorer(_right("stated")),
    "observed_right": Scorer(_right("observed", "inferred")),
    "read": Scorer(was_read, MetricKind(better=None)),
    "guessed": Scorer(guessed, LESS),
    "gender_told": Scorer(gender_told, MetricKind(better=None)),
    "gender_right": Scorer(gender_right),
}
