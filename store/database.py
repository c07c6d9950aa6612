"""One database, opened, brought up to date, and its errors put into words.

SQLite: write-ahead log, foreign keys on, and every writing transaction takes the write lock when it begins, so that
it waits for its turn (at most `patience` seconds) instead of failing half way. `synchronous` is NORMAL: a process that
is killed loses nothing that was committed; a machine that loses power may lose the last moments, never the database.
"""

from __future__ import annotations

import hashlib
import math
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import orjson
from filelock import FileLock, Timeout
from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    StaticPool,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.sql import ClauseElement

from limner.errors import BusyError, SetupError, StoreError
from store.migrations import upgrade
from store.tables import Table

T = TypeVar("T")

SQLITE_TROUBLE = {
    5: "is locked by another process: let that finish, or stop it, then start again",
    6: "is locked by another process: let that finish, or stop it, then start again",
    9: "ended a question that took too long: ask about less at a time",
    8: "cannot be written to: give limner a place where it may write (LIMNER_HOME, LIMNER_DATABASE_URL)",
    10: "could not be read or written: the disk is full, or reports an error. What was stored before is safe",
    11: "is damaged: restore a backup",
    13: "has no room left: the disk is full. What was stored before is safe; free some space, then start again",
    14: "cannot be opened: give limner a folder that exists and where it may write (LIMNER_HOME, LIMNER_DATABASE_URL)",
    26: "is not a database: name another file (LIMNER_DATABASE_URL), or move this one away",
}
"""By primary result code, https://www.sqlite.org/rescode.html."""

PAGES_KB = 16 * 1024
"""Of the database that a connection keeps in memory: four times as much made an ingest no faster, and every database
that is large enough takes it all."""

READING = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
"""All that a connection which must not write may do, https://www.sqlite.org/c3ref/c_alter_table.html."""

POSTGRES_TROUBLE = {
    "22P05": "cannot hold NUL characters: take them out of the input",
    "25006": "is read-only: give limner a database it may write to",
    "57014": "ended a question that took too long: ask about less at a time",
    "42501": "refused: the user of LIMNER_DATABASE_URL lacks a right it needs",
    "53100": "has no room left: the server's disk is full. What was stored before is safe",
    "55P03": "is locked by another process: let that finish, or stop it, then start again",
}
"""By SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html."""


