"""Files of events read into the store: a row goes in, or comes back with its line number and what to do about it.

`agents/rows.py` finds the rows of a file; `agents/wiring.py` makes an event of each, so a row means the same in every
format; here they go into the store in batches, and what became of them is counted.
"""

from __future__ import annotations

import base64
import codecs
import gc
import sqlite3
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson
from pydantic import Field

from agents.rows import BATCH_BYTES, BATCH_EVENTS, MAX_RAW, SUFFIXES, opened, printable, read, suffix, why
from agents.signals import KNOWN_KINDS
from agents.wiring import Refused, Wiring
from limner.domain import Added, Event, Value
from limner.errors import InputError, StoreError
from store.events import EventStore

MAX_UNKNOWN_KINDS = 1_000
"""Different unknown kinds that are counted by name; the rest is counted under `…`."""

Progress = Callable[[int, int, int], None]
"""Called with the bytes read, the bytes in all, and the rows read."""


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
    kinds_read_as: Mapping[str, str] = Field(default_factory=dict)
    """Kind, as the rows name it, to the one as which they went in."""
    reasons: Mapping[str, int] = Field(default_factory=dict)
    """Reason to refused rows, most frequent first."""
    examples: Mapping[str, str] = Field(default_factory=dict)
    """Reason to the first row that was refused for it, and what to do."""
    refused_files: Mapping[str, str] = Field(default_factory=dict)
    """File to the reason why none of it went in."""
    hints: tuple[str, ...] = ()
    """Columns that may hold what a field of limner's is missing, each with the mapping that would say so."""

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


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
        mapping: limner's field to their column, as the head of agents/wiring.py shows.
        rejects: Where refused rows go, as JSON Lines; written anew, and only when there are any.

    Returns:
        The counts. Rows read before are duplicates.

    Raises:
        InputError: the mapping is wrong, or no file could be read at all; nothing was stored.
        StoreError: the database or the rejects file could not be written; the message says how far it came.
    """
    wiring = Wiring(mapping)
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
        raise InputError(f"{printable(path)} cannot be opened: {why(error)}. Check the path.") from error
    if stat.S_ISDIR(mode):
        below = sorted(
            file
            for file in path.rglob("*")
            if file.is_file() and suffix(file) in SUFFIXES and file.name[0] not in "._" and not _same(file, rejects)
        )
        if not below:
            raise InputError(
                f"The folder {printable(path)} holds no file named like {', '.join(SUFFIXES)} (or these with .gz)."
            )
        return below
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise InputError(f"{printable(path)} is neither a file nor a folder.")
    if _same(path, rejects):
        raise InputError(f"{printable(path)} is where this command writes refused rows. Copy it to another name first.")
    return [path]


def _same(path: Path, other: Path) -> bool:
    return other.exists() and path.samefile(other)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


class _Intake:
    """Rows on their way into the store, and the tally of what became of them."""

    def __init__(self, store: EventStore, wiring: Wiring, rejects: Path, progress: Progress) -> None:
        self.total = 0
        self._store, self._wiring, self._rejects, self._progress = store, wiring, rejects, progress
        self._accepted = self._duplicates = self._rejected = self._seen = self._done = 0
        self._unknown: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
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

    def __exit__(self, *_: object) -> None:
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
        with opened(path) as stream:
            for number, raw, content in read(path, stream, self._wiring):
                self._seen += 1
                try:
                    if isinstance(content, Refused):
                        raise content
                    if not looked:
                        looked = True
                        self._hints += self._wiring.hints(printable(path), content)
                    event = self._wiring.event(content, len(raw))
                except Refused as refused:
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
            raise InputError(f"{printable(path)} is empty: it holds no rows. Check how it was written.")
        self._read_any = True
        self._done += _size(path)
        self._tell(0)

    def refuse(self, path: Path, error: InputError) -> None:
        self._refused_files[printable(path)] = str(error)

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
            kinds_read_as=self._wiring.read_as,
            reasons=dict(self._reasons.most_common()),
            examples=self._examples,
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
            refusal = Refused(
                "the event id is stored already with other content",
                "Events are immutable: give the changed event an id of its own. The stored one was kept.",
                f"user {event.user_id}, event {event.event_id}",
            )
            self._reject(*self._origins[place], refusal)

    def _reject(self, number: int, raw: bytes, refused: Refused) -> None:
        text, encoding = _readable(raw)
        reason = f"{refused.reason}: {refused.detail}" if refused.detail else refused.reason
        entry: dict[str, Any] = {
            "file": printable(self._file),
            "line": number,
            "reason": reason,
            "advice": refused.advice,
        }
        self._write(entry | {"raw": text} | ({"encoding": encoding} if encoding else {}))
        self._rejected += 1
        self._reasons[refused.reason] += 1
        where = f"{self._file.name}, line {number}"
        self._examples.setdefault(
            refused.reason, f"{where}{refused.detail and f': {refused.detail}'}. {refused.advice}"
        )

    def _write(self, entry: Mapping[str, Any]) -> None:
        with self._writing():
            if self._out is None:
                self._rejects.parent.mkdir(parents=True, exist_ok=True)
                self._out = self._rejects.open("wb")
            self._out.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def _settle(self) -> None:
        """Hands the rejects written so far to the system, so that they are there when the events are."""
        with self._writing():
            if self._out is not None:
                self._out.flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"The rejects file {printable(self._rejects)} cannot be written: {why(error)}. "
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
