"""What each text of a history says, read once; of users who write much, once for all.

To find what a text says of its author and which things it names takes three times as long as all else that is done
with an event. A text stays what it is, and so does what it says as long as the same configuration reads it: it is kept
with its user, under a digest of the words, and an update reads only the texts that are new. It goes when its user goes.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, TypeVar

import orjson

from store.texts import Kept

T = TypeVar("T")
Json = Any

DIGEST = 8
"""Bytes of a text's digest."""
LEAST = 100
"""Texts from which on what they say is kept: fewer are read again in some milliseconds, which is worth no row."""


class Form(NamedTuple, Generic[T]):
    """How a reading is kept."""

    packed: Callable[[T], Json]
    unpacked: Callable[[Json], T]
    nothing: T
    """What is read in a text that says nothing."""


class Texts:
    """The readings of one user's texts."""

    def __init__(self, config: str = "", kept: Kept | None = None) -> None:
        """Args:
        config: Digest of the configuration that reads; empty where nothing is to be kept.
        kept: What `kept` gave the last time.
        """
        self._config = config
        self._silent: set[bytes] = set()
        """Digests of texts that say nothing: most do."""
        self._telling: dict[str, Json] = {}
        if kept is not None and kept.config == config:
            self._silent.update([kept.silent[at : at + DIGEST] for at in range(0, len(kept.silent), DIGEST)])
            self._telling = orjson.loads(kept.telling)
        self._fresh = False
        self._read: dict[tuple[str, ...], Any] = {}

    def said(self, words: tuple[str, ...], read: Callable[[], T], form: Form[T]) -> T:
        """What `read` finds, or found before, in a text.

        Args:
            words: The name of this way of reading, the text, and whatever else decides what is read in it.
        """
        found: T | None = self._read.get(words)
        if found is None:
            found = self._read[words] = self._fetched(words, read, form) if self._config else read()
        return found

    def kept(self) -> Kept | None:
        """What is to be kept; None where that is no more than before."""
        if not self._fresh:
            return None
        return Kept(self._config, b"".join(sorted(self._silent)), orjson.dumps(self._telling))

    def _fetched(self, words: tuple[str, ...], read: Callable[[], T], form: Form[T]) -> T:
        digest = blake2b("\0".join(words).encode(errors="surrogatepass"), digest_size=DIGEST).digest()
        if digest in self._silent:
            return form.nothing
        if (kept := self._telling.get(digest.hex())) is not None:
            return form.unpacked(kept)
        found = read()
        self._fresh = True
        if found == form.nothing:
            self._silent.add(digest)
            return form.nothing
        self._telling[digest.hex()] = form.packed(found)
        return found