class Direct:
    """A statement that goes straight to the driver, for what is done for every user: SQLAlchemy takes ten times as long
    over it as SQLite.

    Values come and go as the driver has them: times from `Database.moment`, JSON as text.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, dict[str, Any]]] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The driver's cursor after the statement."""
        if (compiled := self._compiled.get(connection.dialect.name)) is None:
            compiled = self._compiled[connection.dialect.name] = self._compile(connection.dialect)
        sql, constants = compiled
        return _driver(connection).execute(sql, {**constants, **values})

    def scalar(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """The first value of the first row; None where there is no row."""
        row = self.run(connection, values).fetchone()
        return None if row is None else row[0]

    def _compile(self, dialect: Dialect) -> tuple[str, dict[str, Any]]:
        with_styles: Any = type(dialect)
        named = with_styles(paramstyle="named" if dialect.name == "sqlite" else dialect.paramstyle)
        compiled: Any = self._statement.compile(dialect=named)
        return str(compiled), dict(compiled.params)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


class Database:
    """One database: SQLite or PostgreSQL, its schema brought up to date when opened.

    Args:
        url: `sqlite:///path`, or `postgresql://…` (psycopg is the driver).
        patience: Seconds to wait for another process's write to SQLite.

    Raises:
        SetupError: `url` is not one limner can use.
        StoreError: it cannot be reached, read or written, or comes from a newer limner.
    """

    def __init__(self, url: str, *, patience: float = 30.0) -> None:
        parsed = _parsed(url)
        self.dialect = parsed.get_backend_name()
        self.url = parsed.render_as_string(hide_password=True)
        self._file = Path(parsed.database) if self.dialect == "sqlite" and parsed.database else None
        self._engine = self._open(parsed, patience)
        self._errors: Any = self._engine.dialect.dbapi
        self._joint: Connection | None = None
        """The transaction of `at_once`, while it is open."""
        snapshot = {} if self.dialect == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._reader = self._engine.execution_options(reading=True, **snapshot)
        self._guard = self._guarded(parsed)
        self._idle: dict[Engine, list[Connection]] = {self._engine: [], self._reader: [], self._guard: []}
        try:
            with self.connection() as connection:
                if self.dialect == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("migration")})
                upgrade(connection, self.url)
        except StoreError:
            self.close()
            raise

    def connection(self) -> AbstractContextManager[Connection]:
        """One writing transaction: committed at the end of the block, undone when the block raises."""
        return self._transaction(self._engine) if self._joint is None else nullcontext(self._joint)

    def at_once(self, jobs: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """What each job returns or raises; all that they write is one transaction, or one each where any raises.

        Args:
            jobs: They write, and may be called twice.
        """
        try:
            with self._transaction(self._engine) as self._joint:
                return [job() for job in jobs]
        except Exception:  # noqa: BLE001 - whose it is shows when each is done by itself
            self._joint = None
            return [_result(job) for job in jobs]
        finally:
            self._joint = None

    def reading(self) -> AbstractContextManager[Connection]:
        """One reading transaction: a snapshot, which waits for nobody and lets others write meanwhile."""
        return self._transaction(self._reader)

    @contextmanager
    def guarded(self, seconds: float) -> Iterator[Connection]:
        """One reading transaction for what strangers ask: the database itself refuses to write.

        Args:
            seconds: After which it is ended.

        Raises:
            StoreError: it took longer.
        """
        engine = self._guard
        with self._transaction(engine) as connection:
            if self.dialect == "postgresql":
                connection.execute(
                    text("SELECT set_config('statement_timeout', :ms, true)"), {"ms": str(round(seconds * 1000))}
                )
                yield connection
                return
            raw, end = connection.connection.dbapi_connection, time.monotonic() + seconds
            assert raw is not None
            raw.set_progress_handler(lambda: time.monotonic() > end, 10_000)
            try:
                yield connection
            finally:
                raw.set_progress_handler(None, 0)

    def insert(self, table: type[Table]) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that can say what happens on a conflict: both databases can, each in its own class."""
        return sqlite.insert(table) if self.dialect == "sqlite" else postgresql.insert(table)

    def write(
        self, connection: Connection, table: type[Table], columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Insert many rows through the driver itself: SQLAlchemy's care for every value takes as long as the rest.

        Args:
            rows: Values as the driver takes them: JSON as text, times from `moment`.
        """
        if not rows:
            return
        cursor, into = _driver(connection).cursor(), f"{table.__tablename__} ({', '.join(columns)})"
        if self.dialect == "sqlite":
            cursor.executemany(f"INSERT INTO {into} VALUES ({', '.join('?' * len(columns))})", rows)
            return
        with cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def moment(self, ts: datetime | None) -> datetime | str | None:
        """A UTC time as the driver stores it."""
        return ts.isoformat(" ", "microseconds")[:26] if ts and self.dialect == "sqlite" else ts

    def exclusive(self, what: str) -> AbstractContextManager[None]:
        """Hold `what`, a word such as `run`, against all other processes on this database.

        It is free again when the block ends or the process dies.

        Raises:
            BusyError: somebody holds it already; `.holder` says who.
        """
        return self._advisory_lock(what) if self.dialect == "postgresql" else self._file_lock(what)

    def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
        self._engine.dispose()

    def _open(self, url: URL, patience: float) -> Engine:
        json: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": orjson.loads}
        if self.dialect == "postgresql":
            engine = create_engine(url, pool_pre_ping=True, **json)
            event.listen(engine, "connect", _in_utc)
            return engine
        if self._file is None:
            engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False}, **json)
        else:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"The folder {self._file.parent} cannot be made ({error.strerror}): "
                    "give limner a place where it may write (LIMNER_HOME, LIMNER_DATABASE_URL)."
                ) from error
            engine = create_engine(url, connect_args={"timeout": patience}, **json)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _guarded(self, url: URL) -> Engine:
        """Connections that cannot write."""
        if self.dialect == "postgresql":
            return self._reader.execution_options(postgresql_readonly=True)
        if self._file is None:  # in memory there is one connection, which has to write
            return self._reader
        path = f"file:{quote(str(self._file))}?mode=ro"
        engine = create_engine(url, creator=lambda: sqlite3.connect(path, uri=True, check_same_thread=False))
        event.listen(engine, "connect", _forbid_writing)
        event.listen(engine, "begin", _begin_sqlite)
        return engine.execution_options(reading=True)

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        idle = self._idle[engine]
        try:
            connection = idle.pop() if idle else engine.connect()
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                connection.close()
                raise
            if self.dialect == "sqlite":  # to check one out of the pool and in again takes longer than most queries
                idle.append(connection)
            else:
                connection.close()
        except (DBAPIError, self._errors.Error) as error:
            trouble = self._trouble(error)
            if trouble is None:
                raise
            raise StoreError(f"The database {self._file or self.url} {trouble}.") from error

    def _trouble(self, error: Exception) -> str | None:
        """What went wrong in words, or None where it is a defect of limner."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        if self.dialect == "sqlite":
            known = SQLITE_TROUBLE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
        else:
            known = POSTGRES_TROUBLE.get(getattr(cause, "sqlstate", None) or "")
        if known or isinstance(cause, self._errors.IntegrityError | self._errors.ProgrammingError):
            return known
        reason = str(cause).strip().split("\n")[0]
        if (isinstance(error, DBAPIError) and error.connection_invalidated) or "connect" in reason:
            return f"cannot be reached ({reason}): check that it is up, and LIMNER_DATABASE_URL"
        return f"refused ({reason})"

    @contextmanager
    def _file_lock(self, what: str) -> Iterator[None]:
        if self._file is None:  # in memory: no other process can see it
            yield
            return
        lock = FileLock(f"{self._file}.{what}.lock")
        note = Path(f"{self._file}.{what}.holder")
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            raise _busy(what, note.read_text() if note.exists() else "") from error
        except OSError as error:
            raise StoreError(f"The lock {lock.lock_file} cannot be taken: {error.strerror}.") from error
        try:
            note.write_text(_myself())
            yield
        finally:
            note.unlink(missing_ok=True)
            lock.release()

    @contextmanager
    def _advisory_lock(self, what: str) -> Iterator[None]:
        key = {"key": lock_key(what)}
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # closed for good at the end, so that neither lock nor name goes back to the pool
        with connection:
            if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), key):
                raise _busy(what, connection.scalar(HOLDER, key) or "")
            connection.execute(text("SELECT set_config('application_name', :name, false)"), {"name": _myself()[:63]})
            yield


HOLDER = text(
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted"
    " AND (classid::bigint << 32 | objid::bigint) = :key"
    " AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def lock_key(what: str) -> int:
    """The number under which PostgreSQL knows the lock on `what`."""
    return int.from_bytes(hashlib.blake2b(f"limner {what}".encode(), digest_size=8).digest()) >> 1


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SetupError(
            "LIMNER_DATABASE_URL is not a URL; sqlite:///path or postgresql://user@host/name is."
        ) from error
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite":
        return parsed
    raise SetupError(f"LIMNER_DATABASE_URL names {parsed.drivername}; limner works with sqlite and postgresql.")


def _result(job: Callable[[], T]) -> T | Exception:
    """What a job returns or raises."""
    try:
        return job()
    except Exception as error:  # noqa: BLE001 - handed to whoever gave the job
        return error


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _myself() -> str:
    return f"pid {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _busy(what: str, holder: str) -> BusyError:
    holder = holder or "a process that has not said its name yet"
    return BusyError(
        f"Another limner is at it ({what}): {holder}. Let it finish, or stop it, then start again.", holder
    )


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # limner begins its transactions itself
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        f"cache_size=-{PAGES_KB}",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _ln(number: float | None) -> float | None:
    """As PostgreSQL has it; SQLite may be built without."""
    return None if number is None else math.log(number)


def _forbid_writing(connection: Any, record: object) -> None:
    connection.isolation_level = None
    connection.create_function("ln", 1, _ln, deterministic=True)
    for pragma in ("query_only=ON", "cache_size=-65536", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY)


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("reading", False):
        connection.connection.cursor().execute("BEGIN")  # takes no lock yet, so it cannot fail
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _in_utc(connection: Any, record: object) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()
