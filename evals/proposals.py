"""Which wording of the `propose` prompt earns its tokens: `python -m evals.proposals --prompt propose.v1 …`.

Every wording is asked for the same users. What it adds are tags that counting proves and that would not be there had
no model named them: counted things stand without it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer

from agents import attribute, batch, clean, merge, propose
from agents.model import Model
from evals.datasets.ratings import DOUBAN, MOVIELENS
from evals.scorers import Metric, per
from evals.task import Sample
from limner import settings, show
from limner.app import App
from limner.domain import ModelCall
from limner.errors import AnswerError
from prompts import library

AT_ONCE = 12


class Asked(NamedTuple):
    """What one wording brought for one user."""

    user_id: str
    tokens: int
    named: int
    """Tags that the model named."""
    added: tuple[str, ...]
    """Keys of verified tags that only stand because the model named them."""
    verified: int


class Earned(NamedTuple):
    """What one wording brought for one data set."""

    prompt: str
    users: int
    tokens: float
    """A user."""
    named: Metric
    """A user."""
    added: Metric
    """Verified tags that counting alone does not name, for 1,000 tokens."""
    verified: Metric
    """All verified tags, for 1,000 tokens."""
    keys: dict[str, int]
    """Of the added tags, with the users that have them."""


async def ask(app: App, prompt: library.Prompt, samples: Sequence[Sample], model: Model, bar: show.Bar) -> list[Asked]:
    """The wording put to every user, a dozen at once."""
    parts = app.parts(())._replace(propose=prompt)
    slots = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def one(sample: Sample) -> Asked:
        nonlocal done
        calls: list[ModelCall] = []
        async with slots:
            reading = batch.read(clean.clean(sample.history), parts, model.count_tokens)
            try:
                proposals = await propose.propose(
                    reading.digest,
                    reading.lang,
                    user_id=sample.id,
                    model=model,
                    prompt=prompt,
                    taxonomy=parts.taxonomy,
                    ledger=calls.append,
                )
            except AnswerError:
                proposals = []  # what it cost counts all the same
        found: list[set[str]] = []
        for named in ((), proposals):
            claims = attribute.attribute(reading.signals, reading.habits, named, parts.taxonomy)
            tags = merge.tags(claims, reading.signals, parts.taxonomy, {}, parts.fit)
            found.append({tag.key for tag in tags if tag.status == "verified"})
        done += 1
        bar.at(done, len(samples), title=prompt.id)
        counted, both = found
        tokens = sum(call.tokens_in + call.tokens_out for call in calls)
        return Asked(sample.id, tokens, len(proposals), tuple(sorted(both - counted)), len(both))

    return await asyncio.gather(*map(one, samples))


async def compare(
    app: App, wordings: Sequence[library.Prompt], samples: Sequence[Sample], bar: show.Bar
) -> list[Earned]:
    """Every wording, one after the other."""
    with app.model(lambda stage, done, total, unit: bar.at(done, total or None, title=stage)) as model:
        try:
            return [earned(one.id, await ask(app, one, samples, model, bar)) for one in wordings]
        finally:
            await model.aclose()


def earned(prompt: str, asked: Sequence[Asked]) -> Earned:
    thousands = [one.tokens / 1000 for one in asked]
    return Earned(
        prompt=prompt,
        users=len(asked),
        tokens=sum(one.tokens for one in asked) / len(asked),
        named=per([one.named for one in asked], [1.0] * len(asked)),
        added=per([len(one.added) for one in asked], thousands),
        verified=per([one.verified for one in asked], thousands),
        keys=dict(Counter(key for one in asked for key in one.added).most_common()),
    )


def main(
    prompt: Annotated[list[str], typer.Option(help="Wordings to compare.")],
    users: Annotated[int, typer.Option(help="Users of each set.")] = 30,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Verified tags for 1,000 tokens, wording by wording, on the same users of real data sets."""
    wordings = [library.load(name) for name in prompt]
    results: dict[str, list[Earned]] = {}
    with tempfile.TemporaryDirectory() as home:
        app = App(settings.read().model_copy(update={"database_url": f"sqlite:///{home}/limner.db"}))
        for data in (MOVIELENS, DOUBAN):
            with show.bar(data.name, "users") as bar:
                samples = data.samples(app.taxonomy, limit=users)
                results[data.name] = asyncio.run(compare(app, wordings, samples, bar))
        app.close()
    if as_json:
        show.document({name: [one._asdict() for one in found] for name, found in results.items()})
        return
    for name, found in results.items():
        show.line(f"\n{name}, {found[0].users} users")
        show.table(
            ("wording", "tokens a user", "named a user", "added for 1,000 tokens", "verified for 1,000 tokens"),
            [
                (one.prompt, f"{one.tokens:,.0f}", one.named.words(), one.added.words(), one.verified.words())
                for one in found
            ],
        )
        for one in found:
            show.line(f"{one.prompt} adds: {', '.join(f'{key} {n}' for key, n in one.keys.items()) or 'nothing'}")


if __name__ == "__main__":
    typer.run(main)
