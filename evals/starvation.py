"""Whether a running batch starves questions: `python -m evals.starvation`.

The time to the first token of a question's answer, on the model of the settings: idle, and while limner profiles made
users as fast as the server takes them. Both ask the same number of different questions, one after the other; one that
does not count comes first and warms the prefix cache. The batch is limner's own (`agents/batch.py`, over a database of
its own), runs in a process of its own, and is full before the first question is asked: requests wait at the server, or
as many run as a batch may have there.
With `--level` its requests have the questions' own priority, to show what the priority is worth.

The goal is a p95 under the batch of at most twice the idle one. Times depend on nothing else running on the machine;
the quotient's interval comes from resampling both halves.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import httpx
import numpy as np
import typer

from agents import server
from agents.ask import Person, read
from agents.ingest import ingest
from agents.model import VllmModel
from agents.pace import read_load
from evals import instant, synthetic
from evals.retrieval import remembered
from limner import settings, show
from limner.app import App, Stage
from limner.domain import Event
from limner.errors import LimnerError, ModelError
from prompts import library
from store.database import Database
from store.events import EventStore

GOAL = 2.0
RESAMPLES = 2_000
FULL_AFTER = 600.0
"""Seconds in which the batch has to fill the server."""
SUBJECTS = (
    "coffee", "a film", "a book", "music", "a gift", "shoes", "a trip", "dinner", "a game", "the garden", "a phone",
)  # fmt: skip


class Half(NamedTuple):
    """Times to the first token, seconds."""

    idle: tuple[float, ...]
    batch: tuple[float, ...]
    running: int
    waiting: int
    """Requests at the server when the first question was asked under the batch."""

    @property
    def quotient(self) -> float:
        return float(np.percentile(self.batch, 95) / np.percentile(self.idle, 95))

    def interval(self) -> tuple[float, float]:
        """95 %, both halves resampled."""
        draw = np.random.default_rng(7)
        idle, batch = (
            np.percentile(draw.choice(times, (RESAMPLES, len(times))), 95, axis=1) for times in (self.idle, self.batch)
        )
        low, high = np.percentile(batch / idle, (2.5, 97.5))
        return float(low), float(high)


def person(number: int) -> Person:
    """A made user whose history a question is asked about."""
    return Person(
        synthetic.user_id(number), remembered([Event.model_validate(row) for row in synthetic.history(number)])
    )


async def first_tokens(model: VllmModel, questions: int, start: int) -> tuple[float, ...]:
    """Seconds from each question to the first token of its answer, limner's search left out, one after the other."""
    prompt, embedder = library.default("answer"), instant.InstantEmbedder()
    times: list[float] = []
    for number in range(start, start + questions + 1):
        begun: list[float] = []
        first: list[float] = []

        def told(stage: str, begun: list[float] = begun) -> None:
            if stage == "writing":
                begun.append(time.monotonic())

        def seen(*_: object, first: list[float] = first) -> None:
            first.append(time.monotonic())

        subject = SUBJECTS[number % len(SUBJECTS)]
        question = f"Which of these is about {subject}, and what was said of number {number}?"
        await read(question, person(number), model=model, prompt=prompt, embed=embedder.embed, told=told, seen=seen)
        if first and begun:
            times.append(first[0] - begun[0])
    return tuple(times[1:])


def load(url: str) -> tuple[int, int]:
    """Requests that a server runs, and that wait there."""
    at = read_load(httpx.get(f"{url.removesuffix('/v1')}/metrics", timeout=30).text)
    if at is None:
        raise ModelError("The server's /metrics tell no load, so that nobody knows whether the batch has filled it.")
    return at.running, at.waiting


