"""How long messages wait and are handled, and how late the event loop is; on by `ActorSettings.metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.observing.histogram import Durations, Histogram
from scanflow_actors.actors.observing.taps import Receiver, Tap, handled_now

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

    __slots__ = ("_sum", "handler_time", "queue_wait")

    def __init__(self, kind: Timing | None) -> None:
        """Begin at nothing.

        Args:
            kind: What all actors of the class have taken; None for that itself.
        """
        self.queue_wait = Histogram()
        self.handler_time = Histogram()
        self._sum = kind

    def add(self, waited_s: float, took_s: float) -> None:
        """Measure one message: seconds from arrival to receiver, and seconds in the receiver."""
        self.queue_wait.add(waited_s)
        self.handler_time.add(took_s)
        if self._sum is not None:
            self._sum.add(waited_s, took_s)


class Measures(Tap):
    """Measures every message of a process."""

    needs_envelope = False

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
            cell, envelope = handled_now()
            begin = clock()
            arrived = begin if envelope is None else envelope.arrived
            try:
                return await receiver(*args)
            finally:
                (cell.timing or self._begin(cell)).add(begin - arrived, clock() - begin)

        return measured

    def _begin(self, cell: Cell) -> Timing:
        kind = cell.system.kind_of(cell.recipe.actor)
        cell.timing = Timing(self._kinds.setdefault(kind, Timing(None)))
        return cell.timing
