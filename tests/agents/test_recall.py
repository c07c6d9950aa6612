from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.recall import Memory, fused, said, tokens
from agents.when import Window
from limner.domain import Event, History
from store.database import Database
from store.events import EventStore
from tests.agents.histories import HISTORIES, TEXTS
from tests.agents.person import MAY, SHOP, TALK, embed, remembered, turn


def recalled(memory: Memory, question: str, most: int = 3, window: Window | None = None) -> list[str]:
    return [memory.ids[hit.row] for hit in memory.recalled(question, most, embed=embed, window=window)]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("Which classes did Caroline take?", "d1"),
        ("Who keeps geese or a goose?", "d4"),
        ("When did she buy coffee beans?", "p2"),
    ],
)
def test_the_event_that_holds_the_words_comes_first(question: str, first: str) -> None:
    assert recalled(remembered([*TALK, *SHOP]), question)[0] == first


def test_chinese_needs_no_blanks_to_be_found() -> None:
    memory = remembered(
        [turn(1, "本人", "我上周去杭州出差"), turn(2, "本人", "上司的生日是五月"), turn(3, "本人", "买了咖啡豆")]
    )
    assert recalled(memory, "上司什么时候过生日？")[0] == "d2"
    assert tokens("生日 and birthdays") == ["生日", "birthday"]


def test_the_turn_behind_the_words_of_the_question_is_found_by_its_neighbour() -> None:
    memory = remembered(TALK)
    alone, together = (memory.by_words("name of the teacher", inherited) for inherited in (0, 0.5))
    assert alone[2] == 0 < together[2]
    assert together[4] == alone[4] == 0


def test_threads_of_one_source_are_apart() -> None:
    one, two = turn(1, "Caroline", "pottery"), turn(2, "Caroline", "yes")
    other = two.model_copy(update={"meta": {**two.meta, "session": "b"}})
    assert remembered([one, two]).by_words("pottery")[1] > 0
    assert remembered([one, other]).by_words("pottery")[1] == 0


def test_who_is_asked_about_comes_before_who_else_says_the_same() -> None:
    memory = remembered(
        [turn(1, "Caroline", "I bake bread"), turn(2, "Dr. Melanie Wu", "I bake bread", MAY.replace(year=2024))]
    )
    assert recalled(memory, "Does Melanie bake?")[0] == "d2"
    assert recalled(memory, "Does Caroline bake?")[0] == "d1"
    assert recalled(memory, "Do I bake?")[0] == "d1"
    assert memory.own("Do Caroline and Melanie bake?").tolist() == [1, 1]


def test_the_one_who_says_what_is_asked_leads() -> None:
    memory = remembered(TALK)
    ours, theirs = (
        memory.lead(f"Which bowl did {name} make at the pottery class?") for name in ("Caroline", "Melanie")
    )
    assert ours is not None
    assert theirs == pytest.approx(-ours)
    assert ours > 0
    assert memory.lead("Which bowl did she make?") is None
    assert memory.lead("Which bowl did Caroline and Melanie make?") is None
    assert remembered(SHOP).lead("Which coffee did Caroline buy?") is None
    crowd = [turn(number, "Melanie", "We made a bowl.") for number in range(10, 20)]
    assert remembered([*TALK, *crowd]).lead("Which bowl did Caroline make?") is None


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    memory = remembered([turn(1, "", "blue kite"), turn(2, "", "blue"), turn(3, "", "blue"), turn(4, "", "kite goose")])
    held = memory.held("A blue goose?")
    assert held[3] > held[0] == held[1]
    assert memory.held("").tolist() == [0] * 4


def test_what_lies_in_the_time_asked_about_goes_first_and_shuts_nothing_out() -> None:
    memory = remembered(SHOP)
    june = Window(MAY + timedelta(days=29), MAY + timedelta(days=39))
    assert recalled(memory, "coffee", window=june)[0] == "p2"
    assert set(recalled(memory, "coffee", window=june)) == {"p1", "p2", "p3"}
    assert memory.allowed(june).tolist() == [False, True, False, False, False]
    assert memory.allowed(None, {"return"}).tolist() == [False] * 4 + [True]


def test_a_question_without_a_known_word_is_answered_by_meaning() -> None:
    memory = remembered(TALK)
    assert not memory.by_words("quixotic").any()
    assert len(recalled(memory, "quixotic")) == 3


def test_a_vector_is_made_once() -> None:
    memory, embedded = remembered(TALK), list[str]()

    def counting(texts: object) -> object:
        embedded.extend(texts)  # type: ignore[call-overload]
        return embed(texts)  # type: ignore[arg-type]

    for _ in range(2):
        memory.recalled("pottery", 2, embed=counting)  # type: ignore[arg-type]
    assert sorted(embedded) == sorted(["pottery", "pottery", *(said(event) for event in TALK)])


def test_nothing_is_recalled_of_nobody() -> None:
    assert recalled(remembered([]), "anything") == []


@given(st.lists(st.lists(st.integers(0, 9), unique=True), max_size=4))
def test_a_place_that_every_ranking_puts_first_stays_first(rankings: list[list[int]]) -> None:
    found = fused([([99, *ranking], 1.0) for ranking in rankings])
    assert not rankings or found[0][0] == 99
    assert {row for row, _ in found} == {row for ranking in rankings for row in ranking} | ({99} if rankings else set())


@given(HISTORIES, TEXTS)
def test_any_history_can_be_asked_anything(history: History, question: str) -> None:
    by_id: dict[str, Event] = {event.event_id: event for event in history.events}
    memory = Memory(by_id.values(), lambda ids: {one: by_id[one] for one in ids})
    rows = [hit.row for hit in memory.recalled(question, 5, embed=embed)]
    assert len(rows) == len(set(rows)) == min(5, len(by_id))


def test_a_history_is_read_page_by_page_from_the_store(database: Database) -> None:
    store = EventStore(database)
    store.add([*TALK, *SHOP])
    assert [event.event_id for event in store.each("c")] == [event.event_id for event in store.history("c").events]
    assert list(store.each("nobody")) == []
