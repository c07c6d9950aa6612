"""The model seam: a chat goes in, a validated answer comes out; retries, repairs and foreign exceptions stay behind it.

**What an answer must be.** Decoding is guided by the JSON schema of the answer class (`structured_outputs`, which vLLM
enforces token by token; the older `guided_json` and any misspelt field are ignored with status 200, so `check` proves
that it works). The text is then validated by pydantic all the same. Taken off first: one leading `<think>…</think>`
and one ```json fence around everything else. Whatever remains must be the JSON of the class, whole (finish_reason
"stop"), with no key the class does not know and with no complaint from the caller's own check. A bad answer is shown to
the model once with what is wrong; a second bad answer is an `AnswerError`.

**Why aiohttp.** A client can cost more processor time than all the rest of limner's work on a user. Milliseconds of the
processor for one call, client alone (1,000 calls, 32 in flight, a prompt of 3,000 tokens, a server that answers at
once; best of three rounds on a busy machine):

    AsyncOpenAI.post 1.46 · httpx.AsyncClient.post 2.26 · aiohttp 0.12

ChatOpenAI, which stands on AsyncOpenAI, took twice as long as that again when it was measured. Agents that call tools
come through this seam as well (`agents/chat.py`). aiohttp is imported where it is first needed: that takes a quarter of
a second, which `limner status` should not.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import math
import re
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tokenizers import Tokenizer

from limner.domain import ModelCall
from limner.errors import AnswerError, LimnerError, ModelError, Refused, ServerDied, Unreachable
from prompts import library

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")
AnswerT = TypeVar("AnswerT", bound=BaseModel)
Ledger = Callable[[ModelCall], None]
Heard = Callable[[str], None]
"""Told of the text of an answer so far, whenever it has grown; a repeated attempt begins anew."""
Weighed = Callable[[float], None]
"""Told of the mean natural logarithm of the probabilities of an answer's tokens."""
CallOutcome = Literal["ok", "bad_answer", "refused", "unreachable"]

SAMPLING: dict[str, Any] = {"temperature": 0, "seed": 7}
REPAIR = (
    "That answer cannot be used: {complaint}. Answer the same question again. "
    "Reply with one complete JSON object of the promised shape and nothing else."
)
TRIES = 4
TRIES_AFTER_TIMEOUT = 2
LONGEST_WAIT = 30.0
LONGEST_IDLE = 4.0
"""Seconds that a connection is kept for the next request: vLLM closes what is idle for five."""
BATCH = 1
"""Priority of what nobody waits for: a server that serves by priority takes questions, which have 0, before it."""
MOST_DEATHS = 3
"""Times a server that limner owns is started again before the run gives up."""
QUOTED = 300
"""Most characters of foreign text in a message or a ledger entry."""


YES, NO = frozenset({"yes", "y", "true", "是", "是的", "对"}), frozenset({"no", "n", "false", "否", "不", "不是"})
"""First words of an answer to a question of yes or no."""
UNHEARD = math.exp(-20)
"""Probability of a word that is not among the likeliest."""


class Message(NamedTuple):
    role: Literal["system", "user", "assistant"]
    content: str


def messages(rendered: library.Rendered) -> list[Message]:
    """A rendered prompt as a chat: the static part first, so that the server's prefix cache serves it."""
    return [Message("system", rendered.system), Message("user", rendered.user)]


def unrecorded(call: ModelCall) -> None:
    """A ledger that keeps nothing."""


def unopposed(answer: BaseModel) -> str | None:
    """No complaint."""
    return None


class Model(Protocol):
    """Anything that answers a chat: a vLLM server, or a script."""

    name: str

    async def answer(
        self,
        chat: Sequence[Message],
        schema: type[AnswerT],
        *,
        purpose: str,
        prompt_digest: str,
        max_tokens: int,
        user_id: str | None = None,
        ledger: Ledger = unrecorded,
        check: Callable[[AnswerT], str | None] = unopposed,
        heard: Heard | None = None,
        weighed: Weighed | None = None,
    ) -> AnswerT:
        """The model's validated answer.

        Args:
            schema: Class of the answer; its JSON schema guides decoding.
            purpose: Id of the prompt, for the ledger.
            prompt_digest: Of the prompt file, for the ledger.
            max_tokens: Most tokens of one answer.
            ledger: Told of every attempt, failed ones included, with the digest of the request as first asked.
            check: What is wrong with an answer of the right shape, in words for the model; None where nothing is.
            heard: Told of the text as it comes, which nothing has checked yet; None has it come in one piece.
            weighed: Told how sure the model was of the answer; of nothing where the server gives no log-probabilities.

        Raises:
            AnswerError: two answers in a row were not of the promised shape.
            ModelError: the server could not be reached, or refused.
            ServerDied: a server that limner owns ended and could not be started again.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` by the model's own tokenizer, without chat template and special tokens."""
        ...

    async def aclose(self) -> None: ...


