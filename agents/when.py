"""The stretches of time that words mean, English and Chinese: "last spring", "two weeks ago", 上个月, 2023年5月.

Words are read from the day they were said: a question from the newest event of a history, or from the moment it is
asked for; a text from its own time. Weeks begin on Monday, seasons are the northern ones of three whole months.

Why no library: dateparser 1.5 gives moments, not stretches; of the 39 expressions in the test it puts a moment
inside the stretch for 20 (no season, no "last quarter", no 去年十二月) and finds dates in "may I go" and "she sat".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from limner.domain import Language

Unit = Literal["day", "weekend", "week", "month", "season", "year", "span"]

_EN_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_EN_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12, "春": 3, "夏": 6, "秋": 9, "冬": 12}
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "couple of": 2, "a couple of": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "twenty": 20, "few": 3,
}  # fmt: skip
_ZH_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九十")} | {
    "两": 2,
    "日": 7,
    "天": 7,
}
_ZH_WEEKS = ("周", "星", "礼")
_MONTH = "|".join(f"{name}|{name[:3]}" if len(name) > 4 else name for name in _EN_MONTHS)
_N = r"\d{1,3}|(?:a )?couple of|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve"
_ZH_N = r"\d{1,3}|[一二两三四五六七八九十]{1,3}"
_DAY = "|".join(_EN_DAYS)
_YEAR = r"(?:19|20)\d\d"
_SEASON = "spring|summer|autumn|fall|winter"

_ENGLISH = re.compile(
    rf"""
      (?P<iso>\b{_YEAR}-\d\d?-\d\d?\b)
    | \b(?P<day_first>\d{{1,2}})(?:st|nd|rd|th)?(?:\ of)?\ (?P<month_second>{_MONTH})\b\.?
      (?:,?\ (?P<year_third>{_YEAR})\b)?
    | \b(?P<month_first>{_MONTH})\b\.?\ (?P<day_second>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)
      (?:,?\ (?P<year_last>{_YEAR})\b)?
    | \b(?P<month_of>{_MONTH})\b\.?(?:\ of)?,?\ (?P<of_year>{_YEAR})\b
    | \b(?P<season_of>{_SEASON})(?:\ of)?\ (?P<season_year>{_YEAR})\b
    | \b(?P<n_ago>{_N})\ (?P<unit_ago>day|week|month|year)s?\ ago\b
    | \bthe\ (?:last|past|previous)\ (?P<n_past>{_N})\ (?P<unit_past>day|week|month|year)s?\b
    | \b(?P<which>last|this|next|past|previous)\ (?P<what>weekend|week|month|quarter|year|{_SEASON}|{_DAY}|{_MONTH})\b
    | \b(?P<night>last\ night|yesterday|the\ day\ before\ yesterday|today|tonight|this\ morning|tomorrow)\b
    | \b(?:in|during|since|before|after|until|by|of)\ (?:the\ )?(?P<bare>{_MONTH}|{_SEASON})\b
      (?!\.?(?:\ of)?,?\ \d)
    | \b(?:in|during|since|before|after|until|by|of|year)\ (?P<year>{_YEAR})\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CHINESE = re.compile(
    rf"""
      (?P<full>{_YEAR}年\d{{1,2}}月\d{{1,2}}[日号])
    | (?P<month_of>{_YEAR}年\d{{1,2}}月)
    | (?P<month_day>(?<!\d)\d{{1,2}}月\d{{1,2}}[日号])
    | (?P<year>(?P<of_year>{_YEAR}|今|去|前|明)年)(?:的?(?P<season>[春夏秋冬])[天季]?|(?P<month_in>{_ZH_N})月份?)?
    | (?P<n_ago>{_ZH_N})(?P<unit_ago>天|周|个?星期|个月|年)(?:之|以)?前
    | (?:最近|过去|近)(?:的?这?)(?P<n_past>{_ZH_N})(?P<unit_past>天|周|个?星期|个月|年)
    | (?P<which>上上|下下|上|这|本|下)[个一]?
      (?P<what>周末|(?:周|星期|礼拜)(?P<day>[一二三四五六日天])?|月|季度|[春夏秋冬][天季])
    | (?P<night>大前天|前天|昨天|昨晚|昨日|今天|今早|今晚|今日|明天|明日|大后天|后天)
    | (?P<bare>(?<![\d个])(?:1[0-2]|[1-9]|十[一二]?|[一二三四五六七八九])月份?(?![\d内底]))
    """,
    re.VERBOSE,
)
_SINCE = re.compile(r"\b(?:since|from)\s+(?:the\s+)?$|[自从]$", re.IGNORECASE)
_SINCE_BEHIND = re.compile(r"以来|起")
_AFTER = re.compile(r"\bafter\s+(?:the\s+)?$", re.IGNORECASE)
_UNTIL = re.compile(r"\b(?:before|until|till)\s+(?:the\s+)?$", re.IGNORECASE)
_NOW = re.compile(
    r"\b(?:now|nowadays|currently|current|at present|presently|these days|still|right now|any ?more|latest|"
    r"most recent(?:ly)?|recent(?:ly)?|lately)\b|现在|目前|如今|当前|眼下|还在|最近|近来|最新",
    re.IGNORECASE,
)
_EVERY_YEAR = re.compile(
    r"(?:\b(?:birthdays?|anniversar(?:y|ies))\b[^.!?;]*|(?:生日|纪念日)[^。！？；]*)$", re.IGNORECASE
)
_DAYS_BACK = {
    "yesterday": 1, "last night": 1, "the day before yesterday": 2, "today": 0, "tonight": 0, "this morning": 0,
    "tomorrow": -1, "大前天": 3, "前天": 2, "昨天": 1, "昨晚": 1, "昨日": 1, "今天": 0, "今早": 0, "今晚": 0, "今日": 0,
    "明天": -1, "明日": -1, "后天": -2, "大后天": -3,
}  # fmt: skip


