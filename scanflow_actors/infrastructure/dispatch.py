"""Sends each request of an online workflow to the version whose turn it is, on any backend."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from scanflow_actors.infrastructure.usage import Usage
from scanflow_actors.workflows.traffic import Shares, Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.infrastructure.node import Ask

_log = logging.getLogger(__name__)


class Dispatch:
    """Chooses by headers and shares, copies to mirrors, and knows what is under way."""

    def __init__(self) -> None:
        self._copies: set[asyncio.Task[None]] = set()
        self._under_way: Counter[int] = Counter()
        self._ended = asyncio.Condition()
        self.usage: dict[int, Usage] = {}

    def set(self, traffic: Traffic, asks: Mapping[int, Ask], bound_s: float) -> None:
        """Take on other shares; requests under way are not touched.

        Args:
            traffic: Which version gets which requests.
            asks: How to ask each version.
            bound_s: Seconds for one request.
        """
        self._traffic = traffic
        self._asks = dict(asks)
        self._bound_s = bound_s
        self._shares = Shares(traffic.weights)

    def choose(self, headers: Mapping[str, str]) -> int:
        """The version of the next request."""
        for rule in self._traffic.rules:
            if headers.get(rule.header) == rule.value:
                return rule.version
        return self._shares.next()

    async def ask(self, version: int, given: Any) -> Any:
        """Have a version answer, and the mirrors too, whose answers nobody waits for.

        Raises:
            TimeoutError: The latency bound has passed.
        """
        for mirror in self._traffic.mirrors:
            copy = asyncio.create_task(self._copy(mirror, given))
            self._copies.add(copy)
            copy.add_done_callback(self._copies.discard)
        return await self._counted(version, given)

    async def _copy(self, version: int, given: Any) -> None:
        try:
            await self._counted(version, given)
        except Exception as error:  # noqa: BLE001 - a mirror's failure is its own: it must not reach the request
            _log.info("version %d failed on a copy: %s", version, error)

    async def _counted(self, version: int, given: Any) -> Any:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        self._under_way[version] += 1
        try:
            async with asyncio.timeout(self._bound_s):
                answer = await self._asks[version](given)
        except Exception as error:
            is_late = isinstance(error, TimeoutError)
            self._count(version, loop.time() - start_s, is_failure=True, is_late=is_late)
            raise
        else:
            self._count(version, loop.time() - start_s, is_failure=False)
            return answer
        finally:
            self._under_way[version] -= 1
            async with self._ended:
                self._ended.notify_all()

    def _count(self, version: int, latency_s: float, *, is_failure: bool, is_late: bool = False) -> None:
        known = self.usage.get(version, Usage())
        self.usage[version] = known.with_request(latency_s, is_failure=is_failure, is_late=is_late)

    async def drained(self, version: int) -> None:
        """Wait until no request is under way in a version."""
        async with self._ended:
            await self._ended.wait_for(lambda: not self._under_way[version])
