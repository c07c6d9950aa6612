from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals import starvation
from evals.starvation import Half, measure
from limner import show
from limner.errors import ModelError
from tests.faulty_server import Body, FaultyServer, Said
from tests.limner.terminal import answer, environment


def answers(body: Body) -> str:
    schema = (body.get("structured_outputs") or {}).get("json") or {}
    return json.dumps({"claims": ["a word"]}) if "claims" in schema.get("properties", {}) else answer(body)


class Filling(FaultyServer):
    """Says that requests wait as soon as a batch has begun."""

    busy = False

    def reply(self, method: str, path: str, payload: bytes) -> Said:
        begun = self.busy or any("stream" not in body for body in self.chats)
        self.running, self.waiting = (32, 2) if begun else (0, 0)
        return super().reply(method, path, payload)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filling]:
    with Filling(answers) as server:
        for name, value in environment(server, tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.parametrize("level", [False, True], ids=["behind", "level"])
def test_questions_are_timed_alone_and_beside_a_real_batch(server: Filling, level: bool) -> None:
    with show.bar("", "") as bar:
        half = measure(3, 300, level=level, told=bar)  # a batch that outlasts the questions
    assert (len(half.idle), len(half.batch), half.running, half.waiting) == (3, 3, 32, 2)
    assert all(seconds > 0 for seconds in (*half.idle, *half.batch))
    assert half.interval()[0] <= half.quotient <= half.interval()[1]
    asked = [body for body in server.chats if body.get("stream")]
    batch = [body for body in server.chats if "stream" not in body]
    assert len(asked) == 8, "one before each half warms the cache"
    assert all("priority" not in body for body in asked)
    assert batch, "a batch ran"
    assert {body.get("priority") for body in batch} == ({None} if level else {1})


def test_a_server_that_others_use_measures_nothing(server: Filling) -> None:
    server.busy = True
    with show.bar("", "") as bar, pytest.raises(ModelError, match="not idle: 34 requests"):
        measure(1, 2, level=False, told=bar)


def test_a_batch_that_does_not_fill_the_server_measures_nothing(
    server: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Filling, "reply", FaultyServer.reply)
    monkeypatch.setattr(starvation, "FULL_AFTER", 1.0)
    with show.bar("", "") as bar, pytest.raises(ModelError, match="did not fill the server"):
        measure(1, 2, level=False, told=bar)


def test_the_quotient_is_of_the_slow_ends() -> None:
    half = Half(idle=(1.0,) * 19 + (2.0,), batch=(2.0,) * 19 + (4.0,), running=32, waiting=4)
    assert half.quotient == pytest.approx(2.0)
