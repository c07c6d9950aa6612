"""Interests against the counts behind them, and whether an interest tells which events it means, as GISTBench has it.

Who judges whether an event is about an interest, and who picks events from a line-up, is the caller's: code, a model,
or an embedder.

Source: GISTBench, arXiv 2603.29112, sections on interest groundedness, interest specificity and score aggregation;
facebookresearch/GISTBench, `gistbench/steps`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

from evals.tallies import harmonic, rate, tally
from evals.task import Tally
from limner.domain import Counts, SignalKind

T = TypeVar("T")

SIGNALS = frozenset(SignalKind) - {SignalKind.STATED}
"""What GISTBench counts; a data set may lack some of them."""
LINED_UP = 50
"""Events a judge picks from."""
BACKING = 5
"""Most of them that back the interest."""


def verified(counts: Counts, offered: Collection[SignalKind] = SIGNALS) -> bool:
    """Whether the items behind an interest are enough: three implicit positives, two explicit, or one and two.

    More than three implicit negatives, or two explicit, and it falls.

    Args:
        counts: Distinct items by signal, of those that a judge found to be about the interest.
        offered: The signals that the data set has; others are not looked at.
    """
    explicit = counts.explicit_positive * (SignalKind.EXPLICIT_POSITIVE in offered)
    implicit = counts.implicit_positive * (SignalKind.IMPLICIT_POSITIVE in offered)
    if SignalKind.IMPLICIT_NEGATIVE in offered and counts.implicit_negative > 3:
        return False
    if SignalKind.EXPLICIT_NEGATIVE in offered and counts.explicit_negative > 2:
        return False
    return implicit >= 3 or explicit >= 2 or (explicit >= 1 and implicit >= 2)


class Interest(NamedTuple):
    """What was said of a user, and how it fared."""

    category: str
    """Interests of a category count once together; without a taxonomy each is its own."""
    verified: bool
    picked: int = 0
    """Events behind it that a judge found again in the line-up."""
    backing: int = 0
    """Of so many that were there."""


class Groundedness(NamedTuple):
    """Each 0 to 1, higher is better."""

    precision: float
    recall: float
    """Above 1 only where the oracle lacks what was verified."""
    f1: float


def groundedness(interests: Sequence[Interest], oracle: int) -> Groundedness | None:
    """IG: how much of what was said is verified, and how much of what can be verified was said.

    Args:
        oracle: Categories of this user with an interest that any of the compared systems had verified: at least three
            systems, of which one alone would make recall what precision is.

    Returns:
        None where nothing was said and there was nothing to say.
    """
    if not interests and not oracle:
        return None
    grounded = sum(rate(found) for found in _by_category(interests, lambda one: float(one.verified)).values())
    categories = len({one.category for one in interests})
    precision = grounded / categories if categories else 0.0
    recall = grounded / oracle if oracle else 0.0
    return Groundedness(precision, recall, harmonic(precision, recall))


def interest_specificity(interests: Sequence[Interest]) -> float | None:
    """IS, 0 to 1: the share of backing events found again, by category, over those with a verified interest.

    Returns:
        None where nothing was verified; GISTBench counts 0 there.
    """
    told = {one.category for one in interests if one.verified}
    found = _by_category(interests, lambda one: one.picked / one.backing if one.backing else 0.0)
    return sum(rate(found[category]) for category in told) / len(told) if told else None


def gist(interests: Sequence[Interest], oracle: int) -> float | None:
    """The score of a user, 0 to 1: the harmonic mean of the F1 of IG and of IS; None as for `groundedness`."""
    grounded = groundedness(interests, oracle)
    return None if grounded is None else harmonic(grounded.f1, interest_specificity(interests) or 0.0)


def oracle(systems: Iterable[Iterable[Interest]]) -> set[str]:
    """The categories that at least one system had verified for a user."""
    return {one.category for interests in systems for one in interests if one.verified}


def lineup(backing: Sequence[T], pool: Sequence[T], *, seed: int, size: int = LINED_UP) -> tuple[list[T], frozenset[T]]:
    """Events to pick from, shuffled, and which of them back the interest: at most five, among fifty in all.

    Args:
        pool: Events to draw the others from, those about the user's other interests taken out.
        seed: Decides the draw; give every interest its own.
    """
    draw = random.Random(seed)
    behind = sorted(set(backing), key=repr)
    chosen = frozenset(draw.sample(behind, min(BACKING, len(behind))))
    others = sorted(set(pool) - set(behind), key=repr)
    drawn = draw.sample(others, min(size - len(chosen), len(others)))
    every = [*chosen, *drawn]
    every.sort(key=repr)
    draw.shuffle(every)
    return every, chosen


def specificity(picked: Collection[T], backing: Collection[T]) -> Tally | None:
    """Backing events that were picked by the tag's name alone; None where none was lined up."""
    return tally(len(set(picked) & set(backing)), len(set(backing)))


def _by_category(interests: Iterable[Interest], value: Callable[[Interest], float]) -> dict[str, Tally]:
    sums: dict[str, Tally] = {}
    for one in interests:
        so_far = sums.get(one.category, Tally(0, 0))
        sums[one.category] = Tally(so_far.hits + value(one), so_far.of + 1)
    return sums
