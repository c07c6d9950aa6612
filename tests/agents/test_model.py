"""Real HTTP on loopback; only the answers are made up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agents.model import (
    BATCH,
    Finding,
    Message,
    Reply,
    ScriptedModel,
    VllmModel,
    _events,
    check,
    judged,
    request_digest,
)
from limner.domain import ModelCall
from limner.errors import AnswerError, ModelError, Refused, ServerDied, SetupError, Unreachable
from tests.faulty_server import Fault, FaultyServer, example, unused_url


class Portrait(BaseModel):
    tags: list[str] = Field(min_length=1, max_length=5)
    persona: str = Field(min_length=4, max_length=200)


CHAT = (Message("system", "You describe a person."), Message("user", "They liked Bambi, 小鹿斑比."))


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(slow_seconds=2) as running:
        yield running


@pytest.fixture
async def model(server: FaultyServer) -> AsyncIterator[VllmModel]:
    connected = VllmModel(server.url, "faulty", timeout=0.3, patience=0.01)
    yield connected
    await connected.aclose()


async def ask(model: VllmModel | ScriptedModel, ledger: list[ModelCall], **options: object) -> Portrait:
    return await model.answer(
        CHAT,
        Portrait,
        purpose="persona.v1",
        prompt_digest="abc",
        max_tokens=60,
        user_id="7",
        ledger=ledger.append,
        **options,  # type: ignore[arg-type]
    )


async def test_an_answer_is_an_instance_of_its_class_and_one_line_in_the_ledger(
    server: FaultyServer, model: VllmModel
) -> None:
    ledger: list[ModelCall] = []
    answer = await ask(model, ledger)
    (call,) = ledger
    assert call.outcome == "ok" and call.attempt == 1 and call.user_id == "7" and call.purpose == "persona.v1"
    assert (call.tokens_in, call.tokens_out) == (8, len(answer.model_dump_json().split()) + 3)
    assert call.answer is not None and Portrait.model_validate_json(call.answer) == answer
    assert call.request_digest == request_digest(CHAT, Portrait, "faulty", 60)


async def test_a_request_guides_decoding_by_the_schema_and_does_not_wander(
    server: FaultyServer, model: VllmModel
) -> None:
    await ask(model, [])
    (body,) = server.chats
    assert body["structured_outputs"] == {"json": Portrait.model_json_schema()}
    assert "guided_json" not in body and "response_format" not in body
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0, 7, 60)
    assert body["messages"][1] == {"role": "user", "content": "They liked Bambi, 小鹿斑比."}


BAD = (
    Fault.EMPTY,
    Fault.CUT_OFF,
    Fault.PROSE,
    Fault.WRONG_KEYS,
    Fault.SCHEMA_ECHO,
    Fault.UNENDING,
)


@pytest.mark.parametrize("fault", BAD, ids=str)
async def test_a_bad_answer_is_repaired_once(server: FaultyServer, model: VllmModel, fault: Fault) -> None:
    server.next(fault)
    ledger: list[ModelCall] = []
    await ask(model, ledger)
    assert [call.outcome for call in ledger] == ["bad_answer", "ok"]
    assert [call.attempt for call in ledger] == [1, 2]
    assert len({call.request_digest for call in ledger}) == 1
    assert all(call.tokens_out > 0 for call in ledger) and ledger[0].detail and ledger[0].answer is None
    again = server.chats[1]["messages"]
    assert [part["role"] for part in again] == ["system", "user", "assistant", "user"]
    assert len(again[2]["content"]) <= 1000
    assert ledger[0].detail in again[3]["content"]


@pytest.mark.parametrize("fault", BAD, ids=str)
async def test_a_second_bad_answer_is_an_error_that_keeps_the_text(
    server: FaultyServer, model: VllmModel, fault: Fault
) -> None:
    server.always(fault)
    ledger: list[ModelCall] = []
    with pytest.raises(AnswerError) as caught:
        await ask(model, ledger)
    assert [call.outcome for call in ledger] == ["bad_answer", "bad_answer"]
    assert len(str(caught.value)) < 400
    assert bool(caught.value.answer) is (fault is not Fault.EMPTY)


@pytest.mark.parametrize("fault", [Fault.THINK, Fault.FENCE], ids=str)
async def test_thinking_and_a_fence_around_the_answer_are_taken_off(
    server: FaultyServer, model: VllmModel, fault: Fault
) -> None:
    server.next(fault)
    ledger: list[ModelCall] = []
    await ask(model, ledger)
    assert [call.outcome for call in ledger] == ["ok"]


async def test_a_complaint_of_the_caller_reaches_the_model_and_then_the_error(
    server: FaultyServer, model: VllmModel
) -> None:
    def in_english(answer: Portrait) -> str | None:
        return None if answer.persona.isascii() else "it must be in English"

    server.next(Fault.CHINESE, Fault.ENGLISH)
    assert (await ask(model, [], check=in_english)).persona == "watches films"
    assert "it must be in English" in server.chats[1]["messages"][3]["content"]
    server.always(Fault.CHINESE)
    with pytest.raises(AnswerError, match="it must be in English"):
        await ask(model, [], check=in_english)


async def test_a_repair_that_no_longer_fits_the_context_is_an_answer_error(
    server: FaultyServer, model: VllmModel
) -> None:
    server.next(Fault.PROSE, Fault.TOO_LONG)
    ledger: list[ModelCall] = []
    with pytest.raises(AnswerError):
        await ask(model, ledger)
    assert [call.outcome for call in ledger] == ["bad_answer", "refused"]


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.BUSY, Fault.HANG_UP, Fault.GARBAGE, Fault.SLOW], ids=str)
async def test_a_passing_trouble_is_waited_out(server: FaultyServer, model: VllmModel, fault: Fault) -> None:
    server.next(fault)
    ledger: list[ModelCall] = []
    await ask(model, ledger)
    assert [(call.attempt, call.outcome) for call in ledger] == [(1, "unreachable"), (2, "ok")]
    assert (ledger[0].tokens_in, ledger[0].tokens_out) == (0, 0)


@pytest.mark.parametrize(
    ("fault", "tries", "says"),
    [
        (Fault.ERROR, 4, "status 500"),
        (Fault.BUSY, 4, "status 429"),
        (Fault.HANG_UP, 4, "cannot be reached"),
        (Fault.GARBAGE, 4, "not JSON"),
        (Fault.SLOW, 2, "no answer within 0.3 s"),
        (Fault.TOO_LONG, 1, "maximum context length"),
        (Fault.DENIED, 1, "LIMNER_MODEL_KEY"),
    ],
    ids=lambda case: str(case) if isinstance(case, Fault) else "",
)
async def test_a_lasting_trouble_ends_in_a_model_error_that_says_what_to_do(
    server: FaultyServer, model: VllmModel, fault: Fault, tries: int, says: str
) -> None:
    server.always(fault)
    ledger: list[ModelCall] = []
    with pytest.raises(ModelError, match=says) as caught:
        await ask(model, ledger)
    assert not isinstance(caught.value, AnswerError)
    assert len(ledger) == tries == server.count
    of_one_request = fault is Fault.TOO_LONG
    assert isinstance(caught.value, Unreachable) != of_one_request
    assert {call.outcome for call in ledger} == {"refused" if of_one_request else "unreachable"}


async def test_retry_after_is_honoured() -> None:
    with FaultyServer(retry_after=0.4) as server:
        model = VllmModel(server.url, "faulty", patience=0)
        server.next(Fault.BUSY)
        begun = asyncio.get_running_loop().time()
        await ask(model, [])
        assert asyncio.get_running_loop().time() - begun >= 0.4
        await model.aclose()


async def test_a_server_that_is_down_is_named_with_the_setting_to_look_at() -> None:
    url = unused_url()
    model = VllmModel(url, "faulty", patience=0)
    ledger: list[ModelCall] = []
    with pytest.raises(ModelError, match="LIMNER_MODEL_URL") as caught:
        await ask(model, ledger)
    assert url in str(caught.value) and len(ledger) == 4
    await model.aclose()


async def test_the_proxy_that_the_environment_names_is_asked(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
    monkeypatch.setenv("no_proxy", "")
    model = VllmModel("http://models.invalid/v1", "faulty", patience=0)
    with pytest.raises(ModelError, match=r"status 404.*models\.invalid/v1/chat/completions"):
        await ask(model, [])
    await model.aclose()


async def test_a_server_that_died_is_revived_once_for_all_calls_that_wait() -> None:
    revived: list[str] = []
    with FaultyServer(answer=lambda body: "never") as first, FaultyServer() as second:
        first.always(Fault.SLOW)

        async def revive() -> str:
            revived.append(second.url)
            await asyncio.sleep(0.05)
            return second.url

        model = VllmModel(first.url, "faulty", patience=0, revive=revive)
        calls = [asyncio.create_task(ask(model, [])) for _ in range(8)]
        await asyncio.to_thread(first.hear, 8)
        first.stop()
        assert len(await asyncio.gather(*calls)) == 8
        assert len(revived) == 1 and model.url == second.url
        await model.aclose()


async def test_a_server_that_cannot_be_revived_ends_every_call_and_is_not_tried_again() -> None:
    revived = 0

    async def revive() -> str:
        nonlocal revived
        revived += 1
        raise ServerDied("It ended while it loaded weights.", "log")

    model = VllmModel(unused_url(), "faulty", patience=0, revive=revive)
    ledger: list[ModelCall] = []
    ends = await asyncio.gather(*(ask(model, ledger) for _ in range(4)), return_exceptions=True)
    assert all(isinstance(end, ServerDied) for end in ends) and revived == 1
    assert {call.outcome for call in ledger} == {"unreachable"}
    await model.aclose()


async def test_a_server_that_was_left_for_later_is_begun_once_by_the_first_calls() -> None:
    begun = 0
    with FaultyServer() as faulty:

        async def begin() -> tuple[str, str]:
            nonlocal begun
            begun += 1
            await asyncio.sleep(0.05)
            return faulty.url, "faulty"

        model = VllmModel("", "as it is set", patience=0, begin=begin)
        assert begun == 0
        ledger: list[ModelCall] = []
        assert len(await asyncio.gather(*(ask(model, ledger) for _ in range(4)))) == 4
        assert (begun, model.url, model.name) == (1, faulty.url, "faulty")
        assert [call.outcome for call in ledger] == ["ok"] * 4
        await model.aclose()


async def test_a_server_that_cannot_be_begun_ends_every_call_and_is_not_tried_again() -> None:
    begun = 0

    async def begin() -> tuple[str, str]:
        nonlocal begun
        begun += 1
        raise SetupError("vLLM is not installed.")

    model = VllmModel("", "faulty", patience=0, begin=begin)
    ends = await asyncio.gather(*(ask(model, []) for _ in range(4)), return_exceptions=True)
    assert [str(end) for end in ends] == ["vLLM is not installed."] * 4
    assert all(isinstance(end, Unreachable) for end in ends) and begun == 1
    await model.aclose()


async def test_a_server_that_keeps_dying_is_given_up() -> None:
    revived = 0

    async def revive() -> str:
        nonlocal revived
        revived += 1
        return unused_url()

    model = VllmModel(unused_url(), "faulty", patience=0, revive=revive)
    with pytest.raises(ServerDied, match="4 times"):
        await ask(model, [])
    assert revived == 3
    await model.aclose()


async def test_without_a_tokenizer_the_server_counts(server: FaultyServer, model: VllmModel) -> None:
    assert await asyncio.to_thread(model.count_tokens, "three short words") == 3
    server.stop()
    with pytest.raises(ModelError, match="does not count tokens"):
        await asyncio.to_thread(model.count_tokens, "three")


# --- what counts as an answer ---


class Loose(BaseModel):
    kind: Literal["a", "b"] = "a"
    note: str = ""


@pytest.mark.parametrize(
    ("text", "finish", "says"),
    [
        pytest.param('{"kind": "a"}', "length", "cut off", id="complete by luck but cut off"),
        pytest.param('{"kind": "a"}', "abort", "ended early", id="aborted"),
        pytest.param('{"kind": "c"}', "stop", "kind: Input should be 'a' or 'b'", id="wrong value"),
        pytest.param('{"nodes": []}', "stop", "nodes: Extra inputs", id="unknown key of a class that allows them"),
        pytest.param('{"kind": "a"} Hope this helps!', "stop", "trailing characters", id="prose after"),
        pytest.param('Here it is: {"kind": "a"}', "stop", "expected value", id="prose before"),
        pytest.param('[{"kind": "a"}]', "stop", "the whole: Input should be", id="in a list"),
        pytest.param('<think>so {"kind": "a"}', "stop", "expected value", id="thinking that never ends"),
        pytest.param('{"note": "\\ud800"}', "stop", "Invalid JSON", id="half a character"),
    ],
)
def test_nothing_but_the_promised_shape_is_an_answer(text: str, finish: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        judged(Reply(text, finish, 1, 1), Loose)


@given(st.text())
def test_any_text_is_judged_without_a_crash(text: str) -> None:
    try:
        judged(Reply(text, "stop", 1, 1), Portrait)
    except ValueError as error:
        assert str(error)


@given(st.text(st.characters(exclude_categories=())), st.integers(1, 4000))
def test_equal_requests_share_a_digest_and_others_do_not(text: str, most: int) -> None:
    chat = [Message("user", text)]
    digest = request_digest(chat, Portrait, "m", most)
    assert digest == request_digest(tuple(chat), Portrait, "m", most) and len(digest) == 32
    assert digest != request_digest([Message("user", text + "!")], Portrait, "m", most)
    assert digest != request_digest(chat, Loose, "m", most)
    assert digest != request_digest(chat, Portrait, "n", most)
    assert digest != request_digest(chat, Portrait, "m", most + 1)


# --- the scripted model ---


async def test_a_scripted_model_goes_the_same_way_as_a_real_one() -> None:
    good = Portrait(tags=["animation"], persona="Watches films.")
    model = ScriptedModel(["Sure!", good, ModelError("gone")])
    ledger: list[ModelCall] = []
    assert await ask(model, ledger) == good
    assert [call.outcome for call in ledger] == ["bad_answer", "ok"]
    assert model.asked[0].chat == CHAT and model.asked[0].schema is Portrait and len(model.asked) == 2
    with pytest.raises(ModelError, match="gone"):
        await ask(model, ledger)


async def test_a_scripted_function_answers_what_it_is_asked() -> None:
    model = ScriptedModel(lambda asked: Portrait(tags=["t"], persona=asked.chat[-1].content))
    assert (await ask(model, [])).persona == CHAT[-1].content


# --- leaning ---


async def test_a_leaning_is_the_log_odds_of_yes_over_no(server: FaultyServer, model: VllmModel) -> None:
    server.answer = lambda body: "Yes"
    assert await model.leaning(CHAT) == pytest.approx(1.0)
    server.answer = lambda body: "No"
    assert await model.leaning(CHAT) < -19


async def test_a_leaning_that_cannot_be_had_is_an_error() -> None:
    down = VllmModel(unused_url(), "faulty")
    with pytest.raises(ModelError, match="cannot be reached"):
        await down.leaning(CHAT)
    await down.aclose()


async def test_how_sure_an_answer_was_is_told_where_the_server_tells(server: FaultyServer, model: VllmModel) -> None:
    sure = list[float]()
    for heard in (None, lambda text: None):
        options = {"purpose": "p", "prompt_digest": "", "max_tokens": 9, "heard": heard}
        await model.answer(CHAT, Portrait, weighed=sure.append, **options)  # type: ignore[arg-type]
        await model.answer(CHAT, Portrait, **options)  # type: ignore[arg-type]
    assert sure == pytest.approx([-0.1, -0.1])
    assert [bool(body.get("logprobs")) for body in server.chats] == [True, False, True, False]


# --- check ---


def wanting(findings: list[Finding]) -> set[str]:
    return {finding.name for finding in findings if not finding.ok}


async def test_a_good_server_passes_every_check(server: FaultyServer, model: VllmModel) -> None:
    findings = await check(model)
    assert wanting(findings) == set() and len(findings) == 11


async def test_a_server_that_ignores_guidance_is_found_out(server: FaultyServer, model: VllmModel) -> None:
    server.always(Fault.FREE)
    findings = {finding.name: finding for finding in await check(model)}
    assert not findings["guided choice"].ok and "structured_outputs" in findings["guided choice"].advice
    assert not findings["guided JSON"].ok and "xgrammar" in findings["guided JSON"].advice


async def test_what_a_server_lacks_is_named(server: FaultyServer, model: VllmModel) -> None:
    server.metrics, server.context = False, 2048
    server.answer = lambda body: (
        "vermilion"
        if "choice" in body.get("structured_outputs", {})
        else '{\n  "title": "M", "year": 1931, "liked": true}'
    )
    assert wanting(await check(model)) == {"context length", "compact JSON", "load metrics"}


async def test_a_check_of_a_dead_or_foreign_server_says_so(server: FaultyServer) -> None:
    down = VllmModel(unused_url(), "faulty")
    (finding,) = await check(down)
    assert not finding.ok and "limner model serve" in finding.advice
    other = VllmModel(server.url, "another")
    assert wanting(await check(other)) == {"model"}
    for model in (down, other):
        await model.aclose()


def test_the_example_of_a_schema_is_an_instance_of_it() -> None:
    assert Portrait.model_validate(example(Portrait.model_json_schema()))


class Heard:
    """What is told of an answer as it comes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> None:
        self.texts.append(text)


