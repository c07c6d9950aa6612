"""How many questions to keep in flight: as many as the server can work on, and a few that wait.

Too few starve it; many more only lengthen its queue, and with it the time that a crash or Ctrl-C has to wait for. vLLM
says in /metrics how many requests it is running and how many wait, so the limit follows that:

    nothing waits and the limit is used up     → twice as many at first, an eighth more once a queue has been seen
    a few wait (up to a quarter of those run)  → stay: the server never runs dry
    more wait                                  → a quarter fewer
    a call fails (unreachable, overloaded)     → half as many, at most once between two looks

Where /metrics is absent the limit is `START`, halved by failures and regained one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, Self

import httpx

from limner.errors import Unreachable

START = 16
MOST = 240
"""Fewer than the 256 requests that vLLM takes at once where nothing else is said: the others are for questions, for
which it does not stop a batch's."""
INTERVAL = 1.5
"""Seconds between two looks at /metrics."""


class Load(NamedTuple):
    """What a server has to do, other clients' requests included."""

    running: int
    waiting: int


class Limit(NamedTuple):
    most: int
    searching: bool = True
    """Whether no queue has been seen yet."""


def next_limit(limit: Limit, load: Load | None, in_flight: int, ceiling: int = MOST) -> Limit:
    """The limit after a look at the server.

    Args:
        load: None where the server does not tell.
        in_flight: Questions of ours that are with the server now.
        ceiling: The limit never exceeds it.
    """
    used_up = in_flight >= limit.most
    if load is None:
        return limit._replace(most=min(limit.most + 1, START, ceiling)) if used_up and limit.most < START else limit
    if load.waiting > max(2, load.running // 4):
        return Limit(max(1, limit.most * 3 // 4), searching=False)
    if load.waiting or not used_up:
        return Limit(limit.most, limit.searching and not load.waiting)
    more = limit.most if limit.searching else max(1, limit.most // 8)
    return limit._replace(most=min(limit.most + more, ceiling))


_GAUGE = re.compile(r"^vllm:num_requests_(running|waiting)(?:\{[^}]*\})? ([0-9.eE+]+)$", re.MULTILINE)


def read_load(metrics: str) -> Load | None:
    """The load in a /metrics page, over all engines of the server; None where it is not told."""
    sums: dict[str, float] = {}
    for name, value in _GAUGE.findall(metrics):
        sums[name] = sums.get(name, 0) + float(value)
    return Load(int(sums["running"]), int(sums["waiting"])) if len(sums) == 2 else None


class Pace:
    """Slots for questions in flight; their number follows the server while the context is open.

    async with Pace(lambda: model.url) as pace:
        async with pace.slot():
            await model.answer(…)
    """

    def __init__(
        self,
        url: Callable[[], str] | None,
        *,
        fixed: int | None = None,
        ceiling: int = MOST,
        interval: float = INTERVAL,
    ) -> None:
        """Args:
        url: Base URL of the server as of now (a revived server has another); None, or empty, where there is none.
        fixed: This many slots, whatever the server says.
        """
        self.in_flight = 0
        self.load: Load | None = None
        self._url = url if fixed is None else None
        self._fixed = fixed
        self._ceiling = ceiling
        self._interval = interval
        self._limit = Limit(fixed if fixed is not None else min(START, ceiling))
        self._failed = False
        self._free = asyncio.Condition()
        self._following: asyncio.Task[None] | None = None

    @property
    def limit(self) -> int:
        return self._limit.most

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Waits for its turn."""
        async with self._free:
            await self._free.wait_for(lambda: self.in_flight < self._limit.most)
            self.in_flight += 1
        try:
            yield
        except Unreachable:
            self._fail()
            raise
        finally:
            self.in_flight -= 1
            async with self._free:
                self._free.notify()

    def _fail(self) -> None:
        if self._fixed is None and not self._failed:
            self._failed = True
            self._limit = Limit(max(1, self._limit.most // 2), searching=False)

    async def __aenter__(self) -> Self:
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following

    async def _follow(self) -> None:
        if self._fixed is not None:
            return
        await asyncio.sleep(self._interval)  # a short run never looks: to open a client takes longer than some users
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                self.load = await self._look(client)
                self._failed = False
                self._limit = next_limit(self._limit, self.load, self.in_flight, self._ceiling)
                async with self._free:
                    self._free.notify_all()
                await asyncio.sleep(self._interval)

    async def _look(self, client: httpx.AsyncClient) -> Load | None:
        url = self._url() if self._url is not None else ""
        if not url:
            return None
        try:
            response = await client.get(f"{url.rstrip('/').removesuffix('/v1')}/metrics")
        except httpx.HTTPError:
            return None
        return read_load(response.text) if response.status_code == 200 else None
