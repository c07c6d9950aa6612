"""What an evaluation leaves behind: a folder a run under LIMNER_HOME/evals; every number can be computed again from it.

    run.json         what was run on what: one `Header`
    samples.jsonl    what the system made of each sample: an `Output` a line, in the order they finished
    scores.jsonl     what each scorer says of each output: a `Score` a line

Lines of samples.jsonl are only ever added. A process that is killed leaves at most one torn line, the last: readers
pass over it, and whoever goes on with the run cuts it off. Scores follow from samples and data set alone, so their file
is written as a whole, and again by whoever scores the run anew.

    runs = Runs(home)
    for header in runs.every(): …                  newest first
    run = runs.open("20261122-061500-3f2a91c4")
    run.header, run.outputs(), run.scores()
"""

from __future__ import annotations

import difflib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock, Timeout
from pydantic import ValidationError

from limner.domain import Value
from limner.errors import BusyError, InputError, StoreError

State = Literal["running", "done", "stopped"]
Better = Literal["higher", "lower"]
ValueT = TypeVar("ValueT", bound=Value)


class MetricKind(Value):
    """How the scores of a metric become one number."""

    measure: str = "ratio"
    """`ratio` is sum of hits ÷ sum of `of`; any other is one of `evals.scorers.MEASURES`, taken over all points."""
    better: Better | None = "higher"
    """None where neither is better, as for a count that only describes."""
    unit: str = ""
    """Empty for shares; `tokens`, `seconds` …"""
    judge: str = ""
    """Of what a model judged: how the metrics of its card begin."""

    @property
    def digits(self) -> int:
        """Decimals that are shown."""
        return 1 if self.unit in ("tokens", "a sample") else 3


class Header(Value):
    """What was run, on what, with what; enough to run it again."""

    run: str
    """Later runs sort later."""
    task: str
    task_version: int
    """Scores of two versions do not compare."""
    system: str
    """What answered: limner, plain, counts, …"""
    dataset: str
    dataset_digest: str
    """16 hex digits of all its files; outputs of two runs may be paired where it is the same."""
    samples: int = 0
    """Samples the run is over, finished or not."""
    model: str | None
    """With the digest of its files where they are here; None where no model is asked."""
    prompts: Mapping[str, str]
    """Prompt id to digest."""
    taxonomy: str
    """Version and digest."""
    limner: str
    """Version of limner."""
    seed: int
    """Decides which samples are drawn where the run is limited."""
    settings: Mapping[str, Any]
    """Whatever else decides an output: limit, embedder, time zone, versions of the steps …"""
    metrics: Mapping[str, MetricKind]
    """Of the task, in the order to be shown."""
    started_at: datetime
    finished_at: datetime | None = None
    seconds: float = 0
    """Of work, all sittings together."""
    state: State = "running"
    note: str = ""
    """Why it stopped, and how to go on."""


class Output(Value):
    """What a system made of one sample."""

    sample: str
    """Id, unique within the data set."""
    cluster: str
    """User or conversation: what intervals are resampled by."""
    groups: Mapping[str, str] = {}
    """Name of a grouping to the group the sample is in: gender, language, …"""
    input: str
    """16 hex digits of what the system was given."""
    output: Any
    """As JSON; null where it failed."""
    reference: Any = None
    """What is right, as JSON; null where the scorer finds it in the data set by the sample's id."""
    tokens: Mapping[Literal["in", "out"], int] = {"in": 0, "out": 0}
    """What its answers cost when they were given."""
    kept: Mapping[Literal["answers", "in", "out"], int] = {}
    """Answers that an earlier run had got already, and how many of the tokens were theirs: these cost nothing now."""
    seconds: float = 0
    error: str | None = None
    """Why it failed; it has no scores then, and is tried again when the run is resumed."""


class Score(Value):
    """What one scorer says of one output; a sample that a metric says nothing about has no line for it."""

    sample: str
    cluster: str
    metric: str
    hits: float = 0
    of: float = 0
    """The score is hits ÷ of, and 1 for a plain score; a mean over samples is sum of hits ÷ sum of `of`."""
    points: tuple[tuple[float, float], ...] = ()
    """(probability, 1 or 0 for how it came out), for a metric that only all points together have."""


