"""What limner stands on, looked at part by part."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from agents import embedder, server, supply
from limner.app import App
from limner.errors import InputError, LimnerError, SetupError
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
    """Home, database, index, settings, taxonomy, model, engine, what the model does, and embedder, in that order."""
    looks = (_home, _database, _index, _timezone, _taxonomy, _model, _engine, _parts, _embedder)
    return [finding for look in looks for finding in _safely(look, app)]


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
    yield Finding("home", free > LEAST_FREE, f"{home}, {free / 1e9:.1f} GB free", advice, needed=False)


def _database(app: App) -> Iterator[Finding]:
    counts = app.events.counts()
    yield Finding("database", True, f"{app.database.url}: {counts['users']:,} users, {counts['events']:,} events")


def _index(app: App) -> Iterator[Finding]:
    problems = app.index.probe()
    yield Finding("index", not problems, " ".join(problems) or "agrees with the database")


def _timezone(app: App) -> Iterator[Finding]:
    yield Finding("timezone", True, f"hours and weekdays are read in {app.zone}")


def _taxonomy(app: App) -> Iterator[Finding]:
    known = app.taxonomy
    yield Finding(
        "taxonomy", True, f"{known.version} ({known.digest}): {len(known.facets)} facets, {len(known.terms)} terms"
    )


def _model(app: App) -> Iterator[Finding]:
    settings = app.settings
    name = app.model_name
    if settings.model_url:
        with server.running(url=settings.model_url, model=name, home=settings.home, key=settings.model_key):
            yield Finding("model", True, f"{name} is served at {settings.model_url}; `limner model check` tests it")
        return
    folder = supply.located(settings.model, settings.home)
    seen = f"{name} in {folder}" if folder else f"{name} is not here, or not whole"
    yield Finding("model", folder is not None, seen, "`limner model pull` fetches it, and goes on where it stopped.")


def _engine(app: App) -> Iterator[Finding]:
    if not app.settings.model_url:
        python = server.vllm_python(app.settings.vllm_python)
        yield Finding("engine", os.access(python, os.X_OK), f"vLLM by {python}", "`make setup` installs it.")


def _parts(app: App) -> Iterator[Finding]:
    """What is left to the model, and what to code."""
    why = "packaged models do no better, and it costs no call" if app.model_name in supply.PACKAGED else "as it is set"
    for name, setting, asked, by_model, by_code in (
        ("names", "LIMNER_NAMER", app.model_names, "the model names tags beside code", "code alone names tags"),
        ("words", "LIMNER_WRITER", app.model_words, "the model words personas", "code words personas"),
    ):
        yield Finding(name, True, f"{by_model} ({setting})" if asked else f"{by_code}: {why} ({setting})")


def _embedder(app: App) -> Iterator[Finding]:
    if app.settings.embedder == embedder.USE:
        here = supply.pulled(embedder.place(app.settings.home)) is not None
        yield Finding("embedder", True, f"{embedder.USE}" + ("" if here else ", fetched by the first run"))
    else:
        opened = app.embedder(lambda stage, done, total, unit: None)
        yield Finding("embedder", True, f"{opened.name} at {app.settings.embedder}, {opened.dimensions} dimensions")


def write_settings(path: Path) -> bool:
    """Write a limner.toml in which every setting is explained and none is set; False where there is one already.

    Raises:
        SetupError: the folder cannot be written to.
    """
    if path.exists():
        return False
    lines = [
        "# Settings of limner. Take away the # before one to change it. The environment goes before this file:",
        "# LIMNER_MODEL, LIMNER_HOME, …",
        "",
    ]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        lines += [f"# {line}" for line in (field.description or "").splitlines()]
        told = json.dumps(list(default) if isinstance(default, tuple) else str(default))
        lines += [f"# {name} = (unset)" if default is None else f"#{name} = {told}", ""]
    try:
        path.write_text("\n".join(lines), "utf-8")
    except OSError as error:
        raise SetupError(f"{path.resolve()} cannot be written ({error.strerror}): go to another folder.") from error
    return True


def pairs(given: Sequence[str]) -> dict[str, str]:
    """FIELD=COLUMN pairs as a mapping.

    Raises:
        InputError: one has no equals sign.
    """
    if wrong := [pair for pair in given if "=" not in pair]:
        raise InputError(f"--map takes FIELD=COLUMN, such as user_id=customer; it was given {', '.join(wrong)}.")
    return dict(pair.split("=", 1) for pair in given)
