"""Questions about one person, answered in words: the tasks `locomo*` and `personabench-questions`.

- **limner**: as `limner ask` answers: code where it can, else the model over a few lines, every claim held to them.
- **open**: the same, withholding nothing: neither what somebody else seems to have said, nor what the model doubts.
- **agent**: the model looks things up by itself (`agents/agent.py`).
- **code**: what code answers or withholds alone; what it leaves to a model counts as not answered.
- **plain-rag**: the model reads the ten events that are best by BM25 over stems, as they come, unchecked.
- **full-context**: the newest events, as many as `CONTEXT` tokens hold.
- **no-memory**: nothing is read.

Each output keeps the lines that were read and the events that are cited. Seconds are those of one question with others
under way, as `--concurrency` says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from agents.ask import LEAST_SURE, MOST_CHARACTERS, Person, read, shown, without_a_model
from agents.dating import dating
from agents.digest import safe
from agents.model import AnswerT, Judge, Ledger
from agents.recall import Embed
from agents.when import day, window
from evals import answers
from evals.datasets.people import Histories
from evals.portraits import LESS
from evals.retrieval import ANSWERED, embedding, nearest, of, remembered
from evals.runs import MetricKind, Output
from evals.systems import Timed, answer, asking, counting
from evals.task import Bench, Sample, Scorer, System, tokens
from limner.app import App
from limner.domain import Event, Language, Reply
from limner.errors import AnswerError
from prompts.answers import UnaidedAnswer

CONTEXT = 3_000
"""Tokens of the history that the full-context baseline reads, the newest first: what a context of 4,096 leaves."""
MAX_TOKENS = 120

_UNSAID = re.compile(r"not mentioned|no information|does not say|not say|unknown", re.IGNORECASE)


class Asked(NamedTuple):
    """A question with all that a way of answering may use."""

    question: str
    person: Person
    events: Sequence[Event]
    """The person's whole history."""
    model: Judge
    ledger: Ledger
    app: App
    embed: Embed
    choices: Mapping[str, str]
    """Letters and what they stand for, where answers are offered."""

    @property
    def nearest(self) -> list[Event]:
        """What plain retrieval reads: the ten best by BM25, oldest first."""
        return nearest(self.question, self.person.memory)

    @property
    def newest(self) -> list[Event]:
        """The newest events, as many as the full-context baseline reads."""
        used, kept = 0, list[Event]()
        for event in reversed(self.events):
            used += self.model.count_tokens(plain_line(event)) + 1
            if used > CONTEXT:
                break
            kept.append(event)
        return kept[::-1]

    async def answer(self, name: str, schema: type[AnswerT], **inputs: Any) -> AnswerT:
        """The model's answer to a prompt."""
        user_id = self.person.user_id
        return await answer(self.model, self.ledger, self.app.prompt(name), schema, MAX_TOKENS, user_id, **inputs)

    def recalled(self, lang: Language) -> dict[str, str]:
        """The lines that limner has the model read, by the ids of their events."""
        at = self.person.memory.newest or datetime.now(UTC)
        lines = shown(
            self.question,
            self.person,
            embed=self.embed,
            asked=window(self.question, at),
            at=at,
            lang=lang,
            count_tokens=self.model.count_tokens,
        )
        return {line.event_ids[0]: line.text for line in lines.values()}


Way = Callable[[Asked], Awaitable[dict[str, Any]]]
"""What is made of a question, as JSON."""


def plain_line(event: Event) -> str:
    """An event as a baseline has it read."""
    speaker = event.meta.get("speaker") or event.kind
    return f"{day(event.ts, 'en') if event.ts else '?'} {speaker}: {safe(event.text[:MOST_CHARACTERS])}"


def plainly(events: Iterable[Event]) -> dict[str, str]:
    return {event.event_id: plain_line(event) for event in events}


