from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from agents.precedents import Precedents
from evals.datasets.wordings import SYSTEMS, TWISTED, TWISTED_SCORERS, TWISTED_SYSTEMS, WORDINGS
from evals.runs import Output
from evals.task import Bench, Sample, System
from prompts.wordings import OTHERS, wordings
from tests.agents.histories import TAXONOMY
from tests.agents.test_understand import NAMES, letters

SOME = [one for one in wordings() if one.shape == (False, True) and one.means != OTHERS]


def read(system: System, samples: Sequence[Sample], left: Sequence[Sample]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    few = SimpleNamespace(precedents=Precedents(SOME, letters, letters, lambda _: 0.0))
    app = SimpleNamespace(vocabulary=lambda told: few if system is SYSTEMS["limner"] else NAMES)
    bench = SimpleNamespace(
        app=app, told=None, samples=samples, left=left, finish=lambda one, out: said.update({one.id: out})
    )
    assert system.solve(cast(Bench, bench)) == ""
    return said


def test_a_part_of_the_wordings_is_read_as_the_whole_is() -> None:
    texts = {one.text for one in SOME}
    every = [one for one in WORDINGS.samples(TAXONOMY) if cast(dict[str, str], one.given)["text"] in texts]
    whole = read(SYSTEMS["limner"], every, every)
    assert read(SYSTEMS["limner"], every, every[5:20]) == {one.id: whole[one.id] for one in every[5:20]}


def test_of_clauses_that_only_look_like_wordings_rules_read_hardly_any() -> None:
    every = TWISTED.samples(TAXONOMY)
    assert len(every) >= 60
    assert {one.groups["half"] for one in every} == {"chosen on", "kept"}
    said = read(TWISTED_SYSTEMS["limner"], every, every)
    outputs = {one: Output.model_construct(sample=one, output=out, reference=None) for one, out in said.items()}
    by_rules = [one.id for one in every if TWISTED_SCORERS["read_by_rules"].score(one, outputs[one.id])]
    assert len(by_rules) / len(every) <= 0.02, by_rules
