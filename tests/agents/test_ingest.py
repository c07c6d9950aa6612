"""Good rows go in, in every format; a row goes in once; foreign names are mapped, and nothing of a row is lost."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import ingest as module
from agents import kinds
from agents.ingest import Ingested, ingest
from agents.signals import KNOWN_KINDS
from agents.wiring import _instant
from limner.domain import Event
from limner.errors import InputError
from store.database import Database
from store.events import EventStore

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
ROWS: list[dict[str, Any]] = [
    {
        "event_id": f"e{n}",
        "user_id": f"u{n % 3}",
        "ts": f"2026-01-0{n + 1}T10:00:00Z",
        "kind": "review",
        "text": '好看, "really" good\nwatch it',
        "value": 4.5,
        "item_id": f"i{n}",
        "item": {"title": "Bambi", "genres": ["Animation", "Drama"], "price": 9.5},
        "meta": {"device": "phone"},
    }
    for n in range(5)
]

Reads = Callable[..., Ingested]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    database = Database(f"sqlite:///{tmp_path / 'limner.db'}")
    yield EventStore(database)
    database.close()


@pytest.fixture
def read(store: EventStore, tmp_path: Path) -> Reads:
    def reading(*paths: Path, **mapping: str) -> Ingested:
        return ingest(paths, store, mapping=mapping, rejects=tmp_path / "rejects.jsonl")

    return reading


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def table(rows: list[dict[str, Any]], delimiter: str = ",") -> bytes:
    """The rows as CSV, attributes in columns of their own."""
    out = io.StringIO()
    flat = [
        {key: value for key, value in row.items() if key not in {"item", "meta"}}
        | {"item.title": row["item"]["title"], "item.genres": "|".join(row["item"]["genres"])}
        | {"item.price": row["item"]["price"], "meta.device": row["meta"]["device"]}
        for row in rows
    ]
    writer = csv.DictWriter(out, list(flat[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(flat)
    return out.getvalue().encode()


def parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, **options)
    return out.getvalue()


def events_of(store: EventStore) -> list[Event]:
    return sorted((event for user in store.users() for event in store.history(user).events), key=lambda e: e.event_id)


FORMATS = {
    "events.jsonl": lines(ROWS),
    "events.ndjson": b"\xef\xbb\xbf" + lines(ROWS).replace(b"\n", b"\r\n\r\n"),
    "array.json": json.dumps(ROWS, indent=2).encode(),
    "compact.json": json.dumps(ROWS).encode(),
    "comma.csv": table(ROWS),
    "bom.csv": b"\xef\xbb\xbf" + table(ROWS),
    "semicolon.csv": table(ROWS, ";"),
    "tab.tsv": table(ROWS, "\t"),
    "pipe.csv": table(ROWS, "|"),
    "events.parquet": parquet(ROWS, row_group_size=2),
    "wrongly-named.parquet": lines(ROWS),
    "wrongly-named.csv": lines(ROWS),
    "table-named.jsonl": table(ROWS),
    "no-name": table(ROWS),
    "parquet-without-name": parquet(ROWS),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("name", FORMATS)
def test_the_same_rows_become_the_same_events_in_every_format(
    name: str, packed: bool, tmp_path: Path, store: EventStore, read: Reads
) -> None:
    path = tmp_path / (name + ".gz" * packed)
    path.write_bytes(gzip.compress(FORMATS[name]) if packed else FORMATS[name])
    got = read(path, **({"item.genres": "item.genres|"} if b"item.genres" in FORMATS[name] else {}))
    assert (got.accepted, got.duplicates, got.rejected, got.users, got.rejects_file) == (5, 0, 0, 3, None)
    assert events_of(store) == [Event.model_validate(row) for row in ROWS]
    assert not (tmp_path / "rejects.jsonl").exists()


def test_the_json_shape_is_the_one_that_was_promised(tmp_path: Path, read: Reads) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(ROWS) + b"oops\n")
    got = read(tmp_path / "a.jsonl").as_json()
    assert got.items() >= {"accepted": 5, "duplicates": 0, "rejected": 1, "users": 3}.items()
    assert got["rejects_file"] == str(tmp_path / "rejects.jsonl")
    assert json.dumps(got)


def test_reading_again_stores_nothing(tmp_path: Path, store: EventStore, read: Reads) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(ROWS))
    read(tmp_path / "a.jsonl")
    again = read(tmp_path / "a.jsonl")
    assert (again.accepted, again.duplicates, again.rejected, again.users) == (0, 5, 0, 3)
    assert store.counts() == {"users": 3, "events": 5}


def test_an_event_without_id_is_the_same_event_in_every_format(tmp_path: Path, store: EventStore, read: Reads) -> None:
    rows = [{key: value for key, value in row.items() if key != "event_id"} for row in ROWS]
    for name, content in {"a.jsonl": lines(rows), "b.csv": table(rows), "c.parquet": parquet(rows)}.items():
        (tmp_path / name).write_bytes(content)
    first = read(tmp_path / "a.jsonl")
    table_again = read(tmp_path / "b.csv", **{"item.genres": "item.genres|"})
    parquet_again = read(tmp_path / "c.parquet")
    assert (first.accepted, table_again.duplicates, parquet_again.duplicates) == (5, 5, 5)
    assert {len(event.event_id) for event in events_of(store)} == {32}


def test_a_folder_stands_for_the_known_files_below_it(tmp_path: Path, read: Reads) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.jsonl").write_bytes(lines(ROWS[:2]))
    (folder / "deep" / "b.csv.gz").write_bytes(gzip.compress(table(ROWS[2:])))
    (folder / "notes.txt").write_text("not an event")
    (folder / "_metadata.parquet").write_bytes(b"x")
    assert read(folder).accepted == 5


def test_events_come_through_a_pipe(tmp_path: Path, read: Reads) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=(tmp_path / "pipe").write_bytes, args=(lines(ROWS),))
    writer.start()
    assert read(tmp_path / "pipe").accepted == 5
    writer.join()


def test_progress_tells_bytes_and_rows_to_the_end(
    tmp_path: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_EVENTS", 2)
    content, seen = lines(ROWS), list[tuple[int, int, int]]()
    (tmp_path / "a.jsonl").write_bytes(content)
    ingest([tmp_path / "a.jsonl"], store, rejects=tmp_path / "r", progress=lambda *step: seen.append(step))
    assert seen[-1] == (len(content), len(content), 5)
    assert [rows for _, _, rows in seen] == [2, 4, 5]


TIMES = {
    "2026-01-02T03:04:05Z": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "2026-01-02T03:04:05+08:00": datetime(2026, 1, 1, 19, 4, 5, tzinfo=UTC),
    "2026-01-02 03:04:05.25": datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC),
    "2026-01-02": datetime(2026, 1, 2, tzinfo=UTC),
    "20260102": datetime(2026, 1, 2, tzinfo=UTC),
    20260102: datetime(2026, 1, 2, tzinfo=UTC),
    0: datetime(1970, 1, 1, tzinfo=UTC),
    1767323045: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    1767323045.5: datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC),
    1767323045250: datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC),
    "1767323045": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    " 1767323045250 ": datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC),
    "2100-12-31T23:59:59Z": datetime(2100, 12, 31, 23, 59, 59, tzinfo=UTC),
    "2026-01-02 03:04:05 UTC": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "2026/1/2 3:04": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    "2026年1月2日": datetime(2026, 1, 2, tzinfo=UTC),
    "1/2/2026 3:04:05 PM": datetime(2026, 1, 2, 15, 4, 5, tzinfo=UTC),
    "Fri, 02 Jan 2026 05:04:05 +0200": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "Fri Jan 02 03:04:05 +0000 2026": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "": None,
    None: None,
}


@pytest.mark.parametrize("written", TIMES, ids=repr)
def test_a_time_is_read_as_utc(written: Any, tmp_path: Path, store: EventStore, read: Reads) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines([{"user_id": "u", "kind": "view", "ts": written}]))
    assert read(tmp_path / "a.jsonl").rejected == 0
    assert events_of(store)[0].ts == TIMES[written]


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC)))
def test_seconds_milliseconds_and_text_mean_the_same_moment(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    seconds = int(moment.timestamp())
    for written in (seconds, seconds * 1000, str(seconds), str(seconds * 1000), moment.isoformat()):
        assert _instant(written) == moment


LENIENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "whole numbers are ids": (
        {"user_id": 42, "event_id": 7, "item_id": 9},
        {"user_id": "42", "event_id": "7", "item_id": "9"},
    ),
    "a kind is known in capitals": ({"kind": " Rating"}, {"kind": "rating"}),
    "an item may be its title": ({"item": "Bambi"}, {"item": {"title": "Bambi"}}),
    "an item may be an object written as text": ({"item": '{"brand": "Lego"}'}, {"item": {"brand": "Lego"}}),
    "an amount may be text": ({"value": " 19.90 "}, {"value": 19.9}),
    "a blank amount is none": ({"value": ""}, {"value": None}),
    "nulls are absent": (
        {"source": None, "text": None, "item": None, "meta": None, "event_id": "e", "item_id": None, "value": None},
        {"source": "", "text": "", "item": {}, "meta": {}, "item_id": None, "value": None},
    ),
    "unknown keys are kept": ({"color": "red", "meta": {"a": 1}}, {"meta": {"a": 1, "color": "red"}}),
    "an unknown key does not hide one of meta": ({"a": 2, "meta": {"a": 1}}, {"meta": {"a": 1, "column.a": 2}}),
    "an escaped backslash is no NUL": ({"text": "\\u0000"}, {"text": "\\u0000"}),
    "a long text goes in": ({"text": "界" * 1_000_000}, {"text": "界" * 1_000_000}),
}


@pytest.mark.parametrize("case", LENIENT)
def test_a_row_is_read_leniently(case: str, tmp_path: Path, store: EventStore, read: Reads) -> None:
    row, want = LENIENT[case]
    (tmp_path / "a.jsonl").write_bytes(lines([{"user_id": "u", "kind": "view"} | row]))
    assert read(tmp_path / "a.jsonl").rejected == 0
    assert events_of(store)[0].model_dump().items() >= want.items()


def test_unknown_kinds_go_in_and_are_counted(tmp_path: Path, store: EventStore, read: Reads) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines([{"user_id": "u", "kind": "teleport", "text": str(n)} for n in range(3)]))
    assert read(tmp_path / "a.jsonl").unknown_kinds == {"teleport": 3}
    assert {event.kind for event in events_of(store)} == {"teleport"}


@pytest.mark.parametrize(
    ("named", "kind"),
    [("pv", "view"), ("add_to_cart", "cart"), ("Thumbs Up", "like"), ("transaction", "purchase"), ("加购", "cart")],
)
def test_a_kind_under_another_name_goes_in_as_what_it_is_and_is_told(
    named: str, kind: str, tmp_path: Path, store: EventStore, read: Reads
) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines([{"user_id": "u", "kind": named, "meta": {"a": 1}}]))
    got = read(tmp_path / "a.jsonl")
    assert (got.kinds_read_as, got.unknown_kinds) == ({named: kind}, {})
    (event,) = events_of(store)
    assert (event.kind, event.meta) == (kind, {"kind": named, "a": 1})
    assert read(tmp_path / "a.jsonl").duplicates == 1


def test_a_kind_of_the_row_s_own_meta_is_no_other_name(tmp_path: Path, read: Reads) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines([{"user_id": "u", "kind": "view", "meta": {"kind": "buy"}}]))
    assert read(tmp_path / "a.jsonl").kinds_read_as == {}


def test_no_name_stands_for_two_kinds_and_every_kind_is_one_that_limner_reads() -> None:
    names = [name for named in kinds._NAMES.values() for name in named.split()]
    assert len(names) == len(set(names))
    assert kinds._NAMES.keys() <= KNOWN_KINDS
    assert all(kinds.reading(kind) == kind for kind in KNOWN_KINDS)


def test_the_first_row_that_is_refused_for_a_reason_is_told(tmp_path: Path, read: Reads) -> None:
    rows = [{"user_id": "u", "kind": "view", "ts": ts} for ts in ("2026-01-01", "03/04/2026", "soon")]
    (tmp_path / "a.jsonl").write_bytes(lines(rows))
    got = read(tmp_path / "a.jsonl")
    assert got.reasons == {"`ts` is not a time": 2}
    assert got.examples["`ts` is not a time"].startswith("a.jsonl, line 2: '03/04/2026'. Write ISO 8601")


@pytest.mark.parametrize(
    ("cell", "hint"),
    [("Bars, Nightlife", "item.genres=genres,"), ("Crime|Drama", "'item.genres=genres|'"), ("Crime", ""), (",", "")],
)
def test_what_looks_like_a_list_in_a_cell_is_suggested(cell: str, hint: str, tmp_path: Path, read: Reads) -> None:
    (tmp_path / "a.csv").write_text(f'user_id,kind,genres\nu,view,"{cell}"\n')
    hints = read(tmp_path / "a.csv", **{"item.genres": "genres"}).hints
    assert [one.rpartition("--map ")[2] for one in hints] == ([hint] if hint else [])


def test_the_names_of_endless_unknown_kinds_are_not_all_kept(
    tmp_path: Path, read: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_UNKNOWN_KINDS", 2)
    (tmp_path / "a.jsonl").write_bytes(lines([{"user_id": "u", "kind": f"kind-{n}"} for n in range(5)]))
    assert read(tmp_path / "a.jsonl").unknown_kinds == {"…": 3, "kind-0": 1, "kind-1": 1}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_foreign_names_are_mapped(name: str, tmp_path: Path, store: EventStore, read: Reads) -> None:
    rows = [
        {"customer": "c1", "created_at": "2026-01-01", "movie": "Bambi", "genres": "Animation | Drama", "shelf": "A3"}
    ]
    content = {"a.jsonl": lines(rows), "a.parquet": parquet(rows)}
    text = "customer,created_at,movie,genres,shelf\nc1,2026-01-01,Bambi,Animation | Drama,A3\n"
    (tmp_path / name).write_bytes(content.get(name, text.encode()))
    mapping = {
        "user_id": "customer",
        "ts": "created_at",
        "kind": "=play",
        "item.title": "movie",
        "item.genres": "genres|",
    }
    assert read(tmp_path / name, **mapping).accepted == 1
    event = events_of(store)[0]
    assert (event.user_id, event.kind, event.ts) == ("c1", "play", datetime(2026, 1, 1, tzinfo=UTC))
    assert event.item == {"title": "Bambi", "genres": ["Animation", "Drama"]}
    assert event.meta == {"shelf": "A3"}


def test_a_field_that_is_mapped_elsewhere_is_still_not_lost(tmp_path: Path, store: EventStore, read: Reads) -> None:
    (tmp_path / "a.csv").write_text("user_id,customer,kind\n1,anna,view\n")
    read(tmp_path / "a.csv", user_id="customer")
    assert (events_of(store)[0].user_id, events_of(store)[0].meta) == ("anna", {"user_id": "1"})


def test_a_likely_column_is_suggested_and_not_assumed(tmp_path: Path, store: EventStore, read: Reads) -> None:
    (tmp_path / "a.csv").write_text("user_id,kind,created_at\nu,view,2026-01-01\n")
    (hint,) = read(tmp_path / "a.csv").hints
    assert hint.endswith("--map ts=created_at")
    assert (events_of(store)[0].ts, events_of(store)[0].meta) == (None, {"created_at": "2026-01-01"})


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"user": "customer"}, "user_id"),
        ({"item.": "x"}, "item."),
        ({"ts": ""}, "no column"),
        ({"kind": "="}, "no column"),
    ],
    ids=["unknown-field", "no-attribute", "no-column", "no-constant"],
)
def test_a_wrong_mapping_is_refused_before_anything_is_read(
    mapping: dict[str, str], said: str, tmp_path: Path, read: Reads
) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path / "absent.jsonl", **mapping)


def test_numbers_in_csv_attributes_are_numbers_where_the_attribute_is_one(
    tmp_path: Path, store: EventStore, read: Reads
) -> None:
    (tmp_path / "a.csv").write_text(
        "user_id,kind,item.title,cost,item.year,dwell,zip\nu,view,1917,9.90,1917,12,00790\n"
    )
    read(tmp_path / "a.csv", **{"item.price": "cost"})
    event = events_of(store)[0]
    assert event.item == {"title": "1917", "price": 9.9, "year": 1917}
    assert event.meta == {"dwell": 12, "zip": "00790"}


def test_parquet_types_are_read(tmp_path: Path, store: EventStore, read: Reads) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    columns = {
        "user_id": pa.array([b"7"], pa.binary()),
        "kind": pa.array(["view"]).dictionary_encode(),
        "ts": pa.array([1_767_323_045_000_000_001], pa.timestamp("ns", "Asia/Shanghai")),
        "value": pa.array([Decimal("9.90")]),
        "item": pa.array(
            [
                {"title": "x", "brand": None, "genres": ["a"]},
            ]
        ),
        "day": pa.array([date(2026, 1, 2)]),
        "span": pa.array([timedelta(seconds=90)]),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    got = read(tmp_path / "a.parquet")
    assert (got.accepted, got.rejected) == (1, 0)
    event = events_of(store)[0]
    assert (event.user_id, event.ts, event.value) == ("7", moment, 9.9)
    assert (event.item, event.meta) == ({"title": "x", "genres": ["a"]}, {"day": "2026-01-02", "span": 90.0})


KILLED = """
import os, signal, sys
from pathlib import Path
from agents import ingest as module
from store.database import Database
from store.events import EventStore

