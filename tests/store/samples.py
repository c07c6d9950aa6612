"""Small values that the tests of the store put in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from limner.domain import Counts, Event, Evidence, Label, ModelCall, Outcome, Persona, Sentence, SignalKind, Status, Tag
from store.profiles import Draft

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def event(event_id: str = "e1", user_id: str = "u1", **fields: Any) -> Event:
    return Event(**{"event_id": event_id, "user_id": user_id, "kind": "rating", "ts": NOON} | fields)


def events(users: int, each: int) -> list[Event]:
    return [
        event(f"e{number}", f"u{user:04}", ts=NOON + timedelta(hours=number), value=number % 5 + 1)
        for user in range(users)
        for number in range(each)
    ]


def tag(key: str = "genre/noir", *, status: Status = "verified", cites: Sequence[str] = ("e1",), **fields: Any) -> Tag:
    facts: dict[str, Any] = {
        "facet": "interest",
        "label": Label(en=key.split("/")[1], zh=f"中文 {key}"),
        "polarity": 1,
        "probability": 0.9,
        "basis": "observed",
        "valid_from": NOON,
        "lift": 0.5,
        "reason": "2 explicit",
        "counts": Counts(explicit_positive=len(cites)),
    }
    evidence = tuple(Evidence(event_id=one, signal=SignalKind.EXPLICIT_POSITIVE, span="好看") for one in cites)
    return Tag(**facts | {"key": key, "status": status, "evidence": evidence} | fields)


def persona(text: str = "Likes noir.", language: str = "en") -> Persona:
    return Persona(language=language, sentences=(Sentence(text=text, tags=("genre/noir",)),), writer="rule")


def draft(run: str, user_id: str = "u1", tags: Sequence[Tag] = (), **fields: Any) -> Draft:
    facts: dict[str, Any] = {
        "retired": (),
        "conflicts": (),
        "personas": (persona(),),
        "vectors": {},
        "embedder": "toy",
        "model": "scripted",
        "prompts": {"propose.v1": "0123456789ab"},
        "taxonomy": "1 0123456789ab",
        "digest": "d1:c1",
    }
    return Draft(**facts | {"run": run, "user_id": user_id, "tags": tuple(tags)} | fields)


def done(user_id: str = "u1") -> Outcome:
    return Outcome(user_id=user_id, state="done", seconds=0.5)


def call(**fields: Any) -> ModelCall:
    facts = {"purpose": "propose.v1", "user_id": "u1", "attempt": 1, "request_digest": "r1", "prompt_digest": "p1"}
    costs = {"model": "scripted", "tokens_in": 100, "tokens_out": 20, "seconds": 1.5, "outcome": "ok", "answer": "{}"}
    return ModelCall(**facts | costs | fields)


def vector(seed: int, dimensions: int = 16) -> np.ndarray[Any, np.dtype[np.float32]]:
    drawn = np.random.default_rng(seed).standard_normal(dimensions).astype(np.float32)
    return drawn / np.linalg.norm(drawn)
