from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from prompts.answers import PersonaAnswer, ProposeAnswer

TAG = {"facet": "interest", "en": "film noir", "zh": "黑色电影", "polarity": "likes"}
SENTENCE = {"text": "Likes film noir.", "tags": ["t1"]}


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    if isinstance(schema, dict):
        yield schema
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from parts(part)


@pytest.mark.parametrize("answer", [ProposeAnswer, PersonaAnswer])
def test_every_string_and_list_of_an_answer_is_bounded(answer: type[ProposeAnswer | PersonaAnswer]) -> None:
    for part in parts(answer.model_json_schema()):
        if part.get("type") == "string":
            assert {"maxLength", "enum", "pattern"} & part.keys(), part
        if part.get("type") == "array":
            assert "maxItems" in part, part
        if part.get("type") == "object":
            assert part["additionalProperties"] is False


@pytest.mark.parametrize(
    "wrong",
    [{"polarity": "loves"}, {"en": "x" * 41}, {"zh": ""}, {"zh": "字" * 21}, {"confidence": 1}, {"facet": "f" * 21}],
    ids=str,
)
def test_a_proposed_tag_outside_its_bounds_is_refused(wrong: dict[str, Any]) -> None:
    assert ProposeAnswer.model_validate({"tags": [TAG]}).tags[0].zh == "黑色电影"
    with pytest.raises(ValidationError):
        ProposeAnswer.model_validate({"tags": [TAG | wrong]})


@pytest.mark.parametrize(
    "wrong", [{"tags": []}, {"tags": ["t1"] * 5}, {"tags": ["x1"]}, {"tags": ["t123"]}, {"text": "short"}], ids=str
)
def test_a_sentence_outside_its_bounds_is_refused(wrong: dict[str, Any]) -> None:
    assert PersonaAnswer.model_validate({"sentences": [SENTENCE]}).sentences[0].tags == ["t1"]
    with pytest.raises(ValidationError):
        PersonaAnswer.model_validate({"sentences": [SENTENCE | wrong]})


def test_an_answer_holds_only_so_much() -> None:
    with pytest.raises(ValidationError):
        ProposeAnswer.model_validate({"tags": [TAG] * 9})
    with pytest.raises(ValidationError):
        PersonaAnswer.model_validate({"sentences": [SENTENCE] * 7})
