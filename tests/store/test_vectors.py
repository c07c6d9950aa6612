from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import chromadb
import pytest

from limner.errors import BusyError, StoreError
from store.database import Database
from store.events import EventStore
from store.profiles import ProfileStore
from store.runs import RunStore
from store.vectors import SPACE, VectorIndex, connected
from tests.store.samples import done, draft, event, persona, tag, vector

ROOT = Path(__file__).parents[2]
USERS = 12
BUILD = """
import sys
from pathlib import Path
from store.database import Database
from store.vectors import VectorIndex
def wait(done, total):
    print("wrote", done, flush=True)
    sys.stdin.readline()
VectorIndex(Path(sys.argv[2]), Database(sys.argv[1])).rebuild("toy", wait)
"""


def fill(database: Database, users: int = USERS, embedder: str = "toy") -> None:
    """Users with a persona in two languages each and tags of their own; vectors are drawn from what they stand for."""
    EventStore(database).add([event(user_id=f"u{number}") for number in range(users)])
    store, run = ProfileStore(database), RunStore(database).start(config={}, users_total=users)
    for number in range(users):
        tags = [tag(f"genre/g{number}", facet="interest"), tag(f"city/c{number}", facet="place")]
        labels = {label: vector(seed).tobytes() for one in tags for seed, label in texts(one.key)}
        store.save_label_vectors(embedder, labels)
        vectors = {"en": vector(1000 + number).tobytes(), "zh": vector(2000 + number).tobytes()}
        portraits = (persona(), persona("喜欢。", "zh"))
        store.save(
            draft(run, f"u{number}", tags, personas=portraits, vectors=vectors, embedder=embedder), done(f"u{number}")
        )


def texts(key: str) -> list[tuple[int, str]]:
    seed = int(key[7:] if key.startswith("genre") else key[6:]) + (0 if key.startswith("genre") else 500)
    return [(seed, key.split("/")[1]), (seed + 100, f"中文 {key}")]


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'limner.db'}")
    fill(database)
    yield database
    database.close()


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.chroma_server)])
def index(request: pytest.FixtureRequest, sqlite_database: Database, tmp_path: Path) -> VectorIndex:
    url = request.getfixturevalue("chroma_server") if request.param == "server" else None
    return VectorIndex(tmp_path, sqlite_database, url)


