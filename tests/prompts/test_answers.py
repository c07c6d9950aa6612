from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from prompts.answers import Answer, PersonaAnswer, ProposeAnswer, QuestionAnswer

TAG = {"facet": "interest", "en": "film noir", "zh": "黑色电影", "polarity": "likes"}
SENTENCE = "Likes film noir."


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    if isinstance(schema, dict):
        yield schema
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from parts(part)


@pytest.mark.parametrize("answer", Answer.__subclasses__())
def test_every_string_and_list_of_an_answer_is_bounded(answer: type[Answer]) -> None:
    for part in parts(answer.model_json_schema()):
        if part.get("type") == "string":
            assert {"maxLength", "enum", "pattern"} & part.keys(), part
        if part.get("type") == "array":
            assert "maxItems" in part, part
        if part.get("type") == "object":
            assert part["additionalProperties"] is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"polarity": "loves"},
        {"en": "x" * 40},
        {"en": "x"},
        {"en": "黑色电影"},
        {"en": "noir."},
        {"en": " noir"},
        {"zh": ""},
        {"zh": "字" * 21},
        {"confidence": 1},
        {"facet": "f" * 21},
    ],
    ids=str,
)
def test_a_proposed_tag_outside_its_bounds_is_refused(wrong: dict[str, Any]) -> None:
    assert ProposeAnswer.model_validate({"tags": [TAG]}).tags[0].zh == "黑色电影"
    with pytest.raises(ValidationError):
        ProposeAnswer.model_validate({"tags": [TAG | wrong]})


@pytest.mark.parametrize("name", ["film noir", "R&B", "children's books", "sci-fi 2", "x" * 39])
def test_a_name_is_of_plain_words(name: str) -> None:
    assert ProposeAnswer.model_validate({"tags": [TAG | {"en": name}]}).tags[0].en == name


@pytest.mark.parametrize("wrong", ["", "x", "x" * 221, None, {"text": SENTENCE, "tags": ["t1"]}], ids=str)
def test_a_sentence_outside_its_bounds_is_refused(wrong: Any) -> None:
    assert PersonaAnswer.model_validate({"sentences": [SENTENCE]}).sentences == [SENTENCE]
    with pytest.raises(ValidationError):
        PersonaAnswer.model_validate({"sentences": [wrong]})


@pytest.mark.parametrize("count", [0, 6])
def test_a_portrait_has_one_to_five_sentences(count: int) -> None:
    PersonaAnswer.model_validate({"sentences": [SENTENCE] * 5})
    with pytest.raises(ValidationError):
        PersonaAnswer.model_validate({"sentences": [SENTENCE] * count})


def test_a_proposal_has_four_tags_at_most() -> None:
    ProposeAnswer.model_validate({"tags": [TAG] * 4})
    with pytest.raises(ValidationError):
        ProposeAnswer.model_validate({"tags": [TAG] * 5})


@pytest.mark.parametrize("wrong", ["", "x" * 121, None, {"text": "a goose"}], ids=str)
def test_a_claim_is_a_few_words(wrong: Any) -> None:
    assert QuestionAnswer.model_validate({"claims": ["a goose"]}).claims == ["a goose"]
    with pytest.raises(ValidationError):
        QuestionAnswer.model_validate({"claims": [wrong]})
