"""What words of the owner's business mean, as conditions that can be counted.

    glossary:
      like:                                  # a leaning, however it is said: likes, is fond of, 喜欢
        leanings: [likes]
        about: [interest]                    # facets, groups or keys; "years", or a sort of act; anything if left out
        where: {lift: ">= 0.25", ratings: ">= 10"}
      big weekly shop:                       # a habit, in whatever words it is asked for, and phrases of one's own
        tag: behaviour/big-basket
        en: [big weekly shops]
        zh: [每周大采购]
        where: {basket: ">= 60"}

All that stands under `where` must hold. A number is held against a statistic (`STATISTICS`), of the thing that the
leaning is about, of the key under `of`, or of items of `years` ("2010-", "-1979", "1980-1989"); "top 10%" is a place
among the users. `likes`, `dislikes` and `has` ask for a proven tag, `since`, `until` and `within_days` for a time;
`any` is a list of conditions, `not` one. Without a glossary, words mean what `agents/plan.py` says.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, NamedTuple, cast

from limner.domain import Polarity
from limner.query import (
    BOUGHT,
    FIRST_YEAR,
    LAST_YEAR,
    PLAYED,
    RATED,
    WRITTEN,
    Active,
    All,
    Comparison,
    Condition,
    Measured,
    Not,
    Standing,
    Statistic,
    Tagged,
)
from limner.query import Any as Either
from prompts.taxonomy.words import compact, in_both_numbers

LEANINGS = (
    "likes", "dislikes", "rates higher", "rates lower", "mostly", "often", "very often", "buys", "bought",
)  # fmt: skip
ACTS: Mapping[str, tuple[str, ...]] = {
    "ratings": RATED,
    "reviews": ("review",),
    "purchases": BOUGHT,
    "plays": PLAYED,
    "messages": WRITTEN,
}
"""Sorts of acts that can be counted, and that "often" can be about."""
STATISTICS: Mapping[str, Statistic] = {
    "events": Statistic(measure="events"),
    **{name: Statistic(measure="events", acts=acts) for name, acts in ACTS.items()},
    "days": Statistic(measure="days"),
    "spend": Statistic(measure="spend", acts=BOUGHT),
    "basket": Statistic(measure="basket", acts=BOUGHT),
    "stars": Statistic(measure="stars"),
    "lift": Statistic(measure="lift"),
    "share": Statistic(measure="share"),
    "tags": Statistic(measure="tags"),
}
TAGS: Mapping[str, Polarity | None] = {"likes": 1, "dislikes": -1, "has": None}
YEARS = "years"
_NUMBER = re.compile(r"(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*(%?)")
_TOP = re.compile(r"top\s+(\d+(?:\.\d+)?)\s*%")
_YEARS = re.compile(r"(\d{4})?\s*-\s*(\d{4})?")
_KEY = re.compile(r"[a-z][a-z0-9_]*/\S+")


class Thing(NamedTuple):
    """What a leaning is about."""

    key: str = ""
    years: tuple[int, int] | None = None
    acts: tuple[str, ...] = ()
    """That the clause itself speaks of, as in "mostly buys"."""


NOTHING = Thing()


@dataclass(frozen=True, slots=True)
class Definition:
    """What one word of the business means."""

    name: str
    leanings: tuple[str, ...]
    about: tuple[str, ...]
    """Facets, groups, keys, "years" or sorts of acts; empty for any thing."""
    tag: str
    """Key of a habit that is meant, wherever it is asked for."""
    en: tuple[str, ...]
    zh: tuple[str, ...]
    where: Mapping[str, Any]

    def condition(self, thing: Thing, now: datetime) -> Condition:
        """What is asked of users, where the leaning is about a thing.

        Args:
            now: UTC; "within 90 days" is counted back from it.
        """
        return _condition(self.where, thing, now)

    @property
    def said(self) -> str:
        """How it is asked for."""
        about = f" ({', '.join(self.about)})" if self.about else ""
        leanings = f"{', '.join(self.leanings)}{about}" if self.leanings else ""
        return "; ".join(filter(None, (leanings, self.tag, *self.en, *self.zh)))

    @property
    def means(self) -> str:
        """The condition as the owner wrote it."""
        return _written(self.where)


@dataclass(frozen=True)
class Glossary:
    """The owner's definitions."""

    definitions: tuple[Definition, ...] = ()

    def leaning(self, name: str, about: Iterable[str]) -> Definition | None:
        """The definition of a leaning; of several, that which is the most particular.

        Args:
            about: What it is about, the most particular first: a key, its group, its facet.
        """
        held = self._leanings.get(name, {})
        return next((held[one] for one in (*about, "") if one in held), None)

    def tag(self, key: str) -> Definition | None:
        """What the owner means by a habit."""
        return next((one for one in self.definitions if one.tag and one.tag == key), None)

    def phrase(self, said: str) -> Definition | None:
        """The definition that a phrase of the owner's own words stands for."""
        return self._phrases.get(compact(said))

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        """All phrases of the owner's, the longest first."""
        every = (phrase for one in self.definitions for phrase in (*one.en, *one.zh))
        return tuple(sorted(every, key=len, reverse=True))

    @cached_property
    def _leanings(self) -> dict[str, dict[str, Definition]]:
        found: dict[str, dict[str, Definition]] = {}
        for one in self.definitions:
            for name in one.leanings:
                found.setdefault(name, {}).update(dict.fromkeys(one.about or ("",), one))
        return found

    @cached_property
    def _phrases(self) -> dict[str, Definition]:
        return {
            form: one
            for one in self.definitions
            for phrase in (*one.en, *one.zh)
            for form in (compact(phrase), *in_both_numbers(compact(phrase)))
        }


