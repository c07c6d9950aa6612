from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import ttest_ind

from evals.groups import between, gaps
from evals.runs import MetricKind, Output, Score
from tests.evals.stored import stored


def scores(*values: float, side: str = "a") -> list[Score]:
    return [
        Score(sample=f"{side}{at}", cluster=f"{side}{at}", metric="f1", hits=value, of=1)
        for at, value in enumerate(values)
    ]


def test_a_gap_has_the_interval_of_welchs_test_where_users_weigh_the_same() -> None:
    one, other = (0.9, 0.7, 0.8, 1.0), (0.2, 0.6, 0.5, 0.4, 0.1)
    gap, low, high = between(scores(*one), scores(*other, side="b"))
    expected = ttest_ind(one, other, equal_var=False).confidence_interval()
    assert gap == pytest.approx(0.85 - 0.36)
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_a_gap_that_hangs_on_one_user_has_no_interval() -> None:
    assert between(scores(1.0), scores(0.2, 0.4, side="b")) == (pytest.approx(0.7), None, None)
    assert between(scores(1.0, 0.0), []) == (None, None, None)
    assert between(scores(1.0, 1.0), scores(1.0, 1.0, side="b")) == (0, None, None)


def test_each_group_is_held_against_all_others(tmp_path: Path) -> None:
    run = stored(tmp_path, "a", {f"u{at}/1": {"f1": float(at < 2)} for at in range(6)}, metrics={"f1": MetricKind()})
    for at, language in enumerate(("en", "en", "zh", "zh", "fr", "fr")):
        run.add(Output(sample=f"u{at}/1", cluster=f"u{at}", groups={"language": language}, input="0", output=[]))
    found = {one.group: (one.seen.mean, one.gap) for one in gaps(run)}
    assert found == {"en": (1, 1), "fr": (0, -0.5), "zh": (0, -0.5)}
