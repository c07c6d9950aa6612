from __future__ import annotations

import pytest

from agents import phrases
from agents.plan import Unread, plan
from agents.precedents import (
    ALIKE,
    APART,
    LEAD,
    SAME,
    UNSURE_LEAD,
    Masked,
    Precedents,
    Reading,
    clear,
    masks,
    named,
    undenied,
)
from agents.terms import Embeds, Vocabulary
from limner.domain import Label
from limner.query import All, Not
from prompts.wordings import LANGUAGES, NAME, OTHERS, Wording, wordings
from tests.agents.test_plan import HELD, bought, dislikes, likes
from tests.agents.test_understand import NAMES, letters


def reading(means: str, score: float) -> Reading:
    return Reading(means, None if "/" in means or means == OTHERS else Label(en=means, zh=means), score)


def anything(_: str) -> bool:
    return True


def test_every_wording_stands_for_something_that_rules_read() -> None:
    told = [one for one in wordings() if one.means != OTHERS]
    plain = {one.means for one in told if "/" not in one.means}
    for means in plain:
        question = means.replace(NAME, "horror").replace("{t}", "since 2018")
        plan(f"Which users {question}?", NAMES)
    assert all("/" in one.means or NAME in one.text or "{t}" in one.text or "ratings" in one.means for one in told)
    habits = {one.means for one in told if "/" in one.means}
    assert all(NAMES.is_claim(key) for key in habits)


def test_no_wording_stands_there_twice_but_what_says_one_thing_of_films_and_another_of_goods() -> None:
    said: dict[tuple[str, str], str] = {}
    for one in wordings():
        other = said.setdefault((one.text, one.language), one.means)
        assert other is one.means or {other, one.means} == {"often watch {x}", "buy {x}"}, one.text
    assert len(set(wordings())) == len(wordings())
    assert {one.language for one in wordings()} == set(LANGUAGES)


@pytest.mark.parametrize("question", ["Which users keep coming back for horror?", "哪些用户是恐怖片的常客？"])
def test_what_a_population_never_does_is_not_meant(question: str) -> None:
    def read(*acts: str) -> object:
        names = Vocabulary(NAMES.taxonomy, HELD, Embeds(letters, letters), frozenset(acts))
        return plan(question, names, meant=True).query.where

    assert read("purchase") == bought("genre/horror")
    assert isinstance(read("rating"), All)  # a large share of what they watch


def test_a_word_beside_its_name_is_not_enough_to_go_by() -> None:
    two = [reading("buy {x}", 0.9), reading("like {x}", 0.9 - LEAD)]
    assert clear(Masked("purchase plenty of {x}", "horror"), two, anything) == two[0]
    assert clear(Masked("return {x}", "horror"), two, anything) is None
    assert clear(Masked("after"), [reading("behaviour/evening-shopper", 2 * APART)], anything) is None


@pytest.mark.parametrize(
    ("clause", "bare"),
    [
        ("watch films from horror mostly", "watch {x} mostly"),
        ("shop the horror category", "shop {x}"),
        ("believe in the horror genre", "believe {x}"),
        ("come in the horror", "come in the {x}"),
        ("看horror类影片", "看{x}"),
        ("主要看horror出品的电影", "主要看{x}"),
    ],
)
def test_the_form_that_things_come_as_goes_with_their_name(clause: str, bare: str) -> None:
    at = clause.index("horror")
    assert named(clause, at, at + len("horror")) == bare


def test_a_known_wording_is_read_with_any_name() -> None:
    assert plan("Which users can't get enough of horror?", NAMES, meant=True).query.where == likes("genre/horror")
    assert plan("Who gravitates towards horror?", NAMES, meant=True).query.where == likes("genre/horror")
    assert plan('Who is "drum and bass" fans?', NAMES, meant=True).query.where == likes("music/drum-and-bass")
    read = plan("Which users turn up their nose at horror and have beer on their shopping list?", NAMES, meant=True)
    assert read.query.where == All(of=(dislikes("genre/horror"), bought("category/beers-ales")))
    assert "by likeness" in read.notes
    zh = plan("对恐怖片情有独钟却不对科幻赞不绝口的有谁", NAMES, meant=True).query.where
    assert zh == All(of=(likes("genre/horror"), Not(of=likes("genre/sci-fi"))))


@pytest.mark.parametrize(
    "question",
    [
        "Which users take pleasure in 5 horror films?",  # a number is for rules
        "Which users can't get enough of horror in Berlin?",  # a name that nobody knows
        "Which users get a kick out of flibbertigibbets?",
    ],
)
def test_nothing_of_a_clause_is_dropped(question: str) -> None:
    with pytest.raises(Unread):
        plan(question, NAMES, meant=True)


def test_only_a_clear_lead_is_taken() -> None:
    clause = Masked("go for {x}")
    two = [reading("like {x}", 1.0), reading("buy {x}", 0.99 - LEAD)]
    assert clear(clause, two, anything) == two[0]
    assert clear(clause, [two[0], reading("buy {x}", 1.01 - LEAD)], anything) is None
    assert clear(clause, [], anything) is None


def test_what_may_be_what_no_query_can_tell_is_not_read() -> None:
    clause = Masked("go for {x}")
    best, others = reading("like {x}", 1.0), reading(OTHERS, 0.99 - APART)
    assert clear(clause, [best, others], anything) == best
    assert clear(clause, [best, reading(OTHERS, 1.01 - APART)], anything) is None
    assert clear(clause, [reading(OTHERS, 1.0), reading("like {x}", 0.0)], anything) is None
    assert clear(clause, [reading(OTHERS, SAME)], anything) is None


