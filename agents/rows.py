"""The rows of a file: JSON Lines, a JSON array, CSV (delimiter found from the header) or Parquet, each also gzipped.

A file is known by its content; its name decides only where the content does not. Every reader streams in bounded memory
and gives rows under their own names; a row that cannot be read comes with the reason instead of its content.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import math
import os
import re
import shutil
import tempfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from agents.wiring import MAX_TEXT, Refused, Wiring, deep, infinite, nul, outside, type_of, unfit
from limner.errors import InputError

MAX_LINE = 16 * 1024 * 1024
"""Bytes of a line, of a CSV cell and of an element of a JSON array."""
MAX_RAW = 10_000
"""Characters of a refused row that the rejects file keeps."""
BATCH_EVENTS, BATCH_BYTES = 10_000, 32 * 1024 * 1024
"""What goes to the store in one transaction, whichever is reached first."""

SUFFIXES = {
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".json": "lines",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
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
_BAD_CELL = (ValueError, ArithmeticError, pa.ArrowException)
_CHUNK = 1 << 20

_CELL_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", re.ASCII)
_ARRAY = re.compile(rb"\s*\[\s*[{\]]")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]"]', re.DOTALL)
_GAP = re.compile(rb"[\s,]*+")
_SCALAR = re.compile(rb"[^,\]\s]++")


class Row(NamedTuple):
    """One row as a reader found it."""

    number: int
    """Line it starts on, counted from 1; in Parquet and JSON arrays its place among the rows."""
    raw: bytes
    content: dict[str, Any] | Refused


def opened(path: Path) -> io.BufferedReader[Any]:
    """A file, open.

    Raises:
        InputError: it cannot be opened.
    """
    try:
        return io.BufferedReader(path.open("rb", buffering=0), _CHUNK)
    except OSError as error:
        raise InputError(f"{printable(path)} cannot be opened: {why(error)}. Check its permissions.") from error


def read(path: Path, stream: io.BufferedReader[Any], wiring: Wiring) -> Iterator[Row]:
    """The rows of a file; where it is damaged, the last one says so.

    Raises:
        InputError: nothing in it can be read.
    """
    name, number = printable(path), 0
    try:
        for row in _reader(path, stream, wiring):
            number = row.number
            yield row
    except _DAMAGED as error:
        if not number:
            trouble = "cannot be read" if isinstance(error, OSError) and error.errno else "is damaged"
            raise InputError(f"{name} {trouble}: {why(error)}. Mend that, or get it again from its source.") from error
        advice = "The rows before it went in. Get the file again from its source and ingest it again."
        yield Row(number, b"", Refused("the file is damaged from here on", advice, f"after {number}: {why(error)}"))


def _reader(path: Path, stream: io.BufferedReader[Any], wiring: Wiring) -> Iterator[Row]:
    """The reader that fits a file's content.

    Raises:
        InputError: none does.
    """
    name, packed = printable(path), not stream.seekable()
    head = stream.peek(1)
    if head.startswith(b"\x1f\x8b"):
        # GzipFile is a buffered stream that also has readinto, all that a BufferedReader asks of a raw one.
        stream, packed = io.BufferedReader(gzip.GzipFile(fileobj=stream), _CHUNK), True
        head = stream.peek(1)
    if head.startswith(b"PAR1"):
        return _parquet(_unpacked(stream) if packed else stream, wiring, name)
    foreign = next((what for magic, what in _FOREIGN.items() if head.startswith(magic)), None)
    if foreign:
        raise InputError(f"{name} is {foreign}, which limner does not read. Save it as {_FORMATS}, in UTF-8.")
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
        head = head[len(codecs.BOM_UTF8) :]
    if not head.strip() or head.lstrip().startswith(b"{"):
        return _json_lines(stream)
    if _ARRAY.match(head):
        return _json_array(stream)
    first = head.lstrip(b"\r\n").split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    delimiter, columns = _delimiter(first, wiring)
    known = SUFFIXES.get(suffix(path))
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


def _json_lines(stream: BinaryIO) -> Iterator[Row]:
    for number, line, whole in _lines(stream):
        if not line.isspace():
            yield Row(number, line, _object(line) if whole else _overlong())


def _json_array(stream: BinaryIO) -> Iterator[Row]:
    """The elements of a JSON array, found by matching brackets, so that a bad one leaves the others readable."""
    buffer = stream.read(_CHUNK)
    at, number, open_end = buffer.index(b"[") + 1, 0, True
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
                yield Row(number + 1, rest, Refused("the JSON array breaks off", advice))
            return
        element = buffer[at:end].strip(b" \t\r\n,")
        at, number = end, number + 1
        yield Row(number, element, _object(element))


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


def _object(raw: bytes) -> dict[str, Any] | Refused:
    """The object a line of JSON holds, or why it cannot be used."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _fault(raw)
    if type(value) is not dict:
        return Refused(
            "the row is not an object", 'Write every event as {"user_id": …, "kind": …}.', f"it is {type_of(value)}"
        )
    return unfit(value, raw) or value


