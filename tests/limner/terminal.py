"""limner as a person types it: in this process, or in one of its own where a signal or a pipe is at stake."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import orjson

from limner import cli
from tests.faulty_server import Body, FaultyServer

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "evals" / "datasets" / "sample.jsonl"
COMMAND = Path(sys.executable).with_name("limner")
POINT = re.compile(r"^\d+\. (.+)$", re.MULTILINE)
"""What a persona is to say, a sentence each."""


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return orjson.loads(self.out)

    @property
    def words(self) -> str:
        """All it said, with no more than one blank between words and no borders."""
        return " ".join((self.out + self.err).replace("│", " ").split())


def limner(*arguments: object, **environment: str) -> Said:
    """Runs a command to its end in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["limner", *map(str, arguments)]),
        patch.dict(os.environ, environment),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            return Said(int(ended.code or 0), out.getvalue(), err.getvalue())
    return Said(0, out.getvalue(), err.getvalue())


def apart(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Starts a command in a process of its own."""
    return subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], seconds: float = 60) -> Said:
    """What a process said when it has ended."""
    out, err = process.communicate(timeout=seconds)
    return Said(process.returncode, out, err)


def answer(body: Body) -> str:
    """What a model that does as it is told says: a tag of its own, or each point as it was given."""
    asked = str(body["messages"][1]["content"])
    if "<answer>" in asked:
        return "{}"
    if "<lines>" in asked:
        return json.dumps({"names": []})
    points = POINT.findall(asked)
    if not points:
        proposed = {"facet": "interest", "en": "space operas", "zh": "太空歌剧", "polarity": "likes"}
        return json.dumps({"tags": [proposed]})
    opening, end = ("这位用户", "。") if "中文" in asked else ("This user ", ".")
    return json.dumps({"sentences": [f"{opening}{point[:200]}{end}" for point in points]})


def environment(server: FaultyServer, home: Path) -> dict[str, str]:
    """Settings that use a server for everything and keep everything in `home`."""
    return {
        "LIMNER_HOME": str(home),
        "LIMNER_MODEL": server.model,
        "LIMNER_WRITER": "code",
        "LIMNER_MODEL_URL": server.url,
        "LIMNER_EMBEDDER": f"{server.url}#instant",
        "COLUMNS": "100",
    }


def events_of(folder: Path, *users: str) -> Path:
    """A file with the events of these users of the sample."""
    wanted = [line for line in SAMPLE.read_text("utf-8").splitlines() if orjson.loads(line)["user_id"] in users]
    path = folder / f"{'-'.join(users)}.jsonl"
    path.write_text("\n".join(wanted) + "\n", "utf-8")
    return path
