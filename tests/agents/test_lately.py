from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.lately import lately
from limner.domain import Conflict, Event, Reply
from tests.agents.histories import TAXONOMY
from tests.agents.person import MAY, remembered


def done(genres: Sequence[str], kind: str = "play") -> list[Event]:
    """A film a week."""
    return [
        Event(
            event_id=f"p{number}", user_id="c", ts=MAY + timedelta(weeks=number), kind=kind, source="tv",
            item_id=f"f{number}", item={"title": f"Film {number}", "genres": [genre]},
        )
        for number, genre in enumerate(genres)
    ]  # fmt: skip


def said(number: int, text: str) -> Event:
    return Event(
        event_id=f"m{number}", user_id="c", ts=MAY + timedelta(weeks=number), kind="post", source="blog", text=text
    )


def asked(question: str, events: Sequence[Event], conflicts: Sequence[Conflict] = ()) -> Reply | None:
    lang = "zh" if question.endswith("？") else "en"
    return lately(question, remembered(events), TAXONOMY, conflicts, lang, UTC)


def answer(question: str, events: Sequence[Event], conflicts: Sequence[Conflict] = ()) -> str:
    reply = asked(question, events, conflicts)
    assert reply is not None
    assert set(reply.citations) <= {event.event_id for event in events}
    assert reply.citations
    return reply.answer


WESTERNS = ["Western", "Drama"] * 5
SILENT = [*WESTERNS, *["Drama"] * 8]


@pytest.mark.parametrize(
    ("question", "events", "says"),
    [
        ("Has she stopped watching westerns?", SILENT, "It seems so: "),
        ("Does she still watch westerns?", SILENT, "It seems not: "),
        ("Has she stopped watching westerns?", WESTERNS, "No sign of it: "),
        ("Does she still watch westerns?", WESTERNS, "Yes: "),
        ("她还看西部片吗？", SILENT, "看来不了："),
        ("她还看西部片吗？", WESTERNS, "看来是的："),
        ("她不再看西部片了吗？", SILENT, "看来是的："),
        ("她不看西部片了吗？", WESTERNS, "看不出来："),
    ],
)
def test_a_silence_counts_where_the_thing_was_frequent_and_much_happened_since(
    question: str, events: Sequence[str], says: str
) -> None:
    assert answer(question, done(events)).startswith(says)


def test_last_and_since_are_days() -> None:
    events = done(SILENT)
    assert answer("When did she last watch a western?", events) == "3 July 2023 (5 times in all)."
    assert answer("她上次看西部片是什么时候？", events) == "2023年7月3日（共5次）。"
    assert answer("Since when does she watch westerns?", events).startswith("First on 8 May 2023, last on 3 July 2023")
    assert answer("她从什么时候开始看西部片？", events).startswith("最早是2023年5月8日")


def test_a_word_against_it_counts_at_once() -> None:
    events = [
        said(1, "I love travelling."),
        said(2, "On a road trip again today."),
        said(3, "I gave up travelling for good."),
    ]
    assert answer("Does she still go travelling?", events).startswith("It seems not: ")
    assert answer("Does she still go travelling?", events[:2]).startswith("Yes: ")
    reply = asked("Has she stopped travelling?", events)
    assert reply is not None
    assert reply.citations[-1] == "m3"


def test_what_was_never_liked_is_said_to_be_so() -> None:
    events = [said(1, "I hate travelling."), said(2, "I can't stand travelling.")]
    assert answer("Does she still like travelling?", events).startswith(
        "Nothing speaks for travel, 2 events against it"
    )


def test_a_newer_fact_that_excludes_it_has_taken_over() -> None:
    events = [said(1, "I'm a vegetarian."), said(9, "I'm a vegan.")]
    aside = Conflict(facet="diet", kept="diet/vegan", set_aside="diet/vegetarian", reason="")
    assert answer("Is she still vegetarian?", events, [aside]).startswith("No: on 10 July 2023 they said vegan")


@pytest.mark.parametrize(
    "question",
    [
        "Does she like westerns?",
        "Does she still watch operas?",
        "Does she still watch westerns or dramas?",
        "Does she still live there?",
        "When did she stop watching westerns?",
        "她买戒指了吗？",
    ],
)
def test_the_rest_is_left_to_whoever_reads(question: str) -> None:
    assert asked(question, done(WESTERNS)) is None


def test_what_several_people_say_is_left_too() -> None:
    talk = [said(1, "I love travelling."), said(2, "On a road trip again today.")]
    two = [one.model_copy(update={"meta": {"speaker": name}}) for one, name in zip(talk, "AB", strict=True)]
    assert asked("Does A still go travelling?", two) is None


@given(st.lists(st.sampled_from(["Western", "Drama"]), min_size=1, max_size=40))
def test_events_that_go_on_never_read_as_an_end(genres: list[str]) -> None:
    assert answer("Has she stopped watching westerns?", done([*genres, "Western"])).startswith("No sign of it")
