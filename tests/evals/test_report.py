from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evals.report import SHOWN, page, reliabilities, worst
from evals.runs import MetricKind, Output, Run, Score
from evals.task import Sample
from limner.domain import Event, History
from tests.evals.stored import stored

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7 * 7 }} 电影 \u202e"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Parts(HTMLParser):
    """The elements of a page, and whether they are nested as they should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += f"{data} "


def hostile(home: Path, text: str) -> tuple[Run, dict[str, Sample]]:
    """A run in which everything that people or models write is this text."""
    run = stored(home, "a", {f"u{at}/1": {"f1": float(at % 2)} for at in range(4)}, model=text, system=text, samples=5)
    tag = {
        "key": text,
        "label": {"en": text, "zh": text},
        "polarity": 1,
        "reason": text,
        "evidence": [{"event_id": "e"}],
    }
    portrait = {"tags": [tag], "personas": [{"sentences": [{"text": text}]}]}
    for at, error in ((0, None), (1, text)):
        run.add(
            Output(
                sample=f"u{at}/1",
                cluster=text,
                groups={text: text},
                input="0",
                output=portrait,
                reference=text,
                error=error,
            )
        )
    event = Event(event_id="e", user_id="u0", kind="review", text=text, item={"title": text})
    return run, {"u0/1": Sample("u0/1", History(user_id="u0", events=(event,)))}


def test_what_people_and_models_write_is_text_on_the_page(tmp_path: Path) -> None:
    run, samples = hostile(tmp_path, HOSTILE)
    text = page(run, samples=samples)
    parts = Parts(text)
    assert not parts.open
    assert not {"script", "img", "link", "iframe", "a"} & set(parts.tags)
    assert not [name for name, _ in parts.attributes if name.startswith("on")]
    assert parts.words.count("<script>alert(1)</script>") > 8
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    "text", ["</pre></details><b>", "</title><b>", "-->", "]]>", "&lt;b&gt;", "\x00\x1a", "<", "'\"`"]
)
def test_no_text_breaks_out_of_its_place(tmp_path: Path, text: str) -> None:
    made = [hostile(tmp_path / name, said) for name, said in (("hostile", text), ("calm", "a calm text"))]
    odd, calm = (Parts(page(run, samples=samples)) for run, samples in made)
    assert odd.tags == calm.tags


def test_nothing_on_the_page_comes_from_elsewhere(tmp_path: Path) -> None:
    parts = Parts(page(stored(tmp_path, "a", {"u/1": {"f1": 1.0}})))
    assert not [value for name, value in parts.attributes if name in {"src", "href", "action", "data"}]


def test_the_page_tells_numbers_groups_cost_and_samples(tmp_path: Path) -> None:
    told = {f"u{at}/1": {"f1": float(at % 2), "tokens": (40, 2)} for at in range(6)}
    kinds = {"f1": MetricKind(), "tokens": MetricKind(better="lower", unit="tokens")}
    before = stored(tmp_path, "a", {sample: {**one, "f1": 0.0} for sample, one in told.items()}, metrics=kinds)
    run = stored(tmp_path, "b", told, metrics=kinds)
    for at in range(6):
        groups = {"language": "zh" if at < 3 else "en"}
        run.add(
            Output(sample=f"u{at}/1", cluster=f"u{at}", groups=groups, input="0", output=[], tokens={"in": 9, "out": 1})
        )
    words = " ".join(Parts(page(run, before)).words.split())
    assert "f1 ↑ 0.500 (0.167 to 0.833)" in words
    assert "tokens ↓ 20.0" in words
    assert "Against run a" in words and "no difference shown" in words and "more users would show such a one" in words
    assert "language" in words and "zh 0.333" in words and "en 0.667" in words
    assert "tokens in 54.0" in words and "tokens in a sample 9.000" in words
    assert "0123456789abcdef" in words


def test_the_worst_samples_stand_first_and_failed_ones_before_them() -> None:
    outputs = [Output(sample=name, cluster=name, input="0", output=[]) for name in "abc"]
    outputs.append(Output(sample="d", cluster="d", input="0", output=None, error="AnswerError"))
    scores = [
        Score(sample=name, cluster=name, metric=metric, hits=value, of=1)
        for name, good, bad in (("a", 1, 0), ("b", 0.5, 0.2), ("c", 0, 1))
        for metric, value in (("f1", good), ("leaks", bad), ("tags", 9))
    ]
    kinds = {"f1": MetricKind(), "leaks": MetricKind(better="lower"), "tags": MetricKind(better=None, unit="a sample")}
    assert [output.sample for output, _ in worst(outputs, scores, kinds)] == ["d", "c", "b", "a"]


def test_metrics_of_the_same_probabilities_share_one_plot() -> None:
    kinds = {name: MetricKind(measure="brier", better="lower") for name in ("error", "brier", "other")}
    points = {"error": ((0.8, 1.0),), "brier": ((0.8, 1.0),), "other": ((0.1, 0.0),)}
    scores = [Score(sample="s", cluster="u", metric=name, points=told) for name, told in points.items()]
    plots = reliabilities(scores, kinds)
    assert list(plots) == ["error", "other"]
    assert plots["error"][0].n == 1


def test_a_large_run_makes_a_page_that_can_be_opened(tmp_path: Path) -> None:
    run = stored(tmp_path, "a", {f"u{at}/1": {"f1": 0.0} for at in range(SHOWN + 50)})
    text = page(run)
    assert text.count("<details><summary>u") == SHOWN
    assert len(text) < 400_000


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: nothing to draw the page with.")
def test_chromium_opens_the_page_and_runs_no_script(tmp_path: Path) -> None:
    run, samples = hostile(
        tmp_path, "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
    )
    file = tmp_path / "run.html"
    file.write_text(page(run, samples=samples), "utf-8")
    drawn = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "<title>films ·" in drawn.stdout
    assert "<script>" not in drawn.stdout
