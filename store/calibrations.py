"""Fits of probabilities to what came true, each kept with its time."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import insert, select

from limner.domain import Fit
from store.database import Database
from store.tables import CalibrationRow

NEWEST = select(CalibrationRow.fit).order_by(CalibrationRow.id.desc()).limit(1)


class CalibrationStore:
    """The fits of one population; the newest is in force."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> Fit | None:
        """The fit in force; None before the first."""
        with self._database.reading() as connection:
            found = connection.scalar(NEWEST)
        return None if found is None else Fit.model_validate(found)

    def save(self, fit: Fit) -> None:
        row = {"created_at": datetime.now(UTC), "fit": fit.model_dump(mode="json")}
        with self._database.connection() as connection:
            connection.execute(insert(CalibrationRow), row)
