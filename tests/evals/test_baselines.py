from __future__ import annotations

from datetime import UTC, datetime

from agents.model import ScriptedModel
from evals import baselines
from evals.questions import SCORERS, ceiling
from evals.runs import Output
from evals.task import Sample
from limner.domain import Event, Profile
from prompts import library
from prompts.answers import NumberAnswer, SelectAnswer

USERS = {"u1": Profile.model_construct(user_id="ml:7"), "u2": Profile.model_construct(user_id="ml:9")}


def sample(want: str, gold: object) -> Sample:
    return Sample("q", {"wordings": [["own words", "Who likes noir?"]]}, {"want": want, "gold": gold})


def output(one: Sample, said: object) -> Output:
    return Output(sample="q", cluster="q", input="", output=said, reference=one.reference)


def event(number: int, *, user: str = "u") -> Event:
    return Event(
        event_id=f"e{number}",
        user_id=user,
        ts=datetime(2026, 1, number, tzinfo=UTC),
        source="s",
        kind="rating",
        text=f"rated film {number}",
        item={"genres": ["Noir", "Crime"]},
    )


async def test_users_are_those_whose_short_ids_are_named_and_known() -> None:
    one = sample("list", ["ml:7"])
    model = ScriptedModel([SelectAnswer(users=["u1", "u1", "u5"])])
    said = await baselines._answered(
        one, model, lambda call: None, library.default, lambda question: ["u1: likes noir"], USERS
    )
    assert said["wordings"][0]["users"] == ["ml:7"]
    assert SCORERS["set_f1_own_words"].score(one, output(one, said)) == (1.0, 1)
    assert "u1: likes noir" in model.asked[0].chat[1].content


async def test_a_number_is_the_models_own() -> None:
    one = sample("count", 3)
    model = ScriptedModel([NumberAnswer(number=3)])
    said = await baselines._answered(one, model, lambda call: None, library.default, lambda question: [], USERS)
    assert SCORERS["numbers_right"].score(one, output(one, said)) == (1.0, 1)
    assert said["wordings"][0]["seconds"] > 0


async def test_an_answer_out_of_shape_names_nobody() -> None:
    one = sample("list", ["ml:7"])
    model = ScriptedModel(["no JSON", "none either"])
    said = await baselines._answered(one, model, lambda call: None, library.default, lambda question: [], USERS)
    assert said["wordings"][0]["users"] == []
    assert SCORERS["set_f1_own_words"].score(one, output(one, said)) == (0.0, 1)


def test_who_writes_no_query_is_not_judged_by_it() -> None:
    one = sample("list", ["ml:7"])
    said = output(one, {"wordings": [{"form": "own words", "want": "list", "users": []}]})
    assert SCORERS["read_own_words"].score(one, said) is None
    assert ceiling(one, said) is None


def test_full_context_takes_everybodys_newest_event_before_anybodys_second() -> None:
    newest = {"u1": [event(3), event(2)], "u2": [event(1)]}
    assert [(name, one.event_id) for name, one in baselines._in_turn(newest)] == [
        ("u1", "e3"),
        ("u2", "e1"),
        ("u1", "e2"),
    ]


def test_full_context_ends_where_the_models_context_does() -> None:
    newest = {f"u{number}": [event(number % 28 + 1) for _ in range(100)] for number in range(1, 40)}
    model = ScriptedModel([])
    lines = baselines._fitting(newest, model)
    assert len(lines) == 39
    assert sum(map(model.count_tokens, lines)) <= baselines.CONTEXT * 1.05
    assert lines[0].startswith("u1: rated film 2 (Noir, Crime); rated film 2")
