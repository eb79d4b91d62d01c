"""The loop of one actor while it is busy: signals first, then one message after the other.

It runs for every message of every actor. What it does for each is written out in one function, since a call
costs as much as a tenth of a message (``benchmarks/local.py``).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.dead_letters import DeadReason
from scanflow_actors.actors.handling import CURRENT, Handling, Running
from scanflow_actors.actors.invoke import settle, turn_away
from scanflow_actors.actors.mailbox import enveloped
from scanflow_actors.actors.message import Envelope
from scanflow_actors.actors.signals import State

if TYPE_CHECKING:
    from collections import deque

    from scanflow_actors.actors.actor import Route
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.inline import Begun
    from scanflow_actors.actors.message import Signal
    from scanflow_actors.actors.signals import Inner

_RUNNING = State.RUNNING  # looking up a member of an Enum costs as much as a call


async def run(cell: Cell, turn: int, begun: Begun | None) -> None:  # noqa: C901, PLR0912, PLR0915 - see above
    """Carry a cell on until there is nothing to do, or until its turn is taken by another.

    Args:
        cell: The actor, marked as busy.
        turn: The number of this turn; when the cell has another, this loop was abandoned.
        begun: A receiver that has taken its first step already; it goes first.
    """
    system, life, mailbox, routes, overlap = cell.system, cell.life, cell.mailbox, cell.routes, cell.overlap
    queue, plans = mailbox.queue, system.plans
    left = system.settings.batch_size
    while cell.turn == turn:
        if cell.cancelled:
            cell.cancelled = False
            asyncio.current_task().uncancel()  # type: ignore[union-attr]
        try:
            if not left:
                left = system.settings.batch_size
                await asyncio.sleep(0)
            if begun is not None:
                message, handling = begun.message, begun.handling
            elif cell.signals:
                left -= 1
                await _next_signal(cell, cell.signals)
                continue
            elif not queue or life.state is not _RUNNING or (overlap and not _has_room(cell, queue[0])):
                if _may_rest(cell):
                    cell.busy = False
                    return
                continue
            else:
                message = queue.popleft()
                if mailbox.waiting:
                    mailbox.refill()
                handling = Handling()
                handling.cell = cell
                handling.number = 0
                if type(message) is Envelope:
                    if _has_expired(cell, message):
                        continue
                    handling.envelope = message
                    handling.deadline = message.deadline
                    handling.chain = message.chain
                    message = message.message
                else:
                    handling.envelope = handling.deadline = None
                    handling.chain = ()
                found = routes.get(type(message))
                if found is None or not found.is_plain:
                    found = _other_route(cell, message, handling)
                    if found is None:
                        continue
                route = found
                cell.handling = handling
            cell.handled += 1
            error = None
            try:
                CURRENT.set(handling)
                if begun is not None:
                    rest, begun = begun.rest, None
                    result = await rest
                else:
                    if route.wants_context:
                        result = route.function(life.actor, message, life.context)
                    else:
                        result = route.function(life.actor, message)
                    if route.is_async:
                        result = await result
                if (envelope := handling.envelope) is not None and envelope.reply is not None:
                    if plans.get(type(result), True):
                        result = system.prepare(result)
                    envelope.reply.resolve(result)
                    cell.replied += 1
            except BaseException as caught:  # noqa: BLE001 - goes to the asker and to the supervisor
                error = settle(cell, message, handling, caught)
            handling.cell = None
            if cell.handling is handling:  # else it was abandoned: the actor went on without it
                cell.handling = None
                if error is not None:
                    await life.fail(error)
            left -= 1
        except asyncio.CancelledError:
            if not cell.cancelled:
                raise
            cell.handling = None


async def _next_signal(cell: Cell, signals: deque[Signal | Inner]) -> None:
    signal = signals.popleft()
    if not signals:
        cell.signals = None  # an empty deque weighs as much as a third of an idle actor
    await cell.life.on_signal(signal)


def _has_room(cell: Cell, item: Any) -> bool:
    """Whether the next message may be handled now: a concurrent receiver has a limit."""
    route = cell.route(type(enveloped(item).message))
    return route is None or not route.concurrent or cell.overlap is None or cell.overlap.has_room(route)


def _may_rest(cell: Cell) -> bool:
    """Whether there is nothing left to do; a mailbox that drains ends the actor when it is empty."""
    if cell.draining and not cell.life.stopping and not cell.mailbox.queue and not cell.overlap:
        cell.stop()
        return False
    return True


def _has_expired(cell: Cell, envelope: Envelope) -> bool:
    """Take note that a message has left the mailbox; whether nobody waits for it any more."""
    asker = envelope.reply or envelope.admission
    if asker is None:
        return False
    asker.holder = None
    if envelope.deadline is None or envelope.deadline > cell.system.loop.time():
        return False
    cell.system.dead_letters.add(cell.path, envelope.message, DeadReason.EXPIRED)
    return True


def _other_route(cell: Cell, message: Any, handling: Handling) -> Route | None:
    """Find the exclusive receiver of a base class; else start a concurrent one, or turn the message away."""
    route, envelope = cell.route(type(message)), handling.envelope
    if route is None:
        turn_away(cell, envelope or Envelope(message), DeadReason.UNHANDLED)
    elif route.concurrent and cell.overlap is not None:
        cell.overlap.start(route, envelope or Envelope(message))
        return None
    elif route.cancellable and envelope is not None and envelope.reply is not None:
        envelope.reply.holder = Running(cell, handling)
    return route
