from __future__ import annotations

import numpy as np
import pytest

from agents import phrases
from agents.plan import Unread, plan
from agents.precedents import LEAD, SAME, Masked, Reading, clear, masks
from agents.terms import Vocabulary
from limner.domain import Label
from limner.query import All, Not
from prompts.wordings import NAME, Wording, wordings
from tests.agents.test_plan import bought, dislikes, likes
from tests.agents.test_understand import NAMES


def reading(means: str, score: float) -> Reading:
    return Reading(means, None if "/" in means else Label(en=means, zh=means), score)


def anything(_: str) -> bool:
    return True


def test_every_wording_stands_for_something_that_rules_read() -> None:
    plain = {one.means for one in wordings() if "/" not in one.means}
    for means in plain:
        question = means.replace(NAME, "horror").replace("{t}", "since 2018")
        plan(f"Which users {question}?", NAMES)
    assert all(
        "/" in one.means or NAME in one.text or "{t}" in one.text or "ratings" in one.means for one in wordings()
    )
    habits = {one.means for one in wordings() if "/" in one.means}
    assert all(NAMES.is_claim(key) for key in habits)


def test_no_wording_means_two_things() -> None:
    said: dict[tuple[str, str], str] = {}
    for one in wordings():
        assert said.setdefault((one.text, one.language), one.means) == one.means, one.text


def test_a_known_wording_is_read_with_any_name() -> None:
    assert plan("Which users can't get enough of horror?", NAMES, meant=True).query.where == likes("genre/horror")
    assert plan("Who gravitates towards horror?", NAMES, meant=True).query.where == likes("genre/horror")
    assert plan('Who is "drum and bass" fans?', NAMES, meant=True).query.where == likes("music/drum-and-bass")
    read = plan("Which users turn up their nose at horror and have beer on their shopping list?", NAMES, meant=True)
    assert read.query.where == All(of=(dislikes("genre/horror"), bought("category/beers-ales")))
    assert "by likeness" in read.notes
    zh = plan("对恐怖片情有独钟却不对科幻赞不绝口的有谁", NAMES, meant=True).query.where
    assert zh == All(of=(likes("genre/horror"), Not(of=likes("genre/sci-fi"))))


@pytest.mark.parametrize(
    "question",
    [
        "Which users take pleasure in 5 horror films?",  # a number is for rules
        "Which users can't get enough of horror in Berlin?",  # a name that nobody knows
        "Which users get a kick out of flibbertigibbets?",
    ],
)
def test_nothing_of_a_clause_is_dropped(question: str) -> None:
    with pytest.raises(Unread):
        plan(question, NAMES, meant=True)


def test_only_a_clear_lead_is_taken() -> None:
    two = [reading("like {x}", 1.0), reading("buy {x}", 0.9 - LEAD)]
    assert clear("go for {x}", two, anything) == two[0]
    assert clear("go for {x}", [two[0], reading("buy {x}", 1.01 - LEAD)], anything) is None
    assert clear("go for {x}", [], anything) is None


def test_a_denial_is_read_only_letter_by_letter() -> None:
    two = [reading("like {x}", 0.9), reading("buy {x}", 0.0)]
    assert clear("never go for {x}", two, anything) is None
    assert clear("从不看{x}", two, anything) is None
    known = [reading("like {x}", SAME)]
    assert clear("can't get enough of {x}", known, anything) == known[0]


def test_of_two_habits_alike_the_one_that_the_population_has_is_meant() -> None:
    two = [reading("behaviour/weekend-active", 0.9), reading("behaviour/weekend-shopper", 0.8), reading("x/y", 0.1)]
    assert clear("turn up at weekends", two, "behaviour/weekend-shopper".__eq__) == two[1]
    assert clear("turn up at weekends", two, anything) is None


def test_a_clause_gives_up_its_name_and_its_time() -> None:
    def names(text: str) -> list[tuple[int, int]]:
        at = text.find("horror")
        return [(at, at + 6)] if at >= 0 else []

    made = masks("keep coming back to horror movies", phrases.TIMES, names, phrases.ITEMS)
    assert made == [Masked("keep coming back to {x}", "horror")]
    assert masks("were around since 2018", phrases.TIMES, names, phrases.ITEMS) == [
        Masked("were around {t}", time="since 2018")
    ]
    assert masks("were around since 2018 or so or later", phrases.TIMES, names, phrases.ITEMS) == []


def test_without_an_embedder_there_are_no_precedents() -> None:
    bare = Vocabulary(NAMES.taxonomy, {})
    assert bare.precedents is None
    with pytest.raises(Unread) as caught:
        plan("Which users can't get enough of horror?", bare, meant=True)
    assert caught.value.near == ()


def test_each_wording_left_out_is_scored_by_the_others() -> None:
    precedents = NAMES.precedents
    assert precedents is not None
    left = list(precedents.left_out())
    assert len(left) == len(wordings())
    one, readings = left[0]
    assert isinstance(one, Wording)
    scores = [reading.score for reading in readings]
    assert scores == sorted(scores, reverse=True)
    assert np.isfinite(scores).all()
