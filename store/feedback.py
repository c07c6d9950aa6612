"""Whether people found tags right: kept with what was served then, for calibration to be fitted on.

A judgement changes no tag. Nothing is written over: whoever judges the same state of a tag again has their newest word
counted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select

from limner.domain import Judgement
from limner.errors import TagNotFound, TagPinned
from store.database import Database
from store.tables import FeedbackRow, TagRow

FIELDS = tuple(Judgement.model_fields)
JUDGED = select(*(getattr(FeedbackRow, name) for name in FIELDS)).order_by(FeedbackRow.id)


class FeedbackStore:
    """The judgements of all users' tags."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user_id: str, key: str, *, correct: bool, author: str, why: str = "") -> Judgement:
        """A judgement of an open tag, served or candidate, as it is now.

        Raises:
            TagNotFound: the user has no such tag.
            TagPinned: its probability is nobody's estimate.
        """
        tag = TagRow
        now = select(tag.revision, tag.facet, tag.polarity, tag.basis, tag.probability, tag.status)
        with self._database.connection() as connection:
            said = connection.execute(
                now.where(tag.user_id == user_id, tag.key == key, tag.retired_revision.is_(None))
            ).first()
            if said is None:
                raise TagNotFound(user_id, key)
            if said.status == "pinned":
                raise TagPinned(user_id, key)
            row: dict[str, Any] = {"user_id": user_id, "key": key, "correct": correct, "author": author, "why": why}
            served = {name: value for name, value in said._mapping.items() if name != "status"}
            row |= served | {"created_at": datetime.now(UTC)}
            connection.execute(insert(FeedbackRow), row)
        return Judgement(**{name: row[name] for name in FIELDS})

    def every(self, user_id: str | None = None) -> list[Judgement]:
        """All judgements, of one user or of all, oldest first."""
        chosen = JUDGED if user_id is None else JUDGED.where(FeedbackRow.user_id == user_id)
        with self._database.reading() as connection:
            return [Judgement(**row._mapping) for row in connection.execute(chosen)]

    def judged(self) -> list[Judgement]:
        """What calibration is fitted on: of each person the newest word on each state of a tag, oldest first."""
        row = FeedbackRow
        newest = select(func.max(row.id)).group_by(row.user_id, row.key, row.revision, row.author)
        with self._database.reading() as connection:
            return [Judgement(**found._mapping) for found in connection.execute(JUDGED.where(row.id.in_(newest)))]
