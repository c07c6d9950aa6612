from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.when import asks_for_now, dated, stretches, window
from tests.agents.histories import TEXTS

FRIDAY = datetime(2023, 6, 9, 19, 55, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "since", "until"),
    [
        ("yesterday", date(2023, 6, 8), date(2023, 6, 9)),
        ("last night", date(2023, 6, 8), date(2023, 6, 9)),
        ("last Friday", date(2023, 6, 2), date(2023, 6, 3)),
        ("last week", date(2023, 5, 29), date(2023, 6, 5)),
        ("this weekend", date(2023, 6, 10), date(2023, 6, 12)),
        ("next month", date(2023, 7, 1), date(2023, 8, 1)),
        ("last quarter", date(2023, 1, 1), date(2023, 4, 1)),
        ("last spring", date(2023, 3, 1), date(2023, 6, 1)),
        ("last summer", date(2022, 6, 1), date(2022, 9, 1)),
        ("next winter", date(2023, 12, 1), date(2024, 3, 1)),
        ("in the winter of 2021", date(2021, 12, 1), date(2022, 3, 1)),
        ("last June", date(2022, 6, 1), date(2022, 7, 1)),
        ("in June", date(2023, 6, 1), date(2023, 7, 1)),
        ("in May 2022", date(2022, 5, 1), date(2022, 6, 1)),
        ("on 3 May", date(2023, 5, 3), date(2023, 5, 4)),
        ("on July 4th", date(2022, 7, 4), date(2022, 7, 5)),
        ("on May 8th, 2021", date(2021, 5, 8), date(2021, 5, 9)),
        ("on 2021-05-08", date(2021, 5, 8), date(2021, 5, 9)),
        ("a month ago", date(2023, 5, 1), date(2023, 6, 1)),
        ("4 years ago", date(2019, 1, 1), date(2020, 1, 1)),
        ("in the last three months", date(2023, 3, 10), date(2023, 6, 10)),
        ("in 2021", date(2021, 1, 1), date(2022, 1, 1)),
        ("between 3 May 2022 and 10 June 2022", date(2022, 5, 3), date(2022, 6, 11)),
        ("since March", date(2023, 3, 1), None),
        ("after 2021", date(2022, 1, 1), None),
        ("before March", None, date(2023, 3, 1)),
        ("昨天", date(2023, 6, 8), date(2023, 6, 9)),
        ("上周三", date(2023, 5, 31), date(2023, 6, 1)),
        ("上个月", date(2023, 5, 1), date(2023, 6, 1)),
        ("上上个月的事", date(2023, 4, 1), date(2023, 5, 1)),
        ("上上周三", date(2023, 5, 24), date(2023, 5, 25)),
        ("下下周二", date(2023, 6, 20), date(2023, 6, 21)),
        ("下下周末", date(2023, 6, 24), date(2023, 6, 26)),
        ("后天", date(2023, 6, 11), date(2023, 6, 12)),
        ("大后天", date(2023, 6, 12), date(2023, 6, 13)),
        ("去年春天", date(2022, 3, 1), date(2022, 6, 1)),
        ("去年十二月", date(2022, 12, 1), date(2023, 1, 1)),
        ("5月份", date(2023, 5, 1), date(2023, 6, 1)),
        ("2022年5月8日", date(2022, 5, 8), date(2022, 5, 9)),
        ("2022年5月", date(2022, 5, 1), date(2022, 6, 1)),
        ("最近三个月", date(2023, 3, 10), date(2023, 6, 10)),
        ("两年前", date(2021, 1, 1), date(2022, 1, 1)),
        ("2021年以来", date(2021, 1, 1), None),
        ("3月以前", None, date(2023, 3, 1)),
    ],
)
def test_words_mean_a_stretch_of_time(words: str, since: date | None, until: date | None) -> None:
    found = window(f"What did she do {words}?", FRIDAY)
    assert found is not None
    assert (found.since and found.since.date(), found.until and found.until.date()) == (since, until)


@pytest.mark.parametrize(
    "words",
    ["may I go", "the march of time", "spring rolls", "a second chance", "room 2023", "几个月", "三个月内", "一周两次"],
)
def test_other_words_mean_no_time(words: str) -> None:
    assert window(words, FRIDAY) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I went yesterday!", "I went yesterday [8 June 2023]!"),
        ("We met last week.", "We met last week [the week before 9 June 2023]."),
        ("It was two weeks ago", "It was two weeks ago [about 23 May 2023 to 29 May 2023]"),
        ("In May 2021 and last year", "In May 2021 and last year [2022]"),
        ("昨天去的", "昨天[2023年6月8日]去的"),
        ("上周末见面", "上周末[2023年6月9日前一个周末]见面"),
    ],
)
def test_what_is_said_of_a_day_carries_its_date(text: str, said: str) -> None:
    assert dated(text, FRIDAY, "zh" if "天" in text or "周" in text else "en") == said


def test_days_are_those_of_the_zone() -> None:
    shanghai = timezone(timedelta(hours=8))
    found = window("yesterday", datetime(2023, 6, 9, 20, 0, tzinfo=UTC).astimezone(shanghai))
    assert found is not None
    assert found.since == datetime(2023, 6, 9, 0, 0, tzinfo=shanghai)
    assert found.holds(datetime(2023, 6, 8, 17, 0, tzinfo=UTC))
    assert not found.holds(None)


@pytest.mark.parametrize(
    "question", ["Where does she live now?", "Is he still a nurse?", "他现在做什么工作？", "最近怎么样"]
)
def test_a_question_may_be_about_how_things_are(question: str) -> None:
    assert asks_for_now(question)
    assert not asks_for_now("Where did he grow up?")


@given(TEXTS, st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_any_text_of_any_day_can_be_read(text: str, at: datetime) -> None:
    for one in stretches(text, at):
        assert one.since < one.until
        assert 0 <= one.start < one.end <= len(text)
    assert len(dated(text, at, "en")) >= len(text)


@pytest.mark.parametrize("text", ["她的生日是10月07日。", "My sister's birthday is on May 7th."])
def test_a_day_that_comes_every_year_is_given_no_year(text: str) -> None:
    assert dated(text, FRIDAY, "en") == text


def test_a_day_named_beside_a_birthday_is_given_its_year() -> None:
    assert dated("It was her birthday. We met on May 7th.", FRIDAY, "en").endswith("May 7th [7 May 2023].")
