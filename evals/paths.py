"""Which path answers better with the model at hand, the direct one or the agent: `python -m evals.paths`.

    python -m evals.paths locomo --questions 20   questions about one person (LoCoMo), paired
    python -m evals.paths followups --direct      follow-ups of a conversation over a profiled database (the sample's);
                                                  without --direct by the agent, too

Follow-ups are written by limner's authors, before either path was run on them; each is right where it counts or names
what the same question asked in full does (a follow-up about one user: the same count).
LoCoMo's questions are drawn evenly from its five categories in the conversations that nothing was chosen on. Both paths
answer the same questions with the same model; intervals are resampled by conversation, or by question.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from agents import agent
from agents.ask import Person, ask
from agents.embedder import open_embedder
from agents.model import VllmModel
from evals.answers import locomo_f1
from evals.datasets.histories import rows
from evals.memory import ANSWERED, FITTED, Question, locomo, mean, remembered
from evals.task import DATA
from limner import settings, show
from limner.app import App
from limner.asking import Asking
from limner.domain import ModelCall, Reply
from limner.errors import LimnerError, ModelError
from prompts import library, taxonomy

FOLLOWUPS = Path(__file__).with_name("datasets") / "followups.jsonl"
PATHS = ("direct", "agent")

cli = typer.Typer(no_args_is_help=True, help=__doc__)


class Answered(NamedTuple):
    """How one path did with one question."""

    id: str
    group: str
    right: float
    """F1 of the answer, or whether a follow-up was right; of an unanswerable question, whether it abstained."""
    answerable: bool
    calls: int
    tokens: int
    seconds: float
    said: str


def drawn(questions: Sequence[Question], most: int) -> list[Question]:
    """Questions of the reported conversations, as many of each category as of the others, spread over them all."""
    kinds: dict[int, list[Question]] = {}
    for one in questions:
        if one.group not in FITTED:
            kinds.setdefault(one.category, []).append(one)
    each = -(-most // len(kinds))
    spread = [own[:: max(1, len(own) // each)][:each] for _, own in sorted(kinds.items())]
    return [one for turn in zip_longest(*spread) for one in turn if one is not None][:most]


@cli.command("locomo")
def about_one(
    count: Annotated[int, typer.Option("--questions")] = 20,
    at_once: Annotated[int, typer.Option(help="Questions in flight.")] = 4,
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = DATA,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """LoCoMo's questions by both paths."""
    histories, every = locomo(data)
    chosen = drawn(every, count)
    people = {name: Person(name, remembered(histories[name])) for name in {one.group for one in chosen}}
    app = App(settings.read())
    known = taxonomy.load()
    with show.bar("questions", "questions") as bar:
        embed = open_embedder(app.settings.embedder, app.settings.home, progress=lambda *_: None).embed

        async def answered(path: str, one: Question, model: VllmModel) -> Answered:
            calls, begun, person = list[ModelCall](), time.monotonic(), people[one.group]
            parts: dict[str, Any] = {"model": model, "embed": embed, "taxonomy": known, "ledger": calls.append}
            try:
                if path == "agent":
                    prompt = library.default("converse")
                    reply = await agent.about_one(one.text, person, evidence=lambda _: (), prompt=prompt, **parts)
                else:
                    reply = await ask(one.text, person, prompt=library.default("answer"), **parts)
            except ModelError as error:
                reply = Reply(question=one.text, scope="user", answer=str(error), abstained=True)
            text = "" if reply.abstained else reply.answer
            right = locomo_f1(text, one.answer, one.category) if one.category in ANSWERED else float(reply.abstained)
            spent = sum(call.tokens_in + call.tokens_out for call in calls)
            seconds = time.monotonic() - begun
            return Answered(
                one.id, one.group, right, one.category in ANSWERED, len(calls), spent, seconds, reply.answer
            )

        async def both() -> dict[str, list[Answered]]:
            with app.model(lambda *_: None) as model:
                free, done = asyncio.Semaphore(at_once), 0

                async def turn(path: str, one: Question) -> Answered:
                    nonlocal done
                    async with free:
                        result = await answered(path, one, model)
                    bar.at(done := done + 1, 2 * len(chosen))
                    return result

                try:
                    found = await asyncio.gather(*(turn(path, one) for one in chosen for path in PATHS))
                finally:
                    await model.aclose()
                return {path: list(found[at :: len(PATHS)]) for at, path in enumerate(PATHS)}

        results = asyncio.run(both())
    app.close()
    _report(results, as_json=as_json)


