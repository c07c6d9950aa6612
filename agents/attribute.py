"""Claims about a user, each with every event that speaks about it.

Counted things, stated facts and habits are claims by themselves. Where somebody says that something is over, only what
they said or did after that counts for it; without any, the claim stays as one that has ended. A tag the model proposed
becomes one where attributes or words decide which events it is about: its label names a known thing, or several at
once ("sci-fi thrillers": events that are both). One whose words merely stand in the user's own texts keeps those as
evidence and stays a candidate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agents.behaviour import Behaviour
from agents.propose import Proposal
from agents.signals import AGAINST, Lift, Reading, Signals, Thing, said, written
from limner.domain import Basis, Label, Polarity, SignalKind
from prompts.taxonomy import Taxonomy, Term

VERSION = 4

_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_FILLER = frozenset(
    [
        "and",
        "or",
        "of",
        "the",
        "a",
        "in",
        "with",
        "for",
        "film",
        "films",
        "movie",
        "movies",
        "music",
        "songs",
        "shows",
        "stories",
        "genre",
        "genres",
        "content",
        "products",
        "items",
        "news",
        "fan",
        "fans",
        "lover",
        "lovers",
        "enthusiast",
        "buyer",
        "shopper",
    ]
)
"""Words of a label that say nothing of what it is about."""
LEAST_READINGS = 2
"""A counted thing that fewer acts speak about is no claim; one the model names is, and says that it has no proof."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that may be true of a user."""

    key: str
    facet: str
    label: Label
    polarity: Polarity
    basis: Basis
    readings: tuple[Reading, ...]
    lift: Lift | None = None
    """Of the thing it is about, where that was counted."""
    behaviour: Behaviour | None = None
    proposed: bool = False
    """Whether the model named it; counted claims stand without."""
    worded: bool = False
    """Whether nothing but the words of its label ties it to events."""
    over: Reading | None = None
    """Where the user said that it is over: of a stated claim the last word, of a counted one the readings are later."""


def attribute(
    signals: Signals, habits: Sequence[Behaviour], proposals: Sequence[Proposal], taxonomy: Taxonomy
) -> list[Claim]:
    """All claims worth verifying, counted ones first, each key once."""
    claims = {
        thing.key: _counted(thing, signals, taxonomy)
        for thing in signals.things.values()
        if signals.acts(thing.readings) >= LEAST_READINGS
    }
    told = (_stated(fact, signals, taxonomy) for fact in signals.facts.values())
    claims |= {claim.key: claim for claim in told if claim is not None}
    for habit in habits:
        term = taxonomy.terms[habit.key]
        claims[habit.key] = Claim(habit.key, term.facet, term.label, 0, "observed", habit.readings, behaviour=habit)
    texts = {at: text.casefold() for at, _, text in written(signals.events)} if proposals else {}
    for proposal in proposals:
        claim = _proposed(proposal, signals, taxonomy, texts)
        known = claims.get(claim.key)
        claims[claim.key] = claim if known is None else replace(known, proposed=True)
    return [claim for claim in claims.values() if taxonomy.serves(claim.key, claim.facet)]


def _counted(thing: Thing, signals: Signals, taxonomy: Taxonomy, *, proposed: bool = False) -> Claim:
    """A claim whose polarity is what the counts say, whoever named it."""
    sign = _leaning(thing.readings, thing.facet, signals, taxonomy)
    readings = tuple(thing.readings)
    basis: Basis = "inferred" if taxonomy.facets[thing.facet].inferred else "observed"
    return Claim(thing.key, thing.facet, thing.label, sign, basis, readings, thing.lift, proposed=proposed)


def _stated(fact: Thing, signals: Signals, taxonomy: Taxonomy) -> Claim | None:
    """What the user said last of a thing, with all that counting knows of it; None where nothing is claimed of it."""
    said = [reading for reading in fact.readings if not reading.ends]
    counted = signals.things.get(fact.key) or Thing(fact.key, fact.facet, fact.label)
    ends = [reading for reading in fact.readings if reading.ends]
    end = next((end for end in reversed(ends) if _ends(end, said, counted, signals, taxonomy)), None)
    later = [reading for reading in said if end is None or reading.at > end.at]
    if not later and end is not None:
        done = [reading for reading in counted.readings if reading.at > end.at]
        if len(done) >= LEAST_READINGS:
            return replace(_counted(Thing(fact.key, fact.facet, fact.label, done), signals, taxonomy), over=end)
        sign: Polarity = 0 if said and said[-1].signal is SignalKind.STATED else 1 if end.signal in AGAINST else -1
        spoken = {reading.at for reading in (*said, *ends)}
        done = [reading for reading in counted.readings if reading.at not in spoken]
        readings = sorted((*said, *done, end), key=lambda reading: reading.at)
        return Claim(fact.key, fact.facet, fact.label, sign, "stated", tuple(readings), over=end)
    if not later:
        return _counted(counted, signals, taxonomy) if len(counted.readings) >= LEAST_READINGS else None
    last = later[-1].signal
    sign = 0 if last is SignalKind.STATED else -1 if last in AGAINST else 1
    spoken = {reading.at for reading in later}
    since = -1 if end is None else end.at
    others = [reading for reading in counted.readings if reading.at not in spoken and reading.at > since]
    readings = sorted((*later, *(others if sign else ())), key=lambda reading: reading.at)
    return Claim(fact.key, fact.facet, fact.label, sign, "stated", tuple(readings))