def reading(histories: Callable[[], Histories], way: Way, *prompts: str) -> System:
    """A model asked each question about the histories of a set."""

    def solve(bench: Bench) -> str:
        every = histories()
        people = {name: Person(name, remembered(every[name])) for name in {_history(one) for one in bench.left}}
        embed = embedding(bench)

        async def ask(sample: Sample, model: Judge, ledger: Ledger, app: App) -> dict[str, Any]:
            assert isinstance(sample.given, Mapping)
            name, timed = _history(sample), Timed(ledger)
            asked = Asked(
                sample.given["question"],
                people[name],
                every[name],
                model,
                timed,
                app,
                embed,
                sample.given.get("choices", {}),
            )
            return await way(asked) | {"seconds": timed.seconds}

        return asking(ask).solve(bench)

    return System(solve, prompts)


def _history(sample: Sample) -> str:
    assert isinstance(sample.given, Mapping)
    return str(sample.given["history"])


def systems(histories: Callable[[], Histories]) -> Mapping[str, System]:
    """The ways to answer the questions of a set in English."""
    every = cache(histories)
    person = cache(lambda name: Person(name, remembered(every()[name])))

    def code(sample: Sample, known: Any) -> dict[str, Any]:
        assert isinstance(sample.given, Mapping)
        reply = without_a_model(sample.given["question"], person(_history(sample)), taxonomy=known)
        return _told(reply, {}) if reply is not None else {"answer": "", "abstained": False, "read": {}, "cited": []}

    return {
        "limner": reading(every, _limner, "answer"),
        "open": reading(every, _open, "answer"),
        "agent": reading(every, _agent, "converse"),
        "code": counting(code),
        "plain-rag": reading(every, lambda asked: _unaided(asked, plainly(asked.nearest)), "unaided"),
        "full-context": reading(every, lambda asked: _unaided(asked, plainly(asked.newest)), "unaided"),
        "no-memory": reading(every, lambda asked: _unaided(asked, {}), "unaided"),
    }


async def _limner(asked: Asked) -> dict[str, Any]:
    reply = without_a_model(asked.question, asked.person, taxonomy=asked.app.taxonomy)
    return _told(reply, {}) if reply is not None else await _read(asked, LEAST_SURE)


async def _open(asked: Asked) -> dict[str, Any]:
    reply = without_a_model(asked.question, asked.person, taxonomy=asked.app.taxonomy)
    if reply is not None and reply.abstained:
        reply = dating(asked.question, asked.person.memory, "en")
    return _told(reply, {}) if reply is not None else await _read(asked, -math.inf)


async def _read(asked: Asked, least_sure: float) -> dict[str, Any]:
    lines = asked.recalled("en")
    try:
        reply = await read(
            asked.question,
            asked.person,
            model=asked.model,
            prompt=asked.app.prompt("answer"),
            embed=asked.embed,
            ledger=asked.ledger,
            least_sure=least_sure,
        )
    except AnswerError as error:
        return _unreadable(error, lines)
    return _told(reply, lines)


async def _agent(asked: Asked) -> dict[str, Any]:
    from agents import agent  # LangChain takes a second, which the other systems should not

    try:
        reply = await agent.about_one(
            asked.question,
            asked.person,
            evidence=lambda key: (),
            model=asked.model,
            prompt=asked.app.prompt("converse"),
            embed=asked.embed,
            taxonomy=asked.app.taxonomy,
            ledger=asked.ledger,
        )
    except AnswerError as error:
        return _unreadable(error, {})
    return _told(reply, {})


async def _unaided(asked: Asked, lines: Mapping[str, str]) -> dict[str, Any]:
    """What the model answers from these lines as they come."""
    try:
        said = await asked.answer("unaided", UnaidedAnswer, lines=list(lines.values()), question=asked.question)
    except AnswerError as error:
        return _unreadable(error, lines)
    unsaid = bool(_UNSAID.search(said.answer)) or not said.answer.strip()
    return {"answer": said.answer, "abstained": unsaid, "read": dict(lines), "cited": []}


def _told(reply: Reply, lines: Mapping[str, str]) -> dict[str, Any]:
    answer = "" if reply.abstained else reply.answer
    return {"answer": answer, "abstained": reply.abstained, "read": dict(lines), "cited": list(reply.citations)} | (
        {"why": reply.explanation} if reply.explanation else {}
    )


