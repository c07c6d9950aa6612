"""Foretelling a user's next items: limner's tags as a scorer, and the recommenders one would take instead.

Every system orders all items of the population that the user has not had. limner knows a user by tags alone: an item is
worth the log-odds of what it is, a disliked thing counting against it (naive Bayes), so that items that are the same
kinds of thing are worth the same; between those, and in `with popularity` beside the tags, the number of users who had
them decides. The recommenders are those of the library `implicit` as they come; none was tuned to these users.

The library is imported where it is first needed: few commands need it.

Sources: Hu, Koren and Volinsky, Collaborative Filtering for Implicit Feedback Datasets (ICDM 2008), for the matrix
factorisation; Sarwar et al., Item-based Collaborative Filtering (WWW 2001), for item-kNN.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from agents.attribute import attribute
from agents.calibrate import DEFAULT
from agents.clean import clean
from agents.merge import tags
from agents.signals import signals
from evals.datasets.upcoming import items
from evals.ranking import auc, ndcg_at, recall_at
from evals.runs import Output
from evals.task import Bench, Sample, Scorer, System
from prompts.taxonomy import Taxonomy

Scores = NDArray[np.float64]
NEWEST = 0.1
"""Share of all dated events that recency counts."""
SEED = 7
BEST = 10
"""Items kept with an output, for whoever looks at it."""
LEAST_POPULATION = 1000
"""Events below which nobody is compared with everybody, as in a run of limner."""


class Population(NamedTuple):
    """All histories as who had what."""

    samples: Sequence[Sample]
    names: Sequence[str]
    """Of the items, in the order in which the events name them, which also decides between equal scores."""
    had: csr_matrix
    """Users by items, 1 where a user had an item."""
    kinds: Sequence[frozenset[str]]
    """Of each item the keys of what it is."""
    taxonomy: Taxonomy

    @property
    def users_of(self) -> Scores:
        """How many users had each item."""
        return np.asarray(self.had.sum(axis=0), float).ravel()


Recommender = Callable[[Population], Iterator[Scores]]
"""Scores of all items for each user in turn, of shape (items,)."""


def recommending(recommend: Recommender) -> System:
    """A system that scores every item for every user; code alone."""

    def solve(bench: Bench) -> str:
        whole = population(bench.samples, bench.app.taxonomy)
        left = {sample.id for sample in bench.left}
        place = {name: at for at, name in enumerate(whole.names)}
        ranks = np.zeros(len(place), int)
        for row, (sample, scores) in enumerate(zip(bench.samples, recommend(whole), strict=True)):
            if sample.id not in left:
                continue
            seen = whole.had.indices[whole.had.indptr[row] : whole.had.indptr[row + 1]]
            worth = -scores
            worth[seen] = np.inf
            order = np.argsort(worth, kind="stable")[: len(place) - len(seen)]
            ranks[order] = np.arange(1, len(order) + 1)
            wanted = {name: int(ranks[place[name]]) for name in sample.reference["next"] if name in place}
            bench.finish(
                sample,
                {"best": [whole.names[item] for item in order[:BEST]], "ranks": wanted, "of": len(order)},
            )
        return ""

    return System(solve)


def population(samples: Sequence[Sample], taxonomy: Taxonomy) -> Population:
    """Who had what, and what the items are."""
    kinds: dict[str, frozenset[str]] = {}
    rows: list[int] = []
    columns: list[str] = []
    for row, sample in enumerate(samples):
        for event in sample.history.events:
            for name, attributes in items(event):
                rows.append(row)
                columns.append(name)
                if name not in kinds:
                    kinds[name] = frozenset(_keys(attributes, taxonomy))
    names = list(kinds)
    place = {name: at for at, name in enumerate(names)}
    ones = np.ones(len(rows), np.float32)
    had = csr_matrix((ones, (rows, [place[name] for name in columns])), shape=(len(samples), len(names)))
    had.data[:] = 1
    return Population(samples, names, had, list(kinds.values()), taxonomy)


def _keys(attributes: Mapping[str, Any], taxonomy: Taxonomy) -> Iterator[str]:
    for name, value in attributes.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, str) and (named := taxonomy.named(name, part)) is not None:
                yield named.key


def popularity(whole: Population) -> Iterator[Scores]:
    """By how many users had it."""
    yield from repeat(whole.users_of, len(whole.samples))


def recency(whole: Population) -> Iterator[Scores]:
    """By how many users had it among the newest tenth of all events."""
    dated = [
        (event.ts, row, name)
        for row, sample in enumerate(whole.samples)
        for event in sample.history.events
        if event.ts is not None
        for name, _ in items(event)
    ]
    dated.sort(key=lambda one: one[0])
    newest = Counter(name for _, name in {(row, name) for _, row, name in dated[-math.ceil(len(dated) * NEWEST) :]})
    yield from repeat(np.array([newest[name] for name in whole.names], float), len(whole.samples))


def item_knn(whole: Population) -> Iterator[Scores]:
    """By the cosine of items that the same users had."""
    from implicit.nearest_neighbours import CosineRecommender
    from implicit.utils import ParameterWarning

    model = CosineRecommender(num_threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParameterWarning)  # of a matrix that the library makes itself
        model.fit(whole.had, show_progress=False)
    for row in range(len(whole.samples)):
        yield np.asarray((whole.had[row] @ model.similarity).todense(), float).ravel()


def factors(whole: Population) -> Iterator[Scores]:
    """By weighted matrix factorisation."""
    from implicit.als import AlternatingLeastSquares

    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(num_threads=1, random_state=SEED)
        model.fit(whole.had, show_progress=False)
    for vector in model.user_factors:
        yield np.asarray(model.item_factors @ vector, float)


def tagged(whole: Population) -> Iterator[Scores]:
    """By limner's tags; what they say the same of, by how many users had it."""
    often = whole.users_of / (len(whole.samples) + 1)
    for worth in _worths(whole):
        steps: Scores = np.unique(worth, return_inverse=True)[1].astype(np.float64)
        yield steps + often


