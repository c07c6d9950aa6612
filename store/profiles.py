"""What limner says about users, and what it said before.

A tag is a row for each state it went through: a revision records it, a later one retires it, and nothing is ever
written over. What was served at some time is therefore one condition on two revision numbers.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter
from sqlalchemy import BindParameter, Connection, and_, bindparam, case, exists, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from limner.domain import (
    Conflict,
    Counts,
    Event,
    Evidence,
    Label,
    Language,
    Outcome,
    Persona,
    Profile,
    Revision,
    Sentence,
    Synonym,
    Tag,
    TagChange,
    TagVersion,
)
from limner.errors import ProfileNotFound, TagNotFound
from store import tallies
from store.database import Database, Direct
from store.events import EventStore
from store.runs import settle
from store.sets import TagSets
from store.tables import (
    AnyRow,
    ConflictRow,
    LabelVectorRow,
    PersonaRow,
    ProfileRow,
    RunItemRow,
    TagEvidenceRow,
    TagRow,
    UserRow,
)
from store.tallies import Tally
from store.texts import Kept, TextsRead

PAGE = 20
BOUND = 500
"""Values in one IN list."""
EVIDENCE = TypeAdapter(tuple[Evidence, ...])
COUNTS = tuple(Counts.model_fields)
PLAIN = ("facet", "key", "polarity", "probability", "basis", "status", "lift", "measure", "reason", "corrected")
"""Fields of a tag that are columns of the same name, and need no care."""
SAID = (*PLAIN, "valid_from", "valid_to", "label_en", "label_zh", *COUNTS)
WRITTEN = ("user_id", "revision", "run", "recorded_at", "retired_reason", "digest", *SAID)
HEAD = ("user_id", "revision", "run", "model", "prompts", "taxonomy", "digest", "created_at")
PORTRAIT = ("user_id", "revision", "language", "writer", "sentences", "embedder", "vector")
TAG_COLUMNS = [TagRow.revision, *(getattr(TagRow, name) for name in SAID)]
USER: BindParameter[str] = bindparam("user")
REVISION: BindParameter[int] = bindparam("at_revision")
OPEN = TagRow.retired_revision.is_(None)
OPEN_AT = and_(TagRow.revision <= REVISION, or_(OPEN, TagRow.retired_revision > REVISION))

SAVED = Direct(
    select(RunItemRow.revision)
    .join(UserRow, UserRow.user_id == RunItemRow.user_id)
    .where(
        RunItemRow.run == bindparam("run"),
        RunItemRow.user_id == USER,
        UserRow.profiled_digest == bindparam("made_from"),
    )
)
REACHED = Direct(select(func.max(ProfileRow.revision)).where(ProfileRow.user_id == USER))
NEWEST = select(ProfileRow).where(ProfileRow.user_id == USER).order_by(ProfileRow.revision.desc()).limit(1)
NEWEST_THEN = NEWEST.where(ProfileRow.created_at <= bindparam("then"))
DIGESTS = select(TagRow.key, TagRow.revision, TagRow.digest).where(TagRow.user_id == USER, OPEN)
OPEN_TAGS = select(*TAG_COLUMNS).where(TagRow.user_id == USER, OPEN).order_by(TagRow.key)
RETIRE = (
    update(TagRow)
    .where(TagRow.user_id == USER, TagRow.key == bindparam("tag"), TagRow.revision == bindparam("opened"))
    .values(retired_at=bindparam("now"), retired_revision=REVISION, retired_reason=bindparam("why"))
)
PROFILED = Direct(
    update(UserRow)
    .where(UserRow.user_id == USER, UserRow.corrections == bindparam("heeded"))
    .values(profiled_digest=bindparam("made_from"))
)
LOCKED = select(UserRow.corrections).where(UserRow.user_id == USER).with_for_update()
UNPROFILED = update(UserRow).where(UserRow.user_id == USER).values(profiled_digest=None)

CONFLICTS = select(ConflictRow).where(ConflictRow.user_id == USER).order_by(ConflictRow.id)
CITED = and_(
    TagEvidenceRow.user_id == TagRow.user_id,
    TagEvidenceRow.key == TagRow.key,
    TagEvidenceRow.revision == TagRow.revision,
)
TAGS = (
    select(*TAG_COLUMNS, TagEvidenceRow.cited)
    .join(TagEvidenceRow, CITED, isouter=True)
    .where(TagRow.user_id == USER, OPEN_AT)
    .order_by(TagRow.probability.desc(), TagRow.key)
)
SERVED_TAGS = TAGS.where(TagRow.status != "candidate")
PERSONAS = (
    select(PersonaRow.language, PersonaRow.writer, PersonaRow.sentences)
    .where(PersonaRow.user_id == USER, PersonaRow.revision == REVISION)
    .order_by(PersonaRow.language)
)
PERSONA_ROWS = (
    select(PersonaRow).where(PersonaRow.user_id == USER, PersonaRow.revision == REVISION).order_by(PersonaRow.language)
)


Said = tuple[tuple[Tag, ...], tuple[Persona, ...]]
"""All open tags of a user, candidates too, and the personas."""


class Draft(NamedTuple):
    """A profile as a run made it, before it is stored."""

    user_id: str
    tags: tuple[Tag, ...]
    """All tags that hold now, candidates too. An open tag that is not among them ends."""
    retired: tuple[tuple[str, str], ...]
    """(key, reason) of tags that end now."""
    conflicts: tuple[Conflict, ...]
    personas: tuple[Persona, ...]
    vectors: Mapping[str, bytes]
    """Language of a persona to its vector, float32."""
    embedder: str
    run: str
    model: str
    prompts: Mapping[str, str]
    taxonomy: str
    digest: str
    """Of all that went in: the digest of the user's events, a colon, and the digest of the configuration."""
    corrections: int = 0
    """How often the user's ledger had been changed when the draft was made."""
    tallies: tuple[Tally, ...] = ()
    texts: Kept | None = None
    """What the user's texts say, see `agents.texts`; None where what is kept stays."""


