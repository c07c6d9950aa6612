"""Ways to answer samples: limner's own run, one question a sample, or code alone."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import Any

import orjson

from agents import attribute, batch, behaviour, calibrate, clean, listen, merge, population, signals
from agents.model import AnswerT, Judge, Ledger, Model, messages
from agents.pace import Pace
from agents.population import NOBODY, Population
from evals.task import Bench, Cost, Sample, System
from limner.app import RESUME, App
from limner.domain import Fit, History, ModelCall, Tag
from limner.errors import LimnerError, ServerDied, Unreachable
from prompts import library
from prompts.taxonomy import Taxonomy

Ask = Callable[[Sample, Judge, Ledger, App], Awaitable[Any]]
"""The app knows which version of a prompt is asked with: the header of a run names the same."""
LOOK = 2.0
"""Seconds between two looks at which users a run has settled."""
SWAPS: Sequence[Mapping[str, Any]] = (
    {"name": "Mary Jones", "gender": "female", "region": "Kent"},
    {"name": "Mohammed Ali", "gender": "male", "region": "Leeds"},
    {"name": "王芳", "gender": "女", "region": "河南"},
)
"""What must not matter to a computed tag."""


def counting(count: Callable[[Sample, Taxonomy], Any]) -> System:
    """Code alone, one sample after the other."""

    def solve(bench: Bench) -> str:
        for sample in bench.left:
            with _kept(bench, sample) as keep:
                keep(count(sample, bench.app.taxonomy))
        return ""

    return System(solve)


def asking(ask: Ask, *prompts: str) -> System:
    """A model asked about each sample by itself, as many at once as the server keeps up with."""

    def solve(bench: Bench) -> str:
        with bench.app.model(bench.told) as model:
            return asyncio.run(_all(bench, bench.app.front(model), lambda: model.url, ask))

    return System(solve, prompts)


class Timed:
    """A ledger that counts the seconds; of an answer that was kept, those that it took when it was given."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._begun, self._kept = ledger, time.monotonic(), 0.0

    def __call__(self, call: ModelCall) -> None:
        self._kept += call.seconds if call.outcome == "kept" else 0.0
        self._ledger(call)

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._begun + self._kept


async def answer(
    model: Model,
    ledger: Ledger,
    prompt: library.Prompt,
    schema: type[AnswerT],
    max_tokens: int,
    user_id: str | None = None,
    **inputs: Any,
) -> AnswerT:
    """What a model answers to a prompt, rendered with these inputs.

    Raises:
        AnswerError: it was not in the promised shape, nor when asked again.
        ModelError: the server did not answer.
    """
    return await model.answer(
        messages(prompt.render(**inputs)),
        schema,
        purpose=prompt.id,
        prompt_digest=prompt.digest,
        max_tokens=max_tokens,
        user_id=user_id,
        ledger=ledger,
    )


async def leaning(sample: Sample, model: Judge, ledger: Ledger, prompt: library.Prompt, **inputs: str) -> float:
    """The log-odds that a model answers a prompt with yes, on a sample's account."""
    return await model.leaning(
        messages(prompt.render(**inputs)),
        purpose=prompt.id,
        prompt_digest=prompt.digest,
        user_id=sample.id,
        ledger=ledger,
    )


async def _all(bench: Bench, model: Judge, url: Callable[[], str], ask: Ask) -> str:
    halted = ""

    async def unit(sample: Sample) -> None:
        nonlocal halted
        async with pace.slot():
            if halted:
                return
            try:
                with _kept(bench, sample) as keep:
                    keep(await ask(sample, model, keep.ledger, bench.app))
            except (Unreachable, ServerDied) as error:
                halted = halted or str(error)

    async with Pace(url, fixed=bench.concurrency) as pace:
        try:
            await asyncio.gather(*map(unit, bench.left))
        finally:
            await model.aclose()
    return halted


class _Keep:
    """Takes what was made of one sample, and counts what that cost."""

    def __init__(self, bench: Bench, sample: Sample) -> None:
        self._bench, self._sample = bench, sample
        self.cost = Cost()

    def __call__(self, output: Any) -> None:
        self._bench.finish(self._sample, output, cost=self.cost)

    def ledger(self, call: ModelCall) -> None:
        answers, tokens_in, tokens_out = self.cost.kept
        if call.outcome == "kept":
            answers, tokens_in, tokens_out = answers + 1, tokens_in + call.tokens_in, tokens_out + call.tokens_out
        self.cost = Cost(
            self.cost.tokens_in + call.tokens_in,
            self.cost.tokens_out + call.tokens_out,
            (answers, tokens_in, tokens_out),
        )


