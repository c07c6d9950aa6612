"""Population questions of the data sets, asked as they are and in other words: `python -m evals.questions`.

The answers of the sets are computed from data by a rule that stands beside each question, with numbers of its own ("at
least ten ratings, a quarter star above the own mean"). limner means something else by "likes": a claim that passes its
rule. So three things are told apart:

- **read**: whether the typed query brings back what the right one does, the right one being written here for each
  meaning. This is the reader's part.
- **as asked**: set F1 against the set's answer. What the right query loses by the same measure is the part of the
  definitions, which no reader could win back.
- **defined**: the same questions with the rule's numbers in their words, where limner can count them.

Every question is asked in the set's own words, in three wordings of `datasets/paraphrases.json`, once in the other
language, and where it can be defined, twice with its numbers. Profiles are made by counting; no model names a tag.
Last.fm's answers rest on words its users wrote, which are not among the events: there, reading alone can be judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import numpy as np
import orjson
import typer
from scipy.stats import binomtest, bootstrap

from agents.plan import Unread
from agents.terms import Vocabulary
from evals.datasets.histories import rows
from evals.scorers import RESAMPLES, Metric
from evals.task import DATA
from limner import query, settings, show
from limner.app import App
from limner.asking import Asking
from limner.domain import Language
from limner.query import Condition, Query
from store.population import PopulationStore

PARAPHRASES: dict[str, Any] = orjson.loads(
    Path(__file__).with_name("datasets").joinpath("paraphrases.json").read_bytes()
)
SETS: dict[str, Language] = {"movielens": "en", "lastfm": "en", "douban": "zh", "completejourney": "en"}
Form = Literal["own words", "paraphrased", "other language", "defined"]
WORDINGS = 3


class Atom(NamedTuple):
    """One condition of a question."""

    meaning: str
    """A key of the paraphrases."""
    thing: str = ""
    n: str = ""


class Asked(NamedTuple):
    id: str
    words: str
    want: Literal["list", "count"]
    atoms: tuple[Atom, ...]
    joined: Literal["", "and", "not"]
    gold: frozenset[str] | int


class Scored(NamedTuple):
    """One wording of one question."""

    question: str
    form: Form
    words: str
    read: bool | None
    """None where it was not read at all."""
    f1: float
    """Against the set's answer: of the sets of users, or 1 where the numbers are equal."""
    ceiling: float
    """The same of the right query."""
    listed: bool
    """Whether users are asked for, not their number."""


_RULES: tuple[tuple[str, str], ...] = (
    (r"n\((?P<x>.+?)\)>=(?P<n>\d+) (?:and|且) .*>=0\.25", "likes"),
    (r"n\((?P<x>.+?)\)>=(?P<n>\d+) (?:and|且) .*<=-0\.25", "dislikes"),
    (r"last visible rating on or after 2018-01-01", "active"),
    (r"share of rated films with year>=2010 >= 0\.40", "modern"),
    (r"share of rated films with year<1980 >= 0\.30", "old"),
    (r"mean rating >= (?P<n>[\d.]+)|平均星级>=(?P<n2>[\d.]+)", "generous"),
    (r"mean rating <= (?P<n>[\d.]+)", "harsh"),
    (r">=400 visible ratings", "many ratings"),
    (r'user applied the tag "(?P<x>.+?)" to >=5 artists', "into"),
    (r"(?P<x>.+?)片占其评论>=30%且>=4部", "often"),
    (r"首位制片地区为(?P<x>.+?)的占其评论>=40%", "mainly"),
    (r">=5 baskets with category (?P<x>.+)", "buys"),
    (r"mean basket >= \$60", "big baskets"),
    (r">=5 coupon redemptions", "coupons"),
    (r">=150 baskets in 11 months", "many trips"),
    (r"private-label share <= .*", "full price"),
    (r"private-label share >= .*", "price-sensitive"),
    (r">=40% of baskets before 11:00", "mornings"),
    (r">=45% of baskets on Sat/Sun", "weekends"),
)
_JOINT = re.compile(r" AND (NOT )?(?!discount share)")


