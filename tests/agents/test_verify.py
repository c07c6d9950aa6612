from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.attribute import Claim, polarity
from agents.behaviour import Behaviour
from agents.signals import Reading, lift
from agents.verify import MANY, Verdict, verify
from limner.domain import Polarity, SignalKind
from prompts.taxonomy import Rule
from tests.agents.histories import ALIKE, DONE, NEGATIVE, POSITIVE, REFUSED, claim, facet, readings, signals_of

RULE = Rule()
MIRRORED = {POSITIVE: NEGATIVE, NEGATIVE: POSITIVE, DONE: REFUSED, REFUSED: DONE, None: None}
COUNTS = st.fixed_dictionaries({name: st.integers(0, 12) for name in ("likes", "deeds", "dislikes", "refusals")})
STARS = st.lists(st.floats(-4, 4).map(lambda star: round(star, 2)), max_size=12)
CONTRARY = st.fixed_dictionaries(
    {"dislikes": st.integers(0, 4), "refusals": st.integers(0, 4), "stars": st.lists(st.floats(-4, -0.25), max_size=4)}
)
SPREADS = st.floats(0.25, 2)
RULES = st.builds(Rule, min_explicit=st.integers(2, 4), min_implicit=st.integers(2, 6))


def judged(sign: Polarity = 1, rule: Rule = RULE, spread: float = 1.0, **spoken: Any) -> Verdict:
    return verify(claim(readings(**spoken), sign), facet(rule), signals_of(spread=spread), {})


@pytest.mark.parametrize(
    ("spoken", "holds"),
    [
        ({"deeds": 3}, True),
        ({"deeds": 2}, False),
        ({"likes": 2}, True),
        ({"likes": 1}, False),
        ({"likes": 1, "deeds": 2}, True),
        ({"likes": 1, "deeds": 1}, False),
        ({}, False),
    ],
    ids=["3 deeds", "2 deeds", "2 explicit", "1 explicit", "1 explicit and 2 deeds", "1 and 1", "nothing"],
)
def test_there_is_a_floor_of_signals_for_a_claim(spoken: dict[str, int], holds: bool) -> None:
    assert judged(**spoken).holds is holds


@pytest.mark.parametrize(
    ("spoken", "holds"),
    [
        ({"deeds": 5, "refusals": 3}, True),
        ({"deeds": 5, "refusals": 4}, False),
        ({"likes": 4, "dislikes": 2}, True),
        ({"likes": 4, "dislikes": 3}, False),
        ({"deeds": 3, "refusals": 3}, False),
    ],
    ids=["3 refusals", "4 refusals", "2 dislikes", "3 dislikes", "as many against as for"],
)
def test_signals_against_a_claim_have_limits(spoken: dict[str, int], holds: bool) -> None:
    assert judged(**spoken).holds is holds


@pytest.mark.parametrize(
    ("deeds", "refusals", "holds"), [(60, 20, True), (60, 55, False), (7, 3, True), (5, 5, False)], ids=str
)
def test_where_signals_are_many_the_rule_is_on_their_rate(deeds: int, refusals: int, holds: bool) -> None:
    assert deeds + refusals >= MANY
    assert judged(deeds=deeds, refusals=refusals).holds is holds


@pytest.mark.parametrize(
    ("stars", "holds", "why"),
    [
        ([1.0, 1.2, 0.9], True, "+1.03 stars"),
        ([0.3, -0.1, 0.25, 0.3, 0.3], False, "less than 0.25"),
        ([2.0, -1.5, 0.5], False, "could be chance"),
        ([-1.0, -1.0, -1.0], False, "the other way"),
        ([3.0, 0.1], False, "1 agreeing ratings, 2 needed"),
    ],
    ids=["clear", "too small", "too uncertain", "other sign", "one agreeing rating"],
)
def test_what_was_rated_passes_on_its_lift(stars: list[float], holds: bool, why: str) -> None:
    verdict = judged(stars=stars)
    assert verdict.holds is holds
    assert why in verdict.reason


def test_three_equal_ratings_are_no_proof_where_the_users_ratings_lie_far_apart() -> None:
    assert judged(stars=[0.3] * 3, spread=0.3).holds
    assert not judged(stars=[0.3] * 3, spread=1.8).holds


def test_a_lift_needs_two_ratings() -> None:
    assert lift(readings(stars=[2.0]), 1.0, ALIKE) is None
    measured = lift(readings(stars=[1.0, 2.0]), 1.0, ALIKE)
    assert measured is not None
    assert (measured.mean, measured.n) == (1.5, 2)


def test_a_lift_does_not_outvote_what_the_user_said_and_did() -> None:
    assert judged(stars=[1.0, 1.0, 1.2], dislikes=2).holds
    assert not judged(stars=[1.0, 1.0, 1.2], dislikes=6).holds


