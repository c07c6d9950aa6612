"""What limner costs beside the model: `make bench`, or one of the three measurements.

    python -m evals.bench own          limner's own processor time and memory a user
    python -m evals.bench ingest       events a second and memory
    python -m evals.bench throughput   the batch against a bare client on the same vLLM

**own.** Users of 100 events go through the whole batch while the model and the embedder answer at once: in this
process, which leaves limner alone, and over HTTP from a process of its own, which adds the client. What is counted is
processor time (user and system, all threads), with the time of a plain loop beside it, for a busy neighbour slows both.
Time inside calls of the store counts as reading or writing, the rest as computing. Each size is measured in a process
of its own, for its peak memory; the index is timed apart, for it is built once a run.

**throughput.** limner runs over N users on a real vLLM and every request body it sends is remembered. A bare client
(httpx, one worker a slot, the next user's requests as soon as a slot is free, a persona after its proposal) then sends
the very same bodies to the same server. Before each side the server's prefix cache is emptied, so both begin cold and
both find the shared part of the prompt cached from the second request on; the sides take turns in going first. Both
decode at temperature 0 under the same schemas and limits, yet the composition of batches may change a token, so tokens
answered per second are compared, and both totals shown. limner finds its own pace; the bare client has as many slots
as limner had at most, from its first moment on. Reading the users and writing their profiles is in limner's time;
building the index is not.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, cast
from zoneinfo import ZoneInfo

import httpx
import orjson
import typer

from agents import server, supply
from agents.batch import Batch, Parts
from agents.embedder import Embedder, open_embedder
from agents.ingest import ingest as take_in
from agents.model import Model, VllmModel
from agents.pace import Pace
from agents.wiring import Wiring
from evals import instant, synthetic
from limner import settings, show
from limner.errors import LimnerError, ModelError, SetupError
from prompts import library, taxonomy
from store.database import Database
from store.events import EventStore
from store.overrides import OverrideStore
from store.profiles import ProfileStore
from store.runs import RunStore
from store.vectors import VectorIndex

T = TypeVar("T")
Told = Callable[[float, float], None]
"""Told how much is done, and of how much."""

SAMPLE = Path(__file__).with_name("datasets") / "sample.jsonl"
SIZES, ALL_SIZES = (1_000, 10_000), (1_000, 10_000, 100_000)
BATCH = 5_000
"""Events stored at a time."""
EVENTS, ALL_EVENTS = 1_000_000, 10_000_000
USERS, ROUNDS = 40, 3
MEGABYTE = 1e6


# --- a measurement in a process of its own ---


class Cost(NamedTuple):
    seconds: float
    processor: float
    """Seconds, user and system."""
    peak: float
    """Most memory the process had at a time, MB."""


def in_child(work: Callable[[Told], T], told: Told) -> T:
    """What `work`, a picklable function, returns in a new process.

    Raises:
        SetupError: the process ended without a result, as for want of memory.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(work, theirs))
    child.start()
    theirs.close()
    try:
        while isinstance(message := ours.recv(), _Progress):
            told(*message)
    except EOFError:
        child.join()
        raise SetupError(f"A measurement ended without a result (exit code {child.exitcode}): see above.") from None
    child.join()
    return cast(T, message)


class _Progress(NamedTuple):
    done: float
    total: float


def _child(work: Callable[[Told], Any], to_parent: Connection) -> None:
    last = 0.0

    def told(done: float, total: float) -> None:
        nonlocal last
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            to_parent.send(_Progress(done, total))

    to_parent.send(work(told))


