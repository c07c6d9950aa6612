from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evals import power
from evals.compare import Paired
from tests.evals.stored import stored


@pytest.mark.parametrize("name", power.WORLDS)
def test_where_nothing_changed_no_world_leans(name: str) -> None:
    rng = np.random.default_rng(3)
    pairs = [pair for _ in range(60) if (pair := power.WORLDS[name](rng, 60, 0.0)) is not None]
    deltas = np.array([pair.delta for pair in pairs])
    assert abs(deltas.mean()) < 4 * deltas.std() / len(deltas) ** 0.5


@pytest.mark.parametrize("name", power.WORLDS)
def test_a_world_is_as_much_worse_as_it_is_told_to_be(name: str) -> None:
    rng = np.random.default_rng(4)
    pairs = [pair for _ in range(60) if (pair := power.WORLDS[name](rng, 200, -0.15)) is not None]
    deltas = np.array([pair.delta for pair in pairs])
    assert deltas.mean() == pytest.approx(-0.15, abs=0.02 + 4 * deltas.std() / len(deltas) ** 0.5)


def test_false_alarms_are_few_and_harm_is_found() -> None:
    row = power.simulated("many", power.many_answers, 20, 120)
    assert row.pairs == 120 and row.false_alarms.low <= 0.05
    assert row.found is not None and row.found.high >= 0.8 and row.found.low > 0.5


def test_many_metrics_at_once_raise_no_more_false_alarms() -> None:
    assert power.together(20, 60).false_alarms.low <= 0.05


def test_users_are_drawn_from_stored_runs(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    scores = rng.random((2, 40)) < [[0.5], [0.8]]
    before, after = (
        stored(tmp_path, name, {f"u{at}/1": {"f1": float(one)} for at, one in enumerate(column)})
        for name, column in zip("ab", scores, strict=True)
    )
    paired = Paired(before, after)
    seen, world = paired.pairs("f1"), power.stored(paired, "f1")
    assert seen is not None and world is not None
    for effect in (0.0, seen.delta, -seen.delta / 2):
        deltas = [pair.delta for _ in range(200) if (pair := world(rng, 100, effect)) is not None]
        assert np.mean(deltas) == pytest.approx(effect, abs=0.02)
