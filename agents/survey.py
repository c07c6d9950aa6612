"""A question about the population answered: read into a typed query, run, and put into words.

Rules read the question first; a clause that they cannot read is read by its likeness to wordings whose meaning is
known (`agents/precedents.py`), and where that leaves a doubt the model may settle it (`agents/understand.py`). Which
keys words mean, which numbers count, what is counted and how it is said is decided by code. What names nothing known is
named in the answer, which then abstains, and what a clause in doubt may mean is offered: a question half understood is
not answered half.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from agents import follow
from agents.plan import Plan, Unread, language, plan
from agents.terms import Vocabulary
from agents.wording import Words
from limner import query
from limner.domain import Reply
from limner.errors import LimnerError, ModelError, SetupError
from limner.query import Query
from store.population import ROWS, Found, PopulationStore

_ID = re.compile(r"[A-Za-z0-9_](?:[\w.:@/-]*[A-Za-z0-9_])?", re.ASCII)
"""What may be a user's id in a question."""
TOLD = 2
"""Readings that are offered to whoever asked."""
Understand = Callable[[str, Vocabulary], Awaitable[Plan]]
"""A model's reading of a question; it raises `Unread` too."""


class Answered(NamedTuple):
    reply: Reply
    found: Found | None
    """With the SQL and the database's plan, where they were asked for; None where nothing was run."""


async def survey(
    question: str,
    *,
    vocabulary: Vocabulary,
    store: PopulationStore,
    author: str,
    understand: Understand | None = None,
    before: query.Query | None = None,
    explain: bool = False,
) -> Answered:
    """The answer to one question about the population, and what stands behind it. It is kept in the audit.

    Args:
        author: Who asks.
        understand: Reads what rules cannot; None where there is no model.
        before: The query of the question before, where this one may lean on it.

    Raises:
        StoreError: the database cannot be read, or the query took too long.
    """
    words, began = Words(language(question), vocabulary), time.monotonic()
    asked: dict[str, object] = {}
    rows, outcome = 0, "abstained"
    try:
        try:
            leaning = None if before is None else follow.refined(question, before, vocabulary)
            read = leaning or await reading(question, vocabulary, understand)
        except Unread as unread:
            return Answered(_unread(question, unread, words, store.profiled(_ID.findall(question))), None)
        asked = _told(read, read.query)
        if query.empty(read.query.where) or (read.query.against is not None and query.empty(read.query.against)):
            return Answered(_empty(question, words), None)
        found = store.answer(read.query, explain=explain)
        reply = _reply(question, read, found, words)
        rows, outcome = len(found.users) or len(found.tags) or 1, "abstained" if reply.abstained else "answered"
        return Answered(reply, found)
    except LimnerError as error:
        outcome = type(error).__name__
        raise
    finally:
        store.record(
            author=author,
            scope="population",
            question=question,
            asked=asked,
            rows=rows,
            seconds=time.monotonic() - began,
            outcome=outcome,
        )


async def reading(question: str, vocabulary: Vocabulary, understand: Understand | None) -> Plan:
    """The question as a query: by rules, else by likeness and meaning, else by the model's word on what is in doubt.

    Raises:
        Unread: none of them can read it.
    """
    try:
        return plan(question, vocabulary)
    except Unread as first:
        try:
            return plan(question, vocabulary, meant=True)
        except Unread as last:
            first.near = last.near
        if understand is not None and first.near:
            try:
                return await understand(question, vocabulary)
            except (ModelError, SetupError) as error:
                first.trouble = str(error)
            except Unread:
                pass  # what was in doubt stays so, and is told
        raise first


def _reply(question: str, read: Plan, found: Found, words: Words) -> Reply:
    asked = found.query
    withheld = found.size is None
    named = asked.want in {"list", "top users"}
    return Reply(
        question=question,
        scope="population",
        answer=words.answer(found),
        users=found.users if named else None,
        count=found.size if asked.want in {"list", "count", "share"} else None,
        abstained=withheld,
        query=_told(read, asked),
        explanation=words.explanation(read, found, ROWS),
    )


def _told(read: Plan, asked: Query) -> dict[str, object]:
    """The query as JSON, with the owner's definitions that were used for it."""
    own = {one.name: one.means for one in read.defined}
    return query.plain(asked) | ({"glossary": own} if own else {})


def _unread(question: str, unread: Unread, words: Words, people: Sequence[str]) -> Reply:
    """That the question is not answered, why, and what to do.

    Args:
        people: Users whom it names.
    """
    unknown = words.said((", ", "、")).join(f"“{word}”" for word in unread.unknown if word)
    if unread.near:
        near = words.said((" or ", "，还是")).join(f"“{one.plain}”" for one in unread.near[:TOLD])
        new = words.said((", ", "、")).join(f"“{word}”" for word in unread.near[0].unknown)
        answer = words.said(
            (
                f"I am not sure what “{unread.clause}” means, so I did not answer. Did you mean {near}?",
                f"不确定“{unread.clause}”是什么意思，因此没有作答。是指{near}吗？",
            )
            if not new
            else (
                f"I do not know what {new} says in “{unread.clause}”, so I did not answer. Did you mean {near}?",
                f"不知道“{unread.clause}”中的{new}是什么意思，因此没有作答。是指{near}吗？",
            )
        )
    elif unknown:
        answer = words.said(
            (
                f"I do not know what {unknown} stands for among the tags and things there are, so I did not answer.",
                f"现有的标签和事物中没有与{unknown}对应的，因此没有作答。",
            )
        )
    else:
        answer = words.said(("I cannot read this as a question about users.", "无法把这句话理解为关于用户的问题。"))
    advice = words.said(
        (
            "Ask which users, how many, what share, an average, the top tags or users, or what sets a group apart; "
            "`limner taxonomy show` lists the names of tags.",
            "可以问哪些用户、多少用户、比例、平均值、最常见的标签、排名靠前的用户，或某组用户的特点；"
            "`limner taxonomy show` 列出标签名称。",
        )
    )
    if people:
        advice += words.said(
            (
                f" To ask about {people[0]} alone, add `--user {people[0]}`.",
                f"只问{people[0]}一人，请加 `--user {people[0]}`。",
            )
        )
    if unread.trouble:
        advice += words.said((f" The model could not be asked: {unread.trouble}", f"未能询问模型：{unread.trouble}"))
    return Reply(question=question, scope="population", answer=answer, abstained=True, explanation=advice)


def _empty(question: str, words: Words) -> Reply:
    answer = words.said(
        (
            "The question sets no condition, and an empty condition matches nobody.",
            "问题没有给出任何条件；空条件不匹配任何用户。",
        )
    )
    return Reply(question=question, scope="population", answer=answer, abstained=True)
