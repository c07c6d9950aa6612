"""Probabilities fitted on the histories at hand, by a run and by hand."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.limner.terminal import limner

GENRES = ("Horror", "Comedy", "Drama")


@pytest.fixture
def crowd(home: Path, tmp_path: Path) -> Path:
    """Thirty users who go on rating as they began, and say so."""
    rows = [
        {"user_id": f"u{user:02}", "event_id": f"e{n}", "ts": 1_700_000_000 + n * 3600, "kind": "rating"}
        | {"value": 1 + (n + user) % 3 * 2, "item": {"title": f"T{n}", "genres": [GENRES[(n + user) % 3]]}}
        for user in range(30)
        for n in range(30)
    ]
    file = tmp_path / "crowd.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    assert limner("ingest", file).code == 0
    return home


def test_a_run_over_enough_users_fits_the_probabilities_once(crowd: Path) -> None:
    assert limner("run", "--limit", "2", "--json").json["users"]["done"] == 2
    (likes,) = (tag for tag in limner("profile", "u00", "--json").json["tags"] if tag["key"] == "genre/drama")
    assert likes["probability"] > 0.95  # everybody's later ratings bear out the earlier ones
    again = limner("run", "--limit", "2", "--json").json
    assert again["users"]["unchanged"] == 2 and again["model_calls"] == 0


def test_calibrate_tells_how_often_claims_came_true(crowd: Path) -> None:
    told = limner("calibrate", "--json").json
    assert told["fit"]["population"] == 30 and told["fit"]["checks"] == 60
    (judged,) = (one for one in told["judged"] if one["published"])
    assert judged["way"] == "rated" and judged["came_true"] == 1.0 and judged["error"]["mean"] < 0.1
    assert "Proved by rated" in limner("calibrate").out


def test_calibrate_without_histories_keeps_what_limner_comes_with(home: Path) -> None:
    assert limner("calibrate", "--json").json["fit"]["users"] == 0
