"""Population questions of the data sets, asked as they are and in other words: the tasks `questions-*`.

The answers of the sets are computed from data by a rule that stands beside each question, with numbers of its own ("at
least ten ratings, a quarter star above the own mean"). limner without a glossary means something else by "likes": a
claim that passes its rule. So the sets are asked twice, by `glossary` with the set's own definitions, as an owner would
write them down (`datasets/*.glossary.yaml`), and by `default` without. Of each three things are told apart:

- **read**: whether the typed query brings back what the right one does, the right one being written here for each
  meaning. This is the reader's part.
- **set F1**: against the set's answer.
- **ceiling**: what the right query has of that. What it loses is the part of the definitions, which no reader could
  win back.

Every question is asked in the set's own words; in three wordings of `datasets/paraphrases.json`, written before the
reader was, and once in the other language; in two of `datasets/fresh.json` and three of `datasets/newer.json`, written
later, from which the reader then learnt; in three each of `datasets/sealed-3.json` and `datasets/sealed-4.json`,
written by two people who had not seen the reader, and read by nobody who works on it; and where it can be defined,
twice with its numbers. The last three files join two clauses by whole questions, as people do, and do not paraphrase
years, which cannot be guessed; the fourth part has no words for being active at all. Two older sealed parts were
opened and learnt from when they had been scored some two dozen times. Profiles are made by counting; no model names a
tag. Last.fm's answers rest on words its users wrote, which are not among the events.

    python -m evals.questions RUN      the wordings of a run that were read wrong or not at all
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import orjson
import typer

from agents.plan import Unread
from agents.terms import Vocabulary
from evals import instant
from evals.datasets.histories import rows
from evals.runs import MetricKind, Output, Runs
from evals.task import DATA, Bench, Dataset, Sample, Scorer, System, Tally, found, tokens
from limner import query, settings, show
from limner.app import App
from limner.asking import Asking
from limner.domain import Language
from limner.query import Condition, Query
from prompts.taxonomy import Taxonomy
from store.population import PopulationStore

HERE = Path(__file__).with_name("datasets")
WRITTEN = ("paraphrases", "fresh", "newer", "sealed-3", "sealed-4")
PARAPHRASES, FRESH, NEWER, SEALED_THIRD, SEALED_FOURTH = (
    orjson.loads((HERE / f"{name}.json").read_bytes()) for name in WRITTEN
)
SETS: dict[str, Language] = {"movielens": "en", "lastfm": "en", "douban": "zh", "completejourney": "en"}
Form = Literal[
    "own words", "paraphrased", "fresh", "newer", "sealed third", "sealed fourth", "other language", "with numbers"
]
WHOLE: Mapping[Form, Mapping[str, Any]] = {
    "newer": NEWER,
    "sealed third": SEALED_THIRD,
    "sealed fourth": SEALED_FOURTH,
}
"""What joins two clauses by whole questions."""
WORDINGS, NEW = 3, 2


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
        yield "paraphrased", _said(asked, number + at, own, PARAPHRASES)
    for at in range(NEW):
        yield "fresh", _said(asked, number + at, own, FRESH)
    for at in range(0 if asked.joined and asked.want == "count" else WORDINGS):
        for form, written in WHOLE.items():
            if all(atom.meaning in written["meanings"] for atom in asked.atoms):
                yield form, _said(asked, number + at, own, written)
    if "into" not in {atom.meaning for atom in asked.atoms}:
        yield "other language", _said(asked, number, other, PARAPHRASES)
    if all("exact" in PARAPHRASES["meanings"][_exactly(atom.meaning)] for atom in asked.atoms):
        for at, lang in enumerate((own, other)):
            yield "with numbers", _said(asked, number + at, lang, PARAPHRASES, exactly=True)


def _exactly(meaning: str) -> str:
    return {"likes": "rates high", "dislikes": "rates low"}.get(meaning, meaning)


def _said(asked: Asked, at: int, lang: Language, written: Mapping[str, Any], *, exactly: bool = False) -> str:
    frames = written["frames"][lang]
    phrases: list[str] = []
    for place, atom in enumerate(asked.atoms):
        meaning = _exactly(atom.meaning) if exactly else atom.meaning
        said = written["meanings"][meaning]
        choices = said["exact"][lang] if exactly else said[lang]
        things = written.get("things", PARAPHRASES["things"]).get(atom.thing, {}).get(lang, [atom.thing])
        phrase = choices[(at + place) % len(choices)]
        phrases.append(phrase.format(x=things[at % len(things)], n=atom.n))
    joint = frames[asked.joined][at % len(frames[asked.joined])] if asked.joined else "{a}"
    if asked.joined and written.get("joined") == "whole questions":
        return str(joint).format(a=phrases[0], b=phrases[-1])
    heads = frames[asked.want]
    return str(heads[at % len(heads)]).format(c=joint.format(a=phrases[0], b=phrases[-1]))


# --- the right query ---


def right(asked: Asked, vocabulary: Vocabulary, *, defined: bool | None) -> list[Query]:
    """The typed queries that mean a question, any of them; [] where a definition cannot be said in them.

    Args:
        defined: By the set's definitions; None where they can be said, else by limner's.
    """
    options = [
        _conditions(atom, vocabulary, exact=defined is not False)
        or (_conditions(atom, vocabulary, exact=False) if defined is None else [])
        for atom in asked.atoms
    ]
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
            "active": [query.Active(since=_YEAR), query.Active(since=_YEAR, until=_YEAR.replace(year=2019))],
            "into": [measured(query.Statistic(measure="events", acts=query.PLAYED, key=key), ">=", 5)],
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
    attribute = {"buys": "categories", "mainly": "regions"}.get(atom.meaning, "genres")
    named = vocabulary.taxonomy.named(attribute, atom.thing) if atom.thing else None
    return "" if named is None else named.key


# --- the data set ---


def _read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a question."""
    folder = files[0].parent
    samples: list[Sample] = []
    for number, asked in enumerate(questions(folder)):
        said = [[form, words] for form, words in wordings(asked, number, SETS[folder.name])]
        gold = sorted(asked.gold) if isinstance(asked.gold, frozenset) else asked.gold
        samples.append(Sample(asked.id, {"wordings": said}, {"want": asked.want, "gold": gold}))
    return samples


