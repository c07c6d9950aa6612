"""The door for questions: `limner ask`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from agents.model import VllmModel
from agents.plan import Plan
from agents.survey import Answered, reading, survey
from agents.terms import Match, Vocabulary
from agents.understand import understand
from limner import show
from limner.app import App, Stage
from limner.errors import InputError, SetupError
from prompts import library


class Asking:
    """Questions to one database, one after the other; parts are opened when first needed and kept to the end.

    Args:
        with_model: Let the model name what rules do not know. Not the default: of the first sixteen names and habits
            that the 1.5B model was asked about, fifteen were wrong or unknown. `python -m evals.questions --model`
            measures it.
    """

    def __init__(self, app: App, author: str, told: Stage, *, with_model: bool = False) -> None:
        self._app, self._author, self._told = app, author, told
        self._with_model = with_model
        self._model: VllmModel | None = None
        self._known: dict[str, Match | None] = {}
        self.vocabulary = app.vocabulary(told)
        self._open = ExitStack()
        self._loop = self._open.enter_context(asyncio.Runner())

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def ask(self, question: str, *, user: str | None, explain: bool) -> Answered:
        """The answer to one question, about one user or about all.

        Raises:
            SetupError: it is about one user, which this door does not answer.
        """
        if user is not None:
            raise SetupError("Questions about one user are not answered yet: ask about all of them, without --user.")
        return self._loop.run(
            survey(
                question,
                vocabulary=self.vocabulary,
                store=self._app.people,
                author=self._author,
                understand=self._understand if self._with_model else None,
                explain=explain,
            )
        )

    def read(self, question: str) -> Plan:
        """A question about all users as a query, not run.

        Raises:
            Unread: it cannot be read.
        """
        return self._loop.run(reading(question, self.vocabulary, self._understand if self._with_model else None))

    async def _understand(self, question: str, vocabulary: Vocabulary) -> Plan:
        if self._model is None:
            self._model = self._open.enter_context(self._app.model(self._told))
            self._open.callback(self._close)
        return await understand(
            question, vocabulary, model=self._model, prompt=library.latest("name"), known=self._known
        )

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