@pytest.mark.parametrize("clause", ["used to go for {x}", "假装看{x}", "whose wife goes for {x}"])
def test_a_hedge_is_read_only_letter_by_letter(clause: str) -> None:
    two = [reading("like {x}", 1.0), reading("buy {x}", 0.0)]
    assert clear(Masked(clause), two, anything) is None
    known = [reading("like {x}", SAME)]
    assert clear(Masked(clause), known, anything) == known[0]


def test_a_denial_is_read_where_the_clause_means_something_else_without_it() -> None:
    clause = Masked("have no patience with {x}")
    assert undenied(clause.text) == "have patience with {x}"
    two = [reading("dislike {x}", 1.0), reading("buy {x}", 0.99 - UNSURE_LEAD)]
    assert clear(clause, two, anything, frozenset({"like {x}"})) == two[0]
    assert clear(clause, two, anything, frozenset({"dislike {x}"})) is None
    assert clear(clause, two, anything, None) is None  # nothing is left of it
    assert clear(clause, [two[0], reading("buy {x}", 1.01 - UNSURE_LEAD)], anything, frozenset({"like {x}"})) is None


def test_more_or_less_is_no_denial() -> None:
    unchanged = ("watch quite a few {x}", "did at least something {t}", "特别喜欢{x}", "看过不少{x}", "stop by {t}")
    for clause in (*unchanged, "动不动就看{x}", "非常喜欢{x}"):
        assert undenied(clause) == clause
    assert undenied("非{x}迷") == "{x}迷"


def test_an_adverb_that_no_wording_has_wants_a_larger_lead() -> None:
    clause = Masked("hopelessly adore {x}", adverb=True)
    two = [reading("like {x}", 1.0), reading("buy {x}", 0.99 - LEAD)]
    assert clear(clause._replace(adverb=False), two, anything) == two[0]
    assert clear(clause, two, anything) is None
    assert clear(Masked("mildly like {x}", adverb=True), [reading("like {x}", 1.0)], anything) is None


def test_what_is_called_like_a_rare_word_is_not_dropped() -> None:
    def names(text: str) -> list[tuple[int, int]]:
        return [(at, at + len(name)) for name in ("horror", "vibe") if (at := text.find(name)) >= 0]

    by_name = {one.name: one for one in masks("vibe with horror", phrases.TIMES, names)}
    assert by_name["horror"].unknown == ("vibe",)


def test_a_word_that_no_wording_has_is_never_read() -> None:
    two = [reading("like {x}", 1.0), reading("buy {x}", 0.0)]
    assert clear(Masked("adore {x} in Berlin", unknown=("berlin",)), two, anything) is None


def test_a_clause_with_an_unknown_word_is_offered_what_it_may_mean() -> None:
    with pytest.raises(Unread) as caught:
        plan("Which users can't get enough of horror in Berlin?", NAMES, meant=True)
    assert "like horror" in [one.plain for one in caught.value.near]
    assert {one.unknown for one in caught.value.near} == {("berlin",)}
    assert all(one.means != OTHERS for one in caught.value.near)


def test_where_nothing_is_named_an_unknown_word_may_be_the_name() -> None:
    unsure = Masked("like flibbertigibbets", unknown=("flibbertigibbets",))
    assert not unsure.is_like([reading("behaviour/niche", ALIKE - 0.01)])
    assert unsure.is_like([reading("behaviour/niche", ALIKE)])
    assert Masked("like {x} in Berlin", "horror", unknown=("berlin",)).is_like([reading("like {x}", 0.0)])


def test_between_readings_that_ask_the_same_of_the_data_is_no_doubt() -> None:
    alike = [Wording("warm to {x}", "en", "like {x}"), Wording("rate {x} up", "en", "rate {x} above their own average")]
    doubted = [reading("like {x}", 0.9), reading("rate {x} above their own average", 0.8), reading("buy {x}", 0.0)]

    class Doubting(Precedents):
        def readings(self, clause: str, language: object) -> list[Reading]:
            return doubted

    names = Vocabulary(NAMES.taxonomy, HELD, Embeds(letters, letters))
    names.__dict__["precedents"] = Doubting(alike, letters, letters, lambda _: 0.0)
    assert plan("Which users go for horror?", names, meant=True).query.where == likes("genre/horror")


def test_of_two_habits_alike_the_one_that_the_population_has_is_meant() -> None:
    two = [reading("behaviour/weekend-active", 0.9), reading("behaviour/weekend-shopper", 0.8), reading("x/y", 0.1)]
    clause = Masked("turn up at weekends")
    assert clear(clause, two, "behaviour/weekend-shopper".__eq__) == two[1]
    assert clear(clause, two, anything) is None


def test_a_clause_gives_up_its_name_and_its_time() -> None:
    def names(text: str) -> list[tuple[int, int]]:
        at = text.find("horror")
        return [(at, at + 6)] if at >= 0 else []

    made = masks("keep coming back to horror movies", phrases.TIMES, names)
    assert made == [Masked("keep coming back to {x}", "horror")]
    assert masks("were around since 2018", phrases.TIMES, names) == [Masked("were around {t}", time="since 2018")]
    assert masks("were around since 2018 or so or later", phrases.TIMES, names) == []


def test_without_an_embedder_there_are_no_precedents() -> None:
    bare = Vocabulary(NAMES.taxonomy, {})
    assert bare.precedents is None
    with pytest.raises(Unread) as caught:
        plan("Which users can't get enough of horror?", bare, meant=True)
    assert caught.value.near == ()
