"""Every command in the README exists; those that need nothing but the sample are run."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from limner.cli import cli
from tests.faulty_server import FaultyServer
from tests.limner.terminal import SAMPLE, answer, environment, limner

ROOT = Path(__file__).parents[1]
SAFE = {
    "ask", "doctor", "eval", "evidence", "feedback", "history", "ingest", "init", "override", "profile", "prompts",
    "run", "status", "taxonomy",
}  # fmt: skip
NEEDS_MORE = {"--resume", "--retry-failed", "withdraw", "movielens", "compare", "gate", "judge", "promote"}
"""Right only after a run that stopped or failed, with an override of that number, that data set, or those runs."""
EXPORT = "customer,created_at,stars,movie,genres\n7,2026-01-02,4.5,Heat,Crime|Thriller\n"
"""What a README's own file holds, whatever its name."""


def commands() -> list[str]:
    """The lines of all ```sh blocks that call limner or make, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = (line for block in blocks for line in block.replace("\\\n", " ").splitlines())
    told = (shlex.join(shlex.split(line.removeprefix("$ "), comments=True)) for line in lines)
    return [line for line in dict.fromkeys(told) if line.split(" ")[0] in {"limner", "make"}]


def unknown(words: list[str]) -> Iterator[str]:
    """Words of a limner command that it does not know."""
    command: Any = typer.main.get_command(cli)
    rest = list(words)
    while rest and hasattr(command, "commands"):
        name = rest.pop(0)
        if name not in command.commands:
            yield name
            return
        command = command.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}
    yield from (word for word in rest if word.startswith("--") and word.split("=")[0] not in options)


def test_the_readme_shows_commands() -> None:
    assert any(line.startswith("make") for line in commands())
    assert any(line.startswith("limner") for line in commands())


@pytest.mark.parametrize("line", [line for line in commands() if line.startswith("limner")])
def test_a_limner_command_of_the_readme_exists(line: str) -> None:
    assert not list(unknown(shlex.split(line)[1:]))


@pytest.mark.parametrize("line", [line for line in commands() if line.startswith("make")])
def test_a_make_target_of_the_readme_exists(line: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    asked = [word for word in line.split()[1:] if "=" not in word and not word.startswith("-")]
    assert set(asked) <= targets


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder to work in, and the settings of a home in which the sample is profiled."""
    folder = tmp_path_factory.mktemp("desk")
    with FaultyServer(answer) as server:
        settings = environment(server, folder / "home")
        assert limner("ingest", SAMPLE, **settings).code == 0
        assert limner("run", **settings).code == 0
        yield folder, settings


def can_be_run(line: str) -> bool:
    words = shlex.split(line)
    return words[0] == "limner" and words[1] in SAFE and not NEEDS_MORE & set(words)


@pytest.mark.parametrize("line", [line for line in commands() if can_be_run(line)])
def test_a_command_of_the_readme_does_what_it_says(
    line: str, desk: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, settings = desk
    monkeypatch.chdir(folder)
    words = shlex.split(line)[1:]
    if words[0] == "ingest":
        file = folder / words[1]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(EXPORT if file.suffix == ".csv" else SAMPLE.read_text("utf-8"), "utf-8")
        if "kind" not in line:
            words += ["--map", "kind==rating"]
    (folder / "judged.jsonl").write_text('{"user_id": "nell", "key": "genre/romance", "correct": true}\n', "utf-8")
    (folder / "answer.schema.json").write_text('{"type": "object"}\n', "utf-8")
    (folder / "questions.txt").write_text("Which users like musicals?\n", "utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO("How many films did they rate?\nand in 2024?\nexit\n"))
    if words[0] == "doctor":
        assert limner("run", **settings).code == 0  # after a correction, which is behind in the index until then
    said = limner(*words, **settings)
    assert said.code == 0, said
    assert said.out.strip()
