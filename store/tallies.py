"""What users did, counted: by thing and by kind of event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete

from store.database import Database, Direct
from store.tables import TallyRow

FORGET = Direct(delete(TallyRow).where(TallyRow.user_id == bindparam("user")))
COLUMNS = ("user_id", "key", "act", "events", "days", "paid", "rated", "stars")


class Tally(NamedTuple):
    """The events of one kind about one thing; see `store.tables.TallyRow`."""

    key: str
    act: str
    events: int
    days: int
    paid: float
    rated: int
    stars: float


def replace(database: Database, connection: Connection, user_id: str, tallies: Sequence[Tally]) -> None:
    """Put a user's counts in the place of earlier ones, inside a transaction of a store."""
    FORGET.run(connection, {"user": user_id})
    database.write(connection, TallyRow, COLUMNS, [(user_id, *tally) for tally in tallies])
