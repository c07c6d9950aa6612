from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evals.report import SHOWN, Price, page, reliabilities, worst
from evals.runs import MetricKind, Output, Run, Score
from evals.task import Sample
from limner.domain import Event, History
from tests.browser import chromium, look
from tests.evals.stored import stored

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7 * 7 }} 电影 \u202e"


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
    assert "run a: no difference shown f1, tokens." in words
    assert "tokens ↓ 20.0" in words
    assert "Against run a" in words and "no difference shown" in words and "more users would show such a one" in words
    assert "language" in words and "zh 0.333" in words and "en 0.667" in words
    assert "tokens in 54 " in words and "tokens in a sample 9.000" in words
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


def portrayed(home: Path) -> tuple[Run, dict[str, Sample]]:
    """A run of everything that a report can show, with words as long as they come."""
    metrics: dict[str, float | tuple[float, float]] = {
        "polarity_precision_of_all_published_genre_tags": 0.5,
        "tags": (3, 1),
        "tokens_a_tag": (400, 3),
    }
    kinds = {name: MetricKind() for name in metrics} | {
        "tags": MetricKind(better=None, unit="a sample"),
        "tokens_a_tag": MetricKind(better="lower", unit="tokens"),
        "calibration_error": MetricKind(measure="calibration_error", better="lower"),
    }
    run = stored(home, "b", {f"u{at}/1": metrics for at in range(6)}, metrics=kinds, model="m@" + "0" * 40)
    long = "一句没有空格的很长的话" * 30 + "and-one-word-without-a-break" * 20
    tag = {"key": f"genre/{'x' * 70}", "label": {"en": long[:80], "zh": long[:80]}, "polarity": -1, "probability": 0.8}
    for at in range(6):
        portrait = {
            "tags": [{**tag, "reason": long, "evidence": [{"event_id": f"e{one}"} for one in range(5)]}],
            "personas": [{"sentences": [{"text": long}]}],
        }
        run.add(
            Output(
                sample=f"u{at}/1",
                cluster=f"u{at}",
                groups={"language": "zh" if at % 2 else "en", "a grouping with a long name": "x" * 60},
                input="0",
                output=portrait,
                reference={"polarity": {"x" * 90: 1}},
                tokens={"in": 1_234_567, "out": 89},
                kept={"answers": 2, "in": 5, "out": 5},
                seconds=2.5,
            )
        )
    points = [
        Score(sample=f"u{at}/1", cluster=f"u{at}", metric="calibration_error", points=((at / 6, at % 2),))
        for at in range(6)
    ]
    run.score([*run.scores(), *points])
    events = tuple(Event(event_id=f"e{at}", user_id="u0", kind="review", text=long) for at in range(5))
    return run, {"u0/1": Sample("u0/1", History(user_id="u0", events=events))}


def test_cost_is_told_by_sample_and_by_tag_and_in_money_where_there_is_a_price(tmp_path: Path) -> None:
    run, samples = portrayed(tmp_path)
    words = " ".join(Parts(page(run, None, samples, Price(2, 10))).words.split())
    assert "tokens in 7,407,402 " in words and "money 14.8" in words and "money a sample 2.470" in words
    assert "money a published tag 0.823" in words and "seconds a published tag 0.833" in words
    assert "answers kept from earlier runs 12 " in words
    assert "money" not in Parts(page(run, None, samples)).words


def test_chromium_draws_the_page_whole_on_a_phone_and_a_desk_by_day_and_by_night(tmp_path: Path) -> None:
    run, samples = portrayed(tmp_path)
    before = stored(tmp_path, "a", {f"u{at}/1": {"tags": (2, 1)} for at in range(6)}, metrics=run.header.metrics)
    bad, taken = hostile(
        tmp_path / "hostile", "<script>document.title = 'taken'</script><img src='https://e.example/x'>"
    )
    files = {
        "whole.html": page(run, before, samples, Price(2, 10)),
        "hostile.html": page(bad, samples=taken),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    with chromium() as port:
        for name in files:
            for width, dark in ((390, False), (390, True), (1280, False), (1280, True)):
                seen = asyncio.run(look(port, tmp_path / name, width=width, dark=dark))
                where = f"{name} at {width} pixels, {'dark' if dark else 'light'}"
                assert seen.title.startswith("films ·"), where
                assert seen.requests == ((tmp_path / name).as_uri(),), where
                assert seen.complaints == (), where
                assert seen.width <= width, f"{where} scrolls sideways: it is {seen.width} wide"
                assert (lightness(seen.ink) > lightness(seen.page)) == dark, where
                assert seen.picture.startswith(b"\x89PNG")


def lightness(colour: str) -> int:
    """Of rgb(…), as CSS has it."""
    return sum(map(int, re.findall(r"\d+", colour)[:3]))
