"""What every command shares: how it fails, how it shows that it works, and the app it works with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import Annotated, ParamSpec

import typer

from limner import settings, show
from limner.app import App, Stage
from limner.errors import LimnerError

EXAMPLES = "[bold]Examples[/bold]\n"
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
P = ParamSpec("P")


def command(
    group: typer.Typer, name: str | None = None, *, examples: str = ""
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """A command whose foreseen errors become a plain sentence and an exit code; a defect keeps its traceback.

    A pipe that closes early (`limner profile --all | head`) is no error.
    """

    def wrap(function: Callable[P, None]) -> Callable[P, None]:
        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                function(*args, **kwargs)
                sys.stdout.flush()
            except LimnerError as error:
                show.failure(str(error))
                raise typer.Exit(error.exit_code) from None
            except KeyboardInterrupt:
                show.failure("Interrupted. What was stored before is kept; the same command goes on from there.")
                raise typer.Exit(1) from None
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
                raise typer.Exit(0) from None

        return group.command(name, epilog=EXAMPLES + examples if examples else None)(guarded)

    return wrap


def moment(said: str) -> datetime:
    """A time as a person gives it; UTC where it names no zone.

    Raises:
        ValueError: it is none.
    """
    time = datetime.fromisoformat(said)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@contextmanager
def opened() -> Iterator[App]:
    """The app over the settings of this process."""
    app = App(settings.read())
    try:
        yield app
    finally:
        app.close()


@contextmanager
def stages(title: str) -> Iterator[Stage]:
    """A bar that shows whichever stage the app is at."""
    with show.bar(title, "") as bar:
        yield on(bar, title)


def on(bar: show.Bar, title: str) -> Stage:
    """Shows whichever stage the app is at on a bar."""

    def told(stage: str, done: int, total: int, unit: str) -> None:
        scale, shown = (1e6, "MB") if unit == "B" else (1, unit)
        bar.at(done / scale, total / scale if total else None, unit=shown, title=f"{title}: {stage}")

    return told
