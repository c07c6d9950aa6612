from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evals.gate import Rule, Rules
from evals.promotion import Side
from evals.promotion import hearing as heard
from evals.runs import Run
from limner.errors import InputError
from prompts import library
from tests.evals.stored import stored

NO_WORSE = Rules(rules=(Rule(metric="f1", worse_by=0, bound="best"),))
USED = library.default("propose")
PERSONA = library.default("persona").digest


def side(prompt: library.Prompt) -> Side:
    return Side("prompt", prompt.id, prompt.id, prompt.digest)


def hearing(candidate: library.Prompt, run: Run, against: Run, asked: Rules) -> Any:
    return heard(side(candidate), side(USED), run, against, asked)


@pytest.fixture
def candidate(tmp_path: Path) -> library.Prompt:
    """A second version that is not in use."""
    text = (library.ROOM / "propose" / "v1.yaml").read_text("utf-8").replace("Fewer is better", "Few are better")
    (tmp_path / "v2.yaml").write_text(text, "utf-8")
    return library.parse(tmp_path / "v2.yaml", name="propose", version=2)


def run(home: Path, name: str, prompt: library.Prompt, score: float, **header: Any) -> Run:
    prompts: Mapping[str, str] = {prompt.id: prompt.digest, "persona.v1": PERSONA}
    told = {f"u{at}/1": {"f1": score} for at in range(8)}
    return stored(home, name, told, **{"prompts": prompts} | header)


def test_a_prompt_that_is_better_is_heard_with_its_effect(tmp_path: Path, candidate: library.Prompt) -> None:
    held = hearing(candidate, run(tmp_path, "b", candidate, 1), run(tmp_path, "a", USED, 0), NO_WORSE)
    assert held.passed
    entry = held.promotion
    assert (entry.name, entry.digest, entry.instead_of) == ("propose.v2", candidate.digest, "propose.v1")
    assert (entry.run, entry.against, entry.task) == ("b", "a", "films.v1")
    effect = entry.effects["f1"]
    assert (effect.delta, effect.verdict, effect.samples, effect.users) == (1, "better", 8, 8)
    assert any("from 0.000 to 1.000" in seen for seen in entry.gate.values())


def test_a_prompt_that_is_worse_does_not_pass(tmp_path: Path, candidate: library.Prompt) -> None:
    assert not hearing(candidate, run(tmp_path, "b", candidate, 0), run(tmp_path, "a", USED, 1), NO_WORSE).passed


def test_two_runs_must_differ_in_the_prompt_alone(tmp_path: Path, candidate: library.Prompt) -> None:
    before = run(tmp_path, "a", USED, 0)
    for name, changed in (
        ("model", {"model": "another"}),
        ("taxonomy", {"taxonomy": "2"}),
        ("system", {"system": "plain"}),
        ("limit", {"settings": {"limit": 5}}),
        ("persona.v2", {"prompts": {candidate.id: candidate.digest, "persona.v2": "0"}}),
    ):
        after = run(tmp_path, f"b{name}", candidate, 1, **changed)
        with pytest.raises(InputError, match=f"differ in more than propose: .*{name}"):
            hearing(candidate, after, before, NO_WORSE)


def test_a_run_that_did_not_use_the_prompt_is_refused(tmp_path: Path, candidate: library.Prompt) -> None:
    before, after = run(tmp_path, "a", USED, 0), run(tmp_path, "b", candidate, 1)
    with pytest.raises(InputError, match=r"Run a used propose.v1, persona.v1, not propose.v2"):
        hearing(candidate, before, after, NO_WORSE)
    other = run(tmp_path, "c", candidate, 1, prompts={candidate.id: "0" * 12, "persona.v1": PERSONA})
    with pytest.raises(InputError, match=r"propose.v2 was changed after run c"):
        hearing(candidate, other, before, NO_WORSE)


def test_a_gate_that_compares_nothing_promotes_nothing(tmp_path: Path, candidate: library.Prompt) -> None:
    rules = Rules(rules=(Rule(metric="f1", minimum=0),))
    with pytest.raises(InputError, match=r"would not be held against propose.v1"):
        hearing(candidate, run(tmp_path, "b", candidate, 1), run(tmp_path, "a", USED, 0), rules)


def test_what_is_in_use_cannot_be_promoted(tmp_path: Path) -> None:
    before = run(tmp_path, "a", USED, 0)
    with pytest.raises(InputError, match=r"propose.v1 is in use already"):
        hearing(USED, before, before, NO_WORSE)


@pytest.mark.parametrize("kind", ["model", "taxonomy"])
def test_a_model_or_taxonomy_is_heard_in_runs_that_differ_in_it_alone(tmp_path: Path, kind: Any) -> None:
    told = {name: {f"u{at}/1": {"f1": score} for at in range(8)} for name, score in (("a", 0.0), ("b", 1.0))}
    used, tried = Side(kind, "old", "old 1"), Side(kind, "new", "new 1")
    before = stored(tmp_path, "a", told["a"], **{kind: "old 1"})
    after = stored(tmp_path, "b", told["b"], **{kind: "new 1"})
    held = heard(tried, used, after, before, NO_WORSE)
    assert held.passed
    assert (held.promotion.kind, held.promotion.name, held.promotion.instead_of) == (kind, "new", "old")
    assert not heard(used, tried, before, after, NO_WORSE).passed
    with pytest.raises(InputError, match="Run a used old 1, not new 1"):
        heard(tried, used, before, before, NO_WORSE)
    more = stored(tmp_path, "c", told["b"], **{kind: "new 1", "settings": {"limit": 5}})
    with pytest.raises(InputError, match=f"differ in more than {kind}: limit"):
        heard(tried, used, more, before, NO_WORSE)
    with pytest.raises(InputError, match="is in use already"):
        heard(used, used, before, before, NO_WORSE)
