"""The door for questions: `limner ask`.

While a model writes, a claim is shown as soon as its lines are seen to hold it, marked ✓; the words of the next one
are shown dim while they come, on a terminal only. Both are gone when the answer is there: what is printed is the answer
that was checked whole.

The agent is imported where it is first needed: LangChain takes a second, which a counted answer should not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from agents import ask as about
from agents.follow import Before, Turn, carried
from agents.model import BATCH, Model, VllmModel
from agents.pace import Pace
from agents.plan import Plan, language
from agents.remember import Remembering
from agents.shape import Schema, shaped
from agents.survey import Answered, reading, survey
from agents.terms import Vocabulary
from agents.understand import understand
from limner import show
from limner.app import App, Stage
from limner.domain import Reply, Value
from limner.errors import InputError, LimnerError, ServerDied, Unreachable
from limner.query import Query

AT_ONCE = 64
"""Questions of a batch that are under way, at most; how many are with the server is the pace's."""


class Unanswered(Value):
    """A question of a batch that could not be answered."""

    question: str
    error: str
    """The kind of error."""
    message: str


class Asking:
    """Questions to one database, one after the other; parts are opened when first needed and kept to the end.

    Args:
        conversing: Let a question lean on the one before.
        with_agent: Have an agent look things up and answer, in place of the direct path.
        with_model: Let the model settle clauses that are in doubt. A server is started for it where none is running.
    """

    def __init__(
        self,
        app: App,
        author: str,
        told: Stage,
        *,
        conversing: bool = False,
        with_agent: bool = False,
        with_model: bool = False,
    ) -> None:
        self._app, self._author, self._told = app, author, told
        self._conversing, self._with_agent = conversing, with_agent
        self._query: Query | None = None
        self._before: Before | None = None
        self._turns: list[Turn] = []
        self._with_model = with_model
        self._model: VllmModel | None = None
        self._pace: Pace | None = None
        self._known: dict[str, str] = {}
        self._people: dict[str, about.Person] = {}
        self._open = ExitStack()
        self._loop = self._open.enter_context(asyncio.Runner())

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return self._app.vocabulary(self._told)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def ask(
        self,
        question: str,
        *,
        user: str | None,
        explain: bool = False,
        schema: Schema | None = None,
        seen: about.Seen | None = None,
    ) -> Answered:
        """The answer to one question, about one user or about all.

        Args:
            schema: JSON schema in which the answer is wanted as well.
            seen: Told of claims as they are written and checked.

        Raises:
            StoreError: the user is not known, or the database cannot be read.
            InputError: the model server does not take the schema.
            ModelError: a model has to read, and does not answer.
        """
        return self._loop.run(self._answered(question, user, explain, schema, seen))

    async def _answered(
        self, question: str, user: str | None, explain: bool, schema: Schema | None, seen: about.Seen | None
    ) -> Answered:
        if user is not None:
            answered = Answered(await self._about(question, user, seen), None)
        else:
            self._told("reading the question", 0, 0, "")
            answered = await self._about_all(question, explain)
        if self._conversing:
            self._turns.append(Turn(question, answered.reply.answer))
        if schema is None or answered.reply.abstained:
            return answered
        self._told("putting it into the schema", 0, 0, "")
        reply = await shaped(answered.reply, schema, model=self._opened(), prompt=self._app.prompt("shape"))
        return answered._replace(reply=reply)

    async def _about_all(self, question: str, explain: bool) -> Answered:
        def surveyed(asked: str, before: Query | None = None) -> Coroutine[Any, Any, Answered]:
            return survey(
                asked,
                vocabulary=self.vocabulary,
                store=self._app.people,
                author=self._author,
                understand=self._understand if self._with_model else None,
                before=before,
                explain=explain,
            )

        if self._with_agent:
            from agents import agent

            began, outcome = time.monotonic(), "failed"
            try:
                answered = await agent.about_all(
                    question,
                    ask=surveyed,
                    vocabulary=self.vocabulary,
                    model=self._opened(),
                    prompt=self._app.prompt("converse"),
                    earlier=self._turns,
                    told=self._stage,
                )
                outcome = "abstained" if answered.reply.abstained else "answered"
                return answered
            finally:  # beside the entries of whatever the agent asked
                self._app.people.record(
                    author=self._author,
                    scope="population",
                    question=question,
                    asked={"agent": True},
                    rows=0,
                    seconds=time.monotonic() - began,
                    outcome=outcome,
                )
        answered = await surveyed(question, self._query)
        if self._conversing and answered.reply.query is not None:
            self._query = Query.model_validate(answered.reply.query)
        return answered

    def _stage(self, stage: str) -> None:
        self._told(stage, 0, 0, "")

    def every(
        self,
        asked: Sequence[str],
        *,
        user: str | None,
        schema: Schema | None,
        put: Callable[[Reply | Unanswered], None],
    ) -> int:
        """Many questions, as many at once as the server keeps up with; how many of them failed.

        Args:
            put: Given each answer, or why there is none, in the order of the questions.

        Raises:
            Unreachable: the model server is gone, so that the rest would fail alike.
            ServerDied: likewise.
        """
        return self._loop.run(self._every(asked, user, schema, put))

    async def _every(
        self, asked: Sequence[str], user: str | None, schema: Schema | None, put: Callable[[Reply | Unanswered], None]
    ) -> int:
        left, early, failed, due = iter(enumerate(asked)), dict[int, Reply | Unanswered](), 0, 0

        async def work() -> None:
            nonlocal failed, due
            for number, question in left:
                try:
                    early[number] = (await self._answered(question, user, False, schema, None)).reply
                except (Unreachable, ServerDied):
                    raise
                except LimnerError as error:
                    failed += 1
                    early[number] = Unanswered(question=question, error=type(error).__name__, message=str(error))
                while due in early:
                    put(early.pop(due))
                    due += 1

        async with Pace(lambda: self._model.url if self._model is not None else "http://127.0.0.1:9") as self._pace:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(AT_ONCE):
                        group.create_task(work())
            except* (Unreachable, ServerDied) as gone:
                raise gone.exceptions[0] from None
        return failed

    def remember(self, question: str, answer: str) -> None:
        """A question that was answered elsewhere, as a turn of this conversation."""
        self._turns.append(Turn(question, answer))

    def read(self, question: str) -> Plan:
        """A question about all users as a query, not run.

        Raises:
            Unread: it cannot be read.
        """
        return self._loop.run(reading(question, self.vocabulary, self._understand if self._with_model else None))

    async def _about(self, question: str, user: str, seen: about.Seen | None) -> Reply:
        """The answer to a question about one user, kept in the audit; a model is opened only where one has to read."""
        app, began, outcome, rows = self._app, time.monotonic(), "failed", 0
        try:
            if user not in self._people:
                self._people[user] = about.person(user, app.events, app.profiles)
            person = self._people[user]
            self._told("reading the question", 0, 0, "")
            reply = await self._told_of(question, person, seen)
            outcome, rows = "abstained" if reply.abstained else "answered", len(reply.citations)
            return reply
        finally:
            app.people.record(
                author=self._author,
                scope="user",
                question=question,
                asked={"user": user},
                rows=rows,
                seconds=time.monotonic() - began,
                outcome=outcome,
            )

    async def _told_of(self, question: str, person: about.Person, seen: about.Seen | None) -> Reply:
        """What an agent finds out of a user; or code where it knows, else a model that reads a few lines."""
        app = self._app

        def embed(texts: Sequence[str]) -> NDArray[np.float32]:
            return app.embedder(self._told).embed(texts)

        if self._with_agent:
            from agents import agent

            return await agent.about_one(
                question,
                person,
                evidence=lambda key: [cited for cited, _ in app.evidence(person.user_id, key)[1]],
                model=self._opened(),
                prompt=app.prompt("converse"),
                embed=embed,
                taxonomy=app.taxonomy,
                earlier=self._turns,
                zone=app.zone,
                told=self._stage,
            )
        asked = question
        if self._before is not None:
            at = (person.memory.newest or datetime.now(UTC)).astimezone(app.zone)
            asked = carried(question, self._before, person.memory.speakers, app.taxonomy, at)
        reply = about.without_a_model(asked, person, taxonomy=app.taxonomy, zone=app.zone)
        if reply is None:
            reply = await about.read(
                asked,
                person,
                model=self._opened(),
                prompt=app.prompt("answer"),
                embed=embed,
                zone=app.zone,
                told=self._stage,
                seen=seen,
            )
        if self._conversing:
            self._before = Before(asked, reply)
        if asked == question:
            return reply
        read_as = f"读作：{asked} " if language(question) == "zh" else f"Read as: {asked} "
        return reply.model_copy(update={"question": question, "explanation": read_as + reply.explanation})

    async def _understand(self, question: str, vocabulary: Vocabulary) -> Plan:
        self._opened()
        assert self._model is not None
        prompt = self._app.prompt("same")
        return await understand(question, vocabulary, model=self._model, prompt=prompt, known=self._known)

    def _opened(self) -> Model:
        """The model; in a batch it lets questions of others go first, and waits for its turn."""
        if self._model is None:
            self._model = self._open.enter_context(self._app.model(self._told, BATCH if self._pace else 0))
            self._open.callback(self._close)
        return self._model if self._pace is None else Remembering(self._model, self._pace, lambda _: None)

    def _close(self) -> None:
        if self._model is not None:
            self._loop.run(self._model.aclose())


def questions(file: Path) -> Iterator[str]:
    """The questions of a file, one a line.

    Raises:
        InputError: it cannot be read.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read as UTF-8 text with a question a line: {error}.") from error
    return (line.strip() for line in lines if line.strip())


def tell(answered: Answered, *, explain: bool) -> None:
    """An answer for a person: first what was asked, in words, then what came of it."""
    reply, found = answered
    if reply.query is not None:
        show.line(reply.explanation, style="dim")
    show.line(reply.answer)
    if reply.query is None and reply.explanation:
        show.message(reply.explanation)
    if explain and reply.query is not None:
        show.document(reply.query)
    if explain and found is not None:
        for sql, plan in zip(found.sql, found.plan, strict=True):
            show.line(f"\n{sql}\n\n{plan}")
