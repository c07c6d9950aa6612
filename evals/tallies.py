"""Scores of several cases: what they come to, and when there are none."""

from __future__ import annotations

from collections.abc import Iterable

from evals.task import Tally


def tally(hits: float, of: float) -> Tally | None:
    """Hits of so many cases; None of no cases."""
    return Tally(hits, of) if of else None


def counted(cases: Iterable[bool]) -> Tally | None:
    """How many of the cases hold; None of no cases."""
    held = list(cases)
    return tally(sum(held), len(held))


def rate(one: Tally) -> float:
    """0 to 1."""
    return one.hits / one.of


def harmonic(one: float, other: float) -> float:
    """The harmonic mean of two rates, 0 to 1 each; 0 where both are.

    Source:
        van Rijsbergen, Information Retrieval (2nd ed., 1979), chapter 7.
    """
    return 2 * one * other / (one + other) if one + other else 0.0
