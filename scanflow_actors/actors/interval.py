"""A message to an actor at a fixed rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from scanflow_actors.actors.cell import Cell


class IntervalTimer:
    """Tells an actor the same message at instants that are one interval apart; they do not drift.

    When the event loop was held up for longer than an interval, the instants in between are left out.
    """

    __slots__ = ("_cell", "_handle", "_instant", "_interval_s", "_message")

    def __init__(self, cell: Cell, interval_s: float, message: Any, first_s: float) -> None:
        self._cell = cell
        self._interval_s = interval_s
        self._message = message
        self._instant = cell.system.loop.time() + first_s
        self._handle: asyncio.TimerHandle = cell.system.loop.call_at(self._instant, self._fire)

    def cancel(self) -> None:
        """Tell nothing more; a message that is in the mailbox already is still handled."""
        self._handle.cancel()

    def _fire(self) -> None:
        loop = self._cell.system.loop
        missed = math.floor((loop.time() - self._instant) / self._interval_s)
        self._instant += self._interval_s * (1 + max(0, missed))
        self._handle = loop.call_at(self._instant, self._fire)
        self._cell.tell_now(self._message)