def peak() -> float:
    """Most memory this process has had at a time, MB: what it inherited from its parent does not count."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE  # macOS counts bytes
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024 / MEGABYTE


def yardstick() -> float:
    """Milliseconds of the processor that a million turns of a plain loop take now."""
    began, total = time.process_time(), 0
    for turn in range(1_000_000):
        total += turn * turn % 7
    return (time.process_time() - began) * 1e3


# --- ingest ---


class Intake(NamedTuple):
    """The result of `ingest` for one file."""

    file: str
    events: int
    megabytes: float
    events_per_second: float
    events_per_processor_second: float
    peak_megabytes: float


@dataclass(frozen=True)
class _Ingest:
    file: Path
    database: Path

    def __call__(self, told: Told) -> tuple[int, Cost]:
        with closing(Database(f"sqlite:///{self.database}")) as database:
            began, processor = time.monotonic(), time.process_time()
            rejects = self.database.with_suffix(".rejects")
            got = take_in([self.file], EventStore(database), rejects=rejects, progress=lambda a, b, _: told(a, b))
            return got.accepted, Cost(time.monotonic() - began, time.process_time() - processor, peak())


def ingest(folder: Path, events: int, *, bar: show.Bar) -> list[Intake]:
    """Synthetic events as JSON Lines, plain and gzipped, each into a new database under `folder`."""
    results: list[Intake] = []
    for name in ("events.jsonl", "events.jsonl.gz"):
        file, database = folder / name, folder / "ingest.db"
        synthetic.write(file, -(-events // synthetic.EVENTS), told=_as(bar, f"writing {name}", "users"))
        accepted, cost = in_child(_Ingest(file, database), _as(bar, f"ingesting {name}", "MB", MEGABYTE))
        results.append(
            Intake(
                file=name.partition(".")[2],
                events=accepted,
                megabytes=file.stat().st_size / MEGABYTE,
                events_per_second=accepted / cost.seconds,
                events_per_processor_second=accepted / cost.processor,
                peak_megabytes=cost.peak,
            )
        )
        for left in (file, *folder.glob("ingest.*")):
            left.unlink()
    return results


# --- limner's own time ---


class Own(NamedTuple):
    """The result of `own` for one number of users; times are of the processor, milliseconds a user."""

    users: int
    client: str
    """Where the model answered: "in process" or "HTTP"."""
    total: float
    reading: float
    computing: float
    writing: float
    users_per_second: float
    peak_megabytes: float
    calls: int
    again: float
    """The second run, over unchanged users."""
    calls_again: int
    indexing: float
    yardstick: float
    """Milliseconds of the processor for a million turns of a plain loop, around the run: neighbours on the same machine
    make every number of this row larger by the same factor as this one."""


@dataclass(frozen=True)
class _Own:
    database: Path
    url: str | None
    """Of the instant server; None where the model answers in process."""
    tokenizer: Path | None

    def __call__(self, told: Told) -> Own:
        embedder = instant.InstantEmbedder()
        with closing(Database(f"sqlite:///{self.database}")) as database:
            clock = _Clock()
            parts = clock.watched(_parts(database, instant.NAME))
            before = yardstick()
            first = asyncio.run(self._run(parts, embedder, told))
            stick = (before + yardstick()) / 2
            whole, reading, writing = first.cost, clock.spent["reading"], clock.spent["writing"]
            second = asyncio.run(self._run(parts, embedder, told))
            began = time.process_time()
            VectorIndex(self.database.parent, database).rebuild(embedder.name)
            indexing = time.process_time() - began
        each = 1e3 / first.users
        return Own(
            users=first.users,
            client="in process" if self.url is None else "HTTP",
            total=whole.processor * each,
            reading=reading * each,
            computing=(whole.processor - reading - writing) * each,
            writing=writing * each,
            users_per_second=first.users / whole.seconds,
            peak_megabytes=whole.peak,
            calls=first.calls,
            again=second.cost.processor * each,
            calls_again=second.calls,
            indexing=indexing * each,
            yardstick=stick,
        )

    async def _run(self, parts: Parts, embedder: Embedder, told: Told) -> _Ran:
        if self.url is None:
            count = VllmModel("http://127.0.0.1:9/v1", "", tokenizer=self.tokenizer).count_tokens
            model: Model = instant.InstantModel(count if self.tokenizer else None)
        else:
            model = VllmModel(self.url, instant.NAME, tokenizer=self.tokenizer)
        async with Pace((lambda: self.url or "") if self.url else None) as pace:
            try:
                return await _profiled(parts, model, embedder, pace, told)
            finally:
                await model.aclose()


class _Ran(NamedTuple):
    """One run of the batch."""

    users: int
    calls: int
    cost: Cost
    slots: int
    """Most questions the pace allowed in flight."""


async def _profiled(parts: Parts, model: Model, embedder: Embedder, pace: Pace, told: Told) -> _Ran:
    """A run over every user of the database, from its first look at them to its last write."""
    slots = 0
    began, processor = time.monotonic(), time.process_time()
    total = sum(1 for _ in parts.runs.work(parts.config_digest()))
    run = parts.runs.start(config=parts.config(), users_total=total)

    def report(at: Any) -> None:
        nonlocal slots
        slots = max(slots, pace.limit)
        told(at.done + at.unchanged + at.failed, total)

    job = Batch(parts, run, model=model, embedder=embedder, pace=pace, report=report)
    await job.over(parts.runs.work(parts.config_digest()))
    if job.halted:
        raise ModelError(job.halted)
    parts.runs.finish(run, "done")
    cost = Cost(time.monotonic() - began, time.process_time() - processor, peak())
    summary = parts.runs.summary(run)
    if letters := parts.runs.dead_letters(run):
        raise ModelError(f"{len(letters)} of {total} users failed, such as {letters[0].user_id}: {letters[0].error}")
    return _Ran(total, summary.model_calls, cost, slots)


class _Clock:
    """Adds up the processor time spent inside the store."""

    def __init__(self) -> None:
        self.spent = {"reading": 0.0, "writing": 0.0}
        self.runs = False

    def watched(self, parts: Parts) -> Parts:
        """The same parts, their calls timed."""
        return parts._replace(
            events=cast(EventStore, _Watched(parts.events, self)),
            profiles=cast(ProfileStore, _Watched(parts.profiles, self)),
            runs=cast(RunStore, _Watched(parts.runs, self)),
        )


class _Watched:
    """A part of the store that reports the processor time of its calls."""

    WRITES = frozenset({"save", "save_label_vectors", "record", "fail", "unchanged", "start", "finish", "at_once"})

    def __init__(self, part: object, clock: _Clock) -> None:
        self._part = part
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)
        kind = "writing" if name in self.WRITES else "reading"
        clock = self._clock

        def timed(*args: Any, **options: Any) -> Any:
            if clock.runs:  # a call within a call
                return method(*args, **options)
            clock.runs, began = True, time.thread_time()
            try:
                return method(*args, **options)
            finally:
                clock.runs = False
                clock.spent[kind] += time.thread_time() - began

        setattr(self, name, timed)
        return timed


def own(folder: Path, sizes: Iterable[int], *, tokenizer: Path | None, bar: show.Bar) -> list[Own]:
    """limner's own time at each number of users, without and with the HTTP client.

    Args:
        tokenizer: Folder of the model that limner would run; None counts four bytes for a token.
    """
    results: list[Own] = []
    for users in sizes:
        file, filled = folder / "users.jsonl", folder / "users.db"
        synthetic.write(file, users, told=_as(bar, f"writing {users:,} users", "users"))
        in_child(_Ingest(file, filled), _as(bar, f"ingesting {users:,} users", "MB", MEGABYTE))
        file.unlink()
        with instant.apart() as url:
            for client in (None, url):
                home = Path(tempfile.mkdtemp(dir=folder))
                shutil.copy(filled, home / "limner.db")
                doing = f"profiling {users:,} users, {'HTTP' if client else 'in process'}"
                results.append(in_child(_Own(home / "limner.db", client, tokenizer), _as(bar, doing, "users")))
                shutil.rmtree(home)
        filled.unlink()
    return results


# --- throughput on a real server ---


class Side(NamedTuple):
    """One side's work in a round."""

    seconds: float
    requests: int
    tokens_in: int
    tokens_out: int

    @property
    def rate(self) -> float:
        """Tokens answered per second."""
        return self.tokens_out / self.seconds


