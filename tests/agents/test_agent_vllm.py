"""The agent and streaming with a real model: the smallest, of which no quality is asked."""

from __future__ import annotations

import pytest

from agents.agent import about_one
from agents.ask import read
from agents.model import VllmModel
from agents.server import Server
from limner.domain import ModelCall
from prompts import library
from tests.agents.histories import TAXONOMY
from tests.agents.person import embed, somebody

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]


async def test_an_agent_with_a_real_model_calls_a_tool_and_ends(vllm_server: Server) -> None:
    model = VllmModel(vllm_server.url, vllm_server.name, tokenizer=vllm_server.folder)
    calls, stages = list[ModelCall](), list[str]()
    reply = await about_one(
        "What did Caroline make?",
        somebody(),
        evidence=lambda key: (),
        model=model,
        prompt=library.latest("converse"),
        embed=embed,
        taxonomy=TAXONOMY,
        ledger=calls.append,
        told=stages.append,
    )
    await model.aclose()
    assert len(stages) > 1, "it called a tool"
    assert stages[-1] == "checking"
    assert {call.purpose for call in calls} == {"converse.v1"}
    assert set(reply.citations) <= {f"d{number}" for number in range(1, 6)} | {f"p{number}" for number in range(1, 6)}


async def test_a_real_model_is_heard_as_it_writes(vllm_server: Server) -> None:
    model = VllmModel(vllm_server.url, vllm_server.name, tokenizer=vllm_server.folder)
    seen = list[tuple[tuple[str, ...], str]]()
    calls = list[ModelCall]()
    reply = await read(
        "What did Caroline make?",
        somebody(),
        model=model,
        prompt=library.default("answer"),
        embed=embed,
        ledger=calls.append,
        seen=lambda held, draft: seen.append((tuple(held), draft)),
    )
    await model.aclose()
    assert len(seen) > 3
    assert (calls[-1].outcome, calls[-1].tokens_out > 0) == ("ok", True)
    assert reply.scope == "user"
