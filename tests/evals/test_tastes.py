"""What is heard of tastes is held against the marks of lines."""

from __future__ import annotations

from typing import Any

from evals.datasets.tastes import NAMES, NAMES_SCORERS, TASTES, TASTES_SCORERS
from evals.runs import Output
from evals.task import Sample, Tally
from tests.agents.histories import TAXONOMY

TEXT = "I love jazz and hate long solos"
SAMPLE = Sample("one", {"text": TEXT}, [[7, 11, 1], [21, 31, -1]])


def output(of: Sample, made: Any) -> Output:
    return Output(sample=of.id, cluster=of.id, input=of.digest, output=made)


def scores(of: Sample, made: Any) -> dict[str, Any]:
    return {name: scorer.score(of, output(of, made)) for name, scorer in TASTES_SCORERS.items()}


def test_a_taste_is_found_where_its_words_reach_the_mark_and_lean_as_it_does() -> None:
    heard = [["I love jazz", 1], ["hate long", -1]]
    assert scores(SAMPLE, heard) == {"found": Tally(2, 2), "right": Tally(2, 2), "heard_where_nothing_is_said": None}
    assert scores(SAMPLE, [["I love jazz", -1]])["right"] == Tally(0, 1)
    assert scores(SAMPLE, [["and", 1]])["found"] == Tally(0, 2)


def test_what_is_heard_in_a_line_that_says_nothing_is_a_false_alarm() -> None:
    nothing = Sample("none", {"text": TEXT}, [])
    assert scores(nothing, [["I love jazz", 1]])["heard_where_nothing_is_said"] == 1.0
    assert scores(nothing, [])["heard_where_nothing_is_said"] == 0.0


def test_a_name_in_doubt_is_not_scored_and_a_sure_one_is_by_its_end() -> None:
    name = Sample("name", {"text": TEXT, "start": 7}, {"end": 11})
    exact, sure = NAMES_SCORERS["exact"].score, NAMES_SCORERS["sure"].score
    assert (exact(name, output(name, {"end": 11})), sure(name, output(name, {"end": 11}))) == (1.0, 1.0)
    assert (exact(name, output(name, {"end": None})), sure(name, output(name, {"end": None}))) == (None, 0.0)


def test_names_are_read_of_every_hand_and_tastes_of_one_that_is_in_none() -> None:
    known = NAMES.samples(TAXONOMY)
    assert len({sample.groups["hand"] for sample in known}) >= 2
    learnt = {sample.given["text"] for sample in known}  # type: ignore[index]
    sealed = TASTES.samples(TAXONOMY)
    assert len(sealed) >= 300
    assert not learnt & {sample.given["text"] for sample in sealed}  # type: ignore[index]
