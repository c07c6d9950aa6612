from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.model import Message, ScriptedModel
from evals.memory import Kept, evidence_recall, locomo, mean, stages
from evals.task import DATA
from limner.domain import ModelCall
from prompts.answers import UnaidedAnswer
from tests.agents.person import embed


def test_recall_asks_for_no_more_evidence_than_there_is_room_for() -> None:
    assert evidence_recall(["a", "b"], frozenset("ac")) == 0.5
    assert evidence_recall(["a", "b"], frozenset("abc"), k=2) == 1.0


def test_the_mean_of_nothing_is_no_number() -> None:
    assert np.isnan(mean([], []).mean)
    assert mean([1.0, 0.0], ["a", "b"])[:1] == (0.5,)


async def test_a_kept_answer_is_not_asked_for_twice(tmp_path: Path) -> None:
    asked, calls = [Message("user", "Who?")], list[ModelCall]()
    scripted = ScriptedModel([UnaidedAnswer(answer="Oscar")])
    for _ in range(2):
        model = Kept(scripted, tmp_path / "kept.jsonl")
        answer = await model.answer(
            asked, UnaidedAnswer, purpose="unaided.v1", prompt_digest="", max_tokens=9, ledger=calls.append
        )
        assert answer.answer == "Oscar"
    assert len(scripted.asked) == 1
    assert calls[0] == calls[1]


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not beside this folder")
def test_every_stage_of_words_finds_more_of_locomos_evidence() -> None:
    conversations, questions = locomo(DATA)

    class Letters:
        name, dimensions = "letters", 26
        embed = staticmethod(embed)

    found: dict[str, list[float]] = {}
    for name, events in conversations.items():
        ways = stages(events, Letters())
        for one in (one for one in questions if one.group == name and one.evidence):
            for stage in ("words as they come (BM25)", "+ stems, stop words", "+ neighbours"):
                found.setdefault(stage, []).append(evidence_recall(ways[stage](one.text), one.evidence))
    floor, stems, neighbours = (float(np.mean(scores)) for scores in found.values())
    assert floor == pytest.approx(0.55, abs=0.02)
    assert stems >= 0.6
    assert neighbours >= 0.68
