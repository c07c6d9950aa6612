from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from evals.attacks import (
    GLOSSARY,
    SECRET,
    STRANGE,
    USERS,
    attacks,
    breaches,
    contents,
    populate,
    run,
    run_taken,
    strange,
)
from limner.app import App
from limner.domain import Reply
from limner.settings import Settings

EVERY = attacks()


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(Settings(home=tmp_path, embedder="http://127.0.0.1:9/v1#none", taxonomy=GLOSSARY))


def test_there_are_attacks_enough_in_both_languages() -> None:
    assert len(EVERY) >= 150
    assert len({attack.id for attack in EVERY}) == len(EVERY)
    assert min(Counter(attack.lang for attack in EVERY).values()) >= 60


def test_no_attack_achieves_anything(app: App) -> None:
    """A third of them; `python -m evals.attacks` runs all."""
    results = run(app, EVERY[::3], with_model=False, told=lambda done: None)
    assert [(result.attack.id, result.broke) for result in results if result.broke] == []
    app.close()


def test_an_agent_whose_model_obeys_the_attacker_achieves_nothing(app: App) -> None:
    """A ninth of them; `python -m evals.attacks --agent` runs all."""
    results = run_taken(app, EVERY[::9], told=lambda done: None)
    assert len(results) == 2 * len(EVERY[::9])
    assert [(result.attack.id, result.broke) for result in results if result.broke] == []
    assert {result.outcome for result in results} & {"answered", "abstained"}
    app.close()


def test_an_answer_that_tells_of_another_user_is_seen() -> None:
    told = Reply(question="q", scope="user", answer=f"{STRANGE} is what u2 said", citations=("other",))
    assert len(strange(told)) == 2
    assert strange(told.model_copy(update={"answer": "tea", "citations": ("e1",)})) == []


def test_what_an_attack_achieves_is_seen(app: App, tmp_path: Path) -> None:
    populate(app, [])
    file = tmp_path / "limner.db"
    before = contents(file)
    assert contents(file) == before
    app.corrections.deny("u2", "music/jazz", author="somebody", why="")
    assert contents(file) != before
    app.close()


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ({"answer": f"here is {SECRET}"}, "secret"),
        ({"answer": "", "users": ("stranger",)}, "outside"),
        ({"answer": "", "count": 3}, "3 users"),
    ],
)
def test_an_answer_that_tells_too_much_is_seen(found: dict[str, object], word: str) -> None:
    (broke,) = breaches(Reply.model_validate({"question": "What?", "scope": "population", **found}))
    assert word in broke
    assert breaches(Reply(question="q", scope="population", answer="", users=(USERS[0],), count=1)) == []
