"""What a model's names of tags earn for their tokens, by themselves: the tasks `proposals-*`.

Counted things stand without a model. What the `propose` prompt adds are tags that counting proves and that would not be
there had no model named them. A wording beside the one in use is asked with LIMNER_PROMPTS='["propose.v2"]', and
`limner eval compare` sets the two runs side by side, user by user.

Two other ways to ask stand beside it. `themes` tells the model what is proven already and asks for what that does not
say, each theme with the events that show it; `series` asks for nothing but the series that titles are of. In doubt a
name is taken for good: it counts also where its words stand in the titles of several items that pass the rule.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from agents import attribute, batch, clean, merge, propose
from agents.attribute import Claim
from agents.digest import safe
from agents.model import AnswerT, Ledger, Model
from agents.series import SERIES
from agents.signals import EXPLICIT, Reading, Signals
from agents.verify import verify
from evals.portraits import LEANING, line
from evals.runs import MetricKind, Output
from evals.systems import answer, asking
from evals.task import Sample, Scorer, System, Tally, tokens
from limner.app import App
from limner.domain import Event, Label, Polarity, Tag
from limner.errors import AnswerError
from prompts.answers import SeriesAnswer, ThemesAnswer
from prompts.taxonomy.words import slug

SHOWN, TITLES = 20, 40
"""Events that `themes` shows, and titles that `series` does."""
LEAST_ITEMS = 2
"""Items whose titles hold the words of a name."""
MAX_TOKENS = 500
LEANS: Mapping[Polarity, str] = {1: "likes ", -1: "dislikes ", 0: ""}
_KIND = re.compile(r"\s*\b(?:films?|movies?|series|saga|franchise|trilogy)$|(?:系列|电影)+$", re.IGNORECASE)


class Named(NamedTuple):
    """What a model named, and which events it says show it."""

    proposal: propose.Proposal
    cited: Sequence[Event] = ()


class Asked(NamedTuple):
    """A user as a system sees them, and how to ask about them."""

    sample: Sample
    reading: batch.Reading
    proven: Sequence[str]
    """What counting proves, as `themes` tells it."""
    model: Model
    ledger: Ledger
    app: App

    async def answer(self, name: str, schema: type[AnswerT], **inputs: Any) -> AnswerT:
        told = {"language": self.reading.lang, **inputs}
        return await answer(self.model, self.ledger, self.app.prompt(name), schema, MAX_TOKENS, self.sample.id, **told)


Way = Callable[[Asked], Awaitable[list[Named]]]


async def in_use(asked: Asked) -> list[Named]:
    """The call of a run."""
    taxonomy, reading = asked.app.taxonomy, asked.reading
    found = await propose.propose(
        batch.told(reading, taxonomy, asked.model.count_tokens),
        reading.lang,
        user_id=asked.sample.id,
        model=asked.model,
        prompt=asked.app.prompt("propose"),
        taxonomy=taxonomy,
        ledger=asked.ledger,
    )
    return [Named(proposal) for proposal in found]


async def themes(asked: Asked) -> list[Named]:
    events = telling(asked.reading.signals, SHOWN)
    shown = [line(number, event) for number, event in enumerate(events, 1)]
    said = await asked.answer("themes", ThemesAnswer, known=asked.proven or ["nothing"], events=shown)
    return [
        Named(propose.Proposal("interest", Label(en=en, zh=zh), LEANING[leaning]), _of(ids, events))
        for en, zh, leaning, ids in said.themes
    ]


async def series(asked: Asked) -> list[Named]:
    titled = [event for event in telling(asked.reading.signals, TITLES) if _title(event)]
    if not titled:
        return []
    shown = [f'e{number} "{safe(_title(event))[:60]}"' for number, event in enumerate(titled, 1)]
    said = await asked.answer("series", SeriesAnswer, events=shown)
    return [
        Named(propose.Proposal("creator", Label(en=name, zh=name), 1), _of(ids, titled)) for name, ids in said.series
    ]


def telling(signals: Signals, most: int) -> list[Event]:
    """The most telling events of different items: highest rated, lowest rated, longest said, newest."""
    events = signals.events
    order = range(len(events))
    rated = sorted(
        (at for at in order if events[at].kind in EXPLICIT and events[at].value is not None),
        key=lambda at: (events[at].value, at),
    )
    said = sorted(
        (at for at in order if len(events[at].text) > 20 and events[at].kind != "rating"),
        key=lambda at: -len(events[at].text),
    )
    picks = [*rated[::-1][: most // 2], *rated[: most // 4], *said[: most // 4], *order[::-1]]
    by_item: dict[str, Event] = {}
    for at in picks:
        by_item.setdefault(events[at].item_id or events[at].event_id, events[at])
    return list(by_item.values())[:most]


def _of(ids: Sequence[str], events: Sequence[Event]) -> list[Event]:
    """The events of these short ids, each once; what was not shown is left out."""
    places = dict.fromkeys(int(one[1:]) - 1 for one in ids)
    return [events[at] for at in places if at < len(events)]


def _title(event: Event) -> str:
    return str(event.item.get("title") or "")


def earning(way: Way) -> Callable[[Sample, Model, Ledger, App], Awaitable[dict[str, Any]]]:
    """What a model names of a user in one way of asking, which of that counting proves, and all that is proven with and
    without it."""

    async def named(sample: Sample, model: Model, ledger: Ledger, app: App) -> dict[str, Any]:
        parts = app.parts(())
        reading = batch.read(clean.clean(sample.history), parts)

        def proven(said: Sequence[propose.Proposal]) -> tuple[list[Tag], set[str]]:
            claims = attribute.attribute(reading.signals, reading.habits, said, parts.taxonomy)
            tags = merge.tags(claims, reading.signals, parts.taxonomy, {}, parts.fit)
            verified = [tag for tag in tags if tag.status == "verified"]
            return verified, {tag.key for tag in verified} & {claim.key for claim in claims if claim.proposed}

        counted, _ = proven(())
        told = [LEANS[tag.polarity] + safe(getattr(tag.label, reading.lang)) for tag in counted]
        refused = ""
        try:
            found = await way(Asked(sample, reading, told, model, ledger, app))
        except AnswerError as error:  # what it cost counts all the same
            found, refused = [], str(error)
        verified, held = proven([one.proposal for one in found])
        by_title = {key for one in found if (key := _by_title(one.proposal, reading.signals, app)) is not None}
        keys = {tag.key for tag in verified}
        about = [_about(one.proposal, reading, app) for one in found]
        return {
            "named": [one.proposal.label.en for one in found],
            "refused": refused,
            "held": sorted(held | by_title),
            "added": sorted((keys | by_title) - {tag.key for tag in counted}),
            "verified": sorted(keys | by_title),
            "cited": sum(len(one.cited) for one in found),
            "cited_right": sum(
                event.event_id in known for one, known in zip(found, about, strict=True) for event in one.cited
            ),
        }

    return named


def _about(proposal: propose.Proposal, reading: batch.Reading, app: App) -> set[str]:
    """Ids of the events that a name is about, by what counting knows of it."""
    claims = attribute.attribute(reading.signals, (), [proposal], app.taxonomy)
    events = reading.signals.events
    spoken = [one for claim in claims if claim.proposed for one in claim.readings]
    return {events[one.at].event_id for one in [*spoken, *_titled(proposal, reading.signals, app)]}


def _titled(proposal: propose.Proposal, signals: Signals, app: App) -> tuple[Reading, ...]:
    """A reading of each item whose title holds the words of a name that counting does not know."""
    name = _name(proposal)
    if len(name) < 3 or app.taxonomy.resolve(name) is not None:
        return ()
    holds = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    readings: dict[str, Reading] = {}
    for thing in signals.things.values():
        for reading in thing.readings:
            event = signals.events[reading.at]
            if holds.search(_title(event)):
                readings.setdefault(event.item_id or event.event_id, reading)
    return tuple(readings.values())


def _name(proposal: propose.Proposal) -> str:
    """Without the word for what it is a series of."""
    return _KIND.sub("", proposal.label.en).strip()


def _by_title(proposal: propose.Proposal, signals: Signals, app: App) -> str | None:
    """The key of a tag that the titles of several items prove; None where they do not."""
    spoken = _titled(proposal, signals, app)
    if len(spoken) < LEAST_ITEMS:
        return None
    facet = app.taxonomy.facets["creator"]
    sign = attribute.polarity(spoken, signals.weights(facet.half_life_days))
    claim = Claim(
        f"{SERIES}/{slug(_name(proposal))}", facet.id, proposal.label, sign, "observed", spoken, proposed=True
    )
    return claim.key if verify(claim, facet, signals, {}).holds else None


SYSTEMS: Mapping[str, System] = {
    "propose": asking(earning(in_use), "propose"),
    "themes": asking(earning(themes), "themes"),
    "series": asking(earning(series), "series"),
}


# --- the scorers ---


def _for_tokens(which: str) -> Callable[[Sample, Output], Tally]:
    """So many for 1,000 tokens asked and answered; n is thousands of tokens."""

    def earned(sample: Sample, output: Output) -> Tally:
        return Tally(len(output.output[which]), tokens(sample, output) / 1000)

    return earned


def held(sample: Sample, output: Output) -> Tally:
    """Of the tags that are named, those that counting proves."""
    return Tally(len(output.output["held"]), len(output.output["named"]))


def cited_right(sample: Sample, output: Output) -> Tally:
    """Of the events that are cited for a name, those that are about it; none where none are asked for."""
    return Tally(output.output["cited_right"], output.output["cited"])


def answered(sample: Sample, output: Output) -> float:
    """Whether the answer had the promised shape, the second one at the latest."""
    return float(not output.output["refused"])


SCORERS: Mapping[str, Scorer] = {
    "verified_for_1000_tokens": Scorer(_for_tokens("verified"), MetricKind(unit="tags")),
    "added_for_1000_tokens": Scorer(_for_tokens("added"), MetricKind(unit="tags")),
    "held": Scorer(held),
    "cited_right": Scorer(cited_right),
    "answered": Scorer(answered),
    "tokens": Scorer(tokens, MetricKind(better="lower", unit="tokens")),
}
