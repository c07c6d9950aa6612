"""How well a text speaks of what it is about: what words are worth, and what is done to them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts import taxonomy
from prompts.document import read
from prompts.taxonomy import STARTER, Taxonomy
from prompts.taxonomy.words import fold
from tests.prompts.test_taxonomy import owners

KNOWN = taxonomy.load()


def feels(text: str, known: Taxonomy = KNOWN) -> float:
    return known.feeling(text).score


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("a great film", "an awful film"),
        ("a great film", "not a great film"),
        ("it isn't boring", "it is boring"),
        ("couldn't put it down, riveting", "couldn't finish it, tedious"),
        ("highly recommend it", "wouldn't recommend it"),
        ("slow, but gripping", "gripping, but slow"),
        ("arrived broken? no, works perfectly", "arrived, not great, stopped working"),
        ("好看", "不好看"),
        ("不难看", "难看"),
        ("剧情很精彩", "剧情一点都不精彩"),
        ("很喜欢这部电影", "不太喜欢这部电影"),
        ("有点拖沓，但是真的好看", "真的好看，但是有点拖沓"),
        ("没有失望", "有点失望"),
        ("质量好，物流快", "质量差，一周就坏了"),
        ("deadline 赶完了，开心 😊", "deadline 没赶完，崩溃 😭"),
    ],
)
def test_of_two_texts_the_kinder_one_feels_better(good: str, bad: str) -> None:
    assert feels(good) > 0 > feels(bad) or feels(good) > feels(bad) + 0.3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I watched it on Tuesday",
        "The horror film about the war",
        "好像是周二看的",
        "美国爱情片",
        "A kind of cinema",
        "😐",
    ],
)
def test_what_feels_nothing_is_nought(text: str) -> None:
    assert feels(text) == 0


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ("good", "very good"),
        ("somewhat good", "good"),
        ("好看", "非常好看"),
        ("有点难看", "难看"),
        ("bad", "really bad"),
    ],
)
def test_words_before_a_word_strengthen_and_weaken_it(weaker: str, stronger: str) -> None:
    assert abs(feels(weaker)) < abs(feels(stronger))


def test_a_denial_ends_with_its_clause() -> None:
    assert feels("No. Great film") == feels("Great film")
    assert feels("不，好看") == feels("好看")


def test_the_words_that_say_it_most_are_its_proof() -> None:
    text = "The plot was fine. The ending was not very good, frankly awful"
    feeling = KNOWN.feeling(text)
    assert text[feeling.start : feeling.end] == "awful"
    told = KNOWN.feeling("画面还行，剧情不太好看。")
    assert "画面还行，剧情不太好看。"[told.start : told.end] == "不太好看"


@given(st.text(max_size=200))
def test_a_feeling_lies_between_minus_one_and_one_and_its_proof_in_the_text(text: str) -> None:
    feeling = KNOWN.feeling(text)
    assert -1 < feeling.score < 1
    assert 0 <= feeling.start <= feeling.end <= len(text)
    assert (feeling.start < feeling.end) == (feeling.score != 0) or feeling.score == 0


def test_no_word_of_the_starter_stands_twice() -> None:
    every = [fold(word) for entry in read(STARTER, ValueError).data["feelings"].values() for word in entry["words"]]  # type: ignore[type-var]
    assert [word for word, times in Counter(every).items() if times > 1] == []


def test_an_owner_adds_words_and_takes_some_away(tmp_path: Path) -> None:
    own = owners(
        tmp_path,
        "extends: starter\n"
        "feelings:\n"
        "  ours: {value: -3, words: [卡顿到爆, laggy as hell]}\n"
        "  not-ours: {value: 0, words: [sick]}\n",
    )
    known = taxonomy.load(own)
    assert feels("laggy as hell", known) < -0.5 and feels("卡顿到爆", known) < -0.5
    assert feels("a sick beat", known) == 0 > feels("a sick beat")
    assert feels("好看", known) == feels("好看")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{words: [meh]}", "needs one of value, times and turns"),
        ("{words: [meh], value: 1, times: 2}", "needs one of value, times and turns"),
        ("{value: 1}", "words is missing"),
        ("{words: [meh], value: 9}", "must lie between -4 and 4"),
        ("{words: [meh], value: high}", "must be a number"),
    ],
)
def test_a_malformed_entry_is_named_with_its_line(tmp_path: Path, entry: str, problem: str) -> None:
    path = owners(tmp_path, f"extends: starter\nfeelings:\n  ours: {entry}\n")
    assert [found for found in taxonomy.lint(path) if problem in found and "own.yaml:3" in found]
