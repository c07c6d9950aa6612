"""The served tags of each user as one text, so that rankings over all tags are quick."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

NAME = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
USERS = 500


def upgrade() -> None:
    keys = op.create_table(
        "tag_keys",
        sa.Column("number", SERIAL, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_tag_keys"),
        sa.UniqueConstraint("key", name="uq_tag_keys_key"),
    )
    sets = op.create_table(
        "tag_sets",
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_tag_sets_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_tag_sets"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    served = "FROM tags WHERE retired_revision IS NULL AND status <> 'candidate'"
    connection.execute(sa.text(f"INSERT INTO tag_keys (key) SELECT DISTINCT key {served} ORDER BY key"))
    numbers = {row.key: row.number for row in connection.execute(sa.select(keys))}
    users = connection.execute(sa.text("SELECT DISTINCT user_id FROM profiles ORDER BY user_id")).scalars().all()
    held = sa.text(f"SELECT user_id, key, polarity {served} AND user_id >= :first AND user_id <= :last")
    for start in range(0, len(users), USERS):
        page = users[start : start + USERS]
        tags: dict[str, list[str]] = {user: [] for user in page}
        for row in connection.execute(held, {"first": page[0], "last": page[-1]}):
            tags.setdefault(row.user_id, []).append(_encoded(numbers[row.key], row.polarity))
        rows = [{"user_id": user, "tags": "".join(sorted(one))} for user, one in tags.items()]
        connection.execute(sa.insert(sets), rows)


def _encoded(number: int, polarity: int) -> str:
    """As `store.sets.encoded` was when this migration was written."""
    left = 3 * number + polarity + 1
    return "".join(chr(0x30 + (left >> 6 * at & 63)) for at in range(4))
