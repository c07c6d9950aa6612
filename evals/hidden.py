"""Whether a tag foresees a rating that was hidden from it: the tasks `hidden-*`; no model is asked.

Of each thing that a user rated at least three times, the newest rating is hidden. Where what is left proves a tag, the
hidden rating lies on the tag's side of the user's own mean, or it does not. Beside it stands how often the user's other
ratings lie on that side: who mostly rates above their mean is easily foreseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents.attribute import attribute
from agents.clean import clean
from agents.series import SERIES
from agents.signals import signals
from agents.verify import verify
from evals.runs import MetricKind, Output
from evals.systems import counting
from evals.task import Sample, Scorer, System, Tally
from limner.domain import History
from prompts.taxonomy import Taxonomy

LEAST_RATINGS = 3
"""Of a thing: a tag needs two."""
GROUPS = (SERIES, "genre")


def foreseen(sample: Sample, taxonomy: Taxonomy) -> dict[str, Any]:
    """The tags that are proven without the newest rating of their thing, and on which side that lies."""
    events = clean(sample.history).history.events
    whole = signals(History(user_id=sample.history.user_id, events=events), taxonomy)
    found: list[dict[str, Any]] = []
    for thing in whole.things.values():
        rated = [reading.at for reading in thing.readings if reading.at in whole.stars]
        if thing.key.partition("/")[0] not in GROUPS or len(rated) < LEAST_RATINGS:
            continue
        hidden = rated[-1]
        rest = History(user_id=sample.history.user_id, events=(*events[:hidden], *events[hidden + 1 :]))
        left = signals(rest, taxonomy)
        for claim in attribute(left, (), (), taxonomy):
            if claim.key == thing.key and verify(claim, taxonomy.facets[claim.facet], left, {}).holds:
                others = [(star - left.mean) * claim.polarity > 0 for star in left.stars.values()]
                right = (whole.stars[hidden] - left.mean) * claim.polarity > 0
                found.append({"key": claim.key, "right": right, "by_chance": sum(others) / len(others)})
    return {"tags": found}


SYSTEMS: Mapping[str, System] = {"counting": counting(foreseen)}


def _told(group: str, what: str) -> Callable[[Sample, Output], Tally | None]:
    """Of the tags of a group, those that foresee the rating, or how many would by chance."""

    def told(sample: Sample, output: Output) -> Tally | None:
        tags = [tag[what] for tag in output.output["tags"] if tag["key"].partition("/")[0] == group]
        return Tally(sum(tags), len(tags)) if tags else None

    return told


SCORERS: Mapping[str, Scorer] = {
    name: Scorer(_told(group, what), MetricKind(better="higher" if what == "right" else None))
    for group in GROUPS
    for what, name in (("right", group), ("by_chance", f"{group}_by_chance"))
}
