"""Questions about one person, and the histories that answer them: LoCoMo, MemDaily and PersonaBench.

A history is what one memory would hold: a conversation of both who speak in it (LoCoMo), a log of notes (MemDaily), the
documents of a user (PersonaBench). A sample is a question; it names its history, which is read apart, once for all its
questions. LoCoMo's categories go by id (1 multi-hop, 2 temporal, 3 open-domain, 4 single-hop, 5 adversarial), with the
official labels: papers and vendors swap their names. See locomo.md, memdaily-questions.md, personabench-questions.md.

Whatever of limner was chosen by measuring was chosen on the conversations `FITTED` and MemDaily's users of whom
`fitted` holds; tasks that end in `-fitted` are over these, the others report.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evals.datasets.histories import UNDATED, rows
from evals.task import DATA, Dataset, Sample, found
from limner.domain import Event
from prompts.taxonomy import Taxonomy

FITTED = frozenset({"conv-26", "conv-30", "conv-41"})
Histories = dict[str, list[Event]]
"""Events by the name of their history, in their order."""


class Kind(NamedTuple):
    """How a set is made."""

    folder: str
    history: Callable[[Event], str]
    order: Callable[[Event], Any]
    asked: Callable[[Mapping[str, Any]], Sample | None]
    """A row of questions.jsonl as a sample, its evidence by id only; None where it is left out."""
    evidence: Callable[[Event], str] = lambda event: event.event_id
    """The id by which an event is named as evidence."""


def histories(kind: Kind) -> Histories:
    """All histories of a set; its file is here."""
    path = found(DATA / kind.folder / "events.jsonl")
    assert path is not None
    return _read(kind, path)


def fitted(cluster: str) -> bool:
    """Whether a conversation of LoCoMo or user of MemDaily is one that choices are made on.

    Of MemDaily these are the two thirds that were looked at before limner's dates were mended.
    """
    return cluster in FITTED or (
        cluster.startswith("memdaily:") and hashlib.blake2b(cluster.encode()).digest()[0] % 3 != 0
    )


def reported(cluster: str) -> bool:
    return not fitted(cluster)


def dataset(kind: Kind, name: str, keep: Callable[[str], bool] = lambda cluster: True) -> Dataset:
    """The questions of a set whose conversation or user is to be kept; a limit draws questions."""

    def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
        events, questions = files
        told: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for history, own in _read(kind, events).items():
            for event in own:
                told[history][kind.evidence(event)].append(event.text)
        samples = [
            sample for row in rows(questions) if (sample := kind.asked(row)) is not None and keep(sample.cluster)
        ]
        for sample in samples:
            assert isinstance(sample.given, Mapping)
            texts = told[sample.given["history"]]
            sample.reference["evidence"] = {one: " / ".join(texts[one]) for one in sample.reference["evidence"]}
        return samples

    files = (DATA / kind.folder / "events.jsonl", DATA / kind.folder / "questions.jsonl")
    return Dataset(name, files, read, whole=False)


def _read(kind: Kind, path: Path) -> Histories:
    read: Histories = defaultdict(list)
    for row in rows(path):
        event = Event.model_validate(row)
        read[kind.history(event)].append(event)
    for events in read.values():
        events.sort(key=kind.order)
    return dict(read)


def _locomo(row: Mapping[str, Any]) -> Sample:
    conversation = row["question_id"].partition("/")[0]
    return Sample(
        row["question_id"],
        {"question": row["question"], "history": conversation},
        {"answer": str(row["answer"]) if row["answerable"] else None, "evidence": row["evidence"]},
        cluster=conversation,
        groups={"category": f"id {row['category_id']}"},
    )


def _memdaily(row: Mapping[str, Any]) -> Sample:
    return Sample(
        row["question_id"],
        {"question": row["question"], "history": row["log"], "choices": row["choices"]},
        {"choice": row["correct_choice"], "evidence": row["evidence"]},
        cluster=row["user_id"],
        groups={"category": row["category"].replace("_", " ")},
    )


def _personabench(row: Mapping[str, Any]) -> Sample | None:
    if row["category"] == "Subjective":  # they ask for a letter
        return None
    return Sample(
        row["question_id"],
        {"question": row["question"], "history": row["user_id"]},
        {"answer": _in_words(row["answer"]), "evidence": row["evidence"]},
        cluster=row["user_id"],
        groups={"category": row["category"].lower()},
    )


def _in_words(answer: Any) -> str:
    """A gold answer in words: a text, a number, or a list or mapping of them."""
    if isinstance(answer, Mapping):
        return " ".join(f"{name} {_in_words(value)}" for name, value in answer.items())
    return ", ".join(map(_in_words, answer)) if isinstance(answer, list) else str(answer)


LOCOMO = Kind(
    "locomo",
    history=lambda event: str(event.meta["conversation"]),
    order=lambda event: (event.meta["session"], event.meta["turn"]),
    asked=_locomo,
)
MEMDAILY = Kind("memdaily", history=lambda event: str(event.meta["log"]), order=lambda event: 0, asked=_memdaily)
PERSONABENCH = Kind(
    "personabench",
    history=lambda event: event.user_id,
    order=lambda event: event.ts or UNDATED,
    asked=_personabench,
    evidence=lambda event: str(event.meta["segment_id"]),
)
