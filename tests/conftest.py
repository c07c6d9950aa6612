"""Real servers for the tests that need them: each is started at most once a session, and stopped at its end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from store.database import Database
from tests.vllm_fixture import server_home, small_model, vllm_server

__all__ = ["server_home", "small_model", "vllm_server"]

for name in ("COLUMNS", "LINES"):  # those of a worker, which the console would keep for good
    os.environ.pop(name, None)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it starts in the background ignore Ctrl-C


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server of our own, without a database name: it listens on a socket in a temporary folder."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not found:
        message = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    home = Path(tempfile.mkdtemp(prefix="limner-pg-"))

    def run(command: str) -> None:
        as_postgres = ["su", "postgres", "-s", "/bin/sh", "-c", command] if os.geteuid() == 0 else ["sh", "-c", command]
        subprocess.run(as_postgres, check=True, stdout=subprocess.DEVNULL, cwd="/")

    if os.geteuid() == 0:
        shutil.chown(home, "postgres")
    control = f"{found[-1]}/pg_ctl -D {home}/data"
    hurried = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"
    run(f"{found[-1]}/initdb -D {home}/data -A trust -U limner --no-sync -E UTF8 --locale=C.UTF-8")
    run(f"{control} -w -l {home}/log -o '-c listen_addresses= -c unix_socket_directories={home} {hurried}' start")
    try:
        yield f"postgresql://limner@/%s?host={home}"
    finally:
        run(f"{control} -m immediate stop")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of an empty PostgreSQL database."""
    with postgres_database(postgres_server) as url:
        yield url


@contextmanager
def postgres_database(postgres_server: str) -> Iterator[str]:
    """URL of an empty database that is dropped at the end."""
    name = f"limner_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_server % "postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield postgres_server % name
    with psycopg.connect(postgres_server % "postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'limner.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with limner's tables and nothing in them, once of each kind."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Chroma server of our own on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = tmp_path_factory.mktemp("chroma")
    command = [
        Path(sys.executable).with_name("chroma"),
        "run",
        "--path",
        data,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with (data / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=data) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_up(f"{url}/api/v2/heartbeat", server)
            yield url
        finally:
            server.kill()


def wait_until_up(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the server ended while it started"
        try:
            httpx.get(url).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"{url} did not answer within 30 seconds")
