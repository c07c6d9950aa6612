from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.grounding import (
    Groundedness,
    Interest,
    gist,
    groundedness,
    interest_specificity,
    lineup,
    oracle,
    specificity,
    verified,
)
from limner.domain import Counts, SignalKind

NO_IMPLICIT = frozenset({SignalKind.EXPLICIT_POSITIVE, SignalKind.EXPLICIT_NEGATIVE})
COUNTS = st.builds(Counts, **{name: st.integers(0, 5) for name in Counts.model_fields if name != "stated"})


@pytest.mark.parametrize(
    ("counts", "holds"),
    [
        pytest.param(Counts(implicit_positive=3), True, id="three deeds"),
        pytest.param(Counts(implicit_positive=2), False, id="two deeds"),
        pytest.param(Counts(explicit_positive=2), True, id="said twice"),
        pytest.param(Counts(explicit_positive=1), False, id="said once"),
        pytest.param(Counts(explicit_positive=1, implicit_positive=2), True, id="said once, done twice"),
        pytest.param(Counts(explicit_positive=1, implicit_positive=1), False, id="said once, done once"),
        pytest.param(Counts(implicit_positive=9, implicit_negative=3), True, id="three deeds against"),
        pytest.param(Counts(implicit_positive=9, implicit_negative=4), False, id="four deeds against"),
        pytest.param(Counts(explicit_positive=9, explicit_negative=2), True, id="said against twice"),
        pytest.param(Counts(explicit_positive=9, explicit_negative=3), False, id="said against three times"),
        pytest.param(Counts(), False, id="nothing"),
    ],
)
def test_an_interest_is_verified_by_the_counts_of_gistbench(counts: Counts, holds: bool) -> None:
    assert verified(counts) is holds


def test_a_signal_that_the_data_set_lacks_is_not_looked_at() -> None:
    assert not verified(Counts(implicit_positive=9), NO_IMPLICIT)
    assert verified(Counts(explicit_positive=2, implicit_negative=9), NO_IMPLICIT)


@given(COUNTS)
def test_more_for_an_interest_never_unproves_it(counts: Counts) -> None:
    more = counts.model_copy(update={"implicit_positive": counts.implicit_positive + 1})
    assert verified(more) >= verified(counts)


SAID = [
    Interest("film", verified=True, picked=3, backing=5),
    Interest("film", verified=False, picked=1, backing=4),
    Interest("music", verified=True, picked=2, backing=2),
    Interest("sport", verified=False, picked=4, backing=4),
]
"""By category: film is half verified, and (3/5 + 1/4) / 2 = 0.425 of it is found again; music is verified and found
whole; sport is not verified, so that what is found of it counts for nothing."""


def test_groundedness_is_counted_by_category() -> None:
    # G = 1/2 + 1 + 0 = 1.5 over 3 categories: precision 0.5. The oracle has 4 categories: recall 1.5 / 4 = 0.375.
    # F1 = 2 · 0.5 · 0.375 / 0.875 = 3/7.
    assert groundedness(SAID, 4) == pytest.approx((0.5, 0.375, 3 / 7))


def test_specificity_is_a_mean_over_categories_with_something_verified() -> None:
    # film 0.425, music 1: their mean is 0.7125.
    assert interest_specificity(SAID) == pytest.approx(0.7125)


def test_the_score_of_a_user_is_the_harmonic_mean_of_both() -> None:
    # 2 · 3/7 · 0.7125 / (3/7 + 0.7125) = 0.610714… / 1.141071… = 0.535211…
    assert gist(SAID, 4) == pytest.approx(0.5352112676)


def test_without_a_taxonomy_each_interest_is_its_own_category() -> None:
    # 2 of 4 verified: precision 0.5; an oracle of 3: recall 2/3; F1 = 2 · (1/2 · 2/3) / (7/6) = 4/7.
    # Specificity over the two verified: (3/5 + 1) / 2 = 0.8.
    alone = [one._replace(category=str(at)) for at, one in enumerate(SAID)]
    assert groundedness(alone, 3) == pytest.approx((0.5, 2 / 3, 4 / 7))
    assert interest_specificity(alone) == pytest.approx(0.8)


def test_nothing_said_is_nothing_right_unless_there_was_nothing_to_say() -> None:
    assert groundedness([], 3) == Groundedness(0, 0, 0)
    assert groundedness([], 0) is None and gist([], 0) is None
    assert interest_specificity([Interest("film", verified=False)]) is None
    assert gist([Interest("film", verified=False)], 2) == 0


def test_the_oracle_is_what_any_system_had_verified() -> None:
    other = [Interest("sport", verified=True), Interest("film", verified=False)]
    assert oracle([SAID, other]) == {"film", "music", "sport"}


@given(st.sets(st.integers(0, 200), max_size=30), st.sets(st.integers(100, 400)), st.integers())
def test_a_line_up_holds_at_most_fifty_of_which_five_back_the_interest(
    backing: set[int], pool: set[int], seed: int
) -> None:
    every, behind = lineup(sorted(backing), sorted(pool), seed=seed)
    assert len(every) == len(set(every)) <= 50
    assert behind <= backing and len(behind) == min(5, len(backing))
    assert set(every) & backing == behind
    assert lineup(sorted(backing), sorted(pool), seed=seed) == (every, behind)


def test_specificity_counts_what_was_picked_out_rightly() -> None:
    assert specificity(["a", "b", "x"], ["a", "b", "c", "d"]) == (2, 4)
    assert specificity(["x"], []) is None
