from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.dating import dating
from limner.domain import Event, Reply
from tests.agents.histories import TEXTS
from tests.agents.person import MAY, SHOP, TALK, remembered, turn

PAINTED = turn(6, "Caroline", "I painted a lake. Last year I painted a sunrise, and in June I will paint a bridge!")
ZH = turn(7, "Caroline", "我上个月去杭州看了画展。", MAY + timedelta(days=3))


def told(question: str, *events: Event) -> Reply | None:
    return dating(question, remembered([*TALK, *SHOP, PAINTED, ZH, *events]), "zh" if question.endswith("？") else "en")


@pytest.mark.parametrize(
    ("question", "answer", "cited"),
    [
        ("When did Caroline go to the pottery class?", "7 May 2023", "d1"),
        ("What month did Caroline go to the pottery class?", "May 2023", "d1"),
        ("When did Melanie adopt a goose?", "8 May 2023", "d4"),
        ("When did Caroline paint a sunrise?", "2022", "d6"),
        ("What year did Caroline paint a sunrise?", "2022", "d6"),
        ("她什么时候去杭州看画展？", "2023年4月", "d7"),
        ("她哪年去杭州看画展？", "2023年", "d7"),
    ],
)
def test_the_time_is_the_one_told_in_the_turn_nearest_to_the_question(question: str, answer: str, cited: str) -> None:
    reply = told(question)
    assert reply is not None
    assert (reply.answer, reply.citations) == (answer, (cited,))


@pytest.mark.parametrize(
    "question",
    [
        "What did Caroline paint?",
        "When did Caroline build a harbour out of toothpicks?",
        "When did she buy Harbour decaf coffee?",
        "When is the birthday of the goose that Melanie adopted?",
    ],
    ids=["no time asked for", "nowhere told", "no turn of a conversation", "no day of which is told"],
)
def test_what_no_turn_surely_tells_is_left_to_whoever_reads(question: str) -> None:
    assert told(question) is None


def test_a_turn_without_a_time_of_its_own_dates_nothing() -> None:
    undated = turn(9, "Caroline", "I flew a stunt kite.").model_copy(update={"ts": None})
    assert told("When did Caroline fly a stunt kite?", undated) is None


@given(st.lists(TEXTS, max_size=20), TEXTS)
def test_whatever_is_told_of_a_time_cites_one_event_that_there_is(texts: list[str], question: str) -> None:
    events = [turn(number, "Caroline", text, MAY + timedelta(days=number)) for number, text in enumerate(texts)]
    reply = dating(f"When {question}?", remembered(events), "en")
    assert reply is None or set(reply.citations) < {event.event_id for event in events} | {""}
    assert reply is None or reply.answer
