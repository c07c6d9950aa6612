"""Which names are one thing: by letters with any embedder, by meaning with vectors that are made up here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from agents import synonyms
from agents.synonyms import Name, decide, followed, merged, moves, unknown
from limner.domain import Label, Synonym
from tests.agents.histories import TAXONOMY

USE = "use-multilingual@toy"


class Toy:
    """Vectors by hand: texts of one meaning point the same way, as far as their weight says; the rest stand apart."""

    def __init__(self, *meanings: Mapping[str, float]) -> None:
        self._meanings = meanings
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        rows = np.zeros((len(texts), len(self._meanings) + len(texts)), dtype=np.float32)
        for row, text in enumerate(texts):
            weights = [meaning.get(text, 0.0) for meaning in self._meanings]
            rows[row, : len(weights)] = weights
            rows[row, len(weights) + row] = max(0.0, 1 - sum(weight**2 for weight in weights)) ** 0.5
        return rows


def name(key: str, label: str = "", carried: int = 5, facet: str = "interest") -> Name:
    label = label or key.partition("/")[2]
    return Name(key, facet, Label(en=label, zh=label), carried)


def found(names: Sequence[Name], embed: Toy | None = None, seen: Mapping[str, Synonym] | None = None) -> dict[str, str]:
    """Key to the thing it names, of the names that were merged."""
    decided = decide(names, seen or {}, TAXONOMY, embed, USE)
    return {one.key: one.canonical for one in decided if one.state == "merged"}


SCI_FI = {"science fiction": 1.0, "科幻": 0.95, "sci-fi": 1.0}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (name("genre/giallo", "Giallo"), name("genre/giallo-films", "giallo films", 4)),
        (name("topic/escape-cafés", "escape cafés"), name("topic/escape-cafe", "Escape Cafe", 4)),
        (name("topic/falconry", "falconry"), name("category/falconry", "Falconry", 4)),
        (
            name("brand/mcdonald-s", "McDonald's", facet="brand"),
            name("brand/mcdonalds", "McDonalds", 4, facet="brand"),
        ),
    ],
    ids=["a word behind", "number and accent", "two attributes", "a brand"],
)
def test_names_of_the_same_letters_are_one_and_the_more_frequent_gives_the_key(one: Name, other: Name) -> None:
    assert found([one, other]) == found([other, one]) == {other.key: one.key}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (name("brand/apollo", "Apollo", facet="brand"), name("artist/apollo", "Apollo", facet="creator")),
        (name("brand/beatle", "Beatle", facet="brand"), name("brand/beatles", "Beatles", facet="brand")),
    ],
    ids=["a brand and an artist", "proper names have no plural"],
)
def test_proper_names_are_one_only_where_every_letter_is(one: Name, other: Name) -> None:
    assert found([one, other]) == {}


def test_a_value_that_another_group_knows_is_that_thing() -> None:
    assert found([name("genre/basketball", "Basketball")]) == {"genre/basketball": "sport/basketball"}


def test_a_name_joins_a_thing_where_both_languages_agree() -> None:
    toy = Toy({**SCI_FI, "space stories": 0.97})
    assert found([name("genre/space-stories", "space stories")], toy) == {"genre/space-stories": "genre/sci-fi"}


@pytest.mark.parametrize(
    ("label", "meanings"),
    [
        ("space stories", [{**SCI_FI, "space stories": 0.6}]),
        ("space stories", [{**SCI_FI, "space stories": 0.8}]),
        ("space stories", [{"科幻": 0.9, "space stories": 0.97}, {"western": 0.9, "space stories": 0.2}]),
        ("space stories 2", [{**SCI_FI, "space stories 2": 0.97}]),
        ("non-space stories", [{**SCI_FI, "non-space stories": 0.97}]),
        ("feminist sci-fi", [{**SCI_FI, "feminist sci-fi": 0.97}]),
        ("古典科幻", [{**SCI_FI, "古典科幻": 0.97}]),
    ],
    ids=[
        "far",
        "not as near as a translation",
        "one language says otherwise",
        "number",
        "denial",
        "closer",
        "closer, zh",
    ],
)
def test_a_name_that_is_only_near_a_thing_stays_apart(label: str, meanings: list[dict[str, float]]) -> None:
    assert found([name("genre/new", label)], Toy(*meanings)) == {}


def test_two_names_are_one_where_each_is_the_nearest_of_the_other_language() -> None:
    pair = {"zorbing": 1.0, "太空球": 0.9, "bubble balls": 0.7}
    names = [name("topic/zorbing", carried=9), name("topic/太空球"), name("topic/bubble-balls", "bubble balls")]
    decided = {one.key: one for one in decide(names, {}, TAXONOMY, Toy(pair), USE)}
    assert followed("topic/太空球", decided, TAXONOMY) == "topic/zorbing"
    assert decided["topic/bubble-balls"].state == "apart"
    assert decided["topic/bubble-balls"].canonical == "topic/zorbing", "what is nearest is noted"
    known = TAXONOMY.merging(merged(decided, TAXONOMY))
    for value in ("Zorbing", "太空球"):
        named = known.named("topics", value)
        assert named is not None
        assert (named.key, named.label) == ("topic/zorbing", Label(en="zorbing", zh="太空球"))


def test_alike_in_one_language_is_not_the_same() -> None:
    toy = Toy({"introverts": 1.0, "extroverts": 0.97})
    assert found([name("topic/introverts"), name("topic/extroverts")], toy) == {}


def test_an_embedder_whose_threshold_nobody_checked_is_not_asked() -> None:
    toy = Toy({**SCI_FI, "space stories": 0.97})
    assert decide([name("genre/space-stories", "space stories")], {}, TAXONOMY, toy, "another")[0].state == "apart"
    assert toy.asked == []


def test_what_was_decided_stays_and_later_names_join_it() -> None:
    pair = {"zorbing": 1.0, "太空球": 0.9, "zorb": 0.95}
    names = [name("topic/zorbing"), name("topic/太空球", carried=3)]
    seen = {one.key: one for one in decide(names, {}, TAXONOMY, Toy(pair), USE)}
    assert found([name("topic/zorb", carried=99)], Toy(pair), seen) == {"topic/zorb": "topic/zorbing"}


def test_an_undone_merge_is_no_bridge_and_is_not_looked_at_again() -> None:
    undone = Synonym(
        key="genre/giallo-films",
        canonical="genre/giallo",
        facet="interest",
        label=Label(en="giallo films", zh="giallo films"),
        how="spelling",
        state="undone",
    )
    seen = {undone.key: undone}
    assert merged(seen, TAXONOMY) == {}
    assert unknown(TAXONOMY, {("genres", "giallo films"): 9}, {}, seen) == []


def test_only_what_the_taxonomy_lacks_and_several_events_carry_is_looked_at() -> None:
    values = {("genres", "Horror"): 9, ("genres", "Giallo"): 3, ("genres", "giallo"): 2, ("genres", "Rare"): 1}
    tags = {"open/urban-explorer": ("lifestyle", Label(en="urban explorer", zh="城市探险"), 1)}
    names = unknown(TAXONOMY, {**values, ("", ""): 15}, tags, {})
    assert [(one.key, one.carried) for one in names] == [("genre/giallo", 5), ("open/urban-explorer", 2)]


def test_a_tag_of_several_things_follows_each_of_them() -> None:
    one = Synonym(
        key="genre/noir",
        canonical="genre/film-noir",
        facet="interest",
        label=Label(en="film noir", zh="黑色电影"),
        how="taxonomy",
        state="merged",
    )
    changed = moves(["genre/crime+genre/noir", "genre/crime", "topic/x"], merged({one.key: one}, TAXONOMY), TAXONOMY)
    assert {key: (now.canonical, now.label.en) for key, now in changed.items()} == {
        "genre/crime+genre/noir": ("genre/crime+genre/film-noir", "crime stories & film noir")
    }


KEYS = [*(f"genre/{letter}" for letter in "abcdef"), "genre/horror"]


@given(st.lists(st.integers(0, 6), min_size=6, max_size=6))
def test_whatever_was_merged_into_what_every_key_ends_at_a_thing_of_its_own(onward: list[int]) -> None:
    decided = {}
    for at, to in enumerate(onward):
        key, into = KEYS[at], KEYS[max(at, to)]
        label = Label(en=key, zh=key)
        state = "apart" if key == into else "merged"
        decided[key] = Synonym(key=key, canonical=into, facet="interest", label=label, how="owner", state=state)
    aliases = merged(decided, TAXONOMY)
    assert aliases.keys() == {key for key, one in decided.items() if one.state == "merged"}
    for named in aliases.values():
        assert named.key not in aliases
        assert named.key == "genre/horror" or decided[named.key].state == "apart"


LABELS = st.lists(st.text(min_size=1, max_size=12), max_size=8, unique=True)


@given(LABELS)
def test_any_names_are_decided_the_same_in_whatever_order_they_come(labels: list[str]) -> None:
    blank = replace(TAXONOMY, terms={})
    values = {("topics", label): 3 for label in labels}
    names = unknown(blank, values, {}, {})
    once = {one.key: (one.state, one.canonical) for one in decide(names, {}, blank, Toy(), USE)}
    again = {one.key: (one.state, one.canonical) for one in decide(names[::-1], {}, blank, Toy(), USE)}
    assert once == again


def test_reading_a_merged_key_costs_no_more_than_any_other() -> None:
    decided = {one.key: one for one in decide([name("genre/basketball", "Basketball")], {}, TAXONOMY, None, "")}
    known = TAXONOMY.merging(merged(decided, TAXONOMY))
    first = known.named("genres", "Basketball")
    assert first is not None and first.key == "sport/basketball"
    assert known.named("genres", "Basketball") is first, "it is looked up once"
    assert synonyms.MOST <= 5_000, "a first run compares no more than that"