def dataset(name: str) -> Dataset:
    theirs = ("questions.jsonl", "events.jsonl", *(("items.jsonl",) if name == "lastfm" else ()))
    ours = (*(f"{form}.json" for form in WRITTEN), f"{name}.glossary.yaml")
    return Dataset(name, (*(DATA / name / file for file in theirs), *(HERE / file for file in ours)), _read)


# --- the systems ---


def _system(name: str, *, glossary: bool, with_model: bool = False) -> System:
    """limner's reader over a data set, by the set's glossary or without one."""

    def solve(bench: Bench) -> str:
        profiled(bench, name)
        own = HERE / f"{name}.glossary.yaml" if glossary else None
        app = App(bench.app.settings.model_copy(update={"taxonomy": own or bench.app.settings.taxonomy}))
        every = {asked.id: asked for asked in questions(DATA / name)}
        try:
            with Asking(app, "evaluation", lambda *_: None, with_model=with_model) as asking:
                fitting = _Fitting(app.people)
                for sample in bench.left:
                    bench.finish(sample, _answered(sample, every[sample.id], asking, fitting, glossary=glossary))
        finally:
            app.close()
        return ""

    return System(solve, ("same",) if with_model else ())


class _Fitting:
    """Who fits a query; each is run once."""

    def __init__(self, store: PopulationStore) -> None:
        self._store = store
        self._known: dict[str, list[str]] = {}

    def forget(self, one: Query) -> None:
        self._known.pop(one.model_dump_json(), None)

    def __call__(self, one: Query) -> list[str]:
        key = one.model_dump_json()
        if key not in self._known:
            self._known[key] = list(self._store.answer(one.model_copy(update={"want": "list"})).users)
        return self._known[key]


def _answered(sample: Sample, asked: Asked, asking: Asking, fitting: _Fitting, *, glossary: bool) -> dict[str, Any]:
    """How each wording was read and whom that names, and whom the right queries name."""
    assert isinstance(sample.given, Mapping)
    meant = [fitting(one) for one in right(asked, asking.vocabulary, defined=None if glossary else False)]
    exactly = [fitting(one) for one in right(asked, asking.vocabulary, defined=True)]
    said: list[dict[str, Any]] = []
    for form, words in sample.given["wordings"]:
        begun = time.monotonic()
        one: dict[str, Any] = {"form": form, "words": words}
        try:
            read = asking.read(words).query
        except Unread as unread:
            one |= {"unknown": unread.unknown, "offered": [near.plain for near in unread.near]}
        else:
            if form == "own words":  # timed with its query, however often that was run before
                fitting.forget(read)
            one |= {"want": read.want, "users": fitting(read), "query": query.plain(read)}
        said.append(one | {"seconds": time.monotonic() - begun})
    return {"wordings": said, "right": meant, "exactly": exactly}


def profiled(bench: Bench, name: str) -> None:
    """The population of a data set, profiled by counting; of what the instant model names nothing is proven."""
    app = bench.app
    latest = app.runs.latest()
    if latest is not None and app.runs.summary(latest).state == "done":
        return
    events = found(DATA / name / "events.jsonl")
    assert events is not None
    if name == "lastfm":  # what listeners call an artist are the artist's genres
        called = {row["item_id"]: [tag for tag, _ in row["top_tags"]] for row in rows(DATA / name / "items.jsonl")}
        named = app.settings.home / "events.jsonl"
        with named.open("wb") as file:
            for row in rows(events):
                item = {**row["item"], "genres": called.get(row["item_id"], [])}
                file.write(orjson.dumps(row | {"item": item}) + b"\n")
        events = named
    app.ingest([events], {}, lambda done, total, n: bench.told("ingesting", done, total, "B"))
    with instant.apart() as url:
        counting = {"model_url": url, "model": instant.NAME, "embedder": f"{url}#{instant.NAME}"}
        profiling = App(app.settings.model_copy(update=counting))
        try:
            profiling.run(
                told=bench.told, report=lambda total, at: bench.told("profiling", at.done + at.failed, total, "users")
            )
        finally:
            profiling.close()


