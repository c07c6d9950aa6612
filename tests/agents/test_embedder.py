from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.embedder import LONGEST, EndpointEmbedder, UseEmbedder, open_embedder
from limner.errors import ModelError, SetupError

PAIRS = [
    ("Loves spicy Sichuan food", "A fan of hot Sichuan dishes", "喜欢吃辣的川菜", "爱吃麻辣川味"),
    ("Watches science fiction films", "Enjoys sci-fi movies", "爱看科幻电影", "喜欢看科幻片"),
    ("Buys only when there is a discount", "A bargain hunter", "只在打折时购买", "喜欢买特价商品"),
    ("Travels abroad every summer", "Takes holidays in foreign countries", "每年夏天出国旅游", "经常去国外度假"),
    ("Has a newborn baby", "Recently became a parent", "刚生了宝宝", "新手父母"),
    ("Invests in stocks", "Trades shares on the market", "投资股票", "炒股"),
    ("Runs marathons", "Does long-distance running", "跑马拉松", "热爱长跑"),
    ("Plays the piano", "A pianist", "弹钢琴", "钢琴爱好者"),
]


def unused(stage: str, done: int, total: int, unit: str) -> None:
    pass


@pytest.fixture(scope="module")
def use(tmp_path_factory: pytest.TempPathFactory) -> UseEmbedder:
    embedder = open_embedder("use-multilingual", tmp_path_factory.mktemp("home"), progress=unused)
    assert isinstance(embedder, UseEmbedder)
    return embedder


@pytest.mark.parametrize(
    ("left", "right"),
    [pytest.param(0, 1, id="en-en"), pytest.param(2, 3, id="zh-zh"), pytest.param(0, 2, id="en-zh")],
)
def test_a_paraphrase_lies_nearer_than_other_phrases(use: UseEmbedder, left: int, right: int) -> None:
    cosines = use.embed([pair[left] for pair in PAIRS]) @ use.embed([pair[right] for pair in PAIRS]).T
    own, others = np.diag(cosines), cosines[~np.eye(len(PAIRS), dtype=bool)]
    assert np.mean(own[:, None] > others[None, :]) > 0.95
    assert np.mean(cosines.argmax(axis=1) == np.arange(len(PAIRS))) > 0.85


@settings(deadline=None, max_examples=40)
@given(texts=st.lists(st.text(max_size=40), max_size=4))
def test_any_text_has_a_direction_that_its_company_does_not_change(use: UseEmbedder, texts: list[str]) -> None:
    vectors = use.embed(texts)
    assert (vectors.shape, vectors.dtype) == ((len(texts), use.dimensions), np.float32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.array_equal(use.embed([text])[0], vector)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param("", " ", id="empty"),
        pytest.param("noir\0films", "noir films", id="NUL"),
        pytest.param("noir\ud800", "noir?", id="lone surrogate"),
        pytest.param("电" * LONGEST + "影" * 100_000, "电" * LONGEST, id="very long"),
    ],
)
def test_odd_texts_are_read_as_plain_ones(use: UseEmbedder, text: str, same: str) -> None:
    assert np.array_equal(use.embed([text]), use.embed([same]))


Answer = Callable[[dict[str, Any]], tuple[int, Any]]


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[dict[str, Any]], list[Answer]]]:
    """An embedding server on loopback: its setting, the bodies it was sent, and a list whose last item answers."""
    bodies: list[dict[str, Any]] = []
    answers: list[Answer] = [honest]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, answer = answers[-1](bodies[-1])
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status if self.path == "/v1/embeddings" else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1#bge", bodies, answers
    server.shutdown()
    server.server_close()


def honest(body: dict[str, Any]) -> tuple[int, Any]:
    """Vectors that tell the length of their text, last text first."""
    rows = [{"index": number, "embedding": [3.0, float(len(text))]} for number, text in enumerate(body["input"])]
    return 200, {"data": rows[::-1]}


Endpoint = tuple[str, list[dict[str, Any]], list[Answer]]


@pytest.fixture
def embedder(endpoint: Endpoint, tmp_path: Path) -> Iterator[EndpointEmbedder]:
    opened = open_embedder(endpoint[0], tmp_path, progress=unused)
    assert isinstance(opened, EndpointEmbedder)
    yield opened
    opened.close()


def test_an_endpoint_gives_unit_vectors_in_the_order_of_the_texts(
    embedder: EndpointEmbedder, endpoint: Endpoint
) -> None:
    vectors = embedder.embed(["four"] + ["x" * 9] * 99)
    assert (embedder.name, embedder.dimensions) == ("bge", 2)
    assert vectors[0] == pytest.approx([0.6, 0.8])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert [len(body["input"]) for body in endpoint[1]] == [1, 64, 36]
    assert embedder.embed([]).shape == (0, 2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param((500, {"error": "out of memory"}), "answered 500 .*out of memory", id="error"),
        pytest.param((200, b"<html>"), "not a list of vectors", id="not JSON"),
        pytest.param((200, {"data": [{"index": 0}]}), "not a list of vectors", id="no vector"),
        pytest.param((200, {"data": []}), "0 vectors for 1 texts", id="too few"),
        pytest.param((200, {"data": [{"index": 0, "embedding": [1, 2, 3]}]}), "length of its vectors", id="dimensions"),
        pytest.param((200, {"data": [{"index": 0, "embedding": [0, 0]}]}), "without a direction", id="zeros"),
    ],
)
def test_a_faulty_endpoint_is_a_model_error(
    embedder: EndpointEmbedder, endpoint: Endpoint, answer: tuple[int, Any], words: str
) -> None:
    endpoint[2].append(lambda body: answer)
    with pytest.raises(ModelError, match=words):
        embedder.embed(["text"])


def test_an_endpoint_that_is_down_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be reached.*LIMNER_EMBEDDER"):
        open_embedder("http://127.0.0.1:9/v1#bge", tmp_path, progress=unused)


@pytest.mark.parametrize("setting", ["", "word2vec", "http://127.0.0.1:9/v1", "ftp://host/v1#name"])
def test_a_setting_that_names_no_embedder_is_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(SetupError, match="LIMNER_EMBEDDER"):
        open_embedder(setting, tmp_path, progress=unused)
