"""Places for calls, given to the highest priority that waits; among equals, to the first."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Places:
    """A bound on the calls that run at once, over all workflows of a backend."""

    def __init__(self, capacity: float) -> None:
        """Make room for calls.

        Args:
            capacity: Sum of the weights (logical CPUs) that run at once, > 0.
        """
        self.spare = 0.0
        """Weight beyond the capacity that is given too; may be changed at any time."""
        self._capacity = capacity
        self._free = capacity
        self._waiting: list[tuple[int, int, float, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @contextlib.asynccontextmanager
    async def place(self, weight: float, priority: int) -> AsyncIterator[None]:
        """Wait for a place and hold it. A call heavier than the capacity gets all of it."""
        weight = min(weight, self._capacity)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-priority, next(self._numbers), weight, turn))
        self._give()
        try:
            await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                self._free += weight
            else:
                turn.cancel()
            self._give()

    def _give(self) -> None:
        while self._waiting:
            _, _, weight, turn = self._waiting[0]
            if turn.done():
                heapq.heappop(self._waiting)
            elif weight <= self._free + self.spare + 1e-9:
                heapq.heappop(self._waiting)
                self._free -= weight
                turn.set_result(None)
            else:
                return
