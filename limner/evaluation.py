"""`limner eval`: how good limner is, in numbers that anybody can compute again."""

from __future__ import annotations

from typing import Annotated

import typer

from evals import evaluate
from evals.runs import Header, MetricKind, Run, Runs
from evals.summary import Summary, summary
from evals.tasks import TASKS
from limner import settings, show
from limner.command import Json, command, on

eval_cli = typer.Typer(no_args_is_help=True, help="Measure how good limner is, on data sets whose answers are known.")

RunId = Annotated[
    str | None,
    typer.Argument(metavar="RUN", help="An id, or how one begins: `limner eval list`. The newest if not given."),
]


@command(eval_cli, "list", examples="limner eval list\nlimner eval list --json")
def every(as_json: Json = False) -> None:
    """The tasks, whether their data is here, and the runs that were stored."""
    runs = Runs(settings.read().home).every()
    if as_json:
        show.document(
            {
                "tasks": [
                    {
                        "task": task.name,
                        "version": task.version,
                        "about": task.about,
                        "systems": list(task.systems),
                        "metrics": list(task.scorers),
                        "dataset": task.dataset.name,
                        "absent": task.dataset.absent or None,
                    }
                    for task in TASKS.values()
                ],
                "runs": [header.model_dump(mode="json", exclude={"metrics"}) for header in runs],
            }
        )
        return
    show.table(
        ("task", "measures", "systems", "data"),
        [
            (task.name, task.about, ", ".join(task.systems), "not here" if task.dataset.absent else "here")
            for task in TASKS.values()
        ],
    )
    show.table(
        ("run", "task", "system", "samples", "model", "state"),
        [(one.run, one.task, one.system, f"{one.samples:,}", one.model or "none", one.state) for one in runs],
    )


@command(
    eval_cli,
    examples="limner eval run sample\nlimner eval run movielens --limit 60\n"
    "limner eval run movielens --limit 60 --system plain --json\nlimner eval run movielens --resume",
)
def run(
    task: Annotated[str, typer.Argument(help="A task: `limner eval list` shows them.")],
    system: Annotated[str | None, typer.Option(help="What answers; limner as it is meant if not given.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many users, drawn by hash; of tasks about one person, so many questions."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws others.")] = 0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the newest run that did not end; failed samples are tried again."),
    ] = False,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Samples at once; follows the server if not given.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask the model anew what an earlier run has asked already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have a system answer every sample of a task, and score what it said.

    What an equal request of an earlier run was answered is taken from there, and costs nothing.
    """
    if resume and (limit is not None or seed):
        raise typer.BadParameter("--resume goes on with what the run was given: it stands without --limit and --seed")
    chosen, known = evaluate.named(task, TASKS), settings.read()
    name = evaluate.system_of(chosen, system)
    if resume:
        begun = evaluate.unfinished(chosen, name, known)
    else:
        begun = evaluate.begin(chosen, name, known, limit=limit, seed=seed)
    with show.bar(chosen.name, "samples") as bar:
        header = evaluate.go_on(
            begun,
            chosen,
            known,
            concurrency=concurrency,
            fresh=fresh,
            told=on(bar, chosen.name),
            report=lambda done, total, failed: bar.at(
                done + failed, total, unit="samples", title=chosen.name, extra=f"{failed} failed" if failed else ""
            ),
        )
    tell(begun, as_json)
    if header.state != "done" or any(one.error is not None for one in begun.outputs().values()):
        raise typer.Exit(1)


@command(eval_cli, examples="limner eval rescore\nlimner eval rescore 20261122-061500-3f2a91c4")
def rescore(run: RunId = None, as_json: Json = False) -> None:
    """Score the answers of a run anew, as after a change to a metric; nobody is asked."""
    known = settings.read()
    found = Runs(known.home).open(run)
    evaluate.rescore(found, evaluate.named(found.header.task, TASKS), known)
    tell(found, as_json)


@command(eval_cli, "show", examples="limner eval show\nlimner eval show 20261122 --json")
def look(run: RunId = None, as_json: Json = False) -> None:
    """The numbers of a run, and what it takes to run it again."""
    tell(Runs(settings.read().home).open(run), as_json)


def tell(run: Run, as_json: bool) -> None:
    """A run's numbers, its failures by reason, and how to go on."""
    header = run.header
    if as_json:
        show.document(evaluate.document(run))
        return
    outputs = list(run.outputs().values())
    spent, kept = evaluate.tokens(outputs), evaluate.kept(outputs)
    done = sum(one.error is None for one in outputs)
    show.line(
        f"run {header.run}: {header.task} v{header.task_version} by {header.system}"
        + (f" with {header.model}" if header.model else "")
        + f", {header.state}: {done:,} of {header.samples:,} samples in {show.duration(header.seconds)}"
        + (f", {spent['in']:,} tokens in, {spent['out']:,} out" if sum(spent.values()) else "")
        + (f", of which {kept['answers']:,} kept answers cost {kept['in'] + kept['out']:,}" if kept["answers"] else "")
    )
    scored = [(name, found) for name, found in summary(run).items() if found.mean is not None]
    if scored:
        show.table(
            ("", "mean", "95 %", "n", "unscored"),
            [(title(name, header), *_cells(found, header.metrics[name])) for name, found in scored],
        )
    for failed in [one for one in outputs if one.error is not None][:5]:
        show.line(f"  {failed.sample} failed: {(failed.error or '').strip().splitlines()[-1][:200]}", style="red")
    if header.note:
        show.line(f"  {header.note}")


def title(name: str, header: Header) -> str:
    """A metric in words, with which way is better and its unit."""
    kind = header.metrics[name]
    arrow = {"higher": " ↑", "lower": " ↓", None: ""}[kind.better]
    return f"{name.replace('_', ' ')}{arrow}" + (f" ({kind.unit})" if kind.unit else "")


def _cells(found: Summary, kind: MetricKind) -> tuple[str, str, str, str]:
    digits = kind.digits
    low, high = ("" if end is None else f"{end:,.{digits}f}" for end in (found.low, found.high))
    interval = f"{low} to {high}" if low else ""
    return f"{found.mean:,.{digits}f}", interval, f"{found.n:,}", str(found.unscored or "")
