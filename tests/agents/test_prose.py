from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.facts import Point, points
from agents.persona import complaint, fixed
from agents.prose import ALIKE, APART, JOINED, ONE, SAID, TRAITS, Place, opening, plain
from limner.domain import Counts, Event, Label, Language, Tag
from tests.agents.histories import DONE, TAXONOMY, event, tag

ITEMS: dict[str, dict[str, Any]] = {
    "e1": {"title": "Heat", "genres": ["crime"]},
    "e2": {"title": "Fargo", "genres": ["crime"]},
    "e3": {"title": "Copper trowel", "brand": "Potter"},
}
EVENTS = {name: event(at, item=item, kind="rating") for at, (name, item) in enumerate(ITEMS.items())}
MARCH, APRIL = datetime(2024, 3, 9, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)


CRIME = tag("genre/crime", lift=1.2, cites=("e1", "e2"))
WAR = tag("genre/war", lift=0.6)
POTTER = tag("brand/potter", lift=1.2, cites=("e3",))
HORROR = tag("genre/horror", -1, lift=-0.6)
OWL = tag("behaviour/night-owl", 0, measure=0.784)
RATER = tag("behaviour/generous-rater", 0, measure=4.79)
CAT = tag("household/cat", 0, basis="stated", valid_from=MARCH)


def _kinds(events: Mapping[str, Event]) -> set[str]:
    return {event.kind for event in events.values()}


def told(*tags: Tag, lang: Language = "en", kind: str = "rating") -> list[Point]:
    known = {name: one.model_copy(update={"kind": kind}) for name, one in EVENTS.items()}
    return points(list(tags), known, _kinds(known), lang, TAXONOMY)


def text(*tags: Tag, lang: Language = "en", kind: str = "rating") -> str:
    return fixed(told(*tags, lang=lang, kind=kind), lang).text


def test_nothing_is_summed_up_before_anything_was_said() -> None:
    assert text(RATER) == "This user gives generous ratings (4.8 of 5 stars on average)."
    assert text(RATER, lang="zh") == "这位用户打分宽松（平均4.8星，满分5星）。"
    assert plain(told(CRIME, RATER)[1], "en", "further").startswith("Overall, ")


@pytest.mark.parametrize(
    ("tags", "en", "zh"),
    [
        (
            [CRIME],
            "This user has a taste for crime stories, rated far above their own average, from “Heat” to “Fargo”.",
            "说到口味，这位用户喜欢犯罪题材，评分远高于自己的平均分，《Heat》和《Fargo》都在其中。",
        ),
        (
            [CRIME, WAR],
            "This user favours crime stories (“Heat”), rated far above their own average, over war stories, well above "
            "it.",
            "说到口味，这位用户喜欢犯罪题材（如《Heat》），评分远高于自己的平均分，然后是战争题材，明显高于平均分。",
        ),
        (
            [POTTER],
            "This user rates the brand Potter (“Copper trowel”) far above their own average.",
            "这位用户给品牌Potter（如“Copper trowel”）的评分远高于自己的平均分。",
        ),
        ([HORROR], "This user is not taken with horror, rated well below their own average.", None),
        (
            [OWL],
            "As a habit, this user is active late at night (78 % of active days).",
            "从习惯看，多在深夜活跃（占活跃天数的78%）。",
        ),
        ([CAT], "As they say themselves (March 2024), this user has a cat.", "自己说过（2024年3月）：养猫。"),
    ],
    ids=["one", "one above another", "a brand", "a dislike alone", "a habit", "a stated fact"],
)
def test_what_the_facts_are_decides_the_sentence(tags: list[Tag], en: str, zh: str | None) -> None:
    assert text(*tags) == en
    if zh is not None:
        assert text(*tags, lang="zh") == zh


def test_a_thing_that_is_also_written_about_keeps_the_marks_of_a_thing() -> None:
    known = {"e3": EVENTS["e3"], "e4": event(4, kind="message", text="that trowel!")}
    (((fact,),)) = points([tag("brand/potter", lift=1.2, cites=("e4", "e3"))], known, _kinds(known), "zh", TAXONOMY)
    assert fact.marks == "“”"


