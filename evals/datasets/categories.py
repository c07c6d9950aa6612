"""Everyday names of categories, and whether they are taken for what a shop's data holds. See categories.md.

A name is right where it is taken for its category and nothing else; one that names none of the shop's must be taken for
none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from agents.terms import Vocabulary
from evals.runs import MetricKind, Output
from evals.task import Bench, Dataset, Sample, Scorer, System
from prompts.taxonomy import Taxonomy

HALVES = ("looked at", "unseen")
SHOPS = Path(__file__).with_name("categories.json")


def shops(path: Path = SHOPS) -> dict[str, dict[str, Any]]:
    """Of each shop, its codes with what they are called, and what none of them is called."""
    found: dict[str, dict[str, Any]] = orjson.loads(path.read_bytes())
    return found


def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a name."""
    return [sample for shop, told in shops(files[0]).items() for sample in _samples(shop, told)]


def _samples(shop: str, told: Mapping[str, Any]) -> Iterator[Sample]:
    for number, (code, named) in enumerate(told["codes"].items()):
        for language, names in named.items():
            for name in names:
                yield _sample(shop, name, code, language, number)
    for language, names in told["none"].items():
        for number, name in enumerate(names):
            yield _sample(shop, name, "", language, number)


def _sample(shop: str, name: str, code: str, language: str, number: int) -> Sample:
    groups = {"half": HALVES[number % 2], "language": language}
    return Sample(
        f"{shop}: {name}", {"shop": shop, "name": name}, {"code": code}, cluster=f"{shop}: {code}", groups=groups
    )


CATEGORIES = Dataset("categories", (SHOPS,), read)


def vocabulary(told: Mapping[str, Any], taxonomy: Taxonomy) -> Vocabulary:
    """The names that a shop's data would hold."""
    named = [one for code in told["codes"] if (one := taxonomy.named("categories", code)) is not None]
    return Vocabulary(taxonomy, {one.key: (one.facet, one.label) for one in named})


def _solve(bench: Bench) -> str:
    known = bench.app.taxonomy
    names = {shop: vocabulary(told, known) for shop, told in shops().items()}
    for sample in bench.left:
        assert isinstance(sample.given, Mapping)
        match = names[sample.given["shop"]].thing(sample.given["name"])
        named = known.named("categories", sample.reference["code"])
        bench.finish(
            sample,
            {
                "keys": list(match.keys) if match is not None and match.held else [],
                "right": [] if named is None else [named.key],
            },
        )
    return ""


SYSTEMS: Mapping[str, System] = {"limner": System(_solve)}


def _of(half: str, language: str, judge: Callable[[list[str], list[str]], bool], *, none: bool = False) -> Scorer:
    """The share of a half's names, of those of categories or of none, in a language or in both where it is ""."""

    def score(sample: Sample, output: Output) -> float | None:
        theirs = sample.groups["half"] == half and sample.groups["language"].startswith(language)
        judged = theirs and none is not bool(sample.reference["code"])
        return judge(output.output["keys"], output.output["right"]) if judged else None

    return Scorer(score, MetricKind(better="higher" if judge is _right else "lower"))


def _right(keys: list[str], right: list[str]) -> bool:
    return keys == right


def _another(keys: list[str], right: list[str]) -> bool:
    return bool(keys) and keys != right


SCORERS: Mapping[str, Scorer] = {
    **{
        f"resolved_{half.replace(' ', '_')}_{language}": _of(half, language, _right)
        for half in HALVES
        for language in ("en", "zh")
    },
    **{f"taken_for_another_{half.replace(' ', '_')}": _of(half, "", _another) for half in HALVES},
    **{f"none_taken_for_one_{half.replace(' ', '_')}": _of(half, "", _another, none=True) for half in HALVES},
}