def test_counts_do_not_outvote_ratings_that_are_too_few_for_a_lift() -> None:
    brand = Rule(min_explicit=3)
    assert judged(rule=brand, deeds=4, stars=[1.0, 0.5]).holds
    assert not judged(rule=brand, deeds=4, stars=[1.0, -1.0]).holds


def test_a_facet_may_ask_for_the_users_own_words() -> None:
    counted = verify(claim(readings(deeds=50)), facet(stated_only=True), signals_of(), {})
    said = claim([Reading(1, SignalKind.STATED, None, "I'm vegetarian")], 0, "diet/vegetarian", basis="stated")
    assert not counted.holds
    assert verify(said, facet(stated_only=True), signals_of(), {}).holds


def test_a_measured_habit_holds_and_says_its_measure() -> None:
    habit = Behaviour("behaviour/night-owl", 16, 0.8, 20, "active days", 0.4, ())
    verdict = verify(claim([], 0, habit.key, behaviour=habit), facet(), signals_of(), {})
    assert (verdict.holds, verdict.reason) == (True, "0.80 over 20 active days, at least 0.4 needed")


@pytest.mark.parametrize(("share", "holds"), [(0.02, True), (0.3, False)], ids=["rare elsewhere", "as everybody"])
def test_what_everybody_does_says_nothing_about_anybody(share: float, holds: bool) -> None:
    bought = claim(readings(deeds=20))
    verdict = verify(bought, facet(), signals_of(100), {bought.key: share})
    assert verdict.holds is holds
    assert "of everybody's" in verdict.reason


def test_a_dislike_is_not_compared_with_the_population() -> None:
    skipped = claim(readings(refusals=20))
    assert verify(skipped, facet(), signals_of(100), {skipped.key: 0.9}).holds


def mirrored(one: Claim) -> Claim:
    turned = [
        reading._replace(
            signal=MIRRORED[reading.signal], deviation=None if reading.deviation is None else -reading.deviation
        )
        for reading in one.readings
    ]
    return claim(turned, -one.polarity)


@given(COUNTS, STARS, SPREADS, RULES, st.sampled_from([1, -1]))
def test_turning_every_signal_and_the_claim_round_gives_the_same_verdict(
    spoken: dict[str, int], stars: list[float], spread: float, rule: Rule, sign: Polarity
) -> None:
    one = claim(readings(**spoken, stars=stars), sign)
    verdict, other = (verify(each, facet(rule), signals_of(spread=spread), {}) for each in (one, mirrored(one)))
    assert verdict.holds == other.holds


@given(COUNTS, STARS, CONTRARY, SPREADS, RULES)
def test_contrary_evidence_never_makes_a_failing_claim_pass(
    spoken: dict[str, int], stars: list[float], contrary: dict[str, Any], spread: float, rule: Rule
) -> None:
    before = judged(rule=rule, spread=spread, **spoken, stars=stars)
    more = {name: count + contrary.get(name, 0) for name, count in spoken.items()}
    after = judged(rule=rule, spread=spread, **more, stars=stars + contrary["stars"])
    assert before.holds or not after.holds


@given(COUNTS, STARS, SPREADS)
def test_a_claim_and_its_opposite_never_both_hold(spoken: dict[str, int], stars: list[float], spread: float) -> None:
    held = [judged(sign, spread=spread, **spoken, stars=stars).holds for sign in (1, -1)]
    assert held != [True, True]


def test_what_is_long_ago_weighs_less_than_what_is_new() -> None:
    """A film taste that turned: five stars two years ago, one star since."""
    days = (730.0,) * 6 + (0.0,) * 6
    turned = [Reading(at, POSITIVE if at < 6 else NEGATIVE, 1.5 if at < 6 else -1.5) for at in range(12)]
    read = replace(signals_of(), ages=days)
    ageing = facet(half_life_days=365)
    assert not verify(claim(turned, -1), facet(), read, {}).holds
    assert verify(claim(turned, -1), ageing, read, {}).holds
    assert polarity(turned, read.weights(365)) == -1


def test_two_ratings_of_which_one_has_faded_are_worth_one() -> None:
    faded = lift(readings(stars=[1.0, 2.0]), 1.0, (0.0001, 1.0))
    assert faded is not None and faded.mean == pytest.approx(2, abs=1e-3) and faded.error == pytest.approx(1, abs=0.01)


@given(st.floats(1, 5000), st.lists(st.floats(0, 9000), min_size=1, max_size=9))
def test_weights_halve_with_each_half_life(half_life: float, ages: list[float]) -> None:
    read = replace(signals_of(), ages=tuple(ages))
    assert all(0 <= weight <= 1 for weight in read.weights(half_life))
    assert read.weights(half_life) == pytest.approx(
        [2 * w for w in replace(read, ages=tuple(age + half_life for age in ages)).weights(half_life)]
    )
