"""What the texts of a user say is kept, so that an update reads only those that are new."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

NAME = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "texts_read",
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("silent", sa.LargeBinary(), nullable=False),
        sa.Column("telling", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_texts_read_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_texts_read"),
    )
