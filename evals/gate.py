"""Whether a run is good enough: rules in a file, each met or missed, with the reason in plain words.

    failed: 0.02                   # share of samples that may be without an output; 0 if not given
    rules:
      - metric: polarity_precision
        minimum: 0.95              # or `maximum`, or `worse_by`: at most so much worse than the run it is held against
        bound: worst               # the end of the 95 % interval that must meet it: worst (if not given), mean, best

`worst` asks that the rule is shown to be met, and few users make it hard; `best` asks only that it is not shown to be
missed. `worse_by: 0` at the best end is the gate that lets nothing pass that is shown to be worse: where nothing
changed it raises a false alarm in at most 5 of 100 runs, however many such rules there are. A rule on what a model
judged is missed, whatever the number, where the judge's card (`evals/judge.py`) does not allow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Self
from xml.etree import ElementTree

from pydantic import Field, FiniteFloat, ValidationError, model_validator

from evals.compare import ALPHA, Paired, Pairs, holm
from evals.judge import barred
from evals.runs import Better, Header, Run
from evals.summary import Summary, summary
from limner.domain import Value
from limner.errors import InputError
from prompts.document import read

Bound = Literal["worst", "mean", "best"]
ENDS = {
    "worst": "at the worst end of its 95 % interval",
    "mean": "on average",
    "best": "at the best end of its interval",
}

ROUNDING = 1e-9
"""A difference of two shares may miss a limit that it equals by so much."""


class Rule(Value):
    """What one metric must reach."""

    metric: str
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None
    worse_by: FiniteFloat | None = Field(default=None, ge=0)
    bound: Bound = "worst"

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if sum(limit is not None for limit in (self.minimum, self.maximum, self.worse_by)) != 1:
            raise ValueError("a rule has one of minimum, maximum and worse_by")
        return self

    def words(self) -> str:
        """What is asked, as `must` goes on."""
        if self.worse_by is not None:
            much = f"by more than {self.worse_by:g}" if self.worse_by else "at all"
            asked = {"worst": "be shown not to be worse", "mean": "not be worse", "best": "not be shown to be worse"}
            return f"{asked[self.bound]} {much}"
        limit = f"at least {self.minimum:g}" if self.minimum is not None else f"at most {self.maximum:g}"
        return f"be {limit} {ENDS[self.bound]}"


class Rules(Value):
    """A gate file."""

    failed: float = Field(default=0.0, ge=0, le=1)
    rules: tuple[Rule, ...] = Field(min_length=1)

    @property
    def compares(self) -> bool:
        """Whether a run to hold against is needed."""
        return any(rule.worse_by is not None for rule in self.rules)


class Checked(NamedTuple):
    """A rule, and whether a run meets it."""

    metric: str
    rule: str
    met: bool
    reason: str
    """What was seen, in a sentence."""


def rules(path: Path) -> Rules:
    """The rules of a gate file.

    Raises:
        InputError: it cannot be read, or is no such file; the message says where.
    """
    try:
        return Rules.model_validate(read(path, InputError).data)
    except ValidationError as error:
        wrong = "; ".join(f"{_place(one['loc'])}{one['msg'].removeprefix('Value error, ')}" for one in error.errors())
        raise InputError(f"{path.name}: {wrong}. The docstring of evals/gate.py shows a gate file.") from error


def _place(parts: Sequence[int | str]) -> str:
    """Where in a gate file something is wrong: `rule 2: bound: `."""
    words = [
        f"rule {part + 1}" if isinstance(part, int) else part for part in parts if part != "rules" or len(parts) == 1
    ]
    return "".join(f"{word}: " for word in words)


def check(run: Run, asked: Rules, against: Run | None = None) -> list[Checked]:
    """Every rule of a gate, first that of failed samples, each met or missed.

    Raises:
        InputError: a rule names a metric that the run lacks, or asks for a run to hold against and there is none, or
            one of the runs is not finished, or the two cannot be paired.
    """
    header = run.header
    for one in (run, against):
        if one is not None and one.header.state != "done":
            raise InputError(
                f"Run {one.header.run} is not finished ({one.header.state}), and a gate judges whole runs: "
                f"`limner eval run {one.header.task} --system {one.header.system} --resume` goes on with it."
            )
    unknown = [rule.metric for rule in asked.rules if rule.metric not in header.metrics]
    if unknown:
        raise InputError(f"{header.task} has no metric {unknown[0]}; it has {', '.join(header.metrics)}.")
    if asked.compares and against is None:
        raise InputError("A rule says worse_by: name the run to hold against with --against RUN.")
    found = summary(run)
    differences = _differences(Paired(against, run), asked) if asked.compares and against is not None else {}
    outputs = run.outputs()
    checked = [
        differences[rule] if rule.worse_by is not None else _absolute(rule, found[rule.metric]) for rule in asked.rules
    ]
    return [
        _failed(asked.failed, header.samples, sum(one.error is not None for one in outputs.values())),
        *(_trusted(one, barred(run, one.metric)) for one in checked),
    ]


def _trusted(one: Checked, barred: str) -> Checked:
    """A rule as it was checked; missed where it rests on a judge that cannot be trusted."""
    return one._replace(met=False, reason=f"{one.reason} {barred}") if barred else one


def _failed(most: float, samples: int, failed: int) -> Checked:
    share = failed / samples if samples else 1.0
    return Checked(
        "samples",
        f"have an output, but for {most:.1%} of them" if most else "all have an output",
        share <= most and samples > 0,
        f"{failed:,} of {samples:,} have none" + (f" ({share:.1%})." if failed else "."),
    )


def _absolute(rule: Rule, seen: Summary) -> Checked:
    """A rule on the number itself."""
    if seen.mean is None:
        return Checked(rule.metric, rule.words(), False, "Nothing was scored.")
    low, high = (seen.mean if end is None else end for end in (seen.low, seen.high))
    lowest, limit = rule.minimum is not None, rule.minimum if rule.minimum is not None else rule.maximum
    assert limit is not None
    value = {"worst": low if lowest else high, "mean": seen.mean, "best": high if lowest else low}[rule.bound]
    met = value >= limit if lowest else value <= limit
    told = f"It is {seen.mean:.3f} ({low:.3f} to {high:.3f}, n {seen.n:,}, {seen.clusters:,} users)."
    if not met and rule.bound == "worst" and (seen.mean >= limit if lowest else seen.mean <= limit):
        told += " The mean meets it: more users would show whether it holds."
    return Checked(rule.metric, rule.words(), met, told)


def _differences(paired: Paired, asked: Rules) -> dict[Rule, Checked]:
    """The rules on how a run compares, each checked; those that only a proof can miss share the 5 % of false alarms."""
    rules = [rule for rule in asked.rules if rule.worse_by is not None]
    pairs = {rule: paired.pairs(rule.metric) for rule in rules}
    shown = holm(
        {
            str(at): pairs.p(_limit(rule, paired.kind(rule.metric).better))
            for at, (rule, pairs) in enumerate(pairs.items())
            if rule.bound == "best" and pairs is not None
        }
    )
    return {
        rule: _difference(rule, one, paired.kind(rule.metric).better, shown.get(str(at), 1.0), paired.before.run)
        for at, (rule, one) in enumerate(pairs.items())
    }


def _limit(rule: Rule, better: Better | None) -> float:
    """The difference from which on a run is too much worse."""
    if better is None:
        raise InputError(
            f"{rule.metric} only describes: neither more nor less of it is worse, so no rule can ask for it."
        )
    assert rule.worse_by is not None
    return -rule.worse_by if better == "higher" else rule.worse_by


def _difference(rule: Rule, pairs: Pairs | None, better: Better | None, p: float, other: str) -> Checked:
    limit = _limit(rule, better)
    if pairs is None:
        return Checked(rule.metric, rule.words(), False, f"It was not scored in both this run and {other}.")
    sign = 1 if better == "higher" else -1
    interval = pairs.interval
    told = f"Against {other} it went from {pairs.before:.3f} to {pairs.after:.3f}, "
    if not pairs.changed:
        return Checked(
            rule.metric, rule.words(), True, f"{told}with no sample scored differently, n {pairs.samples:,}."
        )
    between = f" ({interval[0]:+.3f} to {interval[1]:+.3f})" if interval else ""
    told += f"{pairs.delta:+.3f}{between}, n {pairs.samples:,}, {pairs.users:,} users."
    beyond = sign * (pairs.delta - limit) < -ROUNDING
    if rule.bound == "best":
        least = pairs.detectable()
        found = "Nothing could have been" if least is None else f"A true difference of {least:.3f} would have been"
        chance = f"p {p:.3f}" if p >= 0.001 else "p < 0.001"
        return Checked(rule.metric, rule.words(), not (beyond and p <= ALPHA), f"{told} {chance}. {found} found.")
    if rule.bound == "mean":
        return Checked(rule.metric, rule.words(), not beyond, told)
    if interval is None:
        return Checked(rule.metric, rule.words(), False, f"{told} Too few users to tell.")
    met = min(sign * (end - limit) for end in interval) >= -ROUNDING
    if not met and not beyond:
        more = pairs.more_users(pairs.delta - limit)
        told += f" The mean meets it: about {more:,} more users would show whether it holds." if more else ""
    return Checked(rule.metric, rule.words(), met, told)


def junit(header: Header, checked: Sequence[Checked]) -> bytes:
    """The result as JUnit XML, a test case a rule, as CI systems show it."""
    failures = sum(not one.met for one in checked)
    suite = ElementTree.Element("testsuite", name=f"gate of {header.task}", tests=str(len(checked)))
    suite.set("failures", str(failures))
    suite.set("timestamp", f"{header.started_at:%Y-%m-%dT%H:%M:%S}")
    for one in checked:
        case = ElementTree.SubElement(suite, "testcase", classname=header.task, name=f"{one.metric} must {one.rule}")
        if not one.met:
            ElementTree.SubElement(case, "failure", message=one.reason)
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))