async def test_an_answer_is_heard_as_it_comes_and_is_the_same(server: FaultyServer, model: VllmModel) -> None:
    heard, ledger = Heard(), list[ModelCall]()
    whole = await ask(model, [])
    assert await ask(model, ledger, heard=heard) == whole
    assert server.chats[1]["stream"] is True
    assert len(heard.texts) > 3
    assert all(later.startswith(sooner) for sooner, later in itertools.pairwise(heard.texts))
    assert Portrait.model_validate_json(heard.texts[-1]) == whole
    assert (ledger[0].outcome, ledger[0].tokens_in) == ("ok", 8)
    assert ledger[0].request_digest == request_digest(CHAT, Portrait, "faulty", 60), (
        "streamed or not, it is one request"
    )


@pytest.mark.parametrize(
    "fault", [Fault.ERROR, Fault.BUSY, Fault.HANG_UP, Fault.GARBAGE, Fault.SLOW, Fault.PROSE, Fault.CUT_OFF], ids=str
)
async def test_a_streamed_answer_survives_what_a_whole_one_does(
    server: FaultyServer, model: VllmModel, fault: Fault
) -> None:
    server.next(fault)
    heard = Heard()
    answer = await ask(model, [], heard=heard)
    assert Portrait.model_validate_json(heard.texts[-1]) == answer
    assert server.count == 2


