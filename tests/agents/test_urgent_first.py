"""vLLM's steps with `limner/engine/urgent_first.py`: its real scheduler, without weights (`urgent_first_steps.py`)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from agents.server import URGENT_FIRST, vllm_python

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(300)]


def steps(model: Path, blocks: int) -> list[dict[str, int]]:
    """Tokens by request: three steps of a batch, then six with a question of 300 tokens."""
    ran = subprocess.run(
        [vllm_python(), Path(__file__).with_name("urgent_first_steps.py"), model, str(blocks)],
        env=os.environ | {"PYTHONPATH": str(URGENT_FIRST.parent), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    told: list[dict[str, int]] = json.loads(ran.stdout.splitlines()[-1])
    return told


def test_a_question_is_read_before_a_batch_goes_on(small_model: Path) -> None:
    assert steps(small_model, blocks=1_000)[2:] == [
        {"batch 0": 1, "batch 1": 127},
        {"question": 128},
        {"question": 128},
        {"question": 44},
        {"batch 0": 1, "batch 1": 17, "question": 1},
        {"batch 0": 1, "batch 1": 1, "question": 1},
        {"batch 0": 1, "batch 1": 1, "question": 1},
    ]


def test_a_batch_goes_on_where_there_is_no_room_for_the_question(small_model: Path) -> None:
    before, tried, *after = steps(small_model, blocks=31)[2:]
    assert before == {"batch 0": 1, "batch 1": 127} and not tried
    assert after == [{"batch 0": 1, "batch 1": 17}, *[{"batch 0": 1, "batch 1": 1}] * 4]
