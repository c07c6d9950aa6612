"""Scores of how well texts speak of things, worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.model import ScriptedModel
from evals.datasets import feelings
from evals.runs import Output
from evals.scorers import macro_f1
from evals.task import Sample
from limner.app import App
from limner.domain import ModelCall
from limner.settings import Settings
from prompts import taxonomy

KNOWN = taxonomy.load()


def scored(label: str, feeling: float) -> dict[str, object]:
    sample = Sample("1", {"text": "…"}, label)
    output = Output(sample="1", cluster="1", input="0" * 16, output={"feeling": feeling})
    return {name: scorer.score(sample, output) for name, scorer in feelings.SCORERS.items()}


def test_a_feeling_is_scored_by_its_sign_and_its_order() -> None:
    assert scored("positive", 0.3) == {
        "area_under_curve": ((0.3, 1.0),),
        "accuracy": True,
        "macro_f1": ((1.0, 1.0),),
        "praise_right": True,
        "blame_right": None,
    }
    assert scored("neutral", -0.3) == {
        "area_under_curve": None,
        "accuracy": False,
        "macro_f1": ((-1.0, 0.0),),
        "praise_right": None,
        "blame_right": False,
    }
    assert scored("neutral", 0.04)["accuracy"] is True


def test_the_mean_of_the_classes_f1() -> None:
    said, true = np.array([1.0, 1, -1, 0]), np.array([1.0, -1, -1, 0])
    # 1: 2·1/(2+1) = 2/3; -1: 2·1/(1+2) = 2/3; 0: 2·1/(1+1) = 1
    assert macro_f1(said, true) == pytest.approx(7 / 9)


def test_the_bundled_people_tell_good_from_bad_better_than_chance() -> None:
    samples = feelings.SAMPLE.samples(KNOWN)
    assert len({sample.id for sample in samples}) == len(samples) > 200
    assert {sample.groups["language"] for sample in samples} == {"en", "zh"}
    praised = [feelings.limner(one, KNOWN)["feeling"] for one in samples if one.reference == "positive"]
    blamed = [feelings.limner(one, KNOWN)["feeling"] for one in samples if one.reference == "negative"]
    assert np.mean(praised) > np.mean(blamed) + 0.05


@pytest.mark.parametrize("name", ["limner", "patterns", "vader", "positive", "negative"])
def test_every_system_that_asks_no_model_answers_a_text(name: str) -> None:
    says = getattr(feelings, name)
    assert -1 <= says(Sample("1", {"text": "I really like this wonderful lamp"}), KNOWN)["feeling"] <= 1


async def test_what_the_model_is_asked_of_a_text_is_paid_by_its_sample(tmp_path: Path) -> None:
    calls: list[ModelCall] = []
    sample, app = Sample("1", {"text": "a fine lamp"}, "positive"), App(Settings(home=tmp_path))
    assert (await feelings.model(sample, ScriptedModel(["no"]), calls.append, app))["feeling"] < -0.9
    assert [(call.purpose, call.user_id, call.tokens_in > 0) for call in calls] == [("feeling.v1", "1", True)]
