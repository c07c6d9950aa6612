"""Line-ups, and who is said to find a tag's events in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.model import ScriptedModel
from evals import specificity
from evals.runs import Output
from evals.task import Sample
from limner.app import App
from limner.domain import Event, ModelCall
from limner.settings import Settings
from prompts import taxonomy

KNOWN = taxonomy.load()
SAMPLES = specificity.SAMPLE.samples(KNOWN)


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(Settings(home=tmp_path))


def scored(reference: list[int], said: list[float]) -> dict[str, object]:
    sample = Sample("u/genre/noir", {}, reference)
    output = Output(sample=sample.id, cluster="u", input="0", output=said)
    return {name: scorer.score(sample, output) for name, scorer in specificity.SCORERS.items()}


def test_of_the_events_behind_a_tag_the_first_of_the_order_are_found() -> None:
    """Two stand behind it, of five: one is first, the other last; blind picks find two fifths of two."""
    assert scored([1, 4], [0.2, 0.9, 0.5, 0.3, 0.1]) == {"specificity": (1, 2), "auc": 0.5, "chance": (0.8, 2)}
    assert scored([1, 4], [0.0, 0.9, 0.0, 0.0, 0.8])["specificity"] == (2, 2)


def test_the_bundled_people_are_lined_up_with_others_of_their_language() -> None:
    assert len(SAMPLES) > 80 and len({sample.id for sample in SAMPLES}) == len(SAMPLES)
    for sample in SAMPLES:
        assert isinstance(sample.given, dict)
        events = sample.given["events"]
        assert len(events) == len(set(events)) == specificity.LINED_UP
        assert 1 <= len(sample.reference) <= 5 and max(sample.reference) < len(events)
    languages = {sample.cluster: sample.groups["language"] for sample in SAMPLES}
    assert set(languages.values()) == {"en", "zh"}
    assert specificity.SAMPLE.samples(KNOWN) == SAMPLES
    assert not [sample.id for sample in SAMPLES if "/behaviour/" in sample.id]


def test_no_event_of_somebody_else_is_about_the_tag() -> None:
    sample = next(one for one in SAMPLES if one.id == "gordon/brand/halloway")
    assert isinstance(sample.given, dict)
    about = [at for at, event in enumerate(sample.given["events"]) if "Halloway" in event]
    assert about == sample.reference


def test_an_event_is_shown_by_what_it_is_about_and_not_by_its_stars() -> None:
    item = {"title": "Heat", "genres": ["Crime"], "price": 9, "release": "1995"}
    event = Event(event_id="1", user_id="u", kind="review", value=5, text="So\ngood", item=item)
    assert specificity.shown(event, KNOWN) == "Heat [Crime] So good"


def test_words_find_what_carries_the_name() -> None:
    sample = Sample("u", {"tag": "science fiction", "language": "en", "events": ["Solaris [Science Fiction]", "Heat"]})
    assert specificity.words(sample, KNOWN) == [1.0, 0.0]


async def test_the_model_is_asked_about_each_event_and_told_no_more_than_the_name(app: App) -> None:
    sample = next(one for one in SAMPLES if one.cluster == "nell")
    assert isinstance(sample.given, dict)
    events, behind = sample.given["events"], sample.reference
    model = ScriptedModel(lambda asked: "yes" if any(events[at] in asked.chat[1].content for at in behind) else "no")
    calls: list[ModelCall] = []
    said = await specificity.model(sample, model, calls.append, app)
    assert [at for at, one in enumerate(said) if one > 0] == behind
    assert {call.user_id for call in calls} == {sample.id} and len(calls) == specificity.LINED_UP
    asked = "\n".join(one.chat[1].content for one in model.asked)
    assert sample.given["tag"] in asked and "genre/" not in asked and "nell" not in asked
