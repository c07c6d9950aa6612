from __future__ import annotations

from pathlib import Path

import pytest

from agents.model import Message, Reply, ScriptedModel, Weighed
from evals.kept import remembering
from limner.domain import ModelCall
from prompts.answers import UnaidedAnswer


class Sure(ScriptedModel):
    """Tells how sure it is, where it is asked."""

    async def _attempt(self, *asked: object, **options: object) -> Reply:
        reply = await super()._attempt(*asked, **options)  # type: ignore[arg-type]
        return reply._replace(logprob=-0.25 if True in asked else None)


async def ask(home: Path, model: ScriptedModel, weighed: Weighed | None) -> list[ModelCall]:
    calls: list[ModelCall] = []
    with remembering(home, "run", "sure@1") as front:
        await front(model).answer(
            [Message("user", "Who?")],
            UnaidedAnswer,
            purpose="unaided.v1",
            prompt_digest="",
            max_tokens=9,
            ledger=calls.append,
            weighed=weighed,
        )
    return calls


async def test_how_sure_an_answer_was_is_kept_with_it(tmp_path: Path) -> None:
    model, told = Sure([UnaidedAnswer(answer="Oscar")] * 2), list[float]()
    await ask(tmp_path, model, None)
    for outcome in ("ok", "kept", "kept"):
        (call,) = await ask(tmp_path, model, told.append)
        assert call.outcome == outcome and call.logprob == pytest.approx(-0.25)
    assert told == [-0.25] * 3
    assert len(model.asked) == 2  # the first answer was given to somebody who did not want to know
