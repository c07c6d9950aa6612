from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from evals.datasets.wordings import SYSTEMS, WORDINGS
from evals.task import Bench, Sample
from tests.agents.histories import TAXONOMY
from tests.agents.test_understand import NAMES


def read(samples: Sequence[Sample], left: Sequence[Sample]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    app = SimpleNamespace(vocabulary=lambda told: NAMES)
    bench = SimpleNamespace(
        app=app, told=None, samples=samples, left=left, finish=lambda one, out: said.update({one.id: out})
    )
    assert SYSTEMS["limner"].solve(cast(Bench, bench)) == ""
    return said


def test_a_part_of_the_wordings_is_read_as_the_whole_is() -> None:
    every = WORDINGS.samples(TAXONOMY)
    some = WORDINGS.samples(TAXONOMY, limit=20)
    whole = read(every, every)
    assert read(some, some[5:]) == {one.id: whole[one.id] for one in some[5:]}