class Run:
    """One folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._samples = folder / "samples.jsonl"
        self._scores = folder / "scores.jsonl"

    @property
    def header(self) -> Header:
        try:
            return Header.model_validate_json((self.folder / "run.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise StoreError(f"{self.folder / 'run.json'} cannot be read: {error}") from error

    @header.setter
    def header(self, header: Header) -> None:
        _replace(self.folder / "run.json", header.model_dump_json(indent=1).encode())

    def outputs(self) -> dict[str, Output]:
        """By sample id, in the order in which they were first finished; of one that was tried again, the last."""
        return {one.sample: one for one in _lines(self._samples, Output)}

    def scores(self) -> list[Score]:
        return list(_lines(self._scores, Score))

    def score(self, scores: Iterable[Score]) -> None:
        """Puts these scores in the place of all earlier ones."""
        _replace(self._scores, b"".join(_line(one) for one in scores))

    def add(self, output: Output) -> None:
        """Adds one output; when it returns, a killed process does not lose it."""
        try:
            with self._samples.open("ab", buffering=0) as file:
                file.write(_line(output))
        except OSError as error:
            raise StoreError(f"{self._samples} cannot be written ({error.strerror}).") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the run against other processes, after cutting off a torn line.

        Raises:
            BusyError: another process is at work on it.
        """
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise BusyError(f"Another process is at work on run {self.folder.name}: wait until it has ended.") from None
        try:
            _cut(self._samples)
            yield
        finally:
            lock.release()


class Runs:
    """All runs of a home.

    Args:
        home: limner's own folder; runs lie in `evals` under it.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / "evals"

    @classmethod
    def beside(cls, run: Run) -> Runs:
        """The runs of the home that a run lies in."""
        return cls(run.folder.parents[1])

    def start(self, header: Header) -> Run:
        """A new folder, with the header in it."""
        run = Run(self.folder / header.run)
        try:
            run.folder.mkdir(parents=True)
        except OSError as error:
            raise StoreError(
                f"{run.folder} cannot be made ({error.strerror}): set LIMNER_HOME to a folder limner may write."
            ) from error
        run.header = header
        return run

    def open(self, run: str | None = None) -> Run:
        """The run of that id, or the only one whose id begins so; the newest where none is named.

        Raises:
            InputError: there is none.
        """
        if run is None:
            if newest := next(iter(self.every()), None):
                return Run(self.folder / newest.run)
            raise InputError("There was no evaluation run yet: `limner eval run TASK` begins one.")
        names = [path.parent.name for path in self.folder.glob("*/run.json")]
        meant = [name for name in names if name == run] or [name for name in names if name.startswith(run)]
        if len(meant) != 1:
            close = difflib.get_close_matches(run, names, 1)
            hint = f" Did you mean {close[0]}?" if close else " `limner eval list` shows those there are."
            several = f"{len(meant)} evaluation runs begin with" if meant else "There is no evaluation run"
            raise InputError(f"{several} {run}.{hint}")
        return Run(self.folder / meant[0])

    def every(self) -> list[Header]:
        """The headers, newest first."""
        headers = (Run(path.parent).header for path in self.folder.glob("*/run.json"))
        return sorted(headers, key=attrgetter("started_at", "run"), reverse=True)


def new_id(now: datetime | None = None) -> str:
    """An id for a run that begins now."""
    return f"{now or datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def _line(value: Value) -> bytes:
    return value.model_dump_json().encode("utf-8", "replace") + b"\n"


def _lines(path: Path, kind: type[ValueT]) -> Iterator[ValueT]:
    """The values of a file; a last line without its end is not there yet.

    Raises:
        StoreError: a line is not what it should be.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n"):
                try:
                    yield kind.model_validate_json(line)
                except ValidationError as error:
                    raise StoreError(f"{path}:{number} is not a line of this file: {error}") from error


def _cut(path: Path) -> None:
    """Takes off what stands after the last end of a line."""
    if path.exists():
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)


def _replace(path: Path, content: bytes) -> None:
    """Writes a file so that it is the old one or the new one, never a part."""
    fresh = path.with_suffix(path.suffix + ".new")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}).") from error
