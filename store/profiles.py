"""What limner says about users, and what it said before.

A tag is a row for each state it went through: a revision records it, a later one retires it, and nothing is ever
written over. What was served at some time is therefore one condition on two revision numbers.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from limner.domain import (
    Counts,
    Event,
    Evidence,
    Label,
    Language,
    Outcome,
    Persona,
    Profile,
    Sentence,
    SignalKind,
    Tag,
    TagVersion,
)
from limner.errors import ProfileNotFound, TagNotFound
from store.database import Database
from store.events import EVENT_COLUMNS, read_events
from store.tables import (
    AnyRow,
    EventRow,
    LabelVectorRow,
    PersonaRow,
    ProfileRow,
    RunItemRow,
    TagEvidenceRow,
    TagRow,
    UserRow,
)

PAGE = 200
COUNTS = tuple(Counts.model_fields)
PLAIN = (
    "facet",
    "key",
    "polarity",
    "probability",
    "basis",
    "status",
    "valid_from",
    "valid_to",
    "lift",
    "measure",
    "reason",
)
"""Fields of a tag that are columns of the same name."""

TAG_COLUMNS = [
    TagRow.revision,
    TagRow.label_en,
    TagRow.label_zh,
    *(getattr(TagRow, name) for name in PLAIN),
    *(getattr(TagRow, name) for name in COUNTS),
]
USER: BindParameter[str] = bindparam("user")
REVISION: BindParameter[int] = bindparam("at_revision")
OPEN = TagRow.retired_revision.is_(None)
OPEN_AT = and_(TagRow.revision <= REVISION, or_(OPEN, TagRow.retired_revision > REVISION))
SERVED = TagRow.status != "candidate"

SELECT_OPEN = select(TagRow.key, TagRow.revision, TagRow.digest).where(TagRow.user_id == USER, OPEN)
RETIRE = (
    update(TagRow)
    .where(TagRow.user_id == USER, TagRow.key == bindparam("tag"), TagRow.revision == bindparam("opened"))
    .values(retired_at=bindparam("now"), retired_revision=REVISION, retired_reason=bindparam("why"))
)
NEWEST = select(ProfileRow).where(ProfileRow.user_id == USER).order_by(ProfileRow.revision.desc()).limit(1)
THIS_EVIDENCE = and_(
    TagEvidenceRow.user_id == TagRow.user_id,
    TagEvidenceRow.key == TagRow.key,
    TagEvidenceRow.revision == TagRow.revision,
)


class Draft(NamedTuple):
    """A profile as a run made it, before it is stored."""

    user_id: str
    tags: tuple[Tag, ...]
    """All tags that hold now, candidates too. An open tag that is not among them ends."""
    retired: tuple[tuple[str, str], ...]
    """(key, reason) of tags that end now."""
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


class ProfileStore:
    """The tags and personas of all users, in all their revisions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = sqlite if database.dialect == "sqlite" else postgresql

    def save(self, draft: Draft, outcome: Outcome) -> int:
        """Store a profile and how its user fared, in one short transaction.

        Saving the same user of the same run again changes nothing.

        Returns:
            The number of the revision, counted from 1.
        """
        user, now = draft.user_id, datetime.now(UTC)
        with self._database.connection() as connection:
            item = select(RunItemRow.revision).where(RunItemRow.run == draft.run, RunItemRow.user_id == user)
            saved = connection.scalar(item)
            if saved is not None:
                return saved
            last = connection.execute(
                select(ProfileRow.revision, ProfileRow.created_at)
                .where(ProfileRow.user_id == user)
                .order_by(ProfileRow.revision.desc())
                .limit(1)
            ).first()
            revision = 1 if last is None else last.revision + 1
            now = now if last is None else max(now, last.created_at)  # a clock set back must not reorder revisions
            connection.execute(
                insert(ProfileRow),
                {
                    "user_id": user,
                    "revision": revision,
                    "run": draft.run,
                    "model": draft.model,
                    "prompts": dict(draft.prompts),
                    "taxonomy": draft.taxonomy,
                    "digest": draft.digest,
                    "created_at": now,
                },
            )
            self._save_tags(connection, draft, revision, now)
            if draft.personas:
                connection.execute(insert(PersonaRow), [_persona_row(draft, revision, one) for one in draft.personas])
            connection.execute(update(UserRow).where(UserRow.user_id == user).values(profiled_digest=draft.digest))
            done: dict[str, Any] = {"state": outcome.state, "error_kind": "", "error": "", "seconds": outcome.seconds}
            done |= {"revision": revision, "at": now}
            upsert = self._dialect.insert(RunItemRow).values(run=draft.run, user_id=user, **done)
            connection.execute(upsert.on_conflict_do_update(index_elements=["run", "user_id"], set_=done))
        return revision

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
        newest = NEWEST if as_of is None else NEWEST.where(ProfileRow.created_at <= as_of)
        with self._database.reading() as connection:
            head = connection.execute(newest, {"user": user_id}).first()
            if head is None:
                raise ProfileNotFound(user_id)
            return _profile(connection, head, candidates=candidates, language=language)

    def open_tags(self, user_id: str) -> tuple[Tag, ...]:
        """The tags that hold now and the candidates, without their evidence, by key."""
        tags = select(*TAG_COLUMNS).where(TagRow.user_id == USER, OPEN).order_by(TagRow.key)
        with self._database.reading() as connection:
            return tuple(_tag(row) for row in connection.execute(tags, {"user": user_id}))

    def personas(self, user_id: str) -> tuple[Persona, ...]:
        """The personas of the newest revision, by language; none where the user has no profile."""
        with self._database.reading() as connection:
            head = connection.execute(NEWEST, {"user": user_id}).first()
            return () if head is None else _personas(connection, user_id, head.revision, None)

    def evidence(self, user_id: str, key: str) -> list[tuple[Evidence, Event]]:
        """What an open tag rests on, strongest first, each with its event.

        Raises:
            TagNotFound: the user has no such tag.
        """
        cited = (
            select(TagEvidenceRow.signal, TagEvidenceRow.span, *EVENT_COLUMNS)
            .join(TagRow, THIS_EVIDENCE)
            .join(EventRow, and_(EventRow.user_id == TagRow.user_id, EventRow.event_id == TagEvidenceRow.event_id))
            .where(TagRow.user_id == USER, TagRow.key == key, OPEN)
            .order_by(TagEvidenceRow.position)
        )
        known = select(TagRow.revision).where(TagRow.user_id == USER, TagRow.key == key, OPEN)
        with self._database.reading() as connection:
            if connection.scalar(known, {"user": user_id}) is None:
                raise TagNotFound(user_id, key)
            rows = connection.execute(cited, {"user": user_id}).all()
        events = read_events([row[2:] for row in rows])
        return [
            (Evidence(event_id=event.event_id, signal=row.signal, span=row.span), event)
            for row, event in zip(rows, events, strict=True)
        ]

    def timeline(self, user_id: str, key: str) -> list[TagVersion]:
        """Every state a tag went through, oldest first, without evidence.

        Raises:
            TagNotFound: the user never had such a tag.
        """
        states = (
            select(*TAG_COLUMNS, TagRow.run, TagRow.recorded_at, TagRow.retired_at, TagRow.retired_reason)
            .where(TagRow.user_id == USER, TagRow.key == key)
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
                tag=_tag(row),
                reason=row.retired_reason,
            )
            for row in rows
        ]

    def every(self, *, candidates: bool = False) -> Iterator[Profile]:
        """The current profile of every user who has one, by user id, read page by page."""
        after = ""
        newest = select(ProfileRow.user_id, func.max(ProfileRow.revision).label("revision")).group_by(
            ProfileRow.user_id
        )
        while True:
            page = newest.where(ProfileRow.user_id > after).order_by(ProfileRow.user_id).limit(PAGE).subquery()
            heads = (
                select(ProfileRow)
                .join(page, and_(page.c.user_id == ProfileRow.user_id, page.c.revision == ProfileRow.revision))
                .order_by(ProfileRow.user_id)
            )
            with self._database.reading() as connection:
                rows = connection.execute(heads).all()
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
                connection.execute(self._dialect.insert(LabelVectorRow).on_conflict_do_nothing(), rows)

    def _save_tags(self, connection: Connection, draft: Draft, revision: int, now: datetime) -> None:
        """Open what is new or changed, retire what changed or ended, leave the rest alone."""
        open_rows = {row.key: row for row in connection.execute(SELECT_OPEN, {"user": draft.user_id})}
        reasons = defaultdict(lambda: "no longer found", draft.retired)
        tags, evidence, ended = [], [], []
        for tag in draft.tags:
            digest = _tag_digest(tag)
            before = open_rows.pop(tag.key, None)
            if before is not None:
                if before.digest == digest:
                    continue
                ended.append((before, "changed"))
            row = {"user_id": draft.user_id, "revision": revision}
            tags.append(row | _tag_row(tag) | {"run": draft.run, "digest": digest, "recorded_at": now})
            evidence += [
                {
                    **row,
                    "key": tag.key,
                    "position": position,
                    "event_id": one.event_id,
                    "signal": one.signal.value,
                    "span": one.span,
                }
                for position, one in enumerate(tag.evidence)
            ]
        ended += [(before, reasons[key]) for key, before in open_rows.items()]
        if ended:
            stamp = {"user": draft.user_id, "now": now, "at_revision": revision}
            retired = [stamp | {"tag": row.key, "opened": row.revision, "why": why} for row, why in ended]
            connection.execute(RETIRE, retired)
        if tags:
            connection.execute(insert(TagRow), tags)
        if evidence:
            connection.execute(insert(TagEvidenceRow), evidence)


