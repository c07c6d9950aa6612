"""`limner eval backtest`: what profiles of earlier events foretold of later ones, on the logs at hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from evals.backtest import METRICS, backtest
from evals.compare import Comparison, compare
from evals.runs import Run
from evals.summary import Summary, summary
from limner import show
from limner.command import Json, command, moment, opened, stages

backtest_cli = typer.Typer()
SHOWN = ("recall", "novelty", "stability", "f1_ns", "decay_error", "borne_out")
WIDTH = 30
"""Characters of a plot."""


@command(
    backtest_cli,
    "backtest",
    examples="limner eval backtest\nlimner eval backtest --split 2026-06-01\n"
    "limner eval backtest --split 0.8 --users 1000 --json",
)
def backtested(
    split: Annotated[str, typer.Option(help="A time, or the share of each history that comes before.")] = "0.6",
    users: Annotated[int, typer.Option(min=2, help="At most so many, drawn by their ids.")] = 400,
    as_json: Json = False,
) -> None:
    """What profiles of the earlier events foretell of the later ones, on your own logs: no labels, no model.

    A pool of tags is made for each user, a quarter of which come true, and a quarter is picked: by limner, and by the
    tags shown most often, the last ones, those that other users have with them, and chance.

    Recall: true tags picked. Novelty, stability: of those new to the user, and of those they keep. F1^NS: the harmonic
    mean of the two, user by user. Decay error: tags on the way out that were picked. Borne out: published tags that
    came true, where each rule publishes as many as limner.
    """
    at = cut(split)
    with opened() as app, stages("Backtest") as told:
        runs = backtest(app, at, users, told)
    limner, *rules = runs.values()
    differences = {
        run.header.system: compare(run, limner, metrics=SHOWN) for run in rules if run.header.system != "chance"
    }
    found = {system: summary(run) for system, run in runs.items()}
    if as_json:
        show.document(_document(split, runs, found, differences))
        return
    show.line(f"{limner.header.samples:,} users with events before and after {split}; 95 % intervals by user")
    for name in SHOWN:
        show.line(f"\n{_words(name)}{_ARROWS[METRICS[name].better]}", style="bold")
        for system, metrics in found.items():
            show.line(f"  {system:<14}{_plot(metrics[name])}")
    show.line("\nlimner less each rule, on the same users", style="bold")
    show.table(
        ("", *differences),
        [(_words(name), *(_difference(one, name) for one in differences.values())) for name in SHOWN],
    )
    show.line("* told from chance at 5 %, after Holm's correction over the metrics of a column", style="dim")
    show.message(f"Kept as {', '.join(run.header.run for run in runs.values())}: `limner eval show RUN`.")


def cut(said: str) -> float | datetime:
    """A share, or a time in UTC.

    Raises:
        typer.BadParameter: it is neither, or a share that leaves one side empty.
    """
    try:
        share = float(said)
    except ValueError:
        try:
            return moment(said)
        except ValueError:
            raise typer.BadParameter(
                f"--split takes a time such as 2026-06-01, or a share such as 0.6, not {said}"
            ) from None
    if not 0 < share < 1:
        raise typer.BadParameter(f"--split {said} leaves nothing on one side: a share lies between 0 and 1")
    return share


_ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}


def _words(name: str) -> str:
    return name.replace("_", " ").replace("f1 ns", "F1^NS")


def _difference(one: Comparison, name: str) -> str:
    found = one.metrics.get(name)
    if found is None or found.delta_low is None:
        return "none"
    mark = "" if found.verdict == "no difference shown" else "*"
    return f"{found.delta:+.2f} ({found.delta_low:+.2f} to {found.delta_high:+.2f}){mark}"


def _plot(one: Summary) -> str:
    """A mean and its interval, drawn from 0 to 1 and in numbers."""
    if one.mean is None or one.low is None or one.high is None:
        return "not scored"
    low, mean, high = (round(end * WIDTH) for end in (one.low, one.mean, one.high))
    drawn = ["─" if low <= at <= high else " " for at in range(WIDTH + 1)]
    drawn[mean] = "●"
    return f"│{''.join(drawn)}│ {one.mean:.2f} ({one.low:.2f} to {one.high:.2f}), n {one.n:,}"


def _document(
    split: str,
    runs: Mapping[str, Run],
    found: Mapping[str, Mapping[str, Summary]],
    differences: Mapping[str, Comparison],
) -> dict[str, Any]:
    """The runs' numbers, and what limner has over each rule."""
    header = next(iter(runs.values())).header
    return {
        "task": header.task,
        "split": split,
        "users": header.samples,
        "seconds": sum(run.header.seconds for run in runs.values()),
        "systems": {
            system: {"run": run.header.run, "metrics": {name: one._asdict() for name, one in found[system].items()}}
            for system, run in runs.items()
        },
        "differences": {
            system: {name: found._asdict() for name, found in one.metrics.items()}
            for system, one in differences.items()
        },
    }
