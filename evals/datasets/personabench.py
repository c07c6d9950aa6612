"""PersonaBench: private facts and preferences recovered from chats and purchases. See personabench.md."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.datasets.histories import histories, rows
from evals.portraits import LESS, named_by
from evals.runs import Output
from evals.task import DATA, Dataset, Sample, Scorer, Tally
from prompts.taxonomy import Taxonomy

OWN = {"Basic information": "basic", "Preference": "preference"}
"""What is said of the user; the other categories speak of friends, or ask for a letter."""
_WORD = re.compile(r"\w+")


def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
    """A sample a user."""
    events, questions = files
    gold: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows(questions):
        if row["category"] in OWN:
            gold[row["user_id"]][OWN[row["category"]]].update(_values(row["answer"]))
            gold[row["user_id"]]["outdated"].update(_values(row["outdated_value"]))
    return [
        Sample(
            user_id,
            history,
            {
                "basic": sorted(gold[user_id]["basic"]),
                "preference": sorted(gold[user_id]["preference"]),
                "outdated": sorted(gold[user_id]["outdated"] - gold[user_id]["basic"] - gold[user_id]["preference"]),
            },
            about={event.event_id: named_by(event, taxonomy) for event in history.events},
        )
        for user_id, history in histories(events).items()
    ]


def _values(answer: Any) -> Iterator[str]:
    """The single values of an answer: of a list each, of an object its values."""
    match answer:
        case None:
            return
        case list():
            for part in answer:
                yield from _values(part)
        case dict():
            for part in answer.values():
                yield from _values(part)
        case _:
            yield str(answer)


PERSONABENCH = Dataset(
    "personabench", (DATA / "personabench" / "events.jsonl", DATA / "personabench" / "questions.jsonl"), read
)


def _told(output: Output) -> list[list[str]]:
    """The words of every published tag that is no dislike: of its English label, and of its key."""
    names = [
        [tag["label"]["en"], tag["key"].partition("/")[2].replace("-", " ")]
        for tag in output.output["tags"]
        if tag["polarity"] >= 0
    ]
    return [_words(name) for both in names for name in both]


def _words(text: str) -> list[str]:
    """Words without case and plural."""
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _WORD.findall(text.casefold())]


def says(told: Sequence[Sequence[str]], value: str) -> bool:
    """Whether a tag holds all words of a value, side by side and in order."""
    wanted = _words(value)
    return any(
        list(words[at : at + len(wanted)]) == wanted for words in told for at in range(len(words) - len(wanted) + 1)
    )


def _recovered(of: str) -> Callable[[Sample, Output], Tally]:
    """Of the values that are true, those that a published tag says word for word."""

    def recovered(sample: Sample, output: Output) -> Tally:
        told, wanted = _told(output), sample.reference[of]
        return Tally(sum(says(told, value) for value in wanted), len(wanted))

    return recovered


def outdated(sample: Sample, output: Output) -> Tally:
    """Of the values that were true once and are no longer, those that are published all the same."""
    told, gone = _told(output), sample.reference["outdated"]
    return Tally(sum(says(told, value) for value in gone), len(gone))


def current(sample: Sample, output: Output) -> Tally:
    """Of the published values that were ever true, those that are true now."""
    told = _told(output)
    true = sum(says(told, value) for value in (*sample.reference["basic"], *sample.reference["preference"]))
    return Tally(true, true + sum(says(told, value) for value in sample.reference["outdated"]))


SCORERS: Mapping[str, Scorer] = {
    "recovered_basic": Scorer(_recovered("basic")),
    "recovered_preference": Scorer(_recovered("preference")),
    "outdated": Scorer(outdated, LESS),
    "current": Scorer(current),
}
