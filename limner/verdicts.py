"""`limner eval compare`, `gate` and `report`, `limner prompts promote`: what runs say, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from evals import evaluate, gate, judge, report
from evals.compare import Comparison, Difference, compare
from evals.promotion import Hearing, Side, hearing
from evals.runs import Header, MetricKind, Run, Runs
from evals.stability import stability
from evals.summary import summary
from evals.task import Sample
from evals.tasks import TASKS
from limner import settings, show
from limner.app import App
from limner.command import Json, command, on
from limner.errors import InputError
from limner.evaluation import RunId, eval_cli, tell, title
from prompts import ledger, library, taxonomy

Against = Annotated[str | None, typer.Option(metavar="RUN", help="The run to hold it against.")]
GateFile = Annotated[Path, typer.Option("--file", help="The rules, in YAML: limner comes with evals/gate.yaml.")]
Before = Annotated[str, typer.Argument(metavar="BEFORE", help="A run, by id or how one begins.")]
After = Annotated[str, typer.Argument(metavar="AFTER", help="Another of the same task and data.")]


@command(
    eval_cli,
    "compare",
    examples="limner eval compare 20261122-0615 20261122-0702\n"
    "limner eval compare 20261122-0615 20261122-0702 --metric polarity_f1 --difference 0.02\n"
    "limner eval compare 20261122-0615 20261122-0702 --json",
)
def compared(
    before: Before,
    after: After,
    metric: Annotated[list[str] | None, typer.Option(help="Only this one, and those named so again.")] = None,
    difference: Annotated[float | None, typer.Option(min=0, help="Tell how many users would show such a one.")] = None,
    as_json: Json = False,
) -> None:
    """Whether a run is better than another: paired by sample, by user, and told apart from chance."""
    runs = Runs(settings.read().home)
    earlier, later = runs.open(before), runs.open(after)
    found = compare(earlier, later, metrics=metric or (), difference=difference)
    same = stability(earlier, later)
    if as_json:
        show.document(_document(found, later) | {"stability": None if same is None else same._asdict()})
        return
    for when, one in (("before", found.before), ("after ", found.after)):
        asked = f" with {one.model}" if one.model else ""
        unfinished = "" if one.state == "done" else f", {one.state}"
        show.line(f"{when} {one.run}: {one.task} v{one.task_version} by {one.system}{asked}{unfinished}")
    left_out = f"; {found.left_out:,} left out, which one of them lacks or failed at" if found.left_out else ""
    show.line(f"{found.samples:,} samples paired{left_out}")
    if same is not None and same.mean is not None:
        show.line(
            f"Of the tags that either publishes, {same.mean:.3f} ({same.low:.3f} to {same.high:.3f}, n {same.n:,}) "
            "stand in both."
        )
    show.table(
        ("", "before", "after", "difference", "95 %, by user", "p", "detectable", "verdict"),
        [(title(name, found.after), *_cells(one, found.after.metrics[name])) for name, one in found.metrics.items()],
    )
    show.line(
        "p is corrected over these metrics (Holm). Detectable: what would be found in 80 of 100 such comparisons.",
        style="dim",
    )


def _document(found: Comparison, later: Run) -> dict[str, Any]:
    """A comparison in the shape that scripts rely on: the later run's numbers, and what they are over the earlier's."""
    seen = summary(later)
    return {
        "run": found.after.run,
        "against": found.before.run,
        "task": found.after.task,
        "samples": found.samples,
        "left_out": found.left_out,
        "metrics": {name: {**seen[name]._asdict(), **one._asdict()} for name, one in found.metrics.items()},
    }


def _cells(one: Difference, kind: MetricKind) -> Sequence[str]:
    digits = kind.digits
    interval = "" if one.delta_low is None else f"{one.delta_low:+,.{digits}f} to {one.delta_high:+,.{digits}f}"
    verdict: str = one.verdict or "only describes"
    if one.verdict == "no difference shown" and one.more_users:
        verdict += f"; {one.more_users:,} more users would show such a one"
    return (
        f"{one.before:,.{digits}f}",
        f"{one.after:,.{digits}f}",
        f"{one.delta:+,.{digits}f}",
        interval,
        f"{one.p:.3f}" if one.p >= 0.001 else "< 0.001",
        "" if one.mde is None else f"{one.mde:,.{digits}f}",
        verdict,
    )


@command(
    eval_cli,
    "gate",
    examples="limner eval gate --file evals/gate.yaml --against 20261122-0615\n"
    "limner eval gate 20261122-0702 --file my-gate.yaml --junit gate.xml",
)
def gated(
    file: GateFile,
    run: RunId = None,
    against: Against = None,
    junit: Annotated[Path | None, typer.Option(help="Also write the result here, as JUnit XML for CI.")] = None,
    as_json: Json = False,
) -> None:
    """Whether a run meets the rules of a file: exit 0 if it does, 1 with the reason if not."""
    runs = Runs(settings.read().home)
    judged = runs.open(run)
    checked = gate.check(judged, gate.rules(file), runs.open(against) if against else None)
    if junit is not None:
        write(junit, gate.junit(judged.header, checked))
    if as_json:
        show.document({"run": judged.header.run, "against": against, "passed": passed(checked), "rules": checked})
    else:
        show.findings([(one.metric, one.met, f"must {one.rule}. {one.reason}", "") for one in checked])
    if not passed(checked):
        raise typer.Exit(1)


@command(
    eval_cli,
    "judge",
    examples="limner eval run judge\nlimner eval judge 20261122-0702\n"
    "limner eval judge 20261122-0702 --against 20261122-0615",
)
def judged(
    run: RunId = None,
    against: Against = None,
    as_json: Json = False,
) -> None:
    """What a model says of a run's portraits: whether tags carry each sentence, or which of two runs draws better ones.

    Strict and lenient, and in both orders. It is kept as a run of its own, which can be compared. `limner eval run
    judge` makes the judge's card; a gate does not rest on a judge whose card misses its floor.
    """
    known = settings.read()
    runs = Runs(known.home)
    told = runs.open(run)
    given = _given(told.header, known)
    if not given:
        raise InputError(f"The data that run {told.header.run} answered is not here, or has changed since.")
    task = judge.sentences(told, given) if against is None else judge.pairs(told, runs.open(against), given)
    begun = evaluate.begin(task, told.header.system, known)
    with show.bar(task.name, "samples") as bar:
        header = evaluate.go_on(
            begun,
            task,
            known,
            told=on(bar, task.name),
            report=lambda done, total, failed: bar.at(done + failed, total, unit="samples", title=task.name),
        )
    tell(begun, as_json)
    if not as_json and (wrong := judge.barred(begun, next(iter(task.scorers)))):
        show.message(wrong)
    if header.state != "done":
        raise typer.Exit(1)


def passed(checked: Sequence[gate.Checked]) -> bool:
    return all(one.met for one in checked)


@command(
    eval_cli,
    "report",
    examples="limner eval report --out report.html\n"
    "limner eval report 20261122-0702 --against 20261122-0615 --price 0.15 0.60 --out report.html",
)
def reported(
    out: Annotated[Path, typer.Option(help="The HTML file to write; it opens without a network.")],
    run: RunId = None,
    against: Against = None,
    price: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="IN OUT", help="What a million tokens cost, asked and answered, in any money."),
    ] = None,
    as_json: Json = False,
) -> None:
    """A run as one HTML page: its metrics, groups, cost and worst samples, held against another run if you like."""
    known = settings.read()
    runs = Runs(known.home)
    told = runs.open(run)
    paid = None if price is None else report.Price(*price)
    content = report.page(told, runs.open(against) if against else None, _given(told.header, known), paid)
    write(out, content.encode("utf-8", "replace"))
    if as_json:
        show.document({"run": told.header.run, "against": against, "file": str(out), "bytes": out.stat().st_size})
    else:
        show.line(f"Wrote {out}, {out.stat().st_size / 1e6:.2f} MB.")


def _given(header: Header, known: settings.Settings) -> dict[str, Sample]:
    """The samples of a run by id; {} where its data is not here, or is not what it was."""
    task = TASKS.get(header.task)
    if task is None or task.dataset.absent or task.dataset.digest != header.dataset_digest:
        return {}
    return {sample.id: sample for sample in evaluate.samples_of(task, known, header)}


def write(path: Path, content: bytes) -> None:
    """A file that the user named.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


