from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from limner.domain import Label
from prompts.taxonomy import goods
from prompts.taxonomy.goods import Fit

FITS: dict[tuple[str, str], Fit | None] = {
    ("frozen meat", "FRZN MEAT"): Fit.WHOLE,
    ("meat, frozen", "FRZN MEAT"): Fit.WHOLE,
    ("冷冻肉类", "FRZN MEAT"): Fit.WHOLE,
    ("frozen meat", "冷冻肉类"): Fit.WHOLE,
    ("生鲜海产", "SEAFOOD-FRESH"): Fit.WHOLE,
    ("seafood fresh from the counter", "SEAFOOD-FRESH"): Fit.WHOLE,
    ("seafood", "SEAFOOD-FRESH"): Fit.LOOSE,
    ("frozen seafood", "SEAFOOD-FRESH"): None,
    ("贺卡和派对用品", "GREETING CARDS/WRAP/PARTY SPLY"): Fit.PART,
    ("有机果蔬", "ORGANICS FRUIT & VEGETABLES"): Fit.WHOLE,
    ("organic vegetables", "ORGANICS FRUIT & VEGETABLES"): Fit.PART,
    ("frozen fruit", "FRESH FRUIT/FROZEN VEG"): None,
    ("cold and flu remedies", "FLU/COLD REMEDIES"): Fit.WHOLE,
    ("remedies for colds and flu", "COLD & FLU REMEDIES"): Fit.WHOLE,
    ("cat food", "CAT/DOG FOOD"): Fit.PART,
    ("tea", "HOT BEV-TEA"): Fit.WHOLE,
    ("hot drinks", "HOT BEV-TEA"): Fit.PART,
    ("children's shoes", "KIDS FTWR"): Fit.WHOLE,
    ("童鞋", "KIDS FTWR"): Fit.WHOLE,
    ("conditioner", "SHAMPOO/CONDTNR"): Fit.PART,
    ("t-shirts for men", "MENS T-SHIRTS"): Fit.WHOLE,
    ("nappies", "DIAPERS & DISPOSABLES"): Fit.WHOLE,
    ("pet products", "PET SUPPLIES"): Fit.WHOLE,
    ("宠物用品", "PET SUPPLIES"): Fit.WHOLE,
    ("wine", "MISC WINE"): Fit.LOOSE,
    # what shares words with it and is something else
    ("dog", "DOG FOODS"): None,
    ("狗", "DOG FOODS"): None,
    ("dogs", "HOT DOGS"): None,
    ("dog food", "CAT FOOD"): None,
    ("food", "CAT FOOD"): None,
    ("pet", "PET SUPPLIES"): None,
    ("milk", "MILK CHOCOLATE"): None,
    ("牛奶", "牛奶巧克力"): None,
    ("chocolate milk", "MILK CHOCOLATE"): None,
    ("牛奶巧克力", "FLUID MILK PRODUCTS"): None,
    ("milk", "MILK BY-PRODUCTS"): None,
    ("dairy drinks", "NON-DAIRY BEVERAGES"): None,
    ("roses", "BOUQUET (NON ROSE)"): None,
    ("candy", "SUGAR-FREE CANDY"): Fit.LOOSE,
    ("tea towels", "TEAS"): None,
    ("茶几", "TEAS"): None,
    ("茶具", "TEAS"): None,
    ("奶茶", "TEAS"): None,
    ("tea", "KITCHEN TOWELS/TEA TOWELS"): None,
    ("butter", "PEANUT BUTTER"): None,
    ("ice", "ICE CREAM"): None,
    ("cream", "ICE CREAM"): None,
    ("hair care", "HAIR CARE ACCESSORIES"): None,
    ("phones", "MOBILE PHN CASES"): None,
    ("手机", "MOBILE PHN CASES"): None,
    ("wine glasses", "RED WINE"): None,
    ("红酒杯", "RED WINE"): None,
    ("women", "WMNS SHOES"): None,
    ("fresh", "SEAFOOD-FRESH"): None,
    ("paper", "PAPER TOWELS"): None,
    ("pain", "PAINT"): None,
    ("", "TEAS"): None,
    ("tea", ""): None,
}


