"""How long messages wait and are handled, and how late the event loop is; on by `ActorSettings.metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.observing.histogram import Durations, Histogram
from scanflow_actors.actors.observing.taps import Receiver, Tap, current

if TYPE_CHECKING:
    import asyncio

    from scanflow_actors.actors.actor import Route
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.message import Envelope
    from scanflow_actors.actors.system import ActorSystem

LAG_EVERY_S = 1.0
"""Seconds between two looks at how late the loop is."""


class Timing:
    """What messages of one actor, or of all actors of a class, have taken."""

    __slots__ = ("handler_time", "queue_wait")

    def __init__(self) -> None:
        self.queue_wait = Histogram()
        self.handler_time = Histogram()


class Measures(Tap):
    """Measures every message of a process."""

    def __init__(self) -> None:
        self._kinds: dict[str, Timing] = {}
        self._lag = Histogram()
        self._timer: asyncio.TimerHandle | None = None

    def open(self, system: ActorSystem) -> None:
        """Begin to look at the loop."""
        self._loop = system.loop
        self._look_later()

    async def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def of(self, kind: str) -> Timing | None:
        """What the actors of a class have taken, those that have ended included."""
        return self._kinds.get(kind)

    def lag(self) -> Durations:
        """How late the loop was, once a second."""
        return self._lag.durations()

    def _look_later(self) -> None:
        due = self._loop.time() + LAG_EVERY_S
        self._timer = self._loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        self._lag.add(max(0.0, self._loop.time() - due))
        self._look_later()

    def arrives(self, cell: Cell, envelope: Envelope) -> bool:
        """Note when it came."""
        del cell
        envelope.arrived = self._loop.time()
        return True

    def wrap(self, route: Route, receiver: Receiver) -> Receiver:
        """Measure each call."""
        del route
        clock = self._loop.time

        async def measured(*args: Any) -> Any:
            cell, envelope = current()
            begin = clock()
            try:
                return await receiver(*args)
            finally:
                self._note(cell, begin - envelope.arrived, clock() - begin)

        return measured

    def _note(self, cell: Cell, waited_s: float, took_s: float) -> None:
        if cell.timing is None:
            cell.timing = Timing()
        kind = cell.system.kind_of(cell.recipe.actor)
        for timing in (cell.timing, self._kinds.setdefault(kind, Timing())):
            timing.queue_wait.add(waited_s)
            timing.handler_time.add(took_s)
