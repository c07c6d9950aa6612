"""What questions about the population are answered from, and who asked them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

NAME = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
SERVED = sa.text("retired_revision IS NULL AND status <> 'candidate'")


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("key", NAME, nullable=False),
        sa.Column("act", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("paid", sa.Double(), nullable=False),
        sa.Column("rated", sa.Integer(), nullable=False),
        sa.Column("stars", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name="fk_tallies_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "act", "user_id", name="pk_tallies"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tallies_user_id", "tallies", ["user_id"])
    op.create_table(
        "audit",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index(
        "ix_tags_served",
        "tags",
        ["key", "polarity", "user_id", "probability", "status", "retired_revision"],
        sqlite_where=SERVED,
        postgresql_where=SERVED,
    )
