"""The Complete Journey: behaviour tags of households against another analyst's flags. See completejourney.md."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from pathlib import Path

import numpy as np

from agents.behaviour import MATERIAL, QUARTER, behaviours
from agents.clean import clean
from agents.signals import signals
from evals.datasets.histories import histories, rows
from evals.portraits import LESS, failing_evidence, flips, named_by
from evals.runs import Output
from evals.systems import VERIFIED, counting
from evals.task import DATA, Bench, Dataset, Sample, Scorer, System, Tally
from prompts.taxonomy import Taxonomy

FOLDER = DATA / "completejourney"
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
    "top_quarter_of_spend": ("spend", "behaviour/high-spender"),
    "top_quarter_of_baskets": ("n_baskets", "behaviour/frequent-shopper"),
    "top_quarter_of_mean_basket": ("mean_basket", "behaviour/big-basket"),
}
"""What limner means by three tags, by the statistic that the set gives for it, and limner's key."""
EVERY = KEYS | {tag: key for tag, (_, key) in QUARTERS.items()}
GROUPS = ("age", "income", "kids_count")
"""Demographics between which quality must not differ; no system sees them."""
MOST = 12
"""Interests that limner publishes at most."""


def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a household."""
    events, tags, following, users = files
    flags = defaultdict[str, dict[str, bool]](dict)
    top, later = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for row in rows(tags):
        if row["dimension"] == "behaviour":
            flags[row["user_id"]][row["tag"]] = row["value"]
        elif (named := taxonomy.named("categories", row["tag"])) is not None:
            top[row["user_id"]].add(named.key)
    for row in rows(following):
        if (named := taxonomy.named("categories", row["item_id"])) is not None:
            later[row["user_id"]].add(named.key)
    known = {row["user_id"]: row for row in rows(users)}
    stats = {user: row["stats"] for user, row in known.items()}
    for tag, (statistic, _) in QUARTERS.items():
        middle, quarter = np.quantile([of_one[statistic] for of_one in stats.values()], (0.5, QUARTER))
        cut = max(quarter, MATERIAL * middle)
        for user, of_one in stats.items():
            flags[user][tag] = bool(of_one[statistic] >= cut)
    return [
        Sample(
            user,
            history,
            {"flags": flags[user], "top": sorted(top[user]), "later": sorted(later[user])},
            groups={name: value for name in GROUPS if (value := known[user]["attributes"][name]) is not None},
            about={event.event_id: named_by(event, taxonomy) for event in history.events},
        )
        for user, history in histories(events).items()
    ]


COMPLETEJOURNEY = Dataset(
    "completejourney",
    tuple(FOLDER / name for name in ("events.jsonl", "gold_tags.jsonl", "gold_next.jsonl", "users.jsonl")),
    read,
)


# --- the baselines ---


def alone(sample: Sample, taxonomy: Taxonomy) -> dict[str, object]:
    """What is told of a household without comparing it with others."""
    habits = behaviours(signals(clean(sample.history).history, taxonomy), UTC)
    return {"tags": [{"key": habit.key} for habit in habits]}


def _everybody(bench: Bench) -> str:
    """Every behaviour given to every household, and the categories that most of them buy."""
    bought = Counter(
        key
        for sample in bench.samples
        for key in {key for keys in sample.about.values() for key in keys if not key.startswith("brand/")}
    )
    usual = [key for key, _ in bought.most_common(MOST)]
    for sample in bench.left:
        bench.finish(sample, {"tags": [{"key": key} for key in [*dict.fromkeys(EVERY.values()), *usual]]})
    return ""


SYSTEMS: Mapping[str, System] = {"verified": VERIFIED, "alone": counting(alone), "everybody": System(_everybody)}


# --- the scorers ---


def _keys(output: Output, *, behaviour: bool) -> set[str]:
    return {key for tag in output.output["tags"] if (key := tag["key"]).startswith("behaviour/") is behaviour}


def _f1(flags: Mapping[str, str]) -> Callable[[Sample, Output], Tally]:
    """Precision and recall of these flags in one number; Manning, Raghavan and Schütze (2008), section 8.3."""

    def f1(sample: Sample, output: Output) -> Tally:
        published, gold = _keys(output, behaviour=True), sample.reference["flags"]
        pairs = [(key in published, gold[name]) for name, key in flags.items()]
        right = pairs.count((True, True))
        return Tally(right, right + (pairs.count((True, False)) + pairs.count((False, True))) / 2)

    return f1


def precision(sample: Sample, output: Output) -> Tally:
    """Of the published tags that the set has flags for, those it raises."""
    published, gold = _keys(output, behaviour=True), sample.reference["flags"]
    said = [gold[name] for name, key in KEYS.items() if key in published]
    return Tally(sum(said), len(said))


def recall(sample: Sample, output: Output) -> Tally:
    """Of the flags that are raised, those published."""
    published, gold = _keys(output, behaviour=True), sample.reference["flags"]
    true = [key in published for name, key in KEYS.items() if gold[name]]
    return Tally(sum(true), len(true))


def interests_among_top(sample: Sample, output: Output) -> Tally:
    """Of the published interests, those among the 25 categories most often in the household's baskets."""
    named = _keys(output, behaviour=False)
    return Tally(len(named.intersection(sample.reference["top"])), len(named))


def interests_bought_later(sample: Sample, output: Output) -> Tally:
    """Of the published interests, those bought in the four weeks after the last basket that limner saw."""
    named = _keys(output, behaviour=False)
    return Tally(len(named.intersection(sample.reference["later"])), len(named))


SCORERS: Mapping[str, Scorer] = {
    "precision": Scorer(precision),
    "recall": Scorer(recall),
    "f1": Scorer(_f1(KEYS)),
    **{f"{tag}_f1": Scorer(_f1({tag: key})) for tag, key in EVERY.items()},
    "interests_among_top": Scorer(interests_among_top),
    "interests_bought_later": Scorer(interests_bought_later),
    "failing_evidence": Scorer(failing_evidence, LESS),
    "flips": Scorer(flips, LESS),
}