def _fault(raw: bytes) -> Refused:
    """Why a row that could not be parsed could not: the standard parser says it in more words than orjson."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except Refused as refused:
        return refused
    except RecursionError:
        return deep()
    except UnicodeDecodeError as error:
        return _not_utf8(error.start)
    except UnicodeEncodeError:
        advice = "Write the whole character, or leave it out."
        return Refused("a text holds half a character (a lone surrogate)", advice)
    except json.JSONDecodeError as error:
        return nul() if b"\0" in raw else _broken(f"{error.msg} at character {error.pos + 1}")
    except ValueError:
        return infinite()
    return _broken("")


def _constant(_name: str) -> NoReturn:
    raise infinite()


def _broken(detail: str) -> Refused:
    return Refused("broken JSON", "Write one whole JSON object a line.", detail)


def _not_utf8(at: int) -> Refused:
    return Refused("the row is not valid UTF-8", "Save the file in UTF-8.", f"at byte {at + 1}")


def _overlong() -> Refused:
    advice = f"A text may have {MAX_TEXT:,} characters, one event a line."
    return Refused(f"the row is longer than {MAX_LINE >> 20} MB", advice)


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


def _csv(stream: BinaryIO, delimiter: str, wiring: Wiring, name: str) -> Iterator[Row]:
    """The records of a CSV file. One with an unclosed quote costs its own line, not all that follow."""
    csv.field_size_limit(MAX_LINE)
    tape = _Tape(stream)
    reader = csv.reader(tape, delimiter=delimiter, strict=True)
    try:
        header = next((cells for cells in reader if cells), [])
        columns = [cell.strip().encode().decode() or f"column_{place}" for place, cell in enumerate(header, 1)]
    except (csv.Error, UnicodeError, Refused) as error:
        raise InputError(
            f"The header of {name} cannot be read: {error}. It must be one line of column names in UTF-8."
        ) from error
    wiring.check(columns, name)
    numbers = wiring.numbers(columns)
    while True:
        tape.taken.clear()
        content: dict[str, Any] | Refused
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, Refused) as error:
            alone = len(tape.taken) == 1
            tape.keep_first()
            raw = tape.taken[0][1]
            content = error if alone and isinstance(error, Refused) else _misquoted(str(error))
        else:
            raw = b"".join([line for _, line, _ in tape.taken])
            if raw.isspace():
                continue
            content = _record(columns, cells, raw, numbers)
        yield Row(tape.taken[0][0], raw, content)


def _misquoted(detail: str) -> Refused:
    return Refused("the quoting is broken", 'Put a cell with quotes in quotes and double them: "5"" pipe".', detail)


def _record(
    columns: Sequence[str], cells: Sequence[str], raw: bytes, numbers: frozenset[str]
) -> dict[str, Any] | Refused:
    """A record's cells by column, without the empty ones."""
    if b"\0" in raw:
        return nul()
    if not raw.isascii():
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            return _not_utf8(error.start)
    if len(cells) != len(columns):
        advice = "Quote cells that hold the delimiter or a line break."
        return Refused(
            "the number of cells is not that of the header", advice, f"{len(cells)} instead of {len(columns)}"
        )
    row: dict[str, Any] = {column: cell for column, cell in zip(columns, cells, strict=True) if cell}
    for column in numbers:
        cell = row.get(column, "")
        if _CELL_NUMBER.fullmatch(cell):
            row[column] = float(cell) if "." in cell else int(cell)
    return row


