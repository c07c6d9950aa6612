from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from limner.errors import PromptError
from prompts import ledger, library
from prompts.ledger import Promotion


@pytest.fixture(autouse=True)
def second_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Prompts of which `propose` has a second version, and an empty ledger."""
    room = tmp_path / "prompts"
    shutil.copytree(library.ROOM / "propose", room / "propose")
    text = (room / "propose" / "v1.yaml").read_text("utf-8").replace("Fewer is better", "Few are better")
    (room / "propose" / "v2.yaml").write_text(text, "utf-8")
    monkeypatch.setattr(library, "ROOM", room)
    monkeypatch.setattr(ledger, "FILE", room / "ledger.jsonl")
    library.load.cache_clear()
    library._versions.cache_clear()
    yield room
    library.load.cache_clear()
    library._versions.cache_clear()


def promotion(prompt: str, instead_of: str) -> Promotion:
    return Promotion(
        name=prompt,
        digest=library.load(prompt).digest,
        instead_of=instead_of,
        at=datetime(2026, 11, 22, tzinfo=UTC),
        task="films.v1",
        system="limner",
        dataset="handmade 0123456789abcdef",
        model="scripted",
        taxonomy="1 0123456789ab",
        run="b",
        against="a",
        gate={},
        effects={},
    )


def test_a_prompt_is_used_in_its_first_version_until_another_is_promoted() -> None:
    assert library.default("propose").id == "propose.v1"
    assert library.latest("propose").id == "propose.v2"
    ledger.add(promotion("propose.v2", "propose.v1"))
    assert library.default("propose").id == "propose.v2"


def test_the_last_promotion_holds_and_the_earlier_ones_stay_on_record() -> None:
    ledger.add(promotion("propose.v2", "propose.v1"))
    ledger.add(promotion("propose.v1", "propose.v2"))
    assert library.default("propose").id == "propose.v1"
    assert [one.name for one in ledger.every()] == ["propose.v2", "propose.v1"]


def test_a_promoted_prompt_that_was_changed_is_not_used(second_version: Path) -> None:
    ledger.add(promotion("propose.v2", "propose.v1"))
    with (second_version / "propose" / "v2.yaml").open("a", encoding="utf-8") as file:
        file.write("# more\n")
    library.load.cache_clear()
    with pytest.raises(PromptError, match=r"propose.v2 was changed after it was promoted"):
        library.default("propose")


def test_a_prompt_that_does_not_exist_has_no_default() -> None:
    with pytest.raises(PromptError, match="There is no prompt nobody"):
        library.default("nobody")


def test_a_torn_ledger_is_named_with_its_line() -> None:
    ledger.add(promotion("propose.v2", "propose.v1"))
    with ledger.FILE.open("ab") as file:
        file.write(b'{"prompt": "propose')
    with pytest.raises(PromptError, match=r"ledger.jsonl:2 is no promotion"):
        library.default("propose")