@cli.command()
def followups(
    direct: Annotated[bool, typer.Option("--direct", help="Without the agent.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Follow-ups by both paths, over the database of the settings: the bundled sample, ingested and run."""
    app, results = App(settings.read()), dict[str, list[Answered]]()
    every = list(rows(FOLLOWUPS))
    with show.bar("follow-ups", "questions") as bar, Asking(app, "evaluation", lambda *_: None) as plain:
        for path in PATHS[: 1 if direct else None]:
            for number, row in enumerate(every):
                bar.at(number, len(every), title=path)
                results.setdefault(path, []).append(_followed(row, path, app, plain))
    app.close()
    _report(results, as_json=as_json)


def _followed(row: dict[str, Any], path: str, app: App, plain: Asking) -> Answered:
    meant, begun = plain.ask(row["alone"], user=row["user"]).reply, time.monotonic()
    with Asking(app, "evaluation", lambda *_: None, conversing=True) as direct:
        first = direct.ask(row["earlier"], user=row["user"]).reply
        try:
            if path == "direct":
                reply = direct.ask(row["question"], user=row["user"]).reply
            else:
                with Asking(app, "evaluation", lambda *_: None, conversing=True, with_agent=True) as other:
                    other.remember(row["earlier"], first.answer)
                    reply = other.ask(row["question"], user=row["user"]).reply
        except LimnerError as error:
            reply = Reply(question=row["question"], scope="population", answer=str(error), abstained=True)
    if row["user"] is None:
        right = reply.query is not None and _asked(reply) == _asked(meant)
    else:
        right = reply.count == meant.count if reply.count is not None else f"{meant.count}" in reply.answer.split()
    return Answered(row["id"], row["id"], float(right), True, 0, 0, time.monotonic() - begun, reply.answer)


def _asked(reply: Reply) -> tuple[object, ...]:
    """What a reply about all users tells: the kind of thing asked for, and who or how many it found."""
    assert reply.query is not None
    return reply.query["want"], frozenset(reply.users or ()), reply.count, reply.abstained


def _report(results: dict[str, list[Answered]], *, as_json: bool) -> None:
    if as_json:
        show.document({path: [one._asdict() for one in found] for path, found in results.items()})
        return
    said: list[tuple[str, ...]] = []
    paired = len(results) == len(PATHS)
    for answerable, what in ((True, "right, or F1"), (False, "abstains where nothing says")):
        columns = [[one for one in found if one.answerable == answerable] for found in results.values()]
        if not columns[0]:
            continue
        groups, rights = [one.group for one in columns[0]], [[one.right for one in column] for column in columns]
        gain = [[other - one for one, other in zip(*rights, strict=True)]] if paired else []
        said.append((what, *(mean(column, groups).counted() for column in (*rights, *gain))))
    for what in ("calls", "tokens", "seconds"):
        means = [sum(getattr(one, what) for one in found) / len(found) for found in results.values()]
        said.append(
            (f"{what} a question", *(f"{one:,.1f}" for one in means), *([f"{means[1] - means[0]:+,.1f}"] * paired))
        )
    show.table(("", *results, *(["agent − direct"] * paired)), said)
    for name, found in results.items():
        wrong = [one for one in found if one.answerable and one.right < 1]
        show.line(f"{name}, not wholly right: {', '.join(one.id for one in wrong) or 'none'}")


if __name__ == "__main__":
    cli()
