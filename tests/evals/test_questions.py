from __future__ import annotations

from pathlib import Path

import pytest

from evals.questions import DATA, SETS, Asked, Atom, agreement, questions, wordings


def test_sets_agree_by_f1_and_numbers_by_being_equal() -> None:
    assert agreement(frozenset("ab"), frozenset("bc")) == 0.5
    assert agreement(frozenset(), frozenset()) == 1
    assert agreement(frozenset(), frozenset("a")) == 0
    assert agreement(frozenset("ab"), 2) == 1
    assert agreement(frozenset("ab"), 3) == 0


def test_a_question_is_asked_in_other_words_in_the_other_language_and_with_its_numbers() -> None:
    asked = Asked("q", "Own words?", "list", (Atom("likes", "Horror", "10"),), "", frozenset())
    said = list(wordings(asked, 0, "en"))
    assert [form for form, _ in said] == ["own words", *["paraphrased"] * 3, "other language", "defined", "defined"]
    assert len({words for _, words in said}) == 7
    assert "10" in said[5][1]
    assert "0.25" in said[5][1]


@pytest.mark.data
@pytest.mark.parametrize("name", SETS)
def test_every_rule_of_the_data_sets_is_known(name: str) -> None:
    folder: Path = DATA / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: the data sets are not part of limner")
    assert all(atom.meaning for asked in questions(folder) for atom in asked.atoms)
