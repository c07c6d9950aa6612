"""What limner stands on, looked at part by part."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from agents import server, supply
from limner.app import App
from limner.errors import InputError, LimnerError
from limner.settings import Settings

LEAST_FREE = 2 << 30
"""Bytes of disk below which the doctor warns."""


class Finding(NamedTuple):
    name: str
    ok: bool
    detail: str
    advice: str = ""
    needed: bool = True
    """Whether limner cannot work without it."""


def examine(app: App) -> list[Finding]:
    """Home, database, index, taxonomy, model and engine, in that order."""
    return [
        finding for look in (_home, _database, _index, _taxonomy, _model, _engine) for finding in _safely(look, app)
    ]


def _safely(look: Callable[[App], Iterator[Finding]], app: App) -> list[Finding]:
    """What a look found; the error where it could not look."""
    try:
        return list(look(app))
    except LimnerError as error:
        return [Finding(look.__name__.strip("_"), False, str(error))]


def _home(app: App) -> Iterator[Finding]:
    home = app.settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        yield Finding("home", False, f"{home}: {error.strerror}", "Set LIMNER_HOME to a folder limner may write to.")
        return
    free = shutil.disk_usage(home).free
    advice = f"Free some space: less than {LEAST_FREE >> 30} GB is left."
    yield Finding("home", free > LEAST_FREE, f"{home}, {free / 1e9:.0f} GB free", advice)


def _database(app: App) -> Iterator[Finding]:
    counts = app.events.counts()
    yield Finding("database", True, f"{app.database.url}: {counts['users']:,} users, {counts['events']:,} events")


def _index(app: App) -> Iterator[Finding]:
    problems = app.index.probe()
    yield Finding("index", not problems, "; ".join(problems) or "agrees with SQL", "limner doctor --rebuild-index")


def _taxonomy(app: App) -> Iterator[Finding]:
    known = app.taxonomy
    yield Finding(
        "taxonomy", True, f"{known.version} ({known.digest}): {len(known.facets)} facets, {len(known.terms)} terms"
    )


def _model(app: App) -> Iterator[Finding]:
    name = app.settings.model
    if app.settings.model_url:
        yield Finding("model", True, f"{name} at {app.settings.model_url}; `limner model check` asks it")
        return
    folder = supply.located(name, app.settings.home)
    yield Finding(
        "model", folder is not None, f"{name} in {folder}" if folder else f"{name} is not here", "limner model pull"
    )


def _engine(app: App) -> Iterator[Finding]:
    if not app.settings.model_url:
        python = server.vllm_python(app.settings.vllm_python)
        yield Finding("vLLM", os.access(python, os.X_OK), str(python), "make setup")


def write_settings(path: Path) -> bool:
    """Write a limner.toml in which every setting is explained and none is set; False where there is one already."""
    if path.exists():
        return False
    lines = [
        "# Settings of limner. Each can also be given as an environment variable: LIMNER_MODEL, LIMNER_HOME, …",
        "",
    ]
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        lines += [f"# {field.description}", f'# {name} = "{default or ""}"', ""]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return True


def pairs(given: Sequence[str]) -> dict[str, str]:
    """FIELD=COLUMN pairs as a mapping.

    Raises:
        InputError: one has no equals sign.
    """
    if wrong := [pair for pair in given if "=" not in pair]:
        raise InputError(f"--map takes FIELD=COLUMN, such as user_id=customer; it was given {', '.join(wrong)}.")
    return dict(pair.split("=", 1) for pair in given)
