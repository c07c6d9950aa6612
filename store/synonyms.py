"""Which keys are other names of a thing, who decided it and how; and the corrections that follow a key to its thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select, update

from limner.domain import Label, Synonym
from limner.errors import StoreError
from store.database import Database
from store.tables import AnyRow, FeedbackRow, OverrideRow, SynonymRow

CORRECTIONS: Mapping[str, type[OverrideRow] | type[FeedbackRow]] = {"overrides": OverrideRow, "feedback": FeedbackRow}


class SynonymStore:
    """Every key that was looked at, by key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def every(self) -> dict[str, Synonym]:
        with self._database.reading() as connection:
            rows = connection.execute(select(SynonymRow).order_by(SynonymRow.key)).all()
        return {row.key: _synonym(row) for row in rows}

    def corrected(self) -> set[str]:
        """Keys that an override or feedback is about."""
        with self._database.reading() as connection:
            return {key for row in CORRECTIONS.values() for key in connection.scalars(select(row.key).distinct())}

    def save(self, decided: Iterable[Synonym], corrections: Mapping[str, Synonym]) -> None:
        """Keep decisions, in place of earlier ones about the same keys, and move corrections along.

        Args:
            corrections: Key that a correction is about, to what it is called now.
        """
        with self._database.connection() as connection:
            moved = {key: self._move(connection, key, name.canonical) for key, name in corrections.items()}
            for one in decided:
                kept = connection.scalar(select(SynonymRow.moved).where(SynonymRow.key == one.key)) or []
                row = _row(one) | {"moved": [*kept, *moved.get(one.key, [])]}
                upsert = self._database.insert(SynonymRow).values(**row)
                connection.execute(upsert.on_conflict_do_update(index_elements=["key"], set_=row))

    def undo(self, key: str) -> Synonym:
        """Make a merged key a thing of its own again, for good; corrections that followed it come back.

        Returns:
            What had been decided.

        Raises:
            StoreError: the key is not merged, or the taxonomy says so itself.
        """
        row = SynonymRow
        with self._database.connection() as connection:
            found = connection.execute(select(row).where(row.key == key)).first()
            if found is None or found.state != "merged":
                raise StoreError(f"{key} is not merged into anything; `limner taxonomy merges list` shows what is.")
            if found.how == "taxonomy":
                raise StoreError(
                    f"{key} is {found.canonical} because the taxonomy file says so in `was`: change it there."
                )
            for table, id_, former in found.moved:
                correction = CORRECTIONS[table]
                connection.execute(update(correction).where(correction.id == id_).values(key=former))
            undone = {"state": "undone", "moved": [], "decided_at": datetime.now(UTC)}
            connection.execute(update(row).where(row.key == key).values(**undone))
        return _synonym(found)

    def _move(self, connection: Connection, old: str, new: str) -> list[list[Any]]:
        """Put overrides and feedback about a key under another; which they were."""
        moved: list[list[Any]] = []
        for table, row in CORRECTIONS.items():
            changed: Sequence[int] = connection.scalars(
                update(row).where(row.key == old).values(key=new).returning(row.id)
            ).all()
            moved += [[table, id_, old] for id_ in changed]
        return moved


def _synonym(row: AnyRow) -> Synonym:
    fields = ("key", "canonical", "facet", "how", "state", "similarity", "embedder", "decided_at")
    return Synonym.model_construct(
        label=Label.model_construct(en=row.label_en, zh=row.label_zh), **{name: getattr(row, name) for name in fields}
    )


def _row(one: Synonym) -> dict[str, Any]:
    fields = {name: value for name, value in one.__dict__.items() if name != "label"}
    return fields | {
        "label_en": one.label.en,
        "label_zh": one.label.zh,
        "decided_at": one.decided_at or datetime.now(UTC),
    }