class Round(NamedTuple):
    limner: Side
    bare: Side
    slots: int
    first: str

    @property
    def ratio(self) -> float:
        return self.limner.rate / self.bare.rate


class Recording(VllmModel):
    """Remembers what it sent: the bodies of each user's requests, in the order in which the users came.

    Every user is a task of its own in the batch, by which the requests are told apart.
    """

    def __init__(self, url: str, name: str, key: str, tokenizer: Path | None) -> None:
        super().__init__(url, name, key, tokenizer=tokenizer)
        self._sent: dict[asyncio.Task[Any] | None, list[bytes]] = {}

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._sent.setdefault(asyncio.current_task(), []).append(orjson.dumps(body))
        return await super()._post(path, body)

    def sent(self) -> list[list[bytes]]:
        return list(self._sent.values())


class Target(NamedTuple):
    """A server to measure on."""

    url: str
    name: str
    key: str
    tokenizer: Path | None


def throughput(
    target: Target, embedder: Embedder, folder: Path, *, users: int, rounds: int, concurrency: int | None, bar: show.Bar
) -> list[Round]:
    """Paired rounds of limner and a bare client over the same users.

    Args:
        users: From the bundled sample, and synthetic ones beyond it.
        concurrency: Requests in flight on both sides; None lets limner find its pace.

    Raises:
        SetupError: the server's prefix cache cannot be emptied.
        ModelError: the server failed.
    """
    filled = folder / "filled.db"
    files = [_first_of_sample(folder / "sample.jsonl", users)]
    if (more := users - _users(files[0])) > 0:
        files.append(folder / "more.jsonl")
        synthetic.write(files[1], more)
    with closing(Database(f"sqlite:///{filled}")) as database:
        take_in(files, EventStore(database), rejects=folder / "rejects")

    def limner(doing: str) -> tuple[Side, list[list[bytes]], int]:
        home = Path(tempfile.mkdtemp(dir=folder))
        shutil.copy(filled, home / "limner.db")
        _empty_cache(target)
        told = _as(bar, f"{doing}: limner", "users")
        with closing(Database(f"sqlite:///{home / 'limner.db'}")) as database:
            return asyncio.run(_limner(_parts(database, target.name), target, embedder, concurrency, told))

    def bare(doing: str, bodies: Sequence[Sequence[bytes]], slots: int) -> Side:
        _empty_cache(target)
        return asyncio.run(_bare(target, bodies, slots, _as(bar, f"{doing}: bare client", "users")))

    _, bodies, slots = limner("warming up")
    results: list[Round] = []
    for number in range(1, rounds + 1):
        doing = f"round {number} of {rounds}"
        if number % 2:
            ours, bodies, slots = limner(doing)
            results.append(Round(ours, bare(doing, bodies, slots), slots, "limner"))
        else:
            theirs = bare(doing, bodies, slots)
            ours, bodies, slots = limner(doing)
            results.append(Round(ours, theirs, slots, "bare"))
    return results


