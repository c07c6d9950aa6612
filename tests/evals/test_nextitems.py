from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from evals.datasets import upcoming
from evals.nextitems import SCORERS, SYSTEMS, UNDATED, tag_log_odds
from evals.runs import Output
from evals.task import Bench, Dataset, Sample
from limner.app import App
from limner.domain import Event
from tests.agents.histories import TAXONOMY, event, history


def had(user: str, *items: str, later: Sequence[str] = (), **genres: str) -> Sample:
    """A user who played items one after the other; an item's genre is rock where none is named."""
    events = [
        event(number, "play", user_id=user, item_id=item, genre=genres.get(item, "Rock"))
        for number, item in enumerate(items)
    ]
    return Sample(user, history(events, user), {"next": list(later)})


def solved(system: str, samples: Sequence[Sample]) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def finish(sample: Sample, output: Any, *, tokens: tuple[int, int] = (0, 0), error: str | None = None) -> None:
        found[sample.id] = output

    app = cast(App, SimpleNamespace(taxonomy=TAXONOMY))
    assert SYSTEMS[system].solve(Bench(app, finish, lambda *_: None, samples, samples, None)) == ""
    return found


def score(output: Mapping[str, Any], later: Sequence[str]) -> dict[str, Any]:
    sample = Sample("u", history(()), {"next": list(later)})
    said = Output(sample="u", cluster="u", input="", output=output)
    return {name: scorer.score(sample, said) for name, scorer in SCORERS.items()}


CROWD = [
    had("u1", "a", "b", later=["c"]),
    had("u2", "a", "b", "c"),
    had("u3", "b", "c"),
    had("u4", "d", "e", "b"),
    had("u5", "d", "e", "f"),
]
"""b is had by four, a, c, d and e by two, f by one."""


def test_popularity_puts_first_what_most_users_had_and_leaves_out_the_own() -> None:
    found = solved("popularity", CROWD)
    assert found["u1"] == {"best": ["c", "d", "e", "f"], "ranks": {"c": 1}, "of": 4}
    assert found["u3"]["best"] == ["a", "d", "e", "f"]


def test_item_knn_and_factors_put_first_what_goes_with_the_own() -> None:
    for system in ("item-knn", "factors"):
        found = solved(system, CROWD)
        assert found["u1"]["best"][0] == "c" and found["u4"]["best"][0] == "f", system


def test_recency_counts_the_newest_tenth() -> None:
    # Twenty events; the newest two are z, then y, of two users.
    old = had("old", *(f"i{number}" for number in range(18)))
    new = [
        Sample(user, history([event(100 + at, "play", user_id=user, item_id=item)], user), {"next": []})
        for at, (user, item) in enumerate([("v", "y"), ("w", "z")])
    ]
    found = solved("recency", [old, *new])
    assert set(found["old"]["best"]) == {"y", "z"}
    assert found["v"]["best"][0] == "z"
    assert "recency" in SYSTEMS and "recency" not in UNDATED


def rated(user: str, stars: Mapping[str, Sequence[float]]) -> Sample:
    events: list[Event] = []
    for genre, given in stars.items():
        for value in given:
            number = len(events)
            events.append(event(number, user_id=user, value=value, genre=genre, item_id=f"{user}-{number}"))
    return Sample(user, history(events, user), {"next": []})


def test_tags_put_first_what_is_liked_and_last_what_is_disliked() -> None:
    fan = rated("fan", {"Horror": [5.0] * 10, "Comedy": [1.0] * 10, "Drama": [3.0] * 5})
    known = tag_log_odds(fan, TAXONOMY, {})
    assert known["genre/horror"] > 0 > known["genre/comedy"] and "genre/drama" not in known
    others = [
        had(f"o{n}", "comic", "scary", "sad", "scarier", comic="Comedy", scary="Horror", sad="Drama", scarier="Horror")
        for n in range(2)
    ]
    more = had("more", "scarier", scarier="Horror")
    best = solved("limner", [fan, *others, more])["fan"]["best"]
    assert best[:4] == ["scarier", "scary", "sad", "comic"]


def test_tags_and_popularity_add_up_in_log_odds() -> None:
    # One of eight users likes horror; "scary" is had by one, "sad" by three. The tag outweighs log 3 where its odds do.
    fan = rated("fan", {"Horror": [5.0] * 4, "Drama": [4.0] * 12, "Comedy": [3.0] * 8})
    samples = [fan, had("o0", "scary", scary="Horror"), *(had(f"o{n}", "sad", sad="Western") for n in (1, 2, 3))]
    odds = tag_log_odds(fan, TAXONOMY, {}).get("genre/horror", 0.0)
    best = solved("limner-popularity", samples)["fan"]["best"]
    assert best[:2] == (["scary", "sad"] if odds > math.log(3) else ["sad", "scary"])


def test_places_are_scored_by_hand() -> None:
    # Of 100 items the 2nd and the 40th came next, and one that nobody had before stands beyond the last.
    # Recall@10 is 1 of min(10, 3), recall@50 2 of 3. The gain is 1/log2(3) of 1 + 1/log2(3) + 1/log2(4).
    # Pairs with 98 wrong ones: 97 stand behind the 2nd, 60 behind the 40th, none behind the last: 157 of 294.
    found = score({"best": [], "ranks": {"x": 2, "y": 40}, "of": 100}, ["x", "y", "z"])
    assert found["recall_10"] == pytest.approx(1 / 3) and found["recall_50"] == pytest.approx(2 / 3)
    assert found["ndcg_10"] == pytest.approx((1 / math.log2(3)) / (1.5 + 1 / math.log2(3)))
    assert found["auc"] == pytest.approx(157 / 294)
    assert set(score({"best": [], "ranks": {}, "of": 10}, []).values()) == {None}


def test_a_basket_holds_kinds_of_goods() -> None:
    basket = event(1, "purchase", item={"categories": ["SOUP", "CHEESE"]})
    assert [name for name, _ in upcoming.items(basket)] == ["SOUP", "CHEESE"]
    assert list(upcoming.items(event(1, "post"))) == []


@pytest.mark.data
@pytest.mark.parametrize(
    ("dataset", "floor"),
    [
        pytest.param(upcoming.MOVIELENS, 0.052, id="movielens"),
        pytest.param(upcoming.LASTFM, 0.074, id="lastfm"),
        pytest.param(upcoming.COMPLETEJOURNEY, 0.284, id="completejourney"),
    ],
)
def test_popularity_has_the_recall_that_the_data_sets_give_for_it(dataset: Dataset, floor: float) -> None:
    if dataset.absent:
        pytest.skip(dataset.absent)
    samples = dataset.samples(TAXONOMY)
    found = solved("popularity", samples)
    scores = [
        SCORERS["recall_10"].score(sample, Output(sample=sample.id, cluster="", input="", output=found[sample.id]))
        for sample in samples
    ]
    known = [one for one in scores if isinstance(one, float)]
    assert sum(known) / len(known) == pytest.approx(floor, abs=0.0005)
