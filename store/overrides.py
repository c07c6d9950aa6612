"""The ledger of corrections: entries are added and withdrawn, never written over.

Each change of it makes a revision of the user's profile in the same transaction, so that what is served follows at once
and `--as-of` stays true; and it leaves the user to be read again. A run that read the user before finds that the ledger
has moved on, and its draft is not stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from limner.domain import Change, Label, Override, Persona, Tag
from limner.errors import StoreError
from store.database import Database, Direct
from store.profiles import (
    CITED,
    NEWEST,
    PERSONA_ROWS,
    REVISION,
    TAG_COLUMNS,
    TAGS,
    USER,
    ProfileStore,
    evidence_of,
    persona_of,
    tag_of,
)
from store.tables import AnyRow, EventRow, OverrideRow, ProfileRow, TagEvidenceRow, TagRow, UserRow

FIELDS = tuple(Override.model_fields)
CHANGES = Direct(select(UserRow.corrections).where(UserRow.user_id == USER))
IN_FORCE = (
    select(OverrideRow).where(OverrideRow.user_id == USER, OverrideRow.withdrawn_at.is_(None)).order_by(OverrideRow.id)
)
MOVE_ON = (
    update(UserRow).where(UserRow.user_id == USER).values(corrections=UserRow.corrections + 1, profiled_digest=None)
)
ARRIVED = select(func.coalesce(func.max(EventRow.seq), 0)).where(EventRow.user_id == USER)
ENDED = (
    select(*TAG_COLUMNS, TagEvidenceRow.cited)
    .join(TagEvidenceRow, CITED, isouter=True)
    .join(ProfileRow, and_(ProfileRow.user_id == TagRow.user_id, ProfileRow.revision == TagRow.retired_revision))
    .where(TagRow.user_id == USER, TagRow.retired_revision == REVISION, ProfileRow.digest == bindparam("made_from"))
)
"""What a revision ended, where the profile is still made from what it was made from then."""


class Ledger(NamedTuple):
    """What is in force for a user."""

    changes: int
    """How often it was changed so far."""
    entries: tuple[Override, ...]
    """Oldest first."""


class Held(NamedTuple):
    """What a profile says when its user's ledger changes."""

    tags: Mapping[str, tuple[int, Tag]]
    """Open tags by key, candidates too, each with the revision that recorded it."""
    personas: tuple[Persona, ...]
    ledger: tuple[Override, ...]
    """As it is from now on."""
    withdrawn: Override | None
    restored: Mapping[str, tuple[int, Tag]]
    """What the withdrawn entry ended, where nothing was read since that could say otherwise."""


class Revised(NamedTuple):
    """What it says from then on."""

    tags: tuple[Tag, ...]
    retired: tuple[tuple[str, str], ...]
    """(key, reason) of tags that a denial ends."""
    personas: tuple[Persona, ...]


Revise = Callable[[Held], Revised]
"""Quick, for it is called inside the transaction: it asks no model."""


