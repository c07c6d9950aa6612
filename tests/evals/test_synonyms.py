"""The list of names that mean the same: what its card promises, and how pairs are scored."""

from __future__ import annotations

from collections import Counter

from evals.datasets.names import PAIRS, Pair, pairs, united
from evals.scorers import Metric
from evals.synonyms import chosen, share
from prompts import taxonomy

KINDS = {"sibling", "opposite", "broader", "number", "name", "look-alike"}
CARD = PAIRS.with_suffix(".md").read_text("utf-8")


def test_the_list_is_as_large_as_its_card_says_and_no_pair_stands_twice() -> None:
    every = pairs()
    counts = Counter(pair.same for pair in every)
    assert counts[True] >= 200
    assert counts[False] >= 300
    halves = Counter(pair.chooses for pair in every)
    for number in (len(every), counts[True], counts[False], halves[True], halves[False]):
        assert f"{number:,}" in CARD
    assert len({frozenset((pair.a.casefold(), pair.b.casefold())) for pair in every}) == len(every)
    assert Counter(bool(pair.kind) is pair.same for pair in every)[True] == 0, "what must stay apart says why"
    assert {pair.kind for pair in every if pair.kind} == KINDS
    assert {pair.languages for pair in every if pair.same} == {"en", "zh", "across"}


def test_names_that_the_taxonomy_knows_are_one_or_apart_without_an_embedder() -> None:
    given = [
        Pair("sci-fi", "科幻电影", same=True, attribute="genres", kind=None),
        Pair("giallo", "Giallo films", same=True, attribute="genres", kind=None),
        Pair("horror", "thriller", same=False, attribute="genres", kind="sibling"),
    ]
    paths = united(given, taxonomy.load(), None)
    assert paths == ["taxonomy", "spelling", None]
    assert share(given, paths, same=True).mean == 1
    assert share(given, paths, same=False).mean == 0


def test_by_the_taxonomy_and_letters_alone_few_of_the_reported_half_go_wrong() -> None:
    reported = [pair for pair in pairs() if not pair.chooses]
    paths = united(reported, taxonomy.load(), None)
    assert share(reported, paths, same=True).mean >= 0.84
    assert share(reported, paths, same=False).mean <= 0.01


def test_the_threshold_is_the_lowest_from_which_on_few_are_wrong() -> None:
    def wrong(share: float) -> Metric:
        return Metric(share, share, share, 100)

    assert chosen({0.6: wrong(0.01), 0.65: wrong(0.02), 0.7: wrong(0.01), 0.75: wrong(0.0)}) == 0.7