async def _limner(
    parts: Parts, target: Target, embedder: Embedder, concurrency: int | None, told: Told
) -> tuple[Side, list[list[bytes]], int]:
    model = Recording(target.url, target.name, target.key, target.tokenizer)
    async with Pace(lambda: target.url, fixed=concurrency) as pace:
        try:
            ran = await _profiled(parts, model, embedder, pace, told)
        finally:
            await model.aclose()
    summary = parts.runs.summary()
    side = Side(ran.cost.seconds, summary.model_calls, summary.tokens["in"], summary.tokens["out"])
    return side, model.sent(), ran.slots


async def _bare(target: Target, bodies: Sequence[Sequence[bytes]], slots: int, told: Told) -> Side:
    """The bodies sent anew: `slots` workers, each with one user at a time."""
    waiting = iter(bodies)
    done = requests = tokens_in = tokens_out = 0
    headers = {"authorization": f"Bearer {target.key}", "content-type": "application/json"}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=target.url, headers=headers, timeout=600, limits=limits) as client:

        async def work() -> None:
            nonlocal done, requests, tokens_in, tokens_out
            for chain in waiting:
                for body in chain:
                    response = await client.post("/chat/completions", content=body)
                    usage = orjson.loads(response.raise_for_status().content)["usage"]
                    requests += 1
                    tokens_in += usage["prompt_tokens"]
                    tokens_out += usage["completion_tokens"]
                done += 1
                told(done, len(bodies))

        began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(slots):
                    group.create_task(work())
        except* httpx.HTTPError as errors:
            raise ModelError(f"The bare client failed: {errors.exceptions[0]}") from errors
        return Side(time.monotonic() - began, requests, tokens_in, tokens_out)


def _empty_cache(target: Target) -> None:
    """Raises where the server keeps its prefix cache."""
    url = f"{target.url.removesuffix('/v1')}/reset_prefix_cache"
    end = time.monotonic() + 10
    while True:
        response = httpx.post(url, headers={"authorization": f"Bearer {target.key}"}, timeout=60)
        if response.status_code == 200 and response.json()["success"]:
            return
        if response.status_code != 200 or time.monotonic() > end:
            raise SetupError(
                f"The prefix cache of {target.url} cannot be emptied (status {response.status_code}), so the second "
                "side would find the first one's prompts there: start vLLM with VLLM_SERVER_DEV_MODE=1, or unset "
                "LIMNER_MODEL_URL."
            )
        time.sleep(0.5)  # the last requests still hold their blocks


