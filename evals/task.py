"""What an evaluation is made of: samples of a data set, systems that answer them, scorers that judge the answers.

A task is plain data that names its parts (`evals/tasks.py` lists them all). A data set gives its samples, or says in
one sentence why it cannot; a system turns samples into outputs, one `finish` a sample; a scorer is a pure function of a
sample and an output, so that a run can be scored again without asking anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from evals.runs import MetricKind, Output
from limner.app import App, Stage
from limner.domain import History
from limner.errors import InputError
from prompts.taxonomy import Taxonomy

DATA = Path(__file__).parents[2] / "shared" / "data"
"""Where data sets lie that are not part of limner: beside its folder."""


@dataclass(frozen=True)
class Sample:
    """One case."""

    id: str
    given: History | Mapping[str, Any]
    """All that a system may see: a user's history, or whatever the data set is about, as JSON."""
    reference: Any = None
    """What is right, as JSON."""
    cluster: str = ""
    """User or conversation it belongs to; the sample itself where empty."""
    groups: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    """Event id to the keys of what its item attributes name; for scorers, and not kept with the output."""

    @property
    def history(self) -> History:
        assert isinstance(self.given, History), f"{self.id} has no history"
        return self.given

    @cached_property
    def digest(self) -> str:
        """16 hex digits of what is given."""
        given = self.given.model_dump(mode="json") if isinstance(self.given, History) else self.given
        return hashlib.blake2b(orjson.dumps(given, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Where samples come from; `<name>.md` beside its loader is its card."""

    name: str
    files: tuple[Path, ...]
    """All that it is read from, gzipped (`.gz` added) or not."""
    read: Callable[[Sequence[Path], Taxonomy], Sequence[Sample]]
    """Its samples from these files, as they lie; keys of a reference follow the taxonomy."""
    whole: bool = field(default=True, kw_only=True)
    """Whether a limit draws whole clusters; samples by themselves where clusters are few and large."""

    @property
    def absent(self) -> str:
        """Why it cannot be read; empty where it can."""
        missing = [path for path in self.files if found(path) is None]
        return f"{missing[0]} is not there: this data set is not part of limner." if missing else ""

    def samples(self, taxonomy: Taxonomy, *, limit: int | None = None, seed: int = 0) -> list[Sample]:
        """All samples, or so many clusters or samples, drawn by hash, the same for everybody with the same seed.

        Raises:
            InputError: the data are not here.
        """
        every = self.read(self._found(), taxonomy)
        if limit is None:
            return list(every)
        chosen = set(sorted(set(map(self._unit, every)), key=lambda one: _drawn(one, seed))[:limit])
        return [sample for sample in every if self._unit(sample) in chosen]

    def _unit(self, sample: Sample) -> str:
        return sample.cluster if self.whole and sample.cluster else sample.id

    @cached_property
    def digest(self) -> str:
        """16 hex digits of the content of its files."""
        whole = hashlib.blake2b(digest_size=8)
        for path in self._found():
            whole.update(path.read_bytes())
        return whole.hexdigest()

    def _found(self) -> list[Path]:
        if self.absent:
            raise InputError(f"{self.absent} `limner eval list` shows the tasks whose data is here.")
        return [path for path in map(found, self.files) if path is not None]


def found(path: Path) -> Path | None:
    """A file as it lies, plain or gzipped."""
    return next((file for file in (path, path.with_name(f"{path.name}.gz")) if file.is_file()), None)


def _drawn(name: str, seed: int) -> bytes:
    return hashlib.blake2b(name.encode(), salt=seed.to_bytes(8, "big")).digest()


class Tally(NamedTuple):
    """A score of several cases in one sample."""

    hits: float
    of: float


Points = tuple[tuple[float, float], ...]
"""(probability, 1 or 0) of claims, for a metric that only all of them together have."""
Said = Tally | Points | float | None


class Scorer(NamedTuple):
    """A metric of a task."""

    score: Callable[[Sample, Output], Said]
    """None leaves the sample out of the metric."""
    kind: MetricKind = MetricKind()


def tokens(sample: Sample, output: Output) -> float:
    """Tokens of the model for a sample, asked and answered."""
    return float(sum(output.tokens.values()))


class Cost(NamedTuple):
    """What the answers to a sample cost."""

    tokens_in: int = 0
    tokens_out: int = 0
    kept: tuple[int, int, int] = (0, 0, 0)
    """Answers that an earlier run had got, and their tokens in and out, which are part of the tokens above."""


class Finish(Protocol):
    """Keeps what became of a sample."""

    def __call__(self, sample: Sample, output: Any, *, cost: Cost = Cost(), error: str | None = None) -> None: ...  # noqa: B008


class Bench(NamedTuple):
    """What a system works with."""

    app: App
    """Over an empty store of the run's own, or the one that the run left behind when it was stopped."""
    finish: Finish
    told: Stage
    """Told of a stage before the samples are begun."""
    samples: Sequence[Sample]
    """All of the run, the finished ones too."""
    left: Sequence[Sample]
    """Those to be answered now."""
    concurrency: int | None
    """Samples at once; None follows the server."""


class System(NamedTuple):
    """Something that answers the samples of a task."""

    solve: Callable[[Bench], str]
    """Answers all that is left; why it stopped before, or ""."""
    prompts: tuple[str, ...] | None = ()
    """Names of the prompts it asks a model with; empty where no model is asked, None for those that a run asks with."""


class Task(NamedTuple):
    name: str
    version: int
    """Goes up when old scores no longer compare."""
    about: str
    """What its numbers say, in one line."""
    dataset: Dataset
    systems: Mapping[str, System]
    """The first is limner as it is meant."""
    scorers: Mapping[str, Scorer]

    def say(self, sample: Sample, output: Output) -> dict[str, Said]:
        """Every scorer's word on an output."""
        return {name: scorer.score(sample, output) for name, scorer in self.scorers.items()}
