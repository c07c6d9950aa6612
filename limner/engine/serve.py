"""Runs vLLM's API server for limner, inside vLLM's own environment, and ends it when nobody needs it any more.

    python serve.py STATE LOCK ARGUMENTS-OF-VLLM…

`limner` starts this in a session of its own, so that Ctrl-C does not reach it, and writes STATE (see agents/server.py):
who uses the server, by process id and start time. Once a second this looks whether one of them still lives; when none
does (each has left, crashed or was killed), it removes STATE and ends vLLM and all its workers. When vLLM ends by
itself, so does this, with its exit status and its last workers: killed with -9, vLLM leaves its engine behind, and as
sub-reaper this process inherits what is left. Killed with -9 itself, its child gets SIGTERM from the kernel.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
INTERVAL = 1.0
"""Seconds between two looks at the holders."""
GRACE = 15.0
"""Seconds vLLM has to end by itself."""
CLOCK = 2.0
"""Seconds by which two readings of one process's start time may differ."""


def main(state: Path, lock: Path, arguments: list[str]) -> int:
    """vLLM's exit status; 0 where it was ended because nobody needed it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    asked_to_end = False

    def end(signum: int, frame: FrameType | None) -> None:
        nonlocal asked_to_end
        asked_to_end = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    vllm = subprocess.Popen(
        [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *arguments],
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM),  # noqa: PLW1509 (there is one thread)
    )
    looked = time.monotonic()
    try:
        while not asked_to_end and vllm.poll() is None:
            time.sleep(0.1)
            if time.monotonic() - looked >= INTERVAL:
                looked = time.monotonic()
                if abandoned(state, lock):  # not assigned from it: a signal may come while it looks
                    asked_to_end = True
    finally:
        end_all(vllm)
    return 0 if asked_to_end else vllm.returncode


def abandoned(state: Path, lock: Path) -> bool:
    """Whether nobody needs this server. If so, STATE is gone, and the next command starts another."""
    if needed(state):
        return False
    with locked(lock) as mine:
        if not mine:  # a command is just joining, leaving, or writing down that it started this server
            return False
        if needed(state):
            return False
        if read(state).get("pid") == os.getpid():
            state.unlink(missing_ok=True)
        return True


def needed(state: Path) -> bool:
    """Whether STATE is about this process and one of its holders lives."""
    known = read(state)
    return known.get("pid") == os.getpid() and any(alive(holder) for holder in known.get("holders", []))


def read(state: Path) -> dict[str, Any]:
    try:
        known = json.loads(state.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def alive(holder: dict[str, Any]) -> bool:
    try:
        process = psutil.Process(holder["pid"])
        return abs(process.create_time() - holder["created"]) < CLOCK and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether the lock was free; if so, it is held until the block ends."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def end_all(vllm: subprocess.Popen[bytes]) -> None:
    """Returns once vLLM and everything it started have ended."""
    if vllm.poll() is None:
        vllm.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            vllm.wait(GRACE)
    while left := psutil.Process().children(recursive=True):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
