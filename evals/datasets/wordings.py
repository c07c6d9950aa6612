"""The wordings of `prompts/wordings`, each read by all the others, and clauses that only look like them.

A wording is read right where the reading that is taken is its own, wrong where it is another, and in doubt where none
leads; then whoever asks is offered the likeliest. A twisted clause (`twisted.json`) says something else than any
wording, so whatever it is read as is wrong. See wordings.md and twisted.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

import orjson

from agents.plan import OFFERED, Plan, Unread, plan
from agents.precedents import Masked, Precedents, clear, undenied
from agents.terms import Vocabulary
from evals.runs import MetricKind, Output
from evals.task import Bench, Dataset, Sample, Scorer, System
from limner import query
from limner.domain import Language
from prompts.taxonomy import Taxonomy
from prompts.wordings import NAME, OTHERS, TIME, wordings

FILES = tuple(Path(str(files("prompts") / "wordings" / f"{name}.yaml")) for name in ("leanings", "habits", "others"))
TWISTED_FILE = Path(__file__).with_name("twisted.json")
ASKED = {"en": "Which users {}?", "zh": "哪些用户{}？"}
FILLED = {"en": {NAME: "horror", TIME: "in 2018"}, "zh": {NAME: "恐怖片", TIME: "2018年"}}


def _read(_: Sequence[Path], __: Taxonomy) -> list[Sample]:
    return [
        Sample(
            f"{one.language} {one.means} | {one.text}",
            {"language": one.language, "text": one.text},
            {"means": one.means},
            groups={"language": one.language},
        )
        for one in wordings()
        if one.means != OTHERS
    ]


def _solve(bench: Bench) -> str:
    precedents = bench.app.vocabulary(bench.told).precedents
    assert precedents is not None
    read = {(one.language, one.text): readings for one, readings in precedents.left_out()}
    for sample in bench.left:
        assert isinstance(sample.given, Mapping)
        text = sample.given["text"]
        readings = read[sample.given["language"], text]
        taken = clear(Masked(text), readings, lambda _: True, _undenied(text, sample.given["language"], precedents))
        offered = [reading.means for reading in readings if reading.means != OTHERS][:OFFERED]
        bench.finish(sample, {"taken": None if taken is None else taken.means, "offered": offered})
    return ""


def _undenied(text: str, language: Language, precedents: Precedents) -> frozenset[str] | None:
    if (left := undenied(text)) == text:
        return frozenset()
    readings = precedents.readings(left, language) if left else []
    return next((frozenset({one.means}) for one in readings if one.means != OTHERS), None)


def _right(sample: Sample, output: Output) -> float:
    return float(output.output["taken"] == sample.reference["means"])


def _wrong(sample: Sample, output: Output) -> float:
    return float(output.output["taken"] not in (None, sample.reference["means"]))


def _taken_right(sample: Sample, output: Output) -> float | None:
    return None if output.output["taken"] is None else _right(sample, output)


def _offered(sample: Sample, output: Output) -> float:
    return float(sample.reference["means"] in output.output["offered"])


# --- clauses that only look like wordings ---


def _twisted(files: Sequence[Path], __: Taxonomy) -> list[Sample]:
    """Constants were chosen on one half, drawn by hash; the other says how they do."""
    said = orjson.loads(files[0].read_bytes())
    return [
        Sample(
            f"{language} {clause}",
            {"language": language, "clause": clause},
            groups={"language": language, "half": "chosen on" if blake2b(clause.encode()).digest()[0] % 2 else "kept"},
        )
        for language in said
        for clause in said[language]
    ]


def _solve_twisted(bench: Bench) -> str:
    vocabulary = bench.app.vocabulary(bench.told)
    for sample in bench.left:
        assert isinstance(sample.given, Mapping)
        language, clause = sample.given["language"], sample.given["clause"]
        for sign, word in FILLED[language].items():
            clause = clause.replace(sign, word)
        bench.finish(sample, _asked(ASKED[language].format(clause), vocabulary))
    return ""


def _asked(question: str, vocabulary: Vocabulary) -> dict[str, object]:
    """What a question is read as, and by what; what is offered where it is not read."""
    for by, meant in (("rules", False), ("likeness", True)):
        try:
            read: Plan = plan(question, vocabulary, meant=meant)
        except Unread as unread:
            offered = [one.plain for one in unread.near]
        else:
            return {"read": query.plain(read.query), "by": by}
    return {"read": None, "offered": offered}


def _read_by(by: str) -> Scorer:
    return Scorer(lambda _, output: float(output.output.get("by") == by), MetricKind(better="lower"))


WORDINGS = Dataset("wordings", FILES, _read)
TWISTED = Dataset("twisted", (TWISTED_FILE,), _twisted)
TWISTED_SYSTEMS: Mapping[str, System] = {"limner": System(_solve_twisted)}
TWISTED_SCORERS: Mapping[str, Scorer] = {"read_by_rules": _read_by("rules"), "read_by_likeness": _read_by("likeness")}
SYSTEMS: Mapping[str, System] = {"limner": System(_solve)}
SCORERS: Mapping[str, Scorer] = {
    "read_right": Scorer(_right),
    "read_wrong": Scorer(_wrong, MetricKind(better="lower")),
    "right_of_those_read": Scorer(_taken_right),
    "right_one_offered": Scorer(_offered),
}
