"""Behaviour tags of households against what their own baskets say, by counting alone: part of `make quality`.

The Complete Journey (grocery baskets of one year, simulated on real patterns) carries, per household, whether it is
price-sensitive, shops often, at weekends and so on, computed by its converter with definitions of its own from receipts
that limner reads too. Agreement therefore says that limner reads baskets right and means by these words about what
another analyst means, not that the household would agree. The rules on when somebody shops, and on half as much again
as the median, were set after a first look at the 120 households of the shared part. No model is asked. The set is not
part of limner; where it is not beside the project, nothing is measured and the command says so.

Beside limner's tags stand two baselines: what is told of a household without comparing it with others, and every tag
given to everybody. Interests are scored against the 25 categories most often in a household's baskets, and against
those it bought in the four weeks after the last basket limner saw, beside the twelve that most households buy.

    python -m evals.behaviours --json
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import typer

from agents import attribute, merge
from agents.batch import baseline as shares
from agents.behaviour import MATERIAL, QUARTER, Behaviour, behaviours
from agents.calibrate import DEFAULT
from agents.clean import clean
from agents.ingest import ingest
from agents.population import NOBODY, Population, population
from agents.signals import Signals, signals
from evals.genres import DATA, lines
from evals.scorers import Metric, f1, ratio
from limner import show
from limner.domain import History
from prompts import taxonomy
from prompts.taxonomy import Taxonomy
from store.database import Database
from store.events import EventStore

SET = "completejourney"
ZONE = ZoneInfo("UTC")
KEYS = {
    "price_sensitive": "behaviour/price-sensitive",
    "brand_loyal_full_price": "behaviour/full-price",
    "coupon_user": "behaviour/coupon-user",
    "frequent_shopper": "behaviour/frequent-shopper",
    "big_basket": "behaviour/big-basket",
    "weekend_shopper": "behaviour/weekend-shopper",
    "morning_shopper": "behaviour/morning-shopper",
    "evening_shopper": "behaviour/evening-shopper",
}
"""What the set calls a tag, and limner's key."""
QUARTERS = {
    "top quarter of spend": ("spend", "behaviour/high-spender"),
    "top quarter of baskets": ("n_baskets", "behaviour/frequent-shopper"),
    "top quarter of mean basket": ("mean_basket", "behaviour/big-basket"),
}
"""What limner means by three tags, by the statistic that the set gives for it, and limner's key."""
MOST = 12
"""Interests that limner publishes at most."""
SWAPS: Sequence[Mapping[str, Any]] = (
    {"name": "Mary Jones", "gender": "female", "region": "Kent"},
    {"name": "Mohammed Ali", "gender": "male", "region": "Leeds"},
    {"name": "王芳", "gender": "女", "region": "河南"},
)
"""What must not matter to a computed tag."""


class Agreed(NamedTuple):
    """How well one way to tag agrees with the set on a tag."""

    precision: Metric
    recall: Metric
    f1: Metric


class Scored(NamedTuple):
    users: int
    tags: dict[str, dict[str, Agreed]]
    """Way to tag, then tag of the set; `all` takes the set's own flags together."""
    interests: dict[str, Metric]
    flipped: int
    """Computed tags that came or went with a name, a gender or a region."""
    milliseconds: float
    """Of processor time a user, for the measures and their comparison."""


def score(folder: Path, known: Taxonomy) -> Scored:
    """The whole set, ingested into a store of its own and tagged by counting."""
    with tempfile.TemporaryDirectory() as home:
        database = Database(f"sqlite:///{home}/limner.db")
        store = EventStore(database)
        ingest([next(folder.glob("events.jsonl*"))], store, rejects=Path(home) / "rejects")
        try:
            return _scored(store, folder, known)
        finally:
            database.close()


def _scored(store: EventStore, folder: Path, known: Taxonomy) -> Scored:
    others = population(store, ZONE, NOBODY)
    baseline = shares(store, known)
    gold, top, following = _gold(folder, known)
    published: dict[str, set[str]] = {}
    absolute: dict[str, set[str]] = {}
    interests: dict[str, set[str]] = {}
    flipped, spent = 0, 0.0
    users = sorted(gold)
    for user in users:
        history = store.history(user)
        read = signals(clean(history).history, known)
        began = time.process_time()
        habits = behaviours(read, ZONE, others)
        spent += time.process_time() - began
        found = _published(read, habits, known, baseline)
        published[user] = {key for key in found if key.startswith("behaviour/")}
        interests[user] = found - published[user]
        absolute[user] = {habit.key for habit in behaviours(read, ZONE)}
        flipped += sum(len(_swapped(history, swap, others, known) ^ {habit.key for habit in habits}) for swap in SWAPS)
    every = {*KEYS.values(), *(key for _, key in QUARTERS.values())}
    everybody = dict.fromkeys(users, every)
    return Scored(
        users=len(users),
        tags={
            "limner": _agreed(published, gold),
            "compared with nobody": _agreed(absolute, gold),
            "everybody has it": _agreed(everybody, gold),
        },
        interests=_interests(interests, top, following),
        flipped=flipped,
        milliseconds=1000 * spent / len(users),
    )


