from __future__ import annotations

import pytest

from evals.clusters import adjusted_rand, silhouette

CORNERS = [[0.0, 0.0], [0.0, 1.0], [4.0, 0.0], [4.0, 1.0]]


def test_a_silhouette_compares_the_own_group_with_the_next() -> None:
    # For each point the own group is 1 away; the other group is 4 and √17 away, on average (4 + √17) / 2 = 4.0616.
    # (4.0616 − 1) / 4.0616 = 0.75379, the same for all four.
    assert silhouette(CORNERS, "aabb", metric="euclidean") == pytest.approx(0.7537881)
    assert silhouette(CORNERS, "aaaa") is None and silhouette(CORNERS, "abcd") is None


def test_two_divisions_agree_beyond_chance() -> None:
    # Pairs together in both: 1 of 6. Expected by chance: 2 · 1 / 6 = 1/3; at most (2 + 1) / 2 = 1.5.
    # (1 − 1/3) / (1.5 − 1/3) = 4/7.
    assert adjusted_rand("aabb", "aabc") == pytest.approx(4 / 7)
    assert adjusted_rand("aabb", ["x", "x", 7, 7]) == 1
    assert adjusted_rand([], []) is None
