"""The top tags of a group: how they are asked for, and what is none of it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from agents.tops import SORTS, read
from limner.domain import Language, Polarity


def lang(asked: str) -> Language:
    return "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in asked) else "en"


@pytest.mark.parametrize(
    ("asked", "sort", "most"),
    [
        ("What is the most popular brand?", "brands", None),
        ("Which brand is most popular?", "brands", None),
        ("Which brand do most users like?", "brands", None),
        ("What brand is liked by most users?", "brands", None),
        ("Top 3 brands", "brands", 3),
        ("the five most popular music genres", "genres", 5),
        ("Show me the ten most liked artists", "artists", 10),
        ("Which film genres do our users like best?", "genres", None),
        ("What categories do shoppers prefer?", "categories", None),
        ("哪个品牌最受欢迎？", "brands", None),
        ("最受欢迎的五个品牌", "brands", 5),
        ("最热门的10个导演是谁？", "directors", 10),
        ("用户最喜欢什么类型？", "genres", None),
        ("喜欢人数最多的歌手是哪位？", "artists", None),
        ("What do most users like?", "interests", None),
        ("大家都喜欢什么？", "interests", None),
    ],
)
def test_the_most_liked_of_a_sort_are_asked_for_in_many_ways(asked: str, sort: str, most: int | None) -> None:
    top = read(asked, lang(asked))
    assert top is not None
    assert (top.sort.en, top.leaning, top.lowest, top.most, top.group) == (sort, 1, False, most, None)


@pytest.mark.parametrize(
    ("asked", "leaning", "lowest"),
    [
        ("Which brand is the least popular?", 1, True),
        ("What are the most disliked genres?", -1, False),
        ("Which brands do our customers hate most?", -1, False),
        ("最不受欢迎的品牌", -1, False),
        ("用户最讨厌哪些类型？", -1, False),
        ("What are the top tags?", None, False),
        ("最常见的习惯有哪些？", None, False),
    ],
)
def test_how_they_are_ranked(asked: str, leaning: Polarity | None, lowest: bool) -> None:
    top = read(asked, lang(asked))
    assert top is not None
    assert (top.leaning, top.lowest) == (leaning, lowest)


@pytest.mark.parametrize(
    ("asked", "group"),
    [
        ("What are the top 5 interests of users who like horror?", "users who like horror"),
        ("Which brands do users who like horror like most?", "users who like horror"),
        ("Most popular brands among night owls", "night owls"),
        ("喜欢恐怖片的用户中最受欢迎的品牌", "喜欢恐怖片"),
        ("喜欢恐怖片的用户最喜欢哪些品牌？", "喜欢恐怖片"),
    ],
)
def test_they_may_be_those_of_a_group(asked: str, group: str) -> None:
    top = read(asked, lang(asked))
    assert top is not None
    assert top.group == group


@pytest.mark.parametrize(
    "asked",
    [
        "Which users like the most popular brand?",
        "Who likes popular music?",
        "Which brand does marek like?",
        "How many users like brands?",
        "Who spent the most?",
        "喜欢热门品牌的用户有哪些？",
        "谁最喜欢品牌？",
    ],
)
def test_other_questions_are_none(asked: str) -> None:
    assert read(asked, lang(asked)) is None


def test_every_sort_has_words_of_its_own() -> None:
    def told(words: Iterable[str]) -> list[str]:
        return [top.sort.en for word in words if (top := read(word, lang(word))) is not None]

    assert told(f"top {sort.en}" for sort in SORTS) == [sort.en for sort in SORTS]
    assert told(f"最热门的{sort.zh}" for sort in SORTS) == [sort.en for sort in SORTS]
