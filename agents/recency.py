"""How lately a user was there, as of the moment it is asked.

Who stays away sends no event, so nothing of theirs is read again; a tag that ages must therefore be counted when it is
read: from the first, the last and the number of active days that are stored, and a moment: the one asked about, or the
time of the newest event of all.

Somebody has lapsed when a silence as long as theirs would be rare for one who comes as they did. With n gaps between
active days over a span S, and every rate as likely as any other before they were seen, a silence of d days or more has
the probability (S / (S + d)) ** n. A user who came once is never said to have lapsed by it.

Source: the predictive distribution of exponential gaps with a scale-free prior, as in Fader, Hardie and Lee, RFM and
CLV (Journal of Marketing Research 42, 2005), the Pareto/NBD without its heterogeneity.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from limner.domain import Counts, Evidence, Label, SignalKind, Tag
from limner.query import LATELY, RARE
from store.events import Activity

CERTAIN = 0.99
"""Of what only the calendar decides."""

GROUP = "recency/"
"""Of the keys."""
State = Literal["new", "active", "away", "lapsed"]
LABELS = {
    "new": Label(en="new user", zh="新用户"),
    "active": Label(en="active lately", zh="近期活跃"),
    "away": Label(en="not seen lately", zh="近期未活跃"),
    "lapsed": Label(en="lapsed", zh="已流失"),
}


def silence(seen: Activity, asked: datetime) -> float:
    """The probability that one who came as this user did is silent for as long, 0 to 1."""
    gaps, span = seen.days - 1, (seen.last - seen.first).total_seconds()
    return (span / (span + max(0.0, (asked - seen.last).total_seconds()))) ** gaps if gaps and span else 1.0


def recency(seen: Activity, asked: datetime) -> Tag:
    """What can be said of a user's coming and staying away."""
    away = max(0, (asked - seen.last).days)
    rare = silence(seen, asked)
    state: State
    if away <= LATELY:
        state = "new" if (asked - seen.first).days <= LATELY else "active"
    else:
        state = "lapsed" if rare <= RARE else "away"
    reason = f"last event {away} days before {asked:%Y-%m-%d}, first {max(0, (asked - seen.first).days)}"
    if seen.days > 1:
        gap = (seen.last - seen.first).total_seconds() / 86_400 / (seen.days - 1)
        reason += f"; usually every {gap:.1f} days, over {seen.days} days with events"
    return Tag(
        facet="behaviour",
        key=f"{GROUP}{state}",
        label=LABELS[state],
        polarity=0,
        probability=round(min(CERTAIN, 1 - rare), 4) if state == "lapsed" else CERTAIN,
        basis="observed",
        status="verified",
        valid_from=seen.first if state == "new" else seen.last,
        measure=away,
        reason=reason,
        counts=Counts(implicit_positive=seen.events),
        evidence=(Evidence(event_id=seen.last_event, signal=SignalKind.IMPLICIT_POSITIVE),),
    )
