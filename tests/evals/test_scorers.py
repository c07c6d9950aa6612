from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.scorers import Bin, agreement, brier, by_user, calibration_error, ratio, reliability

SAID = np.array([0.1, 0.1, 0.8, 0.8, 0.8, 0.8, 0.8])
TRUE = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0])


def test_the_calibration_error_weighs_each_bin_by_its_claims() -> None:
    assert reliability(SAID, TRUE) == [Bin(pytest.approx(0.1), 0.0, 2), Bin(pytest.approx(0.8), pytest.approx(0.8), 5)]
    assert calibration_error(SAID, TRUE) == pytest.approx(2 * 0.1 / 7)


def test_the_brier_score_is_the_mean_squared_error() -> None:
    assert brier(SAID, TRUE) == pytest.approx((2 * 0.01 + 4 * 0.04 + 0.64) / 7)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_a_calibration_error_lies_between_nought_and_one(cases: list[tuple[float, bool]]) -> None:
    said, true = (np.array(column, float) for column in zip(*cases, strict=True))
    assert 0 <= calibration_error(said, true) <= 1
    assert sum(one.n for one in reliability(said, true)) == len(cases)


def test_an_interval_over_users_is_wider_than_one_over_claims() -> None:
    said, true = np.full(200, 0.5), np.repeat([0.0, 1.0] * 5, 20)
    by_ten = by_user(brier, [f"u{at // 20}" for at in range(200)], np.linspace(0, 1, 200), true)
    each = by_user(brier, [f"u{at}" for at in range(200)], np.linspace(0, 1, 200), true)
    assert by_ten.high - by_ten.low > each.high - each.low
    assert by_user(brier, ["u"] * 200, said, true).mean == pytest.approx(0.25)


def test_agreement_tells_wrong_from_missed_from_unjudged() -> None:
    found = agreement({"a": 1, "b": -1, "c": 1}, {"a": 1, "b": 1, "c": None, "d": -1, "e": 0})
    assert found == (1, 1, 2, 1)


def test_a_ratio_without_a_miss_has_an_exact_interval() -> None:
    assert ratio([5, 5], [0, 0]).low == pytest.approx(0.6915, abs=1e-4)
    assert ratio([], []).n == 0
