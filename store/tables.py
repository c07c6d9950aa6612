"""The tables, as typed SQLAlchemy models; rows of them never leave this room.

Names and user ids compare byte by byte on both databases (collation "C" on PostgreSQL), so that paging by user id
walks in the same order everywhere. Times are UTC and come back aware. What belongs to a user goes when the user goes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    SmallInteger,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Moment(TypeDecorator[datetime]):
    """A time in UTC: aware in Python on both databases. A naive value is taken as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


AnyRow = Row[*tuple[Any, ...]]
"""A row of a query, whatever its columns."""

NAME = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
SERIAL = BigInteger().with_variant(Integer, "sqlite")

Name = Annotated[str, mapped_column(NAME)]
Serial = Annotated[int, mapped_column(SERIAL, primary_key=True)]
UserId = Annotated[str, mapped_column(NAME, ForeignKey("users.user_id", ondelete="CASCADE"))]
Run = Annotated[str, mapped_column(Text, ForeignKey("runs.run"))]


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy declares it as a plain attribute)
        str: Text,
        bytes: LargeBinary,
        float: Double,
        datetime: Moment,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


class UserRow(Table):
    __tablename__ = "users"

    user_id: Mapped[Name] = mapped_column(primary_key=True)
    events: Mapped[int]
    digest: Mapped[str]
    """Sum of the digests of the user's events, modulo 2**128, as hex: the order of arrival does not change it."""
    first_ts: Mapped[datetime | None]
    last_ts: Mapped[datetime | None]
    profiled_digest: Mapped[str | None]
    """What the current profile was made from: `digest`, a colon, and the digest of the configuration.

    None before the first profile, and after a correction that no run has read yet.
    """
    corrections: Mapped[int] = mapped_column(server_default="0")
    """How often the user's ledger was changed: a profile made under an older ledger is not stored."""


class EventRow(Table):
    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("user_id", "event_id"),)

    seq: Mapped[Serial]
    """Order of arrival."""
    user_id: Mapped[UserId]
    event_id: Mapped[Name]
    ts: Mapped[datetime | None]
    kind: Mapped[str]
    item_id: Mapped[str | None]
    digest: Mapped[bytes]
    content: Mapped[str]
    """The whole event as JSON with sorted keys, empty fields left out; `digest` is of these bytes."""


class AttributeCountRow(Table):
    """How many events carry a value of an item attribute; ("", "") counts all events."""

    __tablename__ = "attribute_counts"
    __table_args__ = (Index(None, "events"), {"sqlite_with_rowid": False})

    attribute: Mapped[Name] = mapped_column(primary_key=True)
    value: Mapped[Name] = mapped_column(primary_key=True)
    events: Mapped[int] = mapped_column(BigInteger)


class RunRow(Table):
    __tablename__ = "runs"

    run: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    note: Mapped[str]
    config: Mapped[dict[str, Any]]
    users_total: Mapped[int]
    started_at: Mapped[datetime]
    resumed_at: Mapped[datetime]
    """When the newest stretch of work began; `started_at` unless the run was resumed."""
    seconds: Mapped[float]
    """Of the stretches that ended before `resumed_at`, and after `finish` of all."""
    host: Mapped[str]
    pid: Mapped[int]
    process_started: Mapped[float]
    """Unix time; with host and pid it names one process for good."""


class RunItemRow(Table):
    __tablename__ = "run_items"
    __table_args__ = (Index(None, "user_id"), {"sqlite_with_rowid": False})

    run: Mapped[Run] = mapped_column(primary_key=True)
    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    state: Mapped[str]
    error_kind: Mapped[str]
    error: Mapped[str]
    seconds: Mapped[float]
    revision: Mapped[int | None]
    at: Mapped[datetime]


class ModelCallRow(Table):
    """The ledger: every attempt at asking the model."""

    __tablename__ = "model_calls"
    __table_args__ = (Index(None, "run"), Index(None, "request_digest"))

    id: Mapped[Serial]
    run: Mapped[Run]
    at: Mapped[datetime]
    purpose: Mapped[str]
    user_id: Mapped[str | None]
    attempt: Mapped[int]
    request_digest: Mapped[str]
    prompt_digest: Mapped[str]
    model: Mapped[str]
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    seconds: Mapped[float]
    outcome: Mapped[str]
    detail: Mapped[str]
    answer: Mapped[str | None]
    logprob: Mapped[float | None]


class ProfileRow(Table):
    __tablename__ = "profiles"
    __table_args__ = ({"sqlite_with_rowid": False},)

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[Run]
    model: Mapped[str]
    prompts: Mapped[dict[str, Any]]
    taxonomy: Mapped[str]
    digest: Mapped[str]
    created_at: Mapped[datetime]


