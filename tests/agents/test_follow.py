from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.follow import Before, carried, refined
from agents.plan import Unread, language, plan
from agents.terms import Vocabulary
from agents.wording import Words
from limner.domain import Reply
from tests.agents.histories import TAXONOMY

VOCABULARY = Vocabulary(TAXONOMY, {})
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SPEAKERS = frozenset({"Caroline", "Melanie", "梅兰妮", "卡罗琳"})
ACTIVE_2025 = "were active on or after 2025-01-01 before 2026-01-01"


def asked(first: str, *more: str) -> str | None:
    """The query, in words, to which follow-ups have come; None where the last stands alone."""
    query = plan(first, VOCABULARY).query
    for one in more:
        read = refined(one, query, VOCABULARY)
        if read is None:
            return None
        query = read.query
    return Words(language(first), VOCABULARY).asked(query)


@pytest.mark.parametrize(
    ("first", "more", "meant"),
    [
        ("Which users like horror?", ["how many?"], "how many users like “horror”"),
        ("How many users like horror?", ["who are they?"], "which users like “horror”"),
        ("Which users like horror?", ["which ones?"], "which users like “horror”"),
        ("有多少用户喜欢恐怖片？", ["都是谁？"], "哪些用户喜欢“恐怖”"),
        (
            "Which users like horror?",
            ["and the ones with at least 3 ratings?"],
            "which users like “horror” and have at least 3 ratings",
        ),
        ("哪些用户喜欢恐怖片？", ["再加上喜欢爱情片的"], "哪些用户喜欢“恐怖”且喜欢“爱情片”"),
        (
            "Which users like horror?",
            ["how many of them dislike musicals?"],
            "how many users like “horror” and dislike “musicals”",
        ),
        (
            "Which users like horror?",
            ["and who also like romance?"],
            "which users like “horror” and like “romance films”",
        ),
        ("Which users like horror?", ["and in 2025?"], f"which users like “horror” and {ACTIVE_2025}"),
        (
            "Which users like horror?",
            ["and in 2024?", "and in 2025?"],
            f"which users like “horror” and {ACTIVE_2025}",
        ),
        ("Which users like horror?", ["what about comedy?"], "which users like “comedy”"),
        (
            "Which users like horror?",
            ["but not musical fans?"],
            "which users like “horror” and do not (like “musicals”)",
        ),
        (
            "Which users like horror?",
            ["what sets them apart?"],
            "users who like “horror” against everybody else, by tags",
        ),
        ("Which users like horror?", ["what do they like most?"], "the 10 tags that most users have who like “horror”"),
        ("哪些用户喜欢科幻片？", ["有多少？"], "有多少用户喜欢“科幻片”"),
        ("哪些用户喜欢科幻片？", ["其中有多少也喜欢恐怖片？"], "有多少用户喜欢“科幻片”且喜欢“恐怖片”"),
        ("哪些用户喜欢科幻片？", ["那喜剧呢？"], "哪些用户喜欢“喜剧片”"),
        ("哪些用户喜欢科幻片？", ["2025年呢？"], "哪些用户喜欢“科幻片”且在2025-01-01起2026-01-01前活跃"),
        ("哪些用户喜欢科幻片？", ["他们有什么特点？"], "喜欢“科幻片”的用户与其他用户相比的标签"),
        ("哪些用户喜欢科幻片？", ["那些用户中哪些不喜欢歌舞片"], "哪些用户喜欢“科幻片”且不喜欢“歌舞片”"),
        ("哪些用户喜欢科幻片？", ["还喜欢爱情片的呢？"], "哪些用户喜欢“科幻片”且喜欢“爱情片”"),
        ("How many users like horror?", ["can you name them?"], "which users like “horror”"),
        ("Which users like horror?", ["give me the number"], "how many users like “horror”"),
        ("有多少用户喜欢恐怖片？", ["把名单列出来"], "哪些用户喜欢“恐怖”"),
        ("哪些用户喜欢恐怖片？", ["一共几个？"], "有多少用户喜欢“恐怖”"),
        (
            "Which users like horror?",
            ["narrow that down to those who also like romance"],
            "which users like “horror” and like “romance films”",
        ),
        ("哪些用户喜欢恐怖片？", ["只要其中喜欢爱情片的"], "哪些用户喜欢“恐怖”且喜欢“爱情片”"),
        (
            "Which users like horror?",
            ["and of those, how many dislike musicals too?"],
            "how many users like “horror” and dislike “musicals”",
        ),
        (
            "Which users like horror?",
            ["leave out anyone who likes musicals"],
            "which users like “horror” and do not (like “musicals”)",
        ),
        ("哪些用户喜欢科幻片？", ["把喜欢恐怖片的都排除掉"], "哪些用户喜欢“科幻片”且并不（喜欢“恐怖片”）"),
        ("How many users like horror?", ["same for comedy"], "how many users like “comedy”"),
        ("哪些用户喜欢科幻片？", ["换成喜剧呢？"], "哪些用户喜欢“喜剧片”"),
        ("Which users like horror?", ["who dislikes it?"], "which users dislike “horror”"),
        ("Which users like horror?", ["Which users like comedy?"], None),
        ("Which users like horror?", ["Which of those who like comedy dislike musicals?"], None),
        ("哪些用户喜欢科幻片？", ["那些喜欢喜剧的用户不喜欢什么？"], None),
    ],
    ids=str,
)
def test_a_follow_up_refines_the_query_before(first: str, more: list[str], meant: str | None) -> None:
    got = asked(first, *more)
    assert (got is None) == (meant is None)
    if got is not None and meant is not None:
        assert _plain(got) == _plain(meant)