class ProfileStore:
    """The tags and personas of all users, in all their revisions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._settle = settle(database)
        self._sets = TagSets(database)
        self._texts = TextsRead(database)

    def texts(self, user_id: str) -> Kept | None:
        """What was kept of a user's texts; None where nothing was."""
        return self._texts.of(user_id)

    def save(self, draft: Draft, outcome: Outcome) -> int | None:
        """Store a profile and how its user fared, in one short transaction.

        Saving the same user of the same run again changes nothing, unless they were corrected, or more came in, since.

        Returns:
            The number of the revision, counted from 1; None, with nothing stored, where the user was corrected after
            the draft was begun.
        """
        user = draft.user_id
        with self._database.connection() as connection:
            saved: int | None = SAVED.scalar(connection, {"run": draft.run, "user": user, "made_from": draft.digest})
            if saved is not None:
                return saved
            made = {"user": user, "made_from": draft.digest, "heeded": draft.corrections}
            if not PROFILED.run(connection, made).rowcount:
                return None
            profiled = REACHED.scalar(connection, {"user": user})
            last = connection.execute(NEWEST, {"user": user}).first() if profiled else None
            revision, now = self.write(connection, draft, last)
            tallies.replace(self._database, connection, user, draft.tallies)
            if draft.texts is not None:
                self._texts.replace(connection, user, draft.texts)
            item = {"run": draft.run, "user_id": user, "revision": revision, "at": self._database.moment(now)}
            self._settle.run(
                connection,
                item | {"state": outcome.state, "error_kind": "", "error": "", "seconds": outcome.seconds},
            )
        return revision

    def write(self, connection: Connection, draft: Draft, last: AnyRow | None) -> tuple[int, datetime]:
        """A revision after the row `last` of the one before, inside a transaction of a store; its number and time."""
        user, now = draft.user_id, datetime.now(UTC)
        revision = 1 if last is None else last.revision + 1
        now = now if last is None else max(now, last.created_at)  # a clock set back must not reorder revisions
        prompts, moment = orjson.dumps(dict(draft.prompts)).decode(), self._database.moment(now)
        head = (user, revision, draft.run, draft.model, prompts, draft.taxonomy, draft.digest, moment)
        self._database.write(connection, ProfileRow, HEAD, [head])
        open_rows = {} if last is None else {row.key: row for row in connection.execute(DIGESTS, {"user": user})}
        self._save_tags(connection, draft, revision, now, open_rows)
        self._sets.replace(connection, user, draft.tags)
        self._save_conflicts(connection, draft, now)
        portraits = [_portrait(draft, revision, persona) for persona in draft.personas]
        self._database.write(connection, PersonaRow, PORTRAIT, portraits)
        return revision, now

    def amend(
        self,
        connection: Connection,
        last: AnyRow,
        *,
        tags: tuple[Tag, ...],
        retired: tuple[tuple[str, str], ...],
        personas: tuple[Persona, ...],
    ) -> int:
        """A revision that says otherwise what `last` said, without another reading of the history; its number.

        A persona whose text stays as it was keeps its vector.
        """
        texts = {persona.language: persona.text for persona in personas}
        portraits = connection.execute(PERSONA_ROWS, _of(last)).all()
        kept = [row for row in portraits if row.vector and texts.get(row.language) == persona_of(row).text]
        embedder = kept[0].embedder if kept else ""
        draft = Draft(
            user_id=last.user_id,
            tags=tags,
            retired=retired,
            conflicts=(),
            personas=personas,
            vectors={row.language: row.vector for row in kept if row.embedder == embedder},
            embedder=embedder,
            run=last.run,
            model=last.model,
            prompts=last.prompts,
            taxonomy=last.taxonomy,
            digest=last.digest,
        )
        return self.write(connection, draft, last)[0]

    def current(
        self,
        user_id: str,
        *,
        as_of: datetime | None = None,
        candidates: bool = False,
        language: Language | None = None,
    ) -> Profile:
        """A user's newest profile, or the one that was served at the time `as_of`; likeliest tags first.

        Args:
            candidates: Also the tags that did not pass verification.
            language: Only the persona in this language.

        Raises:
            ProfileNotFound: the user has none, or had none then.
        """
        newest, then = (NEWEST, {}) if as_of is None else (NEWEST_THEN, {"then": as_of})
        with self._database.reading() as connection:
            head = connection.execute(newest, {"user": user_id, **then}).first()
            if head is None:
                raise ProfileNotFound(user_id)
            return _profile(connection, head, candidates=candidates, language=language)

    def open_tags(self, user_id: str) -> tuple[Tag, ...]:
        """The tags that hold now and the candidates, without their evidence, by key."""
        with self._database.reading() as connection:
            return tuple(tag_of(row) for row in connection.execute(OPEN_TAGS, {"user": user_id}))

    def open_keys(self) -> dict[str, tuple[str, Label, int]]:
        """Every key that an open tag has, with its facet, its label and how many users have it."""
        row = TagRow
        shown = (func.max(row.facet), func.max(row.label_en), func.max(row.label_zh), func.count())
        with self._database.reading() as connection:
            rows = connection.execute(select(row.key, *shown).where(OPEN).group_by(row.key))
            return {key: (facet, Label(en=en, zh=zh), users) for key, facet, en, zh, users in rows}

    def untagged(self) -> tuple[int, int]:
        """How many of the users with a profile have no tag that is served, and how many have a profile."""
        served = exists().where(TagRow.user_id == UserRow.user_id, OPEN, TagRow.status != "candidate")
        profiled = select(func.count(), func.count(case((served, 1)))).where(UserRow.profiled_digest.is_not(None))
        with self._database.reading() as connection:
            users, tagged = connection.execute(profiled).one()
        return users - tagged, users

    def holders(self, keys: Sequence[str]) -> list[str]:
        """Users with an open tag of one of these keys, in order."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for start in range(0, len(keys), BOUND):
                some = TagRow.key.in_(keys[start : start + BOUND])
                found.update(connection.scalars(select(TagRow.user_id).where(OPEN, some).distinct()))
        return sorted(found)

    def rename(
        self, user_id: str, names: Mapping[str, Synonym], corrected: Callable[[Said], Said], *, recount: bool
    ) -> bool:
        """Put a user's open tags under other keys, as a revision of its own; no model is asked.

        Where a tag of the other key is there already the surer of the two stays, and the user is counted again by the
        next run, since only that can unite their evidence. So is one with corrections: what they were about may be
        another thing now.

        Args:
            names: Old key to the thing it names.
            corrected: Lays the user's corrections over tags and personas under their new keys.
            recount: Have the next run count the user again in any case.

        Returns:
            Whether two tags became one.
        """
        with self._database.connection() as connection:
            corrections = connection.scalar(LOCKED, {"user": user_id})
            last = connection.execute(NEWEST, {"user": user_id}).first()
            if last is None:
                return False
            profile = _profile(connection, last, candidates=True, language=None)
            tags: dict[str, Tag] = {}
            retired, united = [], False
            for tag in sorted(profile.tags, key=_surest):
                name = names.get(tag.key)
                renamed = tag if name is None else _renamed(tag, name)
                if name is not None:
                    retired.append((tag.key, f"is {name.canonical} now"))
                united |= renamed.key in tags
                tags.setdefault(renamed.key, renamed)
            personas = tuple(_with_keys(persona, names) for persona in profile.personas)
            said, personas = corrected((tuple(tags.values()), personas))
            self.amend(connection, last, tags=said, retired=tuple(retired), personas=personas)
            if recount or united or corrections:
                connection.execute(UNPROFILED, {"user": user_id})
        return united

    def recount(self, users: Sequence[str]) -> None:
        """Have the next run count these users again."""
        with self._database.connection() as connection:
            for user_id in users:
                connection.execute(UNPROFILED, {"user": user_id})

    def adopt(self, configurations: Mapping[str, str]) -> None:
        """Take what was made under an earlier configuration as made under another, by their digests."""
        row = UserRow
        with self._database.connection() as connection:
            for old, new in configurations.items():
                made = row.profiled_digest == row.digest + f":{old}"
                connection.execute(update(row).where(made).values(profiled_digest=row.digest + f":{new}"))

    def personas(self, user_id: str) -> tuple[Persona, ...]:
        """The personas of the newest revision, by language; none where the user has no profile."""
        with self._database.reading() as connection:
            head = connection.execute(NEWEST, {"user": user_id}).first()
            return () if head is None else _personas(connection, head, None)

    def evidence(self, user_id: str, key: str) -> list[tuple[Evidence, Event]]:
        """What an open tag rests on, strongest first, each with its event.

        Raises:
            TagNotFound: the user has no such tag.
        """
        cited = (
            select(TagRow.revision, TagEvidenceRow.cited)
            .join(TagEvidenceRow, CITED, isouter=True)
            .where(TagRow.user_id == USER, TagRow.key == key, OPEN)
        )
        with self._database.reading() as connection:
            row = connection.execute(cited, {"user": user_id}).first()
        if row is None:
            raise TagNotFound(user_id, key)
        evidence = evidence_of(row.cited)
        events = EventStore(self._database).some(user_id, [one.event_id for one in evidence])
        return [(one, events[one.event_id]) for one in evidence]

    def timeline(self, user_id: str, key: str, former: Sequence[str] = ()) -> list[TagVersion]:
        """Every state a tag went through, oldest first, without evidence.

        Args:
            former: Keys that it had before.

        Raises:
            TagNotFound: the user never had such a tag.
        """
        states = (
            select(*TAG_COLUMNS, TagRow.run, TagRow.recorded_at, TagRow.retired_at, TagRow.retired_reason)
            .where(TagRow.user_id == USER, TagRow.key.in_([key, *former]))
            .order_by(TagRow.revision)
        )
        with self._database.reading() as connection:
            rows = connection.execute(states, {"user": user_id}).all()
        if not rows:
            raise TagNotFound(user_id, key)
        return [
            TagVersion(
                revision=row.revision,
                run=row.run,
                recorded_at=row.recorded_at,
                retired_at=row.retired_at,
                tag=tag_of(row),
                reason=row.retired_reason,
            )
            for row in rows
        ]

    def revisions(self, user_id: str) -> list[Revision]:
        """What each revision changed in what is served, oldest first.

        Raises:
            ProfileNotFound: the user has no profile.
        """
        heads = select(ProfileRow.revision, ProfileRow.run, ProfileRow.created_at).where(ProfileRow.user_id == USER)
        states = select(*TAG_COLUMNS, TagRow.retired_revision, TagRow.retired_reason).where(
            TagRow.user_id == USER, TagRow.status != "candidate"
        )
        with self._database.reading() as connection:
            rows = connection.execute(heads.order_by(ProfileRow.revision), {"user": user_id}).all()
            served = connection.execute(states.order_by(TagRow.key), {"user": user_id}).all()
        if not rows:
            raise ProfileNotFound(user_id)
        began = {(row.revision, row.key): row for row in served}
        ended = {(row.retired_revision, row.key): row for row in served if row.retired_revision is not None}
        changes = defaultdict[int, list[TagChange]](list)
        for revision, key in sorted(began.keys() | ended.keys()):
            old, new = ended.get((revision, key)), began.get((revision, key))
            changes[revision].append(
                TagChange(
                    key=key,
                    before=None if old is None else tag_of(old),
                    after=None if new is None else tag_of(new),
                    why=old.retired_reason if old is not None and new is None else "",
                )
            )
        return [
            Revision(
                revision=row.revision,
                at=row.created_at,
                cause="run",
                run=row.run,
                override=None,
                changes=tuple(changes[row.revision]),
            )
            for row in rows
        ]

    def every(self, *, candidates: bool = False) -> Iterator[Profile]:
        """The current profile of every user who has one, by user id, read page by page."""
        after, older = "", aliased(ProfileRow)
        newest = select(func.max(older.revision)).where(older.user_id == ProfileRow.user_id).scalar_subquery()
        heads = select(ProfileRow).where(ProfileRow.revision == newest).order_by(ProfileRow.user_id).limit(PAGE)
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(heads.where(ProfileRow.user_id > after)).all()
                profiles = [_profile(connection, head, candidates=candidates, language=None) for head in rows]
            yield from profiles
            if len(rows) < PAGE:
                return
            after = rows[-1].user_id

    def digest(self, user_id: str) -> str | None:
        """What the current revision was made from; None where the user has no profile."""
        with self._database.reading() as connection:
            head = connection.execute(NEWEST, {"user": user_id}).first()
        return None if head is None else head.digest

    def label_vectors(self, embedder: str, texts: Sequence[str]) -> dict[str, bytes]:
        """The vectors, float32, that are stored for these texts, by text."""
        wanted = {text_digest(text): text for text in texts}
        stored = select(LabelVectorRow.digest, LabelVectorRow.vector).where(
            LabelVectorRow.embedder == embedder, LabelVectorRow.digest.in_(list(wanted))
        )
        with self._database.reading() as connection:
            return {wanted[digest]: vector for digest, vector in connection.execute(stored)}

    def save_label_vectors(self, embedder: str, vectors: Mapping[str, bytes]) -> None:
        """Keep vectors by the text they stand for; one that is stored already stays."""
        rows = [
            {"embedder": embedder, "digest": text_digest(text), "vector": vectors[text]} for text in sorted(vectors)
        ]
        if rows:
            with self._database.connection() as connection:
                connection.execute(self._database.insert(LabelVectorRow).on_conflict_do_nothing(), rows)

    def unembedded(self, embedder: str) -> tuple[list[str], list[tuple[str, int, str, str]]]:
        """Served labels, and (user, revision, language, text) of personas, that have no vector of this embedder."""
        labels = select(TagRow.label_en, TagRow.label_zh).where(OPEN, TagRow.status != "candidate").distinct()
        newest = select(func.max(ProfileRow.revision)).where(ProfileRow.user_id == PersonaRow.user_id).scalar_subquery()
        other = or_(PersonaRow.embedder.is_(None), PersonaRow.embedder != embedder)
        wanted = select(PersonaRow).where(PersonaRow.revision == newest, other)
        with self._database.reading() as connection:
            texts = {text for pair in connection.execute(labels) for text in pair}
            personas = [
                (row.user_id, row.revision, row.language, persona_of(row).text) for row in connection.execute(wanted)
            ]
        return sorted(texts - self.label_vectors(embedder, list(texts)).keys()), personas

    def save_persona_vectors(self, embedder: str, vectors: Mapping[tuple[str, int, str], bytes]) -> None:
        """Keep vectors of personas by (user, revision, language), in place of those of another embedder."""
        row = PersonaRow
        same = and_(row.user_id == USER, row.revision == REVISION, row.language == bindparam("of_language"))
        rows = [
            {"user": user, "at_revision": revision, "of_language": language, "made": vector}
            for (user, revision, language), vector in vectors.items()
        ]
        if rows:
            with self._database.connection() as connection:
                connection.execute(update(row).where(same).values(embedder=embedder, vector=bindparam("made")), rows)

    def _save_tags(
        self, connection: Connection, draft: Draft, revision: int, now: datetime, open_rows: dict[str, AnyRow]
    ) -> None:
        """Open what is new or changed, retire what changed or ended, leave the rest alone."""
        turned, moment = dict(draft.retired), self._database.moment(now)
        tags, evidence, ended = [], [], []
        for tag in draft.tags:
            cited = orjson.dumps([(one.event_id, one.signal, one.span) for one in tag.evidence])
            said = self._row(tag)
            digest = hashlib.blake2b(orjson.dumps(said) + cited, digest_size=16).digest()
            before = open_rows.pop(tag.key, None)
            if before is not None:
                if before.digest == digest:
                    continue
                ended.append((before, turned.get(tag.key, "changed")))
            tags.append((draft.user_id, revision, draft.run, moment, "", digest, *said))
            evidence.append((draft.user_id, tag.key, revision, cited.decode()))
        ended += [(before, turned.get(key, "no longer found")) for key, before in open_rows.items()]
        if ended:
            stamp = {"user": draft.user_id, "now": now, "at_revision": revision}
            retired = [stamp | {"tag": row.key, "opened": row.revision, "why": why} for row, why in ended]
            connection.execute(RETIRE, retired)
        self._database.write(connection, TagRow, WRITTEN, tags)
        self._database.write(connection, TagEvidenceRow, ("user_id", "key", "revision", "cited"), evidence)

    def _save_conflicts(self, connection: Connection, draft: Draft, now: datetime) -> None:
        """Record the conflicts that were not known."""
        if not draft.conflicts:
            return
        known = {(row.kept, row.set_aside) for row in connection.execute(CONFLICTS, {"user": draft.user_id})}
        rows = [
            one.model_dump() | {"user_id": draft.user_id, "run": draft.run, "recorded_at": now}
            for one in draft.conflicts
            if (one.kept, one.set_aside) not in known
        ]
        if rows:
            connection.execute(insert(ConflictRow), rows)

    def conflicts(self, user_id: str) -> tuple[Conflict, ...]:
        """What was said of a user that cannot hold together, oldest first, with what was kept."""
        with self._database.reading() as connection:
            return tuple(
                Conflict(facet=row.facet, kept=row.kept, set_aside=row.set_aside, reason=row.reason)
                for row in connection.execute(CONFLICTS, {"user": user_id})
            )

    def _row(self, tag: Tag) -> tuple[Any, ...]:
        """What a tag says, in the order of `SAID`."""
        moments = self._database.moment(tag.valid_from), self._database.moment(tag.valid_to)
        return (*_plain(tag), *moments, tag.label.en, tag.label.zh, *_counts(tag.counts))


_plain: Callable[[Tag], tuple[Any, ...]] = attrgetter(*PLAIN)
_counts: Callable[[Counts], tuple[int, ...]] = attrgetter(*COUNTS)


def text_digest(text: str) -> bytes:
    """The name under which the vector of a text is kept."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def evidence_of(cited: list[Any] | None) -> tuple[Evidence, ...]:
    return EVIDENCE.validate_python(
        [{"event_id": event_id, "signal": signal, "span": span} for event_id, signal, span in cited or ()]
    )