async def test_a_stream_that_never_ends_well_is_an_error(server: FaultyServer, model: VllmModel) -> None:
    server.always(Fault.HANG_UP)
    with pytest.raises(Unreachable, match="cannot be reached"):
        await ask(model, [], heard=Heard())
    server.always(Fault.TOO_LONG)
    with pytest.raises(Refused, match="maximum context length"):
        await ask(model, [], heard=Heard())


@given(st.lists(st.integers(0, 40), max_size=20))
def test_events_of_a_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    sent = b'data: {"n": 1}\n\n: a comment\ndata: {"n": "\xe5\xb0\x8f"}\n\ndata: [DONE]\n\ndata: {"n": 3}\n\n'

    async def pieces() -> AsyncIterator[bytes]:
        at = 0
        for cut in cuts:
            yield sent[at : at + cut]
            at += cut
        yield sent[at:]

    async def read() -> list[object]:
        return [event["n"] async for event in _events(pieces())]

    assert asyncio.run(read()) == [1, "小"]


@pytest.mark.parametrize("heard", [None, Heard()], ids=["whole", "streamed"])
async def test_a_batch_lets_others_go_first_where_the_server_knows_how(
    server: FaultyServer, heard: Heard | None
) -> None:
    model = VllmModel(server.url, "faulty", patience=0.01, priority=BATCH)
    server.always(Fault.NO_PRIORITY)
    ledger: list[ModelCall] = []
    await ask(model, ledger, heard=heard)
    await ask(model, ledger, heard=heard)
    assert [body.get("priority") for body in server.chats] == [1, None, None]
    assert [call.outcome for call in ledger] == ["ok", "ok"]
    await model.aclose()


async def test_a_question_has_no_priority_to_give(server: FaultyServer, model: VllmModel) -> None:
    await ask(model, [])
    assert "priority" not in server.chats[0]


async def test_a_server_without_priorities_is_told_as_a_lack_that_costs_only_time(
    server: FaultyServer, model: VllmModel
) -> None:
    server.choose(lambda body: Fault.NO_PRIORITY if "priority" in body else None)
    (lacking,) = [finding for finding in await check(model) if not finding.ok]
    assert (lacking.name, lacking.needed) == ("priorities", False)
    assert "--scheduling-policy priority" in lacking.advice
