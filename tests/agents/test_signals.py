from __future__ import annotations

import math
from datetime import timedelta
from statistics import mean

import pytest
from hypothesis import given

from agents.signals import said, says_against, signals
from limner.domain import Event, History, SignalKind
from tests.agents.histories import (
    DONE,
    HISTORIES,
    NEGATIVE,
    NOON,
    POSITIVE,
    REFUSED,
    TAXONOMY,
    event,
    history,
    rated,
    read,
)


def spoken(events: list[Event], key: str) -> list[SignalKind | None]:
    thing = read(events).things.get(key)
    return [reading.signal for reading in thing.readings] if thing else []


@pytest.mark.parametrize(
    ("stars", "signs"),
    [
        ((5, 5, 5, 5, 4, 4), [POSITIVE] * 4 + [NEGATIVE] * 2),
        ((2, 2, 2, 2, 3, 3), [NEGATIVE] * 4 + [POSITIVE] * 2),
        ((1, 3, 3, 3, 3, 5), [NEGATIVE, None, None, None, None, POSITIVE]),
    ],
    ids=["a generous rater's 4 is low", "a harsh rater's 3 is high", "what is near the mean says nothing"],
)
def test_ratings_are_read_against_the_own_mean(stars: tuple[float, ...], signs: list[SignalKind | None]) -> None:
    found = read(rated([("Jazz", star) for star in stars]))
    assert [reading.signal for reading in found.things["music/jazz"].readings] == signs
    assert found.mean == pytest.approx(mean(stars))


@pytest.mark.parametrize("n", [1, 3, 5, 20])
@pytest.mark.parametrize(("star", "sign"), [(5, POSITIVE), (4, POSITIVE), (2, NEGATIVE), (1, NEGATIVE)])
def test_ratings_that_are_all_equal_are_read_against_the_middle(n: int, star: float, sign: SignalKind) -> None:
    readings = read(rated([("Jazz", star)] * n)).things["music/jazz"].readings
    as_acts = sign if n < 5 else SignalKind(sign.value.replace("explicit", "implicit"))
    assert [(reading.signal, reading.deviation) for reading in readings] == [(as_acts, None)] * n


def test_with_few_ratings_the_own_mean_is_drawn_to_the_middle() -> None:
    assert read(rated([("Jazz", 5), ("Horror", 4)])).mean == pytest.approx((9 + 2 * 3.5) / 4)


@pytest.mark.parametrize("scale", [5, 10, 100])
def test_scales_of_ten_and_a_hundred_read_like_five_stars(scale: int) -> None:
    stars = [("Jazz", 5), ("Jazz", 4), ("Horror", 1), ("Horror", 2), ("Pop", 3)]
    found = read(rated([(genre, star * scale / 5) for genre, star in stars]))
    assert found.mean == pytest.approx(3)
    assert [reading.deviation for reading in found.things["music/jazz"].readings] == pytest.approx([2, 1])


def test_each_source_has_a_scale_of_its_own() -> None:
    films = rated([("Horror", 10), ("Horror", 9)], source="ten")
    songs = rated([("Jazz", 1), ("Jazz", 2)], source="five")
    found = read(films + songs)
    assert all(reading.signal is POSITIVE for reading in found.things["genre/horror"].readings)
    assert all(reading.signal is NEGATIVE for reading in found.things["music/jazz"].readings)


@pytest.mark.parametrize(
    ("kind", "meta", "sign"),
    [
        ("purchase", {}, DONE),
        ("play", {}, DONE),
        ("like", {}, POSITIVE),
        ("block", {}, NEGATIVE),
        ("return", {}, REFUSED),
        ("skip", {}, REFUSED),
        ("view", {}, DONE),
        ("view", {"dwell_seconds": 2}, REFUSED),
        ("view", {"dwell_seconds": 12}, None),
        ("view", {"dwell_seconds": 240}, DONE),
        ("view", {"dwell_seconds": "long"}, DONE),
        ("application", {}, None),
        ("teleport", {}, None),
    ],
)
def test_acts_speak_by_their_kind(kind: str, meta: dict[str, object], sign: SignalKind | None) -> None:
    assert spoken([event(1, kind, genre="Jazz", meta=meta)], "music/jazz") == ([sign] if sign else [])


