"""How well a profile foresees: the metrics of StreamProfileBench, from its paper and its released evaluator.

A step is a pool of tags of which a quarter come true: those the user keeps and those new to them, among distractors
(tags on the way out, tags like the true ones, tags that everybody has just now, tags at random). The system picks a
quarter of the pool; whoever picks at random has a recall of 0.25.

Source: StreamProfileBench, arXiv 2605.25758; WaterWang-001/StreamProfileBench, `bench_inference.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from evals.tallies import harmonic

QUARTER = 0.25
"""Share of a pool that comes true, and that is picked."""


class Pool(NamedTuple):
    """The candidates of one step, each in one part."""

    keep: frozenset[str] = frozenset()
    """True now and later."""
    new: frozenset[str] = frozenset()
    """True later only."""
    decay: frozenset[str] = frozenset()
    """True now only."""
    peer: frozenset[str] = frozenset()
    """Like the true ones, and not true."""
    viral: frozenset[str] = frozenset()
    """Of many users just now, and not of this one."""
    random: frozenset[str] = frozenset()

    @property
    def true(self) -> frozenset[str]:
        return self.keep | self.new

    @property
    def candidates(self) -> frozenset[str]:
        return frozenset().union(*self)

    @property
    def picks(self) -> int:
        """How many to pick: a quarter, at least one."""
        return max(1, round(len(self.candidates) * QUARTER))


class Foresight(NamedTuple):
    """0 to 1 each; None where the step has nothing of the kind."""

    recall: float | None
    novelty: float | None
    """Recall of what is new."""
    stability: float | None
    """Recall of what is kept."""
    decay_error: float | None
    """Distractors of that sort that were picked; lower is better, as for the next three."""
    peer_error: float | None
    viral_error: float | None
    random_error: float | None


NOTHING = Foresight(None, None, None, None, None, None, None)


def foresight(picked: Collection[str], pool: Pool) -> Foresight:
    """The scores of one step; `NOTHING` where nothing came true, which leaves the step out."""
    if not pool.true:
        return NOTHING
    chosen = frozenset(picked)

    def part(of: frozenset[str]) -> float | None:
        return len(chosen & of) / len(of) if of else None

    return Foresight(*map(part, (pool.true, pool.new, pool.keep, pool.decay, pool.peer, pool.viral, pool.random)))


def of_user(steps: Iterable[Foresight]) -> Foresight:
    """A user's scores: of each the mean over the steps that have it."""
    return Foresight(*map(_mean, zip(NOTHING, *steps, strict=True)))


def f1_ns(user: Foresight) -> float | None:
    """The harmonic mean of a user's novelty and stability, 0 to 1.

    Returns:
        None where one of them is undefined, and, as in the released evaluator, where both are 0: there the users of
        whom nothing was foreseen leave the average. Whoever compares systems counts them as 0.
    """
    if user.novelty is None or user.stability is None or user.novelty + user.stability == 0:
        return None
    return harmonic(user.novelty, user.stability)


def overall(users: Sequence[Foresight]) -> tuple[Foresight, float | None]:
    """The published aggregates: each score averaged over users, and so F1^NS."""
    return of_user(users), _mean([f1_ns(user) for user in users])


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
