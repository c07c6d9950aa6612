from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from agents.basket import Basket, basket, together
from limner.domain import Event, History
from tests.agents.histories import HISTORIES, event


def bought(value: float | None = 20.0, text: str = "", item: Any = None, **meta: Any) -> Basket:
    return basket(event(1, "purchase", value=value, text=text, item=item or {}, meta=meta))


@pytest.mark.parametrize(
    ("item", "meta", "saved"),
    [
        ({}, {"saved": 5}, 5.0),
        ({}, {"coupon_saved": 3.5}, 3.5),
        ({}, {"saved": 5, "coupon_saved": 3}, 5.0),
        ({}, {"discount": 0.2}, 5.0),
        ({"discount": 0.5}, {}, 20.0),
        ({"list_price": 30, "price": 20}, {}, 10.0),
        ({"list_price": 15, "quantity": 2}, {}, 10.0),
        ({"lines": [{"price": 15, "list_price": 20}, {"price": 5, "saved": 1}]}, {}, 6.0),
        ({}, {}, 0.0),
        ({}, {"saved": "much", "discount": None}, 0.0),
        ({}, {"discount": 1}, 0.0),
        ({}, {"saved": -3}, 0.0),
    ],
    ids=str,
)
def test_what_was_saved_is_read_as_an_amount_a_share_or_a_full_price(item: Any, meta: Any, saved: float) -> None:
    assert bought(item=item, **meta).saved == pytest.approx(saved)


@pytest.mark.parametrize(
    ("item", "paid"),
    [
        ({"price": 4}, 4.0),
        ({"price": 4, "quantity": 3}, 12.0),
        ({"lines": [{"price": 4}, {"price": 1}]}, 5.0),
        ({}, None),
    ],
    ids=str,
)
def test_what_was_paid_is_the_price_where_the_event_has_no_value(item: Any, paid: float | None) -> None:
    assert bought(None, item=item).paid == paid


@pytest.mark.parametrize(("coupon", "used"), [(True, True), ("SAVE5", True), ("no", False), ("", False), (0, False)])
def test_a_coupon_is_a_code_or_a_truth(coupon: object, used: bool) -> None:
    assert bought(coupon=coupon).coupon is used
    assert bought(item={"lines": [{"coupon": coupon}]}).coupon is used


@pytest.mark.parametrize(
    ("text", "item", "own"),
    [
        ("", {}, None),
        ("", {"own_brand": True}, 20.0),
        ("", {"store_brand": "false"}, 0.0),
        ("", {"lines": [{"price": 3, "private_label": True}, {"price": 17, "private_label": False}]}, 3.0),
        ("", {"lines": [{"price": 3}, {"price": 17}]}, None),
        ("Milk (store brand) x2 $3.18; Eggs x1 $2.49; Salt (private label) x1 $0.50", {}, 3.68),
        ("牛奶 (自有品牌) x2 ¥13.80; 鸡蛋 x1 ¥9.90", {}, 13.8),
        ("Milk x2 $3.18; Eggs x1 $2.49", {}, 0.0),
        ("I love the (store brand) milk", {}, None),
    ],
    ids=str,
)
def test_the_shops_own_brand_is_read_from_attributes_lines_or_a_receipt(
    text: str, item: Any, own: float | None
) -> None:
    assert bought(text=text, item=item).own_brand == (None if own is None else pytest.approx(own))


def test_a_purchase_is_an_order_of_its_own_unless_it_names_one() -> None:
    assert bought().order == ""
    assert bought(order_id=7).order == bought(basket_id="7").order == "7"


def test_the_purchases_of_an_order_are_one() -> None:
    whole = together(
        [bought(10, saved=5, own_brand=True, currency="CNY"), bought(5, coupon=True, currency="CNY"), bought(None)]
    )
    assert whole == Basket("", 15, 5, True, True, 10.0, "CNY")


@given(HISTORIES)
def test_any_event_reads_as_a_basket(raw: History) -> None:
    for one in raw.events:
        found = basket(one)
        assert found.saved >= 0
        assert found.own_brand is None or found.own_brand == found.own_brand


def test_lines_that_are_no_objects_are_none() -> None:
    for lines in ("milk", ["milk"], {"a": 1}, None, 3):
        assert Event(event_id="e", user_id="u", kind="purchase", item={"lines": lines}).lines == ()
