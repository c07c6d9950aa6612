from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from agents.backtest import Check, checks, fit, judged
from agents.calibrate import DEFAULT, probability
from limner.domain import Event, Judgement, Polarity
from tests.agents.histories import NOON, TAXONOMY, event, history, rated


def checked(events: list[Event]) -> dict[str, Check]:
    return {one.key: one for one in checks(history(events), TAXONOMY, {})}


def test_a_taste_that_later_ratings_share_came_true() -> None:
    stars = [("Horror", 1.0), ("Comedy", 5.0)] * 10
    found = checked(rated(stars))
    assert {key: one.came_true for key, one in found.items()} == {"genre/horror": True, "genre/comedy": True}
    assert all(one.published and one.way == "rated" and one.log_odds > 0 for one in found.values())


def test_a_taste_that_turned_round_did_not_come_true() -> None:
    before, after = [("Horror", 1.0), ("Comedy", 5.0)] * 6, [("Horror", 5.0), ("Comedy", 1.0)] * 4
    assert not any(one.came_true for one in checked(rated(before + after)).values())


def test_two_later_ratings_judge_nothing() -> None:
    stars = [("Horror", 1.0), ("Comedy", 5.0)] * 6 + [("Horror", 1.0), ("Comedy", 5.0)] * 2 + [("Drama", 3.0)] * 4
    assert checked(rated(stars)) == {}


def plays(genres: list[str]) -> list[Event]:
    return [event(number, "play", genre=genre, item_id=f"i{number}") for number, genre in enumerate(genres)]


def test_acts_that_stopped_did_not_come_true_and_rare_ones_are_not_asked_about() -> None:
    found = checked(plays(["Jazz"] * 8 + ["Rock"] * 4 + ["Rock"] * 8))
    assert {key: one.came_true for key, one in found.items()} == {"music/jazz": False, "music/rock": True}
    assert "music/jazz" not in checked(plays(["Jazz"] * 2 + ["Rock"] * 18))


def test_what_the_population_does_more_did_not_come_true() -> None:
    events = plays(["Jazz", "Rock", "Rock", "Rock"] * 10)
    shares = {"music/jazz": 0.5, "music/rock": 0.5}
    found = {one.key: one.came_true for one in checks(history(events), TAXONOMY, shares)}
    assert found == {"music/jazz": False, "music/rock": True}


def test_a_short_history_is_not_cut() -> None:
    assert checked(rated([("Horror", 1.0), ("Comedy", 5.0)] * 7)) == {}


def invented(n: int, shift: float, slope: float, seed: int = 1) -> list[Check]:
    """Claims that come true as a line says."""
    draw = random.Random(seed)
    odds = [draw.uniform(-2, 6) for _ in range(n)]
    return [
        Check(f"u{at}", "genre/x", "interest", "rated", True, one, draw.random() < expit(shift + slope * one))
        for at, one in enumerate(odds)
    ]


def test_the_fit_finds_the_line_that_made_the_claims_come_true() -> None:
    line = fit(invented(5000, -0.5, 0.6)).lines["rated"]
    assert (line.shift, line.slope) == (pytest.approx(-0.5, abs=0.1), pytest.approx(0.6, abs=0.05))


def test_a_handful_of_claims_hardly_moves_the_default() -> None:
    lines = fit(invented(5, 3.0, 0.0)).lines
    assert lines["rated"].slope == pytest.approx(DEFAULT.lines["rated"].slope, abs=0.3)
    assert lines["acts"] == DEFAULT.lines["acts"]


@given(st.lists(st.tuples(st.floats(-14, 14), st.booleans()), max_size=30))
def test_a_fit_is_finite_and_never_turns_counting_round(cases: list[tuple[float, bool]]) -> None:
    line = fit([Check("u", "k", "interest", "acts", True, odds, true) for odds, true in cases]).lines["acts"]
    assert np.isfinite(line.shift) and line.slope >= 0


def test_the_less_sure_tags_of_a_facet_are_held_back_until_enough_come_true() -> None:
    claims = invented(5000, -0.5, 0.6)
    fitted = fit(claims, precision={"interest": 0.9})
    abstention = fitted.abstain["interest"]
    assert abstention.precision == 0.9
    fresh = invented(5000, -0.5, 0.6, seed=2)
    said = [probability(one.log_odds, "rated", fitted) for one in fresh]
    kept = [one.came_true for one, sure in zip(fresh, said, strict=True) if sure >= abstention.below]
    assert 0.88 < sum(kept) / len(kept) < 0.93
    assert 0.2 < len(kept) / len(fresh) < 0.8


def test_a_precision_that_no_probability_reaches_holds_everything_back() -> None:
    never = [one._replace(came_true=False) for one in invented(40, 0.0, 1.0)]
    assert fit(never, precision={"interest": 0.5}).abstain["interest"].below == 1


def test_a_facet_without_claims_to_learn_from_has_no_fitted_threshold() -> None:
    assert fit(invented(40, 0.0, 1.0), precision={"brand": 0.8}).abstain == {}


def test_what_people_judged_is_a_check_of_what_counting_says_now() -> None:
    def judgement(key: str, polarity: Polarity, *, correct: bool) -> Judgement:
        said = {"facet": "interest", "basis": "observed", "probability": 0.7, "author": "ann", "why": ""}
        return Judgement(user_id="u1", key=key, polarity=polarity, correct=correct, created_at=NOON, **said)

    raw = history(rated([("Horror", 1.0), ("Comedy", 5.0)] * 5))
    said = [
        judgement("genre/horror", -1, correct=True),
        judgement("genre/comedy", 1, correct=False),
        judgement("genre/comedy", -1, correct=True),
        judgement("genre/gone", 1, correct=True),
    ]
    found = judged(raw, said, TAXONOMY, {})
    assert [(one.key, one.came_true) for one in found] == [("genre/horror", True), ("genre/comedy", False)]
    assert all(one.published and one.log_odds > 0 for one in found)
