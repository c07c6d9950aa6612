"""The first schema: events, profiles with their history, runs, and the state of the index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NAME = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "attribute_counts",
        sa.Column("attribute", NAME, nullable=False),
        sa.Column("value", NAME, nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("attribute", "value", name="pk_attribute_counts"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_attribute_counts_events", "attribute_counts", ["events"])
    op.create_table(
        "index_entries",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", NAME, nullable=False),
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary()),
        sa.Column("build", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_index_entries"),
        sa.UniqueConstraint("kind", "ref", "facet", "language", name="uq_index_entries_kind_ref_facet_language"),
    )
    op.create_table(
        "index_state",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("current", sa.Text(), nullable=False),
        sa.Column("embedder", sa.Text(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("built_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_index_state"),
    )
    op.create_table(
        "label_vectors",
        sa.Column("embedder", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("embedder", "digest", name="pk_label_vectors"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runs",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("users_total", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("resumed_at", MOMENT, nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process_started", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_runs"),
    )
    op.create_table(
        "users",
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("first_ts", MOMENT),
        sa.Column("last_ts", MOMENT),
        sa.Column("profiled_digest", sa.Text()),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
    )
    op.create_table(
        "conflicts",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("set_aside", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name="fk_conflicts_run"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_conflicts_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_conflicts"),
    )
    op.create_index("ix_conflicts_user_id", "conflicts", ["user_id"])
    op.create_table(
        "events",
        sa.Column("seq", SERIAL, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("event_id", NAME, nullable=False),
        sa.Column("ts", MOMENT),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text()),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_events_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        sa.UniqueConstraint("user_id", "event_id", name="uq_events_user_id_event_id"),
    )
    op.create_table(
        "feedback",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("correct", sa.Boolean(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_feedback_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_user_id_key", "feedback", ["user_id", "key"])
    op.create_table(
        "model_calls",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("prompt_digest", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("tokens_in", sa.Integer(), nullable=False),
        sa.Column("tokens_out", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name="fk_model_calls_run"),
        sa.PrimaryKeyConstraint("id", name="pk_model_calls"),
    )
    op.create_index("ix_model_calls_request_digest", "model_calls", ["request_digest"])
    op.create_index("ix_model_calls_run", "model_calls", ["run"])
    op.create_table(
        "overrides",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("change", sa.JSON(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("withdrawn_at", MOMENT),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_overrides_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_overrides"),
    )
    op.create_index("ix_overrides_user_id_key", "overrides", ["user_id", "key"])
    op.create_table(
        "profiles",
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompts", sa.JSON(), nullable=False),
        sa.Column("taxonomy", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name="fk_profiles_run"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_profiles_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "revision", name="pk_profiles"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_items",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("revision", sa.Integer()),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name="fk_run_items_run"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_run_items_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "user_id", name="pk_run_items"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_items_user_id", "run_items", ["user_id"])
    op.create_table(
        "tags",
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("label_en", sa.Text(), nullable=False),
        sa.Column("label_zh", sa.Text(), nullable=False),
        sa.Column("polarity", sa.SmallInteger(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("valid_from", MOMENT),
        sa.Column("valid_to", MOMENT),
        sa.Column("lift", sa.Double()),
        sa.Column("measure", sa.Double()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("explicit_positive", sa.Integer(), nullable=False),
        sa.Column("implicit_positive", sa.Integer(), nullable=False),
        sa.Column("explicit_negative", sa.Integer(), nullable=False),
        sa.Column("implicit_negative", sa.Integer(), nullable=False),
        sa.Column("stated", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("retired_at", MOMENT),
        sa.Column("retired_revision", sa.Integer()),
        sa.Column("retired_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name="fk_tags_run"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_tags_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "key", "revision", name="pk_tags"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_tags_open",
        "tags",
        ["user_id", "key"],
        unique=True,
        sqlite_where=sa.text("retired_revision IS NULL"),
        postgresql_where=sa.text("retired_revision IS NULL"),
    )
    op.create_table(
        "personas",
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("sentences", sa.JSON(), nullable=False),
        sa.Column("embedder", sa.Text()),
        sa.Column("vector", sa.LargeBinary()),
        sa.ForeignKeyConstraint(
            ["user_id", "revision"],
            ["profiles.user_id", "profiles.revision"],
            name="fk_personas_user_id_revision",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "revision", "language", name="pk_personas"),
    )
    op.create_table(
        "tag_evidence",
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("cited", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "key", "revision"],
            ["tags.user_id", "tags.key", "tags.revision"],
            name="fk_tag_evidence_user_id_key_revision",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "key", "revision", name="pk_tag_evidence"),
        sqlite_with_rowid=False,
    )
