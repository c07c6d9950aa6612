"""What the `propose` prompt earns for its tokens, by itself: the tasks `proposals-*`.

Counted things stand without a model. What the prompt adds are tags that counting proves and that would not be there had
no model named them. A wording beside the one in use is asked with LIMNER_PROMPTS='["propose.v2"]', and `limner eval
compare` sets the two runs side by side, user by user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents import attribute, batch, clean, merge, propose
from agents.model import Ledger, Model
from evals.runs import MetricKind, Output
from evals.systems import asking
from evals.task import Sample, Scorer, System, Tally, tokens
from limner.app import App
from limner.errors import AnswerError


async def named(sample: Sample, model: Model, ledger: Ledger, app: App) -> dict[str, Any]:
    """What the model names of a user, which of that counting proves, and all that is proven with and without it."""
    parts = app.parts(())
    reading = batch.read(clean.clean(sample.history), parts)
    refused = ""
    try:
        proposals = await propose.propose(
            batch.told(reading, parts.taxonomy, model.count_tokens),
            reading.lang,
            user_id=sample.id,
            model=model,
            prompt=app.prompt("propose"),
            taxonomy=parts.taxonomy,
            ledger=ledger,
        )
    except AnswerError as error:  # what it cost counts all the same
        proposals, refused = [], str(error)

    def proven(said: Sequence[propose.Proposal]) -> tuple[set[str], set[str]]:
        claims = attribute.attribute(reading.signals, reading.habits, said, parts.taxonomy)
        tags = merge.tags(claims, reading.signals, parts.taxonomy, {}, parts.fit)
        verified = {tag.key for tag in tags if tag.status == "verified"}
        return verified, verified & {claim.key for claim in claims if claim.proposed}

    (counted, _), (verified, held) = proven(()), proven(proposals)
    return {
        "named": [one.label.en for one in proposals],
        "refused": refused,
        "held": sorted(held),
        "added": sorted(verified - counted),
        "verified": sorted(verified),
    }


SYSTEMS: Mapping[str, System] = {"propose": asking(named, "propose")}


# --- the scorers ---


def _for_tokens(which: str) -> Callable[[Sample, Output], Tally]:
    """So many for 1,000 tokens asked and answered; n is thousands of tokens."""

    def earned(sample: Sample, output: Output) -> Tally:
        return Tally(len(output.output[which]), tokens(sample, output) / 1000)

    return earned


def held(sample: Sample, output: Output) -> Tally:
    """Of the tags that are named, those that counting proves."""
    return Tally(len(output.output["held"]), len(output.output["named"]))


def answered(sample: Sample, output: Output) -> float:
    """Whether the answer had the promised shape, the second one at the latest."""
    return float(not output.output["refused"])


SCORERS: Mapping[str, Scorer] = {
    "verified_for_1000_tokens": Scorer(_for_tokens("verified"), MetricKind(unit="tags")),
    "added_for_1000_tokens": Scorer(_for_tokens("added"), MetricKind(unit="tags")),
    "held": Scorer(held),
    "answered": Scorer(answered),
    "tokens": Scorer(tokens, MetricKind(better="lower", unit="tokens")),
}
