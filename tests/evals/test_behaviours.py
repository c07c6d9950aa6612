from __future__ import annotations

import pytest

from evals.behaviours import SET, score
from evals.genres import DATA
from evals.scorers import f1
from tests.agents.histories import TAXONOMY


def test_f1_is_two_thirds_where_half_of_what_is_found_is_right_and_nothing_missed() -> None:
    found = f1([1, 1], [1, 1], [0, 0])
    assert found.mean == pytest.approx(2 / 3)
    assert found.low <= found.mean <= found.high
    assert found.n == 2


def test_f1_of_nothing_is_nothing() -> None:
    assert f1([0], [0], [0]).n == 0
    assert f1([0, 0], [0, 0], [2, 1]).mean == 0


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not beside this folder")
def test_price_sensitivity_agrees_with_another_analyst_and_no_name_flips_a_tag() -> None:
    found = score(DATA / SET, TAXONOMY)
    limner = found.tags["limner"]
    assert min(limner[name].f1.mean for name in ("price_sensitive", "brand_loyal_full_price", "weekend_shopper")) >= 0.9
    assert limner["all"].f1.low > max(found.tags[way]["all"].f1.high for way in found.tags if way != "limner")
    assert found.flipped == 0
