"""Verified claims made into the user's tags, and set against the tags they had: what opens, what stays, what ends.

A tag keeps its key over runs. One whose claim no longer holds, or turned round, is retired with the reason; nothing is
overwritten, so that `history` can tell what was said when.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import TypeAdapter

from agents.attribute import Claim
from agents.calibrate import log_odds, probability, way
from agents.signals import AGAINST, IMPLICIT, Signals
from agents.verify import Verdict, verify
from limner.domain import Conflict, Evidence, Fit, Tag
from prompts.taxonomy import Facet, Taxonomy, goods

VERSION = 5

EVIDENCE = TypeAdapter(tuple[Evidence, ...])
MOST_EVIDENCE = 20
"""Events cited per tag; `counts` covers all of them."""
LEAST_ODDS = math.log(0.6 / 0.4)
"""Log-odds by counting below which a claim that passes its rule is not published: its ratings and its acts disagree."""
MOST_OF_CANDIDATE = 5
"""The same for a claim that is not proven."""
MOST_STATED = 40
"""Facts of a facet that are published in the user's own words, beside what counting finds."""
MOST_CANDIDATES = 10
"""Candidates kept per user, the likeliest first."""


class Merged(NamedTuple):
    tags: tuple[Tag, ...]
    """Verified ones first, the surest first; then candidates."""
    retired: tuple[tuple[str, str], ...]
    """Keys of open tags that no longer hold, each with the reason."""


def unsure(sure: float, facet: Facet, fit: Fit) -> str:
    """Why a proven tag of this probability is held back; empty where it is not.

    Where the fit had no claims of the facet, or another precision was asked for then, the probability itself must
    reach the precision.
    """
    wanted, found = facet.rule.precision, fit.abstain.get(facet.id)
    below = found.below if found is not None and found.precision == wanted else wanted
    if sure >= below:
        return ""
    return f"as sure as {sure:.2f}, and {below:.2f} is needed for {wanted:.0%} of such tags to come true"


def tags(
    claims: Sequence[Claim], signals: Signals, taxonomy: Taxonomy, baseline: Mapping[str, float], fit: Fit
) -> tuple[Tag, ...]:
    """Every claim as a tag, verified or candidate; of a facet, so many verified ones, the surest first."""
    verified: list[_Judged] = []
    candidates: list[_Judged] = []
    for claim in claims:
        facet = taxonomy.facets[claim.facet]
        verdict = verify(claim, facet, signals, baseline)
        odds = log_odds(claim, verdict)
        if verdict.holds and odds < LEAST_ODDS:
            verdict = verdict._replace(holds=False, reason=f"{verdict.reason}: other signals speak against it")
        sure = probability(odds, way(claim, verdict), fit)
        if claim.over is not None and claim.basis == "stated":
            candidates.append(_Judged(claim, verdict, 1 - sure, signals.events[claim.over.at].ts))
            continue
        if claim.over is not None and not verdict.holds:
            verdict = verdict._replace(reason=f'said to be over: "{claim.over.span}"; since then {verdict.reason}')
        if verdict.holds and (reason := unsure(sure, facet, fit)):
            verdict = verdict._replace(holds=False, reason=f"{verdict.reason}; {reason}")
        judged = _Judged(claim, verdict, sure)
        (verified if verdict.holds else candidates).append(judged)
    for facet in taxonomy.facets.values():
        if facet.single_valued:
            of_facet = (judged for judged in (*verified, *candidates) if judged.claim.facet == facet.id)
            rivals = [judged for judged in of_facet if judged.verdict.holds or judged.is_over]
            _settle(rivals, signals, verified, candidates)
    published: list[_Judged] = []
    room = {(facet.id, False): facet.most for facet in taxonomy.facets.values()}
    room |= {(facet, True): MOST_STATED for facet, _ in room}
    for judged in sorted(verified, key=_surest):
        kind = judged.claim.facet, judged.claim.basis == "stated"
        if room[kind] > 0:
            room[kind] -= 1
            published.append(judged)
    kept = (*published, *sorted(candidates, key=_surest)[:MOST_CANDIDATES])
    return tuple(_tag(judged, signals) for judged in kept)


