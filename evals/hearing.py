"""What users say of themselves, against what the makers of three data sets gave them to say.

PersonaBench (English, written by GPT-4o; with and without noise) hides attributes of four users, current and outdated,
in their messages; the MemoryBank set (Chinese, written by ChatGPT) gives ten users hobbies and a character; PrefEval
(English, written by Claude) lets each user let slip one preference. Three ways to hear are compared on the same users:
the taxonomy's patterns alone, the frames with what code can name, and the frames with the model's names as well. The
facets of places, ages, schools and characters are switched on for it; they are off otherwise.

A tag hits a gold attribute where one's words hold all of the other's, or both are the same thing of the taxonomy; of a
preference it must also lean the same way. Gold holds part of what is true of a user, so the share of the heard tags
that hit is no precision: that was read by eye. `within reach` says how many gold attributes have all their words in
the user's own texts at all.

    python -m evals.hearing --json
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import orjson
import typer

from agents import attribute, clean, listen, merge, signals
from agents.calibrate import DEFAULT
from agents.model import Model
from agents.pace import Pace
from agents.remember import Remembering
from evals.scorers import Metric, ratio
from evals.task import DATA
from limner import settings, show
from limner.app import App
from limner.domain import Event, History, ModelCall, Polarity, Tag
from prompts import library, taxonomy
from prompts.taxonomy import Taxonomy
from prompts.taxonomy.words import compact

OPEN = ("location", "age", "family", "education", "ethnicity", "personality")
"""Facets that are off, and that the gold speaks of."""
WAYS = ("patterns", "code", "model")
PREFEVAL_USERS = 60
_WORD = re.compile(r"[a-z0-9]{2,}|[\u4e00-\u9fff]")
_EMPTY = frozenset(
    """
    a an and the of in on at to for with my i is are be from or as by it its over strongly strong prefer dislike like
    enjoy using use than more rather avoid who that have has not no don
    """.split()  # noqa: SIM905 (forty words in quotation marks are no easier to read)
)
_VERB = re.compile("^[看打弹吃喝听读玩做学练写唱]")


class Gold(NamedTuple):
    """One attribute that a user was given."""

    text: str
    part: str
    """What of the set it belongs to: hobbies, outdated …"""
    polarity: Polarity | None = None


class Heard(NamedTuple):
    """What came of one user, one way."""

    tags: tuple[Tag, ...]
    spans: tuple[str, ...]


class Scored(NamedTuple):
    users: int
    recall: dict[str, dict[str, Metric]]
    """Part of the gold, then way."""
    reach: dict[str, Metric]
    hitting: dict[str, Metric]
    """Share of the tags of a way that hit gold of any part."""
    facts: dict[str, int]
    tokens: tuple[int, int]
    """Sent and received, for the model's names."""


def same(gold: Gold, tag: Tag, known: Taxonomy) -> bool:
    """Whether a tag says what the gold does."""
    if gold.polarity is not None and gold.polarity != tag.polarity:
        return False
    term = known.resolve(gold.text)
    if term is not None and term.key == tag.key:
        return True
    wanted, said = (
        _words(gold.text),
        _words(f"{tag.label.en} {tag.label.zh}" if tag.label.en != tag.label.zh else tag.label.en),
    )
    if gold.polarity is not None:
        return len(said & wanted) >= min(2, len(said)) > 0
    either = (_words(tag.label.en), _words(_VERB.sub("", tag.label.zh)))
    return any(mine and wanted and (mine <= wanted or wanted <= mine) for mine in either) or compact(
        _VERB.sub("", gold.text)
    ) == compact(_VERB.sub("", tag.label.zh))


def _words(text: str) -> frozenset[str]:
    return frozenset(word[:6].rstrip("s") for word in _WORD.findall(text.casefold()) if word not in _EMPTY)


def lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        yield from file


async def hear(
    histories: Mapping[str, History], model: Model, known: Taxonomy, ledger: Callable[[ModelCall], None]
) -> dict[str, list[listen.Heard]]:
    """What is heard of each user, with the model's names."""
    prompt = library.default("listen")

    async def one(user: str) -> list[listen.Heard]:
        return await listen.listen(
            histories[user].events, user_id=user, model=model, prompt=prompt, taxonomy=known, ledger=ledger
        )

    heard = await asyncio.gather(*map(one, histories))
    return dict(zip(histories, heard, strict=True))


