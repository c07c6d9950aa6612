"""A model that is not asked twice: an equal request is answered from the ledger, any other waits for its turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

from agents.model import AnswerT, Heard, Ledger, Message, Model, Weighed, request_digest, unopposed, unrecorded
from agents.pace import Pace


class Remembering:
    """`model`, with validated answers and the pace in front of it.

    Args:
        pace: None lets everybody through.
        recall: The validated answer to a request, by its digest; None where there is none.
    """

    def __init__(self, model: Model, pace: Pace | None, recall: Callable[[str], str | None]) -> None:
        self.name = model.name
        self.count_tokens = model.count_tokens
        self.aclose = model.aclose
        self._model = model
        self._pace = pace
        self._recall = recall

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
        """As `Model.answer`."""
        known = self._recall(request_digest(chat, schema, self.name, max_tokens))
        if known is not None:
            return schema.model_validate_json(known)
        async with nullcontext() if self._pace is None else self._pace.slot():
            return await self._model.answer(
                chat,
                schema,
                purpose=purpose,
                prompt_digest=prompt_digest,
                max_tokens=max_tokens,
                user_id=user_id,
                ledger=ledger,
                check=check,
                heard=heard,
                weighed=weighed,
            )