class Stretch(NamedTuple):
    """A stretch of time, and the words that mean it."""

    since: datetime
    until: datetime
    """Exclusive."""
    unit: Unit
    start: int
    end: int
    """Of the words in the text."""
    loose: bool = False
    """Said roughly: "two weeks ago" is no certain day."""


class Window(NamedTuple):
    """The time a question asks about."""

    since: datetime | None
    until: datetime | None
    """Exclusive."""

    def holds(self, ts: datetime | None) -> bool:
        """Whether an event of that time lies in it; one without a time does not."""
        return ts is not None and (self.since is None or ts >= self.since) and (self.until is None or ts < self.until)


def window(question: str, at: datetime) -> Window | None:
    """The time a question asks about, None where it names none; several stretches make one from first to last.

    Args:
        at: The moment it is asked in, or the newest event: "last spring" is the one before. Its zone is the days' zone.
    """
    found = list(stretches(question, at))
    if not found:
        return None
    since: datetime | None = min(one.since for one in found)
    until: datetime | None = max(one.until for one in found)
    if len(found) == 1:
        one = found[0]
        before, behind = question[: one.start], question[one.end :]
        said = question[one.start : one.end].casefold()
        if _SINCE.search(before) or said.startswith("since ") or _SINCE_BEHIND.match(behind):
            until = None
        elif _AFTER.search(before) or said.startswith("after ") or behind.startswith(("之后", "以后")):
            since, until = one.until, None
        elif _UNTIL.search(before) or said.startswith(("before ", "until ")) or behind.startswith(("之前", "以前")):
            since, until = None, one.since
    return Window(since, until)


def asks_for_now(question: str) -> bool:
    """Whether a question is about how things are of late, so that the newest word on it counts."""
    return bool(_NOW.search(question))


def stretches(text: str, at: datetime) -> Iterator[Stretch]:
    """The stretches of time that a text names, from left to right; what names none on any calendar is passed over."""
    for pattern, read in ((_ENGLISH, _english), (_CHINESE, _chinese)):
        for match in pattern.finditer(text):
            try:
                since, until, unit, loose = read(match, at)
            except (ValueError, OverflowError):  # 31 April, or a thousand years ago
                continue
            yield Stretch(since, until, unit, *match.span(), loose)


def dated(text: str, at: datetime, lang: Language) -> str:
    """The text with the date behind every word that means one only from the day it was said: "yesterday [7 May 2023]".

    What the words leave open stays so: "last week" becomes "the week before 9 June 2023". A day that comes again every
    year, a birthday, is of no year.
    """
    parts, done = list[str](), 0
    for one in sorted(stretches(text, at), key=lambda stretch: stretch.start):
        words = text[one.start : one.end]
        every_year = re.search(r"\d", words) and _EVERY_YEAR.search(text[: one.start])
        if one.start < done or every_year or re.search(r"(?:19|20)\d\d", words):
            continue
        parts += [text[done : one.end], "" if lang == "zh" else " ", f"[{told(one, at, lang)}]"]
        done = one.end
    return "".join([*parts, text[done:]])


def day(at: datetime, lang: Language) -> str:
    """A day in words: 7 May 2023, 2023年5月7日."""
    if lang == "zh":
        return f"{at.year}年{at.month}月{at.day}日"
    return f"{at.day} {_EN_MONTHS[at.month - 1].capitalize()} {at.year}"


