"""What profiles of earlier events foretell of later ones, on anybody's own logs: no labels, no model.

Every history is cut in time. limner counts the earlier part into tags, as a run would; the later part, by itself, says
which tags came true (`agents/backtest.py`: the same test that the probabilities are fitted by). Of each user a pool is
made as StreamProfileBench does, a quarter of it true, and every system picks a quarter of it. Beside limner pick

    frequency      whatever the earlier events show most often
    recency        whatever they showed last
    co-occurrence  whatever goes with the user's tags in other users, by the cosine of who has them
    chance         anything

A tag here is a sign and a key, "+genre/horror" or "-genre/horror": who turns round has a new tag. Behaviours and stated
facts are not asked about: later events rarely tell of them. limner's probabilities are those it comes with, since a fit
on these logs has seen what came later.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array, diags_array

from agents.attribute import Claim, attribute
from agents.backtest import came_true, halves, shown
from agents.batch import LEAST_POPULATION
from agents.calibrate import DEFAULT, way
from agents.merge import tags
from agents.signals import AGAINST, Signals
from agents.verify import verify
from evals.streams import QUARTER, Foresight, Pool, foresight
from evals.tallies import harmonic, tally
from evals.task import Tally
from limner.domain import History
from prompts.taxonomy import Taxonomy

SYSTEMS = ("limner", "frequency", "recency", "co-occurrence", "chance")
UNKNOWN = QUARTER
"""What a tag of which a profile says nothing is worth: as much as any in the pool."""


class Halves(NamedTuple):
    """One user: what the earlier events show, and what the later ones say of it."""

    user_id: str
    probability: Mapping[str, float]
    """limner's, of tags; of rated ones also of the opposite, since ratings lie on one side or the other."""
    published: frozenset[str]
    """Tags that limner would serve."""
    events: Mapping[str, int]
    """Earlier events that agree with a tag."""
    newest: Mapping[str, int]
    """The place of the last of them."""
    claimed: frozenset[str]
    """What can be said of the earlier events, proven or not."""
    kept: frozenset[str]
    """Claims that came true."""
    decayed: frozenset[str]
    """Claims that did not; of the others the later events cannot tell."""
    new: frozenset[str]
    """What else the later events show."""


class Forecast(NamedTuple):
    """What one system picked for one user, and how that fared."""

    picked: tuple[str, ...]
    """Best first."""
    foresight: Foresight
    f1_ns: float | None
    """None where nothing was new, or nothing kept; 0 where nothing of either was foreseen."""
    borne_out: Tally | None
    """Of the claims it would publish and later events can judge, those that came true; every system publishes as many
    as limner does. None where limner publishes none."""


def shares(histories: Iterable[History], split: float | datetime, taxonomy: Taxonomy) -> dict[str, float]:
    """Of all earlier events, how many carry a key; empty where there are too few to compare anybody with."""
    carrying, total = Counter[str](), 0
    for history in histories:
        if (parts := halves(history, split, taxonomy)) is not None:
            total += len(parts[0].events)
            carrying.update({key: len({one.at for one in thing.readings}) for key, thing in parts[0].things.items()})
    return {key: count / total for key, count in carrying.items()} if total >= LEAST_POPULATION else {}


def compared(
    history: History, split: float | datetime, taxonomy: Taxonomy, baseline: Mapping[str, float]
) -> Halves | None:
    """A user's halves; None where the history is too short or lies on one side of the split."""
    parts = halves(history, split, taxonomy)
    if parts is None:
        return None
    earlier, later = parts
    claims = attribute(earlier, (), (), taxonomy)
    profile = tags(claims, earlier, taxonomy, baseline, DEFAULT)
    probability = {_signed(tag.key, tag.polarity): tag.probability for tag in profile if tag.polarity}
    probability |= {_signed(tag.key, -tag.polarity): 1 - tag.probability for tag in profile if tag.lift is not None}
    seen = {_signed(key, sign) for key, sign in shown(later, baseline, taxonomy).items()}
    kept, decayed = set[str](), set[str]()
    for claim in claims:
        if not claim.polarity:
            continue
        tag, true = _signed(claim.key, claim.polarity), _verdict(claim, earlier, later, baseline, taxonomy)
        if true or tag in seen:
            kept.add(tag)
        elif true is False:
            decayed.add(tag)
    events, newest = _agreeing(earlier)
    claimed = frozenset(_signed(claim.key, claim.polarity) for claim in claims if claim.polarity)
    return Halves(
        user_id=history.user_id,
        probability=probability,
        published=frozenset(
            _signed(tag.key, tag.polarity) for tag in profile if tag.status == "verified" and tag.polarity
        ),
        events=events,
        newest=newest,
        claimed=claimed,
        kept=frozenset(kept),
        decayed=frozenset(decayed),
        new=frozenset(seen - claimed),
    )


def pools(users: Sequence[Halves]) -> list[Pool]:
    """The pool of each user: a quarter true, the rest drawn evenly from the four kinds of distractor.

    Peers are of the same group and sign as a true tag, or its opposite; viral are those that came true of most users. A
    kind that is short leaves its room to tags at random. Where there are too few distractors, true tags are left out,
    and so always by a draw that only the ids decide.
    """
    true = Counter(tag for user in users for tag in (*user.kept, *user.new))
    often = sorted(true, key=lambda tag: (-true[tag], tag))
    vocabulary = sorted({tag for user in users for tag in (*user.claimed, *user.new)})
    return [_pool(user, often, vocabulary) for user in users]


