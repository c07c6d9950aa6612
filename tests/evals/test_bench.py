from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import orjson
import pytest

from agents.model import Reply, judged
from evals import bench, instant, synthetic
from limner import show
from limner.domain import Event
from limner.errors import SetupError
from prompts.answers import PersonaAnswer, ProposeAnswer
from tests.faulty_server import FaultyServer

FEW = 6


def untold(done: float, total: float) -> None:
    pass


def test_a_synthetic_file_is_the_beginning_of_any_longer_one(tmp_path: Path) -> None:
    short, long = tmp_path / "short.jsonl", tmp_path / "long.jsonl"
    assert synthetic.write(short, 2) == 200
    synthetic.write(long, 3)
    assert long.read_bytes().startswith(short.read_bytes())


def test_a_gzipped_synthetic_file_holds_the_same(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    synthetic.write(plain, 2)
    synthetic.write(packed, 2)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


@pytest.mark.parametrize("number", range(4))
def test_a_synthetic_history_is_made_of_events_in_order(number: int) -> None:
    events = [Event.model_validate_json(orjson.dumps(row)) for row in synthetic.history(number)]
    times = [event.ts for event in events if event.ts]
    assert len(times) == synthetic.EVENTS
    assert times == sorted(times)
    assert {event.kind for event in events} == {"rating", "purchase", "post"}


def test_every_second_synthetic_user_writes_chinese() -> None:
    texts = [" ".join(row.get("text", "") for row in synthetic.history(number)) for number in range(4)]
    assert [text.isascii() for text in texts] == [True, False, True, False]


def test_instant_answers_are_what_the_prompts_ask_for() -> None:
    tags = instant.answer(["", "+ drama: 9 ratings, +0.5\n- horror: 4 ratings, -0.9\n* tea: 3 times"])
    persona = instant.answer(["", "1. likes drama\n2. dislikes horror\nWrite 2 sentences in English"])
    assert [tag.en for tag in judged(Reply(tags, "stop", 1, 1), ProposeAnswer).tags][:2] == ["drama", "horror"]
    assert len(judged(Reply(persona, "stop", 1, 1), PersonaAnswer).sentences) == 2


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> list[bench.Own]:
    with show.bar("own", "users") as bar:
        return bench.own(tmp_path_factory.mktemp("own"), [FEW], tokenizer=None, bar=bar)


def test_own_time_is_measured_without_and_with_the_client(costs: list[bench.Own]) -> None:
    assert [cost.client for cost in costs] == ["in process", "HTTP"]
    for cost in costs:
        assert (cost.users, cost.calls) == (FEW, 2 * FEW)
        assert cost.total == pytest.approx(cost.reading + cost.computing + cost.writing)
        assert 0 < cost.reading < cost.total


def test_the_second_run_asks_the_model_nothing(costs: list[bench.Own]) -> None:
    assert [cost.calls_again for cost in costs] == [0, 0]


def test_the_events_of_both_files_are_taken_in(tmp_path: Path) -> None:
    with show.bar("ingest", "events") as bar:
        intakes = bench.ingest(tmp_path, 300, bar=bar)
    assert [(intake.file, intake.events) for intake in intakes] == [("jsonl", 300), ("jsonl.gz", 300)]
    assert not list(tmp_path.iterdir())


def test_an_update_is_one_event_more_after_a_history(tmp_path: Path) -> None:
    with show.bar("update", "events") as bar:
        results = bench.update(tmp_path, [40, 400], bar=bar)
    assert [(one.history, one.events) for one in results] == [
        ("messy", 40),
        ("messy", 400),
        ("talk", 40),
        ("talk", 400),
    ]
    for short, long in (results[:2], results[2:]):
        assert 1 <= short.calls <= 3 and 1 <= long.calls <= 3
        assert 0 < long.tokens < 2 * short.tokens


def test_who_only_talks_says_nothing_twice() -> None:
    texts = [row["text"] for row in synthetic.talk("u", 500)]
    assert len(set(texts)) == 500


def test_both_sides_of_a_round_do_the_same_work(tmp_path: Path) -> None:
    with instant.apart(delay=0.01, slots=4) as url, show.bar("throughput", "users") as bar:
        target = bench.Target(url, instant.NAME, "none", None)
        options = {"users": 16, "rounds": 2, "concurrency": 4}
        rounds = bench.throughput(target, instant.InstantEmbedder(), tmp_path, **options, bar=bar)
        asked = instant.spent(url)
    assert [one.first for one in rounds] == ["limner", "bare"]
    for one in rounds:
        assert one.limner[1:] == one.bare[1:]
        assert one.slots == 4
        assert one.ratio > 0
    assert asked.calls == 5 * rounds[0].limner.requests  # once to warm up, then both sides twice


def test_a_server_that_keeps_its_cache_is_not_measured_on(tmp_path: Path) -> None:
    with FaultyServer() as server, show.bar("throughput", "users") as bar, pytest.raises(SetupError, match="DEV_MODE"):
        target = bench.Target(server.url, "faulty", "none", None)
        bench.throughput(target, instant.InstantEmbedder(), tmp_path, users=2, rounds=1, concurrency=2, bar=bar)


def test_a_measurement_that_dies_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="exit code"):
        bench.in_child(bench._Ingest(tmp_path / "absent.jsonl", tmp_path / "limner.db"), untold)


def test_the_sample_gives_as_many_users_as_are_asked_for(tmp_path: Path) -> None:
    file = bench._first_of_sample(tmp_path / "some.jsonl", 3)
    assert bench._users(file) == 3
    whole = bench.SAMPLE.read_bytes().splitlines()
    assert all(line in whole for line in itertools.islice(file.read_bytes().splitlines(), 5))
