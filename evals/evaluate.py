"""A task run over a system: begun, gone on with, scored and scored again.

Every finished sample is on disk before the next one counts as begun, so a run that is killed goes on where it stood.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib.metadata import version
from typing import Any

from agents.batch import STEPS
from evals.kept import Front, remembering
from evals.runs import Header, Output, Run, Runs, Score, new_id
from evals.summary import summary
from evals.task import Bench, Cost, Said, Sample, Tally, Task
from limner.app import App, Stage
from limner.errors import InputError
from limner.settings import Settings
from prompts import taxonomy

Report = Callable[[int, int, int], None]
"""Told how many samples are finished, of how many, and how many of them failed."""
RESUME = "`limner eval run TASK --resume` goes on where it stopped; what is answered is not asked again."
DECIDING = ("task_version", "dataset_digest", "model", "prompts", "taxonomy", "settings", "limner")
"""Fields of a header: outputs made under others do not belong into one run."""


def named(name: str, tasks: Mapping[str, Task]) -> Task:
    """The task of that name.

    Raises:
        InputError: there is none.
    """
    if name not in tasks:
        close = get_close_matches(name, tasks, 1)
        hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(tasks)}."
        raise InputError(f"There is no task {name}. {hint}")
    return tasks[name]


def system_of(task: Task, name: str | None) -> str:
    """The name of one of the task's systems, of the first where none is named.

    Raises:
        InputError: it has no such system.
    """
    if name is not None and name not in task.systems:
        raise InputError(f"{task.name} has no system {name}; it has {', '.join(task.systems)}.")
    return name or next(iter(task.systems))


def begin(task: Task, system: str, settings: Settings, *, limit: int | None = None, seed: int = 0) -> Run:
    """A new run, with nothing answered yet.

    Args:
        limit: Users, or samples of a data set that is not drawn by whole clusters, drawn by hash.

    Raises:
        InputError: the data are not here.
    """
    header = _described(task, system, settings, limit, seed)
    return Runs(settings.home).start(header)


def unfinished(task: Task, system: str, settings: Settings) -> Run:
    """The newest run of a task and system that did not end, or in which samples failed.

    Raises:
        InputError: there is none.
    """
    runs = Runs(settings.home)
    for header in runs.every():
        if (header.task, header.system) == (task.name, system):
            run = runs.open(header.run)
            if header.state != "done" or any(one.error is not None for one in run.outputs().values()):
                return run
    raise InputError(f"No run of {task.name} with {system} is unfinished; without --resume a new one begins.")


def go_on(
    run: Run,
    task: Task,
    settings: Settings,
    *,
    told: Stage,
    report: Report,
    concurrency: int | None = None,
    fresh: bool = False,
) -> Header:
    """Every sample of the run that has no output yet answered, then all of them scored.

    Args:
        concurrency: Samples at once; None follows the server.
        fresh: Asks the model what earlier runs have asked already, too.

    Returns:
        The header as it stands after; its state is `stopped` where the model could not be asked any more.

    Raises:
        InputError: the run was begun under another model, prompt, taxonomy or data set, or with another limner.
        BusyError: another process is at work on it.
    """
    begun = run.header
    now = _described(task, begun.system, settings, begun.settings["limit"], begun.seed)
    changed = [name for name in DECIDING if getattr(begun, name) != getattr(now, name)]
    if changed:
        raise InputError(f"Run {begun.run} was begun with other {', '.join(changed)}: begin a new one.")
    with run.held(), remembering(settings.home, begun.run, begun.model, fresh=fresh) as front:
        app = _apart(run, settings, front)
        try:
            samples = samples_of(task, settings, begun)
            keeper = _Keeper(run, samples, told, report)
            left = [sample for sample in samples if sample.id not in keeper.finished]
            bench = Bench(app, keeper.finish, keeper.told, samples, left, concurrency)
            run.header = begun.model_copy(update={"state": "running", "note": "", "samples": len(samples)})
            try:
                halted = task.systems[begun.system].solve(bench) if left else ""
            except BaseException as error:
                said = "it was interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
                run.header = _closed(run, "stopped", f"It stopped: {said}. {RESUME}")
                raise
            score(run, task, samples)
            run.header = _closed(
                run, "stopped" if halted else "done", f"It stopped: {halted.rstrip('.')}. {RESUME}" if halted else ""
            )
            return run.header
        finally:
            app.close()


def rescore(run: Run, task: Task, settings: Settings) -> None:
    """The scores of a run computed anew from its outputs; nobody is asked.

    Raises:
        InputError: the data set is not here, or not the one that was answered.
    """
    header = run.header
    samples = samples_of(task, settings, header)
    if task.dataset.digest != header.dataset_digest:
        raise InputError(f"{header.dataset} has changed since run {header.run} answered it: begin a new run.")
    with run.held():
        score(run, task, samples)
        kinds = {name: scorer.kind for name, scorer in task.scorers.items()}
        run.header = header.model_copy(update={"task_version": task.version, "metrics": kinds})


def score(run: Run, task: Task, samples: list[Sample]) -> None:
    """Every output judged by every scorer of the task, in place of all earlier scores."""
    outputs = run.outputs()
    run.score(
        _score(sample, name, said)
        for sample in samples
        if (output := outputs.get(sample.id)) is not None and output.error is None
        for name, said in task.say(sample, output).items()
        if said is not None
    )


def document(run: Run) -> dict[str, Any]:
    """What `--json` shows of a run."""
    header, outputs = run.header, list(run.outputs().values())
    return {
        **header.model_dump(mode="json", exclude={"metrics"}),
        "metrics": {name: found._asdict() for name, found in summary(run).items()},
        "finished": sum(one.error is None for one in outputs),
        "failed": {one.sample: one.error for one in outputs if one.error is not None},
        "tokens": tokens(outputs),
        "kept": kept(outputs),
    }


def tokens(outputs: list[Output]) -> dict[str, int]:
    return {side: sum(one.tokens.get(side, 0) for one in outputs) for side in ("in", "out")}


def kept(outputs: list[Output]) -> dict[str, int]:
    """Answers that earlier runs had got already, and their tokens, which were not paid for again."""
    return {name: sum(one.kept.get(name, 0) for one in outputs) for name in ("answers", "in", "out")}


def _described(task: Task, system: str, settings: Settings, limit: int | None, seed: int) -> Header:
    """The header that a run would begin with now."""
    owner, known, now = App(settings), taxonomy.load(settings.taxonomy), datetime.now(UTC)
    names = task.systems[system].prompts
    prompts = owner.of_a_run() if names is None else [owner.prompt(name) for name in names]
    return Header(
        run=new_id(now),
        task=task.name,
        task_version=task.version,
        system=system,
        dataset=task.dataset.name,
        dataset_digest=task.dataset.digest,
        model=owner.model_id if prompts else None,
        prompts={prompt.id: prompt.digest for prompt in prompts},
        taxonomy=f"{known.version} {known.digest}",
        limner=version("limner"),
        seed=seed,
        settings={"limit": limit, "timezone": settings.timezone, "embedder": settings.embedder, "steps": STEPS},
        metrics={name: scorer.kind for name, scorer in task.scorers.items()},
        started_at=now,
    )


def samples_of(task: Task, settings: Settings, header: Header) -> list[Sample]:
    """The samples of a run, under keys that no run has merged."""
    known = taxonomy.load(settings.taxonomy)
    return task.dataset.samples(known, limit=header.settings["limit"], seed=header.seed)


def _apart(run: Run, settings: Settings, front: Front) -> App:
    """An app over a store of the run's own, with the models of the home."""
    home = run.folder / "home"
    models = settings.home / "models"
    models.mkdir(parents=True, exist_ok=True)
    home.mkdir(exist_ok=True)
    if not (home / "models").exists():
        (home / "models").symlink_to(models.resolve())
    return App(settings.model_copy(update={"home": home, "database_url": None, "chroma_url": None}), front)