def questions(folder: Path) -> list[Asked]:
    """The population questions of a data set that need no inference.

    Raises:
        ValueError: a rule is none of those known here.
    """
    found: list[Asked] = []
    for row in rows(folder / "questions.jsonl"):
        if row["scope"] != "population" or row["needs_inference"]:
            continue
        joint = _JOINT.search(row["rule"])
        rules = [row["rule"]] if joint is None else [row["rule"][: joint.start()], row["rule"][joint.end() :]]
        listed = row["answer_type"] == "user_set"
        found.append(
            Asked(
                id=row["question_id"],
                words=row["question"],
                want="list" if listed else "count",
                atoms=tuple(_atom(rule, douban=folder.name == "douban") for rule in rules),
                joined="" if joint is None else "not" if joint[1] else "and",
                gold=frozenset(row["answer"]) if listed else int(row["answer"]),
            )
        )
    return found


def _atom(rule: str, *, douban: bool) -> Atom:
    for pattern, meaning in _RULES:
        if (match := re.fullmatch(pattern, rule.strip())) is not None:
            named = match.groupdict()
            rated = {"likes": "rates high", "dislikes": "rates low"} if douban else {}
            return Atom(rated.get(meaning, meaning), named.get("x") or "", named.get("n") or named.get("n2") or "")
    raise ValueError(f"the rule {rule!r} is not known: add it to evals/questions.py")


def wordings(asked: Asked, number: int, own: Language) -> Iterator[tuple[Form, str]]:
    """The question in its own words and in others; which others follows from its number."""
    yield "own words", asked.words
    other: Language = "zh" if own == "en" else "en"
    for at in range(WORDINGS):
        yield "paraphrased", _said(asked, number + at, own, None)
    if "into" not in {atom.meaning for atom in asked.atoms}:
        yield "other language", _said(asked, number, other, None)
    for at, lang in enumerate((own, other)):
        exact = _said(asked, number + at, lang, "exact")
        if exact:
            yield "defined", exact


def _said(asked: Asked, at: int, lang: Language, exact: str | None) -> str:
    frames = PARAPHRASES["frames"][lang]
    phrases: list[str] = []
    for place, atom in enumerate(asked.atoms):
        meaning = atom.meaning
        if exact and meaning in {"likes", "dislikes"}:
            meaning = {"likes": "rates high", "dislikes": "rates low"}[meaning]
        said = PARAPHRASES["meanings"][meaning]
        if exact and exact not in said:
            return ""
        choices = said[exact][lang] if exact else said[lang]
        things = PARAPHRASES["things"].get(atom.thing, {}).get(lang, [atom.thing])
        phrase = choices[(at + place) % len(choices)]
        phrases.append(phrase.format(x=things[at % len(things)], n=atom.n))
    joint = frames[asked.joined][at % len(frames[asked.joined])] if asked.joined else "{a}"
    heads = frames[asked.want]
    return str(heads[at % len(heads)]).format(c=joint.format(a=phrases[0], b=phrases[-1]))


# --- the right query ---


def right(asked: Asked, vocabulary: Vocabulary, *, exact: bool) -> list[Query]:
    """The typed queries that mean a question, any of them; [] where a definition cannot be said in them."""
    options = [_conditions(atom, vocabulary, exact=exact) for atom in asked.atoms]
    if not all(options):
        return []
    firsts, lasts = options[0], options[-1]
    if not asked.joined:
        conditions: list[Condition] = firsts
    elif asked.joined == "and":
        conditions = [query.All(of=(a, b)) for a in firsts for b in lasts]
    else:
        conditions = [query.All(of=(a, query.Not(of=b))) for a in firsts for b in lasts]
    return [Query(want="list", where=condition) for condition in conditions]


