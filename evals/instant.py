"""A model and an embedder that answer at once, so that what is measured is limner alone.

Their answers are of the size and sort a real model gives: four tags, two of them named from the digest that was asked
about, and a sentence for each point of a portrait. They follow from the request and nothing else, so that two runs over
the same users can be compared.

    InstantModel()                      in this process
    with apart(delay=0.02) as url:      vLLM's API on loopback, in a process of its own, 20 ms for each answer

The server also embeds, and tells at /spent how many chats it was asked and how many tokens they were, those included
whose client was gone before the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import orjson
from numpy.typing import NDArray

from agents.model import Asked, ScriptedModel

NAME = "instant"
DIMENSIONS = 512

_POINT = re.compile(r"^\d+\. (.+)$", re.MULTILINE)
_SIGNAL = re.compile(r"^([+*-]) ([^:\n]+)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 &'-]{1,38}")
"""What an English name of a tag may be; see `prompts.answers.Proposed`."""
_MADE = (("weekend tinkering", "周末动手"), ("gift hunting", "挑选礼物"))
"""Tags that no event proves."""
_LEANING = {"+": "likes", "-": "dislikes", "*": "likes"}


def tokens(text: str) -> int:
    """A token for every four bytes."""
    return -(-len(text.encode("utf-8", "replace")) // 4)


def answer(chat: Sequence[str]) -> str:
    """What this model says to the texts of a chat: a name for each line, a sentence for each point, or else tags."""
    asked = chat[1]
    told = _POINT.findall(asked)
    if "<lines>" in asked:
        return orjson.dumps({"names": [(at, line.partition("> ")[2][:60]) for at, line in enumerate(told, 1)]}).decode()
    return _portrait(told, chinese="句中文" in asked) if told else _tags(asked)


def _portrait(told: Sequence[str], *, chinese: bool) -> str:
    opening, end = ("这位用户", "。") if chinese else ("This user ", ".")
    return orjson.dumps({"sentences": [f"{opening}{line}{end}"[:220] for line in told[:5]]}).decode()


def _tags(asked: str) -> str:
    """Two tags that were counted, in the history's language, and two that were not."""
    counted = [(name.strip()[:20], _LEANING[sign]) for sign, name in _SIGNAL.findall(asked)]
    named = [
        (name if _NAME.fullmatch(name) else f"interest {at}", name, leaning)
        for at, (name, leaning) in enumerate(counted)
    ]
    made = [(en, zh, "likes") for en, zh in _MADE]
    tags = [{"facet": "interest", "en": en, "zh": zh, "polarity": leaning} for en, zh, leaning in [*named[:2], *made]]
    return orjson.dumps({"tags": tags}).decode()


class InstantModel(ScriptedModel):
    """Answers in this process; keeps nothing but the number of `calls`.

    Args:
        count: Counts tokens as the measured model would; None takes four bytes for one.
    """

    def __init__(self, count: Callable[[str], int] | None = None) -> None:
        super().__init__(self._say, name=NAME)
        self.calls = 0
        self._count = count or tokens

    def _say(self, asked: Asked) -> str:
        self.calls += 1
        self.asked.clear()
        return answer([message.content for message in asked.chat])

    def count_tokens(self, text: str) -> int:
        return self._count(text)


class InstantEmbedder:
    """A direction for every text, by its digest."""

    name = NAME
    dimensions = DIMENSIONS

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([_direction(text) for text in texts], dtype=np.float32).reshape(-1, DIMENSIONS)


def _direction(text: str) -> NDArray[np.float32]:
    drawn = hashlib.shake_128(text.encode("utf-8", "replace")).digest(DIMENSIONS)
    row = np.frombuffer(drawn, dtype=np.uint8).astype(np.float32) - 127.5
    return np.asarray(row / np.linalg.norm(row), dtype=np.float32)


class Spent(NamedTuple):
    """What a server was asked for, answered or not."""

    calls: int
    tokens_in: int
    tokens_out: int


class Server:
    """vLLM's API over `answer`, as much of it as limner uses.

    Args:
        delay: Seconds that an answer takes.
        slots: Answers worked on at once; further ones wait, as /metrics tells.
    """

    def __init__(self, delay: float = 0, slots: int = 32) -> None:
        self._delay = delay
        self._slots = asyncio.Semaphore(slots)
        self._running = self._waiting = 0
        self._spent = Spent(0, 0, 0)

    async def serve(self) -> None:
        """Serves, its base URL on stdout, until whoever started it closes stdin or is gone."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=1 << 20)
        sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """HTTP/1.1 with keep-alive, as much of it as these clients send."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
                headers = dict(line.lower().split(b":", 1) for line in lines if line)
                body = await reader.readexactly(int(headers.get(b"content-length", 0)))
                said = await self._reply(first.split()[1].decode(), body)
                status = b"200 OK" if said is not None else b"404 Not Found"
                said = said or b""
                writer.write(b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status, len(said), said))
                await writer.drain()
        writer.close()

    async def _reply(self, path: str, body: bytes) -> bytes | None:
        """The body of a response; None where there is nothing at `path`."""
        match path:
            case "/v1/chat/completions":
                return await self._chat(orjson.loads(body))
            case "/v1/embeddings":
                rows = InstantEmbedder().embed(orjson.loads(body)["input"]).tolist()
                return orjson.dumps({"data": [{"index": at, "embedding": row} for at, row in enumerate(rows)]})
            case "/v1/models":
                return orjson.dumps({"data": [{"id": NAME, "max_model_len": 4096}]})
            case "/tokenize":
                return orjson.dumps({"count": tokens(orjson.loads(body)["prompt"])})
            case "/metrics":
                gauges = {"running": self._running, "waiting": self._waiting}
                return "".join(f"vllm:num_requests_{name} {number}\n" for name, number in gauges.items()).encode()
            case "/spent":
                return orjson.dumps(self._spent._asdict())
            case "/reset_prefix_cache":
                return orjson.dumps({"success": True})
            case "/health":
                return b""
        return None

    async def _chat(self, body: dict[str, Any]) -> bytes:
        chat = [message["content"] for message in body["messages"]]
        text = answer(chat)
        asked, given = sum(map(tokens, chat)), tokens(text)
        calls, tokens_in, tokens_out = self._spent
        self._spent = Spent(calls + 1, tokens_in + asked, tokens_out + given)
        if self._delay:
            await self._work()
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": asked, "completion_tokens": given, "total_tokens": asked + given}
        return orjson.dumps({"object": "chat.completion", "model": NAME, "choices": [choice], "usage": usage})

    async def _work(self) -> None:
        self._waiting += 1
        async with self._slots:
            self._waiting -= 1
            self._running += 1
            await asyncio.sleep(self._delay)
            self._running -= 1


@contextlib.contextmanager
def apart(*, delay: float = 0, slots: int = 32) -> Iterator[str]:
    """Base URL of a server in a process of its own."""
    command = [sys.executable, "-m", "evals.instant", str(delay), str(slots)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(10)


def spent(url: str) -> Spent:
    """What the server at a base URL has been asked for."""
    return Spent(**httpx.get(f"{url.removesuffix('/v1')}/spent").raise_for_status().json())


if __name__ == "__main__":
    asyncio.run(Server(float(sys.argv[1]), int(sys.argv[2])).serve())
