from __future__ import annotations

from pathlib import Path

import pytest

from evals.runs import Output, Run
from evals.stability import stability
from tests.evals.stored import stored

TAG = {"key": "genre/noir", "polarity": 1}


def published(home: Path, name: str, *tags: dict[str, object]) -> Run:
    """A run that publishes these tags of each of four users."""
    run = stored(home, name, {f"u{at}/1": {"f1": 1.0} for at in range(4)})
    for at in range(4):
        run.add(Output(sample=f"u{at}/1", cluster=f"u{at}", input="0", output={"tags": list(tags)}))
    return run


def test_tags_that_both_runs_publish_count_among_those_of_either(tmp_path: Path) -> None:
    """Of noir liked, tea liked and tea disliked, both have the first: a third."""
    one = published(tmp_path, "a", TAG, {"key": "tea", "polarity": 1})
    other = published(tmp_path, "b", TAG, {"key": "tea", "polarity": -1})
    found = stability(one, other)
    assert found is not None and found.mean == pytest.approx(1 / 3) and found.n == 12
    same = stability(one, published(tmp_path, "c", TAG, {"key": "tea", "polarity": 1}))
    assert same is not None and same.mean == 1


def test_runs_without_portraits_have_no_stability(tmp_path: Path) -> None:
    one, other = (stored(tmp_path, name, {"u/1": {"f1": 1.0}}) for name in "ab")
    assert stability(one, other) is None
    assert stability(published(tmp_path, "c"), published(tmp_path, "d")) is None, "nothing was published"
