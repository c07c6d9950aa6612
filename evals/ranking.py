"""How good an order of things is, against which of them are right."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata


def recall_at(k: int, ranked: Sequence[Hashable], relevant: Collection[Hashable]) -> float | None:
    """Right ones among the first k, of as many as could stand there, 0 to 1; None where none is right.

    hits ÷ min(k, relevant): a perfect order has 1 however many there are.

    Args:
        ranked: Best first, each once.

    Source:
        "Capped recall", Thakur et al., BEIR (NeurIPS Datasets and Benchmarks 2021), appendix on evaluation metrics.
    """
    if not relevant:
        return None
    right = set(relevant)
    return sum(one in right for one in ranked[:k]) / min(k, len(right))


def ndcg_at(k: int, ranked: Sequence[Hashable], relevant: Collection[Hashable]) -> float | None:
    """Normalised discounted cumulative gain of the first k, each right one worth 1, 0 to 1; None where none is right.

    Source:
        Järvelin and Kekäläinen, Cumulated Gain-based Evaluation of IR Techniques (ACM TOIS 20, 2002), with the discount
        1 ÷ log2(rank + 1).
    """
    if not relevant:
        return None
    right = set(relevant)
    gained = math.fsum(1 / math.log2(rank + 1) for rank, one in enumerate(ranked[:k], 1) if one in right)
    return gained / math.fsum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(right)) + 1))


def auc(said: ArrayLike, came_true: ArrayLike) -> float | None:
    """The chance that a right one is put before a wrong one, ties counting half; None where all are of one kind.

    Args:
        said: Scores, of shape (n,), higher for likelier; inf and −inf are fine.
        came_true: 1 or 0 for each.

    Source:
        Hanley and McNeil, The Meaning and Use of the Area under a ROC Curve (Radiology 143, 1982).
    """
    scores: NDArray[np.float64] = np.asarray(said, float)
    right = np.asarray(came_true, bool)
    positives = int(right.sum())
    negatives = len(right) - positives
    if not positives or not negatives:
        return None
    ranks = rankdata(scores)
    return float((ranks[right].sum() - positives * (positives + 1) / 2) / (positives * negatives))
