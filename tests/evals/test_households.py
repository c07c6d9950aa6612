from __future__ import annotations

from pathlib import Path

import pytest

from evals import evaluate
from evals.datasets.households import COMPLETEJOURNEY
from evals.scorers import f1
from evals.tasks import TASKS
from limner.settings import Settings


def test_f1_is_two_thirds_where_half_of_what_is_found_is_right_and_nothing_missed() -> None:
    found = f1([1, 1], [1, 1], [0, 0])
    assert found.mean == pytest.approx(2 / 3)
    assert found.low <= found.mean <= found.high
    assert found.n == 2


def test_f1_of_nothing_is_nothing() -> None:
    assert f1([0], [0], [0]).n == 0
    assert f1([0, 0], [0, 0], [2, 1]).mean == 0


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(bool(COMPLETEJOURNEY.absent), reason=COMPLETEJOURNEY.absent)
def test_price_sensitivity_agrees_with_another_analyst_and_no_name_flips_a_tag(tmp_path: Path) -> None:
    task, settings = TASKS["completejourney"], Settings(home=tmp_path)
    told = {}
    for system in task.systems:
        run = evaluate.begin(task, system, settings)
        header = evaluate.go_on(run, task, settings, told=lambda *_: None, report=lambda *_: None)
        assert header.state == "done"
        told[system] = evaluate.document(run)["metrics"]
    verified = told.pop("verified")
    for name in ("price_sensitive", "brand_loyal_full_price", "weekend_shopper"):
        assert verified[f"{name}_f1"]["mean"] >= 0.9
    assert verified["f1"]["low"] > max(other["f1"]["high"] for other in told.values())
    assert verified["flips"]["mean"] == 0 < verified["flips"]["n"]
    assert verified["failing_evidence"]["mean"] == 0 < verified["failing_evidence"]["n"]
