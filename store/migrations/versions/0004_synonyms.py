"""Keys that are other names of a thing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NAME = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "synonyms",
        sa.Column("key", NAME, nullable=False),
        sa.Column("canonical", NAME, nullable=False),
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("label_en", sa.Text(), nullable=False),
        sa.Column("label_zh", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("similarity", sa.Double()),
        sa.Column("embedder", sa.Text()),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_synonyms"),
        sqlite_with_rowid=False,
    )
