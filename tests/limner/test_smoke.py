from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from agents.server import Server
from tests.limner.terminal import SAMPLE, limner

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

USERS = ("nell", "rowan")
"""One with much to prove, one of whom nothing can be proven."""


@pytest.fixture
def real_home(vllm_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two users of the sample, and settings that point at a real vLLM."""
    home = tmp_path / "a real home"
    settings = {"LIMNER_HOME": home, "LIMNER_MODEL_URL": vllm_server.url, "LIMNER_MODEL": vllm_server.name}
    settings["LIMNER_NAMER"] = "model"
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    events = tmp_path / "events.jsonl"
    rows = SAMPLE.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(row for row in rows if orjson.loads(row)["user_id"] in USERS))
    assert limner("ingest", events).code == 0
    return home


def test_a_real_model_names_and_words_what_counting_proves(real_home: Path) -> None:
    ran = limner("run", "--json")
    summary = ran.json
    assert summary["users"]["done"] + summary["users"]["failed"] == len(USERS), ran
    assert set(summary["failures"]) <= {"AnswerError"}, ran  # the smallest model may lose its way twice
    assert summary["users"]["done"] >= 1
    assert summary["model_calls"] >= len(USERS)
    assert summary["tokens"]["in"] > 0 < summary["tokens"]["out"]
    failed = {letter["user_id"] for letter in summary["dead_letters"]}
    for user in {"nell"} - failed:
        profile = limner("profile", user, "--json").json
        assert {tag["status"] for tag in profile["tags"]} == {"verified"}
        assert all(tag["evidence"] for tag in profile["tags"])
        said = {key for sentence in profile["persona"]["sentences"] for key in sentence["tags"]}
        assert said <= {tag["key"] for tag in profile["tags"]}
    again = limner("run", "--users", ",".join(sorted(set(USERS) - failed)), "--json").json
    assert again["users"]["unchanged"] == len(set(USERS) - failed)
    assert again["model_calls"] == 0