def _published(read: Signals, habits: Sequence[Behaviour], known: Taxonomy, baseline: Mapping[str, float]) -> set[str]:
    claims = attribute.attribute(read, habits, [], known)
    return {tag.key for tag in merge.tags(claims, read, known, baseline, DEFAULT) if tag.status == "verified"}


def _swapped(history: History, swap: Mapping[str, Any], others: Population, known: Taxonomy) -> set[str]:
    """The computed tags of the same history of somebody else."""
    events = tuple(event.model_copy(update={"meta": {**event.meta, **swap}}) for event in history.events)
    read = signals(clean(History(user_id=history.user_id, events=events)).history, known)
    return {habit.key for habit in behaviours(read, ZONE, others)}


def _agreed(published: Mapping[str, set[str]], gold: Mapping[str, Mapping[str, bool]]) -> dict[str, Agreed]:
    keys = KEYS | {tag: key for tag, (_, key) in QUARTERS.items()}
    counts = {
        name: [_counts(published[user], gold[user], {name: keys[name]}) for user in sorted(gold)] for name in keys
    } | {"all": [_counts(published[user], gold[user], KEYS) for user in sorted(gold)]}
    return {
        name: Agreed(
            ratio([one.right for one in every], [one.wrong for one in every]),
            ratio([one.right for one in every], [one.missed for one in every]),
            f1(*(list(side) for side in zip(*every, strict=True))),
        )
        for name, every in counts.items()
    }


class _Counts(NamedTuple):
    right: int
    wrong: int
    missed: int


def _counts(published: set[str], gold: Mapping[str, bool], keys: Mapping[str, str]) -> _Counts:
    pairs = [(key in published, gold[name]) for name, key in keys.items()]
    return _Counts(pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True)))


def _interests(
    interests: Mapping[str, set[str]], top: Mapping[str, set[str]], following: Mapping[str, set[str]]
) -> dict[str, Metric]:
    usual = {key for key, _ in Counter(key for keys in top.values() for key in keys).most_common(MOST)}
    users = sorted(interests)

    def share(named: Mapping[str, set[str]], true: Mapping[str, set[str]]) -> Metric:
        return ratio([len(named[u] & true[u]) for u in users], [len(named[u] - true[u]) for u in users])

    everybody = dict.fromkeys(users, usual)
    return {
        "interests among the user's 25 top categories": share(interests, top),
        "interests bought in the next four weeks": share(interests, following),
        "the 12 usual categories, among the user's top": share(everybody, top),
        "the 12 usual categories, bought in the next weeks": share(everybody, following),
    }


def _gold(folder: Path, known: Taxonomy) -> tuple[dict[str, dict[str, bool]], dict[str, set[str]], dict[str, set[str]]]:
    """Per user the flags, the keys of the top categories, and those of the categories bought next."""
    flags = defaultdict[str, dict[str, bool]](dict)
    top, following = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for row in map(orjson.loads, lines(folder / "gold_tags.jsonl")):
        if row["dimension"] == "behaviour":
            flags[row["user_id"]][row["tag"]] = row["value"]
        elif (named := known.named("categories", row["tag"])) is not None:
            top[row["user_id"]].add(named.key)
    for row in map(orjson.loads, lines(folder / "gold_next.jsonl")):
        if (named := known.named("categories", row["item_id"])) is not None:
            following[row["user_id"]].add(named.key)
    stats = {row["user_id"]: row["stats"] for row in map(orjson.loads, lines(folder / "users.jsonl"))}
    for tag, (statistic, _) in QUARTERS.items():
        middle, quarter = np.quantile([of_one[statistic] for of_one in stats.values()], (0.5, QUARTER))
        cut = max(quarter, MATERIAL * middle)
        for user, of_one in stats.items():
            flags[user][tag] = bool(of_one[statistic] >= cut)
    return flags, top, following


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Precision, recall and F1 of behaviour tags on the Complete Journey; no model is needed.

    Example: python -m evals.behaviours --json
    """
    if not (data / SET).is_dir():
        raise typer.BadParameter(f"{data / SET} is not there: the data sets are not part of limner.")
    result = score(data / SET, taxonomy.load())
    if as_json:
        show.document(result._asdict())
        return
    for way, tags in result.tags.items():
        show.table(
            (way, "precision", "recall", "F1", "n"),
            [(name, *(metric.words() for metric in agreed), str(agreed.f1.n)) for name, agreed in tags.items()],
        )
    show.table(
        ("", ""),
        [
            ("users", str(result.users)),
            *((name, metric.words()) for name, metric in result.interests.items()),
            ("computed tags that flip with name, gender or region", str(result.flipped)),
            ("milliseconds a user", f"{result.milliseconds:.2f}"),
        ],
    )


if __name__ == "__main__":
    typer.run(main)
