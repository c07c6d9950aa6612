"""Rows that sum up many acts: how they are read, and the tags and words that come of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from agents import attribute, merge
from agents.amounts import LEAST_ROWS, MOST, amounts
from agents.calibrate import DEFAULT
from agents.facts import points
from agents.persona import fixed
from limner.domain import Event, Language, Tag
from tests.agents.histories import TAXONOMY, event, read

PLAYS = [5000, 800, 100, 100, 100, 100, 100, 90, 80, 5]


def rows(values: Sequence[float | None] = PLAYS, kind: str = "play", **fields: Any) -> list[Event]:
    return [
        event(
            at,
            kind,
            **{"ts": None, "value": value, "item_id": f"a{at}", "item": {"artist": f"Band {at}", "genres": ["Jazz"]}}
            | fields,
        )
        for at, value in enumerate(values)
    ]


def tags(events: Sequence[Event]) -> dict[str, Tag]:
    counted = read(events)
    claims = attribute.attribute(counted, [], [], TAXONOMY)
    return {tag.key: tag for tag in merge.tags(claims, counted, TAXONOMY, {}, DEFAULT) if tag.status == "verified"}


def test_a_row_is_worth_as_many_acts_as_its_value_is_of_the_usual_one() -> None:
    assert amounts(rows()) == pytest.approx({0: MOST, 1: 8, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 0.9, 8: 0.8, 9: 0.05})


@pytest.mark.parametrize(
    "events",
    [
        rows(PLAYS[: LEAST_ROWS - 1]),
        rows(kind="purchase"),
        rows(kind="rating"),
        rows([None] * 10),
        rows([0.0] * 10),
        [*rows(), event(10, "play", ts=None, value=3, item_id="a0")],
        [one.model_copy(update={"ts": event(at).ts}) for at, one in enumerate(rows())],
    ],
    ids=["few", "prices", "stars", "no values", "nothing", "an item twice", "with times"],
)
def test_other_rows_are_acts(events: list[Event]) -> None:
    assert amounts(events) == {}


def test_rows_of_two_sources_are_each_read_against_their_own() -> None:
    found = amounts([*rows(source="radio"), *rows([value * 60 for value in PLAYS], source="timer")])
    assert [found[at] for at in range(10)] == pytest.approx([found[at + 10] for at in range(10)])


def test_whom_somebody_plays_most_is_a_tag_and_the_genre_of_one_row_is_none() -> None:
    found = tags(rows(item={}))
    assert found == {}
    events = rows()
    events[0] = events[0].model_copy(update={"item": {"artist": "Band 0", "genres": ["Blues"]}})
    found = tags(events)
    assert {"artist/band-0", "artist/band-1", "music/jazz"} == found.keys()
    assert "20.0 times as much as is usual for them" in found["artist/band-0"].reason
    assert found["artist/band-0"].counts.implicit_positive == 1
    assert [one.event_id for one in found["artist/band-0"].evidence] == ["e0"]
    assert found["artist/band-0"].probability > found["artist/band-1"].probability


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "This user turns to the artists Band 0 and Band 1 far more than to most others."),
        ("zh", "这位用户接触音乐人Band 0和Band 1远多于其他。"),
    ],
)
def test_a_portrait_tells_whom_they_turn_to_most(lang: Language, text: str) -> None:
    events = rows()
    found = [tag for tag in tags(events).values() if tag.key.startswith("artist/")]
    told = points(found, {one.event_id: one for one in events}, {"play"}, lang, TAXONOMY)
    assert fixed(told, lang).text == text