def told(one: Stretch, at: datetime, lang: Language) -> str:
    """A stretch in words, dates for what was said of `at`: 7 May 2023, the week before 9 June 2023."""
    zh = lang == "zh"
    if one.unit in {"week", "weekend"} and not one.loose:
        side = (one.since > at) - (one.until <= at)
        if zh:
            return f"{day(at, lang)}{('那一', '后一', '前一')[side]}{'周' if one.unit == 'week' else '个周末'}"
        return f"the {one.unit} {('of', 'after', 'before')[side]} {day(at, lang)}"
    if one.unit == "day":
        words = day(one.since, lang)
    elif one.unit == "year":
        words = f"{one.since.year}年" if zh else f"{one.since.year}"
    elif one.unit == "month":
        month = _EN_MONTHS[one.since.month - 1].capitalize()
        words = f"{one.since.year}年{one.since.month}月" if zh else f"{month} {one.since.year}"
    else:
        last = one.until - timedelta(days=1)
        words = f"{day(one.since, lang)}至{day(last, lang)}" if zh else f"{day(one.since, lang)} to {day(last, lang)}"
    return words if not one.loose else f"约{words}" if zh else f"about {words}"


Read = tuple[datetime, datetime, Unit, bool]


def _english(match: re.Match[str], at: datetime) -> Read:
    said = {name: value.casefold() for name, value in match.groupdict().items() if value}
    if "iso" in said:
        year, month, number = map(int, said["iso"].split("-"))
        return _day(at.replace(year=year, month=month, day=number))
    if "day_first" in said:
        return _date(said.get("year_third"), _month_of(said["month_second"]), int(said["day_first"]), at)
    if "month_first" in said:
        return _date(said.get("year_last"), _month_of(said["month_first"]), int(said["day_second"]), at)
    if "month_of" in said:
        return _month(int(said["of_year"]), _month_of(said["month_of"]), at)
    if "season_of" in said:
        return _season(int(said["season_year"]), _SEASONS[said["season_of"]], at)
    if "n_ago" in said:
        return _ago(as_number(said["n_ago"]), said["unit_ago"], at)
    if "n_past" in said:
        return _past(as_number(said["n_past"]), said["unit_past"], at)
    if "which" in said:
        return _which(said["what"], {"this": 0, "next": 1}.get(said["which"], -1), at)
    if "night" in said:
        return _day(at - timedelta(days=_DAYS_BACK[said["night"]]))
    return _which(said["bare"], 0, at) if "bare" in said else _year(int(said["year"]), at)


def _which(what: str, step: int, at: datetime) -> Read:
    """The last (-1), the present (0) or the next (1) Friday, week, May, spring …"""
    if what in _EN_DAYS:
        return _weekday(_EN_DAYS.index(what), step, at)
    if what in _SEASONS:
        return _nearest(lambda year: _season(year, _SEASONS[what], at), step, at)
    if what in {"weekend", "week", "month", "quarter", "year", *_ZH_WEEKS}:
        return _stepped("week" if what in _ZH_WEEKS else what, step, at)
    return _nearest(lambda year: _month(year, _month_of(what), at), step, at)


def _chinese(match: re.Match[str], at: datetime) -> Read:
    said = {name: value for name, value in match.groupdict().items() if value}
    numbers = [int(number) for number in re.findall(r"\d+", match[0])]
    if "full" in said:
        return _day(at.replace(year=numbers[0], month=numbers[1], day=numbers[2]))
    if "month_of" in said:
        return _month(numbers[0], numbers[1], at)
    if "month_day" in said:
        return _date(None, numbers[0], numbers[1], at)
    if "year" in said:
        word = said["of_year"]
        year = int(word) if word.isdigit() else at.year + {"今": 0, "去": -1, "前": -2, "明": 1}[word]
        if "season" in said:
            return _season(year, _SEASONS[said["season"]], at)
        return _month(year, _zh_number(said["month_in"]), at) if "month_in" in said else _year(year, at)
    if "n_ago" in said:
        return _ago(_zh_number(said["n_ago"]), _zh_unit(said["unit_ago"]), at)
    if "n_past" in said:
        return _past(_zh_number(said["n_past"]), _zh_unit(said["unit_past"]), at)
    if "which" in said:
        step, what = said["which"].count("下") - said["which"].count("上"), said["what"]
        if "day" in said:
            return _day(_stepped("week", step, at)[0] + timedelta(days=_ZH_DIGITS[said["day"]] - 1))
        return _which({"周末": "weekend", "月": "month", "季度": "quarter"}.get(what, what[0]), step, at)
    if "night" in said:
        return _day(at - timedelta(days=_DAYS_BACK[said["night"]]))
    month = _zh_number(said["bare"].rstrip("份").rstrip("月"))
    return _nearest(lambda year: _month(year, month, at), 0, at)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _day(at: datetime) -> Read:
    return _midnight(at), _midnight(at) + timedelta(days=1), "day", False


