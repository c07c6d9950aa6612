"""The policy as a pure function, a simulated server under it, and the slots against real /metrics."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.pace import MOST, START, Limit, Load, Pace, next_limit, read_load
from limner.errors import AnswerError, ModelError, Unreachable
from tests.faulty_server import FaultyServer, unused_url

loads = st.none() | st.builds(Load, st.integers(0, 500), st.integers(0, 500))


@pytest.mark.parametrize(
    ("limit", "load", "in_flight", "after"),
    [
        pytest.param(Limit(16), Load(16, 0), 16, Limit(32), id="twice as many while no queue was ever seen"),
        pytest.param(Limit(16, False), Load(16, 0), 16, Limit(18, False), id="an eighth more after that"),
        pytest.param(Limit(16), Load(9, 0), 9, Limit(16), id="no more slots while some are free"),
        pytest.param(Limit(40), Load(32, 8), 40, Limit(40, False), id="stays while a quarter waits"),
        pytest.param(Limit(64), Load(32, 32), 64, Limit(48, False), id="a quarter fewer when more wait"),
        pytest.param(Limit(1), Load(0, 90), 1, Limit(1, False), id="never fewer than one"),
        pytest.param(Limit(200), Load(200, 0), 200, Limit(MOST), id="never more than the ceiling"),
        pytest.param(Limit(START), None, START, Limit(START), id="stays where the server does not tell"),
        pytest.param(Limit(4, False), None, 4, Limit(5, False), id="regains one by one where the server does not tell"),
    ],
)
def test_the_limit_follows_the_queue(limit: Limit, load: Load | None, in_flight: int, after: Limit) -> None:
    assert next_limit(limit, load, in_flight) == after


@given(st.integers(1, MOST), st.booleans(), loads, st.integers(0, 500))
def test_the_limit_stays_between_one_and_the_ceiling(
    most: int, searching: bool, load: Load | None, flying: int
) -> None:
    assert 1 <= next_limit(Limit(most, searching), load, flying).most <= MOST


@pytest.mark.parametrize("capacity", [1, 2, 8, 32, 64, 200])
def test_a_server_of_any_size_is_kept_busy_with_a_short_queue(capacity: int) -> None:
    limit = Limit(START)
    for _ in range(40):
        limit = next_limit(limit, Load(min(limit.most, capacity), max(0, limit.most - capacity)), limit.most)
    assert capacity <= limit.most <= max(capacity + 2, capacity * 5 // 4)


def test_the_load_is_summed_over_engines_and_ignores_gauges_of_like_names() -> None:
    page = (
        "# HELP vllm:num_requests_running Number of requests\n# TYPE vllm:num_requests_running gauge\n"
        'vllm:num_requests_running{engine="0",model_name="m"} 30.0\nvllm:num_requests_running{engine="1"} 2.0\n'
        'vllm:num_requests_waiting{engine="0",model_name="m"} 5.0\n'
        'vllm:num_requests_waiting_by_reason{reason="capacity"} 7.0\n'
    )
    assert read_load(page) == Load(32, 5)
    assert read_load("process_cpu_seconds_total 3.0\n") is None


@given(st.text())
def test_any_page_is_read_without_a_crash(page: str) -> None:
    assert read_load(page) is None


async def busiest(pace: Pace, questions: int) -> int:
    most = 0

    async def question() -> None:
        nonlocal most
        async with pace.slot():
            most = max(most, pace.in_flight)
            await asyncio.sleep(0.002)

    await asyncio.gather(*(question() for _ in range(questions)))
    return most


async def test_a_fixed_number_is_never_exceeded() -> None:
    async with Pace(None, fixed=3) as pace:
        assert await busiest(pace, 40) == 3
        assert pace.in_flight == 0


async def test_the_number_of_slots_grows_and_shrinks_with_the_metrics_of_a_server() -> None:
    with FaultyServer() as server:
        async with Pace(lambda: server.url, interval=0.02) as pace:
            server.running = 16
            async with asyncio.timeout(5):
                while pace.limit <= START:
                    await busiest(pace, 100)
            server.waiting = 100
            grown = pace.limit
            async with asyncio.timeout(5):
                while pace.limit >= grown:
                    await busiest(pace, 5)
            assert pace.load == Load(16, 100)


async def test_without_metrics_there_is_a_modest_fixed_number() -> None:
    with FaultyServer(metrics=False) as server:
        for url in (server.url, unused_url()):
            async with Pace(lambda url=url: url, interval=0.01) as pace:  # type: ignore[misc]
                assert await busiest(pace, 200) == START
                assert pace.load is None


async def test_a_run_that_ends_before_the_first_look_opens_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr("agents.pace.httpx.AsyncClient", lambda **options: opened.append(options))
    async with Pace(unused_url) as pace, pace.slot():
        await asyncio.sleep(0)
    assert not opened


async def test_a_failing_server_gets_half_as_many_and_a_bad_answer_or_question_changes_nothing() -> None:
    pace = Pace(None)
    for error in (AnswerError("prose", "Sure!"), ModelError("status 400")):
        with pytest.raises(ModelError):
            async with pace.slot():
                raise error
    assert pace.limit == START
    for _ in range(3):
        with pytest.raises(Unreachable):
            async with pace.slot():
                raise Unreachable("status 503")
    assert pace.limit == START // 2 and pace.in_flight == 0
