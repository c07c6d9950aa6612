from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agents import frames, likeness
from agents.embedder import USE, USE_FILE
from agents.likeness import Fit, Rows, worded
from agents.precedents import Precedents
from prompts.frames import frames as known_frames
from prompts.wordings import LANGUAGES, OTHERS, Wording, wordings
from tests.agents.test_understand import letters

PACKAGED = f"{USE}@{USE_FILE.sha256[:8]}"
SOME = [one for one in wordings() if one.shape == (False, True)][::9]
TEXTS = [worded(one) for one in SOME if one.language == "en"]


def feels_nothing(_: str) -> float:
    return 0.0


def test_words_in_a_row_weigh_more_where_they_are_rare() -> None:
    rows = Rows.of([worded(Wording(text, "en", "like {x}")) for text in ("go for {x}", "go for it", "go mad")])
    columns, weights = rows.weights(worded(Wording("go mad", "en", "")))
    by_column = dict(zip(columns, weights, strict=True))
    assert by_column[rows.columns["mad"]] > by_column[rows.columns["go"]]
    assert np.linalg.norm(weights) == pytest.approx(1)
    assert rows.weights(worded(Wording("unheard", "en", "")))[0] == [rows.columns["^"], rows.columns["$"]]


def test_each_wording_left_out_is_scored_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The closed form gives what leaving it out and fitting again gives."""
    known = TEXTS
    rows = Rows.of(known)
    monkeypatch.setattr(Rows, "of", lambda _: rows)
    left = Fit(known, letters, feels_nothing).left_out()
    for at in (0, 5, len(known) - 1):
        others = [one for place, one in enumerate(known) if place != at]
        assert {one.means for one in others} == {one.means for one in known}
        again = Fit(others, letters, feels_nothing).classifier()
        assert again.scores(known[at], letters, feels_nothing) == pytest.approx(left[at], abs=1e-6)


def test_what_is_kept_scores_as_what_is_fitted(tmp_path: Path) -> None:
    made = Fit(TEXTS, letters, feels_nothing).classifier()
    likeness.keep(tmp_path / "fitted.npz", "of this", {"en": made})
    kept = likeness.kept(tmp_path / "fitted.npz", "of this", "en")
    assert kept is not None
    assert kept.means == made.means
    for one in TEXTS[:5]:
        told = kept.scores(one, letters, feels_nothing)
        assert told == pytest.approx(made.scores(one, letters, feels_nothing), abs=0.01)
    assert likeness.kept(tmp_path / "fitted.npz", "of that", "en") is None
    assert likeness.kept(tmp_path / "fitted.npz", "of this", "zh") is None
    assert likeness.kept(tmp_path / "none.npz", "of this", "en") is None


def test_what_limner_comes_with_is_fitted_to_the_wordings_as_they_are() -> None:
    """After a change to them: `python -m evals.fitted`."""
    digest = likeness.digest(wordings(), PACKAGED)
    assert digest != likeness.digest(wordings()[1:], PACKAGED)
    assert digest != likeness.digest(wordings(), "another")
    for language, shape, alike in likeness.apart(wordings()):
        kept = likeness.kept(likeness.FITTED, digest, likeness.named(language, shape))
        assert kept is not None
        assert set(kept.means) == {one.means for one in alike}


def test_what_limner_comes_with_is_fitted_to_the_frames_as_they_are() -> None:
    for language in LANGUAGES:
        for clauses in (1, 2):
            digest = frames.digest(known_frames(), PACKAGED)
            assert likeness.kept(frames.FITTED / frames.ASKING, digest, f"{language}{clauses}") is not None


def test_other_wordings_are_fitted_when_they_are_needed() -> None:
    asked: list[int] = []

    def counted(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.append(len(texts))
        return letters(texts)

    precedents = Precedents(SOME, counted, letters, feels_nothing)
    assert asked == []
    english = [one for one in SOME if one.language == "en"]
    for clause in ("were about {t}", "were seen around {t}"):
        readings = precedents.readings(clause, "en")
        assert [one.score for one in readings] == sorted((one.score for one in readings), reverse=True)
        assert all(one.plain is None for one in readings if one.means == OTHERS)
    assert asked == [len(english)]
