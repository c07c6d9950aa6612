"""Categories of shops, named as people name them."""

from __future__ import annotations

import pytest

from agents.plan import Unread, plan
from agents.terms import Vocabulary
from limner.domain import Label
from limner.query import BOUGHT, All, Any, Condition, Measured, Statistic
from prompts import taxonomy
from prompts.taxonomy.words import slug


def shop(*codes: str) -> Vocabulary:
    held = {f"category/{slug(code)}": ("interest", Label(en=code, zh=code)) for code in codes}
    return Vocabulary(taxonomy.load(), held)


SHOP = shop(
    "SEAFOOD-FRESH",
    "SEAFOOD - FROZEN",
    "FRZN SEAFOOD",
    "GREETING CARDS/WRAP/PARTY SPLY",
    "ORGANICS FRUIT & VEGETABLES",
    "VEGETABLES - ALL OTHERS",
    "DOMESTIC WINE",
    "MISC WINE",
    "DOG FOODS",
    "CAT FOOD",
    "HOT BEV-TEA",
    "MILK CHOCOLATE",
    "CRACKERS/MISC BKD FD",
    "SNKS/CKYS/CRKR/CNDY",
    "CANDY - PACKAGED",
    "SHAMPOO/CONDTNR",
)
FRESH, CARDS, ORGANIC = (f"category/{one}" for one in (
    "seafood-fresh", "greeting-cards-wrap-party-sply", "organics-fruit-and-vegetables"
))  # fmt: skip
FROZEN = ("category/frzn-seafood", "category/seafood-frozen")
NAMED: dict[str, tuple[str, ...]] = {
    "fresh seafood": (FRESH,),
    "fresh fish and seafood": (FRESH,),
    "生鲜海产": (FRESH,),
    "frozen seafood": FROZEN,
    "冷冻海鲜": FROZEN,
    "seafood": (*FROZEN[:1], FRESH, *FROZEN[1:]),
    "贺卡和派对用品": (CARDS,),
    "有机果蔬": (ORGANIC,),
    "国产葡萄酒": ("category/domestic-wine",),
    "wine": ("category/domestic-wine", "category/misc-wine"),
    "vegetables": (ORGANIC, "category/vegetables-all-others"),
    "food for cats": ("category/cat-food",),
    "猫咪粮": ("category/cat-food",),
    "bars of milk chocolate": ("category/milk-chocolate",),
    "tea bags": ("category/hot-bev-tea",),
}


@pytest.mark.parametrize("said", NAMED)
def test_a_category_is_found_by_everyday_words(said: str) -> None:
    match = SHOP.thing(said)
    assert match is not None
    assert (match.keys, match.how) == (NAMED[said], "words")


@pytest.mark.parametrize(
    "said",
    [
        "dog",
        "dogs",
        "狗",
        "cat",
        "milk",
        "牛奶",
        "tea towels",
        "茶几",
        "茶具",
        "奶茶",
        "hot dogs",
        "chocolate milk",
        "party",
        "wine glasses",
        "dog leads",
        "cat litter",
        "baby food",
        "air conditioner",
        "fresh",
        "organic",
        "fruit juice",
        "wrapping",
        "葡萄",
        "酒店",
    ],
)
def test_what_shares_a_word_with_a_category_is_not_taken_for_it(said: str) -> None:
    match = SHOP.thing(said)
    assert match is None or not match.held


def bought(*keys: str) -> Condition:
    of = [Measured(of=Statistic(measure="events", acts=BOUGHT, key=key), value=3) for key in keys]
    return of[0] if len(of) == 1 else Any(of=tuple(of))


CRACKERS, CANDY, SNACKS = "category/crackers-misc-bkd-fd", "category/candy-packaged", "category/snks-ckys-crkr-cndy"
ASKED: dict[str, tuple[Condition, bool]] = {
    "Which users buy fresh fish and seafood?": (bought(FRESH), False),
    "Which users buy greeting cards and party supplies?": (bought(CARDS), False),
    "Which users buy shampoo and conditioner?": (bought("category/shampoo-condtnr"), False),
    "Which users buy crackers and candy?": (All(of=(bought(CRACKERS, SNACKS), bought(CANDY, SNACKS))), False),
    "Which users buy fresh seafood and wine?": (
        All(of=(bought(FRESH), bought("category/domestic-wine", "category/misc-wine"))), False
    ),
    "哪些用户买生鲜海产？": (bought(FRESH), False),
    "哪些用户买过有机果蔬至少3次？": (bought(ORGANIC), False),
    "哪些用户买有机果蔬，也买贺卡和派对用品？": (All(of=(bought(ORGANIC), bought(CARDS))), False),
}  # fmt: skip


@pytest.mark.parametrize("question", ASKED)
def test_a_name_that_joins_two_is_one_where_a_category_is_called_so(question: str) -> None:
    read = plan(question, SHOP)
    assert (read.query.where, "one name, not two" in read.notes) == ASKED[question]


def test_where_each_of_two_is_a_category_and_both_are_one_that_one_is_meant_and_said() -> None:
    both = shop("FISH", "SEAFOOD", "FISH & SEAFOOD")
    read = plan("Which users buy fish and seafood?", both)
    assert read.query.where == bought("category/fish-and-seafood")
    assert read.notes == ("one name, not two",)


def test_where_each_of_two_is_a_category_and_none_is_both_both_are_meant() -> None:
    apart = shop("BEETROOT", "SEAFOOD", "SHELLFISH")
    read = plan("Which users buy shellfish and seafood?", apart)
    assert read.query.where == All(of=(bought("category/shellfish"), bought("category/seafood")))
    assert read.notes == ()


@pytest.mark.parametrize("question", ["哪些用户买茶几？", "Which users buy tea towels?", "谁买牛奶？"])
def test_a_question_about_what_a_shop_does_not_sell_is_not_answered_with_something_else(question: str) -> None:
    try:
        read = plan(question, SHOP)
    except Unread:
        return
    assert not any(match.held for match in read.matches)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("keep coming back for fresh fish and seafood", ["fresh fish and seafood"]),
        ("put greeting cards in their trolley", ["greeting cards"]),
        ("是生鲜海产的老主顾", ["生鲜海产"]),
        ("经常买有机果蔬的人", ["有机果蔬"]),
        ("常买国产葡萄酒和猫粮", ["国产葡萄酒", "猫粮"]),
        ("need all the help they get", []),
    ],
)
def test_a_text_names_categories_and_no_small_word_with_them(text: str, names: list[str]) -> None:
    assert [text[start:end] for start, end in SHOP.named_in(text)] == names


@pytest.mark.parametrize("asked", ["谁喜欢小米？", "哪些用户喜欢玉米？", "哪些用户喜欢天猫？"])
def test_a_longer_word_that_only_looks_like_a_name_is_none(asked: str) -> None:
    with pytest.raises(Unread):
        plan(asked, SHOP)