def _closed(run: Run, state: str, note: str) -> Header:
    seconds = sum(one.seconds for one in run.outputs().values())
    changes = {"state": state, "note": note, "finished_at": datetime.now(UTC), "seconds": seconds}
    return run.header.model_copy(update=changes)


def _score(sample: Sample, metric: str, said: Said) -> Score:
    cluster = sample.cluster or sample.id
    match said:
        case Tally(hits, of):
            return Score(sample=sample.id, cluster=cluster, metric=metric, hits=hits, of=of)
        case tuple():
            return Score(sample=sample.id, cluster=cluster, metric=metric, points=said)
        case _:
            return Score(sample=sample.id, cluster=cluster, metric=metric, hits=float(said or 0), of=1)


class _Keeper:
    """Writes each output as it comes, and tells how far the run is.

    A sample's seconds are those since the one before it was finished, whatever runs at once: they add up to the time
    the run took. The stages before the first one are preparation and count for none.
    """

    def __init__(self, run: Run, samples: list[Sample], told: Stage, report: Report) -> None:
        earlier = run.outputs().values()
        self.finished = {one.sample for one in earlier if one.error is None}
        self._run, self._told, self._report = run, told, report
        self._total, self._failed, self._begun = len(samples), 0, False
        self._since = time.monotonic()

    def told(self, stage: str, done: int, total: int, unit: str) -> None:
        self._told(stage, done, total, unit)
        if not self._begun:
            self._since = time.monotonic()

    def finish(self, sample: Sample, output: Any, *, cost: Cost = Cost(), error: str | None = None) -> None:  # noqa: B008
        now, self._begun = time.monotonic(), True
        self._run.add(
            Output(
                sample=sample.id,
                cluster=sample.cluster or sample.id,
                groups=sample.groups,
                input=sample.digest,
                output=output,
                reference=sample.reference,
                tokens={"in": cost.tokens_in, "out": cost.tokens_out},
                kept=dict(zip(("answers", "in", "out"), cost.kept, strict=True)),
                seconds=now - self._since,
                error=error,
            )
        )
        self._since = now
        if error is None:
            self.finished.add(sample.id)
        else:
            self._failed += 1
        self._report(len(self.finished), self._total, self._failed)