Sides = tuple[frozenset[str], frozenset[str]]
"""First words of the one answer and of the other."""
YES_OR_NO: Sides = (YES, NO)


class Judge(Model, Protocol):
    """A model that also tells how far it leans to one of two answers."""

    async def leaning(
        self,
        chat: Sequence[Message],
        *,
        sides: Sides = YES_OR_NO,
        purpose: str = "leaning",
        prompt_digest: str = "",
        turn: int = 1,
        user_id: str | None = None,
        ledger: Ledger = unrecorded,
    ) -> float:
        """How far the model leans to the first of two answers: the log-odds of its first word.

        Args:
            turn: 2 asks for a second opinion, which is not the first one remembered.

        Returns:
            Natural logarithm of the odds among the twenty likeliest first tokens; between -20 and 20.

        Raises:
            ModelError: the server could not be reached, refused, or gives no log-probabilities.
        """
        ...


@functools.cache
def _schema(schema: type[BaseModel]) -> bytes:
    return orjson.dumps(schema.model_json_schema(), option=orjson.OPT_SORT_KEYS)


def request_digest(chat: Sequence[Message], schema: type[BaseModel], model: str, max_tokens: int) -> str:
    """32 hex digits that equal requests share: same model, messages, schema and sampling."""
    asked = [model, [list(message) for message in chat], orjson.Fragment(_schema(schema)), SAMPLING, max_tokens]
    return hashlib.blake2b(_json(asked), digest_size=16).hexdigest()


def leaning_digest(chat: Sequence[Message], sides: Sides, model: str, turn: int) -> str:
    """32 hex digits that equal questions about a leaning share."""
    asked = [model, [list(message) for message in chat], [sorted(words) for words in sides], SAMPLING, turn]
    return hashlib.blake2b(_json(asked), digest_size=16).hexdigest()


class Reply(NamedTuple):
    """What came back for one attempt."""

    text: str
    finish: str
    tokens_in: int
    tokens_out: int
    logprob: float | None = None
    """Mean over its tokens; None where none were asked for or given."""


class Odds(NamedTuple):
    """The likeliest first words of a reply, each with its probability."""

    words: Sequence[tuple[str, float]]
    tokens_in: int
    tokens_out: int


AttemptT = TypeVar("AttemptT", Reply, Odds)


