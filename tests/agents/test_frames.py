from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from agents.embedder import USE, open_embedder
from agents.frames import Frames, fit
from agents.plan import Unread, are_same, plan
from agents.terms import Embeds, Vocabulary
from limner.query import All, Any, Condition, Not, Query, Want
from prompts import taxonomy
from prompts.frames import Frame, frames
from tests.agents.test_plan import HELD, likes

A, B = likes("genre/horror"), likes("genre/sci-fi")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    embedder = open_embedder(USE, tmp_path_factory.mktemp("home"), progress=lambda *_: None)
    return Vocabulary(taxonomy.load(), HELD, Embeds(embedder.embed, embedder.embed, lambda: embedder.name))


@pytest.mark.parametrize(
    ("question", "want", "where"),
    [
        ("My boss is asking which customers like horror. Can you list them?", "list", A),
        ("Take the people who like horror and count them.", "count", A),
        ("Express the users who like horror as a percentage of the total.", "share", A),
        ("Take everyone who like horror. Now keep only those who like sci-fi.", "list", All(of=(A, B))),
        ("Throw out everyone who like sci-fi, then tell me which users like horror.", "list", All(of=(A, Not(of=B)))),
        ("Show users matching any of: like horror / like sci-fi", "list", Any(of=(A, B))),
        ("麻烦导出一下喜欢恐怖片的用户，谢谢", "list", A),
        ("给我喜欢恐怖片的用户，范围缩小到喜欢科幻片的", "list", All(of=(A, B))),
        ("喜欢科幻片的一律跳过，其余喜欢恐怖片的用户显示出来", "list", All(of=(A, Not(of=B)))),
        ("命中标签“喜欢恐怖片”、未命中标签“喜欢科幻片”的用户", "list", All(of=(A, Not(of=B)))),
    ],
)
def test_a_question_that_no_rule_reads_is_read_by_its_frame(
    names: Vocabulary, question: str, want: Want, where: Condition
) -> None:
    with pytest.raises(Unread):
        plan(question, names)
    read = plan(question, names, meant=True)
    assert (read.query.want, read.query.where) == (want, where)
    assert "by its frame" in read.notes


@pytest.mark.parametrize(
    "question",
    [
        "What's the conversion from users who like horror to users who like sci-fi, as a percentage?",
        "Please compute the overlap rate: of users who like horror, the portion who like sci-fi.",
        "把喜欢恐怖片的算作100%,喜欢科幻片的是百分之几?",
    ],
)
def test_a_share_is_a_share_of_the_other_group(names: Vocabulary, question: str) -> None:
    with pytest.raises(Unread):
        plan(question, names)
    assert plan(question, names, meant=True).query == Query(want="share", where=All(of=(A, B)), against=A)


@pytest.mark.parametrize(
    ("question", "want"),
    [
        ("Which users either like horror or like sci-fi, but not both?", "list"),
        ("How many users do only one of the two, like horror or like sci-fi?", "count"),
        ("喜欢恐怖片和喜欢科幻片只占其中一样的用户有哪些？", "list"),
    ],
)
def test_exactly_one_of_two_is_either_without_the_other(names: Vocabulary, question: str, want: Want) -> None:
    read = plan(question, names, meant=True).query
    assert read.want == want
    assert are_same(read, Query(want=want, where=Any(of=(All(of=(A, Not(of=B))), All(of=(B, Not(of=A)))))))


@pytest.mark.parametrize(
    "question",
    [
        "Which female users like horror?",
        "Which users in London like horror?",
        "Which users might like horror?",
        "Which users like horror more than sci-fi?",
        "Which users like horror until they like sci-fi?",
        "Delete the users who like horror.",
        "Send a mail to everyone who like horror.",
        "What do users who like horror have for breakfast?",
        "Why do users who like horror like sci-fi?",
        "Do all users who like horror like sci-fi?",
        "How many films do users who like horror watch?",
        "哪些用户的朋友喜欢恐怖片？",
        "女性用户里谁喜欢恐怖片？",
        "有百分之多少的用户不怎么喜欢恐怖片？",
        "删除喜欢恐怖片的用户。",
        "为什么喜欢恐怖片的用户也喜欢科幻片？",
        "喜欢恐怖片的用户看了多少部电影？",
        "哪些用户先喜欢恐怖片后喜欢科幻片？",
    ],
)
def test_what_asks_anything_else_is_not_read_by_a_frame(names: Vocabulary, question: str) -> None:
    with suppress(Unread):
        assert "by its frame" not in plan(question, names, meant=True).notes


@pytest.mark.parametrize(
    ("text", "said"),
    [("go for sci-fi films", ["sci-fi films"]), ("adulate like horror films", ["horror films"])],
)
def test_a_name_begins_with_no_small_word_and_no_leaning(names: Vocabulary, text: str, said: list[str]) -> None:
    assert [text[start:end] for start, end in names.named_in(text)] == said


def test_a_question_in_plain_words_says_nothing_of_likeness(names: Vocabulary) -> None:
    assert plan("Which users like horror?", names, meant=True).notes == ()


def test_a_question_that_rules_read_alike_says_nothing_of_frames(names: Vocabulary) -> None:
    assert (
        plan("Which users like horror but not sci-fi?", names, meant=True).notes
        == plan("Which users like horror but not sci-fi?", names).notes
    )


def test_a_clause_in_doubt_inside_a_known_frame_is_offered(names: Vocabulary) -> None:
    with pytest.raises(Unread) as caught:
        plan(
            "Take everyone who like horror. Now keep only those who hardly delight in sci-fi.",
            names,
            meant=True,
        )
    assert caught.value.near
    assert all("horror" not in one.clause for one in caught.value.near)


def test_what_is_learnt_from_few_frames_reads_frames_like_them(tmp_path: Path, names: Vocabulary) -> None:
    few = [one for one in frames() if one.hand == 2]
    assert {one.hand for one in few} == {2}
    fit(few, names.frames._vectors, "some", tmp_path)  # type: ignore[union-attr]
    read = Frames(few, names.frames._vectors, names.frames._vectors, "some", tmp_path)  # type: ignore[union-attr]
    first = next(read.read("Take everyone who like horror. Now keep only those who like sci-fi.", "en"))
    assert (first.asks, first.clauses, first.is_sure) == ("both", ("like horror", "like sci-fi"), True)


def test_every_frame_holds_the_clauses_that_it_asks_of() -> None:
    for one in frames():
        places = [one.text.count(place) for place in ("{a}", "{b}", "{c}")]
        assert places in ([1, 1, 0], [0, 0, 1]), one
        assert one.asks == "other" or (places == [0, 0, 1]) == (one.asks in {"list", "count", "share"}), one
    assert len({(one.language, one.text) for one in frames()}) == len(frames())
    assert Frame("Which users {c}?", "en", "list", 0) in frames()