@pytest.mark.parametrize(("said", "code"), FITS, ids=" in ".join)
def test_what_is_said_fits_a_category_by_all_its_words(said: str, code: str) -> None:
    assert goods.fit(goods.read(said), goods.read(code, code=True)) == FITS[said, code]


def test_what_is_a_kind_of_another_thing_that_is_named_adds_nothing() -> None:
    named = goods.read("fresh fish and seafood")
    assert goods.fit(named, goods.read("SEAFOOD-FRESH", code=True)) is None
    assert goods.fit(goods.wider(named), goods.read("SEAFOOD-FRESH", code=True)) is Fit.WHOLE
    assert goods.fit(named, goods.read("FRESH FISH/SEAFOOD", code=True)) is Fit.WHOLE


def test_a_word_that_nobody_knows_must_stand_in_both() -> None:
    held = goods.read("ZORBLAX FOODS", code=True)
    assert held.unknown
    assert goods.fit(goods.read("zorblax food"), held) is Fit.WHOLE
    assert goods.fit(goods.read("quibble food"), held) is None


@given(st.text(max_size=60), st.text(max_size=60), st.booleans())
def test_any_text_is_read(said: str, held: str, code: bool) -> None:
    goods.fit(goods.wider(goods.read(said)), goods.read(held, code=code))


TOLD = {
    "FRZN MEAT": "冷冻肉类",
    "SEAFOOD-FRESH": "新鲜海鲜",
    "GREETING CARDS/WRAP/PARTY SPLY": "贺卡、包装、派对用品",
    "CAT FOOD WET": "猫湿粮",
    "KIDS FTWR": "童鞋",
    "HOT BEV-TEA": "热饮（茶）",
    "ORAL HYGIENE PRODUCTS": "口腔护理产品",
    "HOSIERY/SOCKS": "袜子",
    "冷冻肉类": "frozen meat",
    "女鞋": "women's shoe",
    # a word that nobody knows, that means two things, or that stands for a thing beside the one it is
    "ZORBLAX FOODS": "",
    "FILM": "",
    "LIGHT BEER": "",
    "COFFEE SHOP": "",
    "SEASONAL": "",
    "DOMESTIC GOODS": "",
    "": "",
}


@pytest.mark.parametrize("name", TOLD)
def test_a_category_is_told_in_the_other_language_where_each_word_is_known(name: str) -> None:
    assert goods.translated(name) == TOLD[name]


def test_a_label_that_has_both_languages_stays_as_it_is() -> None:
    both = Label(en="FRZN MEAT", zh="冻肉")
    assert goods.in_both(both) == both
    assert goods.in_both(Label(en="FRZN MEAT", zh="FRZN MEAT")) == Label(en="FRZN MEAT", zh="冷冻肉类")
    assert goods.in_both(Label(en="ZORBLAX", zh="ZORBLAX")) == Label(en="ZORBLAX", zh="ZORBLAX")


def test_each_thing_and_quality_has_a_name_in_both_languages() -> None:
    lists = yaml.safe_load(goods.FILE.read_text("utf-8"))
    alone = [
        name
        for kind in goods.KINDS
        for name, others in lists[kind].items()
        if not any("\u3400" <= sign <= "\u9fff" for other in others for sign in other)
    ]
    assert alone == []


def test_what_the_lists_say_of_their_words_is_of_words_that_they_have() -> None:
    lists = yaml.safe_load(goods.FILE.read_text("utf-8"))
    named = {name for kind in goods.KINDS for name in lists[kind]}
    kinds = {name for wider, narrower in lists["kinds"].items() for name in (wider, *narrower)}
    implied = {name for thing, theirs in lists["implied"].items() for name in (thing, *theirs)}
    assert (kinds | implied) - named == set()
