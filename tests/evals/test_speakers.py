"""What is said of speakers, told on tags written by hand; and on the set itself where it is here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evals import evaluate
from evals.datasets.speakers import CPED, SCORERS
from evals.runs import Output
from evals.task import Sample
from evals.tasks import TASKS
from limner.domain import History
from limner.settings import Settings
from prompts import taxonomy

READ = {"profession/nurse 0": True, "sport/tennis 1": False}
SPEAKER = Sample("s", History(user_id="s", events=()), {"gender": "female", "read": READ})
OWN = Path("evals/datasets/cped.taxonomy.yaml")


def tag(key: str, polarity: int = 1, basis: str = "stated") -> dict[str, Any]:
    return {"key": key, "facet": key.partition("/")[0], "polarity": polarity, "basis": basis}


def scores(*tags: dict[str, Any]) -> dict[str, Any]:
    output = Output(sample="s", cluster="s", input="0", output={"tags": list(tags)}, tokens={"in": 0, "out": 0})
    return {name: scorer.score(SPEAKER, output) for name, scorer in SCORERS.items()}


def test_what_was_read_decides_what_is_right() -> None:
    told = scores(tag("profession/nurse", 0), tag("sport/tennis", basis="observed"), tag("topic/art"))
    assert (told["right"], told["stated_right"], told["observed_right"]) == ((1, 2), (1, 1), (0, 1))
    assert told["read"] == (2, 3)
    assert (told["guessed"], told["gender_told"], told["gender_right"]) == ((0, 3), False, None)


@pytest.mark.parametrize(("key", "right"), [("gender/female", True), ("gender/male", False)])
def test_gender_is_kept_out_and_so_a_guess(key: str, right: bool) -> None:
    told = scores(tag(key, 0), {"key": "age/34", "polarity": 0})
    assert told["guessed"] == (2, 2)
    assert told["gender_told"] is told["gender_right"] is right


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("我是女人", "gender/female"),
        ("我是个男人", "gender/male"),
        ("我是个男人婆", None),
        ("我是他女朋友", None),
    ],
)
def test_gender_is_stated_in_the_owners_taxonomy_alone(text: str, key: str | None) -> None:
    assert [one for one, _, _ in taxonomy.load(OWN).facts(text)] == [key][: key is not None]
    assert taxonomy.load().facts(text) == []


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(bool(CPED.absent), reason=CPED.absent)
def test_nothing_is_guessed_of_the_speakers_and_every_published_tag_was_read(tmp_path: Path) -> None:
    task, settings = TASKS["cped"], Settings(home=tmp_path)
    run = evaluate.begin(task, "verified", settings)
    assert evaluate.go_on(run, task, settings, told=lambda *_: None, report=lambda *_: None).state == "done"
    told = evaluate.document(run)["metrics"]
    assert told["read"]["mean"] == 1 and told["right"]["mean"] >= 0.7
    for name in ("guessed", "gender_told", "flips", "failing_evidence"):
        assert told[name]["mean"] == 0 < told[name]["n"], name
