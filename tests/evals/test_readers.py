"""Questions about one person: what is made of them, and how that is scored, worked by hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from agents.ask import Person
from agents.model import Ledger, Script, ScriptedModel
from evals import choices, readers
from evals.retrieval import remembered
from evals.runs import Output
from evals.task import Sample
from limner.app import App
from limner.domain import ModelCall
from limner.settings import Settings
from prompts.answers import ChoiceAnswer, QuestionAnswer, UnaidedAnswer
from tests.agents.person import TALK, embed

TEACHER = "Who teaches Caroline pottery?"


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(Settings(home=tmp_path))


def asked(
    app: App, question: str, script: Iterable[Script] = (), ledger: Ledger = lambda call: None
) -> tuple[readers.Asked, ScriptedModel]:
    model, person = ScriptedModel(script), Person("c", remembered(TALK))
    return readers.Asked(question, person, TALK, model, ledger, app, embed, {"A": "Oscar", "B": "Bero"}), model


def sample(answer: str | None, category: str = "id 4", evidence: Iterable[str] = ("d1", "d3")) -> Sample:
    reference = {"answer": answer, "evidence": dict.fromkeys(evidence, "…")}
    return Sample("conv-9/q1", {"question": TEACHER, "history": "conv-9"}, reference, groups={"category": category})


def output(**said: Any) -> Output:
    made = {"answer": "", "abstained": False, "read": {}, "cited": [], "seconds": 1.5} | said
    return Output(sample="conv-9/q1", cluster="conv-9", input="", output=made, tokens={"in": 90, "out": 10})


def scored(one: Sample, said: Output) -> dict[str, Any]:
    told = {name: scorer.score(one, said) for name, scorer in readers.LOCOMO.items()}
    return {name: score for name, score in told.items() if score is not None}


async def test_limner_tells_what_it_read_and_cites(app: App) -> None:
    one, model = asked(app, TEACHER, [QuestionAnswer(claims=["Oscar"])])
    said = await readers._limner(one)
    assert (said["answer"], said["abstained"], said["cited"]) == ("Oscar", False, ["d3"])
    assert "Oscar" in said["read"]["d3"]
    assert all(line in model.asked[0].chat[1].content for line in said["read"].values())


async def test_who_withholds_nothing_asks_about_what_somebody_else_said(app: App) -> None:
    question = "What did Caroline adopt and play, a goose and a violin?"
    guarded, unasked = asked(app, question)
    assert (await readers._limner(guarded))["abstained"] and not unasked.asked
    free, model = asked(app, question, [QuestionAnswer(claims=[])])
    await readers._open(free)
    assert len(model.asked) == 1


async def test_an_unaided_answer_that_says_nothing_abstains(app: App) -> None:
    one, _ = asked(app, TEACHER, [UnaidedAnswer(answer="It is not mentioned.")])
    said = await readers._unaided(one, readers.plainly(one.nearest))
    assert said["abstained"] and set(said["read"]) == {event.event_id for event in TALK}


async def test_an_answer_out_of_shape_is_none(app: App) -> None:
    one, _ = asked(app, TEACHER, ["no JSON", "none either"])
    said = await readers._unaided(one, {})
    assert said["abstained"] and said["why"]


async def test_full_context_ends_where_the_models_context_does(app: App) -> None:
    one, model = asked(app, TEACHER)
    lines = readers.plainly(one._replace(events=TALK * 400).newest)
    assert 0 < sum(map(model.count_tokens, lines.values())) <= readers.CONTEXT


async def test_a_choice_is_a_letter(app: App) -> None:
    calls: list[ModelCall] = []
    one, model = asked(app, TEACHER, [ChoiceAnswer(choice="A")], calls.append)
    assert await choices._chosen(one, {"d3": "a line"}) == {"choice": "A", "read": {"d3": "a line"}}
    assert "A. Oscar" in model.asked[0].chat[1].content and "a line" in model.asked[0].chat[1].content
    assert [call.user_id for call in calls] == ["c"]


def test_words_choose_what_most_of_the_notes_say() -> None:
    given = {"question": TEACHER, "history": "h", "choices": {"A": "Bero of Norway", "B": "Oscar from Sweden"}}
    assert choices._likest(Sample("q", given), {"h": remembered(TALK)}.__getitem__)["choice"] == "B"


def test_a_right_answer_from_the_evidence() -> None:
    said = output(answer="Oscar", read={"d3": "…", "d4": "…"}, cited=["d3"])
    assert scored(sample("Oscar"), said) == {
        "f1": 1.0,
        "exact_match": 1.0,
        "f1_of_answers": 1.0,
        "withheld": 0.0,
        "cited": 1.0,
        "evidence_read": 0.5,
        "tokens": 100,
        "seconds": 1.5,
        "f1_id_4": 1.0,
    }


def test_several_answers_are_compared_one_by_one_where_hops_are_several() -> None:
    assert scored(sample("Oscar, a goose", "id 1"), output(answer="goose; Oscar"))["f1_id_1"] == pytest.approx(1.0)


def test_silence_is_right_only_where_nothing_answers() -> None:
    silent = output(abstained=True)
    wrongly, rightly = scored(sample("Oscar"), silent), scored(sample(None, "id 5"), silent)
    assert (wrongly["f1"], wrongly["withheld"], wrongly["abstention_precision"]) == (0.0, 1.0, 0.0)
    assert "f1_of_answers" not in wrongly and "abstention_recall" not in wrongly
    assert (rightly["abstention_recall"], rightly["abstention_precision"]) == (1.0, 1.0)
    assert "f1" not in rightly
    assert scored(sample(None, "id 5"), output(answer="Oscar"))["abstention_recall"] == 0.0


def test_evidence_named_by_segment_is_read_where_one_of_its_events_is() -> None:
    one = sample("Oscar", evidence=["0007", "0008"])
    assert readers.evidence_read(one, output(read={"0007/2": "…"})) == 0.5
    assert readers.cited(one, output(cited=["0007/2"])) == 1.0


def test_nothing_read_has_no_evidence_to_count() -> None:
    assert readers.evidence_read(sample("Oscar"), output()) is None
