"""A clause in doubt, settled by the model: which of the readings that lie nearest says the same.

The model is asked of each by itself, with the name and the time taken out, whether the two say the same; the log-odds
of its first word decide. It chooses among readings that code found, and names, counts and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.model import Judge, messages
from agents.plan import Near, Plan, Unread, language, plan
from agents.terms import Vocabulary
from limner.domain import Language
from prompts import library

ASKED = 4
"""Clauses that the model is asked about for one question, at most."""
AHEAD = 1.0
"""Log-odds by which a reading must lead the next. Of 109 wordings that the 1.5B model was asked about, all 45 with such
a lead were read right, of the other 64 51."""


async def understand(
    question: str, vocabulary: Vocabulary, *, model: Judge, prompt: library.Prompt, known: dict[str, str]
) -> Plan:
    """The question as a query, with the model's word on clauses that are in doubt.

    Args:
        known: What clauses of earlier questions mean, "" where the model did not know; those of this one are added.

    Raises:
        Unread: the model does not know either.
        ModelError: it did not answer, or gives no log-probabilities.
    """
    lang = language(question)
    for _ in range(ASKED + 1):
        try:
            return plan(question, vocabulary, meant=True, known=known)
        except Unread as unread:
            if not unread.near or unread.near[0].unknown or (clause := unread.near[0].clause) in known:
                raise
            known[clause] = await _meaning(unread.near, lang, model, prompt)
    raise Unread("")


async def _meaning(near: Sequence[Near], lang: Language, model: Judge, prompt: library.Prompt) -> str:
    """What a clause means; "" where no reading leads."""
    odds: list[tuple[float, str]] = []
    for one in near:
        rendered = prompt.render(language=lang, words=one.clause, plain=one.meaning)
        lean = await model.leaning(messages(rendered), purpose=prompt.id, prompt_digest=prompt.digest)
        odds.append((lean, one.means))
    (best, means), *rest = sorted(odds, reverse=True)
    return means if not rest or best - rest[0][0] >= AHEAD else ""
