"""Everyday names of categories, resolved to the keys that a shop's data holds: `python -m evals.categories`.

Five invented shops call what they sell by codes ("WMNS FTWR", "HOT BEV-TEA"); `datasets/categories.yaml` names each in
English and Chinese, and names what no category of the shop is. A name is right where it is taken for its category and
nothing else, wrong where it is taken for any other. Every second code of a shop is kept unseen: what is said of those
was not looked at while words or rules were chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
import yaml

from agents.terms import Vocabulary
from evals.scorers import Metric, ratio
from limner import show
from prompts import taxonomy

FILE = Path(__file__).with_name("datasets") / "categories.yaml"


class Case(NamedTuple):
    shop: str
    code: str
    """What is meant; "" for none of the shop's."""
    language: str
    name: str
    unseen: bool


def cases() -> Iterator[Case]:
    for shop, told in yaml.safe_load(FILE.read_text("utf-8")).items():
        for number, (code, named) in enumerate(told["codes"].items()):
            for language, names in named.items():
                yield from (Case(shop, code, language, name, number % 2 == 1) for name in names)
        for language, names in told["none"].items():
            yield from (Case(shop, "", language, name, number % 2 == 1) for number, name in enumerate(names))


def vocabularies() -> dict[str, Vocabulary]:
    """What each shop's data would hold."""
    known = taxonomy.load()
    found: dict[str, Vocabulary] = {}
    for shop, told in yaml.safe_load(FILE.read_text("utf-8")).items():
        named = [one for code in told["codes"] if (one := known.named("categories", code)) is not None]
        found[shop] = Vocabulary(known, {one.key: (one.facet, one.label) for one in named})
    return found


class Resolved(NamedTuple):
    case: Case
    keys: tuple[str, ...]
    """Held by the shop's data; empty where the name was taken for nothing that is."""
    right: bool

    @property
    def wrong(self) -> bool:
        return bool(self.keys) and not self.right


def resolved() -> Iterator[Resolved]:
    known = vocabularies()
    for case in cases():
        match = known[case.shop].thing(case.name)
        keys = match.keys if match is not None and match.held else ()
        named = known[case.shop].taxonomy.named("categories", case.code) if case.code else None
        yield Resolved(case, keys, keys == (() if named is None else (named.key,)))


def share(of: list[bool]) -> Metric:
    return ratio([int(one) for one in of], [int(not one) for one in of])


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    told: Annotated[bool, typer.Option(help="Show what is not right, of the half that is looked at.")] = False,
) -> None:
    """Names of categories that are resolved, and that are taken for another, seen and unseen.

    Example: python -m evals.categories --json
    """
    every = [*resolved()]
    if told:
        for one in every:
            if not one.right and not one.case.unseen:
                show.line(f"{one.case.shop}: {one.case.name} ({one.case.code or 'none'}) → {', '.join(one.keys) or 'nothing'}")
        return
    found: dict[str, dict[str, Metric]] = {}
    for half, unseen in (("looked at", False), ("unseen", True)):
        for language in ("en", "zh"):
            these = [one for one in every if one.case.unseen is unseen and one.case.language == language]
            named = [one for one in these if one.case.code]
            found[f"{half}, {language}"] = {
                "right": share([one.right for one in named]),
                "wrong": share([one.wrong for one in named]),
                "none_taken_for_one": share([one.wrong for one in these if not one.case.code]),
            }
    if as_json:
        show.document(found)
        return
    show.table(
        ("names", "right", "taken for another", "of those that name none, taken for one"),
        [(name, *(metric.counted() for metric in of.values())) for name, of in found.items()],
    )


if __name__ == "__main__":
    typer.run(main)
