"""The concurrent receivers of one actor that are running: how many, since when, and how they end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.eager import start_eagerly
from scanflow_actors.actors.handling import handling_of
from scanflow_actors.actors.invoke import invoke

if TYPE_CHECKING:
    from scanflow_actors.actors.actor import Route
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.message import Envelope, Reply

_log = logging.getLogger(__name__)


class _Call:
    """A call in progress, for the one who asked for it."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def abandoned(self, reply: Reply) -> None:
        """Cancel it: nobody waits for the answer."""
        del reply
        self._task.cancel()


class Overlap:
    """Runs receivers beside the mailbox. They begin in the order of arrival and end in any."""

    __slots__ = ("_cell", "_running", "_tasks")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._running: Counter[Route] = Counter()
        self._tasks: dict[asyncio.Task[BaseException | None], Route] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def has_room(self, route: Route) -> bool:
        """Whether one more call of this receiver may start."""
        return self._running[route] < route.concurrent

    def start(self, route: Route, envelope: Envelope) -> None:
        """Begin a call; it goes on by itself, and is cancelled when its asker gives up."""
        cell = self._cell
        handling = handling_of(cell, envelope)
        call = invoke(cell, route, envelope.message, handling)
        name = f"{cell.path}:{type(envelope.message).__name__}"
        task = start_eagerly(call, loop=cell.system.loop, name=name)
        self._running[route] += 1
        cell.handled += 1
        cell.mailbox.in_flight += 1
        self._tasks[task] = route
        task.add_done_callback(self._ended)
        if envelope.reply is not None and handling.envelope is envelope:  # else it was handed on
            envelope.reply.holder = _Call(task)

    def _ended(self, task: asyncio.Task[BaseException | None]) -> None:
        route = self._tasks.pop(task, None)
        if route is None:
            return  # it was given up by `close`
        self._running[route] -= 1
        self._cell.mailbox.in_flight -= 1
        self._cell.mailbox.refill()
        if not task.cancelled() and (error := task.exception() or task.result()) is not None:
            self._cell.fail_later(self._cell.life.context, error)
        else:
            self._cell.wake()

    async def close(self, grace_s: float) -> None:
        """Cancel all calls and wait for them to end; one that will not is left behind with a warning."""
        tasks = tuple(self._tasks)
        self._tasks.clear()
        self._running.clear()
        self._cell.mailbox.in_flight = 0
        await cancel_all(tasks, grace_s)


async def cancel_all(tasks: tuple[asyncio.Task[Any], ...], grace_s: float) -> None:
    """Cancel tasks and wait for them; those that do not end within `grace_s` seconds are abandoned."""
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    _, left = await asyncio.wait(tasks, timeout=grace_s)
    for task in left:
        _log.warning("%s ignores its cancellation and is abandoned", task.get_name())
