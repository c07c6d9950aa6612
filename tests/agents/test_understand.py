from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.model import ScriptedModel
from agents.plan import OFFERED, Unread, plan
from agents.terms import Embeds, Vocabulary
from agents.understand import understand
from limner.query import Query
from prompts import library, taxonomy
from tests.agents.test_plan import HELD


def letters(texts: Sequence[str]) -> NDArray[np.float32]:
    """A text's letters as its vector: near is what is spelt alike."""
    counted = np.array([[text.lower().count(chr(97 + at)) + 0.01 for at in range(26)] for text in texts], np.float32)
    return np.asarray(counted / np.linalg.norm(counted, axis=1, keepdims=True), np.float32)


NAMES = Vocabulary(taxonomy.load(), HELD, Embeds(letters, letters))


QUESTION = "Which users hardly delight in horror but do not buy beer?"


def doubt() -> Unread:
    with pytest.raises(Unread) as caught:
        plan(QUESTION, NAMES, meant=True)
    return caught.value


async def read(said: Callable[[str], str], known: dict[str, str] | None = None) -> tuple[Query, ScriptedModel]:
    model = ScriptedModel(lambda asked: said(asked.chat[1].content))
    settled = await understand(
        QUESTION, NAMES, model=model, prompt=library.latest("same"), known={} if known is None else known
    )
    return settled.query, model


async def test_the_model_settles_which_reading_says_the_same_and_rules_read_the_rest() -> None:
    second = doubt().near[1]
    query, model = await read(lambda asked: "yes" if f'"{second.meaning}"' in asked else "no")
    assert query == plan(QUESTION.replace("hardly delight in horror", second.plain), NAMES).query
    assert len(model.asked) == OFFERED
    assert all("horror" not in asked.chat[1].content for asked in model.asked)  # names are none of its business


async def test_what_the_model_does_not_tell_apart_stays_unread() -> None:
    for word in ("yes", "no"):
        with pytest.raises(Unread) as caught:
            await read(lambda asked, word=word: word)  # type: ignore[misc]
        assert caught.value.near == doubt().near


async def test_a_clause_is_asked_about_once() -> None:
    known: dict[str, str] = {}
    first = doubt().near[0]
    for _ in range(2):
        query, model = await read(lambda asked: "yes" if f'"{first.meaning}"' in asked else "no", known)
    assert model.asked == []
    assert query == plan(QUESTION.replace("hardly delight in horror", first.plain), NAMES).query


async def test_what_is_like_nothing_is_not_asked_about() -> None:
    model = ScriptedModel([])
    for question in ("Which users like flibbertigibbets?", "Which users bought 17flibbers at least 5 times?"):
        with pytest.raises(Unread):
            await understand(question, NAMES, model=model, prompt=library.latest("same"), known={})


async def test_what_a_clause_with_an_unknown_word_means_is_not_for_the_model_to_say() -> None:
    question, model = "Which users can't get enough of horror in Berlin?", ScriptedModel([])
    with pytest.raises(Unread) as caught:
        await understand(question, NAMES, model=model, prompt=library.latest("same"), known={})
    assert caught.value.near  # it is offered to whoever asked
    assert model.asked == []
