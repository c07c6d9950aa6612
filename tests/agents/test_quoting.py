from __future__ import annotations

from datetime import UTC

import pytest

from agents.quoting import quoting
from tests.agents.person import MAY, SHOP, TALK, remembered, turn

WORK = turn(6, "Caroline", "My job at the harbour wears me out; call me on 138 0013 8000.")
ZH = turn(7, "Caroline", "这份工作太累了，我想换一家公司。", MAY.replace(month=6))
MEMORY = remembered([*TALK, *SHOP, WORK, ZH])


@pytest.mark.parametrize(
    ("question", "says", "cited"),
    [
        ("What did she say about her job?", '8 May 2023: "My job at the harbour', ("d6",)),
        ("What has Caroline ever told Melanie about the harbour?", "My job at the harbour", ("d6",)),
        ("What did Melanie say about the violin?", '"I adopted a goose, and I play the violin."', ("d4",)),
        ("她怎么说工作的？", "2023年6月8日：“这份工作太累了，我想换一家公司。”", ("d7",)),
        ("关于工作，她说过什么？", "这份工作太累了", ("d7",)),
        ("对工作她说过什么？", "这份工作太累了", ("d7",)),
    ],
)
def test_words_are_quoted_with_their_day(question: str, says: str, cited: tuple[str, ...]) -> None:
    reply = quoting(question, MEMORY, "zh" if "？" in question else "en", UTC)
    assert reply is not None
    assert says in reply.answer
    assert reply.citations == cited
    assert "138 0013 8000" not in reply.answer


@pytest.mark.parametrize(
    "question",
    [
        "What did Caroline say about the violin?",
        "What did she say about Blue Mountain coffee beans?",
        "What did she say about quantum physics?",
        "What does she do about her job?",
    ],
    ids=["said by another", "bought, not said", "never said", "not about words"],
)
def test_what_nobody_asked_of_said_is_left_to_whoever_reads(question: str) -> None:
    assert quoting(question, MEMORY, "en", UTC) is None
