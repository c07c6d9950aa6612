"""Names that mean the same, and names that must stay apart: whether one thing gets one key. See synonyms.md.

All names of a half go through limner as the values of item attributes of one population, as a run would take them, and
a pair is united where both names end at the same key. One half, by hash, chose the threshold (`evals/synonyms.py`);
the other is the task.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson

from agents import synonyms
from agents.embedder import Embedder
from evals.runs import MetricKind, Output
from evals.task import Bench, Dataset, Sample, Scorer, System
from prompts.taxonomy import Taxonomy

PAIRS = Path(__file__).with_name("synonyms.jsonl")
_HAN = re.compile("[\u3400-\u9fff]")


class Pair(NamedTuple):
    a: str
    b: str
    same: bool
    attribute: str
    """The item attribute whose values they are."""
    kind: str | None
    """Of a pair that must stay apart: how the names come to look like one another."""

    @property
    def languages(self) -> str:
        return ("en", "across", "zh")[sum(bool(_HAN.search(name)) for name in (self.a, self.b))]

    @property
    def chooses(self) -> bool:
        """Whether it is of the half that the threshold was chosen on."""
        names = "|".join(sorted((self.a.casefold(), self.b.casefold())))
        return hashlib.blake2b(names.encode(), digest_size=1).digest()[0] % 2 == 0


def pairs(path: Path = PAIRS) -> list[Pair]:
    return [Pair(**orjson.loads(line)) for line in path.read_bytes().splitlines()]


def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a pair of the reported half."""
    return [
        Sample(
            f"{pair.a} | {pair.b}",
            {"a": pair.a, "b": pair.b, "attribute": pair.attribute},
            {"same": pair.same},
            groups={"language": pair.languages} | ({"kind": pair.kind} if pair.kind else {}),
        )
        for pair in pairs(files[0])
        if not pair.chooses
    ]


SYNONYMS = Dataset("synonyms", (PAIRS,), read)


# --- the systems ---


def united(pairs: Sequence[Pair], known: Taxonomy, embedder: Embedder | None) -> list[str | None]:
    """What united each pair: taxonomy, spelling or meaning; None where they stay apart."""
    values = Counter((pair.attribute, name) for pair in pairs for name in (pair.a, pair.b))
    carried = {value: count + synonyms.LEAST_EVENTS for value, count in values.items()}
    names = synonyms.unknown(known, carried, {}, {})
    embed, name = (None, "") if embedder is None else (embedder.embed, embedder.name)
    decided = {one.key: one for one in synonyms.decide(names, {}, known, embed, name)}
    after = known.merging(synonyms.merged(decided, known))

    def path(pair: Pair) -> str | None:
        one, two = (after.named(pair.attribute, name) for name in (pair.a, pair.b))
        if one is None or two is None or one.key != two.key:
            return None
        before = [known.named(pair.attribute, name) for name in (pair.a, pair.b)]
        how = [decided[named.key].how for named in before if named and named.key in decided and named.key != one.key]
        return "meaning" if "meaning" in how else how[0] if how else "taxonomy"

    return [path(pair) for pair in pairs]


def alone(pairs: Sequence[Pair], embedder: Embedder, least: float) -> list[str | None]:
    """The baseline: two names are one where their vectors are alike, whatever else they are."""
    one, two = embedder.embed([pair.a for pair in pairs]), embedder.embed([pair.b for pair in pairs])
    return ["meaning" if cosine >= least else None for cosine in np.sum(one * two, axis=1)]


def blank(known: Taxonomy) -> Taxonomy:
    """The taxonomy without its terms: names that nobody foresaw."""
    return replace(known, terms={})


def _solving(unite: Callable[[Sequence[Pair], Bench], Sequence[str | None]]) -> System:
    def solve(bench: Bench) -> str:
        given = [Pair(**dict(sample.given), same=False, kind=None) for sample in bench.samples]
        paths = dict(zip((sample.id for sample in bench.samples), unite(given, bench), strict=True))
        for sample in bench.left:
            bench.finish(sample, {"united_by": paths[sample.id]})
        return ""

    return System(solve)


def _limner(pairs: Sequence[Pair], bench: Bench) -> list[str | None]:
    return united(pairs, bench.app.taxonomy, bench.app.embedder(bench.told))


def _without_embedder(pairs: Sequence[Pair], bench: Bench) -> list[str | None]:
    return united(pairs, bench.app.taxonomy, None)


def _unforeseen(pairs: Sequence[Pair], bench: Bench) -> list[str | None]:
    return united(pairs, blank(bench.app.taxonomy), bench.app.embedder(bench.told))


def _alone(pairs: Sequence[Pair], bench: Bench) -> list[str | None]:
    embedder = bench.app.embedder(bench.told)
    return alone(pairs, embedder, synonyms.ALIKE[embedder.name.partition("@")[0]])


SYSTEMS: Mapping[str, System] = {
    "limner": _solving(_limner),
    "without-embedder": _solving(_without_embedder),
    "unforeseen": _solving(_unforeseen),
    "embedding-alone": _solving(_alone),
}
"""As it is; by taxonomy and spelling; with nothing known to the taxonomy; by vectors and limner's threshold only."""


# --- the scorers ---


def one_key(sample: Sample, output: Output) -> float | None:
    """Whether a pair that means the same gets one key."""
    return output.output["united_by"] is not None if sample.reference["same"] else None


def wrongly_one(sample: Sample, output: Output) -> float | None:
    """Whether a pair that must stay apart gets one key."""
    return None if sample.reference["same"] else output.output["united_by"] is not None


SCORERS: Mapping[str, Scorer] = {
    "one_key": Scorer(one_key),
    "wrongly_one": Scorer(wrongly_one, MetricKind(better="lower")),
}