def _first_of_sample(file: Path, users: int) -> Path:
    """The sample's first users, written to `file`."""
    chosen: set[str] = set()
    with SAMPLE.open("rb") as lines, file.open("wb") as kept:
        for line in lines:
            user = json.loads(line)["user_id"]
            if user in chosen or len(chosen) < users:
                chosen.add(user)
                kept.write(line)
    return file


def _users(file: Path) -> int:
    return len({json.loads(line)["user_id"] for line in file.read_bytes().splitlines()})


# --- an update ---


class Update(NamedTuple):
    """What one new event costs after a history of so many; times are of the processor."""

    events: int
    history: str
    """"messy", as histories get, or "talk", of texts alone of which no two are alike."""
    first: float
    """Seconds of the run that read the history whole."""
    update: float
    """Seconds of the run after one more event."""
    calls: int
    tokens: int
    """Asked of the model in that run."""
    peak_megabytes: float


@dataclass(frozen=True)
class _Update:
    folder: Path
    events: int
    history: str

    def __call__(self, told: Told) -> Update:
        wiring = Wiring({})
        rows = {"messy": synthetic.messy, "talk": synthetic.talk}[self.history]("u", self.events + 1)
        events = (wiring.event(row, 0) for row in rows)  # not held: memory is measured
        with closing(Database(f"sqlite:///{self.folder / f'{self.history}-{self.events}.db'}")) as database:
            parts = _parts(database, instant.NAME)
            for start in range(0, self.events, BATCH):
                parts.events.add(list(islice(events, min(BATCH, self.events - start))))
                told(start, self.events)
            first = asyncio.run(self._run(parts, told))
            parts.events.add(list(events))
            second = asyncio.run(self._run(parts, told))
            spent = parts.runs.summary(None).tokens
        return Update(
            self.events,
            self.history,
            first.cost.processor,
            second.cost.processor,
            second.calls,
            sum(spent.values()),
            second.cost.peak,
        )

    async def _run(self, parts: Parts, told: Told) -> _Ran:
        async with Pace(None) as pace:
            return await _profiled(parts, instant.InstantModel(), instant.InstantEmbedder(), pace, told)


def update(folder: Path, sizes: Sequence[int], *, bar: show.Bar) -> list[Update]:
    """The cost of one new event at each length of either history."""
    return [
        in_child(_Update(folder, size, history), _as(bar, f"{size:,} events, {history}", "events"))
        for history in ("messy", "talk")
        for size in sizes
    ]


# --- what they share ---


def _parts(database: Database, model: str) -> Parts:
    return Parts(
        model=model,
        taxonomy=taxonomy.load(),
        listen=library.default("listen"),
        propose=library.default("propose"),
        persona=library.default("persona"),
        events=EventStore(database),
        profiles=ProfileStore(database),
        overrides=OverrideStore(database),
        runs=RunStore(database),
        zone=ZoneInfo("UTC"),
        languages=(),
    )


def _as(bar: show.Bar, title: str, unit: str, scale: float = 1) -> Told:
    return lambda done, total: bar.at(done / scale, total / scale, title=title, extra=unit)


# --- the command ---

cli = typer.Typer(help=__doc__.splitlines()[0] if __doc__ else None, pretty_exceptions_enable=False)
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Full = Annotated[bool, typer.Option("--full", help="100,000 users and 10 million events as well: an hour, 30 GB.")]


@cli.callback(invoke_without_command=True)
def everything(context: typer.Context, full: Full = False, as_json: Json = False) -> None:
    """All three measurements, one after the other."""
    if context.invoked_subcommand is None:
        own_command(full=full, as_json=as_json)
        ingest_command(full=full, as_json=as_json)
        throughput_command(as_json=as_json)


@cli.command("own")
def own_command(
    sizes: Annotated[str, typer.Option(help="Numbers of users, separated by commas.")] = ",".join(map(str, SIZES)),
    full: Full = False,
    as_json: Json = False,
) -> None:
    """limner's own processor time and memory a user, with a model and an embedder that answer at once."""
    given = settings.read()
    with _folder() as folder, show.bar("own", "users") as bar:
        results = own(
            folder,
            ALL_SIZES if full else [int(size) for size in sizes.split(",")],
            tokenizer=supply.located(given.model, given.home),
            bar=bar,
        )
    _show(results, as_json, "limner's own processor time (ms a user, 100 events; goal 4 in process, 10 with HTTP)")


