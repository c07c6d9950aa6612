from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.tags import coverage, stability

RUNS = st.lists(st.frozensets(st.sampled_from("abcdef")), max_size=5)


def test_coverage_is_of_what_can_be_judged() -> None:
    assert coverage({"a", "b", "x"}, {"a", "b", "c", "d"}) == (2, 4)
    assert coverage({"a"}, set()) is None


def test_stability_is_the_mean_likeness_of_pairs_of_runs() -> None:
    # {a, b} and {b, c}: 1/3; {a, b} and {a, b}: 1; {b, c} and {a, b}: 1/3. Mean 5/9.
    assert stability(["ab", "bc", "ab"]) == pytest.approx(5 / 9)
    assert stability(["ab"]) is None and stability([[], []]) is None
    assert stability([{("a", 1)}, {("a", -1)}]) == 0


@given(RUNS)
def test_stability_does_not_know_which_run_came_first(runs: list[frozenset[str]]) -> None:
    there, back = stability(runs), stability(runs[::-1])
    assert there == (back if back is None else pytest.approx(back))