def test_a_dislike_is_set_against_what_was_liked() -> None:
    liked, disliked = fixed(told(CRIME, HORROR), "en").sentences
    assert disliked.text.startswith(("By contrast", "At the other end", "They are not taken"))
    assert disliked.tags == ("genre/horror",)
    assert liked.tags == ("genre/crime",)


def test_facts_of_several_months_each_have_their_own() -> None:
    nurse = tag("profession/nurse", 0, basis="stated", valid_from=APRIL)
    assert text(CAT, nurse) == "As they say themselves, this user has a cat (March 2024) and is a nurse (April 2024)."


@pytest.mark.parametrize(
    ("key", "en", "zh"),
    [
        ("profession/accountant", "is an accountant", "是会计"),
        ("profession/banker", "works in banking", "是银行从业者"),
        ("allergy/seafood", "has a seafood allergy", "海鲜过敏"),
        ("learning/piano", "is learning the piano", "在学钢琴"),
        ("life_stage/student", "is a student", "是学生"),
        ("values/quality", "puts quality first", "看重品质"),
    ],
)
def test_a_fact_is_told_as_one_says_it(key: str, en: str, zh: str) -> None:
    for lang, said in (("en", en), ("zh", zh)):
        (((fact,),)) = told(tag(key, 0, basis="stated"), lang=lang)
        assert fact.told == said


def test_to_value_something_is_no_taste() -> None:
    assert text(tag("values/value-for-money")) == "As a habit, this user looks for value for money."


def test_a_measure_that_is_not_known_is_not_told() -> None:
    assert text(tag("behaviour/night-owl", 0)) == "As a habit, this user is active late at night."


def test_the_owner_s_own_words_are_quoted() -> None:
    pinned = tag("open/tickets", 0, status="pinned", label=Label(en="collects tickets", zh="收集车票"))
    assert "is noted as “collects tickets”" in text(pinned)
    assert "备注为“收集车票”" in text(pinned, lang="zh")


def test_what_was_bought_is_told_as_bought() -> None:
    bought = [tag(key, counts=Counts(implicit_positive=n)) for key, n in (("food/coffee", 9), ("food/tea", 4))]
    assert text(*bought, kind="purchase") == "This user bought coffee 9 times and tea 4 times."
    assert text(*bought, kind="purchase", lang="zh") == "这位用户购买咖啡9次、茶4次。"


def test_what_was_said_is_told_as_said() -> None:
    said = [tag(key, basis="stated") for key in ("food/coffee", "food/tea")]
    assert text(*said) == "This user says they like coffee and tea."
    more = [*said, tag("food/milk", basis="stated")]
    assert text(*more) == "This user says they like coffee, milk and tea."
    assert text(*more, lang="zh") == "这位用户说自己喜欢咖啡、牛奶和茶。"


def test_what_was_said_more_often_comes_first_then_what_was_said_last() -> None:
    once, twice = Counts(stated=1), Counts(stated=2)
    often = tag("food/tea", cites=(), basis="stated", counts=twice)
    older, newer = (
        tag(key, cites=(cited,), basis="stated", counts=once)
        for key, cited in (("food/beer", "e1"), ("food/wine", "e3"))
    )
    (point,) = told(older, newer, often)
    assert [fact.called for fact in point] == ["tea", "wine", "beer"]


def test_many_stated_tastes_are_told_those_that_are_alike_in_one_sentence() -> None:
    keys = ["food/beer", "food/tea", "food/wine", "sport/football", "sport/tennis", "topic/painting"]
    tags = [tag(key, basis="stated") for key in keys]
    groups = points(tags, {}, (), "en", TAXONOMY, lambda named: [[0, 1, 2], [3, 4], [5]])
    assert [sentence.tags for sentence in fixed(groups, "en").sentences] == [
        tuple(keys[:3]),
        tuple(keys[3:5]),
        ("topic/painting",),
    ]
    assert [len(point) for point in told(*tags)] == [3, 3]