class OverrideStore:
    """The corrections of all users."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._profiles = ProfileStore(database)

    def ledger(self, user_id: str) -> Ledger:
        """What is in force for a user.

        Raises:
            StoreError: the user has no events.
        """
        with self._database.reading() as connection:
            return _ledger(connection, user_id)

    def every(self, user_id: str | None = None) -> list[Override]:
        """All entries, of one user or of all, oldest first, withdrawn ones too."""
        entries = select(OverrideRow).order_by(OverrideRow.id)
        if user_id is not None:
            entries = entries.where(OverrideRow.user_id == user_id)
        with self._database.reading() as connection:
            return [_override(row) for row in connection.execute(entries)]

    def newer(self, denial: Override) -> frozenset[str]:
        """Ids of the user's events that happened, and arrived, after a denial; one without a time is not among them."""
        row = EventRow
        newer = select(row.event_id).where(
            row.user_id == denial.user_id, row.seq > denial.seen, row.ts > denial.created_at
        )
        with self._database.reading() as connection:
            return frozenset(connection.scalars(newer))

    def enter(self, entry: Override, revise: Revise) -> Override:
        """A new entry, and the profile corrected by it; its id, time and revision are given here.

        Raises:
            StoreError: the user has no events.
        """
        with self._database.connection() as connection:
            before = _move_on(connection, entry.user_id)
            last = connection.execute(NEWEST, {"user": entry.user_id}).first()
            seen = connection.scalar(ARRIVED, {"user": entry.user_id})
            entry = entry.model_copy(update={"seen": seen} | _stamp(last))
            revision = self._revise(connection, last, (*before.entries, entry), revise)
            row = entry.model_dump(exclude={"id"}) | {"revision": revision}
            number = connection.scalar(insert(OverrideRow).returning(OverrideRow.id), row)
        return entry.model_copy(update={"id": number, "revision": revision})

    def withdraw(self, number: int, *, author: str, why: str, revise: Revise) -> Override:
        """The entry, withdrawn, and the profile without it.

        Raises:
            StoreError: there is no such entry, or it was withdrawn before.
        """
        one = OverrideRow.id == number
        with self._database.connection() as connection:
            owner = connection.scalar(select(OverrideRow.user_id).where(one))
            if owner is None:
                raise StoreError(f"There is no override {number}: `limner override list` shows what there is.")
            before = _move_on(connection, owner)
            entry = _override(connection.execute(select(OverrideRow).where(one)).one())
            if entry.withdrawn_at is not None:
                raise StoreError(
                    f"Override {number} was withdrawn by {entry.withdrawn_by} on {entry.withdrawn_at:%Y-%m-%d %H:%M} "
                    "UTC already; nothing is left to do."
                )
            last = connection.execute(NEWEST, {"user": owner}).first()
            rest = tuple(other for other in before.entries if other.id != number)
            withdrawn = {
                "withdrawn_at": _stamp(last)["created_at"],
                "withdrawn_by": author,
                "withdrawn_why": why,
                "withdrawn_revision": self._revise(connection, last, rest, revise, withdrawn=entry),
            }
            connection.execute(update(OverrideRow).where(one).values(**withdrawn))
        return entry.model_copy(update=withdrawn)

    def _revise(
        self,
        connection: Connection,
        last: AnyRow | None,
        ledger: tuple[Override, ...],
        revise: Revise,
        *,
        withdrawn: Override | None = None,
    ) -> int | None:
        """The revision that a change of the ledger makes; None where it changes nothing that is said."""
        if last is None:
            return None
        user = {"user": last.user_id}
        portraits = connection.execute(PERSONA_ROWS, user | {"at_revision": last.revision})
        held = Held(
            tags=_tags(connection, TAGS, user | {"at_revision": last.revision}),
            personas=tuple(map(persona_of, portraits)),
            ledger=ledger,
            withdrawn=withdrawn,
            restored={}
            if withdrawn is None or withdrawn.revision is None
            else _tags(connection, ENDED, user | {"at_revision": withdrawn.revision, "made_from": last.digest}),
        )
        revised = revise(held)
        if revised.personas == held.personas and {tag.key: tag for tag in revised.tags} == {
            key: tag for key, (_, tag) in held.tags.items()
        }:
            return None
        return self._profiles.amend(
            connection, last, tags=revised.tags, retired=revised.retired, personas=revised.personas
        )


def _ledger(connection: Connection, user_id: str) -> Ledger:
    changes = CHANGES.scalar(connection, {"user": user_id})
    if changes is None:
        raise StoreError(f"There are no events of {user_id}: `limner ingest` brings events in.")
    rows = connection.execute(IN_FORCE, {"user": user_id}) if changes else ()
    return Ledger(changes, tuple(map(_override, rows)))


def _move_on(connection: Connection, user_id: str) -> Ledger:
    """Count a change of the ledger, which keeps every other writer of this user waiting; what was in force before."""
    connection.execute(MOVE_ON, {"user": user_id})
    return _ledger(connection, user_id)


def _stamp(last: AnyRow | None) -> dict[str, Any]:
    """When a change is made, and the revision it may make."""
    now = datetime.now(UTC)
    if last is None:
        return {"created_at": now, "revision": None}
    return {"created_at": max(now, last.created_at), "revision": last.revision + 1}


def _tags(connection: Connection, states: Any, given: Mapping[str, Any]) -> dict[str, tuple[int, Tag]]:
    rows = connection.execute(states, given)
    return {row.key: (row.revision, tag_of(row, evidence_of(row.cited))) for row in rows}


def _override(row: AnyRow) -> Override:
    fields = {name: row._mapping[name] for name in FIELDS}
    return Override(**fields | {"change": Change(**row.change), "label": Label(**row.label)})
