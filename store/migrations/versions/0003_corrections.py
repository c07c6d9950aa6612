"""Corrections and feedback: what each was about, and what the ledger did to a profile.

No limner wrote to `overrides` or `feedback` before, so that both are made anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NAME = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("users", sa.Column("corrections", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("tags", sa.Column("corrected", sa.Text(), nullable=False, server_default=""))
    op.drop_table("overrides")
    op.create_table(
        "overrides",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("change", sa.JSON(), nullable=False),
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("label", sa.JSON(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revision", sa.Integer()),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", MOMENT),
        sa.Column("withdrawn_by", sa.Text()),
        sa.Column("withdrawn_why", sa.Text()),
        sa.Column("withdrawn_revision", sa.Integer()),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_overrides_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_overrides"),
    )
    op.create_index("ix_overrides_user_id_key", "overrides", ["user_id", "key"])
    op.drop_table("feedback")
    op.create_table(
        "feedback",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("correct", sa.Boolean(), nullable=False),
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("polarity", sa.SmallInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_feedback_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_user_id_key", "feedback", ["user_id", "key"])
