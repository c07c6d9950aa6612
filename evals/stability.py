"""Whether a run asked again publishes the same: tags that two runs of the same samples share."""

from __future__ import annotations

from evals.compare import Paired
from evals.runs import MetricKind, Output, Run, Score
from evals.summary import Summary, summarised


def stability(before: Run, after: Run) -> Summary | None:
    """Of the tags that either run publishes of a user, with their polarity, those that both do, 0 to 1.

    Where the second run was asked anew (`limner eval run --fresh`) with nothing changed, it is how far the answers are
    chance. None where the runs publish no tags.

    Source:
        Jaccard, The Distribution of the Flora in the Alpine Zone (New Phytologist 11, 1912), summed over samples.
    """
    paired, (earlier, later) = Paired(before, after), (before.outputs(), after.outputs())
    scores: list[Score] = []
    for sample, cluster in paired.samples.items():
        one, other = published(earlier[sample]), published(later[sample])
        if one is None or other is None:
            return None
        scores.append(
            Score(sample=sample, cluster=cluster, metric="stability", hits=len(one & other), of=len(one | other))
        )
    found = summarised(scores, MetricKind())
    return found if found.n else None


def published(output: Output) -> set[tuple[str, int]] | None:
    """Key and polarity of every tag in an output; None where it is no portrait."""
    tags = output.output.get("tags") if isinstance(output.output, dict) else None
    if tags is None or not all("polarity" in tag for tag in tags):
        return None
    return {(tag["key"], tag["polarity"]) for tag in tags}
