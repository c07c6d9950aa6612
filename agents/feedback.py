"""Judgements of tags read from a file: JSON Lines with user_id, key, correct and, if known, author and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from agents.rows import opened

WORDS = {
    "missing": "is missing",
    "bool_type": "is not true or false",
    "string_type": "is not text",
    "string_too_short": "is empty",
    "extra_forbidden": "is no field of a judgement: user_id, key, correct, author and why are",
}
"""By the type of a pydantic error."""


class Judged(BaseModel):
    """A line of the file."""

    model_config = ConfigDict(extra="forbid")

    user_id: str = Field(min_length=1)
    key: str = Field(min_length=1)
    """Or a label in either language."""
    correct: StrictBool
    author: str = ""
    why: str = ""


def judgements(path: Path) -> Iterator[tuple[int, Judged | str]]:
    """The lines of a file that are not blank by their number, from 1; in place of a bad one what is wrong with it.

    Raises:
        InputError: the file cannot be opened.
    """
    with opened(path) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            if b"\\u0000" in line:
                yield number, "it holds a NUL character, which databases cannot store"
                continue
            try:
                yield number, Judged.model_validate(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                yield number, f"it is not a JSON object: {error}"
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                field = f"`{first['loc'][0]}`" if first["loc"] else "it"
                words = WORDS.get(first["type"], first["msg"])
                yield number, f"{field} {words}" if first["loc"] else "it is not a JSON object"
