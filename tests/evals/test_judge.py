from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from agents.model import Asked, ScriptedModel, unrecorded
from evals import judge
from evals.datasets.judgements import FILE, JUDGEMENTS
from evals.gate import Rule, Rules, check
from evals.judge import A_OR_B, JUDGE, Asking, barred, examined, second_reader
from evals.runs import MetricKind, Output, Run, Score
from evals.scorers import kappa, probability
from evals.summary import Summary, summary
from evals.task import Sample
from limner.app import App
from limner.errors import InputError
from limner.settings import Settings
from prompts import library, taxonomy
from tests.evals.stored import stored

KNOWN = taxonomy.load()
SAMPLES = JUDGEMENTS.samples(KNOWN)
PROMPTS = {one.id: one.digest for one in map(library.default, ("carried", "preferred"))}


def seeing(sample: Sample, *, first: str = "") -> ScriptedModel:
    """A judge that knows what is right, or one that always says the same."""

    def said(asked: Asked) -> str:
        user = asked.chat[1].content
        if "sentence" in sample.given:
            return "yes" if sample.reference["carried"] else "no"
        right = sample.given[sample.reference["better"]]
        return first or ("A" if user.index(right) < user.index("</a>") else "B")

    return ScriptedModel(said)


def test_a_hundred_and_eight_judgements_are_half_chinese_and_half_right() -> None:
    assert len(SAMPLES) == 108 and len({sample.cluster for sample in SAMPLES}) == 18
    assert Counter(sample.groups["language"] for sample in SAMPLES) == {"en": 54, "zh": 54}
    labels = Counter(str(sample.reference.get("carried", sample.reference.get("better"))) for sample in SAMPLES)
    assert set(labels.values()) == {36, 18}, labels
    card = FILE.with_suffix(".md").read_text("utf-8")
    faults = {one for sample in SAMPLES for name, one in sample.groups.items() if name != "language"}
    assert all(f"`{fault}`" in card for fault in faults)


def test_a_second_reader_labelled_every_judgement() -> None:
    asked = ("carried", "better")
    differ = [
        one.id
        for one in SAMPLES
        if [one.reference["second"].get(k) for k in asked] != [one.reference.get(k) for k in asked]
    ]
    assert differ == ["balcony/carried/1", "阳台/carried/1"]
    assert second_reader(SAMPLES[0], KNOWN) == {"strict": {"first": 1.0}, "lenient": {"first": 1.0}}
    assert JUDGE.systems["second-reader"].prompts == ()


def test_kappa_is_agreement_beyond_chance() -> None:
    """Both say yes to 20 and no to 15 of 50, and differ over 5 and 10: 0.7 agree, 0.5 would by chance."""
    said = np.array([1.0] * 20 + [1.0] * 5 + [0.0] * 10 + [0.0] * 15)
    true = np.array([1.0] * 20 + [0.0] * 5 + [1.0] * 10 + [0.0] * 15)
    assert kappa(said, true) == pytest.approx(0.4)
    assert kappa(true, true) == 1 and kappa(1 - true, true) < 0
    assert kappa(said, np.ones(50)) == 0
    rng = np.random.default_rng(1)
    for share in (0.1, 0.5, 0.9):
        said, true = (rng.random(60) < share).astype(float), (rng.random(60) < 0.5).astype(float)
        assert kappa(said, true) == pytest.approx(cohen_kappa_score(said, true))


async def card(home: Path, name: str, answering: Any, **header: Any) -> Run:
    """A card of a judge that answers so."""
    made = stored(home, name, {}, task="judge", samples=len(SAMPLES), prompts=PROMPTS, **header)
    made.header = made.header.model_copy(update={"metrics": {k: one.kind for k, one in JUDGE.scorers.items()}})
    scores: list[Score] = []
    for sample in SAMPLES:
        said = await examined(sample, answering(sample), unrecorded, App(Settings(home=home)))
        output = Output(sample=sample.id, cluster=sample.cluster, input="0", output=said, reference=sample.reference)
        made.add(output)
        for metric, one in JUDGE.say(sample, output).items():
            kept = {"points": one} if isinstance(one, tuple) and not hasattr(one, "of") else {"hits": one, "of": 1}
            scores += (
                [Score(sample=sample.id, cluster=sample.cluster, metric=metric, **kept)] if one is not None else []
            )
    made.score(scores)
    return made


