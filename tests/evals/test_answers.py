from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.answers import abstention, exact_match, locomo_f1, same_result, set_f1, token_f1, words

TEXTS = st.text(max_size=40)


def test_words_leave_out_case_punctuation_and_articles_and_part_chinese_by_character() -> None:
    assert words("The U.S. bought an Apple!") == ["us", "bought", "apple"]
    assert words("他喜欢iPhone 15，对吧？") == ["他", "喜", "欢", "iphone", "15", "对", "吧"]


def test_an_exact_match_is_of_words() -> None:
    assert exact_match("The Beatles.", ["Rolling Stones", "beatles"]) == 1
    assert exact_match("beatles, the band", ["beatles"]) == 0
    assert exact_match("beatles", []) is None


def test_an_answer_shares_words_with_the_nearest_right_one() -> None:
    # "in may 2023" and "7 may 2023" share 2 words of 3 and 3: 2 · 2 / 6 = 2/3. With "june" they share none.
    assert token_f1("in May 2023", ["June", "7 May 2023"]) == pytest.approx(2 / 3)
    # 喜 欢 科 幻 片 and 科 幻 share 2 of 5 and 2: 4/7.
    assert token_f1("喜欢科幻片", ["科幻"]) == pytest.approx(4 / 7)
    # "well well" and "well": the word counts as often as both have it: 2 · 1 / 3.
    assert token_f1("well well", ["well"]) == pytest.approx(2 / 3)
    assert token_f1("", [""]) == 1 and token_f1("something", [""]) == 0 and token_f1("x", []) is None


@pytest.mark.parametrize(
    ("answer", "right", "category", "score"),
    [
        # stems: {she, run, daili} and {run, daili, at, dawn} share 2: 2 · 2 / (3 + 4)
        pytest.param("She runs daily", "running daily at dawn", 4, 4 / 7, id="stemmed"),
        # "and" and "the" count for nothing: both are {cat, dog}
        pytest.param("cats and dogs", "the cat, the dogs", 2, 1.0, id="without and"),
        # nearest to "pottery" is "pottery" (1), to "camping" nothing of "pottery" or "swim" (0): mean 1/2
        pytest.param("pottery, swimming", "pottery, camping", 1, 0.5, id="several answers"),
        # only "yes" is asked: {yes} against {yes, she, would}: 2 · 1 / 4
        pytest.param("Yes she would", "Yes; because she said so", 3, 0.5, id="open domain"),
        pytest.param("That is not mentioned.", "a red car", 5, 1.0, id="abstained"),
        pytest.param("A red car", "a red car", 5, 0.0, id="should have abstained"),
        pytest.param("", "dawn", 4, 0.0, id="empty"),
        pytest.param("the", "and", 4, 0.0, id="without words"),
    ],
)
def test_locomo_scores_answers_in_its_own_way(answer: str, right: str, category: int, score: float) -> None:
    assert locomo_f1(answer, right, category) == pytest.approx(score)


def test_sets_are_compared_without_order() -> None:
    # {a, b, c} and {b, c, d, e} share 2: 4/7
    assert set_f1("abc", "bcde") == pytest.approx(4 / 7)
    assert set_f1([], []) == 1 and set_f1([], "a") == 0


def test_a_query_is_right_when_its_result_is() -> None:
    assert same_result(["u2", "u1"], ["u1", "u2"]) == 1
    assert same_result(["u1", "u1"], ["u1"]) == 0
    assert same_result(3, 3.0) == 1 and same_result(3, 4) == 0 and same_result([], 0) == 0


def test_abstention_is_precise_where_there_is_no_answer_and_complete_where_none_is_made_up() -> None:
    # Abstained 3 times, twice rightly; of 4 questions without an answer 2 were answered.
    # Precision 2/3, recall 2/4, F1 = 2 · 1/3 / (7/6) = 4/7.
    asked = [(True, False)] * 2 + [(True, True)] + [(False, False)] * 2 + [(False, True)] * 5
    found = abstention(asked)
    assert found == ((2, 3), (2, 4)) and found.f1 == pytest.approx(4 / 7)
    assert abstention([(False, True)]) == (None, None) and abstention([]).f1 is None


@given(TEXTS, TEXTS)
def test_an_answer_scores_the_same_either_way_round(one: str, other: str) -> None:
    score = token_f1(one, [other])
    assert score is not None and 0 <= score <= 1
    assert score == token_f1(other, [one])
    assert token_f1(one, [one]) == 1
    assert (score == 1) >= (exact_match(one, [other]) == 1)


@given(TEXTS, TEXTS, st.integers(1, 5))
def test_a_locomo_score_lies_between_nought_and_one(answer: str, right: str, category: int) -> None:
    assert 0 <= locomo_f1(answer, right, category) <= 1
