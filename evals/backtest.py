"""The backtest as evaluation runs: what limner and simple rules foretell of the same users, kept as any other run is.

Each system has a run of its own over the same pools, so that `compare`, `gate` and `report` work on them as on others.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import orjson

from evals.forecasts import SYSTEMS, Forecast, Halves, compared, picked, pools, shares
from evals.runs import Header, MetricKind, Output, Run, Runs, Score, new_id
from evals.streams import Pool
from evals.task import Tally
from limner.app import App, Stage
from limner.domain import History
from limner.errors import InputError

TASK, VERSION = "backtest", 1
LOWER = MetricKind(better="lower")
METRICS: Mapping[str, MetricKind] = {
    "recall": MetricKind(),
    "novelty": MetricKind(),
    "stability": MetricKind(),
    "f1_ns": MetricKind(),
    "decay_error": LOWER,
    "borne_out": MetricKind(),
    "peer_error": LOWER,
    "viral_error": LOWER,
    "random_error": LOWER,
}
FEW = 2
"""Users below which nothing can be said of anybody else."""


def backtest(app: App, split: float | datetime, users: int, told: Stage) -> dict[str, Run]:
    """A finished run for each system, limner's first.

    Args:
        split: The share of each user's events that comes before, or the time (UTC) that parts everybody's.
        users: At most so many, drawn by the digest of their ids.

    Raises:
        InputError: there are no events, or hardly any user has some on both sides of the split, or came back to
            anything.
    """
    began, chosen = datetime.now(UTC), app.events.sample(users)
    since = time.monotonic()

    def histories(stage: str) -> Iterator[History]:
        for done, user_id in enumerate(chosen):
            told(stage, done, len(chosen), "users")
            yield app.events.history(user_id)

    baseline = shares(histories("what everybody does"), split, app.taxonomy)
    found = [compared(history, split, app.taxonomy, baseline) for history in histories("before and after")]
    halves = [one for one in found if one is not None]
    drawn = pools(halves)
    if sum(bool(pool.true) for pool in drawn) < FEW:
        raise InputError(_too_few(app, len(chosen), len(halves)))
    header = Header(
        run=new_id(began),
        task=TASK,
        task_version=VERSION,
        system=SYSTEMS[0],
        dataset="own logs",
        dataset_digest=_digest(app, chosen, split),
        samples=len(halves),
        model=None,
        prompts={},
        taxonomy=f"{app.taxonomy.version} {app.taxonomy.digest}",
        limner=version("limner"),
        seed=0,
        settings={"split": split, "users": users},
        metrics=METRICS,
        started_at=began,
        state="done",
    )
    runs = Runs(app.settings.home)
    seconds = time.monotonic() - since
    kept: dict[str, Run] = {}
    for system, forecasts in picked(halves, drawn).items():
        ended = {"finished_at": datetime.now(UTC), "seconds": seconds / len(SYSTEMS)}
        named = {"run": f"{header.run}-{system}", "system": system}
        kept[system] = runs.start(header.model_copy(update=named | ended))
        _fill(kept[system], halves, drawn, forecasts)
    return kept


def _fill(run: Run, halves: Sequence[Halves], drawn: Sequence[Pool], forecasts: Sequence[Forecast]) -> None:
    scores: list[Score] = []
    for user, pool, forecast in zip(halves, drawn, forecasts, strict=True):
        parts = {name: sorted(part) for name, part in pool._asdict().items()}
        given = orjson.dumps([sorted(user.claimed), parts])
        run.add(
            Output(
                sample=user.user_id,
                cluster=user.user_id,
                input=hashlib.blake2b(given, digest_size=8).hexdigest(),
                output={"picked": forecast.picked},
                reference=parts,
            )
        )
        said = {**forecast.foresight._asdict(), "f1_ns": forecast.f1_ns, "borne_out": forecast.borne_out}
        for metric in METRICS:
            if (one := said[metric]) is not None:
                hits, of = one if isinstance(one, Tally) else (one, 1)
                scores.append(Score(sample=user.user_id, cluster=user.user_id, metric=metric, hits=hits, of=of))
    run.score(scores)


def _digest(app: App, users: Sequence[str], split: float | datetime) -> str:
    """16 hex digits of whose events were read, what they are, and where they are cut."""
    whole = hashlib.blake2b(str(split).encode(), digest_size=8)
    for user_id in users:
        whole.update(f"{user_id}\0{app.events.user_digest(user_id)}\n".encode())
    return whole.hexdigest()


def _too_few(app: App, users: int, halved: int) -> str:
    if not users:
        return "There are no events to look back on: `limner ingest` takes them in."
    if halved < FEW:
        newest = app.events.newest()
        reach = f"; the newest event is of {newest:%Y-%m-%d}" if newest else "; no event has a time"
        return (
            f"Of {users:,} users {halved} have fifteen events or more with some on both sides of the split{reach}. "
            "Choose another --split; 0.6 cuts every history after three fifths of its events."
        )
    return (
        f"Of {halved:,} users hardly anybody's later events bear out or refute anything. A backtest needs things that "
        "people come back to: item attributes such as genres, categories or brands (`limner ingest --map` names them)."
    )
