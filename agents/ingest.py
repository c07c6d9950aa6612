"""Files of events read into the store: a row goes in, or comes back with its line number and what to do about it.

A file is known by its content: JSON Lines, a JSON array of objects, CSV (delimiter found from the header) or Parquet,
each also gzipped; its name decides only where the content does not. Every reader streams and ends in the same place,
`_Wiring.event`, so a row means the same in every format.

Foreign names are given by a mapping from limner's field to theirs. Nothing is guessed: a likely name is only suggested.

    user_id  customer     the column `customer` holds the user
    item.title  movie     an attribute of the item; `meta.…` in the same way
    item.genres  genres|  a list in one cell, separated by the last character: | ; , or /
    kind  =rating         the same value for every row

Columns and keys that are neither limner's nor mapped are kept in `meta`; a column named `item.brand` needs no mapping.
An event without an id gets one made from its content, so reading a file again, or after a crash, stores nothing twice.
"""

from __future__ import annotations

import base64
import codecs
import csv
import difflib
import gc
import gzip
import io
import json
import math
import os
import re
import shutil
import sqlite3
import stat
import tempfile
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, NoReturn, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from agents.signals import KNOWN_KINDS
from limner.domain import Added, Event, Value
from limner.errors import InputError, StoreError
from store.events import EventStore

MAX_TEXT = 1_000_000
"""Characters of an event's text."""
MAX_NESTED = 64 * 1024
"""Bytes of `item`, and of `meta`, written as JSON."""
MAX_DEPTH = 32
"""Levels of objects and lists in a row."""
MAX_LINE = 16 * 1024 * 1024
"""Bytes of a line, of a CSV cell and of an element of a JSON array."""
MAX_RAW = 10_000
"""Characters of a refused row that the rejects file keeps."""
BATCH_EVENTS, BATCH_BYTES = 10_000, 32 * 1024 * 1024
"""What goes to the store in one transaction, whichever is reached first."""
MAX_UNKNOWN_KINDS = 1_000
"""Different unknown kinds that are counted by name; the rest is counted under `…`."""

Progress = Callable[[int, int, int], None]
"""Called with the bytes read, the bytes in all, and the rows read."""

_FIELDS = frozenset(Event.model_fields)
_REQUIRED = ("user_id", "kind")
_OPEN_FIELDS = ("item", "meta")
_SUFFIXES = {
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".json": "lines",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_SEPARATORS = "|;,/"
_NUMBERS = frozenset({"price", "list_price", "discount", "quantity", "year", "duration", "dwell", "rating", "spend"})
"""Attributes whose CSV cells are numbers. Every other cell stays text, as the film `1917` and the code `007` must."""
_ALIASES = {
    "user_id": "userid user uid customer_id customerid customer member_id member account_id account client_id client "
    "buyer_id buyer visitor_id reviewerid author 用户id 用户",
    "kind": "event_type eventtype event_name event action type activity behavior behaviour 行为",
    "ts": "timestamp time datetime date created_at createdat created event_time eventtime occurred_at order_date "
    "时间 日期",
    "text": "body message content comment review review_text reviewtext query description 内容",
    "value": "rating stars score price amount overall 评分 金额",
    "item_id": "product_id productid sku asin movie_id movieid article_id itemid 商品id",
}
"""Other names of fields, the likeliest first: suggested, never assumed."""
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ\x00": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"\x1f\x8b": "gzipped twice",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"SQLite format 3": "an SQLite database",
    b"Obj\x01": "Avro",
}
_FORMATS = "JSON Lines, a JSON array of objects, CSV or Parquet, each also gzipped"
_DAMAGED = (OSError, EOFError, zlib.error, pa.ArrowException)
_CHUNK = 1 << 20

_EPOCH = re.compile(r"[+-]?\d+(?:\.\d*)?", re.ASCII)
_CELL_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", re.ASCII)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_ARRAY = re.compile(rb"\s*\[\s*[{\]]")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]"]', re.DOTALL)
_GAP = re.compile(rb"[\s,]*+")
_SCALAR = re.compile(rb"[^,\]\s]++")
_LAST_SECOND, _FIRST_MILLISECOND, _LAST_MILLISECOND = 4_133_980_800, 315_532_800_000, 4_133_980_800_000
"""End of 2100 in seconds, start of 1980 and end of 2100 in milliseconds; between the first two lies 9999 in seconds."""