def text_digest(text: str) -> bytes:
    """The name under which the vector of a text is kept."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _tag_digest(tag: Tag) -> bytes:
    return hashlib.blake2b(tag.__pydantic_serializer__.to_json(tag), digest_size=16).digest()


def _tag_row(tag: Tag) -> dict[str, Any]:
    plain = {name: getattr(tag, name) for name in PLAIN}
    labels = {"label_en": tag.label.en, "label_zh": tag.label.zh, "retired_reason": ""}
    return plain | labels | {name: getattr(tag.counts, name) for name in COUNTS}


def _tag(row: AnyRow, evidence: tuple[Evidence, ...] = ()) -> Tag:
    fields = row._mapping
    return Tag.model_construct(
        **{name: fields[name] for name in PLAIN},
        label=Label.model_construct(en=row.label_en, zh=row.label_zh),
        counts=Counts.model_construct(**{name: fields[name] for name in COUNTS}),
        evidence=evidence,
    )


def _persona_row(draft: Draft, revision: int, persona: Persona) -> dict[str, Any]:
    vector = draft.vectors.get(persona.language)
    return {
        "user_id": draft.user_id,
        "revision": revision,
        "language": persona.language,
        "writer": persona.writer,
        "sentences": [sentence.model_dump() for sentence in persona.sentences],
        "embedder": None if vector is None else draft.embedder,
        "vector": vector,
    }


def _personas(connection: Connection, user_id: str, revision: int, language: Language | None) -> tuple[Persona, ...]:
    row = PersonaRow
    wanted = select(row.language, row.writer, row.sentences).where(row.user_id == user_id, row.revision == revision)
    if language is not None:
        wanted = wanted.where(row.language == language)
    return tuple(
        Persona(
            language=found.language,
            writer=found.writer,
            sentences=tuple(Sentence(text=one["text"], tags=tuple(one["tags"])) for one in found.sentences),
        )
        for found in connection.execute(wanted.order_by(row.language))
    )


def _profile(connection: Connection, head: AnyRow, *, candidates: bool, language: Language | None) -> Profile:
    served: ColumnElement[bool] = OPEN_AT if candidates else and_(OPEN_AT, SERVED)
    given = {"user": head.user_id, "at_revision": head.revision}
    cited: defaultdict[str, list[Evidence]] = defaultdict(list)
    row = TagEvidenceRow
    evidence = select(row.key, row.event_id, row.signal, row.span).join(TagRow, THIS_EVIDENCE)
    for key, event_id, signal, span in connection.execute(
        evidence.where(TagRow.user_id == USER, served).order_by(row.key, row.position), given
    ):
        cited[key].append(Evidence.model_construct(event_id=event_id, signal=SignalKind(signal), span=span))
    tags = select(*TAG_COLUMNS).where(TagRow.user_id == USER, served)
    rows = connection.execute(tags.order_by(TagRow.probability.desc(), TagRow.key), given)
    return Profile.model_construct(
        user_id=head.user_id,
        revision=head.revision,
        tags=tuple(_tag(row, tuple(cited[row.key])) for row in rows),
        personas=_personas(connection, head.user_id, head.revision, language),
        run=head.run,
        model=head.model,
        prompts=head.prompts,
        taxonomy=head.taxonomy,
        created_at=head.created_at,
    )
