"""A small real HTTP server on loopback that speaks vLLM's API and fares as badly as it is told to.

    with FaultyServer() as server:                      # answers at once, true to whatever schema is asked for
        server.next(Fault.BUSY, Fault.PROSE)            # the next two chats fare so, later ones well
        server.always(Fault.SLOW)                       # or all of them
        server.choose(lambda body: Fault.ERROR if "user-7" in str(body) else None)
        server.stop(); server.start()                   # down, and up again on the same port
        server.hear(3)                                  # returns once three chats have come in
        server.chats                                    # their bodies, oldest first

`FaultyServer(answer=function)` is the instant mode: the function gets the request body and returns the text. In a
process of its own (so that a measurement sees only the client): `with apart("path/to/file.py:function") as url`.
It knows /v1/chat/completions, /v1/models, /v1/embeddings (of no meaning, but the same for the same text), /tokenize (a
token a word), /health and /metrics (`running`, `waiting`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import json
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Self

import orjson

Body = dict[str, Any]
Answer = Callable[[Body], str]


class Said(NamedTuple):
    """A response."""

    delay: float
    """Seconds before it is sent."""
    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool = False
    """Whether the connection ends in the middle of it."""


class Fault(StrEnum):
    """What can befall a chat."""

    SLOW = "slow"
    """No answer within `slow_seconds`."""
    ERROR = "error"
    """Status 500."""
    BUSY = "busy"
    """Status 429 with Retry-After: `retry_after`."""
    TOO_LONG = "too long"
    """Status 400, as vLLM refuses a prompt beyond its context."""
    NO_PRIORITY = "no priority"
    """Status 400 for a request that has a priority, as vLLM without that scheduling policy refuses it."""
    DENIED = "denied"
    """Status 401."""
    HANG_UP = "hang up"
    """The connection ends in the middle of the reply."""
    GARBAGE = "garbage"
    """Status 200 with a body that is not JSON."""
    EMPTY = "empty"
    """An answer without text."""
    CUT_OFF = "cut off"
    """Half of the JSON, finish_reason length."""
    PROSE = "prose"
    WRONG_KEYS = "wrong keys"
    SCHEMA_ECHO = "schema echo"
    """The schema in place of an instance of it."""
    THINK = "think"
    """The right answer after <think>…</think>."""
    FENCE = "fence"
    """The right answer inside a ```json fence."""
    UNENDING = "unending"
    """A list that goes on until the token limit."""
    CHINESE = "chinese"
    """True to the schema, with every text in Chinese."""
    ENGLISH = "english"
    """True to the schema, with every text in English."""
    FREE = "free"
    """structured_outputs is ignored: prose, status 200."""


def example(schema: Mapping[str, Any], text: str = "word", *, root: Mapping[str, Any] | None = None) -> Any:
    """The smallest instance of a JSON schema, each string made of `text`."""
    root = root or schema
    if "$ref" in schema:
        return example(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], text, root=root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return example(schema[union][0], text, root=root)
    match schema.get("type"):
        case "object":
            return {name: example(part, text, root=root) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [example(schema["items"], text, root=root)] * max(1, schema.get("minItems", 0))
        case "string":
            least, most = schema.get("minLength", 0), schema.get("maxLength", 10_000)
            return (" ".join([text] * (1 + least // len(text))))[:most]
        case "integer" | "number":
            return schema.get("minimum", schema.get("maximum", 1))
        case "boolean":
            return True
        case _:
            return None


def honest(body: Body) -> str:
    """The plain answer: the first choice, or the smallest JSON the schema allows, or a word."""
    wanted = body.get("structured_outputs") or {}
    if "choice" in wanted:
        return str(wanted["choice"][0])
    schema = wanted.get("json")
    return json.dumps(example(schema)) if schema is not None else "word"


class FaultyServer:
    """See the module. Everything may be called from the test's thread; the server lives in one of its own."""

    def __init__(
        self,
        answer: Answer = honest,
        *,
        model: str = "faulty",
        slow_seconds: float = 5,
        retry_after: float = 0.05,
        metrics: bool = True,
        context: int = 4096,
        port: int = 0,
        keep: bool = True,
    ) -> None:
        """Args:
        answer: Text for a request body, where no fault applies.
        metrics: Whether /metrics exists.
        port: 0 takes a free one.
        keep: Whether the bodies are remembered in `chats`.
        """
        self.answer = answer
        self.model = model
        self.slow_seconds = slow_seconds
        self.retry_after = retry_after
        self.metrics = metrics
        self.context = context
        self.keep = keep
        self.port = port
        self.chats: list[Body] = []
        self.count = 0
        self.running = 0
        self.waiting = 0
        self._faults: deque[Fault | None] = deque()
        self._choose: Callable[[Body], Fault | None] = lambda body: None
        self._heard = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connections: set[_Connection] = set()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    def next(self, *faults: Fault | None) -> None:
        self._faults.extend(faults)

    def always(self, fault: Fault | None) -> None:
        self._choose = lambda body: fault

    def choose(self, fault: Callable[[Body], Fault | None]) -> None:
        self._choose = fault

    def hear(self, count: int, seconds: float = 10) -> None:
        """Returns once `count` chats have come in."""
        with self._heard:
            assert self._heard.wait_for(lambda: self.count >= count, seconds), f"{self.count} of {count} chats came"

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), name="faulty-server", daemon=True)
        self._thread.start()
        ready.wait(10)

    def stop(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self, ready: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        server = loop.run_until_complete(loop.create_server(lambda: _Connection(self, loop), sock=listener))
        self._loop = loop
        ready.set()
        loop.run_forever()
        server.close()
        for connection in list(self._connections):
            connection.abort()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    def reply(self, method: str, path: str, payload: bytes) -> Said:
        if path == "/v1/chat/completions":
            return self._chat(orjson.loads(payload))
        if path == "/v1/embeddings":
            texts = orjson.loads(payload)["input"]
            return _ok({"data": [{"index": at, "embedding": _vector(text)} for at, text in enumerate(texts)]})
        if path == "/tokenize":
            words = str(orjson.loads(payload).get("prompt", "")).split()
            return _ok({"count": len(words), "max_model_len": self.context, "tokens": list(range(len(words)))})
        if path == "/v1/models":
            return _ok(
                {"object": "list", "data": [{"id": self.model, "object": "model", "max_model_len": self.context}]}
            )
        if path == "/health":
            return Said(0, 200, {}, b"")
        if path == "/metrics" and self.metrics:
            name = f'{{engine="0",model_name="{self.model}"}}'
            text = (
                f"vllm:num_requests_running{name} {self.running}.0\nvllm:num_requests_waiting{name} {self.waiting}.0\n"
            )
            return Said(0, 200, {"content-type": "text/plain"}, text.encode())
        return _failure(404, f"{method} {path} is not here")

    def _chat(self, body: Body) -> Said:  # noqa: PLR0912
        with self._heard:
            self.count += 1
            if self.keep:
                self.chats.append(body)
            self._heard.notify_all()
        fault = self._faults.popleft() if self._faults else self._choose(body)
        schema = (body.get("structured_outputs") or {}).get("json") or {"type": "object", "properties": {}}
        match fault:
            case Fault.ERROR:
                return _failure(500, "Internal server error")
            case Fault.BUSY:
                busy = _failure(429, "Too many requests")
                return busy._replace(headers={**busy.headers, "retry-after": str(self.retry_after)})
            case Fault.TOO_LONG:
                return _failure(400, f"This model's maximum context length is {self.context} tokens.")
            case Fault.NO_PRIORITY if body.get("priority"):
                return _failure(400, "Got priority 1 but Priority scheduling is not enabled.")
            case Fault.DENIED:
                return _failure(401, "Unauthorized")
            case Fault.GARBAGE:
                return Said(0, 200, {"content-type": "application/json"}, b"<html>busy</html>")
            case Fault.EMPTY:
                return self._completion(body, "")
            case Fault.CUT_OFF:
                right = self.answer(body)
                return self._completion(body, right[: len(right) // 2], "length")
            case Fault.PROSE | Fault.FREE:
                return self._completion(
                    body, "Sure! This person seems to enjoy films, and I would be glad to help further."
                )
            case Fault.WRONG_KEYS:
                return self._completion(body, '{"result": [], "confidence": "high"}')
            case Fault.SCHEMA_ECHO:
                return self._completion(body, json.dumps(schema))
            case Fault.THINK:
                return self._completion(body, f"<think>\nThey rated {{many}} films.\n</think>\n\n{self.answer(body)}")
            case Fault.FENCE:
                return self._completion(body, f"```json\n{self.answer(body)}\n```")
            case Fault.UNENDING:
                return self._completion(
                    body, '{"items": [' + '"again", ' * int(body.get("max_tokens") or 100), "length"
                )
            case Fault.CHINESE:
                return self._completion(body, json.dumps(example(schema, "喜欢看电影"), ensure_ascii=False))
            case Fault.ENGLISH:
                return self._completion(body, json.dumps(example(schema, "watches films")))
        well = self._completion(body, self.answer(body))
        return well._replace(delay=self.slow_seconds if fault is Fault.SLOW else 0, cut=fault is Fault.HANG_UP)

    def _completion(self, body: Body, text: str, finish: str = "stop") -> Said:
        asked = sum(len(str(message["content"]).split()) for message in body["messages"])
        given = max(1, len(text.split()))
        choice: Body = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        if body.get("logprobs"):
            top = [{"token": token, "logprob": -0.1 - place, "bytes": None} for place, token in enumerate((text, "no"))]
            choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top[: body.get("top_logprobs") or 0]}]}
        usage = {"prompt_tokens": asked, "completion_tokens": given, "total_tokens": asked + given}
        head = {"id": f"chatcmpl-{self.count}", "created": 0, "model": body.get("model", self.model)}
        if body.get("stream"):
            whole = {**head, "object": "chat.completion.chunk"}
            return _stream(whole, text, finish, usage, weighed=bool(body.get("logprobs")))
        return _ok({**head, "object": "chat.completion", "choices": [choice], "usage": usage})


def _vector(text: str) -> list[float]:
    return [byte - 127.5 for byte in hashlib.blake2b(text.encode(), digest_size=16).digest()]


def _ok(document: Body) -> Said:
    return Said(0, 200, {"content-type": "application/json"}, orjson.dumps(document))


def _stream(head: Body, text: str, finish: str, usage: Body, *, weighed: bool) -> Said:
    """Server-sent events as vLLM sends them: the role, a few signs at a time, why it ended, the usage."""
    deltas: list[Body] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[at : at + 7]} for at in range(0, len(text), 7)]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks[-1]["choices"][0]["finish_reason"] = finish
    for chunk in chunks[1:] if weighed else ():
        chunk["choices"][0]["logprobs"] = {"content": [{"token": "…", "logprob": -0.1, "top_logprobs": []}]}
    chunks.append({**head, "choices": [], "usage": usage})
    body = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    return Said(0, 200, {"content-type": "text/event-stream; charset=utf-8"}, body)


def _failure(status: int, message: str) -> Said:
    document = {"error": {"message": message, "type": "error", "param": None, "code": status}}
    return Said(0, status, {"content-type": "application/json"}, orjson.dumps(document))


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as much of it as clients of a model server send."""

    def __init__(self, server: FaultyServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server._connections.discard(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            first, *lines = head.split(b"\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(b":") for line in lines)}
            length = int(headers.get(b"content-length", b"0"))
            if len(rest) < length:
                return
            payload, self._buffer = rest[:length], rest[length:]
            method, path, _ = first.decode().split(" ", 2)
            said = self._server.reply(method, path, payload)
            if said.delay:
                self._loop.call_later(said.delay, self._send, said)
            else:
                self._send(said)

    def _send(self, said: Said) -> None:
        if self._transport is None:
            return
        extra = "".join(f"{name}: {value}\r\n" for name, value in said.headers.items())
        head = f"HTTP/1.1 {said.status} Said\r\ncontent-length: {len(said.body)}\r\n{extra}\r\n".encode()
        self._transport.write(head + (said.body[: len(said.body) // 2] if said.cut else said.body))
        if said.cut:
            self._transport.close()


def unused_url() -> str:
    """A base URL at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


@contextlib.contextmanager
def apart(answer: str = "") -> Iterator[str]:
    """Base URL of a server in a process of its own.

    Args:
        answer: `file.py:function` to answer with; empty answers true to the schema.
    """
    command = [sys.executable, __file__, answer]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(10)


def _function(named: str) -> Answer:
    path, _, name = named.rpartition(":")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Answer = getattr(module, name)
    return function


if __name__ == "__main__":
    with FaultyServer(_function(sys.argv[1]) if sys.argv[1] else honest, keep=False) as alone:
        sys.stdout.write(alone.url + "\n")
        sys.stdout.flush()
        sys.stdin.read()  # ends when whoever started it closes the pipe, or is gone