Trial = Annotated[str | None, typer.Option("--task", help="What to run where no run is given.")]
Few = Annotated[int | None, typer.Option("--limit", min=1, help="Only so many users of it.")]
With = Annotated[str | None, typer.Option("--run", metavar="RUN", help="A run that was made with it.")]
Without = Annotated[str | None, typer.Option("--against", metavar="RUN", help="One made with what is in use.")]


class Sides(NamedTuple):
    """What may take the place of what is in use, and the settings that each is run with."""

    candidate: Side
    current: Side
    tried: settings.Settings
    used: settings.Settings


class Trials(NamedTuple):
    """How both sides are to be run, or the runs that were made."""

    task: str | None
    limit: int | None
    run: str | None
    against: str | None


def promote(
    prompt: Annotated[str, typer.Argument(help="A version that is not in use: propose.v2.")],
    file: GateFile,
    task: Trial = None,
    limit: Few = None,
    run: With = None,
    against: Without = None,
    as_json: Json = False,
) -> None:
    """Put a prompt version into use, if a gate finds that it is good enough beside the one in use.

    A run that is not given is made: of the task, or like the other run, with its version of the prompt.
    """
    known = settings.read()
    one = library.load(prompt)
    current = library.default(one.name)

    def side(of: library.Prompt) -> Side:
        return Side("prompt", of.id, of.id, of.digest)

    def pinned(of: library.Prompt) -> settings.Settings:
        asks = {"persona": {"writer": "model"}, "propose": {"namer": "model"}}.get(of.name, {})
        return known.model_copy(update={"prompts": (*known.prompts, of.id), **asks})

    sides = Sides(side(one), side(current), pinned(one), pinned(current))
    held = _heard(sides, gate.rules(file), Trials(task, limit, run, against))
    if held.passed:
        ledger.add(held.promotion)
    _told(sides, held, as_json)


