from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from evals.compare import Pairs, compare, holm, of_points, of_ratio
from evals.runs import MetricKind, Score
from evals.scorers import brier
from limner.errors import InputError
from tests.evals.stored import stored

Cells = list[tuple[int, int, int, int]]
cells = st.lists(st.tuples(*[st.integers(0, 9)] * 4), min_size=2, max_size=8).map(
    lambda rows: [(min(a, b), b + 1, min(c, d), d + 1) for a, b, c, d in rows]
)


def paired(rows: Cells, users: list[str] | None = None) -> Pairs:
    """Hits and cases before, hits and cases after, a sample a row."""
    table = np.array(rows, float)
    pairs = of_ratio(users or [f"u{at}" for at in range(len(rows))], table[:, :2], table[:, 2:])
    assert pairs is not None
    return pairs


def verdicts(right: str, right_after: str) -> Pairs:
    """A sample a user, 1 where it is right."""
    return paired([(int(one), 1, int(other), 1) for one, other in zip(right, right_after, strict=True)])


def test_six_gains_and_no_loss_are_what_six_coins_show() -> None:
    pairs = verdicts("0000001111", "1111111111")
    assert pairs.flips == (6, 0)
    assert pairs.p() == pytest.approx(2 / 2**6)
    assert pairs.delta == pytest.approx(0.6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=8))
def test_swapping_users_is_mcnemars_test_where_each_has_one_sample(rows: list[tuple[bool, bool]]) -> None:
    pairs = paired([(one, 1, other, 1) for one, other in rows])
    gained, lost = sum(b > a for a, b in rows), sum(b < a for a, b in rows)
    exact = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert pairs.p() == pytest.approx(exact)
    assert pairs._replace(flips=None).p() == pytest.approx(exact)


def test_drawn_swaps_come_close_to_all_of_them() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.random(40) < 0.6, rng.random(40) < 0.8
    pairs = paired([(one, 1, other, 1) for one, other in zip(before, after, strict=True)])
    assert pairs._replace(flips=None).p() == pytest.approx(pairs.p(), abs=0.01)


def test_the_standard_error_is_that_of_the_mean_of_the_users_differences() -> None:
    """Differences of 0.25, 0, 0.5 and 0.25: their mean is 0.25, their variance 1/24, over four users."""
    pairs = paired([(1, 4, 2, 4), (2, 4, 2, 4), (0, 4, 2, 4), (1, 4, 2, 4)])
    assert pairs.delta == pytest.approx(0.25)
    assert pairs.error == pytest.approx((1 / 24 / 4) ** 0.5)
    assert pairs.interval == pytest.approx((0.25 - 3.1824 * pairs.error, 0.25 + 3.1824 * pairs.error), abs=1e-4)


def test_samples_of_one_user_count_as_one_user() -> None:
    """Two conversations that move together say less than the eight questions in them."""
    rows = [(0, 1, 1, 1), (0, 1, 1, 1), (0, 1, 1, 1), (1, 1, 1, 1)] * 3
    apart = paired(rows)
    together = paired(rows, [f"talk {at // 4}" for at in range(12)])
    assert apart.p() == pytest.approx(2 / 2**9)
    assert together.p() == pytest.approx(2 / 2**3)
    assert (apart.users, together.users, together.samples, together.changed) == (12, 3, 12, 9)


def test_a_share_weighs_users_by_their_cases() -> None:
    pairs = paired([(9, 9, 0, 9), (0, 1, 1, 1)])
    assert (pairs.before, pairs.after) == (0.9, 0.1)


def test_five_users_prove_nothing() -> None:
    assert paired([(0, 3, 3, 3)] * 5).p() == pytest.approx(1 / 16)
    assert paired([(0, 3, 3, 3)] * 6).p() == pytest.approx(1 / 32)
    rows = [(0, 9, 3, 9), (0, 9, 4, 9)] * 5
    assert paired(rows[:5]).detectable() is None
    assert paired(rows).detectable() is not None and paired(rows).detectable(tests=100) is None


def test_shares_differ_by_no_more_than_one() -> None:
    pairs = paired([(0, 9, 9, 9), (0, 9, 9, 9), (0, 9, 8, 9), (0, 9, 0, 9)])
    assert pairs.interval is not None and pairs.interval[1] == 1
    tokens = paired([(100, 9, 900, 9), (100, 9, 200, 9), (100, 9, 100, 9)])
    assert tokens.interval is not None and tokens.interval[1] > 1


@settings(deadline=None)
@given(cells)
def test_comparing_the_other_way_round_turns_the_sign_and_nothing_else(rows: Cells) -> None:
    there, back = paired(rows), paired([(c, d, a, b) for a, b, c, d in rows])
    assert back.delta == pytest.approx(-there.delta)
    assert back.p() == pytest.approx(there.p())
    assert 0 < there.p() <= 1
    if there.interval is not None and back.interval is not None:
        assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))


@settings(deadline=None)
@given(cells, st.floats(-0.5, 0.5))
def test_a_run_is_as_far_from_itself_and_a_margin_as_the_margin(rows: Cells, margin: float) -> None:
    same = paired([(a, b, a, b) for a, b, *_ in rows])
    assert same.delta == 0 and same.p() == 1 and same.interval is None and same.detectable() is None
    assert paired(rows).p(at=paired(rows).delta) == 1


