"""The batch job: every user whose history changed, through the pipeline, as many at once as the server keeps up with.

A user is one unit: read, count, propose, verify, word, store. A unit ends in one transaction, so that a crash at any
moment repeats at most the units in flight, and even those take the answers they already had from the ledger. Answers
and profiles that come in one turn of the event loop are stored together: most of what storing costs is its end. What
goes wrong with one user is a dead letter and the batch goes on; when the model server is gone, the run stops and the
users in flight stay to be done.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import orjson

from agents import (
    arrange,
    attribute,
    behaviour,
    calibrate,
    census,
    clean,
    correct,
    digest,
    facts,
    listen,
    measures,
    merge,
    persona,
    propose,
    redact,
    signals,
    verify,
)
from agents.embedder import Embedder
from agents.model import Model
from agents.pace import Pace
from agents.population import NOBODY, Population
from agents.remember import Remembering
from agents.texts import LEAST, Texts
from limner.domain import Fit, History, Language, ModelCall, Outcome, Override, Persona, Tag
from limner.errors import LimnerError, ServerDied, StoreError, Unreachable
from prompts import library
from prompts.taxonomy import Taxonomy
from store.events import EventStore
from store.overrides import OverrideStore
from store.profiles import Draft, ProfileStore
from store.runs import RunStore

STEPS = {
    step.__name__: step.VERSION
    for step in (
        clean,
        redact,
        signals,
        measures,
        listen,
        behaviour,
        digest,
        propose,
        attribute,
        verify,
        calibrate,
        merge,
        correct,
        persona,
        census,
    )
}
"""A step's version goes up when it gives other results for the same history; then every user is done again."""

PAGE = 500
"""Unchanged users written to the run at a time."""
READ_AHEAD = 2
"""Users read and counted while all slots of the model are taken, so that it never waits for us."""
COLLECTED = 1_000_000
"""Objects made, more than let go of, between two looks for garbage."""
MOST_LABELS = 50_000
"""Labels known to have a vector that are kept in mind; beyond that the store is asked again."""
LEAST_POPULATION = 1000
"""Events that a population must have before a user is compared with it."""


class Parts(NamedTuple):
    """What a run is made with, besides the model and the embedder."""

    model: str
    """Name of the model, with the digest of its files where they are here."""
    taxonomy: Taxonomy
    listen: library.Prompt
    propose: library.Prompt | None
    """None where code alone names tags."""
    persona: library.Prompt | None
    """None where code words the personas."""
    events: EventStore
    profiles: ProfileStore
    overrides: OverrideStore
    runs: RunStore
    zone: tzinfo
    """In which hours and weekdays are read."""
    languages: tuple[Language, ...]
    """Of the personas; empty means the one the user writes in."""
    fit: Fit = calibrate.DEFAULT
    """How far counting is trusted."""
    population: Population = NOBODY
    """Whom users are compared with. It decides no more than whether the changed ones are in a quarter of it: when it
    moves, nobody is changed by that."""

    def config(self) -> dict[str, object]:
        """All that decides a profile besides the history and the population."""
        return {
            "steps": STEPS,
            "prompts": self.prompts(),
            "model": self.model,
            "taxonomy": self.taxonomy.proving,
            "zone": str(self.zone),
            "languages": self.languages,
            "calibration": self.fit.model_dump(),
        }

    def prompts(self) -> dict[str, str]:
        """Digests of what is asked with, by id."""
        asked = (self.listen, self.propose, self.persona)
        return {prompt.id: prompt.digest for prompt in asked if prompt is not None}

    def config_digest(self) -> str:
        """16 hex digits; a profile made under another one is made again."""
        return digest_of(self.config())