def _settle(rivals: Sequence[_Judged], signals: Signals, verified: list[_Judged], candidates: list[_Judged]) -> None:
    """Of several values where one can hold, the one stated last stays as it is; the others are set aside.

    Where that one has ended, no older one takes its place again.
    """
    if len(rivals) < 2:
        return
    *older, newest = sorted(rivals, key=_stated_last)
    since = _since(newest.claim, signals)
    for judged in older:
        if judged.is_over:
            continue
        reason = f"{judged.verdict.reason}; {newest.claim.key} was said later, and one of them can hold"
        verified.remove(judged)
        candidates.append(
            judged._replace(
                verdict=judged.verdict._replace(holds=False, reason=reason),
                probability=min(judged.probability, newest.probability, 1 - newest.probability),
                until=since,
            )
        )


def conflicts(tags: Sequence[Tag], taxonomy: Taxonomy) -> tuple[Conflict, ...]:
    """The tags served of facets that hold one value, each with what was set aside for it."""
    single = {facet.id for facet in taxonomy.facets.values() if facet.single_valued}
    kept = {tag.facet: tag.key for tag in tags if tag.facet in single and tag.status != "candidate"}
    return tuple(
        Conflict(facet=tag.facet, kept=kept[tag.facet], set_aside=tag.key, reason=tag.reason)
        for tag in tags
        if tag.status == "candidate" and tag.basis == "stated" and tag.facet in kept
    )


def merge(previous: Sequence[Tag], found: Sequence[Tag]) -> Merged:
    """The tags to store, and which of the open ones end.

    Args:
        previous: The user's open tags, without their evidence.
        found: What the newest reading of the history gave.
    """
    now = {tag.key: tag for tag in found}
    retired: list[tuple[str, str]] = []
    for old in previous:
        new = now.get(old.key)
        if new is None:
            retired.append((old.key, "the history no longer speaks about it enough"))
        elif new.polarity != old.polarity:
            retired.append((old.key, f"turned round: {new.reason}"))
        elif old.status == "verified" and new.status == "candidate":
            retired.append((old.key, f"no longer verified: {new.reason}"))
    return Merged(tuple(found), tuple(retired))


class _Judged(NamedTuple):
    claim: Claim
    verdict: Verdict
    probability: float
    until: datetime | None = None
    """When another claim took its place, or the user said that it is over."""

    @property
    def is_over(self) -> bool:
        return self.claim.over is not None and self.claim.basis == "stated"


def _stated_last(judged: _Judged) -> int:
    """The place of the last event that states the claim."""
    return max(reading.at for reading in judged.claim.readings if not reading.ends)


def _surest(judged: _Judged) -> tuple[float, int, str]:
    return -judged.probability, -judged.verdict.counts.total, judged.claim.key


def _tag(judged: _Judged, signals: Signals) -> Tag:
    claim, verdict, sure, until = judged
    return Tag(
        facet=claim.facet,
        key=claim.key,
        label=goods.label(claim.key, claim.label),
        polarity=claim.polarity,
        probability=round(sure, 4),
        basis=claim.basis,
        status="verified" if verdict.holds else "candidate",
        valid_from=_since(claim, signals),
        valid_to=until,
        lift=round(verdict.lift.mean, 4) if verdict.lift else None,
        measure=round(claim.behaviour.measure, 4) if claim.behaviour else None,
        reason=verdict.reason,
        counts=verdict.counts,
        evidence=_evidence(claim, signals, MOST_EVIDENCE if verdict.holds else MOST_OF_CANDIDATE),
    )


def _since(claim: Claim, signals: Signals) -> datetime | None:
    """The time of the oldest dated event that agrees with a claim."""
    against = claim.polarity < 0
    for reading in claim.readings:
        if reading.signal is not None and (reading.signal in AGAINST) == against:
            time = signals.events[reading.at].ts
            if time is not None:
                return time
    return None


def _evidence(claim: Claim, signals: Signals, most: int) -> tuple[Evidence, ...]:
    """The events to cite: those that agree with the claim by strength and recency, then those against it.

    Of what is stated, the words that state it come before all else; of what has ended, those that say so.
    """
    favour, stated = claim.polarity >= 0, claim.basis == "stated"
    spoken = sorted(
        [
            (
                not reading.ends,
                (reading.signal in AGAINST) == favour,
                stated and reading.signal in IMPLICIT,
                -abs(reading.deviation or 0.0),
                -reading.at,
                reading,
            )
            for reading in claim.readings
            if reading.signal is not None
        ]
    )
    return EVIDENCE.validate_python(
        [
            {"event_id": signals.events[reading.at].event_id, "signal": reading.signal, "span": reading.span}
            for *_, reading in spoken[:most]
        ]
    )
