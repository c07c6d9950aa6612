from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from limner.errors import BusyError, SetupError, StoreError
from store.database import Database
from store.events import EventStore
from store.tables import UserRow
from tests.store.samples import event, events

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from store.database import Database
with Database(sys.argv[1]).exclusive("run"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def at(folder: Path) -> str:
    return f"sqlite:///{folder / 'limner.db'}"


def test_sqlite_keeps_a_write_ahead_log_and_foreign_keys_and_little_in_memory(tmp_path: Path) -> None:
    database = Database(at(tmp_path))
    with database.reading() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert connection.scalar(text("PRAGMA cache_size")) == -16 * 1024, "the memory of a run does not grow with it"
    database.close()


def test_the_folder_of_a_new_database_is_made_for_it(tmp_path: Path) -> None:
    Database(at(tmp_path / "a b" / "家")).close()
    assert (tmp_path / "a b" / "家" / "limner.db").exists()


def test_a_block_that_raises_leaves_nothing_behind(database: Database) -> None:
    def fail_half_way() -> None:
        with database.connection() as connection:
            connection.execute(insert(UserRow), {"user_id": "u", "events": 0, "digest": "0"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert EventStore(database).counts() == {"users": 0, "events": 0}


def test_what_is_written_at_once_is_one_transaction_and_one_each_where_something_raises(
    database: Database, database_url: str
) -> None:
    store, other = EventStore(database), Database(database_url)
    seen: list[int] = []

    def add(user: str) -> int:
        accepted = store.add([event(user_id=user)]).accepted
        seen.append(EventStore(other).counts()["users"])
        return accepted

    def spoilt() -> int:
        raise ValueError("no")

    assert database.at_once([lambda: add("u1"), lambda: add("u2")]) == [1, 1]
    assert seen == [0, 0]
    *results, error = database.at_once([lambda: add("u3"), lambda: add("u4"), spoilt])
    assert (results, seen[2:]) == ([1, 1], [2, 2, 3, 4])
    assert isinstance(error, ValueError)
    other.close()


@pytest.mark.parametrize("url", ["mysql://host/name", "sqlite+aiosqlite:///x", "nonsense", ""])
def test_a_url_that_limner_cannot_use_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SetupError, match="LIMNER_DATABASE_URL"):
        Database(url)


@pytest.mark.postgres
def test_a_plain_postgresql_url_is_enough(postgres_url: str) -> None:
    Database(postgres_url.replace("+psycopg", "")).close()


def test_a_server_that_is_down_is_said_to_be_unreachable_and_the_password_is_not_shown() -> None:
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        Database("postgresql://limner:secret@127.0.0.1:1/limner")
    assert "secret" not in str(caught.value)


@pytest.mark.postgres
def test_a_database_that_is_not_there_is_named(postgres_server: str) -> None:
    with pytest.raises(StoreError, match="absent"):
        Database(postgres_server % "absent")


def test_a_locked_database_is_said_to_be_locked(tmp_path: Path) -> None:
    database = Database(at(tmp_path), patience=0.1)
    other = sqlite3.connect(tmp_path / "limner.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another process"):
        EventStore(database).add([event()])
    assert EventStore(database).counts()["events"] == 0, "reading goes on"
    other.execute("ROLLBACK")
    other.close()
    assert EventStore(database).add([event()]).accepted == 1
    database.close()


def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    database = Database(at(tmp_path))
    store = EventStore(database)
    store.add([event("before")])
    with database.connection() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
        connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
    with pytest.raises(StoreError, match="the disk is full"):
        store.add([event("after", text="x" * 100_000)])
    assert [one.event_id for one in store.history("u1").events] == ["before"]
    database.close()


def test_a_file_that_is_not_a_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "limner.db"
    path.write_bytes(b"notes about limners" * 500)
    with pytest.raises(StoreError, match="is not a database"):
        Database(at(tmp_path))
    assert path.read_bytes() == b"notes about limners" * 500


def test_a_damaged_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    database = Database(at(tmp_path))
    EventStore(database).add(events(50, 20))
    database.close()
    path = tmp_path / "limner.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with pytest.raises(StoreError, match=r"damaged|not a database"):
        list(EventStore(Database(at(tmp_path))).users())


def test_a_home_that_cannot_be_written_to_is_said_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(StoreError, match="LIMNER_HOME"):
        Database(at(blocked / "home"))


@pytest.mark.parametrize("existing", [True, False], ids=["with a database", "empty"])
def test_a_read_only_home_is_said_so(tmp_path: Path, existing: bool) -> None:
    if existing:
        Database(at(tmp_path)).close()
    tmp_path.chmod(0o555)
    for path in tmp_path.iterdir():
        path.chmod(0o444)
    process = multiprocessing.get_context("fork").Process(target=open_as_nobody, args=(at(tmp_path),))
    process.start()
    process.join(60)
    tmp_path.chmod(0o755)
    assert process.exitcode == 0


def open_as_nobody(url: str) -> None:
    """Root may write anywhere, so the user changes first; the folders above are opened up for it to pass."""
    if os.geteuid() == 0:
        for folder in Path(url.removeprefix("sqlite:///")).parents[1:-1]:
            folder.chmod(folder.stat().st_mode | 0o111)
        os.setuid(65534)
    with pytest.raises(StoreError, match="may write"):
        EventStore(Database(url)).add([event()])


def test_a_database_from_a_newer_limner_is_refused(database: Database, database_url: str) -> None:
    with database.connection() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"9999.*newer than 0009.*Install"):
        Database(database_url)


def test_a_database_with_other_tables_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "limner.db") as other:
        other.execute("CREATE TABLE users (name TEXT)")
    other.close()
    with pytest.raises(StoreError, match=r"not limner's \(users\)"):
        Database(at(tmp_path))


def test_many_processes_may_open_a_new_database_at_once(database_url: str) -> None:
    code = "import sys; from store.database import Database; Database(sys.argv[1])"
    opening = [subprocess.Popen([sys.executable, "-c", code, database_url], cwd=ROOT) for _ in range(4)]
    assert [process.wait(60) for process in opening] == [0] * 4


def test_only_one_process_holds_a_lock_and_the_second_says_who(database: Database, database_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, database_url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BusyError) as caught, database.exclusive("run"):
            pass
        assert f"pid {holder.pid} on " in caught.value.holder
        assert caught.value.holder in str(caught.value)
        with database.exclusive("something else"):
            pass
        holder.kill()
        holder.wait()
    with database.exclusive("run"), pytest.raises(BusyError), database.exclusive("run"):
        pass
    with database.exclusive("run"):
        pass
