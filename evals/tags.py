"""How much a profile says, and whether it would say it again."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from itertools import combinations

from evals.tallies import tally
from evals.task import Tally


def coverage(published: Collection[str], askable: Collection[str]) -> Tally | None:
    """Things on which the profile takes a stand, right or wrong, of those one could; None where there are none.

    Args:
        published: Keys of served tags.
        askable: Keys that the reference can judge.

    Source:
        El-Yaniv and Wiener, On the Foundations of Noise-free Selective Classification (JMLR 11, 2010), section 2.
    """
    asked = set(askable)
    return tally(len(asked & set(published)), len(asked))


def stability(runs: Sequence[Collection[Hashable]]) -> float | None:
    """How alike a user's tags are over runs on the same history, 0 to 1: the mean Jaccard index of all pairs of runs.

    Args:
        runs: Of each run the tags, as (key, polarity).

    Returns:
        None where fewer than two runs, or no two, have a tag.

    Source:
        Kalousis, Prados and Hilario, Stability of Feature Selection Algorithms (KAIS 12, 2007), section 3.
    """
    pairs = [(set(one), set(other)) for one, other in combinations(runs, 2)]
    alike = [len(one & other) / len(one | other) for one, other in pairs if one | other]
    return sum(alike) / len(alike) if alike else None
