"""The ledger keeps how sure the model was of an answer, where it was asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("model_calls", sa.Column("logprob", sa.Double()))