def _conditions(atom: Atom, vocabulary: Vocabulary, *, exact: bool) -> list[Condition]:
    key = _key(atom, vocabulary)
    n = float(atom.n) if atom.n else 0.0
    share, events = query.Statistic(measure="share", key=key), query.Statistic(measure="events", key=key)
    modern, old = (query.Statistic(measure="share", years=years) for years in ((2010, 2999), (1000, 1979)))
    rated = query.Statistic(measure="events", acts=query.RATED)
    trips = query.Statistic(measure="events", acts=query.BOUGHT)
    bought = query.Statistic(measure="events", acts=query.BOUGHT, key=key)
    some = query.Measured(of=events, value=3)

    def tag(name: str, polarity: Literal[1, -1] | None = None) -> Condition:
        return query.Tagged(keys=(name,), polarity=polarity)

    def measured(of: query.Statistic, compare: query.Comparison, value: float, rated: int = 0) -> Condition:
        return query.Measured(of=of, compare=compare, value=value, rated=rated)

    def often(of: query.Statistic, top: float) -> Condition:
        return query.Standing(of=of, top=top)

    def both(*parts: Condition) -> Condition:
        return query.All(of=parts)

    lift, stars = query.Statistic(measure="lift", key=key), query.Statistic(measure="stars")
    if exact:
        known: Mapping[str, list[Condition]] = {
            "likes": [measured(lift, ">=", 0.25, int(n))],
            "rates high": [measured(lift, ">=", 0.25, int(n))],
            "dislikes": [measured(lift, "<=", -0.25, int(n))],
            "rates low": [measured(lift, "<=", -0.25, int(n))],
            "active": [query.Active(since=_YEAR)],
            "modern": [measured(modern, ">=", 0.4)],
            "old": [measured(old, ">=", 0.3)],
            "generous": [measured(stars, ">=", n)],
            "harsh": [measured(stars, "<=", n)],
            "many ratings": [measured(rated, ">=", 400)],
            "often": [both(measured(share, ">=", 0.3), measured(events, ">=", 4))],
            "mainly": [measured(share, ">=", 0.4)],
            "buys": [measured(bought, ">=", 5)],
            "big baskets": [measured(query.Statistic(measure="basket", acts=query.BOUGHT), ">=", 60)],
            "many trips": [measured(trips, ">=", 150)],
        }
        return known.get(atom.meaning, [])
    some_old, some_modern = (
        query.Measured(of=one.model_copy(update={"measure": "events"}), value=3) for one in (old, modern)
    )
    asked: Mapping[str, list[Condition]] = {
        "likes": [tag(key, 1)],
        "rates high": [tag(key, 1)],
        "into": [tag(key, 1)],
        "dislikes": [tag(key, -1)],
        "rates low": [tag(key, -1)],
        "active": [query.Active(since=_YEAR), query.Active(since=_YEAR, until=_YEAR.replace(year=2019))],
        "modern": [both(measured(modern, ">", 0.5), some_modern)],
        "old": [both(often(old, 0.25), some_old)],
        "generous": [tag("behaviour/generous-rater"), measured(stars, ">=", n or 4.2)],
        "harsh": [tag("behaviour/harsh-rater")],
        "many ratings": [often(rated, 0.1), often(rated, 0.25)],
        "often": [both(often(share, 0.25), some)],
        "mainly": [both(measured(share, ">", 0.5), some)],
        "buys": [measured(bought, ">=", 3), measured(bought, ">=", 1)],
        "big baskets": [tag("behaviour/big-basket")],
        "coupons": [tag("behaviour/coupon-user")],
        "many trips": [tag("behaviour/frequent-shopper"), often(trips, 0.1), often(trips, 0.25)],
        "full price": [tag("behaviour/full-price")],
        "price-sensitive": [tag("behaviour/price-sensitive")],
        "mornings": [tag("behaviour/morning-shopper")],
        "weekends": [tag("behaviour/weekend-shopper")],
    }
    return asked[atom.meaning]


_YEAR = datetime(2018, 1, 1, tzinfo=UTC)


def _key(atom: Atom, vocabulary: Vocabulary) -> str:
    """The key that the set's own name of a thing has in the events."""
    attribute = {"buys": "categories", "into": "tags", "mainly": "regions"}.get(atom.meaning, "genres")
    named = vocabulary.taxonomy.named(attribute, atom.thing) if atom.thing else None
    return "" if named is None else named.key


# --- scoring ---


