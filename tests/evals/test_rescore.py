"""A stored run is scored again in seconds: what counting again costs, without a model."""

from __future__ import annotations

import time
from pathlib import Path

from evals import evaluate, portraits
from evals.runs import Output
from evals.summary import summary
from evals.task import Dataset, Sample, Task
from limner.domain import Event, History
from tests.agents.histories import TAXONOMY
from tests.evals.stored import stored

GENRES = ("Crime", "Animation", "Comedy", "War", "Drama")
SAMPLES, EVENTS = 1_000, 100


def person(number: int) -> Sample:
    events = tuple(
        Event(
            event_id=f"e{at}",
            user_id=f"u{number}",
            kind="rating",
            value=1 + (at + number) % 5,
            item={"title": f"film {at}", "genres": [GENRES[at % 5]]},
        )
        for at in range(EVENTS)
    )
    about = {event.event_id: portraits.named_by(event, TAXONOMY) for event in events}
    gold = {"polarity": {f"genre/{genre.casefold()}": 1 for genre in GENRES}}
    return Sample(f"u{number}", History(user_id=f"u{number}", events=events), gold, about=about)


def test_a_thousand_answers_are_scored_again_in_seconds(tmp_path: Path) -> None:
    samples = [person(number) for number in range(SAMPLES)]
    task = Task(
        "films",
        1,
        "",
        Dataset("films", (), lambda files, taxonomy: samples),
        portraits.SYSTEMS,
        {**portraits.POLARITY, **portraits.PORTRAIT},
    )
    run = stored(tmp_path, "a", {}, metrics={name: one.kind for name, one in task.scorers.items()}, samples=SAMPLES)
    for one in samples:
        made = portraits.counts(one, TAXONOMY)
        run.add(Output(sample=one.id, cluster=one.id, input="0", output=made, reference=one.reference))
    began = time.process_time()
    evaluate.score(run, task, samples)
    found = summary(run)
    spent = time.process_time() - began
    print(f"{SAMPLES:,} answers of {EVENTS} events each scored again by {len(task.scorers)} metrics in {spent:.1f} s")  # noqa: T201
    assert found["evidence_precision"].n >= SAMPLES and found["polarity_recall"].n == SAMPLES * len(GENRES)
    assert spent < 15
