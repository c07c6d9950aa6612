"""Whether one thing gets one key: names that mean the same, and names that must stay apart. `make quality` runs it.

The pairs are in `datasets/synonyms.jsonl`; its card tells how they were written. All names of a half go through limner
as the values of item attributes of one population, as a run would take them, and a pair is united where both names end
at the same key. One half, by hash, chose the threshold; the other is reported.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import orjson
import typer
from numpy.typing import NDArray

from agents import synonyms
from agents.embedder import Embedder
from evals.scorers import Metric, ratio
from limner import settings, show
from limner.app import App
from prompts import taxonomy
from prompts.taxonomy import Taxonomy

PAIRS = Path(__file__).parent / "datasets" / "synonyms.jsonl"
STEPS = [step / 40 for step in range(22, 36)]
"""Thresholds to choose from: 0.55 to 0.875."""
MOST_WRONG = 0.01
"""Of the pairs that must stay apart, the share that the threshold may unite on the half it is chosen on."""
LANGUAGES = ("en", "zh", "across")
KINDS = ("sibling", "opposite", "broader", "number", "name", "look-alike")
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


class Scored(NamedTuple):
    """How the pairs of a half fared."""

    united: Metric
    """Of the pairs that mean the same."""
    wrong: Metric
    """United, of the pairs that must stay apart."""
    by_language: dict[str, tuple[Metric, Metric]]
    by_kind: dict[str, Metric]
    """Wrong ones by what makes the names look alike."""
    by_path: dict[str, tuple[int, int]]
    """What united them: pairs that mean the same, and pairs that must stay apart."""
    failures: dict[str, list[str]]


class Once:
    """An embedder that embeds each text once."""

    def __init__(self, embedder: Embedder) -> None:
        self.name, self.dimensions = embedder.name, embedder.dimensions
        self._embedder = embedder
        self._kept: dict[str, NDArray[np.float32]] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        fresh = [text for text in dict.fromkeys(texts) if text not in self._kept]
        self._kept |= dict(zip(fresh, self._embedder.embed(fresh), strict=True))
        return np.array([self._kept[text] for text in texts])


def pairs(path: Path = PAIRS) -> list[Pair]:
    return [Pair(**orjson.loads(line)) for line in path.read_bytes().splitlines()]


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


def scored(pairs: Sequence[Pair], paths: Sequence[str | None]) -> Scored:
    results = list(zip(pairs, paths, strict=True))

    def share(*, same: bool, language: str | None = None, kind: str | None = None) -> Metric:
        hits = [
            path is not None
            for pair, path in results
            if pair.same is same and language in (None, pair.languages) and kind in (None, pair.kind)
        ]
        return ratio([sum(hits)], [len(hits) - sum(hits)])

    return Scored(
        united=share(same=True),
        wrong=share(same=False),
        by_language={name: (share(same=True, language=name), share(same=False, language=name)) for name in LANGUAGES},
        by_kind={kind: share(same=False, kind=kind) for kind in KINDS},
        by_path={
            name: (
                sum(path == name and pair.same for pair, path in results),
                sum(path == name and not pair.same for pair, path in results),
            )
            for name in ("taxonomy", "spelling", "meaning")
        },
        failures={
            "missed": [f"{pair.a} = {pair.b}" for pair, path in results if pair.same and path is None],
            "wrong": [f"{pair.a} ≠ {pair.b}" for pair, path in results if not pair.same and path is not None],
        },
    )


def chosen(shares: Mapping[float, Metric]) -> float:
    """The lowest threshold from which on no more than `MOST_WRONG` are wrong."""
    return min(least for least in shares if all(shares[more].mean <= MOST_WRONG for more in shares if more >= least))


def thresholds(pairs: Sequence[Pair], known: Taxonomy, embedder: Embedder) -> dict[float, Scored]:
    """How the choosing half fares at each threshold."""
    kept, name = dict(synonyms.ALIKE), embedder.name.partition("@")[0]
    found: dict[float, Scored] = {}
    try:
        for least in STEPS:
            synonyms.ALIKE[name] = least
            found[least] = scored(pairs, united(pairs, known, embedder))
    finally:
        synonyms.ALIKE |= kept
    return found


def main(
    failures: Annotated[bool, typer.Option("--failures", help="Every pair that went wrong.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Synonyms united and wrong merges, by path and language, beside the embedding alone and with nothing known."""
    known = taxonomy.load()
    blank = replace(known, terms={})
    app = App(settings.read())
    with show.bar("Embedder", "") as bar:
        given = app.embedder(lambda stage, done, total, unit: bar.at(done, total or None, unit=unit, title=stage))
    embedder = Once(given)
    app.close()
    every = pairs()
    choosing, reported = ([pair for pair in every if pair.chooses is half] for half in (True, False))
    swept = thresholds(choosing, blank, embedder)
    single = {least: scored(choosing, alone(choosing, embedder, least)) for least in [*STEPS, 0.9, 0.925, 0.95, 0.975]}
    best, best_alone = (chosen({at: one.wrong for at, one in half.items()}) for half in (swept, single))
    results = {
        "limner": scored(reported, united(reported, known, embedder)),
        "taxonomy and spelling only": scored(reported, united(reported, known, None)),
        "nothing known to the taxonomy": scored(reported, united(reported, blank, embedder)),
        f"embedding alone, at {best_alone:g}": scored(reported, alone(reported, embedder, best_alone)),
        f"embedding alone, at {best:g}": scored(reported, alone(reported, embedder, best)),
    }
    if as_json:
        show.document(
            {
                "embedder": embedder.name,
                "threshold": {"in_use": synonyms.ALIKE, "chosen": best, "chosen_alone": best_alone},
                "pairs": {"choosing": len(choosing), "reported": len(reported)},
                "results": {name: result._asdict() for name, result in results.items()},
            }
        )
        return
    show.line(f"{len(choosing)} pairs choose {best:g} (in use: {synonyms.ALIKE}); {len(reported)} others are reported.")
    limner = results["limner"]
    show.table(
        ("", "united, of those that are one", "wrong, of those that are not"),
        [
            *((name, one.united.counted(), one.wrong.counted()) for name, one in results.items()),
            *((f"limner, {name}", good.counted(), bad.counted()) for name, (good, bad) in limner.by_language.items()),
            *((f"limner, {kind}", "", bad.counted()) for kind, bad in limner.by_kind.items()),
            *((f"limner, by {path}", f"{good} pairs", f"{bad} pairs") for path, (good, bad) in limner.by_path.items()),
        ],
    )
    if failures:
        for name, told in limner.failures.items():
            show.line(f"{name}: {'; '.join(told)}")


if __name__ == "__main__":
    typer.run(main)
