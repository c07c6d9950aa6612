"""A run that is killed at random moments, again and again, ends like one that was left alone: `make crash`.

    python -m evals.crash                                      50 kills of `limner run`, 10 of `limner ingest`
    python -m evals.crash --kills 5 --ingest-kills 2 --users 30

The commands are the real ones, each in a process of its own that gets SIGKILL, over a model and an embedder in another
process that take 20 ms for an answer and answer equal questions equally. An ordeal is one database from its first
command to its last: killed, gone on with, killed again, until a command comes to its end. Then every row of every user
and the index are compared with those of an undisturbed run; run ids, times and the time taken may differ.

Tokens are spent again in two ways. The ledger may show more than the undisturbed one: answers that were known and yet
asked for. And what is in flight when a kill comes is lost, as the server's own count shows: at most as many answers a
kill as the pace has slots, however many users there are.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Annotated, Any, NamedTuple

import typer

from evals import instant, synthetic
from limner import show
from limner.errors import LimnerError
from store.database import Database
from store.vectors import VectorIndex

LIMNER = Path(sys.executable).with_name("limner")
DELAY, SLOTS = 0.02, 16
"""Of the model server: seconds an answer takes, answers at once."""
USERS, KILLS, INGEST_KILLS, EVENTS = 200, 50, 10, 200_000
AT_START, AT_END = 0.1, 0.15
"""Shares of the kills before the first thing and after the last one is stored."""
GLANCE = 0.01
"""Seconds between two looks at what is stored."""
MOST_AGAIN = 0.01
"""Share of the ledger's tokens that may be spent again."""
PASSING = frozenset({"run", "at", "seconds", "recorded_at", "retired_at", "created_at", "seq", "id"})
"""Columns that differ between two runs over the same users."""
PROFILES = ("users", "profiles", "tags", "tag_evidence", "personas", "label_vectors", "run_items")
HISTORIES = ("users", "events", "attribute_counts")


class CommandFailed(LimnerError):
    """A command that was not killed did not come to its end."""


class Tally(NamedTuple):
    """What the kills of one command did."""

    command: str
    kills: int
    ordeals: int
    before: int
    """Kills before the first user (of an ingest: the first event) was stored."""
    during: int
    after: int
    """Kills when all were stored, while the index was built or the command was ending."""
    lost: int
    """Users of the undisturbed database that a killed one lacks."""
    twice: int
    """Users stored more than once."""
    different: int
    """Rows that only one of the two has."""
    index_faults: int
    spent_again: float
    """Share of an ordeal's tokens that the ledger shows beyond those of an undisturbed run."""
    wasted: float
    """Share of an undisturbed run's tokens that were in flight at a kill, and had to be asked for again."""
    answers_wasted: float
    """The same in answers, which does not depend on the number of users."""
    seconds: float

    @property
    def holds(self) -> bool:
        return not (self.lost or self.twice or self.different or self.index_faults) and (self.spent_again <= MOST_AGAIN)


class _Moment(NamedTuple):
    """When to kill: so many seconds after so many things were stored."""

    stored: int
    seconds: float


