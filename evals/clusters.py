"""How good groups of users are.

scikit-learn is imported where it is first needed: it takes a second, and most commands need nothing of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from numpy.typing import ArrayLike


def silhouette(vectors: ArrayLike, groups: Sequence[Hashable], *, metric: str = "cosine") -> float | None:
    """How much nearer users are to their own group than to the next one, −1 to 1; 0 where groups run into each other.

    Args:
        vectors: Of shape (n, d).
        groups: The group of each of the n.
        metric: A distance that scikit-learn knows.

    Returns:
        None where there are fewer than two groups, or nobody shares one.

    Source:
        Rousseeuw, Silhouettes (Journal of Computational and Applied Mathematics 20, 1987).
    """
    from sklearn.metrics import silhouette_score

    labels = _numbered(groups)
    if not 2 <= len(set(labels)) < len(labels):
        return None
    return float(silhouette_score(vectors, labels, metric=metric))


def adjusted_rand(planted: Sequence[Hashable], found: Sequence[Hashable]) -> float | None:
    """How far two divisions of the same users agree, 1 where they are the same, about 0 by chance; None of nobody.

    Source:
        Hubert and Arabie, Comparing Partitions (Journal of Classification 2, 1985).
    """
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(_numbered(planted), _numbered(found))) if planted else None


def _numbered(groups: Sequence[Hashable]) -> list[int]:
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in groups]