def test_an_unknown_source_and_kind_are_read_without_a_word() -> None:
    found = read([event(1, "teleport", source="moon", text="I love jazz", value=3, genre="Jazz")])
    assert (dict(found.things), found.rated, math.isnan(found.mean)) == ({}, 0, True)


@pytest.mark.parametrize("end", ["return", "a low rating"])
def test_a_purchase_that_was_regretted_speaks_for_nothing(end: str) -> None:
    bought = event(1, "purchase", genre="Jazz", item_id="i1")
    other = event(9, "rating", value=5, genre="Pop")
    regret = event(2, "return", item_id="i1", genre="Jazz")
    if end == "a low rating":
        regret = event(2, "rating", value=1, item_id="i1", genre="Jazz")
    assert spoken([bought, regret, other], "music/jazz") == [REFUSED if end == "return" else NEGATIVE]


def test_a_purchase_rated_high_speaks_twice() -> None:
    bought = event(1, "purchase", genre="Jazz", item_id="i1")
    praised = event(2, "rating", value=5, item_id="i1", genre="Jazz")
    assert spoken([bought, praised, event(9, value=1, genre="Pop")], "music/jazz") == [DONE, POSITIVE]


@pytest.mark.parametrize(
    ("text", "word", "sign"),
    [
        ("I love jazz", "jazz", POSITIVE),
        ("I don't like jazz", "jazz", NEGATIVE),
        ("I can't stand jazz any more", "jazz", NEGATIVE),
        ("never liked jazz", "jazz", NEGATIVE),
        ("I'm sick of coffee", "coffee", NEGATIVE),
        ("heard some jazz on the way home", "jazz", DONE),
        ("I hate pop music, but I love jazz", "jazz", POSITIVE),
        ("I love jazz but not into pop music", "pop music", NEGATIVE),
        ("Jazz is boring. I enjoy film noir", "film noir", POSITIVE),
        ("Jazz got 4.5 stars because it is great", "Jazz", POSITIVE),
        ("我喜欢科幻", "科幻", POSITIVE),
        ("我不喜欢科幻", "科幻", NEGATIVE),
        ("讨厌恐怖片", "恐怖片", NEGATIVE),
        ("咖啡戒了", "咖啡", NEGATIVE),
        ("看了一部纪录片", "纪录片", DONE),
        ("不爱看综艺，但喜欢纪录片", "纪录片", POSITIVE),
        ("喜欢纪录片，受不了综艺", "综艺", NEGATIVE),
    ],
)
def test_the_clause_around_a_word_says_how_it_is_meant(text: str, word: str, sign: SignalKind) -> None:
    start = text.index(word)
    assert said(text, start, start + len(word)) is sign


@pytest.mark.parametrize(
    ("text", "word", "against"),
    [
        ("Romance is rated 1.2 stars below their own mean.", "Romance", True),
        ("Science fiction is rated 1.2 stars above their own mean.", "Science fiction", False),
        ("They rarely finish musicals.", "musicals", True),
        ("对爱情片的评分比平均分低1.2星。", "爱情片", True),
        ("对科幻片的评分比平均分高1.2星。", "科幻片", False),
        ("对综艺不感兴趣。", "综艺", True),
    ],
)
def test_a_portrait_turns_against_a_thing_in_more_ways(text: str, word: str, against: bool) -> None:
    start = text.index(word)
    assert says_against(text, start, start + len(word)) is against


def test_a_thing_counts_once_a_text_and_once_an_event() -> None:
    post = event(1, "post", text="jazz, jazz, jazz and again jazz")
    review = event(2, "review", text="jazz at its best: jazz!", value=5, genre="Jazz")
    assert len(spoken([post, review], "music/jazz")) == 2


def test_what_a_film_is_about_is_not_the_reviewers_own_life() -> None:
    review = event(1, "review", text="A dog and its piano; fine film noir.", value=5, genre="Drama", title="The Keys")
    assert set(read([review, event(2, value=1, genre="Pop")]).things) == {"genre/drama", "genre/film-noir", "music/pop"}


