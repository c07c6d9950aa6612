from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evals import meaning
from evals.scorers import area, could_speak
from prompts import taxonomy


def test_the_area_is_how_often_what_belongs_is_put_first() -> None:
    """Of the four pairs of one that belongs and one that does not, 3 and a tie are in order: 3.5 of 4."""
    says, has = np.array([3.0, 1.0, 1.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0])
    assert area(says, has) == pytest.approx(3.5 / 4)
    assert area(-says, has) == pytest.approx(0.5 / 4)
    assert area(says, np.ones(4)) == 0.5


def test_a_judge_could_speak_only_above_where_nineteen_in_twenty_belong() -> None:
    has = np.array([1.0] * 30 + [0.0] * 30)
    assert could_speak(-np.arange(60.0), has) == pytest.approx(31 / 60)
    assert could_speak(np.arange(60.0), has) == 0


def test_every_film_is_paired_with_a_genre_it_has_and_one_that_others_have(tmp_path: Path) -> None:
    genres = [["Horror", "War"], ["Comedy"], ["Drama"], ["Comedy", "Drama"]]
    rows = [
        {"kind": "review", "text": f"text {at}", "item": {"title": f"film {at}", "genres": mine}}
        for at, mine in enumerate(genres)
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, [*rows, {"kind": "search"}])), "utf-8")
    drawn = meaning.read([tmp_path / "events.jsonl"], taxonomy.load(), language="en")
    known = {row["item"]["title"]: row["item"]["genres"] for row in rows}  # type: ignore[index]
    given = [(sample.given["title"], sample.given["genre"], sample.reference["has"]) for sample in drawn]  # type: ignore[index]
    assert all((genre in known[title]) == has for title, genre, has in given)
    assert sum(has for _, _, has in given) == 4
    assert {genre for _, genre, has in given if not has} <= {genre for _, genre, has in given if has}
    assert {sample.cluster for sample in drawn} == set(known)