def test_likes_of_one_sort_go_on_in_other_words() -> None:
    keys = [key for key in THINGS if key.startswith("food/")][:9]
    for lang in ("en", "zh"):
        sentences = fixed(told(*(tag(key, basis="stated") for key in keys), lang=lang), lang).sentences
        assert len({opening(one.text, lang) for one in sentences}) == len(sentences) == 3


def test_a_category_in_capitals_is_no_acronym() -> None:
    soup = tag("category/soup", facet="interest", label=Label(en="SOUP", zh="SOUP"), counts=Counts(implicit_positive=4))
    assert text(soup, kind="purchase") == "This user bought soup 4 times."


LIFTS = st.sampled_from([0.3, 0.6, 1.2])
THINGS = [key for key, term in TAXONOMY.terms.items() if term.facet == "interest" and TAXONOMY.serves(key, term.facet)]
TASTES = st.builds(
    lambda key, sign, lift, cites, basis: tag(
        key, sign, cites, lift=sign * lift if basis != "stated" else None, basis=basis
    ),
    st.sampled_from(THINGS),
    st.sampled_from([1, -1]),
    LIFTS,
    st.sampled_from([(), ("e1",), ("e1", "e2"), ("e3",)]),
    st.sampled_from(["observed", "stated"]),
)
TRAIT_KEYS = [key for key, term in TAXONOMY.terms.items() if term.told and TAXONOMY.serves(key, term.facet)]
TRAITED = st.builds(
    lambda key, basis: tag(key, 0, measure=0.5, basis=basis, valid_from=MARCH),
    st.sampled_from(TRAIT_KEYS),
    st.sampled_from(["observed", "stated"]),
)


@given(
    st.lists(st.one_of(TASTES, TRAITED), min_size=1, max_size=6, unique_by=lambda one: one.key),
    st.sampled_from(["en", "zh"]),
)
def test_a_portrait_in_the_fixed_wording_names_every_tag_once_and_ends(tags: list[Tag], lang: Language) -> None:
    groups = told(*tags, lang=lang)
    made = fixed(groups, lang)
    keys = [key for sentence in made.sentences for key in sentence.tags]
    assert keys == [fact.tag.key for group in groups for fact in group]
    for sentence, group in zip(made.sentences, groups, strict=True):
        assert "{" not in sentence.text and sentence.text[-1] in ".。"
        for fact in group:
            assert (fact.told or fact.called.split()[-1]).casefold() in sentence.text.casefold()


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("place", ["first", "further", "against", "least"])
def test_every_wording_passes_the_checks(lang: Language, place: Place) -> None:
    sign = 1 if place in ("first", "further") else -1
    named = [key for key in THINGS if key.startswith("genre/") and " and " not in TAXONOMY.terms[key].label.en]
    keys = named[:30]
    for basis, lifts in (
        ("observed", [0.6]),
        ("observed", [0.6, 0.6]),
        ("observed", [1.2, 0.3]),
        ("observed", [1.2, None]),
        ("stated", [None, None]),
        ("stated", [None, None, None, None]),
    ):
        for at in range(0, len(keys) - 3, 2):
            tags = [
                tag(key, sign, ("e1", "e2"), lift=sign * lift if lift else None, basis=basis)
                for key, lift in zip(keys[at:], lifts, strict=False)
            ]
            (group,) = told(*tags, lang=lang)
            begun: set[str] = set()
            while opening(said := plain(group, lang, place, begun), lang) not in begun:
                assert complaint(said, group, lang, TAXONOMY) is None, said
                begun.add(opening(said, lang))


@pytest.mark.parametrize(
    "plans", [ONE, ALIKE, APART, JOINED, SAID, TRAITS], ids=["one", "alike", "apart", "joined", "said", "traits"]
)
def test_both_languages_have_the_same_places(plans: dict[Language, dict[str, tuple[str, ...]]]) -> None:
    assert plans["en"].keys() == plans["zh"].keys()


