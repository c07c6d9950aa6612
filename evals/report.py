"""A run as one HTML file that opens without a network, on a phone and in the dark.

What users wrote and models answered is data: the template escapes every value, and the page forbids itself scripts and
anything from elsewhere. Its plots are lines and circles that the template draws in the colours of the page, so that
they follow the reader's light or dark; a plotting library would bring 80 MB to draw them in fixed ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import jinja2
import numpy as np
import orjson

from evals.compare import Difference, Verdict, compare
from evals.groups import Gap, gaps
from evals.runs import Header, MetricKind, Output, Run, Score
from evals.scorers import Bin, reliability
from evals.summary import summary
from evals.task import Sample
from limner import show
from limner.domain import Event, History

SHOWN = 100
"""Samples that can be looked into, the worst of a run."""
LONGEST = 4_000
"""Characters of one output, reference or input, as JSON."""
NAMED = 3
"""Metrics that are named where a sample is not opened yet."""
TAGS = 30
CITED = 3
"""Events that are shown of what a tag cites."""
WORDS = 200
"""Characters of an event."""

_JINJA = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Mark(NamedTuple):
    """One metric of one sample."""

    metric: str
    score: float
    hits: float
    of: float
    lost: float
    """0 where it is as good as can be, to 1; always 0 for what is no share."""


class Told(NamedTuple):
    """A tag of a portrait."""

    name: str
    key: str
    leaning: str
    probability: float | None
    reason: str
    events: Sequence[str]
    """The first that it cites, in words where the data is here, else by id."""
    more: int
    """Events that it cites beside them."""


class Case(NamedTuple):
    """One sample to look into."""

    output: Output
    marks: Sequence[Mark]
    worst: Sequence[Mark]
    """The marks that lost most, the worst first."""
    tags: Sequence[Told]
    more_tags: int
    """Not shown."""
    personas: Sequence[str]
    given: str
    """What was asked, as JSON; empty where it is a history, or the data is not here."""
    said: str
    """The output as JSON."""
    right: str
    """The reference as JSON; empty where there is none."""


class Price(NamedTuple):
    """What a model costs, in whatever money, a million tokens."""

    tokens_in: float
    tokens_out: float


def page(
    run: Run,
    against: Run | None = None,
    samples: Mapping[str, Sample] | None = None,
    price: Price | None = None,
) -> str:
    """The report of a run, held against another one where that is given.

    Args:
        samples: What was given to the system, by id, where the data is here.

    Raises:
        InputError: the two cannot be paired.
    """
    header, outputs = run.header, run.outputs()
    scores = run.scores()
    ranked = worst(outputs.values(), scores, header.metrics)
    comparison = compare(against, run) if against is not None else None
    return _JINJA.get_template("report.html").render(
        header=header,
        facts=_facts(header),
        summary=summary(run),
        comparison=comparison,
        verdicts=_verdicts(comparison.metrics) if comparison is not None else {},
        plots=reliabilities(scores, header.metrics),
        gaps=_tables(gaps(run)),
        cost=_cost(list(outputs.values()), sum(one.hits for one in scores if one.metric == "tags"), price),
        cases=[_case(output, marks, (samples or {}).get(output.sample)) for output, marks in ranked[:SHOWN]],
        samples=len(ranked),
    )


def worst(
    outputs: Iterable[Output], scores: Iterable[Score], kinds: Mapping[str, MetricKind]
) -> list[tuple[Output, list[Mark]]]:
    """Every sample with its marks, those that failed first, then those that lost most."""
    marks: dict[str, list[Mark]] = {}
    for score in scores:
        if score.of > 0 and score.metric in kinds:
            marks.setdefault(score.sample, []).append(_mark(score, kinds[score.metric]))
    ranked = [(output, marks.get(output.sample, [])) for output in outputs]
    return sorted(
        ranked, key=lambda one: (one[0].error is None, -sum(mark.lost for mark in one[1]) / (len(one[1]) or 1))
    )


def _mark(score: Score, kind: MetricKind) -> Mark:
    value = score.hits / score.of
    lost = 0.0 if kind.unit or kind.better is None else 1 - value if kind.better == "higher" else value
    return Mark(score.metric, value, score.hits, score.of, lost)


def _case(output: Output, marks: Sequence[Mark], sample: Sample | None) -> Case:
    told = output.output if isinstance(output.output, dict) else {}
    history = sample.given if sample is not None and isinstance(sample.given, History) else None
    events = {event.event_id: event for event in history.events} if history is not None else {}
    tags = [tag for tag in told.get("tags", []) if isinstance(tag, dict)]
    return Case(
        output,
        marks,
        worst=sorted((mark for mark in marks if mark.lost), key=lambda mark: -mark.lost)[:NAMED],
        tags=[_told(tag, events) for tag in tags[:TAGS]],
        more_tags=max(0, len(tags) - TAGS),
        personas=[" ".join(one["text"] for one in persona["sentences"]) for persona in told.get("personas", [])],
        given=_json(sample.given) if sample is not None and history is None else "",
        said=_json(output.output),
        right="" if output.reference is None else _json(output.reference),
    )


def _told(tag: Mapping[str, Any], events: Mapping[str, Event]) -> Told:
    label, cited = tag.get("label") or {}, [one["event_id"] for one in tag.get("evidence", [])]
    names = dict.fromkeys(name for name in (label.get("en"), label.get("zh")) if name)
    return Told(
        " ".join(names) or str(tag.get("key", "")),
        str(tag.get("key", "")),
        show.LEANS.get(tag.get("polarity", 0), ""),
        tag.get("probability"),
        str(tag.get("reason", "")),
        [_words(events[one]) if one in events else str(one) for one in cited[:CITED]],
        max(0, len(cited) - CITED),
    )


def _words(event: Event) -> str:
    """An event on one line."""
    when = f"{event.ts:%Y-%m-%d} " if event.ts else ""
    value = f" {event.value:g}" if event.value is not None else ""
    title = f" “{event.item['title']}”" if event.item.get("title") else ""
    return f"{event.event_id}: {when}{event.kind}{value}{title} {event.text[:WORDS]}".rstrip()


def _json(value: object) -> str:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} more characters"


def reliabilities(scores: Iterable[Score], kinds: Mapping[str, MetricKind]) -> dict[str, list[Bin]]:
    """What was said against what came true, once for all metrics over the same probabilities."""
    points: dict[str, list[tuple[float, float]]] = {}
    for score in scores:
        if score.points and score.metric in kinds:
            points.setdefault(score.metric, []).extend(score.points)
    distinct = {tuple(of_one): name for name, of_one in reversed(points.items())}
    return {
        name: reliability(*np.array(of_one).T)
        for of_one, name in reversed(distinct.items())
        if all(0 <= said <= 1 for said, _ in of_one)
    }


def _verdicts(metrics: Mapping[str, Difference]) -> dict[Verdict, list[str]]:
    """Verdict to the metrics of which it is given, the better ones first."""
    order: tuple[Verdict, ...] = get_args(Verdict)
    told: dict[Verdict, list[str]] = {
        verdict: [name for name, one in metrics.items() if one.verdict == verdict] for verdict in order
    }
    return {verdict: names for verdict, names in told.items() if names}


def _tables(found: Sequence[Gap]) -> dict[str, dict[str, list[Gap]]]:
    """Grouping to metric to groups, of what was scored at all."""
    tables: dict[str, dict[str, list[Gap]]] = {}
    for gap in (one for one in found if one.seen.mean is not None):
        tables.setdefault(gap.grouping, {}).setdefault(gap.metric, []).append(gap)
    return tables


def _cost(outputs: Sequence[Output], tags: float, price: Price | None) -> dict[str, float]:
    """Tokens, seconds and money of a run, of one sample, and of one published tag where it publishes tags."""
    done = [output for output in outputs if output.error is None]
    tokens_in, tokens_out, kept = (
        sum(getattr(output, field).get(side, 0) for output in outputs)
        for field, side in (("tokens", "in"), ("tokens", "out"), ("kept", "answers"))
    )
    sums: dict[str, float] = {
        "tokens in": tokens_in,
        "tokens out": tokens_out,
        "seconds": sum(output.seconds for output in outputs),
    }
    if price is not None:
        sums["money"] = (tokens_in * price.tokens_in + tokens_out * price.tokens_out) / 1e6
    shares = {"sample": len(done), "published tag": tags}
    parts = {f"{name} a {one}": value / n for one, n in shares.items() if n for name, value in sums.items()}
    return sums | ({"answers kept from earlier runs": kept} if kept else {}) | parts


def _facts(header: Header) -> dict[str, str]:
    """What it takes to run it again."""
    return {
        "run": header.run,
        "task": f"{header.task}, version {header.task_version}",
        "system": header.system,
        "data": f"{header.dataset}, digest {header.dataset_digest}",
        "model": header.model or "none is asked",
        "prompts": ", ".join(f"{name} {digest}" for name, digest in header.prompts.items()) or "none",
        "taxonomy": header.taxonomy,
        "limner": header.limner,
        "seed": str(header.seed),
        **{name: str(value) for name, value in header.settings.items()},
        "started (UTC)": f"{header.started_at:%Y-%m-%d %H:%M}",
    }
