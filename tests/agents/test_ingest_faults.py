"""What cannot go in is refused with its place, the reason and what to do; the rest goes in, and nothing is lost."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from agents import ingest as module
from agents import rows as readers
from agents.ingest import Ingested, ingest
from agents.wiring import Refused, Wiring
from limner.domain import Added, Event
from limner.errors import InputError, LimnerError, StoreError
from store.database import Database
from store.events import EventStore

GOOD = b'{"user_id": "u", "kind": "view", "event_id": "good"}\n'

Reads = Callable[..., tuple[Ingested, list[dict[str, Any]]]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    database = Database(f"sqlite:///{tmp_path / 'limner.db'}")
    yield EventStore(database)
    database.close()


@pytest.fixture(scope="module")
def memory() -> Iterator[EventStore]:
    database = Database("sqlite://")
    yield EventStore(database)
    database.close()


@pytest.fixture
def read(store: EventStore, tmp_path: Path) -> Reads:
    """Ingests files; gives the tally and the lines of the rejects file."""

    def reading(*paths: Path, **mapping: str) -> tuple[Ingested, list[dict[str, Any]]]:
        got = ingest(paths, store, mapping=mapping, rejects=tmp_path / "rejects.jsonl")
        rejects = got.rejects_file.read_text("utf-8").splitlines() if got.rejects_file else []
        assert len(rejects) == got.rejected == sum(got.reasons.values())
        return got, [json.loads(line) for line in rejects]

    return reading


def row(**fields: Any) -> bytes:
    return json.dumps({"user_id": "u", "kind": "view"} | fields).encode() + b"\n"


BAD: dict[str, tuple[bytes, str]] = {
    "broken-json": (b'{"user_id": "u", "kind": \n', "broken JSON"),
    "prose": (b"hello there\n", "broken JSON"),
    "two-objects": (GOOD[:-1] * 2 + b"\n", "broken JSON"),
    "invalid-utf8": (b'{"user_id": "u", "kind": "view", "text": "\xff\xfe"}\n', "not valid UTF-8: at byte 43"),
    "nul-byte": (b'{"user_id": "u", "kind": "view", "text": "a\0b"}\n', "NUL"),
    "escaped-nul-in-text": (row(text="a\0b"), "NUL"),
    "escaped-nul-in-id": (row(event_id="\0"), "NUL"),
    "nul-in-an-attribute": (row(item={"brand": ["\\\0"]}), "NUL"),
    "lone-surrogate": (b'{"user_id": "u", "kind": "view", "text": "\\ud800"}\n', "surrogate"),
    "not-an-object": (b'["u", "view"]\n', "not an object: it is a list"),
    "a-number": (b"17\n", "not an object: it is a number"),
    "nan": (row(value=float("nan")), "NaN or infinite"),
    "infinity-in-an-attribute": (row(item={"price": float("inf")}), "NaN or infinite"),
    "beyond-double": (b'{"user_id": "u", "kind": "view", "value": 1e999}\n', "NaN or infinite"),
    "infinity-as-text": (row(value="inf"), "NaN or infinite"),
    "too-deep": (row(item={"a": json.loads("[" * 40 + "]" * 40)}), "nested more than 32"),
    "far-too-deep": (b'{"user_id": ' + b"[" * 5000 + b"]" * 5000 + b"}\n", "nested more than 32"),
    "item-too-large": (row(item={"a": "x" * 70_000}), "`item` is larger than 64 KB"),
    "meta-too-large": (row(notes="x" * 70_000), "`meta` is larger than 64 KB"),
    "no-user": (b'{"kind": "view"}\n', "`user_id` is missing"),
    "null-user": (row(user_id=None), "`user_id` is missing"),
    "blank-user": (row(user_id="  "), "`user_id` is missing"),
    "no-kind": (b'{"user_id": "u"}\n', "`kind` is missing"),
    "user-of-a-wrong-type": (row(user_id=["u"]), "`user_id` must be text or a whole number: it is a list"),
    "user-true": (row(user_id=True), "`user_id` must be text or a whole number: it is true or false"),
    "kind-of-a-wrong-type": (row(kind=3), "`kind` must be text"),
    "text-of-a-wrong-type": (row(text=3), "`text` must be text: it is a number"),
    "source-of-a-wrong-type": (row(source={}), "`source` must be text: it is an object"),
    "item-of-a-wrong-type": (row(item=["Bambi"]), "`item` must be an object: it is a list"),
    "meta-of-a-wrong-type": (row(meta=3), "`meta` must be an object: it is a number"),
    "value-of-a-wrong-type": (row(value="four"), "`value` is not a number: 'four'"),
    "value-true": (row(value=True), "`value` is not a number"),
    "value-a-list": (row(value=[4]), "`value` is not a number: it is a list"),
    "long-user": (row(user_id="u" * 201), "`user_id` is too long: at most 200 characters"),
    "long-kind": (row(kind="k" * 41), "`kind` is too long: at most 40 characters"),
    "five-megabytes-of-text": (
        row(text="x" * 5_000_000),
        "`text` is longer than 1,000,000 characters: it has 5,000,000",
    ),
    "a-line-without-end": (row(text="x" * 17_000_000), "longer than 16 MB"),
    "year-1754": (row(ts="1754-08-30T22:43:41Z"), "outside 1970 to 2100"),
    "year-9999": (row(ts="9999-12-31"), "outside 1970 to 2100"),
    "year-9999-west": (row(ts="9999-12-31T23:59:59-05:00"), "outside 1970 to 2100"),
    "year-1-east": (row(ts="0001-01-01T00:00:00+14:00"), "outside 1970 to 2100"),
    "year-2101": (row(ts="2101-01-01"), "outside 1970 to 2100"),
    "year-9999-in-seconds": (row(ts=253402300799), "outside 1970 to 2100"),
    "year-9999-in-milliseconds": (row(ts=253402300799000), "outside 1970 to 2100"),
    "year-1754-in-seconds": (row(ts="-6795364579"), "outside 1970 to 2100"),
    "no-time": (row(ts="yesterday"), "`ts` is not a time: 'yesterday'"),
    "time-of-a-wrong-type": (row(ts={}), "`ts` is not a time: it is an object"),
    "time-true": (row(ts=True), "`ts` is not a time: it is true or false"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_refused_with_its_line_and_the_rest_goes_in(case: str, tmp_path: Path, read: Reads) -> None:
    bad, reason = BAD[case]
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b"\n" + bad + row(event_id="also good"))
    got, (reject,) = read(path)
    assert (got.accepted, got.rejected) == (2, 1)
    assert (reject["file"], reject["line"]) == (str(path), 3)
    assert reason in reject["reason"]
    assert reject["advice"]
    assert len(reject["raw"]) <= 14_000


def test_a_refused_row_can_be_mended_from_the_rejects_file(tmp_path: Path, read: Reads) -> None:
    bad = b'{"user_id": "u", "kind": "view", "text": "\xff"}'
    (tmp_path / "a.jsonl").write_bytes('{"文": \n'.encode() + bad + b"\n" + GOOD)
    _, (first, second) = read(tmp_path / "a.jsonl")
    assert (first["raw"], "encoding" in first) == ('{"文": ', False)
    assert (base64.b64decode(second["raw"]), second["encoding"]) == (bad, "base64")


def test_a_long_refused_row_is_cut(tmp_path: Path, read: Reads) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD + "界".encode() * 50_000)
    _, (reject,) = read(tmp_path / "a.jsonl")
    assert reject["raw"] == "界" * 10_000


@given(
    content=st.binary(max_size=300)
    | st.lists(st.sampled_from([GOOD, b"{", b'{"a"', b"\n", b"\xff", b"[", b"\r"])).map(b"".join)
)
@example(content=b"\xef\xbb\xbf" + GOOD)
@example(content=b"")
@example(content=b"\n \n")
@example(content=b"user_id,kind\nu")
def test_any_bytes_are_counted_line_by_line_or_refused_whole(
    content: bytes, memory: EventStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assume(not readers._ARRAY.match(content) and not content.lstrip().startswith(b"user_id"))
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.jsonl").write_bytes(content)
    try:
        got = ingest([folder / "a.jsonl"], memory, rejects=folder / "rejects.jsonl")
    except LimnerError:
        return
    text = content.removeprefix(b"\xef\xbb\xbf")
    assert got.accepted + got.duplicates + got.rejected == sum(1 for line in text.split(b"\n") if line.strip())


@given(st.binary(max_size=200))
def test_any_bytes_under_a_csv_header_become_events_or_refusals(content: bytes) -> None:
    wiring = Wiring({})
    for found in readers._csv(io.BytesIO(b"user_id,kind,text\n" + content), ",", wiring, "a.csv"):
        try:
            if isinstance(found.content, dict):
                assert wiring.event(found.content, len(found.raw)).user_id
        except Refused as refused:
            assert refused.reason


def test_the_same_id_with_other_content_is_refused_and_the_old_one_kept(
    tmp_path: Path, store: EventStore, read: Reads
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        row(event_id="1", text="first") + row(event_id="1", text="second") + row(event_id="1", text="first")
    )
    got, (reject,) = read(path)
    assert (got.accepted, got.duplicates, got.rejected) == (1, 1, 1)
    assert reject["line"] == 2
    assert "other content" in reject["reason"]
    assert "second" in reject["raw"]
    (tmp_path / "b.jsonl").write_bytes(row(event_id="1", text="third") + row(event_id="2"))
    got, (reject,) = read(tmp_path / "b.jsonl")
    assert (got.accepted, got.rejected, reject["line"]) == (1, 1, 1)
    assert store.some("u", ["1"])["1"].text == "first"


@pytest.mark.parametrize("stored", ["", "A", "B", "C"])
@given(texts=st.lists(st.sampled_from("ABC"), min_size=1, max_size=5))
def test_every_row_of_one_id_is_counted_once(
    stored: str, texts: list[str], memory: EventStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("one-id")
    (folder / "a.jsonl").write_bytes(b"".join(row(user_id=folder.name, event_id="1", text=text) for text in texts))
    if stored:
        memory.add([Event(user_id=folder.name, kind="view", event_id="1", text=stored)])
    got = ingest([folder / "a.jsonl"], memory, rejects=folder / "rejects.jsonl")
    assert got.accepted + got.duplicates + got.rejected == len(texts)
    assert got.rejected == (len(got.rejects_file.read_bytes().splitlines()) if got.rejects_file else 0)


CSV_BAD = {
    "invalid-utf8": (b"u,view,\xff,\n", "not valid UTF-8"),
    "nul": (b"u,view,a\0b,\n", "NUL"),
    "too-few-cells": (b"u,view\n", "number of cells"),
    "too-many-cells": (b"u,view,x,,,,\n", "number of cells"),
    "broken-quotes": (b'u,view,"5" pipe",\n', "quoting"),
    "no-user": (b",view,x,\n", "`user_id` is missing"),
    "no-number": (b"u,view,x,four\n", "`value` is not a number"),
    "big-text": (b"u,view," + b"x" * 1_200_000 + b",\n", "longer than 1,000,000"),
    "huge-line": (b"u,view," + b"x" * 17_000_000 + b",\n", "longer than 16 MB"),
}


@pytest.mark.parametrize("case", CSV_BAD)
def test_a_bad_csv_record_costs_only_itself(case: str, tmp_path: Path, read: Reads) -> None:
    bad, reason = CSV_BAD[case]
    (tmp_path / "a.csv").write_bytes(b'user_id,kind,text,value\nu,view,"two\nlines",\n' + bad + b"u,view,last,1\n")
    got, (reject,) = read(tmp_path / "a.csv")
    assert (got.accepted, reject["line"]) == (2, 4)
    assert reason in reject["reason"]


def test_an_unclosed_quote_costs_its_line_and_not_the_rest_of_the_file(tmp_path: Path, read: Reads) -> None:
    (tmp_path / "a.csv").write_bytes(b'user_id,kind,text\nu,view,"open\nu,view,b\nu,view,c\n')
    got, (reject,) = read(tmp_path / "a.csv")
    assert (got.accepted, reject["line"], reject["raw"]) == (2, 2, 'u,view,"open')


def test_an_endless_line_after_an_unclosed_quote_hides_no_line(tmp_path: Path, read: Reads) -> None:
    content = b'user_id,kind,text\nu,view,"open\nu,view,b\nu,view,' + b"x" * 17_000_000 + b"\nu,view,c\n"
    (tmp_path / "a.csv").write_bytes(content)
    got, rejects = read(tmp_path / "a.csv")
    assert (got.accepted, [reject["line"] for reject in rejects]) == (2, [2, 4])


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
def test_a_table_without_a_required_column_is_refused_with_its_columns_and_a_mapping(
    name: str, tmp_path: Path, store: EventStore, read: Reads
) -> None:
    text = b"customer,event_type,note\nc,view,x\n"
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    if name == "a.parquet":
        pq.write_table(pa.table({"customer": ["c"], "event_type": ["view"], "note": ["x"]}), tmp_path / name)
    with pytest.raises(InputError) as refusal:
        read(tmp_path / name)
    assert "customer, event_type, note" in str(refusal.value)
    assert "--map user_id=customer --map kind=event_type" in str(refusal.value)
    assert store.counts()["events"] == 0


def test_a_mapping_that_names_an_absent_column_is_refused(tmp_path: Path, read: Reads) -> None:
    (tmp_path / "a.csv").write_bytes(b"user_id,kind,created_at\nu,view,2026-01-01\n")
    with pytest.raises(InputError, match="Did you mean created_at"):
        read(tmp_path / "a.csv", ts="createdat")


def test_a_missing_key_in_json_suggests_the_key_that_may_hold_it(tmp_path: Path, read: Reads) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"customer_id": "c", "kind": "view"}\n')
    _, (reject,) = read(tmp_path / "a.jsonl")
    assert "--map user_id=customer_id" in reject["advice"]


def test_a_column_named_twice_is_refused(tmp_path: Path, read: Reads) -> None:
    (tmp_path / "a.csv").write_bytes(b"user_id,kind,x,x\nu,view,1,2\n")
    with pytest.raises(InputError, match="more than one column named x"):
        read(tmp_path / "a.csv")


REFUSED = {
    "empty.jsonl": (b"", "is empty"),
    "blank.jsonl": (b" \n\n", "is empty"),
    "empty.csv": (b"", "is empty"),
    "header-only.csv": (b"user_id,kind\n", "is empty"),
    "empty.jsonl.gz": (gzip.compress(b""), "is empty"),
    "prose": (b"Dear diary\n", "in no format"),
    "photo.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "in no format"),
    "book.xlsx": (b"PK\x03\x04...", "Excel"),
    "twice.jsonl.gz": (gzip.compress(gzip.compress(GOOD)), "gzipped twice"),
    "utf16.csv": ("user_id,kind\nu,view\n".encode("utf-16"), "UTF-16"),
    "broken.gz": (b"\x1f\x8b" + b"x" * 50, "damaged"),
    "broken.parquet": (b"PAR1" + b"x" * 50, "damaged"),
    "latin-header.csv": (b"user_id,kind,stra\xdfe\nu,view,x\n", "header"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_is_refused_alone_and_the_others_go_in(
    name: str, tmp_path: Path, read: Reads
) -> None:
    content, reason = REFUSED[name]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as refusal:
        read(path)
    assert (refusal.value.exit_code, (tmp_path / "rejects.jsonl").exists()) == (2, False)
    (tmp_path / "good.jsonl").write_bytes(GOOD)
    got, (reject,) = read(path, tmp_path / "good.jsonl")
    assert got.accepted == 1
    assert reason in got.refused_files[str(path)]
    assert (reject["file"], reject["line"]) == (str(path), None)


def test_absent_files_and_empty_folders_are_named_and_the_others_go_in(tmp_path: Path, read: Reads) -> None:
    (tmp_path / "good.jsonl").write_bytes(GOOD)
    (tmp_path / "folder").mkdir()
    got, _ = read(tmp_path / "absent.jsonl", tmp_path / "folder", tmp_path / "good.jsonl")
    assert got.accepted == 1
    assert "No such file" in got.refused_files[str(tmp_path / "absent.jsonl")]
    assert "holds no file" in got.refused_files[str(tmp_path / "folder")]
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "absent.jsonl")
    with pytest.raises(InputError, match="No file was named"):
        read()
    with pytest.raises(InputError, match="neither"):
        read(Path("/dev/null"))


def test_a_file_that_breaks_off_keeps_what_stands_before(tmp_path: Path, read: Reads) -> None:
    content = b"".join(row(event_id=str(n), text=os.urandom(500).hex()) for n in range(4000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content)[:-200_000])
    got, (reject,) = read(tmp_path / "a.jsonl.gz")
    assert 0 < got.accepted == reject["line"] < 4000
    assert "damaged from here on" in reject["reason"]


def test_a_bad_element_of_an_array_costs_only_itself(tmp_path: Path, read: Reads) -> None:
    good = GOOD.strip()
    (tmp_path / "a.json").write_bytes(
        b'[%b, {"user_id": NaN}, "a, ]", 7, null, [1], %b\n]\n' % (good, row(event_id="2"))
    )
    got, rejects = read(tmp_path / "a.json")
    assert got.accepted == 2
    assert [reject["line"] for reject in rejects] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "tail", [b"", b', {"user_id": "u', b"] and more", b', {"a": "x}]'], ids=["end", "cut", "after", "open"]
)
def test_an_array_that_breaks_off_keeps_what_stands_before(tail: bytes, tmp_path: Path, read: Reads) -> None:
    (tmp_path / "a.json").write_bytes(b"[" + GOOD + tail)
    got, (reject,) = read(tmp_path / "a.json")
    assert got.accepted == 1
    assert "breaks off" in reject["reason"]


def test_an_array_is_read_across_chunks(tmp_path: Path, read: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_CHUNK", 37)
    rows = [{"user_id": "u", "kind": "view", "text": '"}]\\' * n, "meta": {"n": [n, -1.5e3, None]}} for n in range(30)]
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=1))
    assert read(tmp_path / "a.json")[0].accepted == 30


def test_bad_parquet_cells_cost_their_rows(tmp_path: Path, read: Reads) -> None:
    bad_text = pa.Array.from_buffers(pa.string(), 4, pa.array([b"a", b"\xff", b"c", b"d"], pa.binary()).buffers())
    columns = {
        "user_id": pa.array([1, 2, 3, 4]),
        "kind": pa.array(["view"] * 4),
        "text": bad_text,
        "ts": pa.array([0, 0, 2**59, 0], pa.timestamp("ms")),
        "value": pa.array([1.0, 1.0, 1.0, float("nan")]),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    got, rejects = read(tmp_path / "a.parquet")
    assert got.accepted == 1
    assert [(reject["line"], reject["reason"].split(":")[0]) for reject in rejects] == [
        (2, "the row is not valid UTF-8"),
        (3, "`ts` is outside 1970 to 2100"),
        (4, "a number is NaN or infinite"),
    ]


def test_a_full_disk_under_the_rejects_file_says_how_far_it_came(
    tmp_path: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_EVENTS", 1)
    (tmp_path / "a.jsonl").write_bytes(GOOD + b"oops\n" + row(event_id="2"))
    with pytest.raises(StoreError, match=r"No space left.* 1 events were stored.* 1 rows were refused"):
        ingest([tmp_path / "a.jsonl"], store, rejects=Path("/dev/full"))
    assert store.counts()["events"] == 1


def test_a_full_database_says_how_far_it_came(
    tmp_path: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Filling(EventStore):
        def add(self, events: Sequence[Event]) -> Added:
            if self.counts()["events"]:
                raise StoreError("The database has no room left.")
            return super().add(events)

    monkeypatch.setattr(module, "BATCH_EVENTS", 2)
    (tmp_path / "a.jsonl").write_bytes(b"".join(row(event_id=str(n)) for n in range(5)))
    with pytest.raises(StoreError, match=r"no room left\. So far 2 events were stored.*the same command"):
        ingest([tmp_path / "a.jsonl"], Filling(store._database), rejects=tmp_path / "rejects.jsonl")


def test_the_rejects_file_is_not_read_while_it_is_written(tmp_path: Path, read: Reads) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD + b"oops\n")
    read(tmp_path / "a.jsonl")
    with pytest.raises(InputError, match="Copy it to another name"):
        read(tmp_path / "rejects.jsonl")
    assert (tmp_path / "rejects.jsonl").stat().st_size > 0


def test_a_name_that_is_not_utf8_can_be_reported(tmp_path: Path, read: Reads) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jsonl"))
    path.write_bytes(GOOD + b"oops\n")
    _, (reject,) = read(path)
    assert reject["file"].endswith("�.jsonl")


def test_only_as_many_rows_wait_as_fit_in_memory(
    tmp_path: Path, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = list[int]()

    class Watched(EventStore):
        def add(self, events: Sequence[Event]) -> Added:
            sizes.append(len(events))
            return super().add(events)

    monkeypatch.setattr(module, "BATCH_BYTES", 1000)
    (tmp_path / "a.jsonl").write_bytes(b"".join(row(event_id=str(n), text="x" * 400) for n in range(9)))
    ingest([tmp_path / "a.jsonl"], Watched(store._database), rejects=tmp_path / "rejects.jsonl")
    assert sizes == [3, 3, 3]
