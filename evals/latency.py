"""How long a typed query over a large population takes, without its reading: `python -m evals.latency`.

100,000 users with 20 tags each, of 400 keys as unevenly spread as words are (Zipf), and counts of what they did with
each. Every sort of query is run with keys drawn from the frequent and the rare alike; what is timed is the whole answer
of the store: the count of the population, of the group, and the rows. The database is warm: one round goes before.
Processor time is told beside the time that passed, for a busy neighbour slows the latter only; that of a PostgreSQL
server on this machine is in it, but for what it leaves to parallel workers.

    python -m evals.latency --url postgresql://limner@/latency?host=/run/postgresql     an empty database, or one that
                                                                                        was filled so before
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from sqlalchemy import make_url, text

from limner import query, show
from limner.query import Condition, Measured, Query, Standing, Statistic, Tagged
from store.database import Database
from store.population import PopulationStore
from store.profiles import HEAD, WRITTEN
from store.runs import RunStore
from store.sets import encoded
from store.tables import ProfileRow, TagKeyRow, TagRow, TagSetRow, TallyRow, UserRow
from store.tallies import COLUMNS

USERS, TAGS, KEYS = 100_000, 20, 400
BATCH = 2_000
BORN = datetime(2026, 1, 1, tzinfo=UTC)
USER = ("user_id", "events", "digest", "first_ts", "last_ts", "corrections")


def fill(database: Database, users: int, told: Callable[[int], None]) -> None:
    """A population of that many users, the same every time."""
    rng = Random(7)
    run = RunStore(database).start(config={}, users_total=users)
    keys = [f"topic/{number:03d}" for number in range(KEYS)]
    weights = [1 / (rank + 3) for rank in range(KEYS)]
    born = database.moment(BORN)
    numbers = {key: number for number, key in enumerate(keys, 1)}
    with database.connection() as connection:
        database.write(connection, TagKeyRow, ("number", "key"), [(number, key) for key, number in numbers.items()])
    for start in range(0, users, BATCH):
        people: list[tuple[Any, ...]] = []
        heads: list[tuple[Any, ...]] = []
        tags: list[tuple[Any, ...]] = []
        tallies: list[tuple[Any, ...]] = []
        served: list[tuple[str, str]] = []
        for number in range(start, min(start + BATCH, users)):
            user, seen = f"user-{number:07d}", database.moment(datetime.fromtimestamp(1.5e9 + 2_000 * number, UTC))
            people.append((user, 100, "d", born, seen, 0))
            heads.append((user, 1, run, "m", "{}", "t", "d", born))
            tallies.append((user, "", "", 100, 40, 0.0, 50, 150.0 + number % 100))
            tallies.append((user, "", "purchase", 50, 30, float(rng.randrange(10, 2_000)), 0, 0.0))
            own: list[str] = []
            for key in dict.fromkeys(rng.choices(keys, weights, k=3 * TAGS)):
                if len(own) == TAGS:
                    break
                polarity = 1 if rng.random() < 0.8 else -1
                said = ("interest", key, polarity, rng.uniform(0.6, 1), "observed", "verified", None, None, "", "")
                tags.append((user, 1, run, born, "", b"d", *said, born, None, key, key, 3, 0, 0, 0, 0))
                tallies.append((user, key, "purchase", rng.randrange(1, 20), 3, 9.0, 0, 0.0))
                own.append(encoded(numbers[key], polarity))
            served.append((user, "".join(sorted(own))))
        with database.connection() as connection:
            database.write(connection, UserRow, USER, people)
            database.write(connection, ProfileRow, HEAD, heads)
            database.write(connection, TagRow, WRITTEN, tags)
            database.write(connection, TallyRow, COLUMNS, tallies)
            database.write(connection, TagSetRow, ("user_id", "tags"), served)
        told(start + BATCH)


def queries(rng: Random) -> dict[str, Query]:
    """One query of each sort, over keys drawn anew."""
    a, b, c = (f"topic/{rng.randrange(KEYS):03d}" for _ in range(3))

    def likes(key: str) -> Condition:
        return Tagged(keys=(key,), polarity=1)

    bought = Measured(of=Statistic(measure="events", acts=("purchase",), key=c), value=5)
    spend = Statistic(measure="spend", acts=("purchase",))
    both = query.All(of=(likes(a), likes(b)))
    but_not = query.All(of=(likes(a), query.Not(of=likes(b))))
    either = query.Any(of=(likes(a), likes(b), likes(c)))
    dislikes = Tagged(keys=(b,), polarity=-1)
    return {
        "list: likes": Query(want="list", where=likes(a)),
        "list: likes and likes": Query(want="list", where=both),
        "list: likes but not": Query(want="list", where=but_not),
        "list: likes or likes or likes": Query(want="list", where=either),
        "list: likes and bought at least 5 times": Query(want="list", where=query.All(of=(likes(a), bought))),
        "count: dislikes": Query(want="count", where=dislikes),
        "count: does not like": Query(want="count", where=query.Not(of=likes(a))),
        "count: spent more than 1,500": Query(want="count", where=Measured(of=spend, compare=">", value=1500)),
        "count: active since": Query(want="count", where=query.Active(since=datetime(2022, 1, 1, tzinfo=UTC))),
        "share: probably likes": Query(want="share", where=Tagged(keys=(a,), polarity=1, least=0.8)),
        "list: top tenth by money, likes": Query(
            want="list", where=query.All(of=(Standing(of=spend, top=0.1), likes(a)))
        ),
        "top users by money, likes": Query(want="top users", where=likes(a), by=spend),
        "top tags of who likes": Query(want="top tags", where=likes(a)),
        "compare by money": Query(want="compare", where=likes(a), against=likes(b), by=spend),
        "apart": Query(want="apart", where=likes(a)),
    }


class Took(NamedTuple):
    """Milliseconds of one query."""

    passed: float
    processor: float
    """Of this process, and of those of a server on this machine that answered it."""


def measure(store: PopulationStore, rounds: int, processor: Callable[[], float]) -> dict[str, list[Took]]:
    """What every query took, by its sort.

    Args:
        processor: Seconds spent so far.
    """
    times: dict[str, list[Took]] = {}
    for number in range(rounds + 1):
        for name, asked in queries(Random(number)).items():
            spent, began = processor(), time.perf_counter()
            store.answer(asked)
            passed = time.perf_counter() - began
            took = Took(passed * 1e3, (processor() - spent) * 1e3)
            if number:
                times.setdefault(name, []).append(took)
    return times


def spent(database: Database, url: str) -> float:
    """Seconds of processor time of this process and of the server's for this database, where it is on this machine."""
    host = make_url(url).query.get("host") or make_url(url).host or ""
    if database.dialect == "sqlite" or not (str(host).startswith("/") or host in {"", "localhost", "127.0.0.1"}):
        return time.process_time()
    backends = text(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    )
    with database.reading() as connection:
        pids = connection.execute(backends).scalars().all()
    nanoseconds = (int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids)
    return time.process_time() + sum(nanoseconds) / 1e9