class TagRow(Table):
    """One state of a tag: from the revision that recorded it to the one that retired it."""

    __tablename__ = "tags"
    __table_args__ = (
        Index(
            "uq_tags_open",
            "user_id",
            "key",
            unique=True,
            sqlite_where=text("retired_revision IS NULL"),
            postgresql_where=text("retired_revision IS NULL"),
        ),
        Index(
            "ix_tags_served",
            "key",
            "polarity",
            "user_id",
            "probability",
            "status",
            "retired_revision",  # the last two for SQLite, which reads the row where a condition's column is missing
            sqlite_where=text("retired_revision IS NULL AND status <> 'candidate'"),
            postgresql_where=text("retired_revision IS NULL AND status <> 'candidate'"),
        ),
        {"sqlite_with_rowid": False},
    )

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    key: Mapped[Name] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[Run]
    facet: Mapped[str]
    label_en: Mapped[str]
    label_zh: Mapped[str]
    polarity: Mapped[int] = mapped_column(SmallInteger)
    probability: Mapped[float]
    basis: Mapped[str]
    status: Mapped[str]
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    lift: Mapped[float | None]
    measure: Mapped[float | None]
    reason: Mapped[str]
    corrected: Mapped[str] = mapped_column(server_default="")
    explicit_positive: Mapped[int]
    implicit_positive: Mapped[int]
    explicit_negative: Mapped[int]
    implicit_negative: Mapped[int]
    stated: Mapped[int]
    digest: Mapped[bytes]
    """Of the whole tag with its evidence: equal means that nothing changed."""
    recorded_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    retired_revision: Mapped[int | None]
    retired_reason: Mapped[str]


class TagKeyRow(Table):
    """A number for every key that a tag ever had; see `store.sets`."""

    __tablename__ = "tag_keys"

    number: Mapped[Serial]
    key: Mapped[Name] = mapped_column(unique=True)


class TagSetRow(Table):
    """The served tags of a user as one text; see `store.sets`."""

    __tablename__ = "tag_sets"
    __table_args__ = ({"sqlite_with_rowid": False},)

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    tags: Mapped[str]


class TextsReadRow(Table):
    """What the texts of a user say; see `agents.texts`."""

    __tablename__ = "texts_read"

    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    config: Mapped[str]
    """Digest of the configuration that read them."""
    silent: Mapped[bytes]
    """Digests of those that say nothing, one after the other."""
    telling: Mapped[bytes]
    """JSON: digest, as hex, of each of the others, to what it says."""


class TagEvidenceRow(Table):
    """What a state of a tag rests on; apart from `tags`, so that looking through tags stays quick."""

    __tablename__ = "tag_evidence"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "key", "revision"], ["tags.user_id", "tags.key", "tags.revision"], ondelete="CASCADE"
        ),
        {"sqlite_with_rowid": False},
    )

    user_id: Mapped[Name] = mapped_column(primary_key=True)
    key: Mapped[Name] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    cited: Mapped[list[Any]]
    """[event id, signal, span] of each, strongest first."""


class TallyRow(Table):
    """What a user did, counted when they were profiled: of a kind of event, about a thing."""

    __tablename__ = "tallies"
    __table_args__ = (
        Index(None, "user_id"),
        Index(
            "ix_tallies_whole",
            "act",
            "user_id",
            postgresql_include=["events", "days", "paid", "rated", "stars"],
            postgresql_where=text("key = ''"),
        ).ddl_if(dialect="postgresql"),
        {"sqlite_with_rowid": False},
    )
    """The second index has PostgreSQL read the numbers over all events of all users without their rows, which lie
    scattered; in SQLite the rows lie in the order of the primary key."""

    key: Mapped[Name] = mapped_column(primary_key=True)
    """A thing, `year/1999` for items of that year, or "" for all events."""
    act: Mapped[Name] = mapped_column(primary_key=True)
    """Kind of event; "" for all kinds, which only the key "" has."""
    user_id: Mapped[UserId] = mapped_column(primary_key=True)
    events: Mapped[int]
    days: Mapped[int]
    """With such an event, in UTC."""
    paid: Mapped[float]
    rated: Mapped[int]
    stars: Mapped[float]
    """Sum of the ratings, in five-star units."""


class PersonaRow(Table):
    __tablename__ = "personas"
    __table_args__ = (
        ForeignKeyConstraint(["user_id", "revision"], ["profiles.user_id", "profiles.revision"], ondelete="CASCADE"),
    )

    user_id: Mapped[Name] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    writer: Mapped[str]
    sentences: Mapped[list[Any]]
    """[text, [key of a tag it renders, …]] of each."""
    embedder: Mapped[str | None]
    vector: Mapped[bytes | None]


