"""What names of a model are worth, told on a history worked by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.model import ScriptedModel
from evals import proposals
from evals.runs import Output
from evals.task import Sample
from limner.app import App
from limner.domain import Event, History, ModelCall
from limner.settings import Settings

GENRES = (["Crime", "Thriller"], 5), (["Crime", "Thriller"], 5), (["Crime", "Thriller"], 5), (["Comedy"], 1)


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(Settings(home=tmp_path))


def sample() -> Sample:
    """Six crime thrillers rated high, two comedies rated low."""
    events = tuple(
        Event(event_id=str(at), user_id="u", kind="rating", value=stars, item={"title": f"film {at}", "genres": genres})
        for at, (genres, stars) in enumerate(GENRES * 2)
    )
    return Sample("u", History(user_id="u", events=events))


def tag(name: str) -> dict[str, str]:
    return {"facet": "interest", "en": name, "zh": "名", "polarity": "likes"}


async def answered(app: App, *said: str, way: proposals.Way = proposals.in_use) -> tuple[dict[str, Any], int]:
    calls: list[ModelCall] = []
    found = await proposals.earning(way)(sample(), ScriptedModel(said), calls.append, app)
    return found, sum(call.tokens_in + call.tokens_out for call in calls)


async def test_a_name_adds_what_counting_proves_and_would_not_say_by_itself(app: App) -> None:
    said = json.dumps({"tags": [tag("crime thrillers"), tag("crime films"), tag("space operas")]})
    found, tokens = await answered(app, said)
    assert tokens > 0 and found["refused"] == ""
    assert found["named"] == ["crime thrillers", "crime films", "space operas"]
    assert found["added"] == ["genre/crime+genre/thriller"]
    assert found["held"] == ["genre/crime", "genre/crime+genre/thriller"]
    assert {"genre/crime", "genre/thriller"} < set(found["verified"])


async def test_an_answer_that_cannot_be_used_costs_its_tokens_and_adds_nothing(app: App) -> None:
    found, tokens = await answered(app, "no", "no")
    assert tokens > 0 and found["refused"]
    assert found["named"] == found["held"] == found["added"] == []
    assert "genre/crime" in found["verified"]


def test_tags_are_told_for_a_thousand_tokens() -> None:
    made = {"named": ["a", "b"], "refused": "", "held": ["a"], "added": ["a"], "verified": ["a", "c", "d"]}
    made |= {"cited": 4, "cited_right": 1}
    output = Output(sample="u", cluster="u", input="0", output=made, tokens={"in": 1400, "out": 100})
    scored = {name: scorer.score(sample(), output) for name, scorer in proposals.SCORERS.items()}
    assert scored == {
        "verified_for_1000_tokens": (3, 1.5),
        "added_for_1000_tokens": (1, 1.5),
        "held": (1, 2),
        "cited_right": (1, 4),
        "answered": 1,
        "tokens": 1500,
    }


async def test_a_theme_is_held_against_the_events_that_it_cites(app: App) -> None:
    theme = ["crime thrillers", "犯罪惊悚片", "likes", ["e1", "e8", "e1"]]
    found, _ = await answered(app, json.dumps({"themes": [theme]}), way=proposals.themes)
    assert found["added"] == found["held"] == ["genre/crime+genre/thriller"]
    assert (found["cited"], found["cited_right"]) == (2, 1), "the best rated event stands first, the others last"


async def test_a_theme_is_asked_for_beside_what_is_proven(app: App) -> None:
    model = ScriptedModel(['{"themes": []}'])
    await proposals.earning(proposals.themes)(sample(), model, lambda call: None, app)
    asked = model.asked[0].chat[1].content
    assert "proven: likes crime stories; likes thrillers; dislikes comedy" in asked
    assert 'e1 rating 5 "film 6" [Crime, Thriller]' in asked


@pytest.mark.parametrize(
    ("name", "title", "added"),
    [
        ("Orbit films", "The {}th {}", ["series/orbit"]),
        ("1th Orbit", "The {}th {}", []),
        ("Space Gate", "The {}th {}", []),
        ("comedy", "The {}th {}", []),
        ("Orbit films", "{1}: Part {0}", []),
    ],
    ids=[
        "words of several titles that pass the rule",
        "of one title",
        "of none",
        "a thing that is counted anyway",
        "a series that titles give away",
    ],
)
async def test_a_series_is_proven_by_the_titles_that_hold_its_words(
    app: App, name: str, title: str, added: list[str]
) -> None:
    said = json.dumps({"series": [[name, ["e1", "e2"]]]})
    called = {5: "Orbit", 1: "Gate"}
    events = tuple(
        event.model_copy(
            update={"item": {**event.item, "title": title.format(event.event_id, called[int(event.value or 0)])}}
        )
        for event in sample().history.events
    )
    user = Sample("u", History(user_id="u", events=events))
    found = await proposals.earning(proposals.series)(user, ScriptedModel([said]), lambda call: None, app)
    assert found["added"] == added