def systems(name: str) -> Mapping[str, System]:
    return {
        "glossary": _system(name, glossary=True),
        "default": _system(name, glossary=False),
        "model": _system(name, glossary=True, with_model=True),
    }


# --- the scorers ---


def _over(
    form: Form,
    judge: Callable[[Mapping[str, Any], Sample, Output], float | None],
    kind: MetricKind = MetricKind(),  # noqa: B008 - it is frozen
) -> Scorer:
    """The mean of a judgement over the wordings of a form; questions weigh the same."""

    def score(sample: Sample, output: Output) -> Tally | None:
        judged = [judge(one, sample, output) for one in output.output["wordings"] if one["form"] == form]
        told = [value for value in judged if value is not None]
        return Tally(sum(told) / len(told), 1) if told else None

    return Scorer(score, kind)


def is_right(one: Mapping[str, Any], sample: Sample, output: Output) -> float | None:
    """Whether a wording was read as a query that names whom the right one names; None where none is read."""
    if "right" not in output.output:
        return None
    wanted = output.output["exactly" if one["form"] == "with numbers" else "right"]
    return float(one.get("want") == sample.reference["want"] and one["users"] in wanted)


def _f1(one: Mapping[str, Any], sample: Sample, output: Output) -> float | None:
    if sample.reference["want"] != "list":
        return None
    return agreement(one["users"], sample.reference["gold"]) if one.get("want") == "list" else 0.0


def _wrong(one: Mapping[str, Any], sample: Sample, output: Output) -> float | None:
    right = is_right(one, sample, output)
    return None if right is None else float("users" in one and not right)


def _offered(one: Mapping[str, Any], sample: Sample, output: Output) -> float | None:
    return float(bool(one["offered"])) if "offered" in one else None


def _number(one: Mapping[str, Any], sample: Sample, output: Output) -> float | None:
    if sample.reference["want"] != "count":
        return None
    told = one["number"] if "number" in one else len(one.get("users", ()))
    return float(one.get("want") == "count" and told == sample.reference["gold"])


def _seconds(one: Mapping[str, Any], sample: Sample, output: Output) -> float | None:
    return one.get("seconds")


def ceiling(sample: Sample, output: Output) -> float | None:
    """The best F1 of the queries that are right; None where no query is written."""
    if "right" not in output.output:
        return None
    gold = sample.reference["gold"]
    return max(agreement(one, gold) for one in output.output["right"]) if isinstance(gold, list) else None


def agreement(got: Sequence[str], gold: Sequence[str]) -> float:
    """F1 of a set of users against the true one.

    Source:
        Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 8.3.
    """
    return 2 * len({*got} & {*gold}) / (len(got) + len(gold)) if got or gold else 1.0


SCORERS: Mapping[str, Scorer] = {
    **{f"read_{form.replace(' ', '_')}": _over(form, is_right) for form in get_args(Form)},
    **{
        f"read_wrong_{form.replace(' ', '_')}": _over(form, _wrong, MetricKind(better="lower"))
        for form in get_args(Form)
    },
    "offered_of_unread_sealed_third": _over("sealed third", _offered),
    "offered_of_unread_sealed_fourth": _over("sealed fourth", _offered),
    **{f"set_f1_{form.replace(' ', '_')}": _over(form, _f1) for form in get_args(Form)},
    "numbers_right": _over("own words", _number),
    "ceiling": Scorer(ceiling),
    "seconds_own_words": _over("own words", _seconds, MetricKind(better="lower", unit="seconds")),
    "tokens": Scorer(tokens, MetricKind(better="lower", unit="tokens")),
}


# --- the command ---


def main(
    run: Annotated[str | None, typer.Argument(help="A run of a task questions-*; the newest if not given.")] = None,
    form: Annotated[str, typer.Option(help="Only wordings of this form.")] = "",
) -> None:
    """The wordings that were read wrong or not at all, with what of them was not understood."""
    stored = Runs(settings.read().home).open(run)
    for output in stored.outputs().values():
        sample = Sample(output.sample, {}, output.reference)
        for one in output.output["wordings"]:
            if form in ("", one["form"]) and not is_right(one, sample, output):
                told = orjson.dumps(one["query"]).decode() if "query" in one else f"unknown: {one['unknown']}"
                show.line(f"{output.sample}  {one['form']}: {one['words']}  →  {told}")


if __name__ == "__main__":
    typer.run(main)
