from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.arrange import A_SENTENCE, MOST, SENTENCES, by_likeness, in_order

AXES = np.eye(MOST, dtype=np.float32)


@pytest.mark.parametrize(
    ("subjects", "groups"),
    [
        ([0, 1, 0, 1, 0], [[0, 2, 4], [1, 3]]),
        ([0, 0, 0, 0, 0, 1], [[0, 1, 2, 3], [4, 5]]),
        ([0, 1, 2, 3, 4], [[0, 1, 2], [3, 4]]),
        ([0, 1, 1, 2], [[0, 3], [1, 2]]),
        ([0, 0, 1, 1, 2, 2, 3, 3, 4], [[0, 1, 8], [2, 3, 4, 5], [6, 7]]),
    ],
)
def test_names_that_are_alike_share_a_sentence(subjects: list[int], groups: list[list[int]]) -> None:
    found = by_likeness(AXES[subjects])
    assert {frozenset(group) for group in found} == {frozenset(group) for group in groups}
    assert [min(group) for group in found] == sorted(min(group) for group in found)


@given(st.lists(st.integers(0, MOST - 1), max_size=MOST))
def test_however_names_are_alike_each_stands_once_in_a_sentence_that_can_be_read(subjects: list[int]) -> None:
    groups = by_likeness(AXES[subjects].reshape(-1, MOST))
    assert sorted(at for group in groups for at in group) == list(range(len(subjects)))
    assert len(groups) <= SENTENCES
    assert all(0 < len(group) <= A_SENTENCE for group in groups)


@pytest.mark.parametrize(("names", "sizes"), [(0, []), (1, [1]), (4, [4]), (5, [3, 2]), (9, [3, 3, 3])])
def test_names_in_order_are_dealt_out_evenly(names: int, sizes: list[int]) -> None:
    assert [len(group) for group in in_order(names)] == sizes
