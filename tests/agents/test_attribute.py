from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.attribute import attribute, polarity
from agents.propose import Proposal
from limner.domain import Event, History, Label, Polarity
from tests.agents.histories import ALIKE, HISTORIES, TAXONOMY, event, rated, read, readings

FILMS = [*rated([("Sci-Fi", 5), ("Sci-Fi", 4), ("Horror", 1), ("Horror", 2), ("Drama", 3)])]
LABELS = st.builds(Label, en=st.text(max_size=40), zh=st.text(max_size=20)) | st.sampled_from(
    [Label(en="sci-fi thrillers", zh="科幻惊悚"), Label(en="Horror", zh="恐怖"), Label(en="vegan", zh="纯素")]
)
PROPOSALS = st.builds(
    Proposal, facet=st.sampled_from(["interest", "lifestyle"]), label=LABELS, polarity=st.sampled_from([1, 0, -1])
)


def proposal(en: str, zh: str = "标签", sign: Polarity = 1, facet: str = "interest") -> Proposal:
    return Proposal(facet, Label(en=en, zh=zh), sign)


def claims(events: list[Event], *proposals: Proposal) -> dict[str, tuple[Polarity, list[int]]]:
    """Polarity and cited places of each claim, by key."""
    found = attribute(read(events), [], proposals, TAXONOMY)
    return {claim.key: (claim.polarity, [reading.at for reading in claim.readings]) for claim in found}


def test_what_the_events_are_about_is_claimed_with_the_sign_they_have() -> None:
    assert claims(FILMS) == {"genre/sci-fi": (1, [0, 1]), "genre/horror": (-1, [2, 3])}


def test_the_model_cannot_turn_a_counted_thing_round() -> None:
    assert claims(FILMS, proposal("horror films", sign=1))["genre/horror"] == (-1, [2, 3])


@pytest.mark.parametrize(
    "label", [("Horror", "恐怖片"), ("horror movies", "x"), ("scary films", "x"), ("no such thing", "恐怖片")], ids=str
)
def test_a_proposal_goes_by_its_canonical_key(label: tuple[str, str]) -> None:
    assert claims(FILMS, proposal(*label)) == claims(FILMS)


def test_several_things_at_once_are_claimed_from_events_that_are_all_of_them() -> None:
    both = [event(number, value=5, item={"genres": ["Sci-Fi", "Thriller"]}) for number in range(5, 8)]
    found = claims([*FILMS, *both], proposal("sci-fi thrillers", "科幻惊悚片"))
    assert found["genre/sci-fi+genre/thriller"] == (1, [5, 6, 7])


def test_a_proposal_about_nothing_in_the_history_has_no_evidence() -> None:
    assert claims(FILMS, proposal("western", "西部片"))["genre/western"] == (1, [])
    assert claims(FILMS, proposal("yacht collector", "游艇收藏"))["open/yacht-collector"] == (1, [])


def test_an_open_tag_cites_the_texts_that_carry_its_words() -> None:
    posts = [
        event(1, "post", text="Out with my greyhound rescue group again, love it"),
        event(2, "message", text="The Greyhound Rescue people called"),
        event(3, "view", text="greyhound rescue"),
    ]
    assert claims(posts, proposal("greyhound rescue", "灵缇救助"))["open/greyhound-rescue"] == (1, [0, 1])


@pytest.mark.parametrize("label", [("LGBT stories", "同性题材"), ("erotica", "情色片")], ids=str)
def test_sensitive_things_are_never_claimed(label: tuple[str, str]) -> None:
    watched = rated([(label[0], 5), (label[0], 5), ("Drama", 1)])
    assert not {key for key in claims(watched, proposal(*label)) if key in {"genre/lgbt", "genre/erotica"}}


def test_facts_of_facets_that_are_off_are_never_claimed() -> None:
    posts = [event(number, "post", text="I live in London and I'm a woman") for number in range(3)]
    found = attribute(read(posts), [], [proposal("lives in London", "住在伦敦")], TAXONOMY)
    assert {claim.facet for claim in found} <= {"interest"}


@pytest.mark.parametrize(
    ("spoken", "sign"),
    [
        ({"deeds": 2, "refusals": 1}, 1),
        ({"deeds": 1, "refusals": 2}, -1),
        ({"deeds": 9, "stars": [-1.0, -1.0]}, -1),
        ({"refusals": 9, "stars": [1.0]}, -1),
        ({"stars": [-1.0]}, -1),
        ({}, 1),
    ],
    ids=["more deeds", "more refusals", "two ratings decide", "one rating does not", "one rating alone", "nothing"],
)
def test_ratings_decide_the_sign_where_there_are_two(spoken: dict[str, int], sign: Polarity) -> None:
    assert polarity(readings(**spoken), ALIKE) == sign


@given(HISTORIES, st.lists(PROPOSALS, max_size=4))
def test_every_claim_is_of_a_known_facet_and_each_key_is_claimed_once(raw: History, named: list[Proposal]) -> None:
    found = attribute(read(list(raw.events)), [], named, TAXONOMY)
    keys = [claim.key for claim in found]
    assert len(keys) == len(set(keys))
    assert all(TAXONOMY.facets[claim.facet].served != "off" for claim in found)
    assert all(reading.at < len(raw.events) for claim in found for reading in claim.readings)