def tagged_with_popularity(whole: Population) -> Iterator[Scores]:
    """By limner's tags and by how many users had it, as naive Bayes adds them."""
    often: Scores = np.log(whole.users_of)
    for worth in _worths(whole):
        yield worth + often


def _worths(whole: Population) -> Iterator[Scores]:
    """What each user's tags say of each item, in log-odds; equal where they say the same."""
    keys = {key: at for at, key in enumerate(dict.fromkeys(key for kinds in whole.kinds for key in kinds))}
    which = [item for item, kinds in enumerate(whole.kinds) for _ in kinds]
    what = [keys[key] for kinds in whole.kinds for key in kinds]
    of_kind = csr_matrix((np.ones(len(what)), (which, what)), shape=(len(whole.kinds), len(keys)))
    baseline = _baseline(whole)
    for sample in whole.samples:
        known = tag_log_odds(sample, whole.taxonomy, baseline)
        said = np.array([known.get(key, 0.0) for key in keys])
        yield np.asarray(of_kind @ said, np.float64).round(9)


def tag_log_odds(sample: Sample, taxonomy: Taxonomy, baseline: Mapping[str, float]) -> dict[str, float]:
    """What counting publishes of a user, as log-odds that they take to a thing: below 0 for what they dislike."""
    read = signals(clean(sample.history).history, taxonomy)
    found = tags(attribute(read, (), (), taxonomy), read, taxonomy, baseline, DEFAULT)
    return {
        tag.key: tag.polarity * math.log(tag.probability / (1 - tag.probability))
        for tag in found
        if tag.status == "verified" and tag.polarity
    }


def _baseline(whole: Population) -> dict[str, float]:
    """Share of all events that carry a key."""
    events = [event for sample in whole.samples for event in sample.history.events]
    if len(events) < LEAST_POPULATION:
        return {}
    carrying = Counter(key for event in events for key in set(_keys(event.item, whole.taxonomy)))
    return {key: count / len(events) for key, count in carrying.items()}


SYSTEMS: Mapping[str, System] = {
    "limner": recommending(tagged),
    "limner-popularity": recommending(tagged_with_popularity),
    "popularity": recommending(popularity),
    "recency": recommending(recency),
    "item-knn": recommending(item_knn),
    "factors": recommending(factors),
}
UNDATED: Mapping[str, System] = {name: system for name, system in SYSTEMS.items() if name != "recency"}
"""Those for events without times."""


# --- the scorers ---


def recall(k: int) -> Scorer:
    """Of what came next, the part among the first k; see `evals.ranking`."""
    return Scorer(lambda sample, output: recall_at(k, _first(k, output), sample.reference["next"]))


def gain(k: int) -> Scorer:
    """How high it stands among the first k; see `evals.ranking`."""
    return Scorer(lambda sample, output: ndcg_at(k, _first(k, output), sample.reference["next"]))


def area(sample: Sample, output: Output) -> float | None:
    """The chance that what came next stands before what did not; what nobody had before stands last."""
    ranks, of = output.output["ranks"], output.output["of"]
    unknown = len(sample.reference["next"]) - len(ranks)
    came = np.zeros(of + unknown)
    came[[rank - 1 for rank in ranks.values()]] = came[of:] = 1
    return auc(-np.arange(len(came)), came)


def _first(k: int, output: Output) -> list[str]:
    """The first k places, with a name where something stands that came next."""
    named = {rank: name for name, rank in output.output["ranks"].items()}
    return [named.get(rank, "") for rank in range(1, k + 1)]


SCORERS: Mapping[str, Scorer] = {
    "recall_10": recall(10),
    "recall_50": recall(50),
    "ndcg_10": gain(10),
    "auc": Scorer(area),
}