def published(history: History, heard: Sequence[listen.Heard], known: Taxonomy) -> tuple[Tag, ...]:
    """The tags that counting and hearing publish, without any that a model proposes."""
    counted = listen.told(signals.signals(history, known), heard)
    claims = attribute.attribute(counted, [], [], known)
    return tuple(tag for tag in merge.tags(claims, counted, known, {}, DEFAULT) if tag.status == "verified")


def plain(history: History, known: Taxonomy) -> list[listen.Heard]:
    """What code names alone."""
    return [*listen.plainly(history.events, known), *listen.over(history.events, known)]


def score(
    histories: Mapping[str, History],
    gold: Mapping[str, Sequence[Gold]],
    heard: Mapping[str, Sequence[listen.Heard]],
    known: Taxonomy,
    tokens: tuple[int, int],
) -> Scored:
    """The three ways on the same users."""
    ways: dict[str, dict[str, tuple[Tag, ...]]] = {
        "patterns": {user: published(history, [], known) for user, history in histories.items()},
        "code": {user: published(history, plain(history, known), known) for user, history in histories.items()},
        "model": {user: published(history, heard[user], known) for user, history in histories.items()},
    }
    users = list(histories)
    parts = sorted({one.part for user in users for one in gold[user]})
    recall: dict[str, dict[str, Metric]] = {}
    reach: dict[str, Metric] = {}
    for part in parts:
        wanted = {user: [one for one in gold[user] if one.part == part] for user in users}
        recall[part] = {way: _recall(tags, wanted, known) for way, tags in ways.items()}
        said = {user: _words(" ".join(event.text for event in histories[user].events)) for user in users}
        hits = [sum(_words(one.text) <= said[user] for one in wanted[user]) for user in users]
        reach[part] = ratio(hits, [len(wanted[user]) - hit for user, hit in zip(users, hits, strict=True)])
    hitting = {
        way: ratio(
            [sum(any(same(one, tag, known) for one in gold[user]) for tag in tags[user]) for user in users],
            [sum(not any(same(one, tag, known) for one in gold[user]) for tag in tags[user]) for user in users],
        )
        for way, tags in ways.items()
    }
    facts = {way: sum(len(found) for found in tags.values()) for way, tags in ways.items()}
    return Scored(len(users), recall, reach, hitting, facts, tokens)


def _recall(tags: Mapping[str, Sequence[Tag]], wanted: Mapping[str, Sequence[Gold]], known: Taxonomy) -> Metric:
    hits = [sum(any(same(one, tag, known) for tag in tags[user]) for one in wanted[user]) for user in wanted]
    return ratio(hits, [len(wanted[user]) - hit for user, hit in zip(wanted, hits, strict=True)])


def gold_of(folder: Path, known: Taxonomy) -> dict[str, list[Gold]]:
    """What the set says of each user, each attribute once."""
    found: dict[str, dict[tuple[str, str], Gold]] = defaultdict(dict)
    for line in lines(folder / "gold_tags.jsonl"):
        row = orjson.loads(line)
        part = str(row["dimension"])
        if folder.name == "personabench":
            if part not in ("Basic information", "Preference"):
                continue  # attributes of others, and letters of a multiple choice
            part = row["status"] if part == "Preference" else part
        leaning = _leaning(str(row["tag"])) if folder.name == "prefeval" else None
        found[str(row["user_id"])].setdefault((part, compact(str(row["tag"]))), Gold(str(row["tag"]), part, leaning))
    return {user: list(gold.values()) for user, gold in found.items()}


def _leaning(sentence: str) -> Polarity:
    """Which way a preference leans, by its first clause."""
    return (
        -1
        if re.search(r"avers|dislike|avoid|hate|not |n't|difficult|uncomfort|disorient|allerg|can't|hard to", sentence)
        else 1
    )


