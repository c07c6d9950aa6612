"""One thing, one key: other names merged at a run, taken back, and keys that follow the taxonomy without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from limner.app import App
from limner.settings import read
from tests.faulty_server import FaultyServer
from tests.limner.terminal import limner

OWN = """
version: own-1
extends: starter
terms:
  genre/dark-films: {en: dark films, zh: 暗黑电影, was: [genre/film-noir]}
  genre/film-noir: null
"""
UNITED = """
version: own-2
extends: starter
terms:
  genre/crime: {was: [genre/film-noir]}
  genre/film-noir: null
"""


def ratings(user: str, likes: dict[str, int], dislikes: dict[str, int]) -> list[dict[str, Any]]:
    """Five stars for films of each genre that is liked, one star for each that is not."""
    stars = [(genre, 5) for genre, films in likes.items() for _ in range(films)]
    stars += [(genre, 1) for genre, films in dislikes.items() for _ in range(films)]
    return [
        {
            "user_id": user,
            "event_id": f"{user}-{number}",
            "kind": "rating",
            "value": value,
            "ts": f"2024-05-{number + 1:02}",
            "item": {"title": f"Film {number}", "genres": [genre]},
        }
        for number, (genre, value) in enumerate(stars)
    ]


def ingest(folder: Path, *rows: dict[str, Any]) -> None:
    file = folder / "events.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, rows)) + b"\n")
    assert limner("ingest", file).code == 0


def tags(user: str) -> dict[str, int]:
    """Key to the number of events for it, of the tags that are served."""
    return {tag["key"]: tag["counts"]["explicit_positive"] for tag in limner("profile", user, "--json").json["tags"]}


@pytest.fixture
def watched(home: Path, tmp_path: Path) -> Path:
    """A home in which `ann` likes one genre under two spellings that the taxonomy does not know."""
    ingest(
        tmp_path,
        *ratings("ann", {"Giallo": 3, "giallo films": 3}, {"Horror": 5}),
        *ratings("bob", {"Drama": 4}, {"Horror": 4}),
    )
    return home


@pytest.fixture
def noir(home: Path, tmp_path: Path) -> Path:
    """A home with a profile of `ann`, who likes film noir and crime films, and of `bob`, who likes neither."""
    ingest(
        tmp_path,
        *ratings("ann", {"Film-Noir": 5, "Crime": 4}, {"Horror": 8}),
        *ratings("bob", {"Drama": 4}, {"Horror": 4}),
    )
    assert limner("run").code == 0
    return home


def own(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "own.yaml"
    path.write_text(text, "utf-8")
    monkeypatch.setenv("LIMNER_TAXONOMY", str(path))


# --- names of one thing ----------------------------------------------------------------------------------------------


def test_two_spellings_of_a_thing_are_one_tag_with_the_evidence_of_both(watched: Path) -> None:
    assert limner("run").code == 0
    assert tags("ann")["genre/giallo"] == 6
    assert "genre/giallo-films" not in tags("ann")
    [merge] = limner("taxonomy", "merges", "list", "--json").json
    assert (merge["key"], merge["canonical"], merge["how"]) == ("genre/giallo-films", "genre/giallo", "spelling")
    assert "genre/giallo-films" in limner("taxonomy", "merges", "list").out
    assert limner("evidence", "ann", "genre/giallo-films", "--json").json["key"] == "genre/giallo"


def test_an_undone_merge_stays_undone_and_only_its_users_are_counted_again(watched: Path) -> None:
    limner("run")
    said = limner("taxonomy", "merges", "undo", "genre/giallo-films", "--json")
    assert said.json == {"key": "genre/giallo-films", "was": "genre/giallo", "recounted": 1}
    again = limner("run", "--json").json
    assert (again["users"]["done"], again["users"]["unchanged"]) == (1, 1)
    assert (tags("ann")["genre/giallo"], tags("ann")["genre/giallo-films"]) == (3, 3)
    third = limner("run", "--json").json
    assert third["users"]["unchanged"] == 2
    assert limner("taxonomy", "merges", "list", "--json").json == []
    assert limner("taxonomy", "merges", "undo", "genre/giallo-films").code == 1


def test_the_owner_merges_by_hand_and_corrections_follow_and_come_back(watched: Path) -> None:
    limner("run")
    limner("taxonomy", "merges", "undo", "genre/giallo-films")
    limner("run")
    app = App(read())
    assert limner("override", "pin", "ann", "genre/giallo-films").code == 0
    said = limner("taxonomy", "merges", "accept", "genre/giallo-films", "genre/giallo", "--json")
    assert (said.json["renamed"], said.json["users"]) == ({"genre/giallo-films": "genre/giallo"}, 1)
    assert set(tags("ann")) == {"genre/giallo", "genre/horror", "recency/new"}, (
        "never twice, not even before the next run"
    )
    assert overridden(app) == ["genre/giallo"]
    assert limner("run", "--json").json["users"]["done"] == 1
    assert tags("ann")["genre/giallo"] == 6
    assert limner("doctor").code == 0
    limner("taxonomy", "merges", "undo", "genre/giallo-films")
    assert overridden(app) == ["genre/giallo-films"]
    app.close()


def overridden(app: App) -> list[str]:
    with app.database.reading() as connection:
        return [key for (key,) in connection.exec_driver_sql("SELECT key FROM overrides").all()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["undo", "genre/none"], "genre/none is not merged into anything"),
        (["accept", "genre/none"], "genre/none was not looked at"),
        (["accept", "genre/giallo", "genre/none"], "genre/giallo can be merged into a key that there is"),
        (["accept", "genre/giallo", "genre/giallo-films"], "undo genre/giallo-films` first"),
    ],
    ids=["undo nothing", "accept nothing", "into nothing", "in a circle"],
)
def test_a_merge_that_cannot_be_is_refused_in_words(watched: Path, arguments: list[str], said: str) -> None:
    limner("run")
    refused = limner("taxonomy", "merges", *arguments)
    assert refused.code == 1
    assert said in refused.words


# --- the taxonomy changes --------------------------------------------------------------------------------------------


def test_a_renamed_term_takes_tags_and_history_along_without_a_model_call(
    noir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: FaultyServer
) -> None:
    asked, before = server.count, tags("ann")
    own(tmp_path, OWN, monkeypatch)
    said = limner("taxonomy", "migrate", "--json")
    assert said.code == 0
    assert said.json == {"renamed": {"genre/film-noir": "genre/dark-films"}, "users": 1, "recounted": 0}
    assert tags("ann") == {"genre/dark-films" if key == "genre/film-noir" else key: n for key, n in before.items()}
    profile = limner("profile", "ann", "--json").json
    assert "genre/film-noir" not in {key for one in profile["persona"]["sentences"] for key in one["tags"]}
    versions = limner("history", "ann", "dark films", "--json").json
    assert [version["tag"]["key"] for version in versions] == ["genre/film-noir", "genre/dark-films"]
    assert versions[0]["reason"] == "is genre/dark-films now"
    again = limner("run", "--json").json
    assert (again["users"]["unchanged"], again["model_calls"]) == (2, 0)
    assert server.count == asked
    assert limner("doctor").code == 0
    assert limner("taxonomy", "migrate", "--json").json["users"] == 0


def test_two_terms_made_one_leave_one_tag_and_the_next_run_unites_the_evidence(
    noir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(tmp_path, UNITED, monkeypatch)
    said = limner("taxonomy", "migrate", "--json").json
    assert (said["users"], said["recounted"]) == (1, 1)
    assert "genre/film-noir" not in tags("ann")
    again = limner("run", "--json").json
    assert (again["users"]["done"], again["users"]["unchanged"]) == (1, 1)
    assert tags("ann")["genre/crime"] == 9


def test_a_run_under_a_changed_taxonomy_renames_too(
    noir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(tmp_path, OWN, monkeypatch)
    assert limner("run", "--json").json["users"]["done"] == 2
    assert "genre/dark-films" in tags("ann")
    assert "genre/film-noir" not in tags("ann")
