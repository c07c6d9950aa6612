"""Stored runs compared, gated and reported, as a person types it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import pytest

from limner import settings
from prompts import ledger, library, taxonomy
from tests.evals.stored import stored
from tests.faulty_server import Body, FaultyServer
from tests.limner.terminal import answer, limner

BETTER = {f"u{at}/1": {"f1": 1.0} for at in range(8)}
WORSE = {f"u{at}/1": {"f1": 0.0} for at in range(8)}


@pytest.fixture(autouse=True)
def runs(tmp_path: Path) -> None:
    stored(tmp_path / "home", "20261122-0615-aaaa", WORSE)
    stored(tmp_path / "home", "20261122-0702-bbbb", BETTER)
    (tmp_path / "gate.yaml").write_text("rules:\n  - {metric: f1, worse_by: 0, bound: best}\n", "utf-8")


def test_compare_tells_which_run_is_better() -> None:
    said = limner("eval", "compare", "20261122-0615", "20261122-0702")
    assert said.code == 0 and "better" in said.words and "8 samples paired" in said.words
    told = limner("eval", "compare", "20261122-0615", "20261122-0702", "--json").json
    assert (told["run"], told["against"]) == ("20261122-0702-bbbb", "20261122-0615-aaaa")
    f1 = told["metrics"]["f1"]
    assert {"mean", "low", "high", "n", "delta", "p", "mde", "verdict"} <= f1.keys()
    assert (f1["mean"], f1["delta"], f1["verdict"]) == (1.0, 1.0, "better")


def test_a_gate_passes_with_0_fails_with_1_and_cannot_be_used_wrongly_but_with_2(tmp_path: Path) -> None:
    passed = limner(
        "eval", "gate", "20261122-07", "--file", "gate.yaml", "--against", "20261122-06", "--junit", "g.xml"
    )
    assert passed.code == 0 and "✓ f1" in passed.out
    assert ElementTree.parse(tmp_path / "g.xml").getroot().attrib["failures"] == "0"
    failed = limner("eval", "gate", "20261122-06", "--file", "gate.yaml", "--against", "20261122-07", "--json")
    assert failed.code == 1 and failed.json["passed"] is False
    assert "from 1.000 to 0.000" in failed.json["rules"][1]["reason"]
    for wrong in (
        ("20261122-06", "--file", "gate.yaml"),
        ("nothing", "--file", "gate.yaml"),
        ("20261122-06", "--file", "missing.yaml"),
        ("20261122-06", "--file", "gate.yaml", "--against", "20261122-07", "--junit", "no/such/folder.xml"),
    ):
        said = limner("eval", "gate", *wrong)
        assert said.code == 2 and said.err.strip()


def test_a_report_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    told = limner("eval", "report", "20261122-07", "--against", "20261122-06", "--out", "run.html", "--json").json
    page = (tmp_path / "run.html").read_text("utf-8")
    assert told["bytes"] == len(page.encode()) and "Against run 20261122-0615-aaaa" in page
    assert limner("eval", "report", "20261122-07", "--out", "no/such/folder.html").code == 2


def approving(body: Body) -> str:
    """A judge that is for everything it is shown first."""
    asked = str(body["messages"][1]["content"])
    return "A" if "<b>" in asked else "yes" if "<sentence>" in asked else answer(body)


@pytest.mark.usefixtures("home")
def test_portraits_are_judged_and_no_gate_rests_on_a_blind_judge(tmp_path: Path, server: FaultyServer) -> None:
    server.answer = approving
    runs = [limner("eval", "run", "sample", "--limit", 2, "--json").json["run"] for _ in range(2)]
    said = limner("eval", "judge", runs[0], "--json")
    assert said.code == 0, said.err
    carried = said.json
    assert (carried["task"], carried["system"], carried["dataset_digest"]) == (
        "carried",
        "limner",
        limner("eval", "show", runs[0], "--json").json["dataset_digest"],
    )
    assert carried["metrics"]["carried_strict"]["mean"] == 1 and carried["prompts"].keys() == {"carried.v1"}
    told = limner("eval", "judge", runs[1], "--against", runs[0], "--json").json
    assert told["metrics"]["preferred_strict"]["mean"] == 0.5, "portraits that are equal are not asked about"
    (tmp_path / "judged.yaml").write_text("rules:\n  - {metric: carried_strict, minimum: 0.5, bound: mean}\n", "utf-8")
    gate = ("eval", "gate", carried["run"], "--file", "judged.yaml")
    assert "no card says how far it can be trusted" in limner(*gate).words
    card = limner("eval", "run", "judge", "--json")
    assert card.code == 0, card.err
    assert card.json["metrics"]["carried_strict_kappa"]["mean"] == 0
    assert card.json["metrics"]["preferred_strict_turned"]["mean"] == 0
    refused = limner(*gate)
    assert refused.code == 1 and "kappa is 0.00" in refused.words and "must reach 0.6" in refused.words


@pytest.fixture
def second_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Prompts of which `propose` has a second version, and an empty ledger."""
    room = tmp_path / "prompts"
    for name in {prompt.name for prompt in library.every()}:
        shutil.copytree(library.ROOM / name, room / name)
    text = (room / "propose" / "v1.yaml").read_text("utf-8").replace("Fewer is better", "Few are better")
    (room / "propose" / "v2.yaml").write_text(text, "utf-8")
    monkeypatch.setattr(library, "ROOM", room)
    monkeypatch.setattr(ledger, "FILE", room / "ledger.jsonl")
    library.load.cache_clear()
    library._versions.cache_clear()
    yield
    library.load.cache_clear()
    library._versions.cache_clear()


