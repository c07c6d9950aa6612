from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.attribute import Claim
from agents.behaviour import Behaviour
from agents.calibrate import CEILING, DEFAULT, FLOOR, STATED_ONCE, log_odds, probability, way
from agents.signals import Lift, Reading, counted
from agents.verify import Balance, Share, Verdict, verify
from limner.domain import Fit, Line, SignalKind
from tests.agents.histories import claim, facet, readings, signals_of
from tests.agents.test_verify import COUNTS, SPREADS, STARS, mirrored

PLAIN = {"likes": 1, "deeds": 2, "dislikes": 1, "refusals": 1}


def said(one: Claim, verdict: Verdict, fit: Fit = DEFAULT) -> float:
    return probability(log_odds(one, verdict), way(one, verdict), fit)


def sure(one: Claim, spread: float = 1.0) -> float:
    return said(one, verify(one, facet(), signals_of(spread=spread), {}))


def odds(one: Claim) -> float:
    return log_odds(one, verify(one, facet(), signals_of(), {}))


def by_lift(mean: float, error: float = 0.3) -> float:
    rated = readings(stars=[mean, mean])
    return said(claim(rated, 1), Verdict(True, "", counted(rated), Lift(mean, error, 2)))


@given(COUNTS, STARS, SPREADS, st.sampled_from([1, -1]))
def test_a_probability_is_never_certain(spoken: dict[str, int], stars: list[float], spread: float, sign: int) -> None:
    assert FLOOR <= sure(claim(readings(**spoken, stars=stars), sign), spread) <= CEILING


@given(COUNTS, STARS, SPREADS)
def test_a_like_and_the_mirrored_dislike_are_equally_sure(
    spoken: dict[str, int], stars: list[float], spread: float
) -> None:
    one = claim(readings(**spoken, stars=stars), 1)
    assert sure(one, spread) == pytest.approx(sure(mirrored(one), spread))


@given(COUNTS, STARS)
def test_counting_says_the_opposite_of_the_opposite_claim(spoken: dict[str, int], stars: list[float]) -> None:
    spoken_of = readings(**PLAIN | spoken, stars=stars)
    if spoken_of:
        assert odds(claim(spoken_of, 1)) == pytest.approx(-odds(claim(spoken_of, -1)))


@given(COUNTS, st.lists(st.floats(-2, 2), min_size=2, max_size=2) | st.just([]), st.data())
def test_more_for_it_never_makes_it_less_sure(spoken: dict[str, int], stars: list[float], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["likes", "deeds"]))
    more: dict[str, Any] = spoken | {name: spoken[name] + 1}
    if any(spoken.values()) or stars:
        assert sure(claim(readings(**more, stars=stars), 1)) >= sure(claim(readings(**spoken, stars=stars), 1)) - 1e-9


@given(st.floats(-3, 3), st.floats(0, 2), st.floats(0.1, 2))
def test_a_greater_lift_is_surer(mean: float, more: float, error: float) -> None:
    assert by_lift(mean + more, error) >= by_lift(mean, error) - 1e-9


@given(st.floats(0.1, 3), st.floats(0.1, 1), st.floats(0.01, 1))
def test_a_lift_measured_worse_is_less_sure(mean: float, error: float, more: float) -> None:
    assert by_lift(mean, error) >= by_lift(mean, error + more) - 1e-9


def test_dislikes_beside_ratings_count() -> None:
    assert sure(claim(readings(stars=[1.0, 1.0], dislikes=8), 1)) < 0.4


@pytest.mark.parametrize(("times", "expected"), [(1, STATED_ONCE), (2, 0.975), (9, CEILING)])
def test_each_time_a_fact_is_said_halves_the_doubt(times: int, expected: float) -> None:
    said = [Reading(at, SignalKind.STATED, None, "I'm a nurse") for at in range(times)]
    assert sure(claim(said, 0, "profession/nurse", basis="stated")) == pytest.approx(expected)


def test_a_proposal_that_nothing_speaks_of_is_unlikely() -> None:
    assert sure(claim([], 1, "open/yachts", basis="inferred")) < 0.25


@given(st.integers(1, 60), st.integers(0, 60))
def test_a_habit_is_surer_with_every_event_that_shows_it(hits: int, misses: int) -> None:
    def habit(hits: int) -> float:
        total = hits + misses
        shown = Behaviour("behaviour/night-owl", hits, hits / total, total, "active days", 0.4, ())
        return sure(claim([], 0, shown.key, behaviour=shown))

    assert FLOOR <= habit(hits) <= habit(hits + 1) <= CEILING


def test_what_everybody_does_too_is_no_sure_taste() -> None:
    one = claim(readings(deeds=6), 1)

    def among_all(share: float) -> float:
        return said(one, Verdict(True, "", counted(one.readings), None, Balance(6, 0), Share(6, 60, share)))

    assert among_all(0.01) > among_all(0.05) > 0.5 > among_all(0.3)


def test_a_fitted_line_decides_what_counting_is_worth() -> None:
    doubtful = Fit(lines=DEFAULT.lines | {"rated": Line(shift=-1.0, slope=0.0)})
    assert said(claim(readings(stars=[2, 2]), 1), Verdict(True, "", counted(()), Lift(2, 0.1, 2)), doubtful) == (
        pytest.approx(1 / (1 + math.e))
    )
