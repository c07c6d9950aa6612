from __future__ import annotations

from pathlib import Path

import pytest

from evals.questions import DATA, HERE, SCORERS, SETS, Asked, Atom, agreement, questions, wordings
from evals.runs import Output
from evals.task import Sample, Tally
from prompts import taxonomy


def test_sets_agree_by_f1() -> None:
    assert agreement(["a", "b"], ["b", "c"]) == 0.5
    assert agreement([], []) == 1
    assert agreement([], ["a"]) == 0


def test_a_question_is_asked_in_other_words_in_the_other_language_and_with_its_numbers() -> None:
    asked = Asked("q", "Own words?", "list", (Atom("likes", "Horror", "10"),), "", frozenset())
    said = list(wordings(asked, 1, "en"))
    forms = ["own words", *["paraphrased"] * 3, *["fresh"] * 2, *["newer", "sealed third", "sealed fourth"] * 3]
    forms += ["other language", *["with numbers"] * 2]
    assert [form for form, _ in said] == forms
    assert len({words for _, words in said}) == len(forms)
    assert "10" in said[-1][1]
    assert "0.25" in said[-1][1]


def scores(want: str, gold: object, *wordings: dict[str, object]) -> dict[str, Tally | None]:
    said = {"wordings": [{"form": "own words", "words": "", **one} for one in wordings]}
    output = Output.model_construct(sample="q", output={**said, "right": [["a", "b"]], "exactly": []}, reference=None)
    sample = Sample("q", {}, {"want": want, "gold": gold})
    return {name: scorer.score(sample, output) for name, scorer in SCORERS.items()}  # type: ignore[misc]


def test_what_was_read_and_whom_it_names_are_two_things() -> None:
    said = scores("list", ["a"], {"want": "list", "users": ["a", "b"]}, {"unknown": ["x"]})
    assert said["read_own_words"] == Tally(0.5, 1)
    assert said["set_f1_own_words"] == Tally(1 / 3, 1)
    assert said["ceiling"] == pytest.approx(2 / 3)
    assert said["read_wrong_own_words"] == Tally(0.0, 1)  # what is not read is not read wrong
    assert said["numbers_right"] is None
    assert said["set_f1_paraphrased"] is None


def test_a_number_is_right_or_wrong() -> None:
    said = scores("count", 2, {"want": "count", "users": ["a", "b"]}, {"want": "list", "users": ["a", "b"]})
    assert said["numbers_right"] == Tally(0.5, 1)
    assert said["read_own_words"] == Tally(0.5, 1)
    assert said["read_wrong_own_words"] == Tally(0.5, 1)
    assert said["set_f1_own_words"] is None
    assert said["ceiling"] is None


@pytest.mark.parametrize("name", SETS)
def test_the_glossary_of_a_set_has_no_problems(name: str) -> None:
    assert taxonomy.lint(HERE / f"{name}.glossary.yaml") == []


@pytest.mark.data
@pytest.mark.parametrize("name", SETS)
def test_every_rule_of_the_data_sets_is_known(name: str) -> None:
    folder: Path = DATA / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: the data sets are not part of limner")
    assert all(atom.meaning for asked in questions(folder) for atom in asked.atoms)