def test_a_stated_fact_has_the_words_that_state_it() -> None:
    found = read([event(1, "message", text="Please note, I'm vegetarian.")])
    (reading,) = found.facts["diet/vegetarian"].readings
    assert (reading.signal, reading.span) == (SignalKind.STATED, "I'm vegetarian")


def test_the_text_of_a_rating_of_unknown_kind_states_nothing() -> None:
    assert not read([event(1, "teleport", text="I'm vegetarian")]).facts


@given(HISTORIES)
def test_any_history_can_be_read_and_every_reading_points_into_it(raw: History) -> None:
    found = signals(raw, TAXONOMY)
    for thing in (*found.things.values(), *found.facts.values()):
        assert thing.facet in TAXONOMY.facets
        places = [reading.at for reading in thing.readings]
        assert places == sorted(set(places))
        assert set(places) <= set(range(len(raw.events)))
        for reading in thing.readings:
            assert reading.span is None or reading.span in raw.events[reading.at].text
            assert reading.signal is not None or reading.deviation is not None


@given(HISTORIES)
def test_reading_the_same_history_again_gives_the_same(raw: History) -> None:
    once, again = signals(raw, TAXONOMY), signals(history(raw.events), TAXONOMY)
    assert (repr(once.things), repr(once.facts)) == (repr(again.things), repr(again.facts))


def test_the_lines_of_a_basket_speak_for_what_they_are() -> None:
    lines = [{"category": "Coffee", "brand": "Tarrow", "price": 4}, {"category": ["Cheese"]}, "stray"]
    baskets = [event(number, "purchase", item={"lines": lines}) for number in range(3)]
    assert spoken(baskets, "brand/tarrow") == [DONE] * 3
    assert len([thing for thing in read(baskets).things.values() if len(thing.readings) == 3]) == 3


# --- opinions without stars ---


def reviewed(texts: list[tuple[str, str]], kind: str = "review", **fields: object) -> list[Event]:
    """One opinion each, on an item of a genre."""
    return [
        event(number, kind, text=text, genre=genre, item_id=f"i{number}", **fields)
        for number, (genre, text) in enumerate(texts)
    ]


PRAISE, BLAME = "A wonderful, gripping film", "Awful, tedious, a waste of time"


@pytest.mark.parametrize("kind", ["review", "post", "comment"])
@pytest.mark.parametrize(("good", "bad"), [(PRAISE, BLAME), ("太精彩了，强烈推荐", "难看，浪费时间")], ids=["en", "zh"])
def test_what_few_words_praise_or_run_down_is_for_or_against_what_they_are_about(
    kind: str, good: str, bad: str
) -> None:
    events = reviewed([("Jazz", good), ("Jazz", good), ("Horror", bad)], kind)
    assert spoken(events, "music/jazz") == [POSITIVE, POSITIVE]
    assert spoken(events, "genre/horror") == [NEGATIVE]
    (first, *_) = read(events).things["music/jazz"].readings
    assert first.span and first.span in good and first.deviation is None


def test_of_many_opinions_each_is_read_against_the_others() -> None:
    fine = "A good film"
    events = reviewed([("Jazz", PRAISE)] * 4 + [("Pop", fine)] * 8 + [("Horror", BLAME)] * 4)
    found = read(events)
    for key, sign in (("music/jazz", 1), ("genre/horror", -1)):
        lifted = found.things[key].lift
        assert lifted is not None and lifted.mean * sign > 0.25
        assert lifted.error > 0.35, "four texts foretell four ratings no better than that"
    of_pop = found.things["music/pop"].lift
    assert of_pop is not None and abs(of_pop.mean) < 0.25


def test_who_praises_everything_prefers_nothing() -> None:
    events = reviewed([("Jazz", PRAISE), ("Horror", PRAISE)] * 6)
    assert all(signal is None for key in ("music/jazz", "genre/horror") for signal in spoken(events, key))


