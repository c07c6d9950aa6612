"""A home for limner with a model server that answers at once, as the settings of the process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faulty_server import FaultyServer
from tests.limner.terminal import SAMPLE, answer, environment, limner


@pytest.fixture(autouse=True)
def settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the desk reaches a test."""
    for name in [name for name in os.environ if name.startswith("LIMNER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(answer) as server:
        yield server


@pytest.fixture
def home(server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home; the settings point at it and at `server`."""
    home = tmp_path / "a home"
    for name, value in environment(server, home).items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture(scope="session")
def profiled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the whole sample was ingested and run; to be read only."""
    home = tmp_path_factory.mktemp("profiled")
    with FaultyServer(answer) as server:
        settings = environment(server, home)
        assert limner("ingest", SAMPLE, **settings).code == 0
        ran = limner("run", **settings)
    assert ran.code == 0, ran
    return home


@pytest.fixture
def profiled(profiled_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The profiled sample, as the settings' home."""
    monkeypatch.setenv("LIMNER_HOME", str(profiled_home))
    monkeypatch.setenv("COLUMNS", "100")
    return profiled_home
