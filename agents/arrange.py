"""Which of the tastes that a user states share a sentence: those whose names are alike.

"Italian food, grilled chicken and veggies" is read at a glance where the same names, mixed with cities and novels, are
a list. Likeness decides no more than who stands beside whom: nothing is said of what a sentence has in common.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

A_SENTENCE = 4
"""Names in a sentence, at most."""
SENTENCES = 3
MOST = 9
"""Names that fit into `SENTENCES` however they are alike."""
ALIKE = 0.35
"""Cosine from which on two names are alike, chosen by eye on the names of some twenty users (packaged embedder)."""


def in_order(names: int) -> list[list[int]]:
    """Places of so many names, as evenly as can be, in as few sentences as can be."""
    return [part.tolist() for part in np.array_split(np.arange(names), max(1, -(-names // A_SENTENCE))) if part.size]


def by_likeness(vectors: NDArray[np.float32]) -> list[list[int]]:
    """Places of the names that share a sentence, in the order of the first of each; what is like none shares one too.

    Args:
        vectors: Of at most `MOST` names, shape (n, d), each of unit length; the name that matters most first.
    """
    near = vectors @ vectors.T
    left = list(range(len(vectors)))
    groups: list[list[int]] = []
    while left:
        first, *others = left
        close = sorted((at for at in others if near[first, at] >= ALIKE), key=lambda at: -near[first, at])
        groups.append([first, *close[: A_SENTENCE - 1]])
        left = [at for at in left if at not in groups[-1]]
    alone = [at for group in groups if len(group) == 1 for at in group]
    groups = [group for group in groups if len(group) > 1]
    groups += [[alone[at] for at in part] for part in in_order(len(alone))]
    while len(groups) > SENTENCES:
        groups.sort(key=len)
        groups = [groups[0] + groups[1], *groups[2:]]
    return sorted(groups, key=min)