def glossary(entries: Mapping[str, Mapping[str, Any]]) -> Glossary:
    """The definitions of a taxonomy file that has no problems."""
    return Glossary(
        tuple(
            Definition(
                name=str(name),
                leanings=tuple(entry.get("leanings", ())),
                about=tuple(entry.get("about", ())),
                tag=entry.get("tag", ""),
                en=tuple(entry.get("en", ())),
                zh=tuple(entry.get("zh", ())),
                where=entry["where"],
            )
            for name, entry in entries.items()
        )
    )


# --- a condition ---


def _condition(where: Mapping[str, Any], thing: Thing, now: datetime) -> Condition:
    about = _about(where, thing)
    parts = [
        *(_tagged(name, where[name]) for name in TAGS if name in where),
        *(_counted(name, str(where[name]), where, about) for name in _numbers(where)),
    ]
    if {"since", "until"} & where.keys():
        parts.append(Active(since=_moment(where.get("since")), until=_moment(where.get("until"))))
    if "within_days" in where:
        parts.append(Active(since=now - timedelta(days=where["within_days"])))
    if "any" in where:
        parts.append(Either(of=tuple(_condition(one, thing, now) for one in where["any"])))
    if "not" in where:
        parts.append(Not(of=_condition(where["not"], thing, now)))
    return parts[0] if len(parts) == 1 else All(of=tuple(parts))


def _numbers(where: Mapping[str, Any]) -> list[str]:
    """The statistics that are asked of users; how many ratings a mean must rest on goes with the mean."""
    named = [name for name in where if name in STATISTICS]
    return [name for name in named if name != "ratings" or not _rests(where)]


def _rests(where: Mapping[str, Any]) -> bool:
    """Whether `ratings` says over how many of them a mean is."""
    return bool({"lift", "stars"} & where.keys()) and str(where.get("ratings", "")).lstrip().startswith(">")


def _about(where: Mapping[str, Any], thing: Thing) -> Thing:
    if "of" in where:
        return Thing(where["of"], acts=thing.acts)
    if YEARS in where:
        first, last = cast(re.Match[str], _YEARS.fullmatch(str(where[YEARS]).strip())).groups()
        return Thing(years=(int(first or FIRST_YEAR), int(last or LAST_YEAR)), acts=thing.acts)
    return thing


def _counted(name: str, said: str, where: Mapping[str, Any], thing: Thing) -> Condition:
    of = STATISTICS[name]
    if of.measure != "tags":
        of = of.model_copy(update={"key": thing.key, "years": thing.years})
    if of.measure in {"events", "share"} and not of.acts:
        of = of.model_copy(update={"acts": thing.acts})
    if (top := _TOP.fullmatch(said.strip())) is not None:
        return Standing(of=of, top=float(top[1]) / 100)
    compare, value = _number(said)
    rated = 0
    if name in {"lift", "stars"} and _rests(where):
        over, ratings = _number(str(where["ratings"]))
        rated = int(ratings) + (over == ">")
    return Measured(of=of, compare=compare, value=value, rated=rated)


def _number(said: str) -> tuple[Comparison, float]:
    compare, value, percent = cast(re.Match[str], _NUMBER.fullmatch(said.strip())).groups()
    return cast(Comparison, compare), float(value) / (100 if percent else 1)


def _tagged(name: str, key: str) -> Condition:
    return Tagged(keys=(key,), polarity=TAGS[name])