def score(folder: Path, asking: Asking, store: PopulationStore, told: show.Bar) -> list[Scored]:
    """Every wording of every question of a data set, read, run and compared."""
    results: list[Scored] = []
    every = questions(folder)

    fitting: dict[str, frozenset[str]] = {}

    def users(query: Query) -> frozenset[str]:
        key = query.model_dump_json()
        if key not in fitting:
            fitting[key] = frozenset(store.answer(query).users)
        return fitting[key]

    for number, asked in enumerate(every):
        told.at(number, len(every), title=folder.name)
        meant = [users(one) for one in right(asked, asking.vocabulary, exact=False)]
        exact = [users(one) for one in right(asked, asking.vocabulary, exact=True)]
        for form, words in wordings(asked, number, SETS[folder.name]):
            wanted = exact if form == "defined" else meant
            if form == "defined" and not exact:
                continue
            correct, f1 = None, 0.0
            with suppress(Unread):
                read = asking.read(words).query
                got = users(read.model_copy(update={"want": "list"}))
                correct = got in wanted and read.want == asked.want
                f1 = agreement(got, asked.gold) if read.want == asked.want else 0.0
            ceiling = max(agreement(one, asked.gold) for one in wanted)
            results.append(Scored(asked.id, form, words, correct, f1, ceiling, asked.want == "list"))
    return results


def agreement(got: frozenset[str], gold: frozenset[str] | int) -> float:
    """F1 of a set of users against the true one; of their number, 1 where it is equal and 0 where not.

    Source:
        Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 8.3.
    """
    if isinstance(gold, int):
        return float(len(got) == gold)
    return 2 * len(got & gold) / (len(got) + len(gold)) if got or gold else 1.0


def mean(results: Sequence[Scored], values: Sequence[float]) -> Metric:
    """The mean of one value a wording, each question weighing the same, with an interval resampled by question."""
    by_question: dict[str, list[float]] = {}
    for result, value in zip(results, values, strict=True):
        by_question.setdefault(result.question, []).append(value)
    means = [sum(own) / len(own) for own in by_question.values()]
    if not means:
        return Metric(float("nan"), float("nan"), float("nan"), 0)
    average = sum(means) / len(means)
    if len(set(means)) == 1:
        low, high = _extreme(average, len(means))
        return Metric(average, low, high, len(means))
    spread = bootstrap((means,), np.mean, method="percentile", n_resamples=RESAMPLES, rng=7).confidence_interval
    return Metric(average, float(spread.low), float(spread.high), len(means))


def _extreme(share: float, n: int) -> tuple[float, float]:
    """The exact interval where all are right, or none is."""
    if share not in (0, 1):
        return share, share
    interval = binomtest(round(share * n), n).proportion_ci(method="exact")
    return float(interval.low), float(interval.high)


# --- the command ---


def main(
    database: Annotated[list[str], typer.Argument(help="NAME=URL of databases that hold the sets, profiled.")],
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = DATA,
    with_model: Annotated[bool, typer.Option("--model", help="Let the model read what rules do not.")] = False,
    failures: Annotated[int, typer.Option(help="Wordings to show that were read wrong or not at all.")] = 0,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Questions read right, and set F1, by form of wording."""
    rows: list[dict[str, Any]] = []
    wrong: list[Scored] = []
    with show.bar("questions", "questions") as bar:
        for named in database:
            name, _, url = named.partition("=")
            app = App(settings.read().model_copy(update={"database_url": url}))
            with Asking(app, "evaluation", lambda *_: None, with_model=with_model) as asking:
                results = score(data / name, asking, app.people, bar)
            app.close()
            wrong += [result for result in results if not result.read]
            for form in get_args(Form):
                chosen = [result for result in results if result.form == form]
                listed = [result for result in chosen if result.listed]
                if chosen:
                    rows.append(
                        {
                            "set": name,
                            "form": form,
                            "wordings": len(chosen),
                            "read right": mean(chosen, [float(result.read or False) for result in chosen]),
                            "not read": sum(result.read is None for result in chosen),
                            "read wrong": sum(result.read is False for result in chosen),
                            "set F1": mean(listed, [result.f1 for result in listed]),
                            "F1 of the right query": mean(listed, [result.ceiling for result in listed]),
                            "numbers right": mean(
                                [one for one in chosen if not one.listed], [one.f1 for one in chosen if not one.listed]
                            ),
                        }
                    )
    if as_json:
        show.document({"questions": rows, "failures": wrong})
        return
    show.table(
        tuple(rows[0]),
        [[cell.counted() if isinstance(cell, Metric) else str(cell) for cell in row.values()] for row in rows],
    )
    for result in wrong[:failures]:
        show.line(f"{'not read' if result.read is None else 'wrong   '}  {result.form}: {result.words}")


if __name__ == "__main__":
    typer.run(main)