def _plain(words: str) -> str:
    """Without what the taxonomy may call things by."""
    return words.replace(" films", "").replace("片”", "”")


def test_a_follow_up_that_cannot_be_read_is_named_and_never_half_followed() -> None:
    before = plan("Which users like horror?", VOCABULARY).query
    for question in (
        "what about flibbertigibbets?",
        "how many of them like flibbertigibbets?",
        "那些人里谁喜欢嘟噜噜？",
    ):
        with pytest.raises(Unread) as caught:
            refined(question, before, VOCABULARY)
        assert any("flibbertigibbets" in word or "嘟噜噜" in word for word in caught.value.unknown)


@pytest.mark.parametrize(
    ("first", "answer", "question", "meant"),
    [
        ("How many films did they rate in 2025?", "12", "and in 2024?", "How many films did they rate in 2024?"),
        ("How many films did they rate?", "12", "what about last year?", "How many films did they rate last year?"),
        ("How many musicals did she rate?", "3", "what about horror films?", "How many horror films did she rate?"),
        (
            "How many films did they rate in 2025?",
            "12",
            "what about the year before?",
            "How many films did they rate in 2024?",
        ),
        ("How many films did they rate?", "12", "just the horror ones?", "How many horror films did they rate?"),
        ("How many films did they rate?", "12", "how many of those in 2024?", "How many films did they rate in 2024?"),
        ("她2025年看了多少部电影？", "12部", "后一年呢？", "2026年她看了多少部电影？"),
        ("她看了多少部电影？", "12部", "2025年的有几部？", "2025年她看了多少部电影？"),
        ("她看了多少部电影？", "12部", "那买了多少次东西呢？", "买了多少次东西"),
        ("What did Caroline buy?", "a kite", "Do they like jazz?", "Do they like jazz?"),
        ("When did Caroline go there?", "7 May", "and Melanie?", "When did Melanie go there?"),
        ("When did Caroline go there?", "7 May", "what about her?", "When did they go there?"),
        ("When did Caroline go there?", "7 May", "那她呢？", "When did they go there?"),
        ("What did Caroline buy?", "a stunt kite", "When did she buy it?", "When did she buy it (a stunt kite)?"),
        (
            "How many kites did she buy?",
            "3 times, on 7 May 2023",
            "Where was that?",
            "Where was that (How many kites did she buy?)?",
        ),
        ("What did Caroline buy?", "a kite", "Who is Melanie?", "Who is Melanie?"),
        ("What did Caroline buy?", "", "When did she buy it?", "When did she buy it?"),
        ("她去年看了多少部电影？", "12部", "那今年呢？", "今年她看了多少部电影？"),
        ("她去年看了多少部电影？", "12部", "恐怖片呢？", "她去年看了多少部恐怖片？"),
        ("卡罗琳去年做了什么？", "陶艺", "那梅兰妮呢？", "梅兰妮去年做了什么？"),
        ("卡罗琳去年做了什么？", "陶艺", "那她呢？", "她去年做了什么？"),
        ("她买了什么？", "一只风筝", "她什么时候买的？", "她什么时候买的？"),
    ],
    ids=str,
)
def test_a_follow_up_about_one_user_takes_what_it_lacks_from_the_question_before(
    first: str, answer: str, question: str, meant: str
) -> None:
    reply = Reply(question=first, scope="user", answer=answer or "The history does not say.", abstained=not answer)
    assert carried(question, Before(first, reply), SPEAKERS, TAXONOMY, NOW) == meant
