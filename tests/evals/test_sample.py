"""The promises the card of the bundled sample makes, checked against the sample itself."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import pytest

from limner.domain import Event

FOLDER = Path(__file__).parents[2] / "evals" / "datasets"
SAMPLE, GOLD, CARD = (FOLDER / f"sample.{end}" for end in ("jsonl", "gold.jsonl", "md"))
UNDATED = datetime.min.replace(tzinfo=UTC)
SOURCES = {"shop", "video", "music", "news", "social", "chat", "finance"}
POSTS = {"review", "post", "message"}
KINDS = POSTS | {"view", "search", "purchase", "rating", "play", "return", "skip", "application"}
RATINGS = {"rating", "review"}
FOR, AGAINST = {"purchase", "play", "view"}, {"skip", "return", "view"}
GOLD_FIELDS = {"user_id", "likes", "dislikes", "behaviours", "facts", "must_not", "values"}
ENGLISH = {"dex", "gordon", "marek", "nell", "priya", "rowan", "tasha"}
CHINESE = {"ahua", "kaige", "laozhou", "momo", "qingqing", "weilan", "xiaoman"}


class Taste(NamedTuple):
    """A like or dislike of the gold, and the events on the things it names."""

    user_id: str
    liked: bool
    own_mean: float
    stars: list[float]
    deeds: list[Event]


def written(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if event.meta.get("speaker_is_user", True))


def han(text: str) -> int:
    return len(re.findall(r"[\u4e00-\u9fff]", text))


def words(text: str) -> int:
    return len(re.findall(r"[A-Za-z']+", text))


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return SAMPLE.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def rows(lines: list[str]) -> list[Event]:
    return [Event.model_validate_json(line) for line in lines]


@pytest.fixture(scope="module")
def users(rows: list[Event]) -> dict[str, list[Event]]:
    """Distinct events by user."""
    found: dict[str, dict[str, Event]] = defaultdict(dict)
    for event in rows:
        found[event.user_id][event.event_id] = event
    return {user_id: list(events.values()) for user_id, events in found.items()}


@pytest.fixture(scope="module")
def gold() -> dict[str, dict[str, Any]]:
    return {row["user_id"]: row for row in map(json.loads, GOLD.read_text(encoding="utf-8").splitlines())}


@pytest.fixture(scope="module")
def tastes(users: dict[str, list[Event]], gold: dict[str, dict[str, Any]]) -> dict[str, Taste]:
    found = {}
    for user_id, row in gold.items():
        events = users[user_id]
        rated = [event.value for event in events if event.kind in RATINGS and event.value is not None]
        for label, place in row["values"].items():
            attribute, value = place.split("/", 1)
            about = [event for event in events if value in event.item.get(attribute, ())]
            stars = [event.value for event in about if event.kind in RATINGS and event.value is not None]
            deeds = [event for event in about if event.kind not in RATINGS]
            found[f"{user_id}: {label}"] = Taste(
                user_id, label in row["likes"], mean(rated) if rated else 0.0, stars, deeds
            )
    return found


def test_it_is_small() -> None:
    assert SAMPLE.stat().st_size < 400_000


def test_fourteen_users_have_30_to_80_events_each(users: dict[str, list[Event]]) -> None:
    assert set(users) == ENGLISH | CHINESE
    assert all(30 <= len(events) <= 80 for events in users.values())
    assert 650 <= sum(map(len, users.values())) <= 800


def test_rows_stand_by_user_then_time(rows: list[Event]) -> None:
    order = [(event.user_id, event.ts or UNDATED) for event in rows]
    assert order == sorted(order)


def test_half_of_the_users_write_chinese(users: dict[str, list[Event]]) -> None:
    chinese = {user_id for user_id, events in users.items() if han(written(events)) > words(written(events))}
    assert chinese == CHINESE
    assert len(CHINESE) == len(users) / 2


def test_attributes_of_items_are_in_the_language_of_the_user(users: dict[str, list[Event]]) -> None:
    for user_id, events in users.items():
        values = [
            value
            for event in events
            for name in ("genres", "categories", "topics")
            for value in event.item.get(name, ())
        ]
        assert all((han(value) > 0) == (user_id in CHINESE) for value in values)


def test_every_source_and_kind_of_event_occurs(rows: list[Event]) -> None:
    assert {event.source for event in rows} == SOURCES
    assert {event.kind for event in rows} == KINDS


def test_prices_stars_dwell_times_coupons_and_returns_occur(rows: list[Event]) -> None:
    assert all(event.value and event.meta["currency"] for event in rows if event.kind in {"purchase", "return"})
    assert all(event.value in {1, 2, 3, 4, 5} for event in rows if event.kind in RATINGS)
    assert all(event.meta["dwell_seconds"] > 0 for event in rows if event.kind == "view")
    assert {"coupon", "discount", "gift", "rewatch"} <= {name for event in rows for name in event.meta}
    assert sum(event.kind == "return" for event in rows) >= 15


def test_no_text_is_written_twice(users: dict[str, list[Event]]) -> None:
    texts = Counter(event.text for events in users.values() for event in events if len(event.text) > 3)
    assert [text for text, times in texts.items() if times > 1] == []
    assert len(texts) > 400


def test_one_row_stands_twice_and_one_has_no_time(lines: list[str], rows: list[Event]) -> None:
    assert [times for times in Counter(lines).values() if times > 1] == [2]
    assert len(lines) - len({(event.user_id, event.event_id) for event in rows}) == 1
    assert [event.user_id for event in rows if event.ts is None] == ["dex"]


@pytest.mark.parametrize("user_id", ["nell", "momo"])
def test_a_night_owl_is_one_in_any_western_european_time(user_id: str, users: dict[str, list[Event]]) -> None:
    hours = [event.ts.hour for event in users[user_id] if event.ts]
    assert sum(hour >= 22 or hour < 4 for hour in hours) / len(hours) > 0.9


def test_nobody_else_is_up_at_night(users: dict[str, list[Event]]) -> None:
    hours = [event.ts.hour for name in {*users} - {"nell", "momo"} for event in users[name] if event.ts]
    assert not any(hour >= 22 or hour < 4 for hour in hours)


@pytest.mark.parametrize("user_id", ["gordon", "kaige"])
def test_a_weekend_shopper_buys_on_no_other_day(user_id: str, users: dict[str, list[Event]]) -> None:
    bought = [event.ts for event in users[user_id] if event.kind == "purchase" and event.ts]
    assert len(bought) >= 7
    assert all(ts.weekday() >= 5 for ts in bought)


@pytest.mark.parametrize("user_id", ["tasha", "xiaoman"])
def test_a_coupon_user_never_buys_without(user_id: str, users: dict[str, list[Event]]) -> None:
    assert all(event.meta["coupon"] for event in users[user_id] if event.kind == "purchase")


def test_everybody_else_rarely_uses_a_coupon(users: dict[str, list[Event]]) -> None:
    for user_id in {*users} - {"tasha", "xiaoman"}:
        bought = [event for event in users[user_id] if event.kind == "purchase"]
        assert sum("coupon" in event.meta for event in bought) < 0.3 * len(bought)


def test_instructions_are_planted_in_both_languages(rows: list[Event]) -> None:
    planted = [
        event for event in rows if re.search(r"ignore all previous|disregard the rules|忽略|系统提示", event.text, re.I)
    ]
    assert {event.user_id for event in planted} == {"tasha", "rowan", "kaige", "ahua", "xiaoman"}
    assert {event.kind for event in planted} == POSTS


def test_what_others_say_in_a_chat_is_marked(rows: list[Event]) -> None:
    chat = [event.meta["speaker_is_user"] for event in rows if event.source == "chat"]
    assert chat.count(True) > chat.count(False) > 10


def test_marek_quits_coffee_and_praises_it_again(users: dict[str, list[Event]]) -> None:
    quit_at = next(event.ts for event in users["marek"] if "quitting coffee" in event.text)
    praised = [
        event.ts for event in users["marek"] if "Coffee" in event.item.get("categories", ()) and event.value == 5
    ]
    assert any(ts < quit_at for ts in praised if ts and quit_at)
    assert any(ts > quit_at for ts in praised if ts and quit_at)


def test_priya_turns_from_crime_to_documentaries(users: dict[str, list[Event]]) -> None:
    born = datetime(2025, 1, 15, tzinfo=UTC)
    stars: dict[tuple[str, bool], list[float]] = defaultdict(list)
    for event in users["priya"]:
        for genre in event.item.get("genres", ()):
            if event.kind == "rating" and event.ts and event.value:
                stars[genre, event.ts > born].append(event.value)
    assert mean(stars["Crime", False]) > 4
    assert mean(stars["Crime", True]) < 2
    assert mean(stars["Documentary", False]) == 2
    assert mean(stars["Documentary", True]) > 4


def test_momo_mixes_languages(users: dict[str, list[Event]]) -> None:
    mixed = [event for event in users["momo"] if han(event.text) > 3 and words(event.text) > 0]
    assert len(mixed) >= 10


def test_rowan_likes_nothing_provably(users: dict[str, list[Event]]) -> None:
    about = Counter(
        value
        for event in users["rowan"]
        for values in event.item.values()
        if isinstance(values, list)
        for value in values
    )
    assert max(about.values()) <= 2


def test_the_resident_id_the_card_and_the_iban_pass_their_checksums(rows: list[Event]) -> None:
    text = "\n".join(event.text for event in rows)
    resident = re.findall(r"\b\d{17}[\dX]", text)
    weights = [2**power % 11 for power in range(17, -1, -1)]
    assert len(resident) == 1
    assert sum(w * (10 if d == "X" else int(d)) for w, d in zip(weights, resident[0], strict=True)) % 11 == 1
    card = re.findall(r"\b(?:\d{4} ){3}\d{4}\b", text)
    assert len(card) == 1
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(card[0].replace(" ", "")))]
    assert sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0
    iban = re.findall(r"\bIE\d\d(?: \w{4})+ \d\d\b", text)
    assert len(iban) == 1
    compact = iban[0].replace(" ", "")
    assert int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


def test_no_address_or_number_can_reach_anybody(rows: list[Event]) -> None:
    text = "\n".join(event.text for event in rows)
    hosts = re.findall(r"@([\w-]+\.\w+)", text)
    assert len(hosts) >= 6
    assert set(hosts) <= {"example.com", "example.org", "example.net"}
    american = re.findall(r"\(\d{3}\) (\d{3}-\d{4})", text)
    assert len(american) == 2
    assert all(number.startswith("555-01") for number in american)
    chinese = {re.sub(r"\D", "", number) for number in re.findall(r"\b1[3-9]\d[ -]?\d{4}[ -]?\d{4}\b", text)}
    assert chinese == {"13800138000", "13900000000"}
    assert re.findall(r"\b07\d{3} \d{6}\b", text) == ["07700 900123"]


def test_the_gold_has_a_row_for_every_user(gold: dict[str, dict[str, Any]], users: dict[str, list[Event]]) -> None:
    assert list(gold) == sorted(users)
    for row in gold.values():
        assert set(row) == GOLD_FIELDS
        assert set(row["values"]) == {*row["likes"], *row["dislikes"]}
        assert not {*row["likes"]} & {*row["dislikes"]}
        assert row["must_not"]


def test_personal_data_of_the_gold_stands_in_the_texts(
    gold: dict[str, dict[str, Any]], users: dict[str, list[Event]]
) -> None:
    planted = [(name, term) for name, row in gold.items() for term in row["must_not"] if re.search(r"@|\d{4}", term)]
    assert len(planted) >= 15
    assert all(term in written(users[user_id]) for user_id, term in planted)


def test_every_like_and_dislike_can_be_counted(tastes: dict[str, Taste]) -> None:
    assert len(tastes) > 50
    for name, taste in tastes.items():
        if taste.stars:
            lift = mean(taste.stars) - taste.own_mean
            assert len(taste.stars) >= 4, name
            assert lift >= 0.4 if taste.liked else lift <= -0.4, name
        else:
            kinds = FOR if taste.liked else AGAINST
            assert sum(event.kind in kinds for event in taste.deeds) >= 3, name


def test_what_dex_does_not_like_he_leaves_within_seconds(tastes: dict[str, Taste]) -> None:
    seen = [event.meta["dwell_seconds"] for event in tastes["dex: celebrity news"].deeds]
    read = [event.meta["dwell_seconds"] for event in tastes["dex: climate"].deeds]
    assert max(seen) <= 5
    assert min(read) >= 200


def test_the_card_names_every_user_and_the_licence(users: dict[str, list[Event]]) -> None:
    card = CARD.read_text(encoding="utf-8")
    assert "Apache-2.0" in card
    assert all(f"`{user_id}`" in card for user_id in users)
