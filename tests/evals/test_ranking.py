from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score, roc_auc_score

from evals.ranking import auc, ndcg_at, recall_at

RELEVANT = st.sets(st.integers(0, 29), min_size=1, max_size=20)
ORDERS = st.permutations(range(30))


def test_recall_is_of_as_many_as_could_stand_there() -> None:
    # b and d of three relevant ones are among the first four: 2/3. Among the first one only one could stand: 0/1.
    assert recall_at(4, "abcde", {"b", "d", "z"}) == pytest.approx(2 / 3)
    assert recall_at(1, "abcde", {"b", "d", "z"}) == 0
    assert recall_at(2, "bdace", {"b", "d", "z"}) == 1
    assert recall_at(5, "abcde", set()) is None


def test_gain_is_discounted_by_the_logarithm_of_the_rank() -> None:
    # b stands second and d fourth: 1/log2(3) + 1/log2(5) = 0.63093 + 0.43068. Ideal for two: 1 + 1/log2(3) = 1.63093.
    assert ndcg_at(4, "abcde", {"b", "d"}) == pytest.approx(
        (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    )
    assert ndcg_at(4, "abcde", set()) is None


def test_the_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    # Right ones 0.9 and 0.4, wrong ones 0.4 and 0.1: of four pairs three are in order and one is a tie: 3.5 / 4.
    assert auc([0.9, 0.4, 0.4, 0.1], [1, 1, 0, 0]) == pytest.approx(3.5 / 4)
    assert auc([0.9, 0.1], [1, 1]) is None and auc([], []) is None


@given(ORDERS, RELEVANT, st.integers(1, 30))
def test_a_gain_is_what_scikit_learn_says(ranked: list[int], relevant: set[int], k: int) -> None:
    gains = np.array([[one in relevant for one in range(30)]], float)
    scores = np.array([[-ranked.index(one) for one in range(30)]], float)
    assert ndcg_at(k, ranked, relevant) == pytest.approx(ndcg_score(gains, scores, k=k))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_an_auc_is_what_scikit_learn_says(cases: list[tuple[int, bool]]) -> None:
    said, true = zip(*cases, strict=True)
    if len(set(true)) == 2:
        assert auc(said, true) == pytest.approx(roc_auc_score(true, said))


@given(ORDERS, RELEVANT, st.integers(1, 30))
def test_a_perfect_order_has_one(ranked: list[int], relevant: set[int], k: int) -> None:
    perfect = sorted(ranked, key=lambda one: one not in relevant)
    assert recall_at(k, perfect, relevant) == ndcg_at(k, perfect, relevant) == 1
