"""A question about the population as a typed query: what is asked of whom.

It is what a question is read into, what is shown back in words, and all that is compiled to SQL: nobody writes SQL,
least of all a model. A condition is a tree of claims (`Tagged`), numbers (`Measured`, `Standing`) and times (`Active`)
under `All`, `Any` and `Not`. What is empty matches nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from limner.domain import Basis, Polarity, Value

Measure = Literal["events", "days", "spend", "basket", "stars", "lift", "share", "tags"]
"""Events; days with any; money; money a purchase; mean stars; stars above the own mean; part of all events; tags."""
Comparison = Literal[">=", "<=", ">", "<"]
Want = Literal["list", "count", "share", "average", "top users", "top tags", "compare", "apart"]
BOUGHT = ("purchase", "order")
RATED = ("rating", "review")
PLAYED = ("play", "listen")
WRITTEN = ("message", "post")
FIRST_YEAR, LAST_YEAR = 1000, 2999
"""Of items, where no first or last one is asked for."""
LATELY = 30
"""Days after the first event that somebody is new, and after the last that they are active."""
RARE = 0.05
"""Probability of a silence from which down somebody has lapsed."""


class Statistic(Value):
    """A number of every user."""

    measure: Measure
    acts: tuple[str, ...] = ()
    """Kinds of events that count; all where empty."""
    key: str = ""
    """Only events about this thing; all where empty."""
    years: tuple[int, int] | None = None
    """Only events about items of these years, first and last."""


class Everyone(Value):
    kind: Literal["everyone"] = "everyone"


class Tagged(Value):
    """Who has one of these tags, as it is served: verified or pinned, and current."""

    kind: Literal["tagged"] = "tagged"
    keys: tuple[str, ...] = ()
    """Any of them; every key of the facet where empty."""
    facet: str = ""
    polarity: Polarity | None = None
    """None where it does not matter, as for a habit."""
    least: float = Field(default=0, ge=0, le=1)
    """Probability from which on a tag counts."""
    basis: Basis | None = None
    at: datetime | None = None
    """As it was served then; now where None."""
    since: datetime | None = None
    """Only what holds since then or later, by its oldest event."""


class Measured(Value):
    """Who is beyond a number."""

    kind: Literal["measured"] = "measured"
    of: Statistic
    compare: Comparison = ">="
    value: float
    rated: int = 0
    """For stars and lift: over at least so many ratings."""


class Standing(Value):
    """Who is among the users with the most (or the least), of those who have any."""

    kind: Literal["standing"] = "standing"
    of: Statistic
    top: float = Field(gt=0, lt=1)
    """0.1 is the top tenth."""


class Active(Value):
    """Who did anything in a time: from `since` up to, not including, `until`."""

    kind: Literal["active"] = "active"
    since: datetime | None = None
    until: datetime | None = None
    days: int | None = Field(default=None, ge=1)
    """Instead: within so many days before the newest event of all."""


class Recency(Value):
    """How lately somebody was there, by the newest event of all, as `agents.recency` tells it."""

    kind: Literal["recency"] = "recency"
    state: Literal["new", "active", "away", "lapsed"]
    at: datetime | None = None
    """The time of that event, once it is known."""


class All(Value):
    kind: Literal["all"] = "all"
    of: tuple[Condition, ...]


class Any(Value):
    kind: Literal["any"] = "any"
    of: tuple[Condition, ...]


class Not(Value):
    kind: Literal["not"] = "not"
    of: Condition


Condition = Annotated[
    Everyone | Tagged | Measured | Standing | Active | Recency | All | Any | Not, Field(discriminator="kind")
]


class Query(Value):
    want: Want
    where: Condition
    against: Condition | None = None
    """The second group of a comparison; everybody else where None. Of a share, whom it is a share of."""
    by: Statistic | None = None
    """What users are ranked, groups compared, or an average is of; tags where None."""
    facet: str = ""
    """Only tags of this facet among the top ones."""
    groups: tuple[str, ...] = ()
    """Only tags whose key begins with one of these."""
    leaning: Polarity | None = None
    """Only tags of this polarity among the top ones; any where None."""
    most: int = Field(default=10, ge=1, le=1000)
    """Rows of a ranking."""
    lowest: bool = False
    """Whether a ranking begins with the least."""


def claims(condition: Condition) -> Iterator[Everyone | Tagged | Measured | Standing | Active | Recency]:
    """Every condition at a leaf of the tree, from left to right."""
    match condition:
        case All() | Any():
            for part in condition.of:
                yield from claims(part)
        case Not():
            yield from claims(condition.of)
        case _:
            yield condition


def empty(condition: Condition) -> bool:
    """Whether some part of a condition asks nothing, so that it would match nobody, or everybody by mistake."""
    match condition:
        case All() | Any():
            return not condition.of or any(map(empty, condition.of))
        case Not():
            return empty(condition.of)
        case Tagged():
            return not condition.keys and not condition.facet
        case Active():
            return condition.since is None and condition.until is None and condition.days is None
    return False


def plain(asked: Query) -> dict[str, object]:
    """A query as JSON, without what it leaves open."""

    def spoken(value: object) -> object:
        if isinstance(value, dict):
            parts = {key: spoken(part) for key, part in value.items()}
            return {
                key: part for key, part in parts.items() if part or (key in {"value", "polarity"} and part is not None)
            }
        return [spoken(part) for part in value] if isinstance(value, list) else value

    said = spoken(asked.model_dump(mode="json"))
    assert isinstance(said, dict)
    return said


All.model_rebuild()
Any.model_rebuild()
Not.model_rebuild()
Query.model_rebuild()
