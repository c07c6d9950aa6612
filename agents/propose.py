"""The one guided call a user in which the model names tags: proposals, of which counting decides what is true."""

from __future__ import annotations

from typing import NamedTuple

from agents.model import Ledger, Message, Model, messages
from limner.domain import Label, Language, Polarity
from prompts import library
from prompts.answers import ProposeAnswer
from prompts.taxonomy import Taxonomy

VERSION = 1

MAX_TOKENS = 600
"""Enough for the most tags the answer may hold; a reply cut off here is a bad answer and is repaired once."""

_POLARITY: dict[str, Polarity] = {"likes": 1, "dislikes": -1, "is": 0}


class Proposal(NamedTuple):
    facet: str
    label: Label
    polarity: Polarity


def chat(digest: str, lang: Language, prompt: library.Prompt, taxonomy: Taxonomy) -> list[Message]:
    """What the model is asked: the static part first, so that the server's prefix cache serves it."""
    facets = [facet for facet in taxonomy.facets.values() if facet.proposed and facet.served == "default"]
    rendered = prompt.render(digest=digest, facets=facets, language=lang)
    return messages(rendered)


async def propose(
    digest: str,
    lang: Language,
    *,
    user_id: str,
    model: Model,
    prompt: library.Prompt,
    taxonomy: Taxonomy,
    ledger: Ledger,
) -> list[Proposal]:
    """Tags the model names for one digest, without repeats, in its order.

    Raises:
        AnswerError: after one repair the reply still was not in the promised shape.
        ModelError: the server did not answer.
    """
    answer = await model.answer(
        chat(digest, lang, prompt, taxonomy),
        ProposeAnswer,
        purpose=prompt.id,
        prompt_digest=prompt.digest,
        max_tokens=MAX_TOKENS,
        user_id=user_id,
        ledger=ledger,
    )
    proposals: dict[tuple[str, str], Proposal] = {}
    for tag in answer.tags:
        facet = taxonomy.facets.get(tag.facet)
        if facet is not None and facet.proposed and facet.served == "default":
            label = Label(en=tag.en.strip(), zh=tag.zh.strip())
            proposals.setdefault((label.en.casefold(), label.zh), Proposal(facet.id, label, _POLARITY[tag.polarity]))
    return list(proposals.values())
