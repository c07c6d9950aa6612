from __future__ import annotations

from collections.abc import Iterator

import pytest

from agents.plan import Unread, plan
from limner.domain import Language
from limner.query import All, Condition, Not, Want
from prompts.frames import frames
from tests.agents.test_plan import dislikes, likes
from tests.agents.test_understand import NAMES

BY_RULES = [one for one in frames() if one.hand == 0]
A, B = likes("genre/horror"), likes("genre/sci-fi")
SAID: dict[Language, tuple[str, str]] = {
    "en": ("like horror", "like sci-fi"),
    "zh": ("喜欢恐怖片", "喜欢科幻片"),
}
BOTH: tuple[Condition, ...] = (All(of=(A, B)), All(of=(B, A)))
WITHOUT: tuple[Condition, ...] = (All(of=(A, Not(of=B))), All(of=(A, dislikes("genre/sci-fi"))))


def cases() -> Iterator[tuple[str, Want, tuple[Condition, ...]]]:
    for one in BY_RULES:
        a, b = SAID[one.language]
        asked = one.text.format(a=a, b=b, c=a)
        match one.asks:
            case "both":
                yield asked, "list", BOTH
            case "without":
                yield asked, "list", WITHOUT
            case "list" | "count" | "share":
                yield asked, one.asks, (A,)


def test_what_asks_joins_and_takes_out_is_read_however_it_is_said() -> None:
    wrong: list[str] = []
    for question, want, where in cases():
        try:
            read = plan(question, NAMES).query
        except Unread:
            wrong.append(question)
        else:
            if read.want != want or read.where not in where:
                wrong.append(question)
    assert wrong == []


@pytest.mark.parametrize(
    "question",
    [
        "Which users used to like horror?",
        "Which users would love to see horror?",
        "Which users dislike bargain hunters?",
        "Which users like horror, besides those who like sci-fi?",  # in addition, or except?
        "哪些用户以前爱看恐怖片？",
        "哪些用户想看恐怖片？",
    ],
)
def test_what_is_past_wished_for_or_somebody_elses_is_not_read(question: str) -> None:
    with pytest.raises(Unread):
        plan(question, NAMES)


def test_who_is_taken_out_in_parentheses_leaves_the_rest_in() -> None:
    for question in (
        "Which users like horror (not those who like sci-fi)?",
        "哪些用户喜欢恐怖片（不包括喜欢科幻片的）？",
    ):
        assert plan(question, NAMES).query.where in WITHOUT


@pytest.mark.parametrize(
    "question",
    ['Which users like "Doctor who likes sci-fi" and like horror?', "Which users like Doctor Who and horror?"],
)
def test_a_name_with_a_word_that_joins_is_not_taken_apart(question: str) -> None:
    with pytest.raises(Unread) as caught:
        plan(question, NAMES)
    assert any("Doctor" in word and "ho" in word for word in caught.value.unknown)