def tag_of(row: AnyRow, evidence: tuple[Evidence, ...] = ()) -> Tag:
    fields = row._mapping
    return Tag.model_construct(
        **{name: fields[name] for name in (*PLAIN, "valid_from", "valid_to")},
        label=Label.model_construct(en=row.label_en, zh=row.label_zh),
        counts=Counts.model_construct(**{name: fields[name] for name in COUNTS}),
        evidence=evidence,
    )


def _surest(tag: Tag) -> tuple[bool, float, int, str]:
    return tag.status == "candidate", -tag.probability, -tag.counts.total, tag.key


def _renamed(tag: Tag, name: Synonym) -> Tag:
    return tag.model_copy(update={"key": name.canonical, "facet": name.facet, "label": name.label})


def _with_keys(persona: Persona, names: Mapping[str, Synonym]) -> Persona:
    sentences = tuple(
        Sentence(
            text=one.text, tags=tuple(dict.fromkeys(names[key].canonical if key in names else key for key in one.tags))
        )
        for one in persona.sentences
    )
    return persona.model_copy(update={"sentences": sentences})


def _of(head: AnyRow) -> dict[str, Any]:
    return {"user": head.user_id, "at_revision": head.revision}


def _portrait(draft: Draft, revision: int, persona: Persona) -> tuple[Any, ...]:
    vector = draft.vectors.get(persona.language)
    embedder = None if vector is None else draft.embedder
    sentences = orjson.dumps([(one.text, one.tags) for one in persona.sentences]).decode()
    return (draft.user_id, revision, persona.language, persona.writer, sentences, embedder, vector)


def _personas(connection: Connection, head: AnyRow, language: Language | None) -> tuple[Persona, ...]:
    return tuple(persona_of(row) for row in connection.execute(PERSONAS, _of(head)) if language in (None, row.language))


def persona_of(row: AnyRow) -> Persona:
    sentences = tuple(Sentence(text=text, tags=tuple(tags)) for text, tags in row.sentences)
    return Persona(language=row.language, writer=row.writer, sentences=sentences)


def _profile(connection: Connection, head: AnyRow, *, candidates: bool, language: Language | None) -> Profile:
    rows = connection.execute(TAGS if candidates else SERVED_TAGS, _of(head))
    return Profile.model_construct(
        user_id=head.user_id,
        revision=head.revision,
        tags=tuple(tag_of(row, evidence_of(row.cited)) for row in rows),
        personas=_personas(connection, head, language),
        run=head.run,
        model=head.model,
        prompts=head.prompts,
        taxonomy=head.taxonomy,
        created_at=head.created_at,
    )