def in_use() -> list[str]:
    return [one["id"] for one in limner("prompts", "list", "--json").json if one["in_use"] and "propose" in one["id"]]


@pytest.mark.usefixtures("home", "second_version")
def test_a_prompt_is_promoted_by_runs_of_both_versions(tmp_path: Path) -> None:
    (tmp_path / "gate.yaml").write_text("rules:\n  - {metric: polarity_f1, worse_by: 0, bound: best}\n", "utf-8")
    assert in_use() == ["propose.v1"]
    asked = ("prompts", "promote", "propose.v2", "--file", "gate.yaml")
    assert "--task TASK" in limner(*asked).err
    said = limner(*asked, "--task", "sample", "--limit", 2, "--json")
    assert said.code == 0, said.err
    assert said.json["promoted"] and said.json["ledger"]["instead_of"] == "propose.v1"
    assert in_use() == ["propose.v2"]
    runs = {one["run"]: one["prompts"] for one in limner("eval", "list", "--json").json["runs"]}
    assert "propose.v2" in runs[said.json["ledger"]["run"]] and "propose.v1" in runs[said.json["ledger"]["against"]]
    assert "is in use already" in limner(*asked).err


@pytest.mark.usefixtures("second_version")
def test_a_prompt_that_misses_its_gate_is_refused_with_the_reason(tmp_path: Path) -> None:
    used, candidate = ({prompt: library.load(prompt).digest} for prompt in ("propose.v1", "propose.v2"))
    stored(tmp_path / "home", "used", BETTER, prompts=used)
    stored(tmp_path / "home", "candidate", WORSE, prompts=candidate)
    runs = ("--run", "candidate", "--against", "used")
    said = limner("prompts", "promote", "propose.v2", "--file", "gate.yaml", *runs)
    assert said.code == 1 and "✗ f1" in said.out and "propose.v1 stays in use" in said.out
    assert in_use() == ["propose.v1"] and not ledger.FILE.exists()


def test_a_model_is_promoted_in_its_home_and_used_where_none_is_set(tmp_path: Path) -> None:
    stored(tmp_path / "home", "used", WORSE, model="qwen2.5-coder-1.5b")
    stored(tmp_path / "home", "tried", BETTER, model="qwen2.5-coder-0.5b")
    runs = ("--file", "gate.yaml", "--run", "tried", "--against", "used")
    said = limner("model", "promote", "qwen2.5-coder-0.5b", *runs, "--json")
    assert said.code == 0, said.err
    assert said.json["ledger"]["effects"]["f1"]["delta"] == 1
    assert settings.read().model == "qwen2.5-coder-0.5b"
    assert "is in use already" in limner("model", "promote", "qwen2.5-coder-0.5b", *runs).err
    back = limner(
        "model", "promote", "qwen2.5-coder-1.5b", "--file", "gate.yaml", "--run", "used", "--against", "tried"
    )
    assert back.code == 1 and "qwen2.5-coder-0.5b stays in use" in back.words
    with patch.dict(os.environ, LIMNER_MODEL="mine"):
        assert settings.read().model == "mine", "a setting decides before the ledger"
        stored(tmp_path / "home", "mine", WORSE, model="mine")
        told = limner("model", "promote", "qwen2.5-coder-0.5b", *runs[:4], "--against", "mine")
        assert told.code == 0 and "LIMNER_MODEL or limner.toml names another" in told.words


def test_a_promoted_taxonomy_stays_as_it_was_measured(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: starter\nversion: mine.v1\n", "utf-8")
    used, tried = taxonomy.load(), taxonomy.load(mine)
    stored(tmp_path / "home", "used", WORSE, taxonomy=f"{used.version} {used.digest}")
    stored(tmp_path / "home", "tried", BETTER, taxonomy=f"{tried.version} {tried.digest}")
    said = limner(
        "taxonomy", "promote", "mine.yaml", "--file", "gate.yaml", "--run", "tried", "--against", "used", "--json"
    )
    assert said.code == 0, said.err
    assert said.json["promoted"] and said.json["ledger"]["kind"] == "taxonomy"
    mine.write_text("broken", "utf-8")
    known = settings.read().taxonomy
    assert known is not None and taxonomy.load(known).digest == tried.digest
