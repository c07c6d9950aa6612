from __future__ import annotations

from limner.domain import Fit, Line
from store.calibrations import CalibrationStore
from store.database import Database


def test_the_newest_fit_is_in_force(database: Database) -> None:
    fits = CalibrationStore(database)
    assert fits.newest() is None
    for shift in (0.1, 0.2):
        fits.save(Fit(population=3, lines={"rated": Line(shift=shift, slope=0.5)}))
    assert fits.newest() == Fit(population=3, lines={"rated": Line(shift=0.2, slope=0.5)})
