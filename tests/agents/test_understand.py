from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.model import ScriptedModel
from agents.plan import Unread
from agents.terms import Embeds, Match, Vocabulary
from agents.understand import understand
from limner.query import All, Not, Query, Tagged
from prompts import library, taxonomy
from prompts.answers import NameAnswer
from tests.agents.test_plan import HELD, bought, likes


def letters(texts: Sequence[str]) -> NDArray[np.float32]:
    """A text's letters as its vector: near is what is spelt alike."""
    counted = np.array([[text.lower().count(chr(97 + at)) + 0.01 for at in range(26)] for text in texts], np.float32)
    return np.asarray(counted / np.linalg.norm(counted, axis=1, keepdims=True), np.float32)


NAMES = Vocabulary(taxonomy.load(), HELD, Embeds(letters, letters))


async def read(question: str, *answers: int) -> tuple[Query, ScriptedModel]:
    model = ScriptedModel([NameAnswer(number=number) for number in answers])
    plan = await understand(question, NAMES, model=model, prompt=library.latest("name"), known={})
    return plan.query, model


async def test_the_model_says_which_thing_a_name_means_and_rules_the_rest() -> None:
    things = [one.key for one in NAMES.nearest("brewskies", 6)]
    number = 1 + things.index("category/beers-ales")
    query, model = await read("Which users like horror but do not buy brewskies?", number)
    assert query.where == All(of=(likes("genre/horror"), Not(of=bought("category/beers-ales"))))
    assert "brewskies" in model.asked[0].chat[1].content


async def test_a_clause_without_a_name_is_matched_to_a_habit() -> None:
    habits = [one.key for one in NAMES.nearest("prowl about by moonlight", 6, habits=True)]
    query, _ = await read("Which users prowl about by moonlight?", 1)
    assert query.where == Tagged(keys=(habits[0],))


async def test_what_the_model_does_not_know_stays_unread() -> None:
    with pytest.raises(Unread):
        await read("Which users like flibbertigibbets?", 0, 0)


async def test_numbers_are_not_left_to_the_model() -> None:
    model = ScriptedModel([])
    with pytest.raises(Unread):
        question = "Which users bought 17flibbers at least 5 times?"
        await understand(question, NAMES, model=model, prompt=library.latest("name"), known={})
    assert model.asked == []


async def test_words_are_asked_about_once() -> None:
    model = ScriptedModel([NameAnswer(number=1)])
    known: dict[str, Match | None] = {}
    for _ in range(2):
        await understand(
            "Which users prowl about by moonlight?", NAMES, model=model, prompt=library.latest("name"), known=known
        )
    assert len(model.asked) == 1