def _date(year: str | None, month: int, number: int, at: datetime) -> Read:
    """A day of a year, or of the newest year in which it is not in the future."""
    if year is not None:
        return _day(at.replace(year=int(year), month=month, day=number))
    return _nearest(lambda one: _day(at.replace(year=one, month=month, day=number)), 0, at)


def _month(year: int, month: int, at: datetime) -> Read:
    since = _midnight(at).replace(year=year, month=month, day=1)
    return since, _months_later(since, 1), "month", False


def _season(year: int, first: int, at: datetime) -> Read:
    """The season that begins in a year: the winter of 2022 ends in 2023."""
    since = _midnight(at).replace(year=year, month=first, day=1)
    return since, _months_later(since, 3), "season", False


def _year(year: int, at: datetime) -> Read:
    since = _midnight(at).replace(year=year, month=1, day=1)
    return since, since.replace(year=year + 1), "year", False


def _ago(n: int, unit: str, at: datetime) -> Read:
    if unit == "day":
        return _day(at - timedelta(days=n))
    if unit == "week":
        since, until, _, _ = _day(at - timedelta(weeks=n))
        return since - timedelta(days=3), until + timedelta(days=3), "week", True
    if unit == "month":
        then = _months_later(_midnight(at).replace(day=1), -n)
        return then, _months_later(then, 1), "month", False
    return _year(at.year - n, at)


def _past(n: int, unit: str, at: datetime) -> Read:
    until = _midnight(at) + timedelta(days=1)
    if unit in {"day", "week"}:
        since = until - timedelta(days=n * (7 if unit == "week" else 1))
    else:
        since = _months_later(until, -n * (12 if unit == "year" else 1))
    return since, until, "span", False


def _stepped(unit: str, step: int, at: datetime) -> Read:
    """The unit that holds `at`, or the one before or after it."""
    today = _midnight(at)
    if unit in {"week", "weekend"}:
        monday = today + timedelta(days=7 * step - today.weekday())
        since = monday + timedelta(days=5) if unit == "weekend" else monday
        return since, monday + timedelta(days=7), "weekend" if unit == "weekend" else "week", False
    if unit == "month":
        since = _months_later(today.replace(day=1), step)
        return since, _months_later(since, 1), "month", False
    if unit == "quarter":
        since = _months_later(today.replace(month=today.month - (today.month - 1) % 3, day=1), 3 * step)
        return since, _months_later(since, 3), "span", False
    return _year(at.year + step, at)


def _weekday(number: int, step: int, at: datetime) -> Read:
    """The last such day before today, this week's, or the next after today."""
    ahead = number - at.weekday()
    if step < 0:
        ahead -= 7 * (ahead >= 0)
    elif step > 0:
        ahead += 7 * (ahead <= 0)
    return _day(at + timedelta(days=ahead))


def _nearest(of: Callable[[int], Read], step: int, at: datetime) -> Read:
    """What comes once a year: the last that is over (-1), the last that has begun (0), or the next to begin (1)."""
    for year in range(at.year + 1, at.year - 3, -1):
        found = of(year)
        if step > 0 and not (found[0] > at >= of(year - 1)[0]):
            continue
        if step > 0 or (found[1] <= at if step < 0 else found[0] <= at):
            return found
    raise ValueError("no such year")


def _months_later(day: datetime, months: int) -> datetime:
    place = day.year * 12 + day.month - 1 + months
    year, month = divmod(place, 12)
    for number in (day.day, 30, 29, 28):
        try:
            return day.replace(year=year, month=month + 1, day=number)
        except ValueError:
            continue
    raise ValueError("no such month")


def _month_of(name: str) -> int:
    return next(number for number, month in enumerate(_EN_MONTHS, 1) if month.startswith(name[:3]))


def as_number(word: str) -> int:
    """A number up to 99, in digits or in words of either language: "couple of", 十二."""
    return _NUMBERS.get(word.lower()) or _zh_number(word)


def _zh_number(word: str) -> int:
    """A number up to 99 in digits of either script."""
    if word.isdigit():
        return int(word)
    tens, mark, ones = word.rpartition("十")
    if mark:
        return (_ZH_DIGITS[tens] if tens else 1) * 10 + (_ZH_DIGITS[ones] if ones else 0)
    if len(word) > 1:
        raise ValueError(word)
    return _ZH_DIGITS[word]


def _zh_unit(word: str) -> str:
    return {"天": "day", "年": "year", "月": "month"}.get(word.removeprefix("个"), "week")
