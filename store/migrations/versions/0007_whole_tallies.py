"""PostgreSQL reads the numbers over all events of all users from an index alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "ix_tallies_whole",
            "tallies",
            ["act", "user_id"],
            postgresql_include=["events", "days", "paid", "rated", "stars"],
            postgresql_where=sa.text("key = ''"),
            if_not_exists=True,
        )
