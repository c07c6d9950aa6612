"""What the texts of users say, as they were read last: `agents.texts` makes it and reads it again."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, select

from store.database import Database, Direct
from store.tables import TextsReadRow

USER: BindParameter[str] = bindparam("user")
READ = Direct(
    select(TextsReadRow.config, TextsReadRow.silent, TextsReadRow.telling).where(TextsReadRow.user_id == USER)
)


class Kept(NamedTuple):
    """What the texts of one user say; see `store.tables.TextsReadRow`."""

    config: str
    silent: bytes
    telling: bytes


class TextsRead:
    """A row for each user whose texts are not read again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        upsert = database.insert(TextsReadRow).values(user_id=USER, **{name: bindparam(name) for name in Kept._fields})
        self._replace = Direct(
            upsert.on_conflict_do_update(
                index_elements=["user_id"], set_={name: upsert.excluded[name] for name in Kept._fields}
            )
        )

    def of(self, user_id: str) -> Kept | None:
        """What was kept of a user's texts; None where nothing was."""
        with self._database.reading() as connection:
            row = READ.run(connection, {"user": user_id}).fetchone()
            return None if row is None else Kept(*row)

    def replace(self, connection: Connection, user_id: str, kept: Kept) -> None:
        """Put what a user's texts say in the place of what was kept, inside a transaction of a store."""
        self._replace.run(connection, {"user": user_id, **kept._asdict()})