def promote_model(
    model: Annotated[str, typer.Argument(help="A packaged model, a Hugging Face id, a folder, or a name served.")],
    file: GateFile,
    task: Trial = None,
    limit: Few = None,
    run: With = None,
    against: Without = None,
    as_json: Json = False,
) -> None:
    """Put a model into use in this home, if a gate finds that it is good enough beside the one in use.

    A run that is not given is made with it. Where LIMNER_MODEL or limner.toml names a model, that one is used.
    """
    known = settings.read()
    tried = known.model_copy(update={"model": model})

    def side(of: settings.Settings) -> Side:
        return Side("model", of.model, App(of).model_id)

    sides = Sides(side(tried), side(known), tried, known)
    held = _heard(sides, gate.rules(file), Trials(task, limit, run, against))
    if held.passed:
        ledger.add(held.promotion, ledger.of_home(known.home))
    _told(sides, held, as_json)


def promote_taxonomy(
    taxonomy_file: Annotated[Path, typer.Argument(metavar="FILE", help="A taxonomy, as LIMNER_TAXONOMY takes it.")],
    file: GateFile,
    task: Trial = None,
    limit: Few = None,
    run: With = None,
    against: Without = None,
    as_json: Json = False,
) -> None:
    """Put a taxonomy into use in this home, if a gate finds that it is good enough beside the one in use.

    A run that is not given is made with it. A copy of the file is used from then on, so that it stays as it was
    measured; where LIMNER_TAXONOMY or limner.toml names a file, that one is used.
    """
    known = settings.read()
    tried = known.model_copy(update={"taxonomy": taxonomy_file})
    copy = known.home / "taxonomies" / f"{taxonomy.load(taxonomy_file).digest}.yaml"

    def side(of: settings.Settings, name: str) -> Side:
        loaded = taxonomy.load(of.taxonomy)
        return Side("taxonomy", name, f"{loaded.version} {loaded.digest}", loaded.digest)

    sides = Sides(side(tried, str(copy)), side(known, str(known.taxonomy or "starter")), tried, known)
    held = _heard(sides, gate.rules(file), Trials(task, limit, run, against))
    if held.passed:
        copy.parent.mkdir(parents=True, exist_ok=True)
        write(copy, taxonomy_file.read_bytes())
        ledger.add(held.promotion, ledger.of_home(known.home))
    _told(sides, held, as_json)


def _heard(sides: Sides, asked: gate.Rules, trials: Trials) -> Hearing:
    """What a gate says of a candidate, after the runs that are lacking were made."""
    if sides.candidate.shown == sides.current.shown:
        raise InputError(f"{sides.candidate.shown} is in use already.")
    runs = Runs(sides.used.home)
    earlier, later = (runs.open(one) if one else None for one in (trials.against, trials.run))
    if earlier is None:
        earlier = _run(sides.current, sides.used, trials, later)
    if later is None:
        later = _run(sides.candidate, sides.tried, trials, earlier)
    return hearing(sides.candidate, sides.current, later, earlier, asked)


def _told(sides: Sides, held: Hearing, as_json: bool) -> None:
    """What became of a candidate; exits with 1 where it was refused."""
    candidate, current = sides.candidate, sides.current
    if as_json:
        show.document(
            {candidate.kind: candidate.shown, "promoted": held.passed, "rules": held.checked, "ledger": held.promotion}
        )
    else:
        show.findings([(one.metric, one.met, f"must {one.rule}. {one.reason}", "") for one in held.checked])
        show.line(
            f"{candidate.shown} is in use now, in place of {current.shown}; the ledger says why."
            if held.passed
            else f"{current.shown} stays in use."
        )
    if held.passed and candidate.kind != "prompt" and str(getattr(settings.read(), candidate.kind)) != candidate.name:
        show.message(f"LIMNER_{candidate.kind.upper()} or limner.toml names another: take that out.")
    if not held.passed:
        raise typer.Exit(1)


def _run(side: Side, known: settings.Settings, trials: Trials, like: Run | None) -> Run:
    """A task run with one side, in everything else like the other run.

    Raises:
        InputError: there is no other run, and no task is named.
    """
    task, limit = trials.task, trials.limit
    if like is not None:
        header = like.header
        task, system, limit, seed = header.task, header.system, header.settings["limit"], header.seed
    elif task is not None:
        system, seed = None, 0
    else:
        raise InputError(f"Say on what to try {side.shown}: --task TASK, or --run RUN and --against RUN.")
    chosen = evaluate.named(task, TASKS)
    begun = evaluate.begin(chosen, evaluate.system_of(chosen, system), known, limit=limit, seed=seed)
    with show.bar(side.shown, "samples") as bar:
        evaluate.go_on(
            begun,
            chosen,
            known,
            told=on(bar, side.shown),
            report=lambda done, total, failed: bar.at(done + failed, total, unit="samples", title=side.shown),
        )
    return begun