class _AttemptError(Exception):
    """An attempt without an answer."""

    def __init__(
        self,
        message: str,
        outcome: CallOutcome,
        *,
        tries: int = 1,
        after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome: CallOutcome = outcome
        self.tries = tries
        """Attempts in all that such trouble is worth."""
        self.after = after
        """Seconds the server asked us to wait."""
        self.status = status


class _Account:
    """Numbers the attempts of one question and enters them in the ledger."""

    def __init__(self, call: Callable[..., ModelCall], ledger: Ledger) -> None:
        self._call = call
        self._ledger = ledger
        self._attempts = 0

    def enter(
        self,
        outcome: CallOutcome,
        seconds: float,
        reply: Reply | Odds | None = None,
        *,
        detail: str = "",
        answer: str | None = None,
    ) -> None:
        self._attempts += 1
        self._ledger(
            self._call(
                attempt=self._attempts,
                tokens_in=reply.tokens_in if reply else 0,
                tokens_out=reply.tokens_out if reply else 0,
                seconds=seconds,
                outcome=outcome,
                detail=detail,
                answer=answer,
                logprob=reply.logprob if isinstance(reply, Reply) else None,
            )
        )


class _Seam(ABC):
    """What every model shares: validate, repair once, retry, keep the ledger."""

    name: str
    patience: float = 0.5
    """Seconds before the first retry; each later one waits twice as long."""

    @abstractmethod
    async def _attempt(
        self,
        chat: Sequence[Message],
        schema: type[BaseModel],
        max_tokens: int,
        heard: Heard | None = None,
        weigh: bool = False,
    ) -> Reply:
        """One attempt; `_AttemptError` where there is no answer."""

    @abstractmethod
    async def _weigh(self, chat: Sequence[Message]) -> Odds:
        """The first word of a reply; `_AttemptError` where there is none."""

    async def leaning(
        self,
        chat: Sequence[Message],
        *,
        sides: Sides = YES_OR_NO,
        purpose: str = "leaning",
        prompt_digest: str = "",
        turn: int = 1,
        user_id: str | None = None,
        ledger: Ledger = unrecorded,
    ) -> float:
        """See `Judge.leaning`."""
        call = functools.partial(
            ModelCall,
            purpose=purpose,
            user_id=user_id,
            request_digest=leaning_digest(chat, sides, self.name, turn),
            prompt_digest=prompt_digest,
            model=self.name,
        )
        account = _Account(call, ledger)
        try:
            odds, seconds = await self._tried(lambda: self._weigh(chat), account)
        except _AttemptError as error:
            raise (Unreachable if error.outcome == "unreachable" else Refused)(str(error)) from error
        one, other = (sum(share for word, share in odds.words if word.strip().casefold() in words) for words in sides)
        leaning = math.log(max(one, UNHEARD) / max(other, UNHEARD))
        account.enter("ok", seconds, odds, answer=repr(leaning))
        return leaning

    async def answer(
        self,
        chat: Sequence[Message],
        schema: type[AnswerT],
        *,
        purpose: str,
        prompt_digest: str,
        max_tokens: int,
        user_id: str | None = None,
        ledger: Ledger = unrecorded,
        check: Callable[[AnswerT], str | None] = unopposed,
        heard: Heard | None = None,
        weighed: Weighed | None = None,
    ) -> AnswerT:
        """See `Model.answer`."""
        call = functools.partial(
            ModelCall,
            purpose=purpose,
            user_id=user_id,
            request_digest=request_digest(chat, schema, self.name, max_tokens),
            prompt_digest=prompt_digest,
            model=self.name,
        )
        account = _Account(call, ledger)
        conversation, first_complaint = tuple(chat), ""
        while True:
            try:
                asked = functools.partial(self._attempt, conversation, schema, max_tokens, heard, weighed is not None)
                reply, seconds = await self._tried(asked, account)
            except _AttemptError as error:
                if first_complaint and error.status == 400:  # with the repair it no longer fits the context
                    raise AnswerError(f"The model's answer cannot be used: {first_complaint}.", answer="") from error
                raise (Unreachable if error.outcome == "unreachable" else Refused)(str(error)) from error
            try:
                answer = judged(reply, schema, check)
            except ValueError as error:
                complaint = cut(str(error))
                account.enter("bad_answer", seconds, reply, detail=complaint)
            else:
                account.enter("ok", seconds, reply, answer=answer.model_dump_json())
                if weighed is not None and reply.logprob is not None:
                    weighed(reply.logprob)
                return answer
            if first_complaint:
                raise AnswerError(f"The model's answer cannot be used, nor its second one: {complaint}.", reply.text)
            first_complaint = complaint
            repair = Message("user", REPAIR.format(complaint=complaint))
            conversation = (*chat, Message("assistant", cut(reply.text, 1000)), repair)

    async def _tried(self, attempt: Callable[[], Awaitable[AttemptT]], account: _Account) -> tuple[AttemptT, float]:
        """What came back and the seconds it took, after as many attempts as its troubles are worth."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_AttemptError), stop=_enough, wait=self._pause, reraise=True
        )
        async for state in retrying:
            with state:
                begun = time.monotonic()
                try:
                    return await attempt(), time.monotonic() - begun
                except _AttemptError as error:
                    account.enter(error.outcome, time.monotonic() - begun, detail=cut(str(error)))
                    raise
                except ServerDied as error:
                    account.enter("unreachable", time.monotonic() - begun, detail=cut(str(error)))
                    raise
        raise AssertionError("tenacity returns or raises")

    def _pause(self, state: RetryCallState) -> float:
        """Seconds before the next attempt."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.after if isinstance(error, _AttemptError) else None
        pause: float = self.patience * 2 ** (state.attempt_number - 1) if asked is None else asked
        return min(pause, LONGEST_WAIT)


def _enough(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    return not isinstance(error, _AttemptError) or state.attempt_number >= error.tries


_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)


def judged(reply: Reply, schema: type[AnswerT], check: Callable[[AnswerT], str | None] = unopposed) -> AnswerT:
    """The answer in a reply.

    Raises:
        ValueError: it is not one; the text says what is wrong, in words for the model.
    """
    if reply.finish == "length":
        raise ValueError(f"it was cut off after {reply.tokens_out} tokens; be shorter")
    if reply.finish != "stop":
        raise ValueError(f"it ended early ({cut(reply.finish)})")
    text = _THINKING.sub("", reply.text, count=1)
    fenced = _FENCE.match(text)
    text = (fenced.group(1) if fenced else text).strip()
    if not text:
        raise ValueError("it is empty")
    try:
        answer = schema.model_validate_json(text, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[:3]
        wrong = [f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}" for one in first]
        raise ValueError("; ".join(wrong)) from error
    complaint = check(answer)
    if complaint:
        raise ValueError(complaint)
    return answer


def cut(text: str, most: int = QUOTED) -> str:
    """`text`, or its first `most` characters and an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # half of a surrogate pair: not text, so it becomes a question mark
        return orjson.dumps(_encodable(value))


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {name: _encodable(part) for name, part in value.items()}
        case list() | tuple():
            return [_encodable(part) for part in value]
        case _:
            return value


class VllmModel(_Seam):
    """A model behind an OpenAI-compatible vLLM server. It belongs to the event loop that first asks it."""

    def __init__(
        self,
        url: str,
        name: str,
        key: str = "none",
        *,
        tokenizer: Path | None = None,
        timeout: float = 600,
        revive: Callable[[], Awaitable[str]] | None = None,
        begin: Callable[[], Awaitable[tuple[str, str]]] | None = None,
        patience: float = 0.5,
        priority: int = 0,
    ) -> None:
        """Args:
        url: Base URL, such as http://127.0.0.1:8000/v1.
        name: As the server serves it.
        tokenizer: tokenizer.json of the model, or the folder that holds it; None asks the server to count.
        timeout: Seconds for one answer.
        revive: Makes sure that an owned server runs and returns its URL; asked when a connection fails, once for
            all calls that wait.
        begin: Finds or starts the server where `url` is empty; asked by the first call. Gives its URL and the name it
            serves.
        patience: Seconds before the first retry.
        priority: Of all requests; the least is served first. A server that refuses it is asked without.
        """
        self.name = name
        self.patience = patience
        self._priority = priority
        self._key = key
        self._timeout = timeout
        self._revive = revive
        self._begin = begin
        self._reviving = asyncio.Lock()
        self._generation = 0
        self._deaths = 0
        self._dead: ModelError | None = None
        self._url = url.rstrip("/")
        self._open: aiohttp.ClientSession | None = None
        self._tokenizer = _tokenizer(tokenizer) if tokenizer else None
        self._counting: httpx.Client | None = None

    @property
    def url(self) -> str:
        return self._url

    @property
    def _session(self) -> aiohttp.ClientSession:
        """The connections, made in the loop that first asks."""
        if self._open is None:
            import aiohttp

            server = urlsplit(self._url)
            self._open = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=LONGEST_IDLE),
                headers={"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(sock_connect=10, sock_read=self._timeout),
                proxy=None if proxy_bypass(server.netloc) else getproxies().get(server.scheme),
            )  # trust_env would look for the proxy at every call, which takes longer than the rest of it
        return self._open

    async def _send(self, method: str, path: str, content: bytes | None = None) -> bytes:
        """The body of a response, whatever it is; `_AttemptError` where the status says that it is a refusal."""
        async with self._session.request(method, f"{self._url}{path}", data=content) as response:
            body = await response.read()
        if response.status >= 400:
            raise self._refusal(response.status, body, response.headers.get("retry-after"))
        return body

    async def _attempt(
        self,
        chat: Sequence[Message],
        schema: type[BaseModel],
        max_tokens: int,
        heard: Heard | None = None,
        weigh: bool = False,
    ) -> Reply:
        options: dict[str, Any] = {"structured_outputs": {"json": orjson.Fragment(_schema(schema))}}
        options |= {"logprobs": True} if weigh else {}
        if heard is None:
            return self._whole(await self._chat(chat, max_tokens=max_tokens, **options))
        options |= {"stream": True, "stream_options": {"include_usage": True}}
        return await self._ranked(
            lambda: self._reached(
                lambda: self._streamed("/chat/completions", self._asked(chat, max_tokens=max_tokens, **options), heard)
            )
        )

    def _whole(self, body: dict[str, Any]) -> Reply:
        """The reply in a chat completion that came in one piece."""
        try:
            choice, usage = body["choices"][0], body.get("usage") or {}
            return Reply(
                text=choice["message"].get("content") or "",
                finish=choice.get("finish_reason") or "",
                tokens_in=usage.get("prompt_tokens", 0),
                tokens_out=usage.get("completion_tokens", 0),
                logprob=_mean(_logprobs(choice)),
            )
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise _AttemptError(
                self._said("something other than a chat completion"), "unreachable", tries=TRIES
            ) from error

    async def _streamed(self, path: str, asked: dict[str, Any], heard: Heard) -> Reply:
        """The reply in a chat completion that comes as server-sent events; a server that does not stream is read whole.

        Whatever ends before the server has said why it ended is no answer.
        """
        text, finish, usage, logprobs = "", "", dict[str, int](), list[float]()
        async with self._session.post(f"{self._url}{path}", data=_json(asked)) as response:
            if response.status >= 400:
                raise self._refusal(response.status, await response.read(), response.headers.get("retry-after"))
            if response.content_type != "text/event-stream":
                reply = self._whole(orjson.loads(await response.read()))
                heard(reply.text)
                return reply
            async for event in _events(response.content.iter_any()):
                if (error := event.get("error")) is not None:
                    code = error.get("code") if isinstance(error, dict) else None
                    raise self._refusal(code if isinstance(code, int) else 500, _json(error), None)
                usage = event.get("usage") or usage
                for choice in event.get("choices") or ():
                    finish = choice.get("finish_reason") or finish
                    logprobs += _logprobs(choice)
                    if more := (choice.get("delta") or {}).get("content"):
                        text += more
                        heard(text)
        if not finish:
            raise _AttemptError(self._said("a stream that ended too early"), "unreachable", tries=TRIES)
        return Reply(text, finish, usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), _mean(logprobs))

    async def _weigh(self, chat: Sequence[Message]) -> Odds:
        body = await self._chat(chat, max_tokens=1, logprobs=True, top_logprobs=20)
        tops, usage = _likeliest(body), body.get("usage") or {}
        if not tops:
            message = "The model server gives no log-probabilities: `limner model check` says what is missing."
            raise _AttemptError(message, "refused")
        words = [(top["token"], math.exp(top["logprob"])) for top in tops]
        return Odds(words, usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))

    def _asked(self, chat: Sequence[Message], **options: Any) -> dict[str, Any]:
        messages = [message._asdict() for message in chat]
        ranked = {"priority": self._priority} if self._priority else {}
        return {"model": self.name, "messages": messages, **SAMPLING, **options, **ranked}

    async def _chat(self, chat: Sequence[Message], **options: Any) -> dict[str, Any]:
        return await self._ranked(lambda: self._post("/chat/completions", self._asked(chat, **options)))

    async def _ranked(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What a request brings; asked again, and from then on, without a priority where the server knows none."""
        try:
            return await ask()
        except _AttemptError as error:
            if not self._priority or error.status != 400 or "priority" not in str(error).lower():
                raise
            self._priority = 0
            return await ask()

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON of a response; `_AttemptError` where there is none."""

        async def document() -> Any:
            return orjson.loads(await self._send("POST", path, _json(body)))

        found = await self._reached(document)
        if not isinstance(found, dict):
            raise _AttemptError(self._said("something other than a chat completion"), "unreachable", tries=TRIES)
        return found

    async def _reached(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What a request brings; `_AttemptError` where the server is not reached, or says something odd."""
        import aiohttp

        if self._dead:
            raise self._dead
        if not self._url:
            await self._begun()
        generation, url = self._generation, self._url
        try:
            return await ask()
        except TimeoutError as error:
            message = f"The model server at {self._url} gave no answer within {self._timeout:g} s."
            raise _AttemptError(message, "unreachable", tries=TRIES_AFTER_TIMEOUT) from error
        except aiohttp.ClientError as error:
            await self._revived(generation)
            message = (
                f"The model server at {url} cannot be reached ({cut(str(error) or type(error).__name__)}). "
                "Check that it runs and that LIMNER_MODEL_URL is right: `limner model check`."
            )
            raise _AttemptError(message, "unreachable", tries=TRIES) from error
        except orjson.JSONDecodeError as error:
            raise _AttemptError(self._said("something that is not JSON"), "unreachable", tries=TRIES) from error

    def _said(self, what: str) -> str:
        return f"The server at {self._url} answered with {what}. Is LIMNER_MODEL_URL the base URL of a vLLM server?"

    def _refusal(self, status: int, body: bytes, retry_after: str | None) -> _AttemptError:
        told = cut(" ".join(body.decode("utf-8", "replace").split()))
        if status in {408, 429} or status >= 500:
            message = f"The model server at {self._url} is failing or overloaded (status {status}): {told}"
            return _AttemptError(message, "unreachable", tries=TRIES, after=_seconds(retry_after), status=status)
        advice = {
            401: "Set LIMNER_MODEL_KEY to the key it wants.",
            403: "Set LIMNER_MODEL_KEY to the key it wants.",
            404: f"Does it serve {self.name}, and does LIMNER_MODEL_URL end in /v1? `limner model check` tells.",
        }.get(status, "")
        message = f"The model server at {self._url} refused the request (status {status}): {told} {advice}".rstrip()
        # A wrong key or name fails every request alike: that is no matter of one user.
        return _AttemptError(message, "unreachable" if advice else "refused", status=status)

    async def _begun(self) -> None:
        """Returns once the server that was left for later is there; the first of the waiting calls sees to it."""
        async with self._reviving:
            if self._dead:
                raise self._dead
            if self._url or self._begin is None:
                return
            try:
                url, self.name = await self._begin()
            except LimnerError as error:  # whoever asks next would fail alike
                self._dead = error if isinstance(error, ServerDied) else Unreachable(str(error))
                raise self._dead from error
            self._url = url.rstrip("/")

    async def _revived(self, generation: int) -> None:
        """Returns once an owned server runs again; the first of the waiting calls starts it."""
        if self._revive is None:
            return
        async with self._reviving:
            if self._dead:
                raise self._dead
            if generation != self._generation:
                return
            try:
                if self._deaths >= MOST_DEATHS:
                    raise ServerDied(
                        f"The model server died {self._deaths + 1} times in this run; it is not started again."
                    )
                url = await self._revive()
            except ServerDied as error:
                self._dead = error
                raise
            self._generation += 1
            if url.rstrip("/") != self._url:
                self._deaths += 1
                self._url = url.rstrip("/")

    def count_tokens(self, text: str) -> int:
        """See `Model.count_tokens`.

        Raises:
            Unreachable: the server has to count, and does not.
        """
        if self._tokenizer is not None:
            return len(self._tokenizer.encode(text, add_special_tokens=False).ids)
        if self._counting is None:
            self._counting = httpx.Client(timeout=30, headers={"Authorization": f"Bearer {self._key}"})
        url = f"{self._url.removesuffix('/v1')}/tokenize"
        asked = _json({"model": self.name, "prompt": text, "add_special_tokens": False})
        try:
            response = self._counting.post(url, content=asked, headers={"Content-Type": "application/json"})
            return int(response.raise_for_status().json()["count"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            message = (
                f"The model server does not count tokens at {url} ({cut(str(error))}). "
                "Check that it runs and that LIMNER_MODEL_URL is right: `limner model check`."
            )
            raise Unreachable(message) from error

    async def aclose(self) -> None:
        if self._open is not None:
            await self._open.close()
        if self._counting is not None:
            self._counting.close()


async def _events(pieces: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of server-sent events, up to [DONE]; pieces may begin and end anywhere."""
    left = b""
    async for piece in pieces:
        *lines, left = (left + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                event = orjson.loads(data)
                if isinstance(event, dict):
                    yield event


def _logprobs(choice: dict[str, Any]) -> list[float]:
    """The log-probabilities of the tokens in a choice, or in a piece of one; [] where the server gave none."""
    return [token["logprob"] for token in (choice.get("logprobs") or {}).get("content") or ()]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _likeliest(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The likeliest first tokens of a chat completion, each with its logprob; [] where the server gave none."""
    first = ((body["choices"][0].get("logprobs") or {}).get("content") or [{}])[0]
    return first.get("top_logprobs") or []


def _tokenizer(path: Path) -> Tokenizer:
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise ModelError(f"{file} is missing: the model folder is incomplete. `limner model pull` completes it.")
    return Tokenizer.from_file(str(file))


def _seconds(header: str | None) -> float | None:
    """Seconds of a Retry-After header; None where it is absent or a date."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


class Asked(NamedTuple):
    """What a scripted model was asked."""

    chat: tuple[Message, ...]
    schema: type[BaseModel]
    max_tokens: int


Script = str | BaseModel | Exception


class ScriptedModel(_Seam):
    """Gives prepared answers, in order or from a function, and remembers what it was asked in `asked`.

    A text is an answer as the model would have written it, good or bad; a value is its JSON; an exception is raised.
    """

    def __init__(self, answers: Iterable[Script] | Callable[[Asked], Script], *, name: str = "scripted") -> None:
        self.name = name
        self.asked: list[Asked] = []
        self._function = answers if callable(answers) else None
        self._answers: Iterator[Script] = iter(()) if callable(answers) else iter(answers)

    async def _attempt(
        self,
        chat: Sequence[Message],
        schema: type[BaseModel],
        max_tokens: int,
        heard: Heard | None = None,
        weigh: bool = False,
    ) -> Reply:
        asked = Asked(tuple(chat), schema, max_tokens)
        self.asked.append(asked)
        await asyncio.sleep(0)
        text = self._said(asked)
        if heard is not None:
            for end in range(8, len(text) + 8, 8):
                heard(text[:end])
        return Reply(text, "stop", sum(_quarter(message.content) for message in chat), _quarter(text))

    async def _weigh(self, chat: Sequence[Message]) -> Odds:
        asked = Asked(tuple(chat), BaseModel, 1)
        self.asked.append(asked)
        await asyncio.sleep(0)
        return Odds([(self._said(asked), 1.0)], sum(_quarter(message.content) for message in chat), 1)

    def _said(self, asked: Asked) -> str:
        answer = self._function(asked) if self._function else next(self._answers, None)
        match answer:
            case None:
                raise AssertionError(f"The script ends after {len(self.asked) - 1} answers.")
            case Exception():
                raise answer
            case BaseModel():
                return answer.model_dump_json()
            case _:
                return answer

    def count_tokens(self, text: str) -> int:
        """A token for every four bytes."""
        return _quarter(text)

    async def aclose(self) -> None:
        pass


def _quarter(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // 4)


class Finding(BaseModel):
    """One thing that `limner model check` looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    ok: bool
    detail: str
    advice: str = ""
    needed: bool = True
    """Whether limner cannot work without it; otherwise it costs speed."""


class _Film(BaseModel):
    title: str = Field(max_length=40)
    year: int = Field(ge=1880, le=2100)
    liked: bool


_FLAGS = '--structured-outputs-config \'{"backend":"xgrammar","disable_any_whitespace":true}\''
_ASK_FILM = Message("user", "Name one film you know, with its year, and whether it was liked. Answer in JSON.")
LEAST_CONTEXT = 4096


async def check(model: VllmModel) -> list[Finding]:
    """What a server can do of what limner needs, in the order of importance; it ends early where nothing answers."""
    try:
        served = (await _served(model))["data"]
        names = [entry["id"] for entry in served]
    except (_AttemptError, ServerDied) as error:
        advice = "Start it with `limner model serve`, or set LIMNER_MODEL_URL to the base URL of a vLLM server."
        return [Finding(name="reachable", ok=False, detail=str(error), advice=advice)]
    except (KeyError, TypeError) as error:
        return [Finding(name="reachable", ok=False, detail=model._said(f"no list of models ({error})"))]
    found = [
        Finding(name="reachable", ok=True, detail=f"{model.url} serves {', '.join(names)}"),
        Finding(
            name="model",
            ok=model.name in names,
            detail=f"asked for {model.name}",
            advice="" if model.name in names else f"Set LIMNER_MODEL to one of: {', '.join(names)}.",
        ),
    ]
    if model.name not in names:
        return found
    length = next(entry for entry in served if entry["id"] == model.name).get("max_model_len") or 0
    found.append(
        Finding(
            name="context length",
            ok=length >= LEAST_CONTEXT,
            detail=f"{length:,} tokens" if length else "the server does not say",
            advice="" if length >= LEAST_CONTEXT else f"Start vLLM with --max-model-len {LEAST_CONTEXT} or more.",
        )
    )
    for probe in (_choice, _shape, _probabilities, _tokens, _metrics, _priorities):
        try:
            found += await probe(model)
        except (_AttemptError, ModelError, KeyError, IndexError, TypeError) as error:
            found.append(
                Finding(name=probe.__name__.strip("_"), ok=False, detail=cut(str(error)), advice="See its log.")
            )
    return found


async def _served(model: VllmModel) -> dict[str, Any]:
    import aiohttp

    try:
        async with asyncio.timeout(10):
            document = orjson.loads(await model._send("GET", "/models"))
    except (aiohttp.ClientError, TimeoutError) as error:
        cause = cut(str(error) or type(error).__name__)
        raise _AttemptError(f"No server answers at {model.url} ({cause}).", "unreachable") from error
    except orjson.JSONDecodeError as error:
        raise _AttemptError(model._said("something that is not JSON"), "unreachable") from error
    return document if isinstance(document, dict) else {}


async def _choice(model: VllmModel) -> list[Finding]:
    word = "vermilion"  # nobody says this by chance
    guide = {"structured_outputs": {"choice": [word]}}
    body = await model._chat([Message("user", "Do you like tea?")], max_tokens=16, **guide)
    said = body["choices"][0]["message"].get("content") or ""
    ok = said.strip() == word
    advice = (
        "" if ok else "It ignores structured_outputs: vLLM 0.12 or newer is needed, without a proxy that drops fields."
    )
    return [Finding(name="guided choice", ok=ok, detail=f"held to one word, it said {cut(said, 60)!r}", advice=advice)]


async def _shape(model: VllmModel) -> list[Finding]:
    reply = await model._attempt([_ASK_FILM], _Film, 120)
    try:
        judged(reply, _Film)
    except ValueError as error:
        advice = f"Start vLLM with {_FLAGS}."
        return [Finding(name="guided JSON", ok=False, detail=cut(f"{error}: {reply.text!r}"), advice=advice)]
    compact = "\n" not in reply.text and "  " not in reply.text
    counted = reply.tokens_in > 0 and reply.tokens_out > 0
    return [
        Finding(name="guided JSON", ok=True, detail=cut(reply.text, 100)),
        Finding(
            name="compact JSON",
            ok=compact,
            detail="no blanks between keys" if compact else "the answer is padded with blanks, each paid for in tokens",
            advice="" if compact else f"Start vLLM with {_FLAGS}.",
            needed=False,
        ),
        Finding(
            name="token usage",
            ok=counted,
            detail=f"{reply.tokens_in} in, {reply.tokens_out} out",
            advice="" if counted else "The server reports no usage: the ledger and --budget-tokens cannot count.",
        ),
    ]


async def _probabilities(model: VllmModel) -> list[Finding]:
    options = {"max_tokens": 1, "logprobs": True, "top_logprobs": 2}
    body = await model._chat([Message("user", "Is Bambi an animated film? Answer yes or no.")], **options)
    tops = _likeliest(body)
    ok = len(tops) == 2
    detail = ", ".join(f"{top['token']!r} {top['logprob']:.2f}" for top in tops) or "none came back"
    advice = "" if ok else "Start vLLM with --max-logprobs 20; a proxy may drop the logprobs field."
    return [Finding(name="log-probabilities", ok=ok, detail=cut(detail, 100), advice=advice)]


async def _tokens(model: VllmModel) -> list[Finding]:
    text = "Three films, 三部电影."
    ours = await asyncio.to_thread(model.count_tokens, text)
    if model._tokenizer is None:
        return [Finding(name="token counts", ok=ours > 0, detail=f"/tokenize counts {ours} in {text!r}")]
    remote = VllmModel(model.url, model.name, model._key)
    try:
        theirs = await asyncio.to_thread(remote.count_tokens, text)
    finally:
        await remote.aclose()
    advice = (
        ""
        if ours == theirs
        else "The server serves another model than the folder here: pull it, or unset LIMNER_MODEL."
    )
    detail = f"{ours} by the tokenizer here, {theirs} by /tokenize"
    return [Finding(name="token counts", ok=ours == theirs, detail=detail, advice=advice)]


async def _metrics(model: VllmModel) -> list[Finding]:
    async with httpx.AsyncClient(timeout=10) as client:
        try:
            response = await client.get(f"{model.url.removesuffix('/v1')}/metrics")
        except httpx.HTTPError as error:
            raise _AttemptError(f"/metrics cannot be read: {error}", "unreachable") from error
    ok = response.status_code == 200 and "vllm:num_requests_waiting" in response.text
    return [
        Finding(
            name="load metrics",
            ok=ok,
            detail="/metrics tells running and waiting requests" if ok else "/metrics is absent",
            advice="" if ok else "Without it limner keeps a fixed number of requests in flight: set --concurrency.",
            needed=False,
        )
    ]


async def _priorities(model: VllmModel) -> list[Finding]:
    try:
        await model._chat([Message("user", "Do you like tea?")], max_tokens=1, priority=BATCH)
        refused = ""
    except _AttemptError as error:
        refused = cut(str(error), 100)
    return [
        Finding(
            name="priorities",
            ok=not refused,
            detail=refused or "it takes requests with a priority, so that questions go before a batch",
            advice="" if not refused else "Start vLLM with --scheduling-policy priority, or questions wait for a run.",
            needed=False,
        )
    ]