@contextmanager
def batch(url: str, name: str, key: str, users: int, home: Path, *, level: bool) -> Iterator[None]:
    """limner profiling made users on the server, in a process of its own, until the context ends."""
    with tempfile.TemporaryDirectory(prefix="starvation-") as folder:
        file = Path(folder) / "users.jsonl"
        synthetic.write(file, users, told=lambda *_: None)
        database = Database(f"sqlite:///{folder}/limner.db")
        ingest([file], EventStore(database), rejects=Path(folder) / "rejects", progress=lambda *_: None)
        database.close()
        for part in ("models", server.STATE):  # the packaged embedder, and how much a batch may ask for
            (Path(folder) / part).symlink_to(home.resolve() / part)
        command = [sys.executable, "-m", "evals.starvation", "--fill", folder, "--url", url, "--model", name]
        with (Path(folder) / "log").open("wb") as log:
            running = subprocess.Popen(
                [*command, "--key", key, *(["--level"] if level else [])], stdout=log, stderr=log
            )
            try:
                until, full, seen = time.monotonic() + FULL_AFTER, server.batch(home, url), 0
                while seen < 3:  # three looks in a row, so that it is no moment's queue
                    if running.poll() is not None or time.monotonic() > until:
                        told = (Path(folder) / "log").read_text("utf-8", "replace")[-400:]
                        raise ModelError(f"The batch did not fill the server: {told or 'too few requests came there'}")
                    runs, waits = load(url)
                    seen = seen + 1 if waits or (full is not None and runs + waits >= full - 1) else 0
                    time.sleep(0.5)
                yield
            finally:
                running.terminate()
                running.wait()


class Level(App):
    """Whose batches are no less urgent than questions."""

    @contextmanager
    def model(self, told: Stage, priority: int = 0, *, lazily: bool = False) -> Iterator[VllmModel]:
        with super().model(told, lazily=lazily) as model:
            yield model


def fill(folder: str, url: str, name: str, key: str, *, level: bool) -> None:
    """The batch's process."""
    server = {"model_url": url, "model": name, "model_key": key, "namer": "model", "writer": "model"}
    at = settings.read().model_copy(update={"home": Path(folder), "database_url": None, **server})
    app = Level(at) if level else App(at)
    app.run(told=lambda *_: None, report=lambda *_: None)


def measure(questions: int, users: int, *, level: bool, told: show.Bar) -> Half:
    app = App(settings.read())
    with app.model(lambda *_: None) as model, asyncio.Runner() as loop:
        try:
            if others := sum(load(model.url)):
                raise ModelError(f"The server is not idle: {others} requests of somebody else are there.")
            told.at(0, 2, title="idle")
            idle = loop.run(first_tokens(model, questions, 0))
            told.at(1, 2, title="filling the server")
            with batch(model.url, model.name, app.settings.model_key, users, app.settings.home, level=level):
                running, waiting = load(model.url)
                told.at(1, 2, title="under a batch")
                under = loop.run(first_tokens(model, questions, questions + 1))
        finally:
            loop.run(model.aclose())
    app.close()
    if not idle or not under:
        raise ModelError("No answer had a token: `limner model check`.")
    return Half(idle, under, running, waiting)


def main(
    questions: Annotated[int, typer.Option(help="In each half.")] = 40,
    users: Annotated[int, typer.Option(help="Made users of the batch: enough to last.")] = 2_000,
    level: Annotated[bool, typer.Option("--level", help="The batch with the questions' own priority.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    fill_from: Annotated[str | None, typer.Option("--fill", hidden=True)] = None,
    url: Annotated[str, typer.Option(hidden=True)] = "",
    name: Annotated[str, typer.Option("--model", hidden=True)] = "",
    key: Annotated[str, typer.Option(hidden=True)] = "none",
) -> None:
    """p95 time to the first token of a question under a full batch, against idle; exits with 1 beyond twice."""
    if fill_from is not None:
        fill(fill_from, url, name, key, level=level)
        return
    try:
        with show.bar("idle", "halves") as bar:
            half = measure(questions, users, level=level, told=bar)
    except LimnerError as error:
        show.failure(str(error))
        raise typer.Exit(error.exit_code) from None
    low, high = half.interval()
    found = {
        f"{name} p{at}": float(np.percentile(times, at))
        for name, times in (("idle", half.idle), ("batch", half.batch))
        for at in (50, 95)
    }
    if as_json:
        show.document(found | {"quotient": half.quotient, "low": low, "high": high, **half._asdict()})
    else:
        show.table(("time to first token", "s"), [(name, f"{value:.2f}") for name, value in found.items()])
        show.line(
            f"p95 under the batch is {half.quotient:.2f} times the idle one ({low:.2f} to {high:.2f}; "
            f"{len(half.idle)} and {len(half.batch)} questions; {half.running} requests ran, {half.waiting} waited). "
            f"Goal: at most {GOAL:g}."
        )
    if half.quotient > GOAL:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
