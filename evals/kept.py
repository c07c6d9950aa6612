"""Answers that evaluations of a home have got from a model, so that an equal request is paid for once.

LIMNER_HOME/evals/ledger.db is a ledger as limner's own, with an entry for every attempt of every evaluation. A request
is equal where model, messages, schema and sampling are. What is taken from it costs nothing now; the sample that takes
it still counts the tokens that it once cost, so that costs of two runs compare, and says how many of them were kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from agents.model import (
    YES_OR_NO,
    AnswerT,
    Heard,
    Judge,
    Ledger,
    Message,
    Sides,
    Weighed,
    leaning_digest,
    unopposed,
    unrecorded,
)
from agents.remember import Remembering
from limner.domain import ModelCall
from store.database import Database
from store.runs import RunStore

Front = Callable[[Judge], Judge]


class Kept:
    """`model` with kept answers in front of it, of which whoever asks is told as if they had been given now.

    Args:
        recall: The answer to a request, by its digest, with what it cost; None where there is none.
        keep: Told of every attempt that is made after all.
    """

    def __init__(self, model: Judge, recall: Callable[[str], ModelCall | None], keep: Ledger) -> None:
        self.name, self.count_tokens, self.aclose = model.name, model.count_tokens, model.aclose
        self._model, self._recall, self._keep = model, recall, keep

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
        """As `Model.answer`. Where how sure the model was is wanted, only an answer that was kept with it is taken."""
        recall = partial(self._retold, user_id, ledger, weighed=weighed)
        return await Remembering(self._model, None, recall).answer(
            chat,
            schema,
            purpose=purpose,
            prompt_digest=prompt_digest,
            max_tokens=max_tokens,
            user_id=user_id,
            ledger=self._both(ledger),
            check=check,
            heard=heard,
            weighed=weighed,
        )

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
        """As `Judge.leaning`."""
        known = self._retold(user_id, ledger, leaning_digest(chat, sides, self.name, turn))
        if known is not None:
            return float(known)
        return await self._model.leaning(
            chat,
            sides=sides,
            purpose=purpose,
            prompt_digest=prompt_digest,
            turn=turn,
            user_id=user_id,
            ledger=self._both(ledger),
        )

    def _retold(
        self, user_id: str | None, ledger: Ledger, request: str, *, weighed: Weighed | None = None
    ) -> str | None:
        call = self._recall(request)
        if call is None or (weighed is not None and call.logprob is None):
            return None
        if weighed is not None and call.logprob is not None:
            weighed(call.logprob)
        ledger(call.model_copy(update={"user_id": user_id}))
        return call.answer

    def _both(self, ledger: Ledger) -> Ledger:
        def told(call: ModelCall) -> None:
            self._keep(call)
            ledger(call)

        return told


@contextmanager
def remembering(home: Path, run: str, model: str | None, *, fresh: bool = False) -> Iterator[Front]:
    """Puts the kept answers in front of a model, and keeps those that come now.

    Args:
        home: limner's own folder.
        run: The evaluation that asks.
        model: Its name, with the digest of its files where they are here: only what this one answered is taken.
        fresh: Takes nothing that is kept.
    """
    if model is None:
        yield lambda asked: asked
        return
    folder = home / "evals"
    folder.mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite:///{quote(str(folder / 'ledger.db'))}")
    runs = RunStore(database)
    sitting = runs.start(config={"evaluation": run, "model": model, "digest": ""}, users_total=0)

    def recall(request: str) -> ModelCall | None:
        return None if fresh else runs.kept(request, model)

    def keep(call: ModelCall) -> None:
        runs.record(sitting, call.model_copy(update={"model": model}))

    try:
        yield lambda asked: Kept(asked, recall, keep)
    finally:
        runs.finish(sitting, "done")
        database.close()
