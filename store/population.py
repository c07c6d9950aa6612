"""Typed queries over all users, compiled to SQL that the database itself holds to reading.

A query runs in one snapshot on a connection that cannot write (SQLite: the file is opened read-only, and an authorizer
lets nothing but SELECT through; PostgreSQL: SET TRANSACTION READ ONLY), is ended after `SECONDS`, and brings back at
most `ROWS` users. Everything in it that came from a question is a bound parameter.

Who may be asked about: users with a profile. What counts as a tag: one that is served now. A number over a group of
fewer users than the floor is not brought back at all; naming the users who fit is what an analyst may do, and is kept
in the audit with who asked. A floor alone does not stop somebody who takes differences of many counts: the audit shows
them.

Source:
    Sweeney, k-Anonymity: A Model for Protecting Privacy (2002), for the floor.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import log
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Executable,
    TextClause,
    and_,
    cast,
    extract,
    false,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.expression import ClauseElement

from limner import query
from limner.domain import Label, Polarity
from limner.query import Condition, Measured, Query, Standing, Statistic
from store import sets
from store.database import Database
from store.events import NEWEST
from store.sets import AnySelect
from store.tables import AnyRow, AuditRow, EventRow, TagKeyRow, TagRow, TagSetRow, TallyRow, UserRow

FLOOR = 5
"""Users that a group must have for a number over it to be told."""
SECONDS = 20.0
ROWS = 10_000

PERSON = TagSetRow.user_id
PEOPLE = select(PERSON)
"""A user with a profile has a set of served tags, if an empty one: one narrow row, however many revisions."""
SERVED = text("tags.retired_revision IS NULL AND tags.status <> 'candidate'")
"""Word for word the condition of the index, without parameters, so that both databases see that it covers this."""
ALL: ColumnElement[str] = literal_column("''")
"""The key of all events; a literal for the same reason."""
COMPARED = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
OTHERWISE = {"<=": ">", "<": ">="}
FROM_NOTHING = frozenset({"events", "days", "spend", "share", "tags"})
"""Measures that are 0 for a user of whom there is no row."""


Signed = tuple[str, Polarity]
"""Key and polarity of a tag."""


class Ranked(NamedTuple):
    """A tag and how many users of each of two groups have it."""

    key: str
    polarity: Polarity
    users: int
    others: int
    """Of the second group; 0 where there is none."""


class Mean(NamedTuple):
    value: float
    users: int
    """Of the group, who have the number at all."""


class Found(NamedTuple):
    """What a query brought back."""

    query: Query
    """With the numbers that every standing came to."""
    people: int
    """Users with a profile."""
    size: int | None
    """Users in the group; None where they are fewer than the floor, and only counted."""
    second: int | None
    """The same of the other group, or of whom a share is a share."""
    users: tuple[str, ...]
    values: tuple[float, ...]
    """What users were ranked by, in their order."""
    tags: tuple[Ranked, ...]
    withheld: int
    """Groups that were fewer than the floor."""
    means: tuple[Mean | None, ...]
    """Of the two groups; None where withheld."""
    standings: tuple[tuple[Standing, Measured], ...]
    sql: tuple[str, ...]
    plan: tuple[str, ...]
    """How the database goes about each statement, where it was asked for."""


class PopulationStore:
    """Answers to typed queries, and the audit of who asked."""

    def __init__(self, database: Database, *, seconds: float = SECONDS) -> None:
        self._database = database
        self._seconds = seconds

    def answer(self, asked: Query, *, explain: bool = False) -> Found:
        """What the query brings back.

        Raises:
            StoreError: it took too long, or the database cannot be read.
        """
        with self._database.guarded(self._seconds) as connection:
            return _Run(connection, explain=explain).answer(asked)

    def keys(self) -> dict[str, tuple[str, Label]]:
        """Every key that a served tag has, with its facet and label: one look into the index for each."""
        found: dict[str, tuple[str, Label]] = {}
        row = TagRow
        with self._database.guarded(self._seconds) as connection:
            for key in _each(connection, row.key, SERVED):
                one = connection.execute(
                    select(row.facet, row.label_en, row.label_zh).where(SERVED, row.key == key).limit(1)
                ).one()
                found[key] = (one.facet, Label(en=one.label_en, zh=one.label_zh))
        return found

    def acts(self) -> frozenset[str]:
        """The kinds of events that profiled users have: one look into the index for each."""
        with self._database.guarded(self._seconds) as connection:
            return frozenset(_each(connection, TallyRow.act, TallyRow.key == ""))

    def profiled(self, ids: Sequence[str]) -> list[str]:
        """Which of these are users with a profile, in order."""
        with self._database.guarded(self._seconds) as connection:
            return list(connection.scalars(PEOPLE.where(PERSON.in_(ids)).order_by(PERSON)))

    def record(
        self,
        *,
        author: str,
        scope: str,
        question: str,
        asked: Mapping[str, Any],
        rows: int,
        seconds: float,
        outcome: str,
    ) -> None:
        """Keep who asked what, what was run for it, and how much came back."""
        row = {"at": datetime.now(UTC), "author": author, "scope": scope, "question": question, "query": dict(asked)}
        with self._database.connection() as connection:
            connection.execute(insert(AuditRow), row | {"rows": rows, "seconds": seconds, "outcome": outcome})

    def audit(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest entries of the audit, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(AuditRow).order_by(AuditRow.id.desc()).limit(limit))
            return [dict(row._mapping) for row in rows]


class _Run:
    """One query in one snapshot."""

    def __init__(self, connection: Connection, *, explain: bool) -> None:
        self._connection = connection
        self._explain = explain
        self._standings: list[tuple[Standing, Measured]] = []
        self._sql: list[str] = []
        self._plan: list[str] = []

    def answer(self, asked: Query) -> Found:
        people = self._count(PEOPLE)
        where = self._settled(asked.where)
        against = None if asked.against is None else self._settled(asked.against)
        asked = asked.model_copy(update={"where": where, "against": against})
        group = PEOPLE.where(condition(where))
        users: tuple[str, ...] = ()
        values: tuple[float, ...] = ()
        tags: tuple[Ranked, ...] = ()
        means: tuple[Mean | None, ...] = ()
        withheld = 0
        second: int | None = None
        match asked.want:
            case "list":
                users = tuple(row[0] for row in self._rows(group.order_by(PERSON).limit(ROWS)))
                size = len(users) if len(users) < ROWS else self._count(group)
            case "top users" if asked.by is not None:
                size = self._count(group)
                number = statistic(asked.by)
                order = number.c.value if asked.lowest else number.c.value.desc()
                ranked = select(number.c.user_id, number.c.value).where(number.c.user_id.in_(group))
                rows = self._rows(ranked.order_by(order, number.c.user_id).limit(asked.most))
                users, values = tuple(row.user_id for row in rows), tuple(row.value for row in rows)
            case "average" if asked.by is not None:
                size, mean = self._mean(asked.by, group)
                means = (mean,)
            case "top tags":
                size, held = self._held(group)
                tags, withheld = self._top_tags(held, asked)
            case "share" if against is not None:
                size, second = self._count(group), self._count(PEOPLE.where(condition(against)))
            case "compare" | "apart" if asked.by is not None:
                rest = PEOPLE.where(not_(condition(where)) if against is None else condition(against))
                (size, one), (second, other) = (self._mean(asked.by, each) for each in (group, rest))
                means = (one, other)
            case "compare" | "apart":
                size, held = self._held(group)
                second, others = self._held(PEOPLE if against is None else PEOPLE.where(condition(against)))
                if against is None:
                    second, others = second - size, others - held
                if min(size, second) >= FLOOR:
                    tags, withheld = _told(held, others)
            case _:
                size = self._count(group)
        named = asked.want in {"list", "top users"}
        return Found(
            query=asked,
            people=people,
            size=size if named else _size(size),
            second=None if second is None else _size(second),
            users=users,
            values=values,
            tags=tags,
            withheld=withheld + (not named and 0 < size < FLOOR),
            means=means,
            standings=tuple(self._standings),
            sql=tuple(self._sql),
            plan=tuple(self._plan),
        )

    def _settled(self, part: Condition) -> Condition:
        """The condition with a number in the place of each standing."""
        match part:
            case query.All() | query.Any():
                return part.model_copy(update={"of": tuple(map(self._settled, part.of))})
            case query.Not():
                return part.model_copy(update={"of": self._settled(part.of)})
            case Standing():
                return self._number(part)
            case query.Active(days=int(days)):
                newest = self._newest()
                return query.Active() if newest is None else query.Active(since=newest - timedelta(days=days))
            case query.Recency():
                return part.model_copy(update={"at": self._newest()})
        return part

    def _newest(self) -> datetime | None:
        """The time of the newest event of all."""
        found: datetime | None = self._rows(NEWEST)[0][0]
        return found

    def _number(self, standing: Standing) -> Measured:
        """What the last of the top users has."""
        number = statistic(standing.of)
        among = select(number.c.value).where(number.c.value > 0)
        there = self._count(among)
        last = max(round(there * standing.top), 1) - 1
        rows = self._rows(among.order_by(number.c.value.desc()).offset(last).limit(1))
        value = float(rows[0][0]) if rows else 0.0
        measured = Measured(of=standing.of, compare=">=" if rows else ">", value=value)
        self._standings.append((standing, measured))
        return measured

    def _top_tags(self, held: Counter[Signed], asked: Query) -> tuple[tuple[Ranked, ...], int]:
        if asked.facet:
            of_it = self._keys_of(asked.facet)
            held = Counter({tag: users for tag, users in held.items() if tag[0] in of_it})
        if asked.groups:
            held = Counter({tag: n for tag, n in held.items() if tag[0].partition("/")[0] in asked.groups})
        if asked.leaning is not None:
            held = Counter({tag: users for tag, users in held.items() if tag[1] == asked.leaning})
        told, few = _told(held)
        order = 1 if asked.lowest else -1
        return tuple(sorted(told, key=lambda one: (order * one.users, one.key))[: asked.most]), few

    def _held(self, group: AnySelect) -> tuple[int, Counter[Signed]]:
        """How many a group are, and how many of them have each tag."""
        users, texts = self._rows(group.with_only_columns(func.count(), sets.JOINED))[0]
        found = sets.counted(texts or "")
        keys = {row.number: row.key for row in self._rows(select(TagKeyRow.number, TagKeyRow.key))}
        return users, Counter({(keys[number], polarity): n for (number, polarity), n in found.items()})

    def _keys_of(self, facet: str) -> set[str]:
        """Every key that a served tag of a facet has: one look into the index for each."""
        row = TagRow
        own = select(row.facet).where(SERVED, row.key == TagKeyRow.key).limit(1).scalar_subquery()
        return {row.key for row in self._rows(select(TagKeyRow.key).where(own == facet))}

    def _mean(self, by: Statistic, group: AnySelect) -> tuple[int, Mean | None]:
        """How many a group are, and their mean."""
        number = statistic(by)
        value = func.coalesce(number.c.value, 0) if by.measure in FROM_NOTHING else number.c.value
        people = group.subquery()
        both = people.outerjoin(number, number.c.user_id == people.c.user_id)
        mean = select(func.count().label("people"), func.avg(value).label("mean"), func.count(value).label("users"))
        row = self._rows(mean.select_from(both))[0]
        return row.people, Mean(float(row.mean), row.users) if row.users >= FLOOR else None

    def _count(self, rows: AnySelect) -> int:
        found: int = self._rows(select(func.count()).select_from(rows.subquery()))[0][0]
        return found

    def _rows(self, statement: AnySelect) -> Sequence[AnyRow]:
        if self._explain:
            compiled = statement.compile(self._connection)
            self._sql.append(f"{compiled}\n-- {dict(compiled.params)}")
            steps = self._connection.execute(_Explained(statement))
            self._plan.append("\n".join(str(step[-1]) for step in steps))
        return self._connection.execute(statement).all()


def _size(users: int) -> int | None:
    return None if 0 < users < FLOOR else users


def _told(held: Counter[Signed], others: Counter[Signed] | None = None) -> tuple[tuple[Ranked, ...], int]:
    """The tags that enough of a group have, with how many of the others have them, and how many too few have."""
    every = Counter[Signed]() if others is None else others
    told = tuple(Ranked(*tag, users, every[tag]) for tag, users in held.items() if users >= FLOOR)
    return told, len(held) - len(told)


def _each(
    connection: Connection, column: InstrumentedAttribute[str], where: ColumnElement[bool] | TextClause
) -> Iterator[str]:
    """The values of an indexed column, each once, by one look into the index for each."""
    last = ""
    while (value := connection.scalar(select(func.min(column)).where(where, column > last))) is not None:
        yield value
        last = value


def condition(part: Condition) -> ColumnElement[bool]:
    """Whether `PERSON` fits."""
    match part:
        case query.Everyone():
            return true()
        case query.All():
            return and_(*map(condition, part.of)) if part.of else false()
        case query.Any():
            return or_(*map(condition, _joined(part.of))) if part.of else false()
        case query.Not():
            return false() if query.empty(part.of) else not_(condition(part.of))
        case query.Tagged():
            return false() if query.empty(part) else PERSON.in_(_tagged(part))
        case query.Active():
            return false() if query.empty(part) else PERSON.in_(_active(part))
        case query.Recency():
            return false() if part.at is None else PERSON.in_(_lately(part.state, part.at))
        case Measured():
            if part.of.measure in FROM_NOTHING and part.compare in OTHERWISE:  # who has no row has 0
                return PERSON.not_in(_measured(part, OTHERWISE[part.compare]))
            return PERSON.in_(_measured(part, part.compare))
        case Standing():
            raise TypeError("a standing is settled before it is compiled")


def _joined(parts: Sequence[Condition]) -> list[Condition]:
    """The parts of an "or", those that differ only in the keys of their tags as one: it is looked up in one go."""
    alike: dict[Condition, Condition] = {}
    for part in parts:
        if isinstance(part, query.Tagged) and part.keys:
            same = part.model_copy(update={"keys": ()})
            earlier = alike.get(same)
            keys = earlier.keys if isinstance(earlier, query.Tagged) else ()
            alike[same] = part.model_copy(update={"keys": tuple(dict.fromkeys((*keys, *part.keys)))})
        else:
            alike[part] = part
    return list(alike.values())


def _tagged(part: query.Tagged) -> AnySelect:
    row = TagRow
    held = select(row.user_id)
    if part.at is None:
        held = held.where(SERVED)
    else:
        then = or_(row.retired_at.is_(None), row.retired_at > part.at)
        held = held.where(row.status != "candidate", row.recorded_at <= part.at, then)
    if part.keys:
        held = held.where(row.key == part.keys[0] if len(part.keys) == 1 else row.key.in_(part.keys))
    if part.facet:
        held = held.where(row.facet == part.facet)
    if part.polarity is not None:
        held = held.where(row.polarity == part.polarity)
    if part.least:
        held = held.where(row.probability >= part.least)
    if part.basis is not None:
        held = held.where(row.basis == part.basis)
    if part.since is not None:
        held = held.where(row.valid_from >= part.since)
    return held


def _active(part: query.Active) -> AnySelect:
    row = UserRow
    if part.until is None:
        return select(row.user_id).where(row.last_ts >= part.since)
    if part.since is None:
        return select(row.user_id).where(row.first_ts < part.until)
    during = select(EventRow.seq).where(
        EventRow.user_id == row.user_id, EventRow.ts >= part.since, EventRow.ts < part.until
    )
    return select(row.user_id).where(row.first_ts < part.until, row.last_ts >= part.since, during.exists())


def _lately(state: str, newest: datetime) -> AnySelect:
    """Who is in a state of coming and staying away at that time; `agents.recency` has the formula and its source."""
    row, tally = UserRow, TallyRow
    last, first = (cast(extract("epoch", one), Double) for one in (row.last_ts, row.first_ts))
    silent, known, gaps = newest.timestamp() - last, newest.timestamp() - first, tally.days - 1
    recent = (query.LATELY + 1) * 86_400
    rare = and_(last > first, gaps > 0, gaps * func.ln(known / func.nullif(last - first, 0)) >= -log(query.RARE))
    states = {
        "new": and_(silent < recent, known < recent),
        "active": and_(silent < recent, known >= recent),
        "away": and_(silent >= recent, not_(func.coalesce(rare, false()))),
        "lapsed": and_(silent >= recent, rare),
    }
    days = and_(tally.user_id == row.user_id, tally.key == "", tally.act == "")
    return select(row.user_id).join_from(row, tally, days).where(states[state])


def _measured(part: Measured, compare: str) -> AnySelect:
    number = statistic(part.of, rated=part.rated)
    return select(number.c.user_id).where(COMPARED[compare](number.c.value, part.value))


def statistic(of: Statistic, *, rated: int = 0) -> Any:
    """A subquery of (user_id, value), a row for each user of whom there is the number.

    Args:
        rated: For stars and lift, ratings that a user must have given.
    """
    if of.measure == "tags":
        held = select(TagRow.user_id, func.count().label("value")).where(SERVED)
        return held.group_by(TagRow.user_id).subquery()
    row = TallyRow
    if of.measure == "share":
        part, whole = _summed(of, row.events), _summed(Statistic(measure="events", acts=of.acts), row.events)
        value = cast(part.c.total, Double) / whole.c.total
        return (
            select(part.c.user_id, value.label("value"))
            .join_from(part, whole, part.c.user_id == whole.c.user_id)
            .subquery()
        )
    if of.measure in {"stars", "lift"}:
        part = _summed(of, row.stars, row.rated, least=max(rated, 1))
        value = part.c.total / part.c.over
        if of.measure == "stars":
            return select(part.c.user_id, value.label("value")).subquery()
        whole = _summed(Statistic(measure="stars"), row.stars, row.rated, least=1)
        value = value - whole.c.total / whole.c.over
        return (
            select(part.c.user_id, value.label("value"))
            .join_from(part, whole, part.c.user_id == whole.c.user_id)
            .subquery()
        )
    if of.measure == "basket":
        part = _summed(of, row.paid, row.events, least=1)
        return select(part.c.user_id, (part.c.total / part.c.over).label("value")).subquery()
    column = {"events": row.events, "days": row.days, "spend": row.paid}[of.measure]
    part = _summed(of, column)
    return select(part.c.user_id, part.c.total.label("value")).subquery()


def _summed(of: Statistic, column: Any, over: Any = None, *, least: int = 0) -> Any:
    """A subquery of (user_id, total, over): columns summed over the tallies that a statistic is about."""
    row = TallyRow
    rows: ColumnElement[bool]
    if of.years is not None:
        first, last = (f"year/{year:04d}" for year in of.years)
        rows = and_(row.key >= first, row.key <= last)  # PostgreSQL takes no collation inside BETWEEN
        single = False
    else:
        rows = row.key == (of.key or ALL)
        single = (not of.key and not of.acts) or len(of.acts) == 1
    if len(of.acts) == 1:
        rows = and_(rows, row.act == of.acts[0])
    elif of.acts:
        rows = and_(rows, row.act.in_(of.acts))
    elif not of.key and of.years is None:
        rows = and_(rows, row.act == "")
    if single:
        summed = select(row.user_id, column.label("total"), *(() if over is None else (over.label("over"),)))
        return summed.where(rows, *(() if over is None else (over >= least,))).subquery()
    sums = select(row.user_id, func.sum(column).label("total"))
    if over is not None:
        sums = sums.add_columns(func.sum(over).label("over")).having(func.sum(over) >= least)
    return sums.where(rows).group_by(row.user_id).subquery()


class _Explained(Executable, ClauseElement):
    """The steps by which the database would run a statement."""

    inherit_cache = False

    def __init__(self, statement: AnySelect) -> None:
        self.statement = statement


@compiles(_Explained)
def _explained(element: _Explained, compiler: Any, **options: Any) -> str:
    words = "EXPLAIN QUERY PLAN" if compiler.dialect.name == "sqlite" else "EXPLAIN"
    statement = compiler.process(element.statement, **options)
    compiler._result_columns.clear()  # steps are text, whatever the types of the statement's own columns
    return f"{words} {statement}"
