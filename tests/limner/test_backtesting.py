"""`limner eval backtest` over a home with listeners whose tastes last, change, and begin."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from evals.backtest import METRICS
from evals.forecasts import SYSTEMS
from evals.runs import Runs
from evals.summary import summary
from tests.limner.terminal import limner

GENRES = ["Jazz", "Rock", "Folk", "Blues", "Metal", "Soul", "Punk", "Reggae", "Techno", "Opera", "Ambient", "Disco"]
USERS = 12


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("backtest")
    draw = random.Random(3)
    lines: list[bytes] = []
    for user in range(USERS):
        lasting, fading, *coming = draw.sample(GENRES, 4)
        for number in range(60):
            genre = draw.choice([lasting, lasting, fading] if number < 36 else [lasting, *coming])
            when = f"2026-0{1 + number // 20}-{1 + number % 20:02d}T12:00:00Z"
            told = {"event_id": f"e{number}", "user_id": f"u{user}", "ts": when, "kind": "play"}
            lines.append(orjson.dumps(told | {"item_id": f"i{number}", "item": {"genres": [genre]}}))
    events = folder / "events.jsonl"
    events.write_bytes(b"\n".join(lines))
    settings = {"LIMNER_HOME": str(folder / "home")}
    assert limner("ingest", events, **settings).code == 0
    yield settings


def test_a_backtest_tells_limner_and_simple_rules_apart_and_keeps_their_runs(home: dict[str, str]) -> None:
    said = limner("eval", "backtest", "--json", **home)
    assert said.code == 0, said
    found = said.json
    assert list(found["systems"]) == list(SYSTEMS) and found["users"] == USERS
    for system, one in found["systems"].items():
        run = Runs(Path(home["LIMNER_HOME"])).open(one["run"])
        assert run.header.system == system and list(run.header.metrics) == list(METRICS)
        assert summary(run)["recall"].mean == one["metrics"]["recall"]["mean"]
        assert run.outputs().keys() == {f"u{user}" for user in range(USERS)}
    limner_is, chance = (found["systems"][system]["metrics"] for system in ("limner", "chance"))
    # What lasts is played in 24 of 36 events before and in a third of those after: whoever counts finds it.
    assert limner_is["stability"]["mean"] > 0.9 and chance["stability"]["mean"] < 0.6
    assert limner_is["novelty"]["mean"] < 0.5
    assert set(found["differences"]) == {"frequency", "recency", "co-occurrence"}
    assert found["differences"]["recency"]["recall"]["delta"] == pytest.approx(
        limner_is["recall"]["mean"] - found["systems"]["recency"]["metrics"]["recall"]["mean"]
    )
    compared = limner("eval", "compare", *(found["systems"][name]["run"] for name in ("chance", "limner")), **home)
    assert compared.code == 0 and f"{USERS} samples paired" in compared.words


def test_a_backtest_says_the_same_twice_and_shows_it_in_lines(home: dict[str, str]) -> None:
    first, again = (
        limner("eval", "backtest", "--split", "2026-02-17", "--users", "8", "--json", **home).json for _ in "12"
    )
    numbers = [[one["metrics"] for one in told["systems"].values()] for told in (first, again)]
    assert numbers[0] == numbers[1] and first["users"] == 8
    said = limner("eval", "backtest", "--split", "2026-02-17", **home)
    assert said.code == 0 and "limner less each rule" in said.words
    assert sum("●" in line for line in said.out.splitlines()) == 6 * len(SYSTEMS)


@pytest.mark.parametrize(
    ("split", "words"),
    [
        pytest.param("soon", "takes a time such as 2026-06-01, or a share", id="neither"),
        pytest.param("1", "a share lies between 0 and 1", id="one side"),
        pytest.param("2031-01-01", "the newest event is of 2026-03-20. Choose another --split", id="too late"),
    ],
)
def test_a_split_that_splits_nothing_is_refused(home: dict[str, str], split: str, words: str) -> None:
    said = limner("eval", "backtest", "--split", split, **home)
    assert said.code == 2 and words in said.words


def test_logs_without_anything_to_come_back_to_are_refused(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    lines = [
        {"event_id": f"e{number}", "user_id": f"u{number % 2}", "kind": "play", "item": {"title": f"t{number}"}}
        for number in range(40)
    ]
    events.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    settings = {"LIMNER_HOME": str(tmp_path / "home")}
    assert "There are no events" in limner("eval", "backtest", **settings).words
    assert limner("ingest", events, **settings).code == 0
    said = limner("eval", "backtest", **settings)
    assert said.code == 2 and "needs things that people come back to" in said.words
