"""Answers to questions against what is right: by words, by sets, and by whether there was an answer at all.

The words of an answer are those of SQuAD; Chinese, which has no spaces, counts character by character, as CMRC 2018
does. LoCoMo has a measure of its own, `locomo_f1`, whose stems are those of NLTK, other Porter stemmers giving other
scores; it is imported where it is first needed, since most commands need nothing of it.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from evals.tallies import harmonic, rate, tally
from evals.task import Tally

_HAN = re.compile(r"([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f])")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_LOCOMO_ARTICLES = re.compile(r"\b(?:a|an|the|and)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
MULTI_HOP, OPEN_DOMAIN, ADVERSARIAL = 1, 3, 5
"""Categories of LoCoMo by id; papers and vendors swap their names."""
_REFUSALS = ("no information available", "not mentioned")


def words(text: str) -> list[str]:
    """The words of an answer as they are compared: lower case, no punctuation, no English articles, Han apart.

    Source:
        Rajpurkar et al., SQuAD (EMNLP 2016), official evaluation script; Cui et al., CMRC 2018 (EMNLP 2019), section 4.
    """
    lower = "".join(letter for letter in text.lower() if not _is_punctuation(letter))
    return _HAN.sub(r" \1 ", _ARTICLES.sub(" ", lower)).split()


def exact_match(answer: str, right: Sequence[str]) -> float | None:
    """1 where the answer has the words of one of the right ones, in their order, else 0; None where none is known.

    Source:
        Rajpurkar et al., SQuAD (EMNLP 2016), section 6.1.
    """
    return float(any(words(answer) == words(one) for one in right)) if right else None


def token_f1(answer: str, right: Sequence[str]) -> float | None:
    """The F1 of an answer's words against the nearest right one, 0 to 1; None where none is known.

    Where the right answer is none at all (""), only an empty answer has 1.

    Source:
        Rajpurkar et al., SQuAD (EMNLP 2016), section 6.1; SQuAD 2.0 (ACL 2018) for answers without words.
    """
    return max((_overlap(words(answer), words(one)) for one in right), default=None)


def locomo_f1(answer: str, right: str, category: int) -> float:
    """The score that LoCoMo's authors give an answer, 0 to 1.

    Words are stemmed, and "and" counts for nothing. Of several answers in one (multi-hop), each right one is compared
    with the nearest given one; of an open-domain answer only what stands before the first semicolon is asked; where the
    conversation does not say, the answer must say so in one of two wordings.

    Args:
        category: Its id in the data, 1 to 5.

    Source:
        Maharana et al., Evaluating Very Long-Term Conversational Memory of LLM Agents (ACL 2024), section 4;
        snap-research/locomo, `task_eval/evaluation.py`.
    """
    if category == ADVERSARIAL:
        return float(any(words in answer.lower() for words in _REFUSALS))
    if category == MULTI_HOP:
        given = [_stems(part) for part in answer.split(",")]
        wanted = [_stems(part) for part in right.split(",")]
        return sum(max(_stem_f1(one, part) for one in given) for part in wanted) / len(wanted)
    return _stem_f1(_stems(answer), _stems(right.partition(";")[0] if category == OPEN_DOMAIN else right))


def set_f1(found: Iterable[Hashable], right: Iterable[Hashable]) -> float:
    """The F1 of a set of users, or of anything, 0 to 1; two empty sets have 1.

    Source:
        Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 8.3.
    """
    got, want = set(found), set(right)
    return 2 * len(got & want) / (len(got) + len(want)) if got or want else 1.0


def same_result(found: object, right: object) -> float:
    """1 where a query gave what is right: the same number, or the same things in whatever order; else 0.

    Source:
        Yu et al., Spider (EMNLP 2018), section 5, execution accuracy.
    """
    if isinstance(found, Collection) and isinstance(right, Collection) and not isinstance(found, str | bytes):
        return float(Counter(found) == Counter(right))
    return float(found == right)


class Abstention(NamedTuple):
    """How abstaining went, over questions; each part None where it has no cases."""

    precision: Tally | None
    """Of the questions abstained from, those that have no answer."""
    recall: Tally | None
    """Of the questions without an answer, those abstained from."""

    @property
    def f1(self) -> float | None:
        if self.precision is None or self.recall is None:
            return None
        return harmonic(rate(self.precision), rate(self.recall))


def abstention(questions: Iterable[tuple[bool, bool]]) -> Abstention:
    """Whether the system is silent where it should be, and only there.

    Args:
        questions: For each, whether it was abstained from, and whether it can be answered.

    Source:
        Rajpurkar, Jia and Liang, Know What You Don't Know (ACL 2018), for questions that cannot be answered.
    """
    cases = Counter(questions)
    rightly, wrongly, missed = cases[True, False], cases[True, True], cases[False, False]
    return Abstention(tally(rightly, rightly + wrongly), tally(rightly, rightly + missed))


def _overlap(given: Sequence[str], wanted: Sequence[str]) -> float:
    if not given or not wanted:
        return float(given == wanted)
    return 2 * sum((Counter(given) & Counter(wanted)).values()) / (len(given) + len(wanted))


def _stems(text: str) -> list[str]:
    plain = text.replace(",", "").lower().translate(_NO_PUNCTUATION)
    stem = _stemmer().stem
    return [stem(word) for word in _HAN.sub(r" \1 ", _LOCOMO_ARTICLES.sub(" ", plain)).split()]


@cache
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


def _stem_f1(given: Sequence[str], wanted: Sequence[str]) -> float:
    """As LoCoMo has it: an answer without a word in common, or without words, has 0."""
    return _overlap(given, wanted) if given and wanted else 0.0


def _is_punctuation(letter: str) -> bool:
    return letter in string.punctuation or unicodedata.category(letter).startswith("P")