def _moment(day: Any) -> datetime | None:
    if day is None:
        return None
    return datetime.combine(day if isinstance(day, date) else date.fromisoformat(day), time.min, UTC)


def _written(where: Mapping[str, Any]) -> str:
    parts = []
    for name, value in where.items():
        if name == "any":
            parts.append(f"({' or '.join(map(_written, value))})")
        elif name == "not":
            parts.append(f"not ({_written(value)})")
        else:
            parts.append(f"{name} {value}")
    return ", ".join(parts)


# --- what is wrong with one ---


class Known(NamedTuple):
    """What a definition may name."""

    facets: Container[str]
    groups: Container[str]
    terms: Container[str]


def problems(entries: Mapping[str, Mapping[str, Any]], known: Known) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with definitions, each with the path of keys to where it stands."""
    seen: dict[tuple[str, str], str] = {}
    for name, entry in entries.items():
        path = (str(name),)
        if not any(entry.get(part) for part in ("leanings", "tag", "en", "zh")):
            yield path, "says no words: give it leanings, a tag, or phrases under en or zh."
        for leaning in entry.get("leanings", ()):
            if leaning not in LEANINGS:
                yield (*path, "leanings"), f"there is no leaning {leaning}; there are {', '.join(LEANINGS)}."
        for one in entry.get("about", ()):
            if not _may_be_about(one, known):
                yield (
                    (*path, "about"),
                    f"{one} is no facet, group or key, and neither {YEARS} nor {', '.join(ACTS)}.",
                )
        if "about" in entry and not entry.get("leanings"):
            yield (*path, "about"), "belongs to leanings; there are none."
        if (tag := entry.get("tag")) is not None and tag not in known.terms:
            yield (*path, "tag"), f"there is no term {tag}."
        yield from _wrong(entry["where"], (*path, "where"), known)
        for sort, said in _ways(entry):
            first = seen.setdefault((sort, said), str(name))
            if first != name:
                yield path, f"{sort} {said} is defined by {first} already."


def _ways(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """All by which a definition is found."""
    for leaning in entry.get("leanings", ()):
        yield from (("leaning", f"{leaning} {one}".strip()) for one in entry.get("about") or ("",))
    if "tag" in entry:
        yield "tag", entry["tag"]
    yield from (("phrase", compact(said)) for lang in ("en", "zh") for said in entry.get(lang, ()))


def _may_be_about(name: str, known: Known) -> bool:
    return (
        name == YEARS
        or name in ACTS
        or name in known.facets
        or name in known.groups
        or (bool(_KEY.fullmatch(name)) and name.partition("/")[0] in known.groups)
    )


def _wrong(where: Any, path: tuple[str, ...], known: Known) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(where, Mapping) or not where:
        yield path, "a condition is a mapping that asks something."
        return
    if not where.keys() - {"of", YEARS}:
        yield path, "asks nothing of anybody."
    if {"of", YEARS} <= where.keys():
        yield (*path, YEARS), f"a statistic is of a thing or of {YEARS}, not of both."
    for name, value in where.items():
        here = (*path, str(name))
        if name == "any":
            if not isinstance(value, list) or not value:
                yield here, "is a list of conditions."
            else:
                for one in value:
                    yield from _wrong(one, here, known)
        elif name == "not":
            yield from _wrong(value, here, known)
        elif (problem := _wrong_value(str(name), value, known)) is not None:
            yield here, problem


def _wrong_value(name: str, value: Any, known: Known) -> str | None:
    said = str(value).strip()
    if name in STATISTICS:
        if (top := _TOP.fullmatch(said)) is not None:
            return None if 0 < float(top[1]) < 100 else "a place among the users reads top 10%, above 0 and below 100."
        if _NUMBER.fullmatch(said) is None:
            return f'{value}: reads ">= 10", with >=, <=, > or <, or "top 10%".'
    elif name in {"of", *TAGS}:
        if not _KEY.fullmatch(said) or said.partition("/")[0] not in known.groups:
            return f"{value} is no key of a group that there is."
    elif name == YEARS:
        found = _YEARS.fullmatch(said)
        if found is None or not any(found.groups()):
            return f'{value}: reads "2010-", "-1979" or "1980-1989".'
    elif name in {"since", "until"}:
        try:
            _moment(value)
        except (ValueError, TypeError):
            return f"{value} is no day; it reads 2018-01-31."
    elif name == "within_days":
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= 36_500:
            return f"{value}: is a number of days, above 0."
    else:
        fields = (*STATISTICS, "of", YEARS, *TAGS, "since", "until", "within_days", "any", "not")
        return f"there is no statistic {name}; there are {', '.join(fields)}."
    return None