def picked(users: Sequence[Halves], drawn: Sequence[Pool]) -> dict[str, list[Forecast]]:
    """What every system picks for every user, and how it fares."""
    found: dict[str, list[Forecast]] = {system: [] for system in SYSTEMS}
    for user, pool, together in zip(users, drawn, _cooccurrence(users), strict=True):
        judged = user.kept | user.decayed
        served = user.published & judged
        worth: Mapping[str, tuple[Mapping[str, float], float]] = {
            "limner": (user.probability, UNKNOWN),
            "frequency": (user.events, 0),
            "recency": (user.newest, -1),
            "co-occurrence": (together, 0),
            "chance": ({}, 0),
        }
        for system, (scores, unknown) in worth.items():
            chosen = _best(pool.candidates, pool.picks, scores, unknown, user.user_id)
            claims = served if system == "limner" else set(_best(judged, len(served), scores, unknown, user.user_id))
            fared = foresight(chosen, pool)
            both = None not in (fared.novelty, fared.stability)
            found[system].append(
                Forecast(
                    picked=chosen,
                    foresight=fared,
                    f1_ns=harmonic(fared.novelty or 0, fared.stability or 0) if both else None,
                    borne_out=tally(len(claims & user.kept), len(claims)),
                )
            )
    return found


def _best(tags: Iterable[str], most: int, scores: Mapping[str, float], unknown: float, user_id: str) -> tuple[str, ...]:
    """The tags that a system scores highest, ties by draw."""
    return tuple(sorted(tags, key=lambda tag: (-scores.get(tag, unknown), _draw("pick", user_id, tag)))[:most])


def _verdict(
    claim: Claim, earlier: Signals, later: Signals, baseline: Mapping[str, float], taxonomy: Taxonomy
) -> bool | None:
    proof = way(claim, verify(claim, taxonomy.facets[claim.facet], earlier, baseline))
    return came_true(claim, proof, earlier, later, baseline)


def _agreeing(earlier: Signals) -> tuple[dict[str, int], dict[str, int]]:
    """Per tag, how many events agree with it, and the place of the newest."""
    counts, newest = Counter[str](), dict[str, int]()
    for thing in earlier.things.values():
        for reading in thing.readings:
            if reading.signal is not None:
                tag = _signed(thing.key, -1 if reading.signal in AGAINST else 1)
                counts[tag] += 1
                newest[tag] = reading.at
    return counts, newest


def _pool(user: Halves, often: Sequence[str], vocabulary: Sequence[str]) -> Pool:
    def draw(of: Iterable[str], most: int) -> frozenset[str]:
        return frozenset(sorted(of, key=lambda tag: _draw("pool", user.user_id, tag))[:most])

    true, taken = user.kept | user.new, user.claimed | user.new
    distractors = len(user.decayed) + sum(tag not in taken for tag in vocabulary)
    true = draw(true, distractors // 3)
    room, each = 3 * len(true), 3 * len(true) // 4
    decay = draw(user.decayed, each)
    groups = {tag.partition("/")[0] for tag in true}
    opposites = {_opposite(tag) for tag in true}
    peer = draw(
        (tag for tag in vocabulary if tag not in taken and (tag.partition("/")[0] in groups or tag in opposites)), each
    )
    viral = frozenset([tag for tag in often if tag not in taken and tag not in peer][:each])
    rest = room - len(decay) - len(peer) - len(viral)
    left = [tag for tag in vocabulary if tag not in taken and tag not in peer | viral]
    at_random = draw(left, rest)
    decay |= draw(user.decayed - decay, rest - len(at_random))
    return Pool(true & user.kept, true & user.new, decay, peer, viral, at_random)


def _cooccurrence(users: Sequence[Halves]) -> list[dict[str, float]]:
    """Of each user, how strongly every tag goes with those they have, by the cosine over users.

    Source:
        Sarwar et al., Item-based Collaborative Filtering Recommendation Algorithms (WWW 2001), section 3.
    """
    columns = {tag: at for at, tag in enumerate(sorted({tag for user in users for tag in user.claimed}))}
    rows = [(row, columns[tag]) for row, user in enumerate(users) for tag in sorted(user.claimed)]
    if not rows:
        return [{} for _ in users]
    at, of = zip(*rows, strict=True)
    having: Any = csr_array((np.ones(len(rows)), (at, of)), shape=(len(users), len(columns)))
    unit = having @ diags_array(1 / np.sqrt(having.sum(axis=0)))
    scores = (having @ (unit.T @ unit)).toarray().round(9)
    return [dict(zip(columns, row.tolist(), strict=True)) for row in scores]


def _signed(key: str, polarity: int) -> str:
    return f"{'+' if polarity > 0 else '-'}{key}"


def _opposite(tag: str) -> str:
    return ("-" if tag[0] == "+" else "+") + tag[1:]


def _draw(what: str, user_id: str, tag: str) -> bytes:
    return hashlib.blake2b("\0".join((what, user_id, tag)).encode(), digest_size=8).digest()