def _delimiter(header: str, wiring: Wiring) -> tuple[str, list[str]]:
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


def _unpacked(stream: BinaryIO) -> BinaryIO:
    """What a stream holds in a temporary file, as Parquet's reader jumps about in it."""
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - the reader closes it
    shutil.copyfileobj(stream, unpacked, _CHUNK)
    unpacked.seek(0)
    return unpacked


def _parquet(stream: BinaryIO, wiring: Wiring, name: str) -> Iterator[Row]:
    """The rows of a Parquet file, written as JSON: from there on they are read like any line."""
    with stream, pq.ParquetFile(stream, pre_buffer=False) as file:
        columns = file.schema_arrow.names
        wiring.check(columns, name)
        groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
        heaviest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1)
        size = int(min(BATCH_EVENTS, max(1, BATCH_BYTES // (heaviest + 1))))
        batches = file.iter_batches(size, use_threads=False)
        for number, content in enumerate((row for batch in batches for row in _records(batch, columns)), 1):
            yield Row(number, b"", content) if isinstance(content, Refused) else _written(number, content)


def _written(number: int, content: dict[str, Any]) -> Row:
    try:
        raw = orjson.dumps(content, default=_plain)
    except TypeError as error:
        beginning = str(content)[:MAX_RAW].encode("utf-8", "replace")
        return Row(number, beginning, _unreadable(str(error.__cause__ or error)))
    return Row(number, raw, _object(raw))


def _unreadable(detail: str) -> Refused:
    return Refused("a cell cannot be read", "Store it as text or as a number.", detail)


def _records(batch: pa.RecordBatch, columns: Sequence[str]) -> Iterator[dict[str, Any] | Refused]:
    """The rows of a batch by column, without nulls; where a cell cannot be read, row by row around it."""
    arrays = [_microseconds(array) for array in batch.columns]
    floats = [column for column, array in zip(columns, arrays, strict=True) if pa.types.is_floating(array.type)]
    structs = [column for column, array in zip(columns, arrays, strict=True) if pa.types.is_struct(array.type)]
    rows: Iterable[dict[str, Any] | Refused]
    try:
        cells = [array.to_pylist() for array in arrays]
        rows = (
            {c: cell for c, cell in zip(columns, row, strict=True) if cell is not None}
            for row in zip(*cells, strict=True)
        )
    except _BAD_CELL:
        rows = (_cells(arrays, columns, index) for index in range(batch.num_rows))
    for row in rows:
        if isinstance(row, dict):
            if not all(math.isfinite(row.get(column, 0)) for column in floats):
                yield infinite()
                continue
            for column in structs:
                if column in row:
                    row[column] = {key: value for key, value in row[column].items() if value is not None}
        yield row


def _cells(arrays: Sequence[pa.Array], columns: Sequence[str], index: int) -> dict[str, Any] | Refused:
    row = {}
    for column, array in zip(columns, arrays, strict=True):
        try:
            cell = array[index].as_py()
        except UnicodeDecodeError as error:
            return _not_utf8(error.start)
        except _BAD_CELL as error:
            if pa.types.is_temporal(array.type):
                return outside(error)
            return _unreadable(f"`{column}`: {error}")
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


def suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def printable(path: Path) -> str:
    """A path that can be printed, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")


def why(error: BaseException) -> str:
    """What the system says went wrong, without the path, which the message names itself."""
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(error).__name__
