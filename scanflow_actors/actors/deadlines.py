"""Deadlines of many requests on few timers: those that fall into one tick share one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

TICKS_PER_S = 64
"""A request may end one tick after its deadline; a timer each would cost more than the request."""


class Expiring(Protocol):
    """What has a deadline."""

    def expire(self) -> None:
        """Hear that the deadline has passed."""


class Deadlines:
    """Everything in one event loop that waits with a deadline."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ticks: dict[int, set[Expiring]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def add(self, item: Expiring, deadline: float) -> int:
        """Call `expire` at the deadline, an instant on the loop's clock in seconds.

        Returns:
            The tick, to take it back with `discard`.
        """
        tick = int(deadline * TICKS_PER_S) + 1
        waiting = self._ticks.get(tick)
        if waiting is None:
            waiting = self._ticks[tick] = set()
            self._timers[tick] = self._loop.call_at(tick / TICKS_PER_S, self._expire, tick)
        waiting.add(item)
        return tick

    def discard(self, item: Expiring, tick: int) -> None:
        """Forget an item that has come to its end before its deadline."""
        waiting = self._ticks.get(tick)
        if waiting is not None:
            waiting.discard(item)

    def close(self) -> None:
        """Cancel all timers; what waits is no longer told."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._ticks.clear()

    def _expire(self, tick: int) -> None:
        del self._timers[tick]
        for item in self._ticks.pop(tick):
            item.expire()
