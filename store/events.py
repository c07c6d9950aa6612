"""What users did: events go in once, in batches, and come out as histories."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from heapq import nsmallest
from sys import intern
from typing import Any, NamedTuple

import orjson
from sqlalchemy import JSON, BindParameter, Connection, String, bindparam, cast, func, select, text

from limner.domain import Added, Event, History
from limner.errors import StoreError
from store.database import Database, Direct, lock_key
from store.tables import AttributeCountRow, EventRow, UserRow

NOT_ATTRIBUTES = frozenset(
    {"title", "name", "description", "text", "summary", "content", "url", "image", "release", "date"}
)
"""Keys of an item that say which item it is, not what kind of thing."""
MODULUS = 1 << 128
PAGE = 5_000

COLUMNS = ("user_id", "event_id", "ts", "kind", "item_id", "digest", "content")
ABSENT = Event(event_id="-", user_id="-", kind="-").__dict__
"""What the fields are that a stored event leaves out."""
GIVEN = set(Event.model_fields)
"""What counts as given of each event: a set of its own would take half of its memory."""
USER: BindParameter[str] = bindparam("user")
OLDEST_FIRST = (
    select(EventRow.content).where(EventRow.user_id == USER).order_by(EventRow.ts.asc().nulls_first(), EventRow.seq)
)
NEWEST = select(func.max(UserRow.last_ts))
HISTORY = Direct(OLDEST_FIRST)
DIGEST = Direct(select(UserRow.digest).where(UserRow.user_id == USER))
IDS = bindparam("ids", type_=String)
NAMED = {
    "sqlite": select(func.json_each(IDS).table_valued("value").c.value),
    "postgresql": select(func.json_array_elements_text(cast(IDS, JSON)).table_valued("value").c.value),
}
"""The ids of a JSON list: one statement for lists of every length, where SQLite would keep each `IN (?, ?, …)` made."""
STORED = {
    "sqlite": text(
        "SELECT e.user_id, e.event_id, e.digest FROM json_each(:keys) k CROSS JOIN events e"
        " ON e.user_id = json_extract(k.value, '$[0]') AND e.event_id = json_extract(k.value, '$[1]')"
    ),
    "postgresql": text(
        "SELECT e.user_id, e.event_id, e.digest FROM json_array_elements(CAST(:keys AS json)) k"
        " JOIN events e ON e.user_id = k->>0 AND e.event_id = k->>1"
    ),
}


class _Draft(NamedTuple):
    """An event on its way in."""

    event: Event
    ts: datetime | None
    digest: bytes
    content: str


class Activity(NamedTuple):
    """When a user was there."""

    events: int
    """With a time, as are all that follow."""
    first: datetime
    last: datetime
    days: int
    """With any event, in UTC."""
    last_event: str
    """Id of the last."""


class EventStore:
    """The events of all users, with a running digest for each user and counts for the population."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, events: Sequence[Event]) -> Added:
        """Take in a batch, all of it or, when this raises, nothing.

        An event that is stored already, or stands twice in the batch, counts once. The same id with other content is a
        conflict: the older one stays.

        Raises:
            StoreError: the database refused, or an event holds what JSON cannot say.
        """
        drafts = [_draft(event) for event in events]
        fresh: list[_Draft] = []
        duplicates, conflicts = 0, list[str]()
        with self._database.connection() as connection:
            if self._database.dialect == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("events")})
            known = self._stored(connection, {(event.user_id, event.event_id) for event in events})
            for draft in drafts:
                key = (draft.event.user_id, draft.event.event_id)
                digest = known.setdefault(key, draft.digest)
                if digest is draft.digest:
                    fresh.append(draft)
                elif digest == draft.digest:
                    duplicates += 1
                else:
                    conflicts.append("\t".join(key))
            if fresh:
                self._update_users(connection, fresh)
                self._database.write(connection, EventRow, COLUMNS, [self._row(draft) for draft in fresh])
                self._count_attributes(connection, fresh)
        return Added(accepted=len(fresh), duplicates=duplicates, conflicts=tuple(conflicts))

    def history(self, user_id: str) -> History:
        """All events of a user, oldest first; empty where the user is not known."""
        events: list[Event] = []
        with self._database.reading() as connection:
            rows = HISTORY.run(connection, {"user": user_id})
            while page := rows.fetchmany(PAGE):
                events += _events(content for (content,) in page)
        return History.model_construct(user_id=user_id, events=tuple(events))

    def each(self, user_id: str) -> Iterator[Event]:
        """The events of a user, oldest first, read page by page: however many there are, a page is held at a time."""
        with self._database.reading() as connection:
            rows = connection.execute(OLDEST_FIRST, {"user": user_id}, execution_options={"yield_per": PAGE})
            for page in rows.scalars().partitions():
                yield from _events(page)

    def some(self, user_id: str, event_ids: Sequence[str]) -> dict[str, Event]:
        """Those of the named events that exist, by id."""
        named = EventRow.event_id.in_(NAMED[self._database.dialect])
        some = select(EventRow.content).where(EventRow.user_id == USER, named)
        with self._database.reading() as connection:
            contents = connection.scalars(some, {"user": user_id, "ids": _json(event_ids)}).all()
        return {event.event_id: event for event in _events(contents)}

    def users(self, after: str | None = None) -> Iterator[str]:
        """User ids in order, those after `after`, read page by page."""
        while True:
            page = select(UserRow.user_id).where(UserRow.user_id > (after or "")).order_by(UserRow.user_id).limit(PAGE)
            with self._database.reading() as connection:
                user_ids = connection.scalars(page).all()
            yield from user_ids
            if len(user_ids) < PAGE:
                return
            after = user_ids[-1]

    def sample(self, most: int) -> list[str]:
        """At most so many users, drawn by the digest of their id: the same ones while the store stays as it is."""
        return nsmallest(most, self.users(), key=lambda user: hashlib.blake2b(user.encode(), digest_size=8).digest())

    def counts(self) -> dict[str, int]:
        """How many `users` and `events` there are."""
        totals = select(func.count(), func.coalesce(func.sum(UserRow.events), 0)).select_from(UserRow)
        with self._database.reading() as connection:
            users, events = connection.execute(totals).one()
        return {"users": users, "events": int(events)}

    def newest(self) -> datetime | None:
        """The time of the newest event of all; None where none has a time."""
        with self._database.reading() as connection:
            return connection.scalar(NEWEST)

    def activity(self, user_id: str, until: datetime) -> Activity | None:
        """When a user was there, up to a moment; None where no event of theirs has a time before it."""
        row, seen = EventRow, [EventRow.user_id == USER, EventRow.ts <= until]
        days = func.count(func.distinct(func.date(row.ts)))
        told = select(func.count(), func.min(row.ts), func.max(row.ts), days).where(*seen)
        newest = select(row.event_id).where(*seen).order_by(row.ts.desc(), row.seq.desc()).limit(1)
        with self._database.reading() as connection:
            events, first, last, active = connection.execute(told, {"user": user_id}).one()
            if first is None or last is None:
                return None
            return Activity(events, first, last, active, connection.execute(newest, {"user": user_id}).scalar_one())

    def user_digest(self, user_id: str) -> str:
        """The digest of a user's events, whatever order they came in; of no events where the user is not known."""
        with self._database.reading() as connection:
            return DIGEST.scalar(connection, {"user": user_id}) or _hex(0)

    def baseline(self, limit: int = 20_000) -> Mapping[tuple[str, str], int]:
        """Events in the population that carry an item attribute's value, by (attribute, value), largest first.

        ("", "") stands for all events. At most `limit` entries.
        """
        row = AttributeCountRow
        largest = select(row.attribute, row.value, row.events).order_by(row.events.desc(), row.attribute, row.value)
        with self._database.reading() as connection:
            return {(attribute, value): count for attribute, value, count in connection.execute(largest.limit(limit))}

    def _row(self, draft: _Draft) -> tuple[Any, ...]:
        event, ts, digest, content = draft
        return (event.user_id, event.event_id, self._database.moment(ts), event.kind, event.item_id, digest, content)

    def _stored(self, connection: Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """The digests of those events that are stored."""
        rows = connection.execute(STORED[self._database.dialect], {"keys": _json(keys)})
        return {(user_id, event_id): digest for user_id, event_id, digest in rows}

    def _update_users(self, connection: Connection, drafts: Iterable[_Draft]) -> None:
        counts, sums = Counter[str](), Counter[str]()
        first: dict[str, datetime] = {}
        last: dict[str, datetime] = {}
        for event, ts, digest, _ in drafts:
            user = event.user_id
            counts[user] += 1
            sums[user] += int.from_bytes(digest)
            if ts is not None:
                first[user] = min(ts, first.get(user, ts))
                last[user] = max(ts, last.get(user, ts))
        stored = select(UserRow).where(UserRow.user_id.in_(NAMED[self._database.dialect]))
        known = {row.user_id: row for row in connection.execute(stored, {"ids": _json(counts)})}
        rows = []
        for user in sorted(counts):
            row = known.get(user)
            times = [first.get(user), last.get(user)] + ([row.first_ts, row.last_ts] if row else [])
            rows.append(
                {
                    "user_id": user,
                    "events": counts[user] + (row.events if row else 0),
                    "digest": _hex(sums[user] + (int(row.digest, 16) if row else 0)),
                    "first_ts": min((ts for ts in times if ts), default=None),
                    "last_ts": max((ts for ts in times if ts), default=None),
                }
            )
        upsert = self._database.insert(UserRow)
        changed = {name: upsert.excluded[name] for name in ("events", "digest", "first_ts", "last_ts")}
        connection.execute(upsert.on_conflict_do_update(index_elements=["user_id"], set_=changed), rows)

    def _count_attributes(self, connection: Connection, drafts: Iterable[_Draft]) -> None:
        counts = Counter[tuple[str, str]]()
        for draft in drafts:
            counts[("", "")] += 1
            if draft.event.item:
                counts.update(_attributes(draft.event))
        upsert = self._database.insert(AttributeCountRow)
        more = {"events": AttributeCountRow.events + upsert.excluded.events}
        connection.execute(
            upsert.on_conflict_do_update(index_elements=["attribute", "value"], set_=more),
            [{"attribute": key, "value": value, "events": count} for (key, value), count in sorted(counts.items())],
        )


def _draft(event: Event) -> _Draft:
    ts = event.ts
    if ts is not None and ts.tzinfo is not UTC:
        ts = ts.replace(tzinfo=UTC) if ts.tzinfo is None else ts.astimezone(UTC)
    fields = {name: value for name, value in event.__dict__.items() if value or value == 0}
    if ts is not None:
        fields["ts"] = ts
    try:
        content = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise StoreError(f"Event {event.event_id} of user {event.user_id} cannot be stored: {error}.") from error
    return _Draft(event, ts, hashlib.blake2b(content, digest_size=16).digest(), content.decode())


def _events(contents: Iterable[str]) -> tuple[Event, ...]:
    return tuple([_event(fields) for fields in orjson.loads(f"[{','.join(contents)}]")])


def _event(given: dict[str, Any]) -> Event:
    """A stored event, which was checked when it came in; its time in Python's own UTC, which is ten times as quick to
    compare as that of a check."""
    fields = ABSENT | given
    fields["user_id"] = intern(fields["user_id"])  # what is the same in many events is kept once
    fields["kind"] = intern(fields["kind"])
    fields["source"] = intern(fields["source"])
    if fields["ts"] is not None:
        fields["ts"] = datetime.fromisoformat(fields["ts"])
    event = Event.__new__(Event)
    put = object.__setattr__  # what `__setstate__` does, in three quarters of the time for the whole event
    put(event, "__dict__", fields)
    put(event, "__pydantic_fields_set__", GIVEN)
    put(event, "__pydantic_extra__", None)
    put(event, "__pydantic_private__", None)
    return event


def _attributes(event: Event) -> list[tuple[str, str]]:
    """What an item, or a line of a basket, is, as (attribute, value): at most 60 values of at most 80 characters."""
    found: dict[tuple[str, str], None] = {}
    for item in (event.item, *event.lines):
        for key, value in item.items():
            if key not in NOT_ATTRIBUTES:
                values = [value] if isinstance(value, str) else value if isinstance(value, list) else ()
                found |= {(key, one): None for one in values if isinstance(one, str) and 0 < len(one) <= 80}
    return list(found)[:60]


def _json(ids: Iterable[Any]) -> str:
    return orjson.dumps(list(ids)).decode()


def _hex(number: int) -> str:
    return f"{number % MODULUS:032x}"