def histories_of(path: Path, users: Sequence[str]) -> dict[str, History]:
    """The cleaned histories of these users."""
    events: dict[str, list[Event]] = {user: [] for user in users}
    for line in lines(path):
        event = Event.model_validate_json(line)
        if event.user_id in events:
            events[event.user_id].append(event)
    return {user: clean.clean(History(user_id=user, events=tuple(own))).history for user, own in events.items()}


def sets(data: Path) -> Iterator[tuple[str, Path, Path, int | None]]:
    """Name, folder, events and users (None for all) of each set."""
    yield "memorybank_cn", data / "memorybank_cn", data / "memorybank_cn" / "events.jsonl", None
    yield "personabench", data / "personabench", data / "personabench" / "events.jsonl.gz", None
    yield "personabench, noise 0.5", data / "personabench", data / "personabench" / "events_noise0.5.jsonl.gz", None
    yield "prefeval", data / "prefeval", data / "prefeval" / "events.jsonl.gz", PREFEVAL_USERS


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = DATA,
    cards: Annotated[int, typer.Option(help="Heard facts of each set to show, with their words.")] = 0,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Recall of what users were given to say, by patterns, by frames, and by frames with the model's names."""
    if not data.is_dir():
        raise typer.BadParameter(f"{data} is not there: the data sets are not part of limner.")
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "open.yaml"
        opened = "\n".join(f'  {facet}: {{served: "default"}}' for facet in OPEN)
        own.write_text(f'version: "open"\nextends: starter\nfacets:\n{opened}\n', "utf-8")
        known = taxonomy.load(own)
    app = App(settings.read())
    with app.model(lambda stage, done, total, unit: None) as model:
        results, shown = asyncio.run(_over(app, model, data, known))
    app.close()
    if as_json:
        show.document({name: result._asdict() for name, result in results.items()})
        return
    rows: list[tuple[str, ...]] = []
    for name, result in results.items():
        rows.append((f"{name}: {result.users} users", *(f"{result.facts[way]} tags" for way in WAYS), ""))
        for part, by_way in result.recall.items():
            rows.append((f"  {part}", *(by_way[way].counted() for way in WAYS), result.reach[part].words()))
        rows.append(("  tags that hit", *(result.hitting[way].counted() for way in WAYS), ""))
        rows.append((f"  tokens {result.tokens[0]:,} in, {result.tokens[1]:,} out", "", "", "", ""))
    show.table(("", "patterns", "frames", "frames and model", "within reach"), rows)
    if cards:
        show.table(("set", "heard", "in the words"), [row for name in results for row in _of(name, shown)[:cards]])


def _of(name: str, shown: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [row for row in shown if row[0] == name]


async def _over(app: App, model: Model, data: Path, known: Taxonomy) -> tuple[dict[str, Scored], list[tuple[str, ...]]]:
    """The result of each set, and the facts heard in it with their words, in an order of no meaning."""
    results: dict[str, Scored] = {}
    shown: list[tuple[str, ...]] = []
    for name, folder, events, most in sets(data):
        gold = gold_of(folder, known)
        users = sorted(gold, key=lambda user: hashlib.blake2b(user.encode()).digest())[:most]
        histories = histories_of(events, users)
        run = app.runs.start(config={"task": "hearing", "set": name}, users_total=len(users))
        spent: list[ModelCall] = []
        remembering = Remembering(model, Pace(None, fixed=8), app.runs.answer)
        with show.bar(name, "users"):
            heard = await hear(histories, remembering, known, partial(_spend, app, run, spent))
        app.runs.finish(run, "done")
        tokens = (sum(call.tokens_in for call in spent), sum(call.tokens_out for call in spent))
        results[name] = score(histories, gold, heard, known, tokens)
        facts = [(name, fact.label.en, fact.span) for own in heard.values() for fact in own]
        shown += sorted(facts, key=lambda fact: hashlib.blake2b(fact[2].encode()).digest())
    await model.aclose()
    return results, shown


def _spend(app: App, run: str, spent: list[ModelCall], call: ModelCall) -> None:
    spent.append(call)
    app.runs.record(run, call)


if __name__ == "__main__":
    typer.run(main)
