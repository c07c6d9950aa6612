"""What a run leaves behind can be read after anything that may befall it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.runs import Header, MetricKind, Output, Run, Runs, Score
from evals.summary import summarised, summary
from limner.errors import BusyError, InputError, StoreError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def header(run: str = "20261122-061500-3f2a", **changes: object) -> Header:
    plain = Header(
        run=run,
        task="sample",
        task_version=1,
        system="limner",
        dataset="sample",
        dataset_digest="0" * 16,
        samples=2,
        model=None,
        prompts={},
        taxonomy="starter 1",
        limner="0",
        seed=0,
        settings={"limit": None},
        metrics={"precision": MetricKind(), "error": MetricKind(measure="brier", better="lower")},
        started_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    return plain.model_copy(update=changes)


def output(sample: str, **changes: object) -> Output:
    return Output(sample=sample, cluster=sample, input="0" * 16, output={"tags": []}).model_copy(update=changes)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Runs(tmp_path).start(header())


def test_what_is_written_is_read_again(run: Run) -> None:
    made = output("a", output={"名": ["\u2028", 1.5]}, groups={"language": "zh"}, tokens={"in": 3, "out": 1})
    run.add(made)
    run.score([Score(sample="a", cluster="a", metric="error", points=((0.5, 1.0),))])
    assert run.outputs() == {"a": made}
    assert run.scores() == [Score(sample="a", cluster="a", metric="error", points=((0.5, 1.0),))]
    assert run.header == header()


def test_any_json_survives(tmp_path_factory: pytest.TempPathFactory) -> None:
    run = Runs(tmp_path_factory.mktemp("runs")).start(header())

    @given(JSON)
    def survives(value: object) -> None:
        run.add(output("a", output=value))
        assert run.outputs()["a"].output == value

    survives()


def test_a_torn_last_line_is_passed_over_and_cut_off_by_whoever_goes_on(run: Run) -> None:
    run.add(output("a"))
    whole = (run.folder / "samples.jsonl").read_bytes()
    for torn in (b"", b'{"sample":"b","clus', '{"sample":"茶'.encode()[:-1]):
        (run.folder / "samples.jsonl").write_bytes(whole + torn)
        assert list(run.outputs()) == ["a"]
        with run.held():
            run.add(output("b"))
        assert list(run.outputs()) == ["a", "b"]


def test_a_line_in_the_middle_that_is_none_is_an_error_that_names_it(run: Run) -> None:
    (run.folder / "samples.jsonl").write_bytes(b"not json\n")
    with pytest.raises(StoreError, match=r"samples\.jsonl:1 is not a line"):
        run.outputs()


def test_of_a_sample_that_was_tried_again_the_last_output_counts(run: Run) -> None:
    run.add(output("a", error="AnswerError: no", output=None))
    run.add(output("b"))
    run.add(output("a"))
    assert [(one.sample, one.error) for one in run.outputs().values()] == [("a", None), ("b", None)]


def test_nobody_works_on_a_run_that_another_holds(run: Run) -> None:
    with run.held(), pytest.raises(BusyError, match="Another process is at work"), Run(run.folder).held():
        pass
    with Run(run.folder).held():
        pass


def test_a_run_is_found_by_how_its_id_begins(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    with pytest.raises(InputError, match="no evaluation run yet"):
        runs.open()
    for name in ("20261121-000000-aaaa", "20261122-000000-bbbb", "20261122-000001-cccc"):
        runs.start(header(name))
    assert [one.run for one in runs.every()] == ["20261122-000001-cccc", "20261122-000000-bbbb", "20261121-000000-aaaa"]
    assert runs.open("20261121").header.run == "20261121-000000-aaaa"
    assert runs.open().header.run == "20261122-000001-cccc"
    with pytest.raises(InputError, match="2 evaluation runs begin with 20261122"):
        runs.open("20261122")
    with pytest.raises(InputError, match="Did you mean 20261121-000000-aaaa"):
        runs.open("20261121-000000-aaab")


def test_a_metric_is_the_sum_of_hits_by_the_sum_of_cases_with_an_interval_by_cluster() -> None:
    scores = [Score(sample=f"s{n}", cluster=f"u{n // 2}", metric="m", hits=n % 3, of=3) for n in range(20)]
    found = summarised(scores, MetricKind())
    assert found.mean == sum(one.hits for one in scores) / 60
    assert found.low is not None and found.high is not None and found.mean is not None
    assert found.low < found.mean < found.high
    assert (found.n, found.clusters) == (60, 10)


def test_a_rate_may_exceed_one() -> None:
    scores = [Score(sample=f"s{n}", cluster=f"s{n}", metric="m", hits=1000 + n, of=n % 3) for n in range(30)]
    found = summarised(scores, MetricKind(unit="tokens"))
    assert found.mean == sum(1000 + n for n in range(30)) / 30
    assert found.low is not None and found.high is not None and found.low < found.mean < found.high


def test_unscored_and_failed_samples_are_counted_and_not_averaged(run: Run) -> None:
    for name in "abc":
        run.add(output(name))
    run.add(output("d", error="AnswerError: no"))
    run.score(
        [
            Score(sample="a", cluster="a", metric="precision", hits=1, of=1),
            Score(sample="b", cluster="b", metric="precision", hits=0, of=1),
            Score(sample="a", cluster="a", metric="error", points=((0.5, 1.0), (0.5, 0.0))),
        ]
    )
    found = summary(run)
    assert (found["precision"].mean, found["precision"].unscored, found["precision"].failed) == (0.5, 1, 1)
    assert (found["error"].mean, found["error"].n, found["error"].unscored) == (0.25, 2, 2)


def test_of_two_runs_that_began_in_one_second_the_later_is_the_newest(tmp_path: Path) -> None:
    runs, second = Runs(tmp_path), datetime(2026, 11, 22, 6, 15, tzinfo=UTC)
    runs.start(header("20261122-061500-ffff", started_at=second))
    runs.start(header("20261122-061500-0000", started_at=second.replace(microsecond=1)))
    assert runs.open().header.run == "20261122-061500-0000"
    assert [one.run[-4:] for one in runs.every()] == ["0000", "ffff"]