@pytest.fixture
def embedded(sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VectorIndex:
    """An index that reaches its files with few vectors; as it is set, the first thousand stay in Chroma's log."""
    monkeypatch.setitem(SPACE["hnsw"], "sync_threshold", 10)
    monkeypatch.setitem(SPACE["hnsw"], "batch_size", 10)
    return VectorIndex(tmp_path, sqlite_database)


def folders(home: Path) -> list[Path]:
    return sorted((home / "index").iterdir())


def test_a_rebuilt_index_is_healthy_and_finds_tags_and_users(index: VectorIndex) -> None:
    seen: list[tuple[int, int]] = []
    assert index.rebuild("toy", lambda done, total: seen.append((done, total))) == 6 * USERS
    assert seen[-1] == (6 * USERS, 6 * USERS)
    assert index.probe() == []
    [(key, distance), *rest] = index.nearest("tag-labels", vector(3), k=5)
    assert (key, distance) == ("genre/g3", pytest.approx(0, abs=1e-5))
    assert len({key, *(other for other, _ in rest)}) == 5
    assert [one for _, one in rest] == sorted(one for _, one in rest)
    assert index.nearest("tag-labels", vector(103), k=1)[0][0] == "genre/g3", "by its Chinese label too"
    assert index.nearest("personas", vector(1007), k=1)[0][0] == "u7"


def test_a_filter_keeps_to_a_facet_or_a_language(index: VectorIndex) -> None:
    index.rebuild("toy")
    keys = [key for key, _ in index.nearest("tag-labels", vector(3), k=50, where={"facet": "place"})]
    assert len(keys) == USERS
    assert all(key.startswith("city/") for key in keys)
    assert index.nearest("personas", vector(1007), k=1, where={"language": "zh"})[0][1] > 0.1
    found = index.nearest("tag-labels", vector(3), k=1, where={"facet": "interest", "language": "en"})
    assert found[0][0] == "genre/g3"
    assert index.nearest("tag-labels", vector(3), k=3, where={"facet": "absent"}) == []


def test_what_is_gone_from_the_database_goes_from_the_index(index: VectorIndex, sqlite_database: Database) -> None:
    index.rebuild("toy")
    again = RunStore(sqlite_database).start(config={}, users_total=1)
    ProfileStore(sqlite_database).save(draft(again, "u3", personas=()), done("u3"))
    assert "does not match" in index.probe()[0]
    assert index.rebuild("toy") == 6 * (USERS - 1)
    assert index.probe() == []
    assert "genre/g3" not in dict(index.nearest("tag-labels", vector(3), k=100))
    assert "u3" not in dict(index.nearest("personas", vector(1003), k=100))


def test_a_profile_saved_after_the_build_is_noticed(index: VectorIndex, sqlite_database: Database) -> None:
    index.rebuild("toy")
    fill(sqlite_database, USERS + 1)
    assert "does not match" in index.probe()[0]
    index.rebuild("toy")
    assert index.probe() == []
    assert index.nearest("personas", vector(1000 + USERS), k=1)[0][0] == f"u{USERS}"


def test_another_embedder_gets_an_index_of_its_own(index: VectorIndex, sqlite_database: Database) -> None:
    index.rebuild("toy")
    assert index.rebuild("other") == 0
    assert index.nearest("personas", vector(1), k=3) == []
    fill(sqlite_database, 2, embedder="other")
    assert index.rebuild("other") == 12
    assert index.probe() == []


def test_a_vector_of_the_wrong_width_is_refused_in_words(index: VectorIndex) -> None:
    index.rebuild("toy")
    with pytest.raises(StoreError, match="dimension"):
        index.nearest("personas", vector(1, dimensions=8), k=1)


def test_an_empty_database_has_a_healthy_index(tmp_path: Path) -> None:
    database = Database("sqlite://")
    index = VectorIndex(tmp_path, database)
    assert index.probe() == []
    assert index.rebuild("toy") == 0
    assert index.probe() == []
    assert index.nearest("personas", vector(1), k=3) == []
    database.close()


def test_without_an_index_the_cure_is_named(embedded: VectorIndex) -> None:
    assert "--rebuild-index" in embedded.probe()[0]
    with pytest.raises(StoreError, match="--rebuild-index"):
        embedded.nearest("personas", vector(1), k=1)


def test_the_index_holds_no_words_and_no_user_ids(embedded: VectorIndex, tmp_path: Path) -> None:
    embedded.rebuild("toy")
    stored = b"".join(path.read_bytes() for path in folders(tmp_path)[0].rglob("*") if path.is_file())
    for word in ("genre/g3", "中文", "喜欢", "Likes noir", "u11"):
        assert word.encode() not in stored
    assert not any(b"".join(path.read_bytes() for path in folders(tmp_path)[0].rglob("length.bin")))


def test_one_folder_is_left_after_every_build(embedded: VectorIndex, tmp_path: Path) -> None:
    for _ in range(3):
        embedded.rebuild("toy")
    assert len(folders(tmp_path)) == 1


@pytest.mark.parametrize("damage", ["segment", "sqlite", "seal", "folder", "everything"])
def test_a_damaged_index_is_noticed_and_a_rebuild_cures_it(embedded: VectorIndex, tmp_path: Path, damage: str) -> None:
    embedded.rebuild("toy")
    [folder] = folders(tmp_path)
    spoil(folder, damage)
    assert any("--rebuild-index" in fault for fault in embedded.probe())
    with pytest.raises(StoreError, match="--rebuild-index"):
        embedded.nearest("personas", vector(1007), k=1)
    embedded.rebuild("toy")
    assert embedded.probe() == []
    assert embedded.nearest("personas", vector(1007), k=1)[0][0] == "u7"


def spoil(folder: Path, damage: str) -> None:
    if damage == "segment":
        sealed = max(folder.rglob("*.bin"), key=lambda path: path.stat().st_size)
        sealed.write_bytes(os.urandom(sealed.stat().st_size))
    elif damage == "sqlite":
        (folder / "chroma.sqlite3").write_bytes(os.urandom((folder / "chroma.sqlite3").stat().st_size))
    elif damage == "seal":
        (folder / "seal.json").unlink()
    else:
        shutil.rmtree(folder if damage == "folder" else folder.parent)


def test_a_folder_with_a_broken_seal_is_never_opened(
    embedded: VectorIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.rebuild("toy")
    spoil(folders(tmp_path)[0], "segment")
    monkeypatch.setattr(chromadb, "PersistentClient", lambda *_, **__: pytest.fail("it was opened"))
    assert "damaged" in embedded.probe()[0]
    with pytest.raises(StoreError, match="damaged"):
        embedded.nearest("personas", vector(1007), k=1)


def test_a_build_that_is_killed_leaves_the_old_index_working(
    embedded: VectorIndex, sqlite_database: Database, tmp_path: Path
) -> None:
    embedded.rebuild("toy")
    before = folders(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", BUILD, sqlite_database.url, tmp_path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as builder:
        assert builder.stdout is not None
        assert builder.stdout.readline().startswith(b"wrote")
        with pytest.raises(BusyError, match=f"pid {builder.pid}"):
            embedded.rebuild("toy")
        builder.send_signal(signal.SIGKILL)
        builder.wait()
    assert len(folders(tmp_path)) == 2
    assert embedded.nearest("personas", vector(1007), k=1)[0][0] == "u7"
    assert embedded.probe() == []
    embedded.rebuild("toy")
    assert len(folders(tmp_path)) == 1
    assert folders(tmp_path) != before


def test_a_place_that_cannot_be_written_to_is_named(sqlite_database: Database, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.touch()
    with pytest.raises(StoreError, match="cannot be written"):
        VectorIndex(blocked, sqlite_database).rebuild("toy")


def test_a_server_that_is_down_is_named(sqlite_database: Database, tmp_path: Path) -> None:
    index = VectorIndex(tmp_path, sqlite_database, "http://127.0.0.1:1")
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1"):
        index.rebuild("toy")
    assert "half written" in index.probe()[0]


@pytest.mark.chroma_server
def test_a_collection_lost_by_the_server_is_noticed_and_made_again(
    sqlite_database: Database, tmp_path: Path, chroma_server: str
) -> None:
    index = VectorIndex(tmp_path, sqlite_database, chroma_server)
    index.rebuild("toy")
    with connected(chroma_server) as client:
        for collection in client.list_collections():
            client.delete_collection(collection.name)
    assert index.probe() != []
    index.rebuild("toy")
    assert index.probe() == []


@pytest.mark.postgres
def test_an_index_can_be_built_from_postgresql(postgres_url: str, tmp_path: Path) -> None:
    database = Database(postgres_url)
    fill(database)
    index = VectorIndex(tmp_path, database)
    assert index.rebuild("toy") == 6 * USERS
    assert index.probe() == []
    assert index.nearest("tag-labels", vector(3), k=1)[0][0] == "genre/g3"
    database.close()


def test_pages_join_up(sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.vectors.PAGE", 5)
    index = VectorIndex(tmp_path, sqlite_database)
    assert index.rebuild("toy") == 6 * USERS
    assert index.probe() == []
