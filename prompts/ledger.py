"""Which prompt, model or taxonomy is in use, and what was measured when it took the place of the one before it.

A ledger holds a `Promotion` a line, and lines are only ever added. Prompts have theirs beside them, `FILE`; a prompt
that has none is used in its first version. Models and taxonomies are a matter of a home: LIMNER_HOME/ledger.jsonl
decides where no setting does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from limner.domain import Value
from limner.errors import PromptError

FILE = Path(__file__).parent / "ledger.jsonl"
Kind = Literal["prompt", "model", "taxonomy"]


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
    """A prompt version, model or taxonomy that passed its gate."""

    kind: Kind = "prompt"
    name: str
    """propose.v2; the model as it is set; the file of a taxonomy, a copy that stays as it was measured."""
    digest: str
    instead_of: str
    """What it was held against, which was in use before it."""
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


def of_home(home: Path) -> Path:
    """The ledger of the models and taxonomies of a home."""
    return home / "ledger.jsonl"


def every(file: Path | None = None) -> list[Promotion]:
    """All promotions of a ledger, oldest first; those of prompts if none is named.

    Raises:
        PromptError: a line is not one.
    """
    found: list[Promotion] = []
    file = file or FILE
    for number, line in enumerate(file.read_bytes().splitlines() if file.exists() else (), 1):
        try:
            found.append(Promotion.model_validate_json(line))
        except ValidationError as error:
            raise PromptError(
                f"{file}:{number} is no promotion ({error.errors()[0]['msg']}): take that line out."
            ) from error
    return found


def newest(name: str) -> Promotion | None:
    """The last promotion of a prompt of that name."""
    return next((one for one in reversed(every()) if one.name.rsplit(".", 1)[0] == name), None)


def in_use(kind: Kind, home: Path) -> Promotion | None:
    """The last promotion of a model or taxonomy in a home."""
    return next((one for one in reversed(every(of_home(home))) if one.kind == kind), None)


def add(promotion: Promotion, file: Path | None = None) -> None:
    """Makes it the one in use.

    Raises:
        PromptError: the ledger cannot be written.
    """
    path = file or FILE
    try:
        with path.open("ab") as opened:
            opened.write(promotion.model_dump_json().encode() + b"\n")
    except OSError as error:
        raise PromptError(f"{path} cannot be written ({error.strerror}).") from error
