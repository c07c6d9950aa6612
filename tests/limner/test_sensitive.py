"""What is sensitive is off; where the owner serves it, it is marked, and no persona speaks of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.limner.terminal import limner

TEXTS = ("I'm 34 years old.", "I live in Boston now.", "I love hiking.", "I work as a nurse.")
OWN = """
version: own-1
extends: starter
facets:
  age: {served: default}
  location: {served: default}
"""


def served(folder: Path) -> Any:
    rows = [
        {"user_id": "ann", "event_id": f"e{at}", "kind": "message", "ts": f"2024-05-{at + 1:02}", "text": text}
        for at, text in enumerate(TEXTS)
    ]
    (folder / "events.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    assert limner("ingest", folder / "events.jsonl").code == 0
    assert limner("run").code == 0
    return limner("profile", "ann", "--include", "candidates", "--json").json


def said_sensitive(profile: Any) -> set[str]:
    return {tag["key"].partition("/")[0] for tag in profile["tags"] if tag["sensitive"]}


@pytest.mark.usefixtures("home")
def test_age_and_home_are_no_tags_unless_the_owner_says_so(tmp_path: Path) -> None:
    profile = served(tmp_path)
    assert {tag["key"] for tag in profile["tags"]} >= {"topic/hiking", "profession/nurse"}
    assert not {"age", "location"} & {tag["facet"] for tag in profile["tags"]}
    assert said_sensitive(profile) == set()


@pytest.mark.usefixtures("home")
def test_where_the_owner_serves_them_they_are_marked_and_in_no_persona(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.yaml").write_text(OWN, "utf-8")
    monkeypatch.setenv("LIMNER_TAXONOMY", str(tmp_path / "own.yaml"))
    profile = served(tmp_path)
    assert said_sensitive(profile) == {"age", "location"}
    rendered = {key for sentence in profile["persona"]["sentences"] for key in sentence["tags"]}
    assert "topic/hiking" in rendered
    assert not {key for key in rendered if key.startswith(("age/", "location/"))}
    assert "sensitive: " in limner("profile", "ann").out
    assert "敏感：" in limner("profile", "ann", "--lang", "zh").out
