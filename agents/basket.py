"""A purchase read as a basket: what was paid and saved, whether a coupon was used, how much was the shop's own brand.

These names are understood, in `item` or in `meta`, and for each line of a basket in `item.lines`:

    price, quantity        what one thing cost, and how many; used where the event has no `value`
    list_price             the full price of one thing
    saved, coupon_saved    amounts taken off the full price, and off it by a coupon
    discount               the share taken off, 0 to 1
    coupon                 whether one was used, or its code
    own_brand, store_brand, private_label    whether it is the shop's own brand
    currency               amounts in one are never compared with amounts in another
    order_id, basket_id    purchases that share it are one basket

Where a basket is told as a receipt in `text` ("Milk (store brand) x2 $3.18; Eggs x1 $2.49"), its lines' own-brand marks
are read from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from limner.domain import Event

BOUGHT = frozenset({"purchase", "order"})
OWN_BRAND = frozenset({"own_brand", "store_brand", "private_label"})
TOLD = OWN_BRAND | {
    "lines",
    "list_price",
    "saved",
    "coupon_saved",
    "discount",
    "coupon",
    "currency",
    "order_id",
    "basket_id",
}
"""What an event may tell of its money beside the amount paid."""
DISCOUNTED = 0.2
"""Share of the full price from which on a purchase counts as made at a discount."""

_NO = frozenset({"", "0", "false", "no", "none", "null", "n", "否"})
_RECEIPT = re.compile(r" x ?\d+ [$€£¥]\d")
_OWN_LINE = re.compile(
    r"\((?:(?:[Ss]tore|[Oo]wn|[Hh]ouse) [Bb]rand|[Pp]rivate [Ll]abel|自有品牌)\)[^;\n$€£¥]*[$€£¥](\d+(?:\.\d+)?)"
)

Thing = Mapping[str, Any]


class Basket(NamedTuple):
    """What a purchase tells of money."""

    order: str
    """Purchases of the same one belong together; empty where none is named."""
    paid: float | None
    """None where the event does not tell."""
    saved: float
    discounted: bool
    coupon: bool
    own_brand: float | None
    """Paid for the shop's own brand; None where nothing tells whose brand was bought."""
    currency: str


def basket(event: Event) -> Basket:
    """A purchase, read."""
    if event.value is not None and not event.text and TOLD.isdisjoint(event.meta) and TOLD.isdisjoint(event.item):
        return Basket("", event.value, 0.0, discounted=False, coupon=False, own_brand=None, currency="")
    told = {**event.item, **event.meta}
    lines = event.lines
    paid = event.value if event.value is not None else _paid(lines or (told,))
    saved = _saved(told, paid) or sum(_saved(line, _paid((line,))) for line in lines)
    full = (paid or 0.0) + saved
    order = told.get("order_id", told.get("basket_id"))
    currency = told.get("currency")
    return Basket(
        order="" if order is None else str(order),
        paid=paid,
        saved=saved,
        discounted=_number(told, "discount") >= DISCOUNTED or (full > 0 and saved / full >= DISCOUNTED),
        coupon=_coupon(told) or any(map(_coupon, lines)),
        own_brand=_own_brand(event.text, lines, told, paid),
        currency=currency if isinstance(currency, str) else "",
    )


def together(baskets: Sequence[Basket]) -> Basket:
    """The baskets of one order, all in one currency, as one."""
    paid = [one.paid for one in baskets if one.paid is not None]
    own = [one.own_brand for one in baskets if one.own_brand is not None]
    return baskets[0]._replace(
        paid=sum(paid) if paid else None,
        saved=sum(one.saved for one in baskets),
        discounted=any(one.discounted for one in baskets),
        coupon=any(one.coupon for one in baskets),
        own_brand=sum(own) if own else None,
    )


def _paid(things: Iterable[Thing]) -> float | None:
    amounts = [_number(thing, "price") * (_number(thing, "quantity") or 1) for thing in things if "price" in thing]
    return sum(amounts) if amounts else None


def _saved(thing: Thing, paid: float | None) -> float:
    """What was taken off: as an amount, or as a share of discount or a full price say."""
    saved = max(_number(thing, "saved"), _number(thing, "coupon_saved"))
    if saved or paid is None or paid <= 0:
        return saved
    share, full = _number(thing, "discount"), _number(thing, "list_price") * (_number(thing, "quantity") or 1)
    return max(paid * share / (1 - share) if share < 1 else 0.0, full - paid, 0.0)


def _coupon(thing: Thing) -> bool:
    return _truth(thing.get("coupon")) or _number(thing, "coupon_saved") > 0


def _own_brand(text: str, lines: Sequence[Thing], told: Thing, paid: float | None) -> float | None:
    marked = [thing for thing in lines or (told,) if not OWN_BRAND.isdisjoint(thing)]
    if marked:
        own = [thing for thing in marked if any(_truth(thing.get(name)) for name in OWN_BRAND)]
        return (_paid(own) or 0.0) if lines else (paid or 0.0) * bool(own)
    if text and _RECEIPT.search(text):
        return sum(map(float, _OWN_LINE.findall(text)))
    return None


def _number(thing: Thing, name: str) -> float:
    """The amount under a name; 0 where there is none."""
    value = thing.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0


def _truth(value: Any) -> bool:
    return value.strip().lower() not in _NO if isinstance(value, str) else bool(value)