class Ingested(Value):
    """What became of the rows of all files."""

    accepted: int
    duplicates: int
    rejected: int
    """Lines of the rejects file: refused rows, and one for every refused file."""
    users: int
    """Different users among the rows that could be read, stored before or not."""
    rejects_file: Path | None
    """None when nothing was refused."""
    unknown_kinds: Mapping[str, int] = Field(default_factory=dict)
    """Kind to readable rows, for kinds that limner has no reading for: they are kept and speak for nothing."""
    reasons: Mapping[str, int] = Field(default_factory=dict)
    """Reason to refused rows, most frequent first."""
    refused_files: Mapping[str, str] = Field(default_factory=dict)
    """File to the reason why none of it went in."""
    hints: tuple[str, ...] = ()
    """Columns that may hold what a field of limner's is missing, each with the mapping that would say so."""

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class _Refused(Exception):
    """Why a row does not go in: the reason is one of a few fixed wordings, the detail differs from row to row."""

    def __init__(self, reason: str, advice: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.advice, self.detail = reason, advice, detail


class _Row(NamedTuple):
    """One row as a reader found it."""

    number: int
    """Line it starts on, counted from 1; in Parquet and JSON arrays its place among the rows."""
    raw: bytes
    content: dict[str, Any] | _Refused


class _Route(NamedTuple):
    """Where a field comes from."""

    target: str
    column: str
    separator: str = ""
    constant: str | None = None


def _silent(_done: int, _total: int, _rows: int) -> None:
    """Nothing."""


def ingest(
    paths: Sequence[Path],
    store: EventStore,
    *,
    mapping: Mapping[str, str] = {},
    rejects: Path,
    progress: Progress = _silent,
) -> Ingested:
    """What became of the rows of files and folders; what could be read is in the store.

    Args:
        paths: Files; a folder stands for every file of a known name below it, in order of path.
        mapping: limner's field to their column, as the head of this module shows.
        rejects: Where refused rows go, as JSON Lines; written anew, and only when there are any.

    Returns:
        The counts. Rows read before are duplicates.

    Raises:
        InputError: the mapping is wrong, or no file could be read at all; nothing was stored.
        StoreError: the database or the rejects file could not be written; the message says how far it came.
    """
    wiring = _Wiring(mapping)
    if not paths:
        raise InputError("No file was named. Give at least one file or folder of events.")
    with _rare_collections(), _Intake(store, wiring, rejects, progress) as intake:
        files: list[Path] = []
        for path in paths:
            try:
                files += _files(path, rejects)
            except InputError as error:
                intake.refuse(path, error)
        intake.total = sum(_size(path) for path in files)
        for path in files:
            try:
                intake.take(path)
            except InputError as error:
                intake.refuse(path, error)
        return intake.result()


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Looks for cycles of garbage once a batch or so: rows form none, and looking costs a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(20 * BATCH_EVENTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _files(path: Path, rejects: Path) -> list[Path]:
    """The files a path stands for.

    Raises:
        InputError: there is none.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise InputError(f"{_name(path)} cannot be opened: {_why(error)}. Check the path.") from error
    if stat.S_ISDIR(mode):
        below = sorted(
            file
            for file in path.rglob("*")
            if file.is_file() and _suffix(file) in _SUFFIXES and file.name[0] not in "._" and not _same(file, rejects)
        )
        if not below:
            raise InputError(
                f"The folder {_name(path)} holds no file named like {', '.join(_SUFFIXES)} (or these with .gz)."
            )
        return below
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise InputError(f"{_name(path)} is neither a file nor a folder.")
    if _same(path, rejects):
        raise InputError(f"{_name(path)} is where this command writes refused rows. Copy it to another name first.")
    return [path]


def _same(path: Path, other: Path) -> bool:
    return other.exists() and path.samefile(other)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _name(path: Path) -> str:
    """A path that can be printed, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")


def _why(error: BaseException) -> str:
    """What the system says went wrong, without the path, which the message names itself."""
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(error).__name__


class _Intake:
    """Rows on their way into the store, and the tally of what became of them."""

    def __init__(self, store: EventStore, wiring: _Wiring, rejects: Path, progress: Progress) -> None:
        self.total = 0
        self._store, self._wiring, self._rejects, self._progress = store, wiring, rejects, progress
        self._accepted = self._duplicates = self._rejected = self._seen = self._done = 0
        self._unknown: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._refused_files: dict[str, str] = {}
        self._hints: list[str] = []
        self._read_any = False
        self._file = Path()
        self._events: list[Event] = []
        self._origins: list[tuple[int, bytes]] = []
        self._users = _Distinct()
        self._out: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._users.close()
        if self._out is not None:
            with suppress(OSError):
                self._out.close()

    def take(self, path: Path) -> None:
        """Stores the rows of one file.

        Raises:
            InputError: none of it could be read.
        """
        self._file, first, weight, looked = path, self._seen, 0, False
        try:
            stream = io.BufferedReader(path.open("rb", buffering=0), _CHUNK)
        except OSError as error:
            raise InputError(f"{_name(path)} cannot be opened: {_why(error)}. Check its permissions.") from error
        with stream:
            for number, raw, content in _rows(path, stream, self._wiring):
                self._seen += 1
                try:
                    if isinstance(content, _Refused):
                        raise content
                    if not looked:
                        looked = True
                        self._hints += self._wiring.hints(_name(path), content)
                    event = self._wiring.event(content, len(raw))
                except _Refused as refused:
                    self._reject(number, raw, refused)
                    continue
                self._events.append(event)
                self._origins.append((number, raw))
                weight += len(raw)
                if len(self._events) >= BATCH_EVENTS or weight >= BATCH_BYTES:
                    self._flush()
                    weight = 0
                    self._tell(stream.raw.tell() if stream.seekable() else 0)
            self._flush()
        if self._seen == first:
            raise InputError(f"{_name(path)} is empty: it holds no rows. Check how it was written.")
        self._read_any = True
        self._done += _size(path)
        self._tell(0)

    def refuse(self, path: Path, error: InputError) -> None:
        self._refused_files[_name(path)] = str(error)

    def result(self) -> Ingested:
        """The tally.

        Raises:
            InputError: no file could be read at all.
        """
        if not self._read_any:
            raise InputError("\n".join(self._refused_files.values()))
        for name, reason in self._refused_files.items():
            self._write(
                {"file": name, "line": None, "reason": reason, "advice": "None of this file went in.", "raw": ""}
            )
            self._rejected += 1
            self._reasons["the whole file was refused"] += 1
        self._settle()
        return Ingested(
            accepted=self._accepted,
            duplicates=self._duplicates,
            rejected=self._rejected,
            users=len(self._users),
            rejects_file=self._rejects if self._rejected else None,
            unknown_kinds=dict(self._unknown.most_common()),
            reasons=dict(self._reasons.most_common()),
            refused_files=self._refused_files,
            hints=tuple(self._hints),
        )

    def _tell(self, here: int) -> None:
        self._progress(min(self._done + here, self.total), self.total, self._seen)

    def _flush(self) -> None:
        """Stores the waiting events in one transaction."""
        self._settle()
        if not self._events:
            return
        try:
            added = self._store.add(self._events)
        except StoreError as error:
            error.args = (f"{error} {self._so_far()}", *error.args[1:])
            raise
        self._accepted += added.accepted
        self._duplicates += added.duplicates
        if added.conflicts:
            self._reject_conflicts(added)
        self._users.add({event.user_id for event in self._events})
        for kind, times in Counter(event.kind for event in self._events if event.kind not in KNOWN_KINDS).items():
            known = kind in self._unknown or len(self._unknown) < MAX_UNKNOWN_KINDS
            self._unknown[kind if known else "…"] += times
        self._events.clear()
        self._origins.clear()

    def _reject_conflicts(self, added: Added) -> None:
        """Refuses the rows of the batch whose id is stored with other content."""
        conflicts = Counter(added.conflicts)
        rows: dict[tuple[str, str], list[int]] = {}
        for place, event in enumerate(self._events):
            if f"{event.user_id}\t{event.event_id}" in conflicts:
                rows.setdefault((event.user_id, event.event_id), []).append(place)
        ids: dict[str, list[str]] = {}
        for user_id, event_id in rows:
            ids.setdefault(user_id, []).append(event_id)
        stored = {user_id: self._store.some(user_id, event_ids) for user_id, event_ids in ids.items()}
        refused: list[int] = []
        for (user_id, event_id), places in rows.items():
            kept = stored[user_id].get(event_id)
            others = [place for place in places if self._events[place] != kept]
            equals = [place for place in places if self._events[place] == kept]
            refused += (others + equals)[: conflicts[f"{user_id}\t{event_id}"]]
        for place in sorted(refused):
            event = self._events[place]
            why = _Refused(
                "the event id is stored already with other content",
                "Events are immutable: give the changed event an id of its own. The stored one was kept.",
                f"user {event.user_id}, event {event.event_id}",
            )
            self._reject(*self._origins[place], why)

    def _reject(self, number: int, raw: bytes, refused: _Refused) -> None:
        text, encoding = _readable(raw)
        reason = f"{refused.reason}: {refused.detail}" if refused.detail else refused.reason
        entry: dict[str, Any] = {"file": _name(self._file), "line": number, "reason": reason, "advice": refused.advice}
        self._write(entry | {"raw": text} | ({"encoding": encoding} if encoding else {}))
        self._rejected += 1
        self._reasons[refused.reason] += 1

    def _write(self, entry: Mapping[str, Any]) -> None:
        try:
            if self._out is None:
                self._rejects.parent.mkdir(parents=True, exist_ok=True)
                self._out = self._rejects.open("wb")
            self._out.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            self._unwritable(error)

    def _settle(self) -> None:
        """Hands the rejects written so far to the system, so that they are there when the events are."""
        try:
            if self._out is not None:
                self._out.flush()
        except OSError as error:
            self._unwritable(error)

    def _unwritable(self, error: OSError) -> NoReturn:
        raise StoreError(
            f"The rejects file {_name(self._rejects)} cannot be written: {_why(error)}. "
            f"Make room, or set another LIMNER_HOME. {self._so_far()}"
        ) from error

    def _so_far(self) -> str:
        return (
            f"So far {self._accepted} events were stored, {self._duplicates} were stored already and {self._rejected} "
            "rows were refused. Give the same command again: it stores the rest, and nothing twice."
        )


class _Distinct:
    """How many different texts were seen: exact, in bounded memory (SQLite spills to a temporary file of its own)."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA cache_size = -65536",
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE seen (text TEXT PRIMARY KEY) WITHOUT ROWID",
            "BEGIN",
        ):
            self._database.execute(statement)

    def add(self, texts: Iterable[str]) -> None:
        try:
            self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((text,) for text in texts))
        except sqlite3.Error as error:
            raise StoreError(
                f"The users could not be counted: {error}. Make room in the folder for temporary files (TMPDIR). "
                "The events are stored; the same command may be given again."
            ) from error

    def __len__(self) -> int:
        count: int = self._database.execute("SELECT count(*) FROM seen").fetchone()[0]
        return count

    def close(self) -> None:
        self._database.close()


def _readable(raw: bytes) -> tuple[str, str]:
    """The beginning of a row as text, and "base64" where it had to be written so."""
    raw = raw[: 4 * MAX_RAW].rstrip(b"\r\n")
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return base64.b64encode(raw[:MAX_RAW]).decode("ascii"), "base64"
    return text[:MAX_RAW], ""


class _Wiring:
    """The mapping of foreign names, ready for use: from a row as it came to an event."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._routes = tuple(_route(target, origin) for target, origin in mapping.items())
        self._targets = frozenset(route.target for route in self._routes)
        self._columns = frozenset(route.column for route in self._routes)

    def lacks(self, columns: Iterable[str]) -> list[str]:
        """Required fields that these columns do not give."""
        given = set(columns)
        sources = {route.target: route for route in self._routes}
        return [
            field
            for field in _REQUIRED
            if not (sources[field].constant or sources[field].column in given if field in sources else field in given)
        ]

    def check(self, columns: Sequence[str], name: str) -> None:
        """Refuses a table that lacks a required or a mapped column.

        Raises:
            InputError: it does; the message lists the columns and a mapping to try.
        """
        twice = sorted(column for column, times in Counter(columns).items() if times > 1)
        if twice:
            raise InputError(f"{name} has more than one column named {', '.join(twice)}. Rename all but one.")
        listed = ", ".join(columns[:60]) + (" …" if len(columns) > 60 else "")
        absent = [route.column for route in self._routes if route.column and route.column not in columns]
        if absent:
            close = [match for column in absent for match in difflib.get_close_matches(column, columns, 1)]
            meant = f" Did you mean {', '.join(close)}?" if close else ""
            raise InputError(
                f"{name} has no column {', '.join(absent)}, which the mapping names.{meant} Its columns: {listed}."
            )
        lacking = self.lacks(columns)
        if lacking:
            raise InputError(
                f"{name} has no column {' and no column '.join(lacking)}. Its columns: {listed}. "
                f"Try {' '.join(_option(field, tuple(columns)) for field in lacking)}"
            )

    def numbers(self, columns: Sequence[str]) -> frozenset[str]:
        """The columns whose cells are numbers: those of attributes that are."""
        names = {column: column.rpartition(".")[2] for column in columns if column not in _FIELDS}
        names |= {route.column: route.target.rpartition(".")[2] for route in self._routes}
        return frozenset(column for column, name in names.items() if name in _NUMBERS)

    def hints(self, name: str, row: Mapping[str, Any]) -> Iterator[str]:
        """Mappings that may be meant, for fields that a row does not give."""
        spare = [column for column in row if column not in _FIELDS and column not in self._columns]
        for field in ("ts", "text", "value", "item_id") if spare else ():
            column = _alias(field, spare)
            if column and field not in row and field not in self._targets:
                yield f"The first row of {name} gives no `{field}`; if `{column}` is that, add --map {field}={column}"

    def event(self, row: dict[str, Any], size: int) -> Event:
        """The event a row tells of; the row's dict is used up.

        Args:
            size: Bytes of the row as it came, an upper bound on what is nested in it.

        Raises:
            _Refused: the row cannot be read as an event.
        """
        if self._routes or not row.keys() <= _FIELDS:
            row = self._wire(row)
        for field in ("user_id", "event_id", "item_id"):
            given = row.get(field)
            if type(given) is not str or not given or given.isspace():
                _identify(row, field, given)
        kind = row.get("kind")
        if type(kind) is not str or kind not in KNOWN_KINDS:
            row["kind"] = _kind(kind, row)
        if (ts := row.get("ts")) is not None:
            row["ts"] = _instant(ts)
        if (value := row.get("value")) is not None:
            row["value"] = _amount(value)
        _check_texts(row)
        if "item" in row:
            row["item"] = _attributes("item", row["item"], size)
        if "meta" in row:
            row["meta"] = _attributes("meta", row["meta"], size)
        if "event_id" not in row:
            row["event_id"] = _made_id(row)
        try:
            return Event.model_validate(row)
        except ValidationError as error:
            raise _in_words(error) from None

    def _wire(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The row under limner's names; what limner has no name for is under `meta`."""
        row: dict[str, Any] = {}
        nested: dict[str, dict[str, Any]] = {}
        spare: dict[str, Any] = {}

        def place(target: str, value: Any) -> None:
            field, _, attribute = target.partition(".")
            if attribute and field in _OPEN_FIELDS:
                nested.setdefault(field, {})[attribute] = value
            elif target in _FIELDS and target not in row:
                row[target] = value
            else:
                spare[target] = value

        for route in self._routes:
            value = given.get(route.column) if route.constant is None else route.constant
            if route.separator and isinstance(value, str):
                value = [part.strip() for part in value.split(route.separator) if part.strip()]
            if value is not None:
                place(route.target, value)
        for key, value in given.items():
            if key in self._columns or (value is None and key not in _FIELDS):
                continue
            if key in self._targets:
                spare[key] = value
            else:
                place(key, value)
        for field, attributes in nested.items():
            row[field] = _attributes(field, row.get(field), 0) | attributes
        if spare:
            meta = _attributes("meta", row.get("meta"), 0)
            row["meta"] = meta | {(f"column.{key}" if key in meta else key): value for key, value in spare.items()}
        return row


def _route(target: str, origin: str) -> _Route:
    """A mapping's entry, read.

    Raises:
        InputError: limner has no such field, or no column is named.
    """
    field, _, attribute = target.partition(".")
    if target not in _FIELDS and not (field in _OPEN_FIELDS and attribute):
        close = difflib.get_close_matches(target, sorted(_FIELDS), 1)
        meant = f" Did you mean {close[0]}?" if close else ""
        raise InputError(
            f"The mapping gives `{target}`, which is no field of an event.{meant} "
            f"The fields are {', '.join(sorted(_FIELDS))}, and item.… and meta.… for attributes."
        )
    if origin.startswith("=") and len(origin) > 1:
        return _Route(target, "", constant=origin[1:])
    column, separator = (origin[:-1], origin[-1]) if origin[-1:] in tuple(_SEPARATORS) else (origin, "")
    if not column or column == "=":
        raise InputError(
            f"The mapping of `{target}` names no column. Write {target}=COLUMN, or {target}==VALUE for all rows."
        )
    return _Route(target, column, separator)


def _alias(field: str, columns: Iterable[str]) -> str | None:
    """The column that is a common other name of a field."""
    by_name = {column.lower().replace(" ", "_").replace("-", "_"): column for column in columns}
    return next((by_name[alias] for alias in _ALIASES[field].split() if alias in by_name), None)


@lru_cache(maxsize=256)
def _option(field: str, columns: tuple[str, ...]) -> str:
    """The command-line option that would give a field, as well as can be told from the columns."""
    close = difflib.get_close_matches(field, columns, 1)
    column = _alias(field, columns) or (close[0] if close else None)
    if column:
        return f"--map {field}={column if ' ' not in column else repr(column)}"
    return f"--map {field}=COLUMN" + (" (or --map kind==view, where every row is a view)" if field == "kind" else "")


def _missing(field: str, keys: tuple[str, ...]) -> _Refused:
    return _Refused(
        f"`{field}` is missing", f"Add it to the row, or name the key that holds it: {_option(field, keys)}"
    )


def _identify(row: dict[str, Any], field: str, given: Any) -> None:
    """Reads an id that is not plain text: whole numbers are ids too, and an optional id may be absent.

    Raises:
        _Refused: it is of another type, or the user's is missing.
    """
    if type(given) is int:
        row[field] = str(given)
    elif given is None or (isinstance(given, str) and not given.strip()):
        if field == "user_id":
            raise _missing(field, _spare(row))
        row.pop(field, None)
    else:
        raise _Refused(f"`{field}` must be text or a whole number", "Write it in quotes.", f"it is {_type(given)}")


def _kind(given: Any, row: Mapping[str, Any]) -> str:
    if given is None or (isinstance(given, str) and not given.strip()):
        raise _missing("kind", _spare(row))
    if not isinstance(given, str):
        raise _Refused("`kind` must be text", "Write view, purchase, rating, message …", f"it is {_type(given)}")
    plain = given.strip().lower()
    return plain if plain in KNOWN_KINDS else given


def _check_texts(row: dict[str, Any]) -> None:
    """Drops null texts.

    Raises:
        _Refused: `text` is too long.
    """
    for field in ("source", "text"):
        given = row.get(field, "")
        if given is None:
            del row[field]
        elif type(given) is str and len(given) > MAX_TEXT:
            advice = "Cut it, or split it into several events."
            raise _Refused(f"`{field}` is longer than {MAX_TEXT:,} characters", advice, f"it has {len(given):,}")


def _spare(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys that may hold what is missing."""
    meta = row.get("meta")
    return tuple(meta)[:60] if isinstance(meta, dict) else ()


def _instant(given: Any) -> datetime | None:
    """The UTC time a text or number means, None for a blank; a time without a zone is UTC.

    Numbers are seconds or milliseconds since 1970, told apart by their size; eight digits that read as a date are one.

    Raises:
        _Refused: it is no time, or one outside 1970 to 2100.
    """
    try:
        if isinstance(given, str):
            if given[4:5] != "-":
                given = given.strip()
                if not given:
                    return None
                if _EPOCH.fullmatch(given):
                    return _since_epoch(float(given))
            moment = datetime.fromisoformat(given)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        elif isinstance(given, int | float) and not isinstance(given, bool):
            return _since_epoch(given)
        else:
            raise _not_a_time(given)
    except OverflowError:
        raise _outside(given) from None
    except ValueError:
        raise _not_a_time(given) from None
    if not 1970 <= moment.year <= 2100:
        raise _outside(given)
    return moment


def _since_epoch(number: float) -> datetime:
    if 19_700_101 <= number <= 21_001_231 and number == int(number):
        with suppress(ValueError):
            return datetime.strptime(str(int(number)), "%Y%m%d").replace(tzinfo=UTC)
    if 0 <= number < _LAST_SECOND:
        return datetime.fromtimestamp(number, UTC)
    if _FIRST_MILLISECOND <= number < _LAST_MILLISECOND:
        return datetime.fromtimestamp(number / 1000, UTC)
    raise _outside(number)


def _not_a_time(given: Any) -> _Refused:
    advice = "Write ISO 8601 (2026-11-21T22:59:01Z) or seconds or milliseconds since 1970, or leave `ts` out."
    return _Refused(
        "`ts` is not a time", advice, repr(given)[:60] if isinstance(given, str) else f"it is {_type(given)}"
    )


def _outside(given: Any) -> _Refused:
    advice = (
        "Correct it, or leave `ts` out where the time is not known. Numbers are seconds or milliseconds since 1970."
    )
    return _Refused("`ts` is outside 1970 to 2100", advice, str(given)[:60])


def _amount(given: Any) -> float | None:
    """`value` as a number, None for a blank.

    Raises:
        _Refused: it is none, or not finite.
    """
    if isinstance(given, str) and not given.strip():
        return None
    try:
        if (
            isinstance(given, bool)
            or not isinstance(given, int | float | str)
            or (isinstance(given, str) and "_" in given)
        ):
            raise ValueError
        number = float(given)
    except ValueError:
        shown = repr(given)[:60] if isinstance(given, str) else f"it is {_type(given)}"
        raise _Refused(
            "`value` is not a number", "Write a plain number such as 19.99, or leave it out.", shown
        ) from None
    if not math.isfinite(number):
        raise _infinite()
    return number


def _infinite() -> _Refused:
    return _Refused("a number is NaN or infinite", "Write null where there is no number.")


def _attributes(field: str, given: Any, size: int) -> dict[str, Any]:
    """`item` or `meta` as an object: text that is a JSON object is that, other text is an item's title or a note.

    Args:
        size: An upper bound on its bytes as JSON; it is measured only where that is beyond the limit.

    Raises:
        _Refused: it is a list, a number or a truth value, or nested too deep, or too large.
    """
    if given is None:
        return {}
    if isinstance(given, str):
        given = _told(given, "title" if field == "item" else "note")
    if not isinstance(given, dict):
        raise _Refused(f"`{field}` must be an object", f'Write it as {{"{field}": {{…}}}}.', f"it is {_type(given)}")
    if size > MAX_NESTED and len(orjson.dumps(given)) > MAX_NESTED:
        raise _Refused(f"`{field}` is larger than {MAX_NESTED // 1024} KB", "Keep only what describes the user's act.")
    return given


def _told(text: str, name: str) -> dict[str, Any]:
    """The JSON object a text is, else the text under a name."""
    if text.lstrip().startswith("{"):
        with suppress(orjson.JSONDecodeError):
            inner = orjson.loads(text)
            if isinstance(inner, dict):
                if _NUL.search(text.encode()):
                    raise _nul()
                if _too_deep(inner):
                    raise _deep()
                return inner
    return {name: text} if text.strip() else {}


def _made_id(row: Mapping[str, Any]) -> str:
    """An id that is the same for the same content, in any format."""
    fields = ("user_id", "ts", "source", "kind", "text", "value", "item_id", "item", "meta")
    content = [row.get(field) or None if field != "value" else row.get(field) for field in fields]
    return blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


_WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_too_long": "is too long",
    "string_too_short": "is empty",
}


def _in_words(error: ValidationError) -> _Refused:
    """The first thing pydantic found wrong, in plain words."""
    first = error.errors(include_url=False, include_input=True)[0]
    field = str(first["loc"][0]) if first["loc"] else "row"
    words = _WORDS.get(first["type"], "is not what it should be")
    limit = first.get("ctx", {}).get("max_length")
    detail = f"at most {limit} characters" if limit else f"it is {_type(first['input'])}"
    return _Refused(f"`{field}` {words}", f"Correct `{field}` in this row.", detail)


def _type(given: Any) -> str:
    """What a JSON value is, in words."""
    if given is None:
        return "null"
    if isinstance(given, bool):
        return "true or false"
    names = {dict: "an object", list: "a list", str: "text", int: "a number", float: "a number"}
    return names.get(type(given), type(given).__name__)


# Readers: from a file to rows, each in bounded memory.


def _rows(path: Path, stream: io.BufferedReader[Any], wiring: _Wiring) -> Iterator[_Row]:
    """The rows of a file; where it is damaged, the last one says so.

    Raises:
        InputError: nothing in it can be read.
    """
    name, number = _name(path), 0
    try:
        for row in _reader(path, stream, wiring):
            number = row[0]
            yield row
    except _DAMAGED as error:
        if not number:
            trouble = "cannot be read" if isinstance(error, OSError) and error.errno else "is damaged"
            raise InputError(f"{name} {trouble}: {_why(error)}. Mend that, or get it again from its source.") from error
        advice = "The rows before it went in. Get the file again from its source and ingest it again."
        yield _Row(number, b"", _Refused("the file is damaged from here on", advice, f"after {number}: {_why(error)}"))


def _reader(path: Path, stream: io.BufferedReader[Any], wiring: _Wiring) -> Iterator[_Row]:
    """The reader that fits a file's content.

    Raises:
        InputError: none does.
    """
    name, seekable = _name(path), stream.seekable()
    head = stream.peek(1)
    zipped = head.startswith(b"\x1f\x8b")
    if zipped:
        # GzipFile is a buffered stream that also has readinto, all that a BufferedReader asks of a raw one.
        stream = io.BufferedReader(gzip.GzipFile(fileobj=stream), _CHUNK)
        head = stream.peek(1)
    if head.startswith(b"PAR1"):
        return _parquet(_seekable(stream, unpack=zipped or not seekable), wiring, name)
    foreign = next((what for magic, what in _FOREIGN.items() if head.startswith(magic)), None)
    if foreign:
        raise InputError(f"{name} is {foreign}, which limner does not read. Save it as {_FORMATS}, in UTF-8.")
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
        head = head[len(codecs.BOM_UTF8) :]
    if head.lstrip().startswith(b"{"):
        return _json_lines(stream)
    if _ARRAY.match(head):
        return _json_array(stream)
    if not head.strip():
        return _json_lines(stream)
    first = head.lstrip(b"\r\n").split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    delimiter, columns = _delimiter(first, wiring)
    known = _SUFFIXES.get(_suffix(path))
    if known == "csv" or not wiring.lacks(columns):
        return _csv(stream, delimiter, wiring, name)
    if known == "lines":
        return _json_lines(stream)
    raise InputError(f"{name} is in no format that limner reads. It reads {_FORMATS}.")


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """Line number, line, and whether it is whole: of an overlong line only the beginning comes."""
    number = 0
    while line := stream.readline(MAX_LINE):
        number += 1
        whole = len(line) < MAX_LINE or line.endswith(b"\n")
        if not whole:
            line = line[: 4 * MAX_RAW]
            while (more := stream.readline(MAX_LINE)) and not more.endswith(b"\n"):
                pass
        yield number, line, whole


def _json_lines(stream: BinaryIO) -> Iterator[_Row]:
    for number, line, whole in _lines(stream):
        if not line.isspace():
            yield _Row(number, line, _object(line) if whole else _overlong())


def _json_array(stream: BinaryIO) -> Iterator[_Row]:
    """The elements of a JSON array, found by matching brackets, so that a bad one leaves the others readable."""
    buffer, at, number, open_end = stream.read(_CHUNK), 0, 0, True
    at = buffer.index(b"[") + 1
    while True:
        end = _element_end(buffer, at)
        if end is None and open_end and len(buffer) - at < MAX_LINE:
            more = stream.read(_CHUNK)
            buffer, at, open_end = buffer[at:] + more, 0, bool(more)
            continue
        if end is None:
            rest = buffer[at:].strip()
            if rest != b"]":
                advice = "The rows before it went in. Mend the file, or write one event a line (JSON Lines)."
                yield _Row(number + 1, rest, _Refused("the JSON array breaks off", advice))
            return
        element = buffer[at:end].strip(b" \t\r\n,")
        at, number = end, number + 1
        yield _Row(number, element, _object(element))


def _element_end(buffer: bytes, at: int) -> int | None:
    """Where the next element of an array ends; None where the buffer ends first, or the array does."""
    gap = _GAP.match(buffer, at)
    start = gap.end() if gap else at
    if buffer[start : start + 1] not in (b"{", b"[", b'"'):
        scalar = _SCALAR.match(buffer, start)
        return scalar.end() if scalar and scalar.end() < len(buffer) else None
    depth = 0
    for token in _TOKEN.finditer(buffer, start):
        mark = token.group()
        if mark == b'"':
            return None
        depth += (mark in (b"{", b"[")) - (mark in (b"}", b"]"))
        if depth == 0:
            return token.end()
    return None


def _object(raw: bytes) -> dict[str, Any] | _Refused:
    """The object a line of JSON holds, or why it cannot be used."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _fault(raw)
    if type(value) is not dict:
        return _Refused(
            "the row is not an object", 'Write every event as {"user_id": …, "kind": …}.', f"it is {_type(value)}"
        )
    if b"\\u0000" in raw and _NUL.search(raw):
        return _nul()
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _too_deep(value):
        return _deep()
    return value


def _fault(raw: bytes) -> _Refused:
    """Why a row that could not be parsed could not: the standard parser says it in more words than orjson."""
    fault = _broken("")
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except _Refused as refused:
        fault = refused
    except RecursionError:
        fault = _deep()
    except UnicodeDecodeError as error:
        fault = _not_utf8(error.start)
    except UnicodeEncodeError:
        fault = _Refused(
            "a text holds half a character (a lone surrogate)", "Write the whole character, or leave it out."
        )
    except json.JSONDecodeError as error:
        fault = _nul() if b"\0" in raw else _broken(f"{error.msg} at character {error.pos + 1}")
    except ValueError:
        fault = _infinite()
    return fault


def _constant(_name: str) -> NoReturn:
    raise _infinite()


def _broken(detail: str) -> _Refused:
    return _Refused("broken JSON", "Write one whole JSON object a line.", detail)


def _not_utf8(at: int) -> _Refused:
    return _Refused("the row is not valid UTF-8", "Save the file in UTF-8.", f"at byte {at + 1}")


def _nul() -> _Refused:
    return _Refused("the row holds a NUL character", "Remove it: databases cannot store it.")


def _overlong() -> _Refused:
    advice = f"A text may have {MAX_TEXT:,} characters, one event a line."
    return _Refused(f"the row is longer than {MAX_LINE >> 20} MB", advice)


def _deep() -> _Refused:
    return _Refused(f"the row is nested more than {MAX_DEPTH} levels deep", "Flatten `item` and `meta`.")


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        children = [node.values() if isinstance(node, dict) else node for node in level]
        level = [child for some in children for child in some if isinstance(child, dict | list)]
        if not level:
            return False
    return True


class _Tape:
    """Lines for the CSV parser, which reads as many as a record needs; those of the last record can be taken back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._source = _lines(stream)
        self._back: deque[tuple[int, bytes, bool]] = deque()
        self.taken: list[tuple[int, bytes, bool]] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._source)
        self.taken.append(line)
        if not line[2]:
            raise _overlong()
        return line[1].decode("utf-8", "surrogateescape")

    def keep_first(self) -> None:
        """Takes back all lines of the record but its first."""
        self._back.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def _csv(stream: BinaryIO, delimiter: str, wiring: _Wiring, name: str) -> Iterator[_Row]:
    """The records of a CSV file. One with an unclosed quote costs its own line, not all that follow."""
    csv.field_size_limit(MAX_LINE)
    tape = _Tape(stream)
    reader = csv.reader(tape, delimiter=delimiter, strict=True)
    try:
        header = next((cells for cells in reader if cells), [])
        columns = [cell.strip().encode().decode() or f"column_{place}" for place, cell in enumerate(header, 1)]
    except (csv.Error, UnicodeError, _Refused) as error:
        raise InputError(
            f"The header of {name} cannot be read: {error}. It must be one line of column names in UTF-8."
        ) from error
    wiring.check(columns, name)
    numbers = wiring.numbers(columns)
    while True:
        tape.taken.clear()
        content: dict[str, Any] | _Refused
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Refused) as error:
            alone = len(tape.taken) == 1
            tape.keep_first()
            content = error if alone and isinstance(error, _Refused) else _misquoted(str(error))
        else:
            raw = tape.taken[0][1] if len(tape.taken) == 1 else b"".join(line for _, line, _ in tape.taken)
            if raw.isspace():
                continue
            content = _record(columns, cells, raw, numbers)
            yield _Row(tape.taken[0][0], raw, content)
            continue
        yield _Row(tape.taken[0][0], tape.taken[0][1], content)


def _misquoted(detail: str) -> _Refused:
    return _Refused("the quoting is broken", 'Put a cell with quotes in quotes and double them: "5"" pipe".', detail)


def _record(
    columns: Sequence[str], cells: Sequence[str], raw: bytes, numbers: frozenset[str]
) -> dict[str, Any] | _Refused:
    """A record's cells by column, without the empty ones."""
    if b"\0" in raw:
        return _nul()
    if not raw.isascii():
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            return _not_utf8(error.start)
    if len(cells) != len(columns):
        advice = "Quote cells that hold the delimiter or a line break."
        return _Refused(
            "the number of cells is not that of the header", advice, f"{len(cells)} instead of {len(columns)}"
        )
    row: dict[str, Any] = {column: cell for column, cell in zip(columns, cells, strict=True) if cell}
    for column in numbers:
        cell = row.get(column, "")
        if _CELL_NUMBER.fullmatch(cell):
            row[column] = float(cell) if "." in cell else int(cell)
    return row


def _delimiter(header: str, wiring: _Wiring) -> tuple[str, list[str]]:
    """The delimiter under which a header names most of what is required, then most columns; and these columns."""
    readings = []
    for delimiter in ",;\t|":
        try:
            columns = [cell.strip() for cell in next(csv.reader([header], delimiter=delimiter), [])]
        except csv.Error:
            columns = []
        readings.append((-len(wiring.lacks(columns)), len(columns), delimiter, columns))
    _, _, delimiter, columns = max(readings, key=lambda reading: reading[:2])
    return delimiter, columns


def _seekable(stream: BinaryIO, *, unpack: bool) -> BinaryIO:
    """A stream that Parquet's reader can jump about in; a packed one is unpacked to a temporary file."""
    if not unpack:
        return stream
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - the reader closes it
    shutil.copyfileobj(stream, unpacked, _CHUNK)
    unpacked.seek(0)
    return unpacked


def _parquet(stream: BinaryIO, wiring: _Wiring, name: str) -> Iterator[_Row]:
    """The rows of a Parquet file, written as JSON: from there on they are read like any line."""
    with stream, pq.ParquetFile(stream, pre_buffer=False) as file:
        columns = file.schema_arrow.names
        wiring.check(columns, name)
        groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
        heaviest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1)
        number = 0
        for batch in file.iter_batches(
            int(min(BATCH_EVENTS, max(1, BATCH_BYTES // (heaviest + 1)))), use_threads=False
        ):
            for content in _records(batch, columns):
                number += 1
                if isinstance(content, _Refused):
                    yield _Row(number, b"", content)
                    continue
                try:
                    raw = orjson.dumps(content, default=_plain)
                except TypeError as error:
                    refused = _Refused(
                        "a cell cannot be read", "Store it as text or as a number.", str(error.__cause__ or error)
                    )
                    yield _Row(number, str(content)[:MAX_RAW].encode("utf-8", "replace"), refused)
                    continue
                yield _Row(number, raw, _object(raw))


def _records(batch: pa.RecordBatch, columns: Sequence[str]) -> Iterator[dict[str, Any] | _Refused]:
    """The rows of a batch by column, without nulls; where a cell cannot be read, row by row around it."""
    arrays = [_microseconds(array) for array in batch.columns]
    floats = [column for column, array in zip(columns, arrays, strict=True) if pa.types.is_floating(array.type)]
    structs = [column for column, array in zip(columns, arrays, strict=True) if pa.types.is_struct(array.type)]
    unreadable = (ValueError, ArithmeticError, pa.ArrowException)
    rows: Iterable[dict[str, Any] | _Refused]
    try:
        cells = [array.to_pylist() for array in arrays]
        rows = (
            {c: cell for c, cell in zip(columns, row, strict=True) if cell is not None}
            for row in zip(*cells, strict=True)
        )
    except unreadable:
        rows = (_cells(arrays, columns, index) for index in range(batch.num_rows))
    for row in rows:
        if isinstance(row, dict):
            if not all(math.isfinite(row.get(column, 0)) for column in floats):
                yield _infinite()
                continue
            for column in structs:
                if column in row:
                    row[column] = {key: value for key, value in row[column].items() if value is not None}
        yield row


def _cells(arrays: Sequence[pa.Array], columns: Sequence[str], index: int) -> dict[str, Any] | _Refused:
    row = {}
    for column, array in zip(columns, arrays, strict=True):
        try:
            cell = array[index].as_py()
        except UnicodeDecodeError as error:
            return _not_utf8(error.start)
        except (ValueError, ArithmeticError, pa.ArrowException) as error:
            if pa.types.is_temporal(array.type):
                return _outside(error)
            return _Refused("a cell cannot be read", "Store it as text or as a number.", f"`{column}`: {error}")
        if cell is not None:
            row[column] = cell
    return row


def _microseconds(array: pa.Array) -> pa.Array:
    """Times of nanoseconds in microseconds, the finest that Python holds."""
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        return array.cast(pa.timestamp("us", array.type.tz), safe=False)
    return array


def _plain(cell: Any) -> Any:
    """A Parquet cell that JSON has no form for, in the nearest one."""
    if isinstance(cell, bytes):
        return cell.decode("utf-8")
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    raise TypeError(f"{type(cell).__name__} has no form in JSON")