def digest_of(config: Mapping[str, object]) -> str:
    return hashlib.blake2b(orjson.dumps(config, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


class Progress(NamedTuple):
    """How far a run is."""

    done: int
    unchanged: int
    failed: int
    tokens_in: int
    tokens_out: int
    in_flight: int


class Reading(NamedTuple):
    """What counting makes of one history, before the model names tags."""

    cleaned: clean.Cleaned
    signals: signals.Signals
    habits: list[behaviour.Behaviour]
    lang: Language
    heard: Sequence[listen.Heard]
    texts: Texts


def read(
    cleaned: clean.Cleaned, parts: Parts, heard: Sequence[listen.Heard] = (), texts: Texts | None = None
) -> Reading:
    """A cleaned history counted, with what was heard in it.

    Args:
        texts: What is known of the user's texts.
    """
    texts = texts or Texts()
    counted = listen.told(signals.signals(cleaned.history, parts.taxonomy, texts), heard)
    habits = behaviour.behaviours(counted, parts.zone, parts.population)
    return Reading(cleaned, counted, habits, digest.language(cleaned.history.events), heard, texts)


def told(reading: Reading, taxonomy: Taxonomy, count_tokens: Callable[[str], int]) -> str:
    """What is read of a history in few words, for a model to name tags by."""
    return digest.digest(reading.signals, reading.habits, taxonomy, lang=reading.lang, count_tokens=count_tokens)


class _Job(NamedTuple):
    """Something to be written, and who is told what that returned or raised."""

    write: Callable[[], Any]
    tell: Callable[[Any], None]


class Batch:
    """One run over many users.

    Args:
        run: Id of the run in the store; its users are written there as they are settled.
        budget_tokens: The run stops before a unit that would begin with more than this many tokens spent.
    """

    def __init__(
        self,
        parts: Parts,
        run: str,
        *,
        model: Model,
        embedder: Embedder,
        pace: Pace,
        budget_tokens: int | None = None,
        report: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._parts = parts
        self._model = Remembering(model, pace, parts.runs.answer)
        self._embedder = embedder
        self._run = run
        self._pace = pace
        self._budget = budget_tokens
        self._report = report
        self._config = parts.config_digest()
        self._baseline = baseline(parts.events, parts.taxonomy, parts.population)
        self._embedded: set[str] = set()
        self._units: set[asyncio.Task[None]] = set()
        self._waiting: list[_Job] = []
        self._done = self._unchanged = self._failed = self._tokens_in = self._tokens_out = 0
        self.halted = ""
        """Why the run stopped before its end; empty while it goes on."""

    def stop(self, reason: str) -> None:
        """No further unit begins; those in flight are finished."""
        self.halted = self.halted or reason

    async def over(self, work: Iterable[tuple[str, bool]]) -> None:
        """Settle every user of `work` (id, whether anything changed), or stop early with `halted` saying why."""
        with _rare_collections():
            await self._settle(work)

    async def _settle(self, work: Iterable[tuple[str, bool]]) -> None:
        unchanged: list[str] = []
        try:
            for user_id, changed in work:
                if not changed:
                    unchanged.append(user_id)
                    if len(unchanged) == PAGE:
                        self._settle_unchanged(unchanged)
                    continue
                while len(self._units) >= self._pace.limit + READ_AHEAD and not self.halted:
                    await asyncio.wait(self._units, return_when=asyncio.FIRST_COMPLETED)
                if self._budget is not None and self._tokens_in + self._tokens_out >= self._budget:
                    self.stop(f"the budget of {self._budget:,} tokens is spent")
                if self.halted:
                    break
                unit = asyncio.create_task(self._unit(user_id))
                self._units.add(unit)
                unit.add_done_callback(self._units.discard)
            self._settle_unchanged(unchanged)
        finally:
            await asyncio.gather(*self._units)

    def _settle_unchanged(self, users: list[str]) -> None:
        self._parts.runs.unchanged(self._run, users)
        self._unchanged += len(users)
        users.clear()
        self._tell()

    async def _unit(self, user_id: str) -> None:
        began = time.monotonic()
        try:
            await self._profile(user_id, began)
        except (Unreachable, ServerDied) as error:
            self.stop(str(error))
        except LimnerError as error:
            self._fail(user_id, began, type(error).__name__, str(error))
        except Exception as error:  # noqa: BLE001 - one user's defect must not end the batch; its traceback is kept
            self._fail(user_id, began, f"Defect: {type(error).__name__}", traceback.format_exc())
        else:
            self._done += 1
        self._tell()

    def _fail(self, user_id: str, began: float, kind: str, error: str) -> None:
        seconds = time.monotonic() - began
        outcome = Outcome(user_id=user_id, state="failed", error_kind=kind, error=error, seconds=seconds)
        try:
            self._parts.runs.fail(self._run, outcome)
        except StoreError as trouble:  # not this user's: the disk is full, or the database is locked
            self.stop(str(trouble))
        else:
            self._failed += 1

    async def _profile(self, user_id: str, began: float) -> None:
        parts = self._parts
        state = parts.events.user_digest(user_id)
        cleaned = clean.clean(parts.events.history(user_id))
        texts = self._texts(user_id, cleaned.history)
        heard = await listen.listen(
            cleaned.history.events,
            user_id=user_id,
            model=self._model,
            prompt=parts.listen,
            taxonomy=parts.taxonomy,
            ledger=self._ledger,
            texts=texts,
        )
        reading = read(cleaned, parts, heard, texts)
        proposals: list[propose.Proposal] = []
        if parts.propose is not None:
            proposals = await propose.propose(
                told(reading, parts.taxonomy, self._model.count_tokens),
                reading.lang,
                user_id=user_id,
                model=self._model,
                prompt=parts.propose,
                taxonomy=parts.taxonomy,
                ledger=self._ledger,
            )
        stored = None
        while stored is None:  # a correction that came in meanwhile is heeded too
            draft = await self._draft(user_id, state, reading, proposals)
            outcome = Outcome(user_id=user_id, state="done", seconds=time.monotonic() - began)
            stored = await self._stored(draft, outcome)

    async def _draft(self, user_id: str, state: str, reading: Reading, proposals: Sequence[propose.Proposal]) -> Draft:
        """What the history shows, under the ledger as it is now."""
        parts = self._parts
        ledger = parts.overrides.ledger(user_id)
        found = correct.correct(
            self._tags(reading.signals, reading.habits, proposals, ledger.entries),
            ledger.entries,
            parts.taxonomy,
            lambda denial: self._renewed(denial, reading, proposals),
        )
        before = parts.profiles.open_tags(user_id)
        merged = merge.merge(before, found)
        kept = {tag.key for tag in found}
        gone = [tag for tag in before if tag.key not in kept]
        denied = correct.denied(gone, ledger.entries, parts.taxonomy)
        personas = await self._personas(user_id, merged.tags, reading)
        vectors = self._embed(merged.tags, personas)
        return Draft(
            user_id=user_id,
            tags=merged.tags,
            retired=(*merged.retired, *denied.items()),
            conflicts=merge.conflicts(merged.tags, parts.taxonomy),
            personas=personas,
            vectors=vectors,
            embedder=self._embedder.name,
            run=self._run,
            model=parts.model,
            prompts=parts.prompts(),
            taxonomy=f"{parts.taxonomy.version} {parts.taxonomy.digest}",
            digest=f"{state}:{self._config}",
            corrections=ledger.changes,
            tallies=tuple(census.tallies(reading.signals)),
            texts=reading.texts.kept(),
        )

    def _texts(self, user_id: str, history: History) -> Texts:
        """What is known of a user's texts; of few it is not kept."""
        if sum(1 for _ in signals.written(history.events)) < LEAST:
            return Texts()
        return Texts(self._config, self._parts.profiles.texts(user_id))

    def _tags(
        self,
        counted: signals.Signals,
        habits: Sequence[behaviour.Behaviour],
        proposals: Sequence[propose.Proposal],
        ledger: Sequence[Override] = (),
    ) -> tuple[Tag, ...]:
        """What the events show; what is denied takes nobody's place."""
        claims = attribute.attribute(counted, habits, proposals, self._parts.taxonomy)
        denied = correct.denied(claims, ledger, self._parts.taxonomy)
        claims = [claim for claim in claims if claim.key not in denied]
        return merge.tags(claims, counted, self._parts.taxonomy, self._baseline, self._parts.fit)

    def _renewed(self, denial: Override, reading: Reading, proposals: Sequence[propose.Proposal]) -> list[Tag]:
        """What the events from after a denial prove, read as if there were no others."""
        newer = self._parts.overrides.newer(denial)
        if not newer:
            return []
        events = tuple(event for event in reading.cleaned.history.events if event.event_id in newer)
        history = History.model_construct(user_id=denial.user_id, events=events)
        counted = listen.told(signals.signals(history, self._parts.taxonomy), reading.heard)
        habits = behaviour.behaviours(counted, self._parts.zone, self._parts.population)
        return [tag for tag in self._tags(counted, habits, proposals) if tag.status == "verified"]

    async def _personas(self, user_id: str, tags: Sequence[Tag], reading: Reading) -> tuple[Persona, ...]:
        parts = self._parts
        written: list[Persona] = []
        tags = [tag for tag in tags if not parts.taxonomy.is_sensitive(tag.key, tag.facet)]
        named = {one.event_id for tag in tags for one in tag.evidence}
        cited = {event.event_id: event for event in reading.signals.events if event.event_id in named}
        kinds = {event.kind for event in reading.signals.events}
        for lang in parts.languages or (reading.lang,):
            told = facts.points(tags, cited, kinds, lang, parts.taxonomy, partial(self._arranged, lang))
            if told and parts.persona is None:
                written.append(persona.fixed(told, lang))
            elif told and parts.persona is not None:
                written.append(
                    await persona.persona(
                        told,
                        user_id=user_id,
                        lang=lang,
                        model=self._model,
                        prompt=parts.persona,
                        taxonomy=parts.taxonomy,
                        ledger=self._ledger,
                    )
                )
        return tuple(written)

    def _arranged(self, lang: Language, tags: Sequence[Tag]) -> list[list[int]]:
        """Which of the stated likes share a sentence; a handful share one whatever they are."""
        if len(tags) <= arrange.A_SENTENCE:
            return arrange.in_order(len(tags))
        labels = [getattr(tag.label, lang) for tag in tags]
        self._embed_labels(labels)
        vectors = self._parts.profiles.label_vectors(self._embedder.name, labels)
        return arrange.by_likeness(np.array([np.frombuffer(vectors[label], np.float32) for label in labels]))

    def _embed(self, tags: Sequence[Tag], personas: Sequence[Persona]) -> dict[str, bytes]:
        """Vectors of the personas by language; those of labels not seen before go to the store on the way."""
        self._embed_labels([text for tag in tags if tag.status != "candidate" for text in (tag.label.en, tag.label.zh)])
        if not personas:
            return {}
        vectors = self._embedder.embed([text.text for text in personas])
        return {text.language: _bytes(vector) for text, vector in zip(personas, vectors, strict=True)}

    def _embed_labels(self, texts: Sequence[str]) -> None:
        embedder, profiles = self._embedder, self._parts.profiles
        labels = set(texts)
        fresh = sorted(labels - self._embedded)
        if fresh:
            fresh = sorted(set(fresh) - profiles.label_vectors(embedder.name, fresh).keys())
            if fresh:
                vectors = embedder.embed(fresh)
                profiles.save_label_vectors(embedder.name, dict(zip(fresh, map(_bytes, vectors), strict=True)))
            if len(self._embedded) > MOST_LABELS:
                self._embedded.clear()
            self._embedded |= labels

    def _ledger(self, call: ModelCall) -> None:
        self._tokens_in += call.tokens_in
        self._tokens_out += call.tokens_out
        self._soon(partial(self._parts.runs.record, self._run, call), self._entered)

    async def _stored(self, draft: Draft, outcome: Outcome) -> int | None:
        """The revision under which a draft is stored; None where it has to be made again."""
        stored: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        def tell(result: int | Exception | None) -> None:
            if stored.cancelled():
                return
            if isinstance(result, Exception):
                stored.set_exception(result)
            else:
                stored.set_result(result)

        self._soon(partial(self._parts.profiles.save, draft, outcome), tell)
        return await stored

    def _soon(self, write: Callable[[], Any], tell: Callable[[Any], None]) -> None:
        """Have something written at the end of this turn of the loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        self._waiting.append(_Job(write, tell))

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        for job, result in zip(waiting, self._parts.runs.at_once([job.write for job in waiting]), strict=True):
            job.tell(result)

    def _entered(self, result: Exception | None) -> None:
        """A run whose ledger cannot be written stops."""
        if result is not None:
            self.stop(str(result))

    def _tell(self) -> None:
        self._report(
            Progress(
                self._done,
                self._unchanged,
                self._failed,
                self._tokens_in,
                self._tokens_out,
                max(0, len(self._units) - 1),
            )
        )


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Looks for cycles of garbage once in some hundred users: histories form none, and looking costs a third."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECTED, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _bytes(vector: np.ndarray) -> bytes:
    return vector.astype(np.float32).tobytes()


def baseline(events: EventStore, taxonomy: Taxonomy, population: Population) -> dict[str, float]:
    """Share of all events that carry a key, by the attributes of their items or by the users' own words; empty while
    the population is too small to compare anybody with."""
    counts = events.baseline()
    total = counts.get(("", ""), 0)
    if total < LEAST_POPULATION:
        return {}
    shares = dict(population.mentions)
    for (name, value), carrying in counts.items():
        if (named := taxonomy.named(name, value)) is not None:
            shares[named.key] = shares.get(named.key, 0.0) + carrying / total
    return shares
