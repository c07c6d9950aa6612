"""Tags that compare users: what is said of whom, and that nobody is done again because the others moved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.limner.terminal import Said, limner

FIRST = datetime(2024, 1, 3, 15, 30, tzinfo=UTC)


def purchases(user: str, price: float, times: int = 12) -> Iterator[dict[str, Any]]:
    """One purchase a week, on a Wednesday afternoon."""
    for week in range(times):
        ts = (FIRST + timedelta(weeks=week)).isoformat()
        yield {"user_id": user, "event_id": f"{week}", "kind": "purchase", "ts": ts, "value": price}


def ingest(folder: Path, *users: tuple[str, float]) -> None:
    file = folder / f"{users[0][0]}.jsonl"
    file.write_bytes(b"\n".join(orjson.dumps(row) for user in users for row in purchases(*user)))
    assert limner("ingest", file).code == 0


def run(*options: str) -> dict[str, int]:
    said: Said = limner("run", "--json", *options)
    assert said.code == 0, said
    return dict(said.json["users"])


def tags(user: str) -> dict[str, Any]:
    return {tag["key"]: tag for tag in limner("profile", user, "--json").json["tags"]}


@pytest.fixture
def shop(home: Path, tmp_path: Path) -> Path:
    """A home with 40 shoppers who pay 10, 11, … 49 a week."""
    ingest(tmp_path, *((f"u{number}", number) for number in range(10, 50)))
    return home


def test_the_top_quarter_is_told_with_the_population_it_is_of(shop: Path) -> None:
    assert run()["done"] == 40
    spender = tags("u48")["behaviour/high-spender"]
    assert spender["status"] == "verified"
    assert spender["reason"] == "pays 52.36 a week against a median of 32.18: in the top quarter of 40 users"
    assert len(spender["evidence"]) >= 3
    assert "behaviour/low-spender" in tags("u11")
    assert not {"behaviour/high-spender", "behaviour/low-spender"} & tags("u30").keys()


def test_a_small_population_says_nothing_of_anybody(home: Path, tmp_path: Path) -> None:
    ingest(tmp_path, *((f"u{number}", number) for number in range(10, 39)))
    run()
    assert not any("spender" in key for user in ("u10", "u38") for key in tags(user))


def test_nobody_is_done_again_because_the_others_moved(shop: Path, tmp_path: Path) -> None:
    run()
    before = tags("u48")
    assert run()["unchanged"] == 40
    ingest(tmp_path, *((f"v{number}", number * 10) for number in range(10, 30)))
    assert (run()["done"], run()["unchanged"]) == (20, 60)
    assert tags("u48") == before
    assert tags("v29")["behaviour/high-spender"]["reason"].endswith("of 60 users")


def test_a_population_is_measured_anew_only_when_the_store_has_moved(shop: Path, tmp_path: Path) -> None:
    run()
    ingest(tmp_path, ("v1", 500), ("v2", 600))
    run()
    assert tags("v1")["behaviour/high-spender"]["reason"].endswith("of 40 users"), "two more of 40 move nothing"
    ingest(tmp_path, ("v3", 500), ("v4", 600), ("v5", 700))
    run()
    assert tags("v3")["behaviour/high-spender"]["reason"].endswith("of 45 users")


def test_some_users_are_compared_with_all(shop: Path) -> None:
    run("--users", "u48")
    assert tags("u48")["behaviour/high-spender"]["reason"].endswith("of 40 users")
