"""A conversation: `limner ask` without a question reads them one after the other, from a terminal or a pipe.

On a terminal the line can be edited and earlier questions come back with the arrow keys, also those of last time. The
word exit, Ctrl-D or Ctrl-C leave; Ctrl-C while a question is being answered only stops that. From a pipe, answers come
without a prompt, and one that fails does not end it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from limner import show
from limner.errors import LimnerError

LEAVING = frozenset({"exit", "quit", ":q", "bye", "退出", "再见"})
KEPT = 500
"""Questions that the next conversation still knows."""


def converse(ask: Callable[[str], None], history: Path) -> tuple[int, int]:
    """Questions asked until they end; how many there were, and how many of them failed.

    Args:
        ask: Answers one and shows it.
        history: Where a terminal's questions are kept.
    """
    asked = failed = 0
    terminal = sys.stdin.isatty()
    for question in _typed(history) if terminal else _piped():
        asked += 1
        try:
            ask(question)
        except LimnerError as error:
            failed += 1
            show.failure(str(error))
        except KeyboardInterrupt:
            if not terminal:
                raise
            show.message("Stopped. Ask something else, or leave with exit.")
    return asked, failed


def _piped() -> Iterator[str]:
    for line in sys.stdin:
        question = line.strip()
        if question.casefold() in LEAVING:
            return
        if question:
            yield question


def _typed(history: Path) -> Iterator[str]:
    """What somebody types, until they leave."""
    show.message("Ask away; a question may lean on the one before. Leave with exit.")
    with _remembering(history):
        while True:
            try:
                question = input("? ").strip()
            except (EOFError, KeyboardInterrupt):
                show.message("")
                return
            if question.casefold() in LEAVING:
                return
            if question:
                yield question


@contextlib.contextmanager
def _remembering(history: Path) -> Iterator[None]:
    """Line editing, with the questions of earlier conversations where they can be kept."""
    try:
        import readline
    except ImportError:  # a Python without it reads plain lines
        yield
        return
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(KEPT)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            readline.write_history_file(history)
            history.chmod(0o600)
