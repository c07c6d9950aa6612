"""What a tag foresees of a rating that was hidden from it."""

from __future__ import annotations

from evals import hidden
from evals.runs import Output
from evals.task import Sample, Tally
from limner.domain import Event
from tests.agents.histories import TAXONOMY, event, history


def scored(events: list[Event]) -> dict[str, object]:
    sample = Sample("u1", history(events))
    made = Output(sample="u1", cluster="u1", input="0", output=hidden.foreseen(sample, TAXONOMY))
    return {name: scorer.score(sample, made) for name, scorer in hidden.SCORERS.items()}


def film(number: int, title: str, stars: float, genre: str = "War") -> Event:
    return event(number, value=stars, title=title, genre=genre, item_id=title)


def test_a_tag_is_held_against_the_newest_rating_which_it_was_not_made_from() -> None:
    others = [film(number, f"Film of {number}", 2, f"Genre {number}") for number in range(10, 20)]
    loved = [film(20, "Rocky", 5), film(21, "Rocky II", 5)]
    told = scored([*others, *loved, film(22, "Rocky III", 5)])
    assert told["series"] == told["genre"] == Tally(1, 1)
    assert scored([*others, *loved, film(22, "Rocky III", 1)])["series"] == Tally(0, 1)
    chance = told["series_by_chance"]
    assert isinstance(chance, Tally)
    assert chance.hits == 2 / 12, "of the twelve that are left, two lie above the mean"


def test_what_two_ratings_alone_prove_is_not_asked() -> None:
    others = [film(number, f"Film of {number}", 3, f"Genre {number}") for number in range(10, 20)]
    told = scored([*others, film(20, "Rocky", 5), film(21, "Rocky II", 5)])
    assert set(told.values()) == {None}