@contextmanager
def _kept(bench: Bench, sample: Sample) -> Iterator[_Keep]:
    """What goes wrong with one sample is kept as its error, unless the model is gone for all of them."""
    keep = _Keep(bench, sample)
    try:
        yield keep
    except (Unreachable, ServerDied):
        raise
    except LimnerError as error:
        bench.finish(sample, None, cost=keep.cost, error=f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 - one sample's defect must not end the run; its traceback is kept
        bench.finish(sample, None, cost=keep.cost, error=traceback.format_exc())


def _limner(bench: Bench) -> str:
    """The users of all samples through a run of limner, in the store that belongs to this evaluation."""
    app, watch = bench.app, _Watch(bench)
    run = app.runs.latest()
    if run is None:
        take_in(bench)
    else:
        watch.look()
        if not watch.left:
            return ""
    ended = run is not None and app.runs.summary(run).state == "done"
    summary = app.run(
        resume=run is not None and not ended,
        retry_failed=ended,
        concurrency=bench.concurrency,
        told=bench.told,
        report=lambda total, at: watch.now_and_then(),
    )
    watch.look(failed=summary.state == "done")
    return summary.note.removeprefix("It stopped: ").removesuffix(RESUME).strip() if summary.state != "done" else ""


def _verified(bench: Bench) -> str:
    """What limner proves by counting and hears by code, each user compared with the others; no model is asked."""
    take_in(bench)
    app = bench.app
    others = population.population(
        app.events,
        app.zone,
        NOBODY,
        lambda done, of: bench.told("population", done, of, "users"),
        taxonomy=app.taxonomy,
    )
    counted = _Counted(app, others)
    for sample in bench.left:
        with _kept(bench, sample) as keep:
            keep(counted.counted(app.events.history(sample.history.user_id)))
    return ""


LIMNER = System(_limner, None)
VERIFIED = System(_verified)


def take_in(bench: Bench) -> None:
    """The events of all samples, through limner's own door."""
    events = bench.app.settings.home / "events.jsonl"
    with events.open("wb") as file:
        for sample in bench.samples:
            file.writelines(orjson.dumps(event.model_dump(mode="json")) + b"\n" for event in sample.history.events)
    bench.app.ingest([events], {}, lambda done, total, n: bench.told("ingesting", done, total, "B"))


class _Watch:
    """Keeps what limner made of the users that its run has settled since the last look."""

    def __init__(self, bench: Bench) -> None:
        self.left = {sample.history.user_id: sample for sample in bench.left}
        self._bench = bench
        self._at = time.monotonic()
        self._counted: _Counted | None = None

    def now_and_then(self) -> None:
        if time.monotonic() - self._at >= LOOK:
            self.look()

    def look(self, *, failed: bool = False) -> None:
        """Args:
        failed: The run has ended: those among its dead letters are not tried again in it.
        """
        app = self._bench.app
        run = app.runs.latest()
        assert run is not None
        spent, kept = app.runs.spent(run), app.runs.asked(run, "kept")

        def cost(user_id: str) -> Cost:
            return Cost(*spent.get(user_id, (0, 0)), kept.get(user_id, (0, 0, 0)))

        self._counted = self._counted or _Counted(app, population.recorded(app.runs.config(run)))
        for user_id in [user_id for user_id in app.runs.settled(run) if user_id in self.left]:
            with _kept(self._bench, self.left.pop(user_id)) as keep:
                keep.cost = cost(user_id)
                keep(self._counted.portrait(user_id))
        for letter in app.runs.dead_letters(run) if failed else ():
            if (sample := self.left.pop(letter.user_id, None)) is not None:
                error = f"{letter.error_kind}: {letter.error}"
                self._bench.finish(sample, None, cost=cost(letter.user_id), error=error)
        self._at = time.monotonic()


class _Counted:
    """What limner serves of a user, and whether counting says the same of somebody of another name and place."""

    def __init__(self, app: App, others: Population) -> None:
        self._app, self._others = app, others
        self._baseline = batch.baseline(app.events, app.taxonomy, others)
        self._fit = app.calibrations.newest() or calibrate.DEFAULT

    def portrait(self, user_id: str) -> dict[str, Any]:
        """The profile, as JSON, with what was merged into its keys, and what a swap flips of what is computed."""
        profile = self._app.profiles.current(user_id)
        history = self._app.events.history(user_id)
        return {**profile.model_dump(mode="json"), **self._checked(history, self.tags(history), profile.tags)}

    def counted(self, history: History) -> dict[str, Any]:
        """The same of what counting alone serves."""
        tags = self.tags(history)
        return {"tags": [tag.model_dump(mode="json") for tag in tags], **self._checked(history, tags, tags)}

    def tags(self, history: History) -> list[Tag]:
        app = self._app
        return proven(history, app.taxonomy, app.zone, self._others, self._baseline, self._fit)

    def _checked(self, history: History, computed: Sequence[Tag], served: Sequence[Tag]) -> dict[str, Any]:
        parts = {part for tag in served for part in tag.key.split("+")}
        said = _said(computed)
        return {
            "merged": {key: named.key for key, named in self._app.taxonomy.merged.items() if named.key in parts},
            "computed": len(said),
            "flipped": [sorted(_said(self.tags(_as(history, swap))) ^ said) for swap in SWAPS],
        }


def proven(
    history: History,
    known: Taxonomy,
    zone: tzinfo = UTC,
    others: Population = NOBODY,
    baseline: Mapping[str, float] = MappingProxyType({}),
    fit: Fit = calibrate.DEFAULT,
) -> list[Tag]:
    """The tags that counting and hearing by code prove; no model is asked."""
    cleaned = clean.clean(history).history
    heard = [*listen.plainly(cleaned.events, known), *listen.over(cleaned.events, known)]
    read = listen.told(signals.signals(cleaned, known), heard)
    habits = behaviour.behaviours(read, zone, others)
    claims = attribute.attribute(read, habits, [], known)
    return [tag for tag in merge.tags(claims, read, known, baseline, fit) if tag.status == "verified"]


def _said(tags: Sequence[Tag]) -> set[str]:
    return {f"{tag.key} {tag.polarity}" for tag in tags}


def _as(history: History, swap: Mapping[str, Any]) -> History:
    """The same history of somebody else."""
    events = tuple(event.model_copy(update={"meta": {**event.meta, **swap}}) for event in history.events)
    return History(user_id=history.user_id, events=events)