class Doomed(EventStore):
    calls = 0
    def _count_attributes(self, connection, drafts):
        super()._count_attributes(connection, drafts)
        Doomed.calls += 1
        if Doomed.calls == 4:
            os.kill(os.getpid(), signal.SIGKILL)

module.BATCH_EVENTS = 100
module.ingest([Path(sys.argv[1])], Doomed(Database(sys.argv[2])), rejects=Path(sys.argv[3]))
"""


def test_after_a_kill_in_the_middle_of_a_batch_the_same_command_makes_it_whole(tmp_path: Path) -> None:
    path, url = tmp_path / "a.jsonl", f"sqlite:///{tmp_path / 'limner.db'}"
    rows = [
        {"user_id": f"u{n % 7}", "kind": "view", "text": str(n), "item": {"genres": ["Drama"]}} for n in range(1000)
    ]
    path.write_bytes(lines(rows))
    command = [sys.executable, "-c", KILLED, str(path), url, str(tmp_path / "rejects.jsonl")]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    database = Database(url)
    store = EventStore(database)
    assert store.counts()["events"] == 300
    got = ingest([path], store, rejects=tmp_path / "rejects.jsonl")
    assert (got.accepted, got.duplicates, got.rejected) == (700, 300, 0)
    assert store.counts() == {"users": 7, "events": 1000}
    assert store.baseline()["genres", "Drama"] == 1000
    database.close()


@pytest.mark.data
@pytest.mark.parametrize(
    "path",
    sorted([*DATA.glob("*/events*.jsonl"), *DATA.glob("*/events*.jsonl.gz")]) or [None],
    ids=lambda path: f"{path.parent.name}/{path.name}" if path else "absent",
)
def test_every_data_set_goes_in_as_it_is(path: Path | None, store: EventStore, read: Reads) -> None:
    if path is None:
        pytest.skip(f"the data sets are not there: {DATA}")
    got = read(path)
    assert (got.rejected, got.duplicates, got.reasons) == (0, 0, {})
    assert got.accepted == store.counts()["events"] > 0
    assert got.users == store.counts()["users"]
