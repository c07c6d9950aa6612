"""Which tags of each user are served, as one short text a user: what rankings over all tags are counted from.

To rank the tags of a group, every tag of every user in it must be seen: of 100,000 users two million rows. Here the
tags of a user are a text of four characters each, written in the transaction that writes the tags. The database joins
the texts of a group, and they are counted as one array.

A tag is a number, that of its key times three and one more for each step of its polarity; a character is six bits of
it, the lowest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, bindparam, func, select

from limner.domain import Polarity, Tag
from store.database import Database, Direct
from store.tables import TagKeyRow, TagSetRow

AnySelect = Select[*tuple[Any, ...]]
"""A SELECT, whatever its columns."""
FIRST = 0x30
"""Of 64 characters that follow one another in ASCII."""
BITS = 6
CHARACTERS = 4
MOST = 2 ** (BITS * CHARACTERS) // 3
"""Keys that there is room for."""
_BASE = np.uint32(sum(FIRST << 8 * at for at in range(CHARACTERS)))


def encoded(number: int, polarity: int) -> str:
    """A tag as four characters."""
    left = 3 * number + polarity + 1
    return "".join(chr(FIRST + (left >> BITS * at & 63)) for at in range(CHARACTERS))


def counted(texts: str) -> dict[tuple[int, Polarity], int]:
    """How many users have each tag, by the number of its key and its polarity, in the joined texts of all of them."""
    packed = np.frombuffer(texts.encode("ascii"), dtype="<u4") - _BASE
    left = np.zeros(len(packed), np.uint32)
    for at in range(CHARACTERS):
        left |= packed >> np.uint32(8 * at - BITS * at) & np.uint32(63 << BITS * at)
    users = np.bincount(left)
    polarities: Sequence[Polarity] = (-1, 0, 1)
    return {(int(one) // 3, polarities[int(one) % 3]): int(users[one]) for one in np.flatnonzero(users)}


JOINED = func.aggregate_strings(TagSetRow.tags, "")
"""The texts of some users as one; none where there are none."""


class TagSets:
    """The sets of all users, and the numbers of keys."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[str, int] = {}
        """Of keys that another connection sees: a transaction that is undone takes its numbers with it."""
        upsert = database.insert(TagSetRow).values(user_id=bindparam("user"), tags=bindparam("tags"))
        self._replace = Direct(
            upsert.on_conflict_do_update(index_elements=["user_id"], set_={"tags": upsert.excluded.tags})
        )

    def replace(self, connection: Connection, user_id: str, tags: Iterable[Tag]) -> None:
        """Put a user's served tags in the place of earlier ones, inside a transaction of a store."""
        served = [tag for tag in tags if tag.status != "candidate"]
        numbers = self._numbered(connection, [tag.key for tag in served])
        text = "".join(sorted(encoded(numbers[tag.key], tag.polarity) for tag in served))
        self._replace.run(connection, {"user": user_id, "tags": text})

    def _numbered(self, connection: Connection, keys: Sequence[str]) -> dict[str, int]:
        """The numbers of keys; those that have none get one, inside the transaction of `connection`."""
        missing = {key for key in keys if key not in self._numbers}
        if missing:
            with self._database.reading() as committed:
                self._numbers |= _stored(committed, missing)
            missing -= self._numbers.keys()
        if not missing:
            return self._numbers
        fresh = [{"key": key} for key in sorted(missing)]
        connection.execute(self._database.insert(TagKeyRow).on_conflict_do_nothing(), fresh)
        return self._numbers | _stored(connection, missing)


def _stored(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    stored = select(TagKeyRow.key, TagKeyRow.number).where(TagKeyRow.key.in_(sorted(keys)))
    return {row.key: row.number for row in connection.execute(stored)}
