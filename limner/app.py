"""Limner's parts joined: what each command does, from arguments to a value, with nothing printed.

Parts are opened when first needed: showing a profile needs no model, and a run whose users are all unchanged starts
no server.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cached_property, partial
from operator import attrgetter
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from agents import backtest, batch, calibrate, clean, correct, listen, population, propose, server, supply, synonyms
from agents.corrections import Corrections
from agents.embedder import Embedder, EndpointEmbedder, open_embedder
from agents.feedback import judgements
from agents.ingest import Ingested, ingest
from agents.model import BATCH, Finding, Judge, VllmModel, check
from agents.pace import MOST, Pace
from agents.recency import GROUP, recency
from agents.terms import Embeds, Vocabulary
from limner.domain import Event, Evidence, Judgement, Language, Outcome, Profile, RunSummary, Synonym, TagVersion
from limner.errors import LimnerError, ProfileNotFound, SetupError, StoreError, TagNotFound, TagPinned
from limner.settings import Settings
from prompts import library, taxonomy
from store.calibrations import CalibrationStore
from store.database import Database
from store.events import EventStore
from store.feedback import FeedbackStore
from store.overrides import OverrideStore
from store.population import PopulationStore
from store.profiles import ProfileStore, Said
from store.runs import RunStore
from store.synonyms import SynonymStore
from store.vectors import VectorIndex

Stage = Callable[[str, int, int, str], None]
"""Told of a stage, what is done of it, its total (0 where unknown) and their unit."""

BACKTESTED = 400
"""Users whose histories the probabilities are fitted on, at most."""
LEAST_POPULATION = 15
"""Twice as many users, and a run fits the probabilities by itself."""
SAMPLED = 40
"""Users whose prompts a dry run renders and counts."""
GUESSED_ANSWER = 180
"""Tokens of one answer, before the ledger knows better."""
EMBEDDED = 256
"""Texts embedded between two transactions."""
FACTS = 250
"""Tokens of the facts in a persona prompt, which are known only after the first call."""


class Price(NamedTuple):
    """What a run is expected to cost."""

    users: int
    """That would be profiled."""
    unchanged: int
    calls: int
    tokens_in: int
    tokens_out: int
    seconds: float | None
    """By the rate of the runs so far; None before the first."""


class Migrated(NamedTuple):
    """What followed the taxonomy to other keys."""

    renamed: dict[str, str]
    """Key of a tag to what it is called now."""
    users: int
    """Whose tags were put under other keys."""
    recounted: int
    """Of them, those in whom two tags became one: the next run counts them again."""


class App:
    """Everything limner does, over one set of settings."""

    def __init__(self, settings: Settings, front: Callable[[VllmModel], Judge] = lambda model: model) -> None:
        """Args:
        front: What a run asks in place of the model itself, such as one that remembers answers.
        """
        self.settings = settings
        self.front = front
        self._open = ExitStack()
        self._embedder: Embedder | None = None

    def close(self) -> None:
        self._open.close()

    @cached_property
    def database(self) -> Database:
        if self.settings.database_url is None:
            self._make_home()
        database = Database(self.settings.database)
        self._open.callback(database.close)
        return database

    @cached_property
    def events(self) -> EventStore:
        return EventStore(self.database)

    @cached_property
    def profiles(self) -> ProfileStore:
        return ProfileStore(self.database)

    @cached_property
    def overrides(self) -> OverrideStore:
        return OverrideStore(self.database)

    @cached_property
    def corrections(self) -> Corrections:
        return Corrections(self.overrides, self.profiles, self.taxonomy)

    @cached_property
    def feedback(self) -> FeedbackStore:
        return FeedbackStore(self.database)

    @cached_property
    def people(self) -> PopulationStore:
        return PopulationStore(self.database)

    @cached_property
    def runs(self) -> RunStore:
        return RunStore(self.database)

    @cached_property
    def calibrations(self) -> CalibrationStore:
        return CalibrationStore(self.database)

    @cached_property
    def index(self) -> VectorIndex:
        return VectorIndex(self.settings.home, self.database, self.settings.chroma_url)

    @cached_property
    def merges(self) -> SynonymStore:
        return SynonymStore(self.database)

    @cached_property
    def taxonomy(self) -> taxonomy.Taxonomy:
        """The taxonomy of the settings, reading merged keys as what they name."""
        known = taxonomy.load(self.settings.taxonomy)
        return known.merging(synonyms.merged(self.merges.every(), known))

    @cached_property
    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.settings.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SetupError(
                f"LIMNER_TIMEZONE is {self.settings.timezone!r}, which is no time zone; give one such as Asia/Shanghai."
            ) from error

    def _make_home(self) -> None:
        try:
            self.settings.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.settings.home} cannot be made ({error.strerror}): set LIMNER_HOME to a folder limner may write."
            ) from error

    def embedder(self, told: Stage) -> Embedder:
        if self._embedder is None:
            self._embedder = open_embedder(self.settings.embedder, self.settings.home, progress=told)
            if isinstance(self._embedder, EndpointEmbedder):
                self._open.callback(self._embedder.close)
        return self._embedder

    def pull(self, name: str | None, told: Stage) -> supply.PulledModel:
        """The named model, fetched and made ready; the one of the settings where none is named."""
        self._make_home()
        return supply.pull(
            name or self.settings.model,
            self.settings.home,
            python=server.vllm_python(self.settings.vllm_python),
            progress=told,
            precision=server.precision(),
        )

    @contextmanager
    def model(self, told: Stage, priority: int = 0, *, lazily: bool = False) -> Iterator[VllmModel]:
        """The model of the settings, its server started where limner owns it, stopped when nobody uses it any more.

        Args:
            lazily: It is looked for, or started, by the first call.
        """
        settings = self.settings
        folder = None if settings.model_url else self.model_folder(told)
        with server.running(
            url=settings.model_url,
            model=self.model_name,
            folder=folder,
            home=settings.home,
            python=settings.vllm_python,
            key=settings.model_key,
            lazily=lazily,
            progress=lambda stage, seconds: told(stage, round(seconds), 0, "s"),
        ) as running:
            yield VllmModel(
                running.url,
                running.name,
                settings.model_key,
                tokenizer=folder,
                revive=running.revive if running.owned else None,
                begin=running.begin,
                priority=priority,
            )

    @property
    def _own_folder(self) -> Path | None:
        """Of the model that limner serves itself; None where that is somebody else's, or it is not here."""
        return None if self.settings.model_url else supply.located(self.settings.model, self.settings.home)

    def model_folder(self, told: Stage) -> Path:
        return supply.located(self.settings.model, self.settings.home) or self.pull(None, told).folder

    def ingest(
        self, paths: Sequence[Path], mapping: Mapping[str, str], told: Callable[[int, int, int], None]
    ) -> Ingested:
        """Events of the files, stored; see `agents.ingest.ingest`."""
        with self.database.exclusive("ingest"):
            rejects = self.settings.home / "rejects"
            return ingest(paths, self.events, mapping=mapping, rejects=rejects, progress=told)

    def price(self, *, users: Sequence[str] | None, limit: int | None, told: Stage) -> Price:
        """What a run would cost: prompts of a sample of the changed users rendered and counted, answers as before."""
        parts = self.parts(())._replace(population=self._population())
        sample: list[str] = []
        unchanged = total = 0
        for user_id, changed in self.runs.work(parts.config_digest(), users=users, limit=limit):
            unchanged += not changed
            total += changed
            if changed and len(sample) < SAMPLED:
                sample.append(user_id)
        asked, calls = 0.0, float((parts.propose is not None) + (parts.persona is not None))
        if sample:
            with self._counting(told) as count_tokens:
                for user_id in sample:
                    cleaned = clean.clean(self.events.history(user_id))
                    said = listen.lines(cleaned.history.events, self.taxonomy)
                    unclear = listen.unclear(said, self.taxonomy)
                    chats = [listen.chat(chunk, parts.listen) for chunk in listen.chunks(unclear)]
                    calls += len(chats) / len(sample)
                    if parts.propose is not None:
                        reading = batch.read(cleaned, parts)
                        digest = batch.told(reading, self.taxonomy, count_tokens)
                        chats.append(propose.chat(digest, reading.lang, parts.propose, self.taxonomy))
                    asked += sum(count_tokens(message.content) for chat in chats for message in chat) / len(sample)
                if parts.persona is not None:
                    asked += count_tokens(parts.persona.system) + FACTS
        answer, rate = self.runs.rates(parts.model)
        tokens_out = calls * total * (answer or GUESSED_ANSWER)
        return Price(
            users=total,
            unchanged=unchanged,
            calls=round(calls * total),
            tokens_in=round(asked * total),
            tokens_out=round(tokens_out),
            seconds=tokens_out / rate if rate else None,
        )

    @contextmanager
    def _counting(self, told: Stage) -> Iterator[Callable[[str], int]]:
        """The model's token counter; without a server where its tokenizer is here."""
        if (folder := self._own_folder) is not None:
            yield VllmModel("http://127.0.0.1:9/v1", self.model_name, tokenizer=folder).count_tokens
        else:
            with self.model(told) as model:
                try:
                    yield model.count_tokens
                finally:
                    asyncio.run(model.aclose())

    def run(
        self,
        *,
        users: Sequence[str] | None = None,
        limit: int | None = None,
        resume: bool = False,
        retry_failed: bool = False,
        budget_tokens: int | None = None,
        concurrency: int | None = None,
        languages: tuple[Language, ...] = (),
        told: Stage,
        report: Callable[[int, batch.Progress], None],
        say: Callable[[str], None] = lambda text: None,
    ) -> RunSummary:
        """Profile every user whose history or configuration changed.

        Args:
            users: Only these.
            limit: Only the first so many, by id.
            resume: Go on with the newest run that did not end.
            retry_failed: Only the dead letters of the newest run, in that run.
            report: Told of the number of users and how far the run is.
            say: Told what the user should know at once.

        Raises:
            BusyError: another run is under way on this database.
            StoreError: there is nothing to resume or to retry, or a user has no events.
        """
        with self.database.exclusive("run"):
            run = self._reopened(resume, retry_failed)
            earlier = {} if run is None else self.runs.config(run)
            if run is not None:
                languages, users, limit = tuple(earlier["languages"]), earlier["users"], earlier["limit"]
            if self.settings.model_url is None:
                self.model_folder(told)  # its digest is part of what decides a profile
            if run is None:
                self._fit_when_due(told)
            parts = self.parts(languages)
            if run is not None and earlier["digest"] != parts.config_digest():
                raise StoreError(
                    f"Run {run} was made with another model, prompt, taxonomy or version of limner. "
                    "`limner run` begins a new one; users that are done under the present one are not done again."
                )
            if run is not None:
                parts = parts._replace(population=population.recorded(earlier))
            if run is not None and retry_failed:
                users = self.runs.failed_users(run)
            elif run is None:
                measured = population.population(
                    self.events,
                    self.zone,
                    self._population(),
                    lambda done, of: told("population", done, of, "users"),
                    taxonomy=self.taxonomy,
                )
                parts = parts._replace(population=measured)
                total = self.events.counts()["users"]
                if users is not None:  # one without events is told before the run begins
                    total = sum(1 for _ in self.runs.work(parts.config_digest(), users=users))
                total = total if limit is None else min(total, limit)
                config = {**parts.config(), "digest": parts.config_digest(), "users": users, "limit": limit}
                config["population"] = measured.model_dump(mode="json")
                run = self.runs.start(config=config, users_total=total)
            settled = set() if retry_failed else set(self.runs.failed_users(run))

            def work() -> Iterator[tuple[str, bool]]:
                every = self.runs.work(parts.config_digest(), users=users, limit=limit)
                return (unit for unit in every if unit[0] not in settled)

            if resume or retry_failed:
                self.runs.resume(run)
            try:
                halted = self._settle(run, parts, work, budget_tokens, concurrency, told, report, say)
            except KeyboardInterrupt:
                self.runs.finish(run, "stopped", f"It was interrupted. {RESUME}")
                raise
            except LimnerError as error:
                self.runs.finish(run, "failed", f"{error} {RESUME}")
                raise
            except BaseException as error:
                self.runs.finish(run, "failed", f"It ended with {type(error).__name__}: {error}. {RESUME}")
                raise
            self.runs.finish(
                run, "stopped" if halted else "done", f"It stopped: {halted.rstrip('.')}. {RESUME}" if halted else ""
            )
            return self.runs.summary(run)

    def checks(self, told: Stage) -> list[backtest.Check]:
        """Claims from the earlier part of histories held against the later part, and those that people judged.

        Of a sample of users, where there are many.
        """
        shares = batch.baseline(self.events, self.taxonomy, self._population())
        users = self.events.sample(BACKTESTED)
        found: list[backtest.Check] = []
        for done, user_id in enumerate(users, 1):
            found += backtest.checks(self.events.history(user_id), self.taxonomy, shares)
            told("calibrating", done, len(users), "users")
        of_user = attrgetter("user_id")
        for user_id, said in itertools.groupby(sorted(self.feedback.judged(), key=of_user), key=of_user):
            found += backtest.judged(self.events.history(user_id), said, self.taxonomy, shares)
        return found

    def calibrate(self, told: Stage) -> list[backtest.Check]:
        """The checks on which the probabilities have been fitted anew; the next run uses the fit."""
        with self.database.exclusive("run"):
            return self._fit(told)

    def _fit(self, told: Stage) -> list[backtest.Check]:
        checked = self.checks(told)
        precision = {facet.id: facet.rule.precision for facet in self.taxonomy.facets.values() if facet.rule.precision}
        users = self.events.counts()["users"]
        self.calibrations.save(backtest.fit(checked, population=users, precision=precision))
        return checked

    def _fit_when_due(self, told: Stage) -> None:
        """Fit the probabilities when there are users enough, and again whenever they have doubled."""
        users, last = self.events.counts()["users"], self.calibrations.newest()
        if users >= 2 * (last.population if last else LEAST_POPULATION):
            self._fit(told)

    def _population(self) -> population.Population:
        """The one that the newest run recorded."""
        run = self.runs.latest()
        return population.NOBODY if run is None else population.recorded(self.runs.config(run))

    def _reopened(self, resume: bool, retry_failed: bool) -> str | None:
        """The run to go on with; None for a new one."""
        if not resume and not retry_failed:
            return None
        run = self.runs.latest() if retry_failed else self.runs.latest(("running", "stopped", "failed"))
        if run is None:
            raise StoreError("There is no run to go on with; `limner run` begins one.")
        if retry_failed and not self.runs.failed_users(run):
            raise StoreError(f"Run {run} has no failed users to try again.")
        if retry_failed and self.runs.summary(run).state != "done":
            raise StoreError(f"Run {run} has not ended: `limner run --resume` first, then --retry-failed.")
        return run

    def _settle(
        self,
        run: str,
        parts: batch.Parts,
        work: Callable[[], Iterator[tuple[str, bool]]],
        budget_tokens: int | None,
        concurrency: int | None,
        told: Stage,
        report: Callable[[int, batch.Progress], None],
        say: Callable[[str], None],
    ) -> str:
        """Every unit of work done, its vectors indexed; why it stopped early, or ""."""
        unchanged = total = 0
        for _, changed in work():
            total += 1
            unchanged += not changed
        if unchanged == total:
            for page in _pages((user_id for user_id, _ in work()), batch.PAGE):
                self.runs.unchanged(run, page)
            self._index(told, changed=False)
            return ""
        embedder = self.embedder(told)
        self._unite(embedder, told)
        parts = parts._replace(taxonomy=self.taxonomy)
        lazily = parts.propose is None and parts.persona is None  # then most histories ask nothing
        with self.model(told, BATCH, lazily=lazily) as model:
            halted = asyncio.run(
                self._batch(
                    run, parts, work(), model, embedder, budget_tokens, concurrency, lambda at: report(total, at), say
                )
            )
        self._index(told, changed=True)
        return halted

    def _unite(self, embedder: Embedder, told: Stage) -> None:
        """Names that nobody looked at yet, compared with what is known; tags follow the keys that changed."""
        self._follow(synonyms.renamed(self.taxonomy, self.merges.every()), recount=False)
        seen, known = self.merges.every(), self.taxonomy
        if names := synonyms.unknown(known, self.events.baseline(), self.profiles.open_keys(), seen):

            def embed(texts: Sequence[str]) -> NDArray[np.float32]:
                return self._embed(texts, embedder, told)

            self._follow(synonyms.decide(names, seen, known, embed, embedder.name), recount=True)

    def _embed(self, texts: Sequence[str], embedder: Embedder, told: Stage) -> NDArray[np.float32]:
        """Vectors of the texts, those that are stored already not made again."""
        kept: dict[str, bytes] = {}
        for page in _pages(iter(texts), EMBEDDED):
            kept |= self.profiles.label_vectors(embedder.name, page)
            if fresh := [text for text in page if text not in kept]:
                made = _vectors(fresh, fresh, embedder)
                self.profiles.save_label_vectors(embedder.name, made)
                kept |= made
            told("comparing names", len(kept), len(texts), "names")
        return np.array([np.frombuffer(kept[text], np.float32) for text in texts])

    def _follow(self, decided: Sequence[Synonym], *, recount: bool) -> Migrated:
        """Decisions about keys kept, after everything that is stored has followed them.

        Args:
            recount: Have the next run count everybody again whose tags changed their key.
        """
        if not decided:
            return Migrated({}, 0, 0)
        known = taxonomy.load(self.settings.taxonomy)
        after = {**self.merges.every(), **{one.key: one for one in decided}}
        merged = synonyms.merged(after, known)
        changed = {key for key, named in merged.items() if self.taxonomy.merged.get(key) != named}
        moves = synonyms.moves(self.profiles.open_keys(), merged, known) if changed else {}
        following = known.merging(merged)

        def corrected(user_id: str, said: Said) -> Said:
            return correct.rename(said, self.overrides.ledger(user_id).entries, following)

        united = [
            self.profiles.rename(user, moves, partial(corrected, user), recount=recount)
            for user in self.profiles.holders(list(moves))
        ]
        self.merges.save(decided, synonyms.moves(self.merges.corrected(), merged, known))
        self.taxonomy = following
        return Migrated({key: name.canonical for key, name in moves.items()}, len(united), sum(united))

    def _index(self, told: Stage, *, changed: bool) -> None:
        """Bring the index up to SQL where it is behind, and prove that it is.

        Raises:
            StoreError: it still does not agree with SQL.
        """
        if changed or self.index.probe():
            self.rebuild_index(told)
            if problems := self.index.probe():
                raise StoreError(f"The index was built anew and is still not right: {' '.join(problems)}")

    async def _batch(
        self,
        run: str,
        parts: batch.Parts,
        work: Iterator[tuple[str, bool]],
        model: VllmModel,
        embedder: Embedder,
        budget_tokens: int | None,
        concurrency: int | None,
        report: Callable[[batch.Progress], None],
        say: Callable[[str], None],
    ) -> str:
        most = server.batch(self.settings.home, model.url, self._own_folder) or MOST
        async with Pace(lambda: model.url, fixed=concurrency, ceiling=most) as pace:
            job = batch.Batch(
                parts,
                run,
                model=self.front(model),
                embedder=embedder,
                pace=pace,
                budget_tokens=budget_tokens,
                report=report,
            )
            loop = asyncio.get_running_loop()

            def let_go() -> None:
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.remove_signal_handler(number)

            def interrupted() -> None:
                let_go()
                job.stop("it was interrupted, and finished the users in flight")
                say("Finishing the users in flight; Ctrl-C again ends at once.")

            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, interrupted)
            try:
                await job.over(work)
            finally:
                let_go()
                await model.aclose()
            return job.halted

    def parts(self, languages: tuple[Language, ...]) -> batch.Parts:
        """What a run would be made with now.

        Args:
            languages: Of the personas; () for the one each user writes in.
        """
        return batch.Parts(
            model=self.model_id,
            taxonomy=self.taxonomy,
            listen=self.prompt("listen"),
            propose=self.prompt("propose") if self.model_names else None,
            persona=self.prompt("persona") if self.model_words else None,
            events=self.events,
            profiles=self.profiles,
            overrides=self.overrides,
            runs=self.runs,
            zone=self.zone,
            languages=languages,
            fit=self.calibrations.newest() or calibrate.DEFAULT,
        )

    def prompt(self, name: str) -> library.Prompt:
        """The version of a prompt that is asked with: that of the settings, else the one in use."""
        named = [prompt for prompt in map(library.load, self.settings.prompts) if prompt.name == name]
        return named[-1] if named else library.default(name)

    def of_a_run(self) -> list[library.Prompt]:
        """Those that a run asks with."""
        names = ("listen", *(["propose"] if self.model_names else ()), *(["persona"] if self.model_words else ()))
        return [self.prompt(name) for name in names]

    @property
    def model_words(self) -> bool:
        """Whether the model words personas, not code."""
        return (self.settings.writer or self._measured) == "model"

    @property
    def model_names(self) -> bool:
        """Whether the model names tags beside code."""
        return (self.settings.namer or self._measured) == "model"

    @property
    def _measured(self) -> Literal["code", "model"]:
        """Who does better what both can do: packaged models were measured to add nothing to code."""
        return "code" if self.model_name in supply.PACKAGED else "model"

    @property
    def model_name(self) -> str:
        """As the server serves it: the setting, or the name of the folder it points at."""
        name = self.settings.model
        return Path(name).expanduser().name if Path(name).expanduser().is_dir() else name

    @property
    def model_id(self) -> str:
        """The model's name, with the digest of its files where they are here."""
        pulled = supply.pulled(folder) if (folder := self._own_folder) is not None else None
        return f"{self.model_name}@{pulled.digest}" if pulled else self.model_name

    def vocabulary(self, told: Stage) -> Vocabulary:
        """The names of everything that the population's tags and events are about; the embedder opened when needed."""
        held = {
            named.key: (named.facet, named.label)
            for attribute, value in self.events.baseline()
            if (named := self.taxonomy.named(attribute, value)) is not None
        }
        embeds = Embeds(
            names=lambda texts: self._embed(texts, self.embedder(told), told),
            words=lambda texts: self.embedder(told).embed(texts),
            made_by=lambda: self.embedder(told).name,
        )
        return Vocabulary(self.taxonomy, held | self.people.keys(), embeds, self.people.acts())

    def status(self, run: str | None) -> tuple[RunSummary, list[Outcome]]:
        """How a run stands, the newest where none is named, and its dead letters."""
        summary = self.runs.summary(run)
        return summary, self.runs.dead_letters(summary.run)

    def profile(
        self, user_id: str, *, as_of: datetime | None = None, candidates: bool = False, lang: Language | None = None
    ) -> Profile:
        """A user's newest profile, or what was served at `as_of`, with how lately they were there by then.

        What is after the newest event of all is not known to be a silence.

        Raises:
            ProfileNotFound: the user has none, or had none then.
        """
        found = self.profiles.current(user_id, as_of=as_of, candidates=candidates, language=lang)
        newest = self.events.newest()
        return self._dated(found, min(as_of, newest) if as_of and newest else newest)

    def every(self, *, candidates: bool = False) -> Iterator[Profile]:
        """The newest profile of every user, in the order of their ids."""
        newest = self.events.newest()
        return (self._dated(found, newest) for found in self.profiles.every(candidates=candidates))

    def _dated(self, profile: Profile, asked: datetime | None) -> Profile:
        """A profile with what no run keeps: which of its tags are sensitive, and how lately the user was there."""
        tags = [
            tag.model_copy(update={"sensitive": True}) if self.taxonomy.is_sensitive(tag.key, tag.facet) else tag
            for tag in profile.tags
        ]
        seen = self.events.activity(profile.user_id, asked) if asked is not None else None
        if seen is not None and asked is not None:
            tags.append(recency(seen, asked))
        return profile.model_copy(update={"tags": tuple(tags)})

    def examples(self, profile: Profile) -> dict[str, Event]:
        """The strongest event of every tag of a profile, by id."""
        first = [tag.evidence[0].event_id for tag in profile.tags if tag.evidence]
        return self.events.some(profile.user_id, first)

    def evidence(self, user_id: str, tag: str) -> tuple[str, list[tuple[Evidence, Event]]]:
        """The key that `tag` (a key, or a label in either language) names, and the events that speak about it."""
        if tag.startswith(GROUP):  # counted when it is asked, so that no row of it is stored
            cited = [one for told in self.profile(user_id).tags if told.key == tag for one in told.evidence]
            events = self.events.some(user_id, [one.event_id for one in cited])
            return tag, [(one, events[one.event_id]) for one in cited]
        key = self._key(user_id, tag)
        return key, self.profiles.evidence(user_id, key)

    def history(self, user_id: str, tag: str) -> tuple[str, list[TagVersion]]:
        """The key that `tag` names, and what was said of it over time."""
        key = self._key(user_id, tag)
        former = [name for name, named in self.taxonomy.merged.items() if named.key == key]
        return key, self.profiles.timeline(user_id, key, former)

    def judge(self, user_id: str, tag: str, *, correct: bool, author: str, why: str) -> Judgement:
        """Whether a person found a tag right, kept with what was said of it."""
        return self.feedback.add(user_id, self._key(user_id, tag), correct=correct, author=author, why=why)

    def judge_all(self, path: Path, author: str) -> tuple[int, list[tuple[int, str]]]:
        """How many judgements of a file went in, and (line, reason) of those that did not.

        Args:
            author: Whose they are where a line names nobody.

        Raises:
            InputError: the file cannot be opened.
        """
        accepted, rejects = 0, list[tuple[int, str]]()
        for number, one in judgements(path):
            if isinstance(one, str):
                rejects.append((number, one))
                continue
            try:
                self.judge(one.user_id, one.key, correct=one.correct, author=one.author or author, why=one.why)
            except (ProfileNotFound, TagNotFound, TagPinned) as error:
                rejects.append((number, str(error)))
            else:
                accepted += 1
        return accepted, rejects

    def _key(self, user_id: str, tag: str) -> str:
        """The key of the user's tag that is meant.

        Raises:
            ProfileNotFound: the user has no profile.
            TagNotFound: they never had such a tag.
        """
        if self.profiles.digest(user_id) is None:
            raise ProfileNotFound(user_id)
        known = self.profiles.open_tags(user_id)
        for named in known:
            if tag in {named.key, named.label.zh} or tag.casefold() == named.label.en.casefold():
                return named.key
        term = self.taxonomy.resolve(tag)
        merged = self.taxonomy.merged.get(tag)
        key = term.key if term is not None else merged.key if merged is not None else tag
        if key not in {named.key for named in known}:
            self.profiles.timeline(user_id, key)
        return key

    def migrate(self, told: Stage) -> Migrated:
        """Stored tags, corrections and personas put under the keys that the taxonomy's terms have now; see `was`.

        What was made under an earlier taxonomy then counts as made under this one: no user is profiled again for it.
        No model is asked.
        """
        with self.database.exclusive("run"):
            moved = self._follow(synonyms.renamed(self.taxonomy, self.merges.every()), recount=False)
            now = self.parts(()).config()
            same = {"taxonomy": now["taxonomy"]}
            earlier = {
                digest: {name: value for name, value in config.items() if name in now}
                for digest, config in self.runs.configs().items()
            }
            self.profiles.adopt({digest: batch.digest_of(config | same) for digest, config in earlier.items()})
            if moved.users:
                self.rebuild_index(told)
            return moved

    def merge(self, key: str, into: str | None, told: Stage) -> Migrated:
        """A key made another name of a thing by the owner's word.

        Args:
            into: Key of the thing; the nearest one that limner noted where None.

        Raises:
            StoreError: there is no such key, or nothing near it.
        """
        with self.database.exclusive("run"):
            seen, known = self.merges.every(), taxonomy.load(self.settings.taxonomy)
            one = seen.get(key)
            if one is None:
                raise StoreError(f"{key} was not looked at; `limner taxonomy merges list --all` shows what was.")
            into = into or one.canonical
            if into == key or (into not in seen and into not in known.terms):
                raise StoreError(f"{key} can be merged into a key that there is; `limner taxonomy show` lists them.")
            if synonyms.followed(into, seen, known) == key:
                raise StoreError(f"{into} is merged into {key}: `limner taxonomy merges undo {into}` first.")
            merged = one.model_copy(update={"canonical": into, "how": "owner", "state": "merged", "decided_at": None})
            moved = self._follow([merged], recount=True)
            if moved.users:
                self.rebuild_index(told)
            return moved

    def unmerge(self, key: str) -> tuple[str, int]:
        """A merged key made a thing of its own again, for good; what it named, and the users to be counted again."""
        with self.database.exclusive("run"):
            thing = synonyms.followed(key, self.merges.every(), self.taxonomy)
            self.merges.undo(key)
            keys = [name for name in self.profiles.open_keys() if thing in name.split("+")]
            users = self.profiles.holders(keys)
            self.profiles.recount(users)
            del self.taxonomy
            return thing, len(users)

    def check(self, told: Stage) -> list[Finding]:
        """What the model server can do of what limner needs."""

        async def asked(model: VllmModel) -> list[Finding]:
            try:
                return await check(model)
            finally:
                await model.aclose()

        with self.model(told) as model:
            return asyncio.run(asked(model))

    def rebuild_index(self, told: Stage) -> int:
        """Vectors indexed anew from SQL; those that SQL lacks of the present embedder are made first."""
        embedder = self.embedder(told)
        labels, personas = self.profiles.unembedded(embedder.name)
        done, total = 0, len(labels) + len(personas)
        for texts in _pages(iter(labels), EMBEDDED):
            self.profiles.save_label_vectors(embedder.name, _vectors(texts, texts, embedder))
            told("embedding", done := done + len(texts), total, "texts")
        for page in _pages(iter(personas), EMBEDDED):
            made = _vectors([persona[:3] for persona in page], [persona[3] for persona in page], embedder)
            self.profiles.save_persona_vectors(embedder.name, made)
            told("embedding", done := done + len(page), total, "texts")
        return self.index.rebuild(embedder.name, lambda done, of: told("indexing", done, of, "vectors"))


RESUME = "`limner run --resume` goes on where it stopped; nothing that is done is done again."


T = TypeVar("T")


def _vectors(keys: Sequence[T], texts: Sequence[str], embedder: Embedder) -> dict[T, bytes]:
    """Vectors of the texts, float32, by key."""
    return dict(zip(keys, (vector.tobytes() for vector in embedder.embed(texts)), strict=True))


def _pages(values: Iterator[T], size: int) -> Iterator[list[T]]:
    while page := list(itertools.islice(values, size)):
        yield page
