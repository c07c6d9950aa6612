"""An answer in the JSON schema of whoever asked.

The answer is found and checked first, as it always is; a model then only moves its words and numbers into the fields of
the schema, held to it by guided decoding. What comes back is validated against the schema, and every text and number
in it that the schema itself does not spell out must stand in the answer: a field that says more is refused, shown to
the model once, and then an error. Which of the schema's own words (an enum, true or false) fits is the model's reading,
and is not proven. Where the history does not say, there is nothing to put into a shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import jsonschema
import orjson
from pydantic import model_validator

from agents.model import Ledger, Model, cut, messages, unrecorded
from agents.plan import language
from agents.recall import tokens
from limner.domain import Reply
from limner.errors import InputError, Refused
from prompts import library
from prompts.answers import ShapedAnswer

Schema = Mapping[str, Any]

MAX_TOKENS = 800
NAMED = 100
"""Users that the model is shown, at most: the reply itself names them all."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def read(file: Path) -> Schema:
    """The JSON schema in a file.

    Raises:
        InputError: it cannot be read, is no JSON Schema, or refers to something outside itself.
    """
    try:
        schema = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"{file} cannot be read as a JSON schema: {error}.") from error
    if not isinstance(schema, dict):
        raise InputError(f'{file} is no JSON schema: it must be an object, such as {{"type": "object", …}}.')
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise InputError(f"{file} is no JSON schema: {cut(error.message)} (at {error.json_path}).") from error
    for one in _references(schema):
        if not one.startswith("#") or not _found(schema, one):
            raise InputError(f"{file}: $ref {one!r} leads to nothing in the file; only its own $defs can be used.")
    return schema


async def shaped(
    reply: Reply, schema: Schema, *, model: Model, prompt: library.Prompt, ledger: Ledger = unrecorded
) -> Reply:
    """The reply with `data`, the answer in the schema; as it was where it abstained.

    Raises:
        InputError: the model server does not support the schema.
        AnswerError: after one repair the model still did not put the answer, and nothing else, into the schema.
        ModelError: the server did not answer.
    """
    if reply.abstained:
        return reply
    facts = [f"number: {reply.count}"] if reply.count is not None else []
    facts += [f"user: {user}" for user in (reply.users or ())[:NAMED]]
    rendered = prompt.render(
        language=language(reply.question), question=reply.question, answer=reply.answer, facts=facts
    )
    said = "\n".join([reply.question, reply.answer, *facts])
    try:
        answer = await model.answer(
            messages(rendered),
            answer_in(schema),
            purpose=prompt.id,
            prompt_digest=prompt.digest,
            max_tokens=MAX_TOKENS,
            ledger=ledger,
            check=lambda answer: foreign(answer.root, schema, said),
        )
    except Refused as error:
        raise InputError(f"The model server does not take this schema: {error}") from error
    return reply.model_copy(update={"data": answer.root})


def answer_in(schema: Schema) -> type[ShapedAnswer]:
    """The class of answers that a schema allows."""

    class Shaped(ShapedAnswer):
        @classmethod
        def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
            return dict(schema)

        @model_validator(mode="after")
        def _as_the_schema_says(self) -> Self:
            wrong = next(jsonschema.Draft202012Validator(schema).iter_errors(self.root), None)
            if wrong is not None:
                raise ValueError(f"{wrong.json_path}: {cut(wrong.message)}")
            return self

    return Shaped


def foreign(value: Any, schema: Schema, said: str) -> str | None:
    """What in a value stands neither in the answer nor in the schema's own words; None where all of it does."""
    known = set(tokens(said))
    numbers = {float(number) for number in _NUMBER.findall(said.replace(",", ""))}
    own = set(_spelt_out(schema))
    for part in _leaves(value):
        match part:
            case bool() | None:
                continue
            case str() if part in own or part in said:
                continue
            case str():
                if not set(tokens(part)) <= known:
                    return f"{cut(part, 60)!r} does not stand in the answer"
            case int() | float():
                if float(abs(part)) not in numbers and part not in own and part != 0:
                    return f"the number {part:g} does not stand in the answer"
    return None


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


def _spelt_out(schema: Any) -> Iterator[str | float]:
    """The values that a schema names itself."""
    if isinstance(schema, list):
        for part in schema:
            yield from _spelt_out(part)
    elif isinstance(schema, dict):
        for name, part in schema.items():
            if name in {"enum", "const", "default"}:
                yield from (one for one in _leaves(part) if isinstance(one, str | int | float))
            else:
                yield from _spelt_out(part)


def _references(schema: Any) -> Iterator[str]:
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _references(part)
    if isinstance(schema, dict):
        yield from (str(schema[name]) for name in ("$ref", "$dynamicRef", "$recursiveRef") if name in schema)


def _found(schema: Any, reference: str) -> bool:
    """Whether a reference such as #/$defs/name leads to a part of the schema."""
    for name in reference[1:].split("/")[1:]:
        key = name.replace("~1", "/").replace("~0", "~")
        if not isinstance(schema, dict) or key not in schema:
            return False
        schema = schema[key]
    return reference == "#" or reference.startswith("#/")