class LabelVectorRow(Table):
    """The vector of a tag label, found by the digest of its text."""

    __tablename__ = "label_vectors"
    __table_args__ = ({"sqlite_with_rowid": False},)

    embedder: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    vector: Mapped[bytes]


class SynonymRow(Table):
    """What was decided about a key that the taxonomy does not know. Each is looked at once."""

    __tablename__ = "synonyms"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: Mapped[Name] = mapped_column(primary_key=True)
    canonical: Mapped[Name]
    facet: Mapped[str]
    label_en: Mapped[str]
    label_zh: Mapped[str]
    how: Mapped[str]
    state: Mapped[str]
    similarity: Mapped[float | None]
    embedder: Mapped[str | None]
    decided_at: Mapped[datetime]
    moved: Mapped[list[Any]]
    """[table, id, former key] of each correction that followed the key to `canonical`, so that it can come back."""


class OverrideRow(Table):
    """What a person decided about a tag: pin, deny or edit. A ledger: nothing in it is written over."""

    __tablename__ = "overrides"
    __table_args__ = (Index(None, "user_id", "key"),)

    id: Mapped[Serial]
    user_id: Mapped[UserId]
    key: Mapped[Name]
    action: Mapped[str]
    change: Mapped[dict[str, Any]]
    facet: Mapped[str]
    label: Mapped[dict[str, Any]]
    author: Mapped[str]
    why: Mapped[str]
    created_at: Mapped[datetime]
    revision: Mapped[int | None]
    seen: Mapped[int] = mapped_column(BigInteger)
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
    withdrawn_why: Mapped[str | None]
    withdrawn_revision: Mapped[int | None]


class ConflictRow(Table):
    """Two claims of which at most one can hold, and which one was kept."""

    __tablename__ = "conflicts"
    __table_args__ = (Index(None, "user_id"),)

    id: Mapped[Serial]
    user_id: Mapped[UserId]
    run: Mapped[Run]
    facet: Mapped[str]
    kept: Mapped[str]
    set_aside: Mapped[str]
    reason: Mapped[str]
    recorded_at: Mapped[datetime]


class FeedbackRow(Table):
    """Whether somebody found a tag right: what calibration is fitted on."""

    __tablename__ = "feedback"
    __table_args__ = (Index(None, "user_id", "key"),)

    id: Mapped[Serial]
    user_id: Mapped[UserId]
    key: Mapped[Name]
    correct: Mapped[bool]
    facet: Mapped[str]
    polarity: Mapped[int] = mapped_column(SmallInteger)
    basis: Mapped[str]
    probability: Mapped[float]
    """What was served, not what calibration would say today."""
    revision: Mapped[int]
    """That recorded the tag as it was judged."""
    author: Mapped[str]
    why: Mapped[str]
    created_at: Mapped[datetime]


class AuditRow(Table):
    """A question that was asked, and what was run for it."""

    __tablename__ = "audit"

    id: Mapped[Serial]
    at: Mapped[datetime]
    author: Mapped[str]
    scope: Mapped[str]
    question: Mapped[str]
    query: Mapped[dict[str, Any]]
    rows: Mapped[int]
    """Users named, or rows of an aggregate."""
    seconds: Mapped[float]
    outcome: Mapped[str]
    """answered, abstained, or the kind of error."""


class CalibrationRow(Table):
    """How far counting is trusted, as fitted at some time; the newest is in force."""

    __tablename__ = "calibrations"

    id: Mapped[Serial]
    created_at: Mapped[datetime]
    fit: Mapped[dict[str, Any]]


class IndexStateRow(Table):
    """Which index is current: one row for each place an index lives in."""

    __tablename__ = "index_state"

    place: Mapped[str] = mapped_column(primary_key=True)
    """A folder, or the URL of a Chroma server."""
    current: Mapped[str]
    """Name of the finished folder within the place; empty for a server."""
    embedder: Mapped[str]
    whole: Mapped[bool]
    """False from before the first write to a server until after the last."""
    built_at: Mapped[datetime]


class IndexEntryRow(Table):
    """What an id in the index stands for. The ids are drawn here, so that they say nothing about the user."""

    __tablename__ = "index_entries"
    __table_args__ = (UniqueConstraint("kind", "ref", "facet", "language"),)

    id: Mapped[Serial]
    kind: Mapped[str]
    ref: Mapped[Name]
    """Key of a tag, or id of a user."""
    facet: Mapped[str]
    """Empty for a persona."""
    language: Mapped[str]
    digest: Mapped[bytes | None]
    """Of the label's text; None for a persona."""
    build: Mapped[str]
    """The build that last found it in the database."""
