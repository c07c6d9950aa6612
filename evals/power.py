"""Whether verdicts can be believed: pairs of runs are simulated in which nothing changed, and in which something did.

    python -m evals.power                                  made-up worlds
    python -m evals.power --before RUN --after RUN         also users drawn from two stored runs

Where nothing changed, at most 5 of 100 pairs may be called better or worse. Where the true difference is as large as
the comparison said it could detect, 80 of 100 are to be found. Beside the false alarms stand those of two other ways to
a verdict: the interval that `evals.compare` prints, and the percentile bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.stats import binomtest, bootstrap

from evals.compare import ALPHA, Paired, Pairs, holm, of_ratio
from evals.runs import Runs
from limner import settings, show
from limner.errors import InputError

Array = NDArray[np.float64]
World = Callable[[np.random.Generator, int, float], Pairs | None]
"""A pair of runs over so many users, the later one better by so much in truth."""
USERS = (20, 60, 400)
SWAPS = 999
RESAMPLES = 400
TUNED = 100
ROUNDS = 3
"""Pairs, and rounds of them, in which the detectable difference is looked for."""
TOGETHER = 6
"""Metrics compared at once in the last row."""


class Share(NamedTuple):
    """Of simulated pairs, with its exact 95 % interval."""

    share: float
    low: float
    high: float

    def words(self) -> str:
        return f"{self.share:.3f} ({self.low:.3f} to {self.high:.3f})"


class Row(NamedTuple):
    world: str
    users: int
    pairs: int
    false_alarms: Share
    by_interval: Share | None
    """Where the printed interval leaves out 0."""
    by_percentiles: Share | None
    """Where that of the percentile bootstrap does."""
    detectable: float | None
    """A true difference that is as large as what the comparison then says it could detect, in the median pair."""
    found: Share | None
    """Of pairs in which the later run is worse by that much."""


def one_answer(rng: np.random.Generator, users: int, effect: float) -> Pairs | None:
    """One right or wrong answer a user; 22 % change between two runs, as between two versions of Memobase on LoCoMo."""
    changed = max(0.22, abs(effect))
    drawn = rng.random(users)
    gained, lost = drawn < (changed + effect) / 2, drawn > 1 - (changed - effect) / 2
    same = rng.random(users) < 0.75
    return _pairs(range(users), same & ~gained | lost, same & ~lost | gained)


def many_answers(rng: np.random.Generator, users: int, effect: float) -> Pairs | None:
    """Right or wrong answers, about 8 a user and for some ten times as many; some users gain, others lose."""
    return _answers(rng, users, effect + rng.normal(0, 0.06, users))


def harm_to_few(rng: np.random.Generator, users: int, effect: float) -> Pairs | None:
    """The same, where nine of ten users gain a little and the tenth loses nine times as much."""
    return _answers(rng, users, effect + np.where(rng.random(users) < 0.9, 0.03, -0.27))


def _answers(rng: np.random.Generator, users: int, lean: Array) -> Pairs | None:
    whose = np.repeat(np.arange(users), np.maximum(1, rng.lognormal(np.log(8), 0.8, users)).astype(int))
    able, lean = rng.beta(4, 2, users)[whose], lean[whose]
    changed = np.maximum(0.22, np.abs(lean))
    drawn = rng.random(len(whose))
    gained, lost = drawn < (changed + lean) / 2, drawn > 1 - (changed - lean) / 2
    same = rng.random(len(whose)) < able
    return _pairs(whose, same & ~gained | lost, same & ~lost | gained)


def precision(rng: np.random.Generator, users: int, effect: float) -> Pairs | None:
    """Right tags of published ones, about 4 a user and 93 % right; the runs publish different ones."""
    before = rng.poisson(4, users)
    after = np.maximum(0, before + rng.integers(-1, 2, users))
    able = rng.beta(11.2, 0.8, users)
    return of_ratio(
        np.arange(users),
        np.stack([rng.binomial(before, able), before], 1).astype(float),
        np.stack([rng.binomial(after, np.clip(able * (1 + effect / 0.93), 0, 1)), after], 1).astype(float),
    )


def partial_credit(rng: np.random.Generator, users: int, effect: float) -> Pairs | None:
    """A score from 0 to 1 a user, often 0 or 1; a third are answered anew, and harm turns some into 0."""
    before, again = _credit(rng, users), _credit(rng, users)
    after = np.where(rng.random(users) < 0.35, again, before)
    return _pairs(range(users), before, np.where(rng.random(users) < -effect / 0.45, 0, after))


def _credit(rng: np.random.Generator, users: int) -> Array:
    kind = rng.random(users)
    return np.where(kind < 0.3, 0, np.where(kind < 0.5, 1, rng.beta(2, 2, users)))


def _pairs(whose: Any, before: NDArray[Any], after: NDArray[Any]) -> Pairs | None:
    one = np.ones(len(before))
    return of_ratio(np.asarray(whose), np.stack([before, one], 1), np.stack([after, one], 1))


WORLDS: Mapping[str, World] = {
    "one answer a user": one_answer,
    "many answers a user": many_answers,
    "many, harm to few": harm_to_few,
    "precision, 93 %": precision,
    "partial credit": partial_credit,
}


def stored(paired: Paired, metric: str) -> World | None:
    """Users drawn from two stored runs; half of them, or as many as make the effect, with their results swapped."""
    seen = paired.pairs(metric)
    if seen is None or not seen.error:
        return None
    before, after = (side.T for side in seen.sums)

    def world(rng: np.random.Generator, users: int, effect: float) -> Pairs | None:
        drawn = rng.integers(len(before), size=users)
        swapped = (rng.random(users) < (1 - effect / seen.delta) / 2)[:, None]
        one, other = before[drawn], after[drawn]
        return of_ratio(np.arange(users), np.where(swapped, other, one), np.where(swapped, one, other))

    return world


def simulated(name: str, world: World, users: int, pairs: int, most: float = 1.0) -> Row:
    """Verdicts on pairs in which nothing changed, then on pairs in which the later run is worse.

    Args:
        most: The largest effect that the world can have.
    """
    rng = np.random.default_rng(users)

    def drawn(number: int, effect: float) -> list[Pairs]:
        return [pair for _ in range(number) if (pair := world(rng, users, effect)) is not None]

    still = drawn(pairs, 0.0)
    detectable = _detectable(still[:TUNED])
    for _ in range(ROUNDS):
        if detectable is not None and detectable <= most:
            detectable = _detectable(drawn(TUNED, -detectable))
    harmed = drawn(pairs, -detectable) if detectable is not None and detectable <= most else []
    return Row(
        name,
        users,
        len(still),
        _share([pair.p(swaps=SWAPS) <= ALPHA for pair in still]),
        _share([pair.interval is not None and not pair.interval[0] <= 0 <= pair.interval[1] for pair in still]),
        _share([_by_percentiles(pair, rng) for pair in still]),
        detectable,
        _share([pair.delta < 0 and pair.p(swaps=SWAPS) <= ALPHA for pair in harmed]) if harmed else None,
    )


def _detectable(pairs: Sequence[Pairs]) -> float | None:
    told = [one for pair in pairs if (one := pair.detectable()) is not None]
    return float(np.median(told)) if told else None


def together(users: int, pairs: int) -> Row:
    """Any false alarm among six metrics of the same users, after the correction."""
    rng = np.random.default_rng(users)
    alarms: list[bool] = []
    for _ in range(pairs):
        found = [many_answers(rng, users, 0.0) for _ in range(TOGETHER)]
        corrected = holm({str(at): pair.p(swaps=SWAPS) for at, pair in enumerate(found) if pair is not None})
        alarms.append(min(corrected.values()) <= ALPHA)
    return Row(f"{TOGETHER} metrics at once", users, pairs, _share(alarms), None, None, None, None)


def _by_percentiles(pair: Pairs, rng: np.random.Generator) -> bool:
    """Whether the percentile bootstrap over users would call a difference."""
    if not pair.error:
        return False

    def delta(hits: Array, cases: Array, later: Array, of: Array, axis: int = -1) -> Array:
        return np.asarray(later.sum(axis) / of.sum(axis) - hits.sum(axis) / cases.sum(axis))

    sides = (*pair.sums[0], *pair.sums[1])
    drawn = bootstrap(sides, delta, paired=True, method="percentile", n_resamples=RESAMPLES, rng=rng)
    return not drawn.confidence_interval.low <= 0 <= drawn.confidence_interval.high


def _share(hits: list[bool]) -> Share:
    exact = binomtest(sum(hits), len(hits)).proportion_ci(method="exact")
    return Share(sum(hits) / len(hits), float(exact.low), float(exact.high))


def main(
    pairs: Annotated[int, typer.Option(min=20, help="Simulated pairs a row.")] = 2_000,
    before: Annotated[str | None, typer.Option(metavar="RUN", help="Draw users from this run …")] = None,
    after: Annotated[str | None, typer.Option(metavar="RUN", help="… and this one.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """False alarms where nothing changed, and harm that is found; no model is needed."""
    worlds: dict[str, tuple[World, float]] = {name: (world, 1.0) for name, world in WORLDS.items()}
    if before and after:
        runs = Runs(settings.read().home)
        try:
            paired = Paired(runs.open(before), runs.open(after))
        except InputError as error:
            raise typer.BadParameter(str(error)) from error
        worlds = {}
        for metric in paired.metrics:
            world, seen = stored(paired, metric), paired.pairs(metric)
            if world is not None and seen is not None:
                worlds[metric] = (world, abs(seen.delta))
    rows: list[Row] = []
    with show.bar("Simulating", "rows") as bar:
        for name, (world, most) in worlds.items():
            for users in USERS:
                bar.at(len(rows), (len(worlds) + 1) * len(USERS))
                rows.append(simulated(name, world, users, pairs, most))
        rows += [together(users, pairs) for users in USERS]
    if as_json:
        show.document(rows)
        return
    show.table(
        ("world", "users", "false alarms", "by interval", "by percentile bootstrap", "detectable", "harm found"),
        [
            (
                row.world,
                str(row.users),
                row.false_alarms.words(),
                row.by_interval.words() if row.by_interval else "",
                row.by_percentiles.words() if row.by_percentiles else "",
                "" if row.detectable is None else f"{row.detectable:.3f}",
                row.found.words() if row.found else "",
            )
            for row in rows
        ],
    )


if __name__ == "__main__":
    typer.run(main)
