from __future__ import annotations

import pytest

from evals import retrieval
from evals.datasets import people
from evals.retrieval import SCORERS, WAYS, recall, remembered
from evals.runs import Output
from evals.task import DATA, Sample
from evals.tasks import TASKS
from prompts import taxonomy
from tests.agents.person import TALK, embed


def test_every_stage_puts_the_turn_that_says_it_first() -> None:
    memory = remembered(TALK)
    for name in set(WAYS) - {"meaning"}:  # letters have none
        rows = WAYS[name]("Who made a blue bowl?", memory, embed)
        assert memory.ids[rows[0]] == "d1", name


def test_evidence_counts_among_the_first_ten_and_only_in_its_category() -> None:
    sample = Sample("q", {}, {"evidence": {"a": "", "b": ""}}, groups={"category": "id 2"})
    found = {**dict.fromkeys("acdefghijk", ""), "b": ""}
    output = Output(sample="q", cluster="c", input="", output={"found": found})
    scores = {name: scorer.score(sample, output) for name, scorer in SCORERS.items()}
    assert scores["recall_at_10"] == scores["recall_at_10_id_2"] == 0.5
    assert scores["recall_at_10_id_1"] is None and scores["ndcg_at_10"] == pytest.approx(1 / (1 + 1 / 1.584962501))


@pytest.mark.parametrize("name", ["recall-locomo", "memdaily"])
@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not beside this folder")
def test_who_choices_are_made_on_is_not_reported(name: str) -> None:
    known = taxonomy.load()
    reported, fitted = (TASKS[one].dataset.samples(known) for one in (name, f"{name}-fitted"))
    assert reported and fitted and not {one.cluster for one in reported} & {one.cluster for one in fitted}
    drawn = TASKS[name].dataset.samples(known, limit=30)
    assert len(drawn) == 30 and drawn == [one for one in reported if one.id in {other.id for other in drawn}]
    assert all(one.reference["evidence"] and all(one.reference["evidence"].values()) for one in drawn)


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not beside this folder")
def test_every_stage_of_words_finds_more_of_locomos_evidence() -> None:
    memories = {name: remembered(events) for name, events in people.histories(people.LOCOMO).items()}
    samples = people.dataset(people.LOCOMO, "locomo").samples(taxonomy.load())

    def found(way: str) -> float:
        scores: list[float] = []
        for sample in samples:
            assert isinstance(sample.given, dict)
            memory = memories[sample.given["history"]]
            rows = WAYS[way](sample.given["question"], memory, embed)[: retrieval.K]
            ids = {memory.ids[row]: "" for row in rows}
            said = Output(sample=sample.id, cluster="", input="", output={"found": ids})
            scores += [score] if (score := recall(sample, said)) is not None else []
        return sum(scores) / len(scores)

    assert found("words") == pytest.approx(0.55, abs=0.02)
    assert found("stems") >= 0.6
    assert found("neighbours") >= 0.68
