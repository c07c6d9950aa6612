from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from evals import gate
from evals.runs import MetricKind, Output, Run
from evals.tasks import TASKS
from limner.errors import InputError
from tests.evals.stored import stored

SHIPPED = Path(gate.__file__).with_name("gate.yaml")


def run(home: Path, name: str, score: float, users: int = 20, **header: Any) -> Run:
    """A score that is the same in each user's ten cases."""
    return stored(home, name, {f"u{at}/1": {"f1": (10 * score, 10)} for at in range(users)}, **header)


def asked(home: Path, text: str) -> gate.Rules:
    file = home / "gate.yaml"
    file.write_text(text, "utf-8")
    return gate.rules(file)


def met(checked: list[gate.Checked]) -> list[bool]:
    return [one.met for one in checked]


def test_a_run_is_held_against_each_limit(tmp_path: Path) -> None:
    rules = asked(
        tmp_path,
        "rules:\n  - {metric: f1, minimum: 0.8, bound: mean}\n  - {metric: f1, minimum: 0.81, bound: mean}\n"
        "  - {metric: f1, maximum: 0.8, bound: mean}\n  - {metric: f1, maximum: 0.7, bound: best}\n",
    )
    assert met(gate.check(run(tmp_path, "a", 0.8), rules)) == [True, True, False, True, False]


def test_the_worst_end_asks_for_more_than_the_mean_and_the_best_end_for_less(tmp_path: Path) -> None:
    told = {f"u{at}/1": {"f1": float(at % 4 > 0)} for at in range(20)}
    lines = (f"  - {{metric: f1, minimum: {least}, bound: {bound}}}\n" for least in (0.7, 0.8) for bound in gate.ENDS)
    checked = gate.check(stored(tmp_path, "a", told), asked(tmp_path, "rules:\n" + "".join(lines)))
    assert met(checked) == [True, False, True, True, False, False, True]
    assert "at least 0.7 at the worst end" in checked[1].rule
    assert "0.750 (0.5" in checked[1].reason and "more users would show whether it holds" in checked[1].reason


def test_a_run_may_be_worse_by_as_much_as_a_rule_allows(tmp_path: Path) -> None:
    before, after = run(tmp_path, "a", 0.8), run(tmp_path, "b", 0.7)
    for much, bound, expected in ((0.05, "mean", False), (0.1, "mean", True), (0, "best", False), (0.2, "best", True)):
        rules = asked(tmp_path, f"rules:\n  - {{metric: f1, worse_by: {much}, bound: {bound}}}\n")
        assert met(gate.check(after, rules, before)) == [True, expected], (much, bound)
        assert met(gate.check(before, rules, after)) == [True, True]


def test_where_less_is_better_more_is_worse(tmp_path: Path) -> None:
    lower = {"metrics": {"f1": MetricKind(better="lower")}}
    before, after = run(tmp_path, "a", 0.2, **lower), run(tmp_path, "b", 0.4, **lower)
    rules = asked(tmp_path, "rules:\n  - {metric: f1, worse_by: 0, bound: best}\n")
    assert met(gate.check(after, rules, before)) == [True, False]
    assert met(gate.check(before, rules, after)) == [True, True]


def test_few_users_do_not_show_that_a_run_is_no_worse(tmp_path: Path) -> None:
    told = {f"u{at}/1": {"f1": float(at % 3 > 0)} for at in range(9)}
    other = told | {"u0/1": {"f1": 1.0}, "u1/1": {"f1": 0.0}}
    rules = asked(tmp_path, "rules:\n  - {metric: f1, worse_by: 0.05}\n")
    checked = gate.check(stored(tmp_path, "a", told), rules, stored(tmp_path, "b", other))
    assert met(checked) == [True, False]
    assert "be shown not to be worse by more than 0.05" in checked[1].rule
    assert "more users would show whether it holds" in checked[1].reason


def test_a_run_in_which_nothing_changed_is_no_worse(tmp_path: Path) -> None:
    rules = asked(tmp_path, "rules:\n  - {metric: f1, worse_by: 0}\n")
    checked = gate.check(run(tmp_path, "a", 0.8), rules, run(tmp_path, "b", 0.8))
    assert met(checked) == [True, True] and "no sample scored differently" in checked[1].reason


