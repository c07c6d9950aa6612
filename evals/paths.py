"""Follow-ups of a conversation, by the direct path and by the agent: `python -m evals.paths`.

    python -m evals.paths --direct      over a profiled database (the sample's); without --direct by the agent, too

They are written by limner's authors, before either path was run on them; each is right where it counts or names what
the same question asked in full does (a follow-up about one user: the same count). Intervals are resampled by question.
Which path answers questions about one person better: `limner eval run locomo`, and the same with `--system agent`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from evals.datasets.histories import rows
from evals.scorers import ratio
from limner import settings, show
from limner.app import App
from limner.asking import Asking
from limner.domain import Reply
from limner.errors import LimnerError

FOLLOWUPS = Path(__file__).with_name("datasets") / "followups.jsonl"
PATHS = ("direct", "agent")


class Answered(NamedTuple):
    """How one path did with one follow-up."""

    id: str
    right: bool
    seconds: float
    said: str


def main(
    direct: Annotated[bool, typer.Option("--direct", help="Without the agent.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
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
    if as_json:
        show.document({path: [one._asdict() for one in found] for path, found in results.items()})
        return
    show.table(
        ("", "right", "seconds a question"),
        [
            (
                path,
                ratio([one.right for one in found], [not one.right for one in found]).counted(),
                f"{sum(one.seconds for one in found) / len(found):,.1f}",
            )
            for path, found in results.items()
        ],
    )
    for path, found in results.items():
        show.line(f"{path}, not right: {', '.join(one.id for one in found if not one.right) or 'none'}")


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
    return Answered(row["id"], right, time.monotonic() - begun, reply.answer)


def _asked(reply: Reply) -> tuple[object, ...]:
    """What a reply about all users tells: the kind of thing asked for, and who or how many it found."""
    assert reply.query is not None
    return reply.query["want"], frozenset(reply.users or ()), reply.count, reply.abstained


if __name__ == "__main__":
    typer.run(main)