def test_the_shelf_of_a_catalogue_is_told_where_there_is_nothing_else() -> None:
    shelf, milk = tag("category/crackers-misc-bkd-fd", probability=0.99), tag("food/milk", probability=0.9)
    shelf = shelf.model_copy(update={"label": Label(en="crackers/misc bkd fd", zh="crackers/misc bkd fd")})
    tea, cheese = tag("food/tea", probability=0.8), tag("food/cheese", probability=0.7)
    names = [[fact.called for fact in point] for point in told(shelf, milk, tea, cheese)]
    assert names == [["milk", "tea"], ["cheese", "crackers/misc bkd fd"]]
    assert "crackers" in text(shelf)


def test_the_path_of_a_category_is_told_by_its_end_and_a_number_by_what_it_is_of() -> None:
    phones, seven = tag("category/a", facet="interest"), tag("category/7", facet="interest")
    phones = phones.model_copy(update={"label": Label(en="electronics.smart_phone", zh="electronics.smart_phone")})
    seven = seven.model_copy(update={"label": Label(en="7", zh="7")})
    assert [fact.called for fact in told(phones, seven)[0]] == ["category 7", "smart phone"]


def test_no_title_is_told_twice() -> None:
    both = text(tag("genre/crime", -1, lift=-0.7, cites=()), tag("genre/war", lift=0.6, cites=("e1",)))
    assert both.count("Heat") == 1
    shared = text(tag("genre/crime", lift=1.2, cites=("e1",)), tag("genre/war", lift=0.6, cites=("e1",)))
    assert shared.count("Heat") == 1


def test_what_reviews_bring_up_is_told_as_written_about() -> None:
    counted = tag("genre/superhero", cites=("e1", "e2"), counts=Counts(implicit_positive=2))
    cited = counted.model_copy(
        update={"evidence": tuple(one.model_copy(update={"signal": DONE}) for one in counted.evidence)}
    )
    assert text(cited, kind="review").startswith("This user wrote about superhero films 2 times")
    assert text(cited, kind="review", lang="zh").startswith("这位用户评论中写到超级英雄片2次")


@pytest.mark.parametrize(
    ("item", "title"),
    [
        ({"title": "泰坦尼克号 Titanic", "genres": ["爱情"]}, "泰坦尼克号"),
        ({"title": "权力的游戏 第八季 Game of Thrones Season 8", "genres": ["奇幻"]}, "权力的游戏 第八季"),
        ({"title": "千与千寻 千と千尋の神隠し", "genres": ["动画"]}, "千与千寻"),
        ({"title": "人生一串 第二季", "genres": ["纪录片"]}, "人生一串 第二季"),
        ({"title": "小米 Redmi Note 12", "brand": "小米"}, "小米 Redmi Note 12"),
        ({"title": "Heat 2", "genres": ["crime"]}, "Heat 2"),
        ({"title": "20 Dates (1998)", "genres": ["comedy"]}, "20 Dates"),
    ],
)
def test_a_work_is_called_by_its_chinese_title(item: dict[str, Any], title: str) -> None:
    known = {"e1": event(1, item=item)}
    (((fact,),)) = points([tag("genre/crime", lift=1.2, cites=("e1",))], known, _kinds(known), "zh", TAXONOMY)
    assert fact.titles == (title,)


def test_a_series_is_told_as_one() -> None:
    godfather, wars = tag("series/godfather", lift=1.2), tag("series/star-wars", lift=0.6)
    godfather = godfather.model_copy(update={"label": Label(en="The Godfather", zh="教父")})
    wars = wars.model_copy(update={"label": Label(en="Star Wars", zh="Star Wars")})
    english = text(godfather, wars)
    assert "the Godfather series" in english
    assert "the Star Wars series" in english
    assert "《教父》系列" in text(godfather, wars, lang="zh")