@cli.command("update")
def update_command(
    sizes: Annotated[str, typer.Option(help="Lengths of history, separated by commas.")] = "100,1000,10000,100000",
    as_json: Json = False,
) -> None:
    """What one new event costs a user: after a history as messy as they get, and after nothing but texts."""
    with _folder() as folder, show.bar("update", "events") as bar:
        results = update(folder, [int(size) for size in sizes.split(",")], bar=bar)
    _show(results, as_json, "One new event (seconds of the processor; the model answers at once)")


@cli.command("ingest")
def ingest_command(
    events: Annotated[int, typer.Option(help="Events in each file.")] = EVENTS,
    full: Full = False,
    as_json: Json = False,
) -> None:
    """Events taken in per second, and the memory that takes."""
    with _folder() as folder, show.bar("ingest", "events") as bar:
        results = ingest(folder, ALL_EVENTS if full else events, bar=bar)
    _show(results, as_json, "Ingest")


@cli.command("throughput")
def throughput_command(
    users: Annotated[int, typer.Option(help="From the sample, and synthetic ones beyond it.")] = USERS,
    rounds: Annotated[int, typer.Option(help="Paired rounds.")] = ROUNDS,
    concurrency: Annotated[int | None, typer.Option(help="Requests in flight; limner's own pace if not given.")] = None,
    as_json: Json = False,
) -> None:
    """limner's batch against a bare client that sends the same requests to the same vLLM."""
    given = settings.read()
    folder = None if given.model_url else supply.located(given.model, given.home)
    os.environ.setdefault("VLLM_SERVER_DEV_MODE", "1")  # for the server that is started here: its cache can be emptied
    with (
        _folder() as scratch,
        show.bar("throughput", "users") as bar,
        server.running(
            url=given.model_url,
            model=given.model if given.model_url or folder is None else folder.name,
            folder=folder,
            home=given.home,
            python=given.vllm_python,
            key=given.model_key,
            progress=lambda stage, seconds: bar.at(seconds, title=f"model server: {stage}", extra="s"),
        ) as running,
    ):
        embedder = open_embedder(given.embedder, given.home, progress=lambda *_: None)
        target = Target(running.url, running.name, given.model_key, running.folder)
        results = throughput(target, embedder, scratch, users=users, rounds=rounds, concurrency=concurrency, bar=bar)
    ratios = [result.ratio for result in results]
    mean, low, high = statistics.mean(ratios), min(ratios), max(ratios)
    rows = [
        {"round": number, "first": result.first, "slots": result.slots, "ratio": result.ratio}
        | {f"limner_{name}": value for name, value in result.limner._asdict().items()}
        | {f"bare_{name}": value for name, value in result.bare._asdict().items()}
        for number, result in enumerate(results, 1)
    ]
    if as_json:
        show.document({"throughput": rows, "ratio": {"mean": mean, "low": low, "high": high, "n": len(ratios)}})
        return
    _show_rows(rows, "Throughput, limner ÷ bare client (tokens answered per second; goal 0.97)")
    show.out.print(f"ratio {mean:.3f} (from {low:.3f} to {high:.3f} in {len(ratios)} rounds)")


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder beside limner's home for what a measurement writes, gone at its end."""
    home = settings.read().home
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=home) as folder:
        yield Path(folder)


def _show(results: Sequence[Any], as_json: bool, title: str) -> None:
    rows = [result._asdict() for result in results]
    if as_json:
        show.document({type(results[0]).__name__.lower(): rows})
    else:
        _show_rows(rows, title)


def _show_rows(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """A column for each measurement."""
    show.out.print(f"\n[b]{title}[/b]")
    head, *names = rows[0]
    cells = ((name.replace("_", " "), *(_word(row[name]) for row in rows)) for name in names)
    show.table((head, *(_word(row[head]) for row in rows)), cells)


def _word(cell: object) -> str:
    match cell:
        case float():
            return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
        case int():
            return f"{cell:,}"
    return str(cell)


def main() -> None:
    """The entry point; foreseen errors become a plain sentence and an exit code."""
    try:
        cli()
    except LimnerError as error:
        show.failure(str(error))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