class _Killer:
    """Runs one command of limner on copies of a home, and kills it.

    Args:
        next_command: The arguments with which to go on in a home; None when there is nothing left to do.
        stored: How many of the things that the command stores a home holds.
        whole: How many it holds in the end.
    """

    def __init__(
        self,
        origin: Path,
        environment: Mapping[str, str],
        next_command: Callable[[Path], Sequence[str] | None],
        stored: Callable[[Path], int],
        whole: int,
        draw: Random,
    ) -> None:
        self._origin = origin
        self._environment = environment
        self._next_command = next_command
        self._stored = stored
        self._whole = whole
        self._draw = draw
        self.phases = Counter[str]()
        self.undisturbed = self._copy("undisturbed")
        self._first, self._last, self._end = self._times(self.undisturbed)

    def ordeal(self, name: str, most: int) -> tuple[Path, int]:
        """A home after a command was killed, up to `most` times, and came to its end; and the number of kills."""
        home, kills = self._copy(name), 0
        while self._next_command(home) is not None:
            if self._go_on(home, self._moment(home) if kills < most else None):
                break
            kills += 1
            stored = self._stored(home)
            self.phases["before" if not stored else "during" if stored < self._whole else "after"] += 1
        return home, kills

    def _moment(self, home: Path) -> _Moment | None:
        """At any of the things to be stored, and at times while the command starts or ends; once after the last."""
        stored, lot = self._stored(home), self._draw.random()
        if stored >= self._whole:
            return None
        if lot < AT_START:
            return _Moment(0, self._draw.uniform(0, self._first))
        if lot > 1 - AT_END or stored + 1 == self._whole:
            return _Moment(self._whole, self._draw.uniform(0, self._end - self._last))
        return _Moment(self._draw.randrange(stored + 1, self._whole), self._draw.uniform(0, 2 * DELAY))

    def _times(self, home: Path) -> tuple[float, float, float]:
        """Seconds until the first thing and the last one are stored, and until the command ends."""
        began = time.monotonic()
        first = last = 0.0
        with self._started(home) as process:
            while process.poll() is None:
                stored, now = self._stored(home), time.monotonic() - began
                first = first or (now if stored else 0.0)
                last = last or (now if stored == self._whole else 0.0)
                time.sleep(GLANCE)
            self._check(process, home)
        return first, last or first, time.monotonic() - began

    def _go_on(self, home: Path, moment: _Moment | None) -> bool:
        """Whether the command came to its end before the moment, when it is killed.

        Raises:
            CommandFailed: it ended, but not well.
        """
        with self._started(home) as process:
            while moment is not None and process.poll() is None:
                if self._stored(home) >= moment.stored:
                    time.sleep(moment.seconds)
                    if process.poll() is None:
                        process.kill()
                        return False
                time.sleep(GLANCE)
            self._check(process, home)
        return True

    def _started(self, home: Path) -> subprocess.Popen[bytes]:
        environment = {**self._environment, "LIMNER_HOME": str(home)}
        command = [str(LIMNER), *(self._next_command(home) or ())]
        with (home / "log").open("wb") as log:
            return subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log)

    def _check(self, process: subprocess.Popen[bytes], home: Path) -> None:
        if process.wait():
            said = (home / "log").read_text()[-2000:]
            raise CommandFailed(f"A command that was not killed ended with {process.returncode}: {said}")

    def _copy(self, name: str) -> Path:
        return Path(shutil.copytree(self._origin, self._origin.with_name(name)))


def killed_runs(folder: Path, users: int, kills: int, *, seed: int, told: Callable[[int, int], None]) -> Tally:
    """What is left of `limner run` over synthetic users after so many kills.

    Raises:
        CommandFailed: a command that was not killed did not end well.
    """
    origin = _home(folder)
    synthetic.write(folder / "users.jsonl", users)
    _limner(origin, _environment(None), "ingest", str(folder / "users.jsonl"))
    with instant.apart(delay=DELAY, slots=SLOTS) as url:
        killer = _Killer(origin, _environment(url), _unfinished_run, _profiled, users, Random(seed))
        undisturbed, once = killer.undisturbed, instant.spent(url)
        wanted = rows(undisturbed, PROFILES)
        tally = _Sum()
        while tally.kills < kills:
            home, killed = killer.ordeal(f"ordeal-{tally.ordeals}", kills - tally.kills)
            tally.add(home, killed, wanted, PROFILES, index=True)
            tally.ledger += _ledger(home) - _ledger(undisturbed)
            shutil.rmtree(home)
            told(tally.kills, kills)
        twice_spent = instant.spent(url)
    tokens, ordeals = once.tokens_in + once.tokens_out, tally.ordeals
    served = twice_spent.tokens_in + twice_spent.tokens_out - tokens
    return tally.tally(
        "run",
        killer.phases,
        spent_again=tally.ledger / (tokens * ordeals),
        wasted=(served - tokens * ordeals) / (tokens * max(1, tally.kills)),
        answers_wasted=(twice_spent.calls - once.calls * (ordeals + 1)) / max(1, tally.kills),
    )


