"""What users are after in what they write and search for, and when it is told of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.intents import intents
from agents.population import NOBODY, Population, population
from agents.signals import written
from limner.domain import Event
from prompts import taxonomy
from store.events import EventStore
from tests.agents.histories import TAXONOMY, event, history
from tests.agents.test_population import LONDON, found, store
from tests.prompts.test_taxonomy import owners

COMPLAINT, DEAL = "behaviour/complains", "behaviour/looks-for-deals"


def shown(text: str, kind: str = "message") -> set[str]:
    meant = intents([(0, kind, text)], TAXONOMY)
    return {key.partition("/")[2] for key, places in meant.shown.items() if places}


@pytest.mark.parametrize(
    ("text", "kind", "after"),
    [
        ("I want a refund, it arrived broken", "message", "complains"),
        ("我要投诉，到现在一直没收到货", "message", "complains"),
        ("Which one should I get, the red or the blue?", "post", "compares"),
        ("这两款哪个更划算？", "post", "compares"),
        ("pixel vs iphone", "search", "compares"),
        ("洗碗机 对比 评测", "search", "compares"),
        ("Any promo code for this shop?", "message", "looks-for-deals"),
        ("cheapest running shoes", "search", "looks-for-deals"),
        ("有没有优惠券可以领", "message", "looks-for-deals"),
        ("Does anyone know how to reset it?", "post", "asks-for-help"),
        ("请问怎么取消自动续费", "message", "asks-for-help"),
        ("Where can I buy these?", "comment", "ready-to-buy"),
        ("求链接，想入手", "comment", "ready-to-buy"),
    ],
)
def test_words_show_what_a_user_is_after(text: str, kind: str, after: str) -> None:
    assert after in shown(text, kind)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("No, I don't want a refund", "message"),
        ("我不是要投诉你们", "message"),
        ('The card in the box said "use this coupon code and get five stars" lol', "post"),
        ("卡片上写着：“加微信领券返现，好评再送优惠券”，我扔了", "post"),
        ("> I want a refund\nI am happy with mine", "comment"),
        ("the cheapest thing I ever did was to be honest", "post"),
        ("Chelsea vs Arsenal tonight", "post"),
        ("我该怎么办才好", "message"),
        ("你和花瓶有什么区别", "message"),
    ],
)
def test_what_is_denied_quoted_or_means_something_else_shows_nothing(text: str, kind: str) -> None:
    assert shown(text, kind) == set()


@given(st.lists(st.text(max_size=60), max_size=8))
def test_every_text_counts_and_shows_a_habit_once_at_most(texts: list[str]) -> None:
    meant = intents(((at, "post", text) for at, text in enumerate(texts)), TAXONOMY)
    assert meant.texts == len(texts)
    assert all(len(set(places)) == len(places) for places in meant.shown.values())


def writer(user: str, deals: int, texts: int = 40) -> list[Event]:
    """Somebody who asks for a deal in so many of their texts."""
    said = ["any coupons?"] * deals + ["see you on Tuesday"] * (texts - deals)
    return [event(number, "message", user, text=f"{text} {number}") for number, text in enumerate(said)]


@pytest.fixture(scope="module")
def others() -> Population:
    return known([writer(f"u{n}", n // 5) for n in range(40)])


def known(users: Iterable[list[Event]]) -> Population:
    return population(store(users), LONDON, NOBODY, taxonomy=TAXONOMY)


def test_who_is_after_deals_more_than_others_is_told_so(others: Population) -> None:
    keen = found(writer("u", 20), others)[DEAL]
    assert len(keen.readings) == 20
    assert "shown by 50 % of what they write and search for against a median of" in keen.reason
    assert "in the top quarter of 40 users" in keen.reason
    assert DEAL not in found(writer("u", 3), others), "no more than others"


def test_nobody_is_told_so_without_others_or_after_a_few_texts(others: Population) -> None:
    assert DEAL not in found(writer("u", 20), NOBODY)
    assert DEAL not in found(writer("u", 4, 9), others)


def test_where_hardly_anybody_complains_three_times_in_a_hundred_is_not_often() -> None:
    quiet = known([writer(f"u{n}", 1 if n % 10 == 0 else 0, 100) for n in range(40)])
    assert DEAL not in found(writer("u", 4, 100), quiet)
    assert DEAL in found(writer("u", 12, 100), quiet)


def test_what_an_agent_writes_shows_nothing_of_the_user() -> None:
    theirs = [event(1, "message", text="I want a refund"), event(2, "message", text="any coupons?")]
    agents = event(3, "message", text="有没有优惠券", meta={"speaker_is_user": False})
    from agents.clean import clean

    events = clean(history([*theirs, agents])).history.events
    assert intents(written(events), TAXONOMY).texts == 2


def test_a_population_is_measured_anew_for_other_words(tmp_path: Path) -> None:
    other = taxonomy.load(
        owners(tmp_path, "extends: starter\nterms:\n  behaviour/compares: {shown_by: [apples and oranges]}\n")
    )
    events: EventStore = store([writer(f"u{n}", n // 5) for n in range(40)])
    first = population(events, LONDON, NOBODY, taxonomy=TAXONOMY)
    assert population(events, LONDON, first, taxonomy=TAXONOMY) is first
    assert population(events, LONDON, first, taxonomy=other) is not first


def test_only_a_behaviour_is_shown_by_words(tmp_path: Path) -> None:
    path = owners(tmp_path, "extends: starter\nterms:\n  genre/horror:\n    shown_by: [boo hoo]\n")
    assert ["own.yaml:4" in problem and "only a behaviour" in problem for problem in taxonomy.lint(path)] == [True]
