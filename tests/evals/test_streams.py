from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.streams import NOTHING, Foresight, Pool, f1_ns, foresight, of_user, overall

POOL = Pool(
    keep=frozenset({"k1", "k2"}),
    new=frozenset({"n1", "n2", "n3"}),
    decay=frozenset({"d1", "d2", "d3", "d4"}),
    peer=frozenset({"p1", "p2", "p3"}),
    viral=frozenset({"v1", "v2"}),
    random=frozenset({"r1", "r2", "r3", "r4", "r5", "r6"}),
)
"""20 candidates of which 5 come true: a quarter."""


def test_a_quarter_of_the_pool_is_picked() -> None:
    assert POOL.picks == 5
    assert Pool(keep=frozenset("a")).picks == 1


def test_the_scores_of_a_step_are_shares_of_each_part() -> None:
    # Picked: both kept, 1 of 3 new, 1 of 4 that decay, none of 3 peers, 1 of 2 viral, none of 6 random.
    # Recall (2 + 1) / 5 = 0.6, novelty 1/3, stability 1, errors 1/4, 0, 1/2, 0.
    found = foresight(["k1", "k2", "n3", "d4", "v1"], POOL)
    assert found == pytest.approx((0.6, 1 / 3, 1.0, 0.25, 0.0, 0.5, 0.0))


def test_a_part_that_a_step_lacks_is_undefined() -> None:
    assert foresight(["a"], Pool(keep=frozenset("ab"))) == (0.5, None, 0.5, None, None, None, None)
    assert foresight(["d"], Pool(decay=frozenset("d"))) == NOTHING


def test_a_user_counts_each_score_over_the_steps_that_have_it() -> None:
    # Novelty 1/3 and 1, mean 2/3; stability 1 in the one step that keeps something; recall 0.6 and 1, mean 0.8.
    # F1^NS = 2 · 2/3 · 1 / (5/3) = 0.8.
    steps = [foresight(["k1", "k2", "n3", "d4", "v1"], POOL), foresight(["x"], Pool(new=frozenset("x"))), NOTHING]
    user = of_user(steps)
    assert user[:3] == pytest.approx((0.8, 2 / 3, 1.0))
    assert f1_ns(user) == pytest.approx(0.8)


def test_f1_ns_is_averaged_over_the_users_that_have_it() -> None:
    # (novelty, stability): (2/3, 1) has 0.8, (1/2, 1/2) has 0.5, (0, 1) has 0; (0, 0) is left out, as released, and
    # (none, 1) is undefined: (0.8 + 0.5 + 0) / 3.
    def user(novelty: float | None, stability: float | None) -> Foresight:
        return NOTHING._replace(novelty=novelty, stability=stability)

    users = [user(2 / 3, 1), user(0.5, 0.5), user(0, 1), user(0, 0), user(None, 1)]
    assert overall(users)[1] == pytest.approx(1.3 / 3)
    assert overall(users)[0].stability == pytest.approx((1 + 0.5 + 1 + 0 + 1) / 5)
    assert overall([]) == (NOTHING, None)


@given(st.sets(st.sampled_from(sorted(POOL.candidates)), max_size=20))
def test_scores_lie_between_nought_and_one(picked: set[str]) -> None:
    found = foresight(picked, POOL)
    assert all(score is not None and 0 <= score <= 1 for score in found)
    assert f1_ns(found) is None or math.isfinite(f1_ns(found) or 0)