def test_an_opinion_with_stars_keeps_its_stars() -> None:
    events = rated([("Jazz", 5), ("Jazz", 4), ("Horror", 1), ("Horror", 2), ("Pop", 3)])
    worded = [one.model_copy(update={"kind": "review", "text": BLAME}) for one in events]
    assert [r.signal for r in read(worded).things["music/jazz"].readings] == [POSITIVE, POSITIVE]
    assert not any(r.foretold for r in read(worded).things["music/jazz"].readings)


@pytest.mark.parametrize("kind", ["message", "search", "question"])
def test_what_is_asked_of_an_item_is_no_opinion_on_its_kind(kind: str) -> None:
    assert spoken(reviewed([("Jazz", "it arrived broken, awful")] * 3, kind), "music/jazz") == []


def test_what_was_bought_and_then_run_down_speaks_for_nothing() -> None:
    bought = event(0, "purchase", genre="Jazz", item_id="i1")
    assert spoken([bought, *reviewed([("Pop", PRAISE), ("Jazz", BLAME)])], "music/jazz") == [NEGATIVE]


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("jazz is not boring at all", DONE),
        ("jazz isn't great", NEGATIVE),
        ("I still love jazz", POSITIVE),
        ("can't get enough of jazz", POSITIVE),
        ("我不推荐爵士乐", NEGATIVE),
        ("爵士乐不是很精彩", NEGATIVE),
        ("爵士乐不无聊", DONE),
        ("爵士乐真精彩", POSITIVE),
    ],
)
def test_a_denied_word_turns_round_what_a_clause_says(text: str, signal: SignalKind) -> None:
    named = next(word for word in ("jazz", "爵士乐") if word in text)
    assert said(text, text.index(named), text.index(named) + len(named)) is signal


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("My sister loves hiking", False),
        ("My sister and I love hiking", True),
        ("I took my son on a hiking tour", True),
        ("He is into hiking", False),
        ("Everyone here loves hiking", False),
        ("Lovely hiking weather", True),
        ("我叔叔特别喜欢徒步", False),
        ("我的上司他喜欢徒步", False),
        ("张丽华喜欢徒步。", False),
        ("我和同事去徒步", True),
        ("周末喜欢徒步", True),
        ("我女儿在家，我去徒步", True),
        ("你最喜欢徒步吧", False),
        ("你就是想徒步", False),
        ("你们有徒步鞋吗", True),
        ("你陪我去徒步吧", True),
    ],
)
def test_what_a_text_tells_of_somebody_else_is_not_the_users(text: str, own: bool) -> None:
    assert ("topic/hiking" in read([event(1, "message", text=text)]).things) is own


@pytest.mark.parametrize(
    ("hours", "mentions"),
    [
        ((0, 0.1, 0.2), 1),
        ((0, 1, 2), 3),
        ((0, 0.1, 25), 2),
    ],
    ids=["one conversation", "one a conversation", "again the next day"],
)
def test_what_talk_is_about_is_mentioned_once_a_conversation(hours: tuple[float, ...], mentions: int) -> None:
    talk = [event(at, "message", text="那个鱼缸", ts=NOON + timedelta(hours=hour)) for at, hour in enumerate(hours)]
    assert spoken(talk, "topic/aquariums") == [DONE] * mentions


def test_undated_talk_is_one_conversation_for_some_lines() -> None:
    lines = [event(at, "message", text="那个鱼缸" if at in (0, 5, 30) else "嗯", ts=None) for at in range(31)]
    assert [reading.at for reading in read(lines).things["topic/aquariums"].readings] == [0, 30]


def test_an_opinion_counts_in_the_middle_of_a_conversation_and_posts_are_none() -> None:
    said = ["那个鱼缸", "我很喜欢鱼缸", "鱼缸"]
    talk = [event(at, "message", text=text, ts=NOON) for at, text in enumerate(said)]
    assert spoken(talk, "topic/aquariums") == [DONE, POSITIVE]
    posts = [one.model_copy(update={"kind": "post"}) for one in talk]
    assert spoken(posts, "topic/aquariums") == [DONE, POSITIVE, DONE]
