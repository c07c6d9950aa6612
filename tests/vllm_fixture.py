"""One real vLLM with the smallest packaged model for a whole test run: `from tests.vllm_fixture import vllm_server`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.server import Server, running, vllm_python
from agents.supply import pull
from limner.errors import SetupError

MODEL = "smollm2-135m"
HOME = Path(os.environ.get("LIMNER_TEST_HOME") or Path(__file__).parents[1] / ".limner")
"""Models that were pulled before are used again."""


@pytest.fixture(scope="session")
def small_model() -> Path:
    """Folder of the model; pulled and converted the first time."""
    try:
        return pull(MODEL, HOME, python=vllm_python(), progress=lambda *_: None).folder.resolve()
    except SetupError as error:
        pytest.fail(str(error))


@pytest.fixture(scope="session")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of the shared server: its server.json and log, apart from any server of the desk it runs on."""
    return tmp_path_factory.mktemp("a home with spaces", numbered=True)


@pytest.fixture(scope="session")
def vllm_server(small_model: Path, server_home: Path) -> Iterator[Server]:
    with running(model=MODEL, home=server_home, folder=small_model) as server:
        yield server
