"""What people say to like and dislike, in lines whose names are marked; see tastes.md.

The lines of `prompts/tastes` are what names are learnt from, so those of each hand are read by what is learnt from all
the others. `sealed-tastes.json` is by a hand that nobody who works on limner has read: it says how much is heard.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from agents import listen, naming
from evals.runs import MetricKind, Output
from evals.tallies import counted, tally
from evals.task import Bench, Dataset, Sample, Scorer, System, Tally
from limner.domain import Event
from prompts.tastes import Line, lines, unmarked
from prompts.taxonomy import Taxonomy
from prompts.wordings import LANGUAGES

MARKED = Path(str(files("prompts") / "tastes" / "tastes.yaml"))
SEALED = Path(__file__).with_name("sealed-tastes.json")


def _names(_: Sequence[Path], __: Taxonomy) -> list[Sample]:
    """A sample is a line from its first name on."""
    return [
        Sample(
            f"{line.language} {line.hand} {at}",
            {"text": line.text, "start": line.marks[0].start},
            {"end": line.marks[0].end},
            groups={"language": line.language, "hand": str(line.hand)},
        )
        for at, line in enumerate(lines())
        if line.marks
    ]


def _read_by_others(bench: Bench) -> str:
    left = {sample.id: sample for sample in bench.left}
    for hand in sorted({sample.groups["hand"] for sample in left.values()}):
        with tempfile.TemporaryDirectory() as folder:
            naming.fit([line for line in lines() if str(line.hand) != hand], Path(folder))
            names = naming.Names(Path(folder))
            for sample in left.values():
                if sample.groups["hand"] == hand:
                    given = _given(sample)
                    found = names.read(given["text"], given["start"])
                    bench.finish(sample, {"end": found[0][1] if found else None})
    return ""


def _sure(_: Sample, output: Output) -> float:
    return float(output.output["end"] is not None)


def _exact(sample: Sample, output: Output) -> float | None:
    end = output.output["end"]
    return None if end is None else float(end == sample.reference["end"])


def _said(paths: Sequence[Path], _: Taxonomy) -> list[Sample]:
    """A sample is a line, as a message."""
    written = orjson.loads(paths[0].read_bytes())
    return [
        _sample(unmarked(line, language), f"{language} {at}")
        for language in LANGUAGES
        for at, line in enumerate(written[language])
    ]


def _sample(line: Line, name: str) -> Sample:
    return Sample(name, {"text": line.text}, [[*mark] for mark in line.marks], groups={"language": line.language})


def _heard(bench: Bench) -> str:
    for sample in bench.left:
        event = Event(event_id="1", user_id="1", kind="message", text=_given(sample)["text"])
        heard = [fact for fact in listen.plainly([event], bench.app.taxonomy) if fact.polarity]
        bench.finish(sample, [[fact.span, fact.polarity] for fact in heard])
    return ""


def _given(sample: Sample) -> Mapping[str, Any]:
    assert isinstance(sample.given, Mapping)
    return sample.given


def _marked(sample: Sample, output: Output) -> list[int | None]:
    """Of each taste that was heard, the mark that it means; None where it means none."""
    text = _given(sample)["text"]
    return [_mark(sample.reference, text.find(span), len(span), polarity) for span, polarity in output.output]


def _mark(marks: Sequence[Sequence[int]], begin: int, length: int, polarity: int) -> int | None:
    """The last mark that begins in the words that say so, if it leans as they do."""
    inside = [at for at, (start, end, _) in enumerate(marks) if start < begin + length and end > begin]
    return inside[-1] if inside and marks[inside[-1]][2] == polarity else None


def _found(sample: Sample, output: Output) -> Tally | None:
    return tally(len(set(_marked(sample, output)) - {None}), len(sample.reference))


def _right(sample: Sample, output: Output) -> Tally | None:
    return counted(mark is not None for mark in _marked(sample, output))


def _false_alarm(sample: Sample, output: Output) -> float | None:
    return None if sample.reference else float(bool(output.output))


NAMES = Dataset("names", (MARKED,), _names)
NAMES_SYSTEMS = {"others": System(_read_by_others)}
NAMES_SCORERS = {"exact": Scorer(_exact), "sure": Scorer(_sure, MetricKind(better=None))}
TASTES = Dataset("tastes", (SEALED,), _said)
TASTES_SYSTEMS = {"limner": System(_heard)}
TASTES_SCORERS = {
    "found": Scorer(_found),
    "right": Scorer(_right),
    "heard_where_nothing_is_said": Scorer(_false_alarm, MetricKind(better="lower")),
}
