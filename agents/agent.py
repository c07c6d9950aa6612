"""A question of a conversation answered by an agent: the model looks things up with tools, one a turn, then answers.

What the direct path (`agents/ask.py`, `agents/survey.py`) decides by code, which lines bear on the question and which
query it means, is here the model's: it may search twice, count, then look at a tag, and it reads a follow-up with the
turns before it. Which path a question takes by default was measured: see the README.

What it cannot do is decided by the tools, not by the prompt. They read and never write. About one user they are bound
to that user: no argument names another. About all users there is only the question as `limner ask` takes it: typed
query, read-only connection, floor of five, audit. What they bring is redacted, fenced and short. The answer is held
against them by code: about one user every claim against the lines it names, as in `agents/ask.py`; about all users the
model only chooses among the answers it was given, which are served word for word. The number of turns and of calls of
a tool is limited; in the first turn it can only look something up, in the last only answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any

from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ModelRequest,
    ModelResponse,
    ToolCallLimitMiddleware,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import BaseTool, tool
from langsmith import tracing_context
from pydantic import BaseModel, StringConstraints

from agents import tally
from agents.ask import Line, Person, Told, fact, line_of, settled
from agents.chat import ToolCaller, described
from agents.digest import safe
from agents.follow import Turn
from agents.model import Ledger, Model, unrecorded
from agents.plan import language
from agents.recall import Embed
from agents.survey import Answered
from agents.terms import Vocabulary
from agents.when import asks_for_now, day, window
from limner.domain import Evidence, Language, Reply
from prompts import library
from prompts.answers import ChosenAnswer, FinalAnswer
from prompts.taxonomy import Taxonomy

TURNS = 6
"""Answers of the model to one question, at most."""
CALLS = 3
"""Of one tool, to one question, at most."""
FOUND = 8
"""Events that a search brings."""
MOST_TAGS, MOST_LINES = 20, 60
NAMES = 8
REMEMBERED = 4
"""Earlier questions of the conversation that the model reads."""

Words = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Id = Annotated[str, StringConstraints(pattern=r"^[et][1-9][0-9]?$")]

_SILENT = {
    "en": "None of the answers that were found answers this.",
    "zh": "找到的答案都没有回答这个问题。",
}


class Lines:
    """What tools have brought, by the short ids under which the model knows it."""

    def __init__(self) -> None:
        self.every: dict[str, Line] = {}

    def add(self, letter: str, line: Line) -> str:
        """The line as the model reads it, behind its id; the same line keeps its id."""
        name = next((name for name, known in self.every.items() if known == line), None)
        if name is None:
            if len(self.every) >= MOST_LINES:
                return ""
            name = f"{letter}{1 + sum(known[0] == letter for known in self.every)}"
            self.every[name] = line
        return f"{name} | {line.text}"


async def about_one(
    question: str,
    person: Person,
    *,
    evidence: Callable[[str], Sequence[Evidence]],
    model: Model,
    prompt: library.Prompt,
    embed: Embed,
    taxonomy: Taxonomy,
    earlier: Sequence[Turn] = (),
    zone: tzinfo = UTC,
    ledger: Ledger = unrecorded,
    told: Told = lambda stage: None,
) -> Reply:
    """The answer to a question about one user; every claim in it is held by the lines that it cites.

    Args:
        evidence: What a tag of this user rests on, by its key.
        earlier: The conversation so far, oldest first.

    Raises:
        ModelError: the server did not answer, or not in the promised shape.
    """
    lang = language(question)
    at = (person.memory.newest or datetime.now(UTC)).astimezone(zone)
    lines = Lines()
    tools = _about_one(person, lines, evidence, embed=embed, taxonomy=taxonomy, at=at, lang=lang, told=told)
    caller = ToolCaller(model=model, prompt=prompt, ledger=ledger, user_id=person.user_id)
    final = await _run(question, "user", tools, FinalAnswer, caller, earlier, now=day(at, lang), lang=lang)
    told("checking")
    claims = final.claims if isinstance(final, FinalAnswer) else []
    return settled(question, claims, lines.every, person, window(question, at), lang)


async def about_all(
    question: str,
    *,
    ask: Callable[[str], Awaitable[Answered]],
    vocabulary: Vocabulary,
    model: Model,
    prompt: library.Prompt,
    earlier: Sequence[Turn] = (),
    ledger: Ledger = unrecorded,
    told: Told = lambda stage: None,
) -> Answered:
    """The answer to a question about all users: one that `ask` gave to a question of the model's, word for word.

    Args:
        ask: `agents.survey.survey`, bound to a store and whoever asks.

    Raises:
        StoreError: the database cannot be read, or a query took too long.
        ModelError: the server did not answer, or not in the promised shape.
    """
    lang = language(question)
    given: dict[str, Answered] = {}
    tools = _about_all(given, ask, vocabulary, told=told)
    caller = ToolCaller(model=model, prompt=prompt, ledger=ledger)
    final = await _run(question, "population", tools, ChosenAnswer, caller, earlier, now="", lang=lang)
    chosen = [name for name in final.answers if name in given] if isinstance(final, ChosenAnswer) else []
    answers = [given[name] for name in dict.fromkeys(chosen) if not given[name].reply.abstained]
    if not answers:
        return Answered(Reply(question=question, scope="population", answer=_SILENT[lang], abstained=True), None)
    first, found = answers[0]
    words = "\n".join(reply.answer for reply, _ in answers)
    behind = "\n".join(reply.explanation for reply, _ in answers)
    return Answered(first.model_copy(update={"question": question, "answer": words, "explanation": behind}), found)


class _FirstAndLast(AgentMiddleware[Any, Any, Any]):
    """In its first turn the model can only look something up, in its last only answer."""

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        state: Mapping[str, Any] = request.state
        turn = state.get("run_model_call_count", 0)
        if turn == 0:
            request = request.override(response_format=None)
        return await handler(request.override(tools=[]) if turn >= TURNS - 1 else request)


async def _run(
    question: str,
    scope: str,
    tools: Sequence[BaseTool],
    final: type[BaseModel],
    caller: ToolCaller,
    earlier: Sequence[Turn],
    *,
    now: str,
    lang: Language,
) -> BaseModel | None:
    """What the agent answers in the end; None where it came to no answer within its turns."""
    said = [*map(described, tools), described(final)]
    rendered = caller.prompt.render(language=lang, scope=scope, tools=said, now=now, question=safe(question))
    limits: list[Any] = [
        ModelCallLimitMiddleware(run_limit=TURNS, exit_behavior="end"),
        *(ToolCallLimitMiddleware(tool_name=one.name, run_limit=CALLS) for one in tools),
        _FirstAndLast(),
    ]
    agent: Any = create_agent(
        caller,
        list(tools),
        system_prompt=rendered.system,
        middleware=limits,
        response_format=ToolStrategy(final),
    )
    talk: list[BaseMessage] = []
    for turn in earlier[-REMEMBERED:]:
        asked, answered = library.as_data(safe(turn.question)), library.as_data(turn.answer)
        talk += [HumanMessage(f"Question: {asked}"), AIMessage(answered)]
    with tracing_context(enabled=False):  # what users did goes to their own model and nowhere else
        state: Mapping[str, Any] = await agent.ainvoke(
            {"messages": [*talk, HumanMessage(rendered.user)]}, {"recursion_limit": 10 * TURNS}
        )
    answer = state.get("structured_response")
    return answer if isinstance(answer, final) else None


def _about_one(
    person: Person,
    lines: Lines,
    evidence: Callable[[str], Sequence[Evidence]],
    *,
    embed: Embed,
    taxonomy: Taxonomy,
    at: datetime,
    lang: Language,
    told: Told,
) -> list[BaseTool]:
    """Tools that know one user, and nobody else."""
    zone, memory = at.tzinfo or UTC, person.memory

    def of(ids: Sequence[str]) -> str:
        rows = {event_id: row for row, event_id in enumerate(memory.ids)}
        found = memory.events(rows[one] for one in ids if one in rows)
        return "\n".join(lines.add("e", line_of(event, lang, zone)) for event in found) or "nothing"

    @tool
    def profile() -> str:
        """What is proven about the person: tags, each with how many events it rests on."""
        told("reading the profile")
        said = [lines.add("t", fact(tag, lang)) for tag in person.tags[:MOST_TAGS]]
        return "\n".join(said) or "nothing is proven"

    @tool
    def evidence_of(line: Id) -> str:
        """The events that a tag rests on. line: the id of a line of the profile, such as t2."""
        named = lines.every.get(line)
        tag = next((tag for tag in person.tags if fact(tag, lang) == named), None)
        if tag is None:
            return "there is no such line in the profile"
        told(f"reading what {tag.label.en} rests on")
        return of([one.event_id for one in evidence(tag.key)[:FOUND]])

    @tool
    def find_events(words: Words) -> str:
        """Find what the person did or said, by words, meaning and time. words: what to look for."""
        told(f"finding events: {words[:60]}")
        hits = memory.recalled(words, FOUND, embed=embed, window=window(words, at), newest=asks_for_now(words))
        return of([memory.ids[row] for row in sorted(hit.row for hit in hits)])

    @tool
    def count(question: Words) -> str:
        """Count acts or sum up money, exactly. question: such as "how many films did they rate in 2025"."""
        told(f"counting: {question[:60]}")
        counted = tally.tally(question, memory, taxonomy, window(question, at), language(question))
        if counted is None:
            return "that cannot be counted; find_events may tell"
        return lines.add("t", Line(f"{counted.answer} ({counted.explanation})", counted.citations, ""))

    return [profile, evidence_of, find_events, count]


def _about_all(
    given: dict[str, Answered],
    ask: Callable[[str], Awaitable[Answered]],
    vocabulary: Vocabulary,
    *,
    told: Told,
) -> list[BaseTool]:
    """Tools that know all users, as far as anybody may."""

    @tool
    async def ask_all(question: Words) -> str:
        """Answer one whole question about all users, such as "How many users like jazz and dislike horror?"."""
        told(f"asking: {question[:80]}")
        answered = await ask(question)
        reply = answered.reply
        if reply.abstained:
            return f"no answer: {reply.answer} {reply.explanation}"
        name = f"a{len(given) + 1}"
        given[name] = answered
        return f"{name} | {reply.explanation}\n{reply.answer[:600]}"

    @tool
    def names(words: Words) -> str:
        """Names of tags that are known and come near some words."""
        told(f"looking for names: {words[:60]}")
        match = vocabulary.thing(words)
        known = [vocabulary.label(key) for key in match.keys] if match else []
        known += [vocabulary.label(near.key) for near in vocabulary.nearest(words, NAMES)]
        return "; ".join(dict.fromkeys(f"{label.en} {label.zh}" for label in known[:NAMES])) or "none"

    return [ask_all, names]
