"""Chromium without a window, told by its debugging protocol to open a page, and asked what became of it.

with chromium() as port:
    seen = asyncio.run(look(port, file, width=390, dark=True))
    seen.requests, seen.complaints, seen.width
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import psutil
import pytest

MISSING = "Chromium is not installed, nothing to draw the page with: apt-get install chromium"
COMPLAINTS = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"
MEASURE = """({title: document.title, width: document.documentElement.scrollWidth,
    ink: getComputedStyle(document.body).color, page: getComputedStyle(document.body).backgroundColor})"""


class Seen(NamedTuple):
    """What became of a page."""

    title: str
    width: int
    """Pixels that it takes; more than the window's means that it scrolls sideways."""
    ink: str
    page: str
    """Colours of text and ground, as CSS has them."""
    requests: tuple[str, ...]
    complaints: tuple[str, ...]
    picture: bytes
    """PNG of the window."""


@contextmanager
def chromium() -> Iterator[int]:
    """Port of the debugging protocol of a browser of our own. Where there is none the test is skipped, in CI failed."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    with tempfile.TemporaryDirectory(prefix="limner-chromium-") as folder:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run"]
        command = [str(found), *flags, f"--user-data-dir={folder}", "about:blank"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
            try:
                yield _port(Path(folder) / "DevToolsActivePort", browser)
            finally:
                alive = browser.poll() is None
                helpers = psutil.Process(browser.pid).children(recursive=True) if alive else []
                browser.terminate()
                browser.wait(20)
                _ended(helpers)  # they still write to the folder


def _ended(processes: list[psutil.Process]) -> None:
    for one in psutil.wait_procs(processes, timeout=20)[1]:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(processes)


def _port(file: Path, browser: subprocess.Popen[bytes], seconds: float = 60) -> int:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert browser.poll() is None, "the browser ended while it started"
        if file.exists() and file.read_text().strip():
            return int(file.read_text().splitlines()[0])
        time.sleep(0.05)
    raise AssertionError(f"the browser did not start within {seconds:g} seconds")


async def look(port: int, file: Path, *, width: int, height: int = 844, dark: bool = False) -> Seen:
    """A page opened in a window of that width, everything in it unfolded."""
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as response,
        session.ws_connect((await response.json())["webSocketDebuggerUrl"], max_msg_size=0) as socket,
    ):
        numbers, heard = itertools.count(1), list[dict[str, Any]]()

        async def tell(method: str, **params: Any) -> dict[str, Any]:
            number = next(numbers)
            await socket.send_json({"id": number, "method": method, "params": params})
            while (said := await socket.receive_json()).get("id") != number:
                heard.append(said)
            assert "error" not in said, said
            return dict(said["result"])

        for domain in ("Page", "Network", "Runtime", "Log"):
            await tell(f"{domain}.enable")
        await tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await tell("Emulation.setEmulatedMedia", features=[scheme])
        await tell("Page.navigate", url=file.as_uri())
        async with asyncio.timeout(60):
            while not any(one.get("method") == "Page.loadEventFired" for one in heard):
                heard.append(await socket.receive_json())
        picture = (await tell("Page.captureScreenshot", captureBeyondViewport=False))["data"]
        await tell("Runtime.evaluate", expression=OPEN_ALL)
        told = (await tell("Runtime.evaluate", expression=MEASURE, returnByValue=True))["result"]["value"]
        asked = [one["params"]["request"]["url"] for one in heard if one.get("method") == "Network.requestWillBeSent"]
        wrong = [str(one["params"]) for one in heard if one.get("method") in COMPLAINTS]
        return Seen(**told, requests=tuple(asked), complaints=tuple(wrong), picture=base64.b64decode(picture))