def _ends(end: Reading, said: Sequence[Reading], counted: Thing, signals: Signals, taxonomy: Taxonomy) -> bool:
    """Whether there was something before that could end: who used to hate a thing has not stopped liking it."""
    stated = [reading.signal for reading in said if reading.at < end.at]
    if stated:
        return (stated[-1] not in AGAINST) == (end.signal in AGAINST)
    done = [reading for reading in counted.readings if reading.at < end.at]
    return bool(done) and (_leaning(done, counted.facet, signals, taxonomy) > 0) == (end.signal in AGAINST)


def _leaning(readings: Sequence[Reading], facet: str, signals: Signals, taxonomy: Taxonomy) -> Polarity:
    return polarity(readings, signals.weights(taxonomy.facets[facet].half_life_days))


def polarity(readings: Iterable[Reading], weights: Sequence[float]) -> Polarity:
    """1 where the events speak for a thing, -1 where they speak against it; ratings decide where there are two.

    Args:
        weights: Of the user's events, by their place.
    """
    deviations: list[float] = []
    balance = 0.0
    for reading in readings:
        weight = weights[reading.at]
        if reading.deviation is not None:
            deviations.append(weight * reading.deviation)
        elif reading.signal is not None:
            balance += -weight if reading.signal in AGAINST else weight
    if len(deviations) >= 2 or (deviations and not balance):
        return 1 if sum(deviations) >= 0 else -1
    return 1 if balance >= 0 else -1


def _proposed(proposal: Proposal, signals: Signals, taxonomy: Taxonomy, texts: Mapping[int, str]) -> Claim:
    keys = _known_keys(proposal.label, taxonomy)
    if len(keys) == 1:
        return _of_term(taxonomy.terms[keys[0]], signals, taxonomy)
    if keys:
        return _compound(keys, signals, taxonomy)
    claim = _worded(proposal, signals, taxonomy, texts)
    named = taxonomy.merged.get(claim.key)
    if named is None:
        return claim
    if named.term is not None:
        return _of_term(named.term, signals, taxonomy)
    return replace(claim, key=named.key, facet=named.facet, label=named.label)


def _of_term(term: Term, signals: Signals, taxonomy: Taxonomy) -> Claim:
    """What counting says of a term that the model named; a claim without readings where no event is about it."""
    thing = signals.things.get(term.key) or Thing(term.key, term.facet, term.label)
    return _counted(thing, signals, taxonomy, proposed=True)


def _known_keys(label: Label, taxonomy: Taxonomy) -> list[str]:
    """Keys of the things that the whole label names, sorted; [] where any part of it names nothing known."""
    for whole in (label.en, label.zh):
        if (term := taxonomy.resolve(whole)) is not None:
            return [term.key]
    keys: set[str] = set()
    words = _WORD.findall(label.en.casefold())
    at = 0
    while at < len(words):
        for length in (3, 2, 1):
            term = taxonomy.resolve(" ".join(words[at : at + length]))
            if term is not None:
                keys.add(term.key)
                at += length
                break
        else:
            if words[at] not in _FILLER:
                return []
            at += 1
    return sorted(keys)


def _compound(keys: list[str], signals: Signals, taxonomy: Taxonomy) -> Claim:
    """Events that are all of several things at once."""
    terms = [taxonomy.terms[key] for key in keys]
    label = Label(en=" & ".join(term.label.en for term in terms), zh="+".join(term.label.zh for term in terms))
    key, facet = "+".join(keys), terms[0].facet
    things = [signals.things.get(part) for part in keys]
    if any(thing is None for thing in things):
        return Claim(key, facet, label, 1, "observed", (), proposed=True)
    by_event = [{reading.at: reading for reading in thing.readings} for thing in things if thing is not None]
    shared = sorted(set.intersection(*(set(readings) for readings in by_event)))
    readings = tuple(by_event[0][index] for index in shared)
    sign = _leaning(readings, facet, signals, taxonomy)
    return Claim(key, facet, label, sign, "observed", readings, proposed=True)


def _worded(proposal: Proposal, signals: Signals, taxonomy: Taxonomy, texts: Mapping[int, str]) -> Claim:
    """A tag the taxonomy does not know: the events whose own text carries its label.

    Args:
        texts: What the user wrote, casefolded, by the place of its event.
    """
    readings: list[Reading] = []
    names = (proposal.label.en.casefold(), proposal.label.zh)
    for index, text in texts.items():
        for words in names:
            if (start := text.find(words)) >= 0:
                own, end = signals.events[index].text, start + len(words)
                readings.append(Reading(index, said(own, start, end), None, own[start:end]))
                break
    slug = "-".join(_WORD.findall(proposal.label.en.casefold())) or proposal.label.zh
    sign = proposal.polarity
    if readings and sign != 0:
        sign = _leaning(readings, proposal.facet, signals, taxonomy)
    return Claim(
        f"open/{slug}", proposal.facet, proposal.label, sign, "inferred", tuple(readings), proposed=True, worded=True
    )