def test_samples_without_an_output_miss_the_gate_unless_the_file_lets_them(tmp_path: Path) -> None:
    judged = run(tmp_path, "a", 0.8, users=9, samples=10)
    judged.add(Output(sample="u9/1", cluster="u9", input="0", output=None, error="AnswerError: no JSON"))
    rule = "rules:\n  - {metric: f1, minimum: 0.5}\n"
    assert met(gate.check(judged, asked(tmp_path, rule))) == [False, True]
    assert met(gate.check(judged, asked(tmp_path, "failed: 0.1\n" + rule))) == [True, True]


def test_a_metric_that_says_nothing_misses_its_rule(tmp_path: Path) -> None:
    silent = run(tmp_path, "a", 0.8, metrics={"f1": MetricKind(), "recall": MetricKind()})
    (_, checked) = gate.check(silent, asked(tmp_path, "rules:\n  - {metric: recall, minimum: 0}\n"))
    assert not checked.met and checked.reason == "Nothing was scored."


@pytest.mark.parametrize(
    ("rule", "header", "complaint"),
    [
        ("{metric: recall, minimum: 0.5}", {}, "films has no metric recall; it has f1"),
        ("{metric: f1, worse_by: 0}", {}, "name the run to hold against with --against"),
        ("{metric: f1, minimum: 0}", {"state": "stopped"}, "is not finished"),
    ],
    ids=["unknown metric", "nothing to hold against", "unfinished"],
)
def test_a_gate_that_cannot_judge_says_why(tmp_path: Path, rule: str, header: dict[str, Any], complaint: str) -> None:
    judged = run(tmp_path, "a", 0.8, **header)
    with pytest.raises(InputError, match=complaint):
        gate.check(judged, asked(tmp_path, f"rules:\n  - {rule}\n"))


def test_what_only_describes_cannot_be_worse(tmp_path: Path) -> None:
    kinds = {"metrics": {"f1": MetricKind(better=None)}}
    rules = asked(tmp_path, "rules:\n  - {metric: f1, worse_by: 0}\n")
    with pytest.raises(InputError, match="f1 only describes"):
        gate.check(run(tmp_path, "a", 0.8, **kinds), rules, run(tmp_path, "b", 0.7, **kinds))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules:\n  - {metric: f1}\n", "gate.yaml: rule 1: a rule has one of minimum, maximum and worse_by"),
        ("rules:\n  - {metric: f1, minimum: 0, maximum: 1}\n", "rule 1: a rule has one of"),
        ("rules:\n  - {metric: f1, minimum: a}\n", "rule 1: minimum: Input should be a valid number"),
        (
            "rules:\n  - {metric: f1, minimum: 0, bound: low}\n",
            "rule 1: bound: Input should be 'worst', 'mean' or 'best'",
        ),
        ("rules:\n  - {metric: f1, worse_by: -1}\n", "rule 1: worse_by: "),
        ("rules:\n  - {metric: f1, minimum: .nan}\n", "rule 1: minimum: Input should be a finite number"),
        ("rules: []\n", "rules: "),
        ("failed: 2\nrules:\n  - {metric: f1, minimum: 0}\n", "failed: "),
        ("metrics: {}\n", "metrics: Extra inputs"),
        ("- a\n", "gate.yaml:1 must be a mapping"),
        ("rules: [\n", "is not YAML"),
    ],
)
def test_a_malformed_gate_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        asked(tmp_path, text)


def test_the_result_is_junit_xml(tmp_path: Path) -> None:
    judged = run(tmp_path, "a", 0.8)
    checked = gate.check(judged, asked(tmp_path, "rules:\n  - {metric: f1, minimum: 0.9}\n"))
    suite = ElementTree.fromstring(gate.junit(judged.header, checked))
    assert suite.attrib["tests"] == "2" and suite.attrib["failures"] == "1"
    good, bad = suite.findall("testcase")
    assert good.find("failure") is None
    failure = bad.find("failure")
    assert failure is not None and failure.attrib["message"].startswith("It is 0.800")


def test_the_gate_that_limner_comes_with_fits_its_tasks() -> None:
    named = {rule.metric for rule in gate.rules(SHIPPED).rules}
    for task in ("sample", "movielens", "douban"):
        assert named <= TASKS[task].scorers.keys()
