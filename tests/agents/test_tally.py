from __future__ import annotations

import pytest

from agents.tally import tally
from agents.when import window
from limner.domain import Reply
from tests.agents.histories import TAXONOMY, event, rated
from tests.agents.person import MAY, SHOP, TALK, remembered


def counted(question: str, events: object = (*TALK, *SHOP)) -> Reply | None:
    memory = remembered(events)  # type: ignore[arg-type]
    asked = window(question, memory.newest or MAY)
    return tally(question, memory, TAXONOMY, asked, "zh" if question.endswith("？") else "en")


@pytest.mark.parametrize(
    ("question", "count", "cited"),
    [
        ("How many times did she buy coffee?", 3, ("p1", "p2", "p3")),
        ("How often has the user bought Blue Mountain beans?", 2, ("p1", "p2")),
        ("How many different coffees did she buy?", 2, ("p1", "p2", "p3")),
        ("How many things did she buy in June 2023?", 3, ("p2", "p3", "p4")),
        ("How many times did she return a jacket?", 1, ("p5",)),
        ("How many times did she buy skis?", 0, ()),
        ("How many purchases of coffee did she make?", 3, ("p1", "p2", "p3")),
    ],
)
def test_acts_are_counted(question: str, count: int, cited: tuple[str, ...]) -> None:
    reply = counted(question)
    assert reply is not None
    assert (reply.count, reply.citations, reply.abstained) == (count, cited, False)
    assert reply.answer.startswith(str(count))


def test_money_is_added_up() -> None:
    reply = counted("How much did she spend on coffee?")
    assert reply is not None
    assert reply.answer == "33 spent, from 9 May 2023 to 17 June 2023."
    assert reply.count is None


@pytest.mark.parametrize(
    ("question", "count"),
    [("这位用户给几部科幻电影打过分？", 2), ("她给多少部电影评分过？", 3), ("上个月她评分了几次？", 0)],
)
def test_chinese_questions_are_counted(question: str, count: int) -> None:
    reply = counted(question, rated([("Sci-Fi", 4), ("Sci-Fi", 2), ("Drama", 5)]))
    assert reply is not None
    assert reply.count == count
    assert f"{count}次" in reply.answer


def test_a_word_for_whatever_was_rated_asks_for_all_and_a_kind_of_it_does_not() -> None:
    events = rated([("Romance", 4), ("Romance", 2), ("Drama", 5)])
    events[0] = events[0].model_copy(update={"text": "a lovely film"})
    every, some = (counted(f"How many {what}films did she rate?", events) for what in ("", "romance "))
    assert every is not None
    assert some is not None
    assert (every.count, some.count) == (3, 2)
    assert "Any of them counts as film." in every.explanation


@pytest.mark.parametrize(
    "question",
    [
        "How many brothers does she have?",
        "When did she buy coffee?",
        "How many films did she watch?",
        "她有几个孩子？",
    ],
)
def test_what_no_recorded_act_tells_is_not_counted_here(question: str) -> None:
    assert counted(question) is None


def test_the_query_says_what_was_counted() -> None:
    reply = counted("How many times did she buy decaf coffee since June 2023?")
    assert reply is not None
    assert reply.query is not None
    assert reply.query["kinds"] == ("purchase",)
    assert reply.query["until"] is None
    assert "Counted among 3 purchase events" in reply.explanation


ROWS = [
    event(
        at, "play", ts=None, value=plays, item_id=f"a{at}", item={"artist": f"Band {at}"}, text=f"listened to Band {at}"
    )
    for at, plays in enumerate([5915, 40, 40, 40, 40, 40, 40, 40, 40, 40])
]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many times did she listen to Band 0?", "5915 times."),
        ("How many plays are there in total?", "6275 times."),
        ("How many different artists did she listen to?", "10 different ones."),
        ("她听过多少位不同的歌手？", "10种。"),
    ],
)
def test_rows_that_sum_up_are_counted_by_their_values(question: str, answer: str) -> None:
    reply = counted(question, ROWS)
    assert reply is not None
    assert reply.answer == answer
    if "different" in question or "不同" in question:
        assert "values" not in reply.explanation
    else:
        assert "the values are taken as how often" in reply.explanation


def test_different_ones_of_what_items_do_not_say_are_no_number() -> None:
    assert counted("How many different directors did she listen to?", ROWS) is None
