from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from agents.model import ScriptedModel, VllmModel
from agents.shape import Schema, answer_in, foreign, read, shaped
from limner.domain import Reply
from limner.errors import AnswerError, InputError, Unreachable
from prompts import library
from tests.faulty_server import Fault, FaultyServer, unused_url

TASTES: Schema = {
    "type": "object",
    "properties": {
        "likes": {"type": "array", "items": {"type": "string", "maxLength": 40}, "maxItems": 5},
        "sure": {"enum": ["yes", "no"]},
        "times": {"type": ["integer", "null"]},
    },
    "required": ["likes", "sure"],
    "additionalProperties": False,
}
REPLY = Reply(
    question="What does Ann like?", scope="user", answer="jazz; film noir", count=12, citations=("e1",), users=("u7",)
)
PROMPT = library.latest("shape")


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "answer.schema.json"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


async def put(*answers: Any, reply: Reply = REPLY, schema: Schema = TASTES) -> tuple[Reply, ScriptedModel]:
    model = ScriptedModel([orjson.dumps(one).decode() for one in answers])
    return await shaped(reply, schema, model=model, prompt=PROMPT), model


async def test_an_answer_is_put_into_the_schema_beside_its_citations() -> None:
    data = {"likes": ["jazz", "film noir"], "sure": "yes", "times": 12}
    got, model = await put(data)
    assert (got.data, got.answer, got.citations) == (data, REPLY.answer, ("e1",))
    assert "number: 12\nuser: u7\n</answer>" in model.asked[0].chat[1].content
    assert model.asked[0].schema.model_json_schema() == TASTES


@pytest.mark.parametrize(
    "wrong",
    [
        {"likes": ["opera"], "sure": "yes"},
        {"likes": ["jazz"], "sure": "yes", "times": 13},
        {"likes": ["jazz"], "sure": "perhaps"},
        {"likes": "jazz", "sure": "yes"},
        {"likes": ["jazz"]},
    ],
    ids=["another word", "another number", "no choice of the schema", "another type", "a field less"],
)
async def test_what_the_answer_or_the_schema_does_not_say_is_sent_back_once(wrong: Any) -> None:
    right = {"likes": ["jazz"], "sure": "no"}
    got, model = await put(wrong, right)
    assert got.data == right
    assert "cannot be used" in model.asked[1].chat[-1].content
    with pytest.raises(AnswerError):
        await put(wrong, wrong)


async def test_what_the_history_does_not_say_has_no_shape() -> None:
    silent = REPLY.model_copy(update={"abstained": True})
    got, model = await put(reply=silent)
    assert (got, got.data, model.asked) == (silent, None, [])


def test_words_and_numbers_may_come_from_the_answer_or_the_schema_alone() -> None:
    assert foreign({"likes": ["noir", "films"], "sure": "yes", "times": None}, TASTES, "film noir") is None
    assert foreign([True, 0, 1.5, "爵士"], {}, "喜欢爵士乐 1.50") is None
    assert "电影" in str(foreign(["电影"], {}, "喜欢爵士乐"))
    assert "1,200" not in str(foreign([1200], {}, "1,200 users"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot be read as a JSON schema"),
        (b"\xff", "cannot be read as a JSON schema"),
        ("[]", "must be an object"),
        ("true", "must be an object"),
        ('{"type": "text"}', "is no JSON schema: .*text"),
        ('{"$ref": "https://example.org/schema"}', "leads to nothing in the file"),
        ('{"items": {"$ref": "#/$defs/tag"}}', "leads to nothing in the file"),
        ('{"$ref": "file:///etc/passwd"}', "leads to nothing in the file"),
    ],
)
def test_what_is_no_schema_is_told(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(written(tmp_path, text))
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "none.json")


def test_a_schema_may_refer_to_its_own_parts(tmp_path: Path) -> None:
    schema = {"$defs": {"a/b": {"type": "integer"}}, "items": {"$ref": "#/$defs/a~1b"}, "type": "array"}
    assert read(written(tmp_path, orjson.dumps(schema))) == schema
    assert answer_in(schema).model_validate_json("[1, 2]", extra="forbid").root == [1, 2]
    with pytest.raises(ValueError, match=r"\$\[1\]"):
        answer_in(schema).model_validate_json('[1, "two"]', extra="forbid")


async def test_a_schema_that_the_server_refuses_is_wrong_use_and_a_server_that_is_away_is_not() -> None:
    with FaultyServer() as server:
        server.always(Fault.TOO_LONG)
        model = VllmModel(server.url, "faulty", patience=0.01)
        with pytest.raises(InputError, match="does not take this schema") as caught:
            await shaped(REPLY, TASTES, model=model, prompt=PROMPT)
        assert caught.value.exit_code == 2
        await model.aclose()
    away = VllmModel(unused_url(), "faulty", patience=0.01)
    with pytest.raises(Unreachable):
        await shaped(REPLY, TASTES, model=away, prompt=PROMPT)
    await away.aclose()
