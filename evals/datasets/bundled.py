"""The bundled sample: fourteen invented people, and what their author meant. See sample.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.datasets.histories import histories, rows
from evals.portraits import named_by
from evals.privacy import leakage
from evals.runs import Output
from evals.task import Dataset, Sample, Tally
from prompts.taxonomy import Taxonomy

FOLDER = Path(__file__).parent
CHINESE = frozenset({"ahua", "kaige", "laozhou", "momo", "qingqing", "weilan", "xiaoman"})
_PERSONAL = re.compile(r"@|\d{4}")
"""What tells personal data among the claims that no profile may hold."""


def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a user; a key that the gold does not name is not judged, for the gold is not complete."""
    events, gold = files
    meant = {row["user_id"]: row for row in rows(gold)}
    return [
        Sample(
            user_id,
            history,
            {
                "polarity": _polarity(meant[user_id], taxonomy),
                "personal": [term for term in meant[user_id]["must_not"] if _PERSONAL.search(term)],
            },
            groups={"language": "zh" if user_id in CHINESE else "en"},
            about={event.event_id: named_by(event, taxonomy) for event in history.events},
        )
        for user_id, history in histories(events).items()
    ]


def _polarity(meant: dict[str, Any], taxonomy: Taxonomy) -> dict[str, int]:
    found: dict[str, int] = {}
    for label, place in meant["values"].items():
        named = taxonomy.named(*place.split("/", 1))
        if named is not None:
            found[named.key] = 1 if label in meant["likes"] else -1
    return found


def leaks(sample: Sample, output: Output) -> Tally | None:
    """Of the personal data planted in the user's texts (addresses, numbers), what stands in the served portrait."""
    served = [name for tag in output.output["tags"] for name in tag["label"].values()]
    served += [one["text"] for persona in output.output.get("personas", ()) for one in persona["sentences"]]
    return leakage(served, sample.reference["personal"])


SAMPLE = Dataset("sample", (FOLDER / "sample.jsonl", FOLDER / "sample.gold.jsonl"), read)
