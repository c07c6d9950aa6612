"""Who imports whom: imports point right, stand at the top of the file, and each library has one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
WORDS = {"limner.domain", "limner.errors", "limner.query"}
"""The words that every room uses."""
ORDER = {"door": 0, "app": 1, "evals": 1, "agents": 2, "prompts": 3, "store": 3, "words": 4}
"""A room imports from its own kind and from what stands further right."""
HOMES = {
    "chromadb": ("store/vectors.py",),
    "sqlalchemy": ("store/", "evals/latency.py"),
    "alembic": ("store/",),
    "yaml": ("prompts/",),
    "jinja2": ("prompts/", "evals/report.py"),
    "openai": ("agents/model.py",),
    "langchain": ("agents/agent.py",),
    "langchain_core": ("agents/agent.py", "agents/chat.py", "agents/tools.py"),
    "langsmith": ("agents/agent.py",),
    "jsonschema": ("agents/shape.py",),
    "bm25s": ("agents/recall.py", "evals/baselines.py", "evals/retrieval.py"),
    "snowballstemmer": ("agents/recall.py",),
    "aiohttp": ("agents/model.py",),
    "tenacity": ("agents/model.py",),
    "pyarrow": ("agents/ingest.py", "agents/rows.py"),
    "onnxruntime": ("agents/embedder.py",),
    "onnxruntime_extensions": ("agents/embedder.py",),
    "argus_redact": ("agents/redact.py",),
    "typer": ("limner/", "evals/"),
    "rich": ("limner/", "evals/"),
    "nltk": ("evals/answers.py",),
    "sklearn": ("evals/clusters.py",),
    "implicit": ("evals/nextitems.py",),
    "torch": ("limner/engine/",),
    "transformers": ("limner/engine/",),
    "vllm": ("limner/engine/",),
}
LATE = {
    "limner/asking.py": {"agents"},
    "limner/conversing.py": {"readline"},
    "agents/model.py": {"aiohttp"},
    "evals/answers.py": {"nltk"},
    "evals/clusters.py": {"sklearn"},
    "evals/nextitems.py": {"implicit"},
    "evals/readers.py": {"agents"},
}
"""Imported where it is first needed, for a reason that the module gives."""


class Import(NamedTuple):
    module: str
    line: int
    top: bool
    """Whether it stands at the top of its file, or is for types only."""


def modules() -> list[Path]:
    rooms = ("limner", "prompts", "store", "agents", "evals")
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[Import]:
    """Every module that a file imports, `from store import vectors` as store.vectors where that is one."""
    tree = ast.parse(path.read_text("utf-8"))
    top: set[int] = set()
    for statement in tree.body:
        body = statement.body if isinstance(statement, ast.If) else [statement]
        top |= {id(node) for node in body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}:{node.lineno} is relative"
            whole = node.module or ""
            for alias in node.names:
                inner = ROOT.joinpath(*whole.split("."), alias.name)
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                yield Import(f"{whole}.{alias.name}" if is_module else whole, node.lineno, id(node) in top)


def room(module: str) -> str | None:
    """The room of one of our modules; None for a library."""
    first, *rest = module.split(".")
    if first in {"agents", "prompts", "store", "evals"}:
        return first
    if first != "limner":
        return None
    if ".".join([first, *rest[:1]]) in WORDS or module == "limner":
        return "words"
    return "app" if rest[:1] in (["app"], ["settings"]) else "door"


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", modules(), ids=named)
def test_imports_point_right(path: Path) -> None:
    here = room(module_of(path))
    assert here is not None
    if "engine" in path.parts:
        return
    for one in imports(path):
        there = room(one.module)
        if there is None or there == here:
            continue
        may = ORDER[here] < ORDER[there] or (here == "evals" and there in {"door", "app"})
        assert may, f"{named(path)}:{one.line} imports {one.module}: {here} may not import {there}"


@pytest.mark.parametrize("path", modules(), ids=named)
def test_imports_stand_at_the_top(path: Path) -> None:
    if "engine" in path.parts:  # its files run in vLLM's environment, where a missing part is to be told in words
        return
    late = [one for one in imports(path) if not one.top and one.module.split(".")[0] not in LATE.get(named(path), ())]
    assert not late, f"{named(path)} imports in the middle: {late}"


@pytest.mark.parametrize("path", modules(), ids=named)
def test_each_library_has_one_home(path: Path) -> None:
    for one in imports(path):
        homes = HOMES.get(one.module.split(".")[0])
        assert homes is None or named(path).startswith(homes), (
            f"{named(path)}:{one.line} imports {one.module}, which lives in {', '.join(homes)}"
        )


@pytest.mark.parametrize("path", modules(), ids=named)
def test_the_engine_stands_alone(path: Path) -> None:
    in_engine = "engine" in path.parts
    for one in imports(path):
        if in_engine:
            assert room(one.module) is None or one.module.startswith("limner.engine"), (
                f"{named(path)}:{one.line} imports {one.module}, which vLLM's environment does not have"
            )
        else:
            assert not one.module.startswith("limner.engine"), f"{named(path)}:{one.line} imports the engine"


def test_no_dependency_brings_a_package_named_like_a_room() -> None:
    rooms = {"limner", "agents", "prompts", "store", "evals", "tests"}
    taken = {
        name: sorted(set(owners) - {"limner"})
        for name, owners in metadata.packages_distributions().items()
        if name in rooms and set(owners) - {"limner"}
    }
    assert not taken, f"packages named like a room: {taken}"