def killed_ingests(folder: Path, events: int, kills: int, *, seed: int, told: Callable[[int, int], None]) -> Tally:
    """What is left of `limner ingest` of synthetic events after so many kills, each followed by the same command.

    Raises:
        CommandFailed: a command that was not killed did not end well.
    """
    origin, file = _home(folder), folder / "events.jsonl"
    whole = synthetic.write(file, -(-events // synthetic.EVENTS))
    killer = _Killer(origin, _environment(None), lambda home: ("ingest", str(file)), _taken_in, whole, Random(seed))
    wanted = rows(killer.undisturbed, HISTORIES)
    tally = _Sum()
    while tally.kills < kills:
        home, killed = killer.ordeal(f"ordeal-{tally.ordeals}", kills - tally.kills)
        tally.add(home, killed, wanted, HISTORIES, index=False)
        shutil.rmtree(home)
        told(tally.kills, kills)
    return tally.tally("ingest", killer.phases)


# --- what a home holds ---


class _Sum:
    """Adds up what ordeals did."""

    def __init__(self) -> None:
        self.kills = self.ordeals = self.ledger = 0
        self._lost = self._twice = self._different = self._faults = 0
        self._began = time.monotonic()

    def add(self, home: Path, kills: int, wanted: Rows, tables: Sequence[str], *, index: bool) -> None:
        """Take in an ordeal: its home, compared with the rows that an undisturbed one has."""
        self.kills += kills
        self.ordeals += 1
        lost, twice, different = compared(wanted, rows(home, tables))
        self._lost += lost
        self._twice += twice
        self._different += different
        self._faults += len(_index_faults(home)) if index else 0

    def tally(
        self,
        command: str,
        phases: Mapping[str, int],
        *,
        spent_again: float = 0,
        wasted: float = 0,
        answers_wasted: float = 0,
    ) -> Tally:
        return Tally(
            command=command,
            kills=self.kills,
            ordeals=self.ordeals,
            before=phases.get("before", 0),
            during=phases.get("during", 0),
            after=phases.get("after", 0),
            lost=self._lost,
            twice=self._twice,
            different=self._different,
            index_faults=self._faults,
            spent_again=spent_again,
            wasted=wasted,
            answers_wasted=answers_wasted,
            seconds=time.monotonic() - self._began,
        )


Row = tuple[tuple[str, Any], ...]
Rows = Mapping[str, Counter[Row]]
"""Table to its rows, without what may differ."""


def compared(wanted: Rows, found: Rows) -> tuple[int, int, int]:
    """Users lost, users stored twice, and rows that only one of the two has."""
    different = sum(((wanted[table] - found[table]) + (found[table] - wanted[table])).total() for table in wanted)
    settled = "run_items" if "run_items" in wanted else "users"
    before, now = (Counter(dict(row)["user_id"] for row in them[settled].elements()) for them in (wanted, found))
    revisions = Counter(dict(row)["user_id"] for row in found.get("profiles", Counter()).elements())
    twice = {user for counts in (now, revisions) for user, count in counts.items() if count > 1}
    return len(before.keys() - now.keys()), len(twice), different


def rows(home: Path, tables: Sequence[str]) -> Rows:
    """What the tables of a home's database hold."""
    with closing(_opened(home)) as connection:
        connection.row_factory = sqlite3.Row
        found: dict[str, Counter[Row]] = {}
        for table in tables:
            every = connection.execute(f"SELECT * FROM {table}")  # the name is one of ours
            found[table] = Counter(
                tuple((name, row[name]) for name in row.keys() if name not in PASSING)  # noqa: SIM118 - a Row's values
                for row in every
            )
        return found


def _index_faults(home: Path) -> list[str]:
    with closing(Database(f"sqlite:///{home / 'limner.db'}")) as database:
        return VectorIndex(home, database).probe()


def _opened(home: Path) -> sqlite3.Connection:
    return sqlite3.connect(home / "limner.db")


def _number(home: Path, query: str) -> int:
    """What a query counts; 0 where there is no such table yet."""
    with closing(_opened(home)) as connection:
        try:
            return int(connection.execute(query).fetchone()[0] or 0)
        except sqlite3.OperationalError:
            return 0


def _profiled(home: Path) -> int:
    return _number(home, "SELECT count(*) FROM profiles")


def _taken_in(home: Path) -> int:
    return _number(home, "SELECT count(*) FROM events")


def _ledger(home: Path) -> int:
    """Tokens that the ledger knows of."""
    return _number(home, "SELECT sum(tokens_in + tokens_out) FROM model_calls")


def _unfinished_run(home: Path) -> Sequence[str] | None:
    """`run`, or where one has begun `run --resume`; None where it is done."""
    with closing(_opened(home)) as connection:
        newest = connection.execute("SELECT state FROM runs ORDER BY started_at DESC LIMIT 1").fetchone()
    if newest is None:
        return ("run",)
    return None if newest[0] == "done" else ("run", "--resume")


def _home(folder: Path) -> Path:
    home = folder / "origin"
    home.mkdir()
    return home


def _environment(url: str | None) -> dict[str, str]:
    """This process's environment with none of its settings of limner, and the instant server's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    server = {"LIMNER_MODEL_URL": url, "LIMNER_MODEL": instant.NAME, "LIMNER_EMBEDDER": f"{url}#{instant.NAME}"}
    return inherited | {name: value for name, value in server.items() if url and value}


def _limner(home: Path, environment: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [LIMNER, *arguments],
        env={**environment, "LIMNER_HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"`limner {' '.join(arguments)}` ended with {done.returncode}: {done.stderr[-2000:]}")


# --- the command ---


def command(
    kills: Annotated[int, typer.Option(help="Kills of `limner run`.")] = KILLS,
    ingest_kills: Annotated[int, typer.Option(help="Kills of `limner ingest`.")] = INGEST_KILLS,
    users: Annotated[int, typer.Option(help="Users of a run.")] = USERS,
    events: Annotated[int, typer.Option(help="Events of an ingest.")] = EVENTS,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Kill limner at random moments, go on, and compare with an undisturbed run; exit code 1 where they differ."""
    tallies: list[Tally] = []
    with show.bar("crash", "kills") as bar:
        for title, ordeals, size, wanted in (
            ("killing limner run", killed_runs, users, kills),
            ("killing limner ingest", killed_ingests, events, ingest_kills),
        ):
            with tempfile.TemporaryDirectory(prefix="limner-crash-") as folder:
                if wanted:
                    bar.at(0, wanted, title=title)
                    told = _at(bar, title)
                    tallies.append(ordeals(Path(folder), size, wanted, seed=seed, told=told))
    if as_json:
        show.document({tally.command: tally._asdict() | {"holds": tally.holds} for tally in tallies})
    else:
        names = ("", *(f"limner {tally.command}" for tally in tallies))
        show.table(names, [(name.replace("_", " "), *_cells(tallies, name)) for name in Tally._fields[1:]])
    if not all(tally.holds for tally in tallies):
        show.failure("A killed database differs from an undisturbed one.")
        raise typer.Exit(1)


def _at(bar: show.Bar, title: str) -> Callable[[int, int], None]:
    return lambda done, total: bar.at(done, total, title=title)


def _cells(tallies: Sequence[Tally], name: str) -> list[str]:
    values = [getattr(tally, name) for tally in tallies]
    if name in {"spent_again", "wasted"}:
        return [f"{value:.2%}" for value in values]
    return [f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" for value in values]


def main() -> None:
    """The entry point; foreseen errors become a plain sentence and an exit code."""
    try:
        typer.run(command)
    except LimnerError as error:
        show.failure(str(error))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
