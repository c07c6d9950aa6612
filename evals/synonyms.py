"""The cosine from which on two names may be one, chosen: `python -m evals.synonyms`.

It is chosen on one half of the pairs, with nothing known to the taxonomy; `limner eval run synonyms` reports the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from agents import synonyms
from agents.embedder import Embedder
from evals.datasets.names import Pair, alone, blank, pairs, united
from evals.scorers import Metric, ratio
from limner import settings, show
from limner.app import App
from prompts import taxonomy
from prompts.taxonomy import Taxonomy

STEPS = [step / 40 for step in range(22, 36)]
"""Thresholds to choose from: 0.55 to 0.875."""
ALONE = [*STEPS, 0.9, 0.925, 0.95, 0.975]
MOST_WRONG = 0.01
"""Of the pairs that must stay apart, the share that the threshold may unite on the half it is chosen on."""


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


def share(pairs: Sequence[Pair], paths: Sequence[str | None], *, same: bool) -> Metric:
    """United, of the pairs that mean the same, or of those that must stay apart."""
    hits = [path is not None for pair, path in zip(pairs, paths, strict=True) if pair.same is same]
    return ratio([sum(hits)], [len(hits) - sum(hits)])


def chosen(wrong: Mapping[float, Metric]) -> float:
    """The lowest threshold from which on no more than `MOST_WRONG` are wrong."""
    return min(least for least in wrong if all(wrong[more].mean <= MOST_WRONG for more in wrong if more >= least))


def thresholds(pairs: Sequence[Pair], known: Taxonomy, embedder: Embedder) -> dict[float, list[str | None]]:
    """What unites the pairs at each threshold."""
    kept, name = dict(synonyms.ALIKE), embedder.name.partition("@")[0]
    found: dict[float, list[str | None]] = {}
    try:
        for least in STEPS:
            synonyms.ALIKE[name] = least
            found[least] = united(pairs, known, embedder)
    finally:
        synonyms.ALIKE |= kept
    return found


def main(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> None:
    """Synonyms united and wrong merges at each threshold, by limner and by the embedding alone; the ones chosen.

    Example: python -m evals.synonyms --json
    """
    app = App(settings.read())
    with show.bar("Embedder", "") as bar:
        given = app.embedder(lambda stage, done, total, unit: bar.at(done, total or None, unit=unit, title=stage))
    embedder = Once(given)
    app.close()
    choosing = [pair for pair in pairs() if pair.chooses]
    swept = {
        "limner": thresholds(choosing, blank(taxonomy.load()), embedder),
        "embedding alone": {least: alone(choosing, embedder, least) for least in ALONE},
    }
    wrong = {way: {at: share(choosing, paths, same=False) for at, paths in of.items()} for way, of in swept.items()}
    right = {way: {at: share(choosing, paths, same=True) for at, paths in of.items()} for way, of in swept.items()}
    best = {way: chosen(of) for way, of in wrong.items()}
    if as_json:
        show.document(
            {
                "embedder": embedder.name,
                "in_use": synonyms.ALIKE,
                "chosen": best,
                "pairs": len(choosing),
                **{
                    name: {way: {f"{at:g}": found for at, found in of.items()} for way, of in shares.items()}
                    for name, shares in (("one_key", right), ("wrongly_one", wrong))
                },
            }
        )
        return
    show.line(f"{len(choosing)} pairs choose {best['limner']:g} (in use: {synonyms.ALIKE}).")
    for way, of in swept.items():
        show.table(
            (f"{way}, from", "united, of those that are one", "wrong, of those that are not"),
            [
                (f"{at:g}{' ←' if at == best[way] else ''}", right[way][at].counted(), wrong[way][at].counted())
                for at in of
            ],
        )


if __name__ == "__main__":
    typer.run(main)