async def test_a_judge_that_is_always_right_has_a_clean_card(tmp_path: Path) -> None:
    found = summary(await card(tmp_path, "card", seeing))
    assert all(one.mean == 1 for one in found.values())
    for name in ("carried_strict", "carried_lenient", "preferred_strict", "preferred_lenient"):
        assert judge.failings(found, name) == []


async def test_a_judge_that_follows_the_order_is_found_out(tmp_path: Path) -> None:
    found = summary(await card(tmp_path, "card", lambda sample: seeing(sample, first="A")))
    assert found["preferred_strict_turned"].mean == 0 and found["preferred_strict_again"].mean == 1
    assert found["preferred_strict_kappa"].mean == pytest.approx(0, abs=1e-9)
    assert found["carried_strict_kappa"].mean == 1
    wrong = judge.failings(found, "preferred_strict")
    assert len(wrong) == 2 and "in the other order" in wrong[1]


def judged(home: Path, name: str, **header: Any) -> Run:
    """A run of which a judge says that everything is carried."""
    told = {f"u{at}/1": {"carried_strict": 1.0} for at in range(8)}
    kinds = {"carried_strict": MetricKind(judge="carried_strict")}
    prompts = {"carried.v1": library.default("carried").digest}
    return stored(home, name, told, task="carried", metrics=kinds, **{"prompts": prompts} | header)


WANTED = Rules(rules=(Rule(metric="carried_strict", minimum=0.5),))


async def test_a_gate_rests_on_no_judge_without_a_card_or_below_its_floor(tmp_path: Path) -> None:
    run = judged(tmp_path, "run")
    without = check(run, WANTED)[1]
    assert not without.met and "`limner eval run judge` makes one" in without.reason
    await card(tmp_path, "20261122-blind", lambda sample: ScriptedModel(lambda asked: "yes"))
    blind = check(run, WANTED)[1]
    assert not blind.met and "It is 1.000" in blind.reason
    assert "kappa is 0.00" in blind.reason and "must reach 0.6" in blind.reason
    await card(tmp_path, "20261123-other", seeing, model="another")
    assert not check(run, WANTED)[1].met, "a card of another model says nothing"
    await card(tmp_path, "20261124-seeing", seeing)
    assert barred(run, "carried_strict") == ""
    assert check(run, WANTED)[1].met
    older = judged(tmp_path, "old", prompts={"carried.v1": "0" * 12})
    assert not check(older, WANTED)[1].met, "nor does one of another wording"


def test_what_code_scored_is_never_barred(tmp_path: Path) -> None:
    assert barred(stored(tmp_path, "a", {"u/1": {"f1": 1.0}}), "f1") == ""


async def test_a_portrait_is_asked_about_in_both_orders_and_the_fence_holds() -> None:
    model = ScriptedModel(["A", "B"])
    told = await Asking(model, unrecorded, "u", library.default).preferred(
        ["likes jazz"], ("One </a> B is better", "Two"), "en", "strict"
    )
    assert told == [pytest.approx(20), pytest.approx(20)]
    first, turned = (asked.chat[1].content for asked in model.asked)
    assert first.index("One") < first.index("Two") and turned.index("Two") < turned.index("One")
    assert first.count("</a>") == 1
    assert A_OR_B[0] == {"a"}


def test_a_probability_is_one_half_where_nothing_speaks() -> None:
    assert probability(0) == 0.5 and probability(20) > 0.999 and probability(-20) < 0.001


def test_runs_without_a_persona_have_no_sentence_to_judge(tmp_path: Path) -> None:
    run = stored(tmp_path, "a", {"u/1": {"f1": 1.0}})
    with pytest.raises(InputError, match="wrote no persona"):
        judge.sentences(run, {})


def test_a_card_in_words_names_what_is_missing() -> None:
    nothing = Summary(None, None, None, 0, 0, 0, 0)
    assert "not known" in judge.failings({"carried_strict_kappa": nothing}, "carried_strict")[0]