def _unreadable(error: AnswerError, lines: Mapping[str, str]) -> dict[str, Any]:
    """An answer that cannot be read is none."""
    return {"answer": "", "abstained": True, "read": dict(lines), "cited": [], "why": str(error)}


# --- the scorers ---


def _overlap(sample: Sample, answer: str) -> float | None:
    return answers.token_f1(answer, [sample.reference["answer"]])


def _locomo_overlap(sample: Sample, answer: str) -> float | None:
    category = int(sample.groups["category"].removeprefix("id "))
    return answers.locomo_f1(answer.replace("; ", ", "), sample.reference["answer"], category)


def _exact(sample: Sample, answer: str) -> float | None:
    return answers.exact_match(answer, [sample.reference["answer"]])


def _right(judge: Callable[[Sample, str], float | None]) -> Callable[[Sample, Output], float | None]:
    """A judgement of the answer to what can be answered; who abstains has 0."""

    def score(sample: Sample, output: Output) -> float | None:
        if sample.reference["answer"] is None:
            return None
        return 0.0 if output.output["abstained"] else judge(sample, output.output["answer"])

    return score


def _of_answers(judge: Callable[[Sample, str], float | None]) -> Callable[[Sample, Output], float | None]:
    """The same of what was answered only."""
    return lambda sample, output: _right(judge)(sample, output) if output.output["answer"] else None


def abstention_recall(sample: Sample, output: Output) -> float | None:
    """Of the questions without an answer, those abstained from; see `evals.answers.abstention`."""
    return float(output.output["abstained"]) if sample.reference["answer"] is None else None


def abstention_precision(sample: Sample, output: Output) -> float | None:
    """Of the questions abstained from, those without an answer."""
    return float(sample.reference["answer"] is None) if output.output["abstained"] else None


def withheld(sample: Sample, output: Output) -> float | None:
    """Of the questions with an answer, those abstained from."""
    return float(output.output["abstained"]) if sample.reference["answer"] is not None else None


def evidence_read(sample: Sample, output: Output) -> float | None:
    """Of the evidence, what stands in the lines that the model read; None where it read none."""
    lines, evidence = output.output["read"], sample.reference["evidence"]
    named = {*lines, *(one.rpartition("/")[0] for one in lines)}  # PersonaBench names segments
    return len(named & evidence.keys()) / len(evidence) if lines and evidence else None


def cited(sample: Sample, output: Output) -> float | None:
    """Whether a cited event is evidence; None where nothing is cited, or nothing is evidence."""
    events = set(output.output["cited"])
    named = events | {one.rpartition("/")[0] for one in events}
    evidence = sample.reference["evidence"]
    return float(bool(named & evidence.keys())) if events and evidence else None


def seconds(sample: Sample, output: Output) -> float | None:
    told: float | None = output.output.get("seconds")
    return told


COST: Mapping[str, Scorer] = {
    "evidence_read": Scorer(evidence_read),
    "tokens": Scorer(tokens, MetricKind(better="lower", unit="tokens")),
    "seconds": Scorer(seconds, MetricKind(better="lower", unit="seconds")),
}


def _scorers(overlap: Callable[[Sample, str], float | None]) -> Mapping[str, Scorer]:
    return {
        "f1": Scorer(_right(overlap)),
        "exact_match": Scorer(_right(_exact)),
        "f1_of_answers": Scorer(_of_answers(overlap)),
        "withheld": Scorer(withheld, LESS),
        "cited": Scorer(cited),
        **COST,
    }


LOCOMO: Mapping[str, Scorer] = {
    **_scorers(_locomo_overlap),
    "abstention_recall": Scorer(abstention_recall),
    "abstention_precision": Scorer(abstention_precision),
    **{f"f1_{one.replace(' ', '_')}": Scorer(of([one], _right(_locomo_overlap))) for one in ANSWERED},
}
PERSONABENCH = _scorers(_overlap)
"""All of its questions have an answer."""
