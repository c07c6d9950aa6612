"""A model behind limner's seam as a LangChain chat model whose every turn is one call of a tool.

vLLM can parse tool calls itself, but only where it was started with a parser for that family of models; without
(`tool_choice` "required" included) it answers 400, and with one the small models write calls that the parser does not
find. So decoding is guided by a schema in which a turn is one tool with its arguments: every vLLM can do that, for
every model, and the turn comes through the seam, with its retries, repairs, ledger and plain errors.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, SkipValidation

from agents.model import Ledger, Message, Model, unrecorded
from agents.shape import Schema, answer_in
from prompts import library

MAX_TOKENS = 400


class ToolCaller(BaseChatModel):
    """See the module."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: SkipValidation[Model]
    prompt: SkipValidation[library.Prompt]
    ledger: Ledger = unrecorded
    user_id: str | None = None

    @property
    def _llm_type(self) -> str:
        return "limner"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Runnable[Any, AIMessage]:
        """The same model, with these tools to call; it always calls one."""
        return self.bind(tools=[convert_to_openai_tool(tool)["function"] for tool in tools])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("The seam is asynchronous: await ainvoke.")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        tools: Sequence[dict[str, Any]] = (),
        **kwargs: Any,
    ) -> ChatResult:
        answer = await self.model.answer(
            [_spoken(message) for message in messages],
            answer_in(turn(tools)),
            purpose=self.prompt.id,
            prompt_digest=self.prompt.digest,
            max_tokens=MAX_TOKENS,
            user_id=self.user_id,
            ledger=self.ledger,
        )
        called = answer.root
        call = ToolCall(name=called["tool"], args=called["arguments"], id=f"call-{len(messages)}")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content="", tool_calls=[call]))])


def turn(tools: Sequence[dict[str, Any]]) -> Schema:
    """The schema of one call of any of these tools."""
    parts: dict[str, Any] = {}
    calls = []
    for tool in tools:
        arguments = dict(tool["parameters"])
        parts |= arguments.pop("$defs", {})
        call = {"tool": {"const": tool["name"]}, "arguments": arguments | {"additionalProperties": False}}
        calls.append(
            {"type": "object", "properties": call, "required": ["tool", "arguments"], "additionalProperties": False}
        )
    return {"anyOf": calls} | ({"$defs": parts} if parts else {})


def described(tool: Any) -> str:
    """A tool in one line: its name, arguments and what it is for."""
    spoken = convert_to_openai_tool(tool)["function"]
    arguments = ", ".join(f'"{name}"' for name in spoken["parameters"].get("properties", {}))
    return f"{spoken['name']}({arguments}): {' '.join(spoken['description'].split())}"


def _spoken(message: BaseMessage) -> Message:
    """A message as a model of any family reads it; what a tool brings is fenced data."""
    if isinstance(message, SystemMessage):
        return Message("system", str(message.content))
    if isinstance(message, ToolMessage):
        return Message("user", f"<result>\n{library.as_data(str(message.content))}\n</result>")
    if isinstance(message, AIMessage):
        calls = [{"tool": call["name"], "arguments": call["args"]} for call in message.tool_calls]
        return Message("assistant", json.dumps(calls[0], ensure_ascii=False) if calls else str(message.content))
    return Message("user", str(message.content))