def main(
    url: Annotated[
        str | None, typer.Option(help="A database, empty or filled by this; a new SQLite file if not given.")
    ] = None,
    users: Annotated[int, typer.Option(help="Users of the population.")] = USERS,
    rounds: Annotated[int, typer.Option(help="Queries of each sort.")] = 40,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Milliseconds of typed queries; the goal is a p95 of 100."""
    with tempfile.TemporaryDirectory(prefix="latency-") as folder, show.bar("population", "users") as bar:
        where = url or f"sqlite:///{Path(folder) / 'limner.db'}"
        database = Database(where)
        store = PopulationStore(database)
        there = store.answer(Query(want="count", where=query.Everyone())).people
        if there not in {0, users}:
            raise typer.BadParameter(f"{where} holds {there:,} users already.")
        if not there:
            fill(database, users, lambda done: bar.at(done, users))
        bar.at(0, title="queries")
        times = measure(store, rounds, lambda: spent(database, where))
        database.close()
    every = [one for own in times.values() for one in own]
    rows = {name: _spread(own) for name, own in {**times, "all": every}.items()}
    if as_json:
        show.document({"users": users, "database": database.dialect, "ms": rows})
        return
    heads = ("query", "p50 (ms)", "p95 (ms)", "processor p50", "processor p95", "n")
    show.table(heads, [(name, *(f"{number:.0f}" for number in row.values())) for name, row in rows.items()])


def _spread(took: list[Took]) -> dict[str, float]:
    passed, processor = (np.percentile(values, (50, 95)) for values in zip(*took, strict=True))
    p50, p95, own50, own95 = map(float, (*passed, *processor))
    return {"p50": p50, "p95": p95, "processor_p50": own50, "processor_p95": own95, "n": len(took)}


if __name__ == "__main__":
    typer.run(main)
