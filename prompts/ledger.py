"""Which version of a prompt is in use, and what was measured when it took the place of the one before it.

ledger.jsonl holds a `Promotion` a line, and lines are only ever added. A prompt that has none is used in its first
version.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from limner.domain import Value
from limner.errors import PromptError

FILE = Path(__file__).parent / "ledger.jsonl"


class Effect(Value):
    """What a metric did when one prompt took the place of another."""

    before: float
    after: float
    delta: float
    delta_low: float | None
    delta_high: float | None
    """95 % interval of `delta`, by user."""
    p: float
    """Corrected over all effects."""
    verdict: str | None
    samples: int
    users: int
    """Or conversations."""


class Promotion(Value):
    """A prompt version that passed its gate."""

    prompt: str
    """Id: propose.v2."""
    digest: str
    instead_of: str
    """Id of the version it was held against, which was in use before it."""
    at: datetime
    task: str
    """With its version: genres.v1."""
    system: str
    dataset: str
    """With its digest."""
    model: str | None
    taxonomy: str
    run: str
    against: str
    gate: Mapping[str, str]
    """What each rule asked, to what was seen."""
    effects: Mapping[str, Effect]


def every() -> list[Promotion]:
    """All promotions, oldest first.

    Raises:
        PromptError: a line is not one.
    """
    found: list[Promotion] = []
    for number, line in enumerate(FILE.read_bytes().splitlines() if FILE.exists() else (), 1):
        try:
            found.append(Promotion.model_validate_json(line))
        except ValidationError as error:
            raise PromptError(
                f"{FILE}:{number} is no promotion ({error.errors()[0]['msg']}): take that line out."
            ) from error
    return found


def newest(name: str) -> Promotion | None:
    """The last promotion of a prompt of that name."""
    return next((one for one in reversed(every()) if one.prompt.rsplit(".", 1)[0] == name), None)


def add(promotion: Promotion) -> None:
    """Makes a version the one in use.

    Raises:
        PromptError: the ledger cannot be written.
    """
    try:
        with FILE.open("ab") as file:
            file.write(promotion.model_dump_json().encode() + b"\n")
    except OSError as error:
        raise PromptError(f"{FILE} cannot be written ({error.strerror}).") from error
