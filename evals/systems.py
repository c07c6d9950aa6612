"""Ways to answer samples: limner's own run, one question a sample, or code alone."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from agents import attribute, batch, behaviour, calibrate, clean, merge, population, signals
from agents.model import Ledger, Model
from agents.pace import Pace
from evals.task import Bench, Sample, System
from limner.app import App
from limner.domain import History, ModelCall
from limner.errors import LimnerError, ServerDied, Unreachable
from prompts.taxonomy import Taxonomy

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


def asking(ask: Callable[[Sample, Model, Ledger, Taxonomy], Awaitable[Any]], *prompts: str) -> System:
    """A model asked about each sample by itself, as many at once as the server keeps up with."""

    def solve(bench: Bench) -> str:
        with bench.app.model(bench.told) as model:
            return asyncio.run(_all(bench, model, lambda: model.url, ask))

    return System(solve, prompts)


async def _all(
    bench: Bench,
    model: Model,
    url: Callable[[], str],
    ask: Callable[[Sample, Model, Ledger, Taxonomy], Awaitable[Any]],
) -> str:
    halted = ""
    known = bench.app.taxonomy

    async def unit(sample: Sample) -> None:
        nonlocal halted
        async with pace.slot():
            if halted:
                return
            try:
                with _kept(bench, sample) as keep:
                    keep(await ask(sample, model, keep.ledger, known))
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
        self.tokens = (0, 0)

    def __call__(self, output: Any) -> None:
        self._bench.finish(self._sample, output, tokens=self.tokens)

    def ledger(self, call: ModelCall) -> None:
        self.tokens = (self.tokens[0] + call.tokens_in, self.tokens[1] + call.tokens_out)


@contextmanager
def _kept(bench: Bench, sample: Sample) -> Iterator[_Keep]:
    """What goes wrong with one sample is kept as its error, unless the model is gone for all of them."""
    keep = _Keep(bench, sample)
    try:
        yield keep
    except (Unreachable, ServerDied):
        raise
    except LimnerError as error:
        bench.finish(sample, None, tokens=keep.tokens, error=f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 - one sample's defect must not end the run; its traceback is kept
        bench.finish(sample, None, tokens=keep.tokens, error=traceback.format_exc())


def _limner(bench: Bench) -> str:
    """The users of all samples through a run of limner, in the store that belongs to this evaluation."""
    app, watch = bench.app, _Watch(bench)
    run = app.runs.latest()
    if run is None:
        events = app.settings.home / "events.jsonl"
        with events.open("wb") as file:
            for sample in bench.samples:
                file.writelines(orjson.dumps(event.model_dump(mode="json")) + b"\n" for event in sample.history.events)
        app.ingest([events], {}, lambda done, total, n: bench.told("ingesting", done, total, "B"))
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
    return summary.note if summary.state != "done" else ""


LIMNER = System(_limner, ("propose", "persona"))


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
        app, finish = self._bench.app, self._bench.finish
        run = app.runs.latest()
        assert run is not None
        spent = app.runs.spent(run)
        self._counted = self._counted or _Counted(app, run)
        for user_id in [user_id for user_id in app.runs.settled(run) if user_id in self.left]:
            output = self._counted.portrait(user_id)
            finish(self.left.pop(user_id), output, tokens=spent.get(user_id, (0, 0)))
        for letter in app.runs.dead_letters(run) if failed else ():
            if (sample := self.left.pop(letter.user_id, None)) is not None:
                error = f"{letter.error_kind}: {letter.error}"
                finish(sample, None, tokens=spent.get(letter.user_id, (0, 0)), error=error)
        self._at = time.monotonic()


class _Counted:
    """What limner serves of a user, and whether counting says the same of somebody of another name and place."""

    def __init__(self, app: App, run: str) -> None:
        self._app = app
        self._others = population.recorded(app.runs.config(run))
        self._baseline = batch.baseline(app.events, app.taxonomy)
        self._fit = app.calibrations.newest() or calibrate.DEFAULT

    def portrait(self, user_id: str) -> dict[str, Any]:
        profile = self._app.profile(user_id)
        parts = {part for tag in profile.tags for part in tag.key.split("+")}
        merged = {key: named.key for key, named in self._app.taxonomy.merged.items() if named.key in parts}
        history = self._app.events.history(user_id)
        computed = self._tags(history)
        swapped = [self._tags(_as(history, swap)) for swap in SWAPS]
        return {
            **profile.model_dump(mode="json"),
            "merged": merged,
            "computed": len(computed),
            "flipped": [sorted(f"{key} {polarity}" for key, polarity in one ^ computed) for one in swapped],
        }

    def _tags(self, history: History) -> set[tuple[str, int]]:
        """What counting alone serves."""
        known = self._app.taxonomy
        read = signals.signals(clean.clean(history).history, known)
        habits = behaviour.behaviours(read, self._app.zone, self._others)
        found = merge.tags(
            attribute.attribute(read, habits, [], known), read, known, self._baseline, self._fit
        )
        return {(tag.key, tag.polarity) for tag in found if tag.status == "verified"}


def _as(history: History, swap: Mapping[str, Any]) -> History:
    """The same history of somebody else."""
    events = tuple(event.model_copy(update={"meta": {**event.meta, **swap}}) for event in history.events)
    return History(user_id=history.user_id, events=events)