def test_as_many_users_as_are_said_to_be_needed_suffice() -> None:
    rng = np.random.default_rng(3)
    rows = [(int(a), 5, int(b), 5) for a, b in rng.integers(0, 6, (40, 2))]
    pairs = paired(rows)
    needed = 40 + (pairs.more_users(0.02) or 0)
    many = paired(rows * (needed // 40))
    assert many.detectable() == pytest.approx(0.02, rel=0.05)


def test_what_mcnemars_test_can_detect_is_found_four_times_in_five() -> None:
    pairs = verdicts("01" * 20 + "1" * 40, "10" * 20 + "1" * 40)
    found, rng = pairs.detectable(), np.random.default_rng(5)
    assert found is not None
    drawn = rng.multinomial(80, ((0.5 + found) / 2, (0.5 - found) / 2, 0.5), 400)
    power = np.mean([binomtest(int(gained), int(gained + lost)).pvalue <= 0.05 for gained, lost, _ in drawn])
    assert power == pytest.approx(0.8, abs=0.06)


def test_a_difference_that_hangs_on_one_user_is_not_judged() -> None:
    pairs = paired([(0, 3, 3, 3), (0, 0, 0, 0)])
    assert pairs.error is None and pairs.p() == 1 and pairs.interval is None and pairs.detectable() is None


def test_a_metric_without_cases_in_one_run_is_not_compared() -> None:
    assert of_ratio(["a"], np.array([[0.0, 0.0]]), np.array([[1.0, 1.0]])) is None
    assert of_points(brier, ["a"], [()], [((0.5, 1.0),)]) is None


def test_points_are_compared_by_leaving_out_users() -> None:
    before = [((0.5, float(at % 2)),) for at in range(20)]
    after = [((0.9 if at % 2 else 0.2, float(at % 2)),) for at in range(20)]
    pairs = of_points(brier, [f"u{at // 2}" for at in range(20)], before, after)
    assert pairs is not None
    assert pairs.delta == pytest.approx(0.025 - 0.25)
    assert pairs.p() == pytest.approx(2 / 2**10)


def test_holm_corrects_as_its_authors_example_does() -> None:
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert corrected == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})


def films(home: Path, run: str, *scores: float, **header: Any) -> Any:
    return stored(home, run, {f"u{at}/1": {"f1": score} for at, score in enumerate(scores)}, **header)


def test_a_verdict_follows_from_which_way_is_better(tmp_path: Path) -> None:
    lower = {"metrics": {"f1": MetricKind(better="lower")}}
    before, after = films(tmp_path, "a", *[0] * 8), films(tmp_path, "b", *[1] * 8)
    assert compare(before, after).metrics["f1"].verdict == "better"
    assert compare(after, before).metrics["f1"].verdict == "worse"
    before, after = films(tmp_path, "c", *[0] * 8, **lower), films(tmp_path, "d", *[1] * 8, **lower)
    assert compare(before, after).metrics["f1"].verdict == "worse"
    before, after = films(tmp_path, "e", *[0] * 4), films(tmp_path, "f", *[1] * 4)
    assert compare(before, after).metrics["f1"].verdict == "no difference shown"


def test_many_metrics_must_each_prove_more(tmp_path: Path) -> None:
    one, many = ([dict.fromkeys(names, at) for at in (0.0, 1.0)] for names in ("a", "abcdef"))
    for told, expected in ((one, "better"), (many, "no difference shown")):
        runs = [
            stored(tmp_path, f"{expected}{at}", {f"u{user}/1": dict(scores) for user in range(6)})
            for at, scores in enumerate(told)
        ]
        assert compare(*runs).metrics["a"].verdict == expected
    assert compare(*runs, metrics=["a"]).metrics["a"].verdict == "better"


def test_only_samples_that_both_answered_are_compared(tmp_path: Path) -> None:
    before = films(tmp_path, "a", 0, 0, 0, 1)
    after = films(tmp_path, "b", 1, 1, 1)
    found = compare(before, after)
    assert (found.samples, found.left_out) == (3, 1)
    assert found.metrics["f1"].before == 0


def test_points_are_compared_as_stored(tmp_path: Path) -> None:
    kind = {"metrics": {"brier": MetricKind(measure="brier", better="lower")}}
    runs = [films(tmp_path, name, *[0] * 8, **kind) for name in "ab"]
    for run, said in zip(runs, (0.5, 0.9), strict=True):
        run.score(Score(sample=f"u{at}/1", cluster=f"u{at}", metric="brier", points=((said, 1.0),)) for at in range(8))
    assert compare(*runs).metrics["brier"].verdict == "better"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"task": "books"}, "are of two tasks, films and books"),
        ({"task_version": 2}, "are of versions 1 and 2 of films"),
        ({"dataset_digest": "f" * 16}, "read different data"),
    ],
    ids=["task", "version", "data"],
)
def test_runs_that_cannot_be_paired_are_refused(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    before, after = films(tmp_path, "a", 0, 1), films(tmp_path, "b", 0, 1, **changed)
    with pytest.raises(InputError, match=reason):
        compare(before, after)


def test_a_run_is_not_compared_with_itself_nor_with_one_of_other_samples(tmp_path: Path) -> None:
    run = films(tmp_path, "a", 0, 1)
    with pytest.raises(InputError, match="name two"):
        compare(run, run)
    other = stored(tmp_path, "b", {"other/1": {"f1": 1}})
    with pytest.raises(InputError, match="no sample in common"):
        compare(run, other)


def test_an_unknown_metric_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recall is no metric of both runs; they have f1"):
        compare(films(tmp_path, "a", 0, 1), films(tmp_path, "b", 0, 1), metrics=["recall"])
