"""An ask of an idle actor, handled in the asker's turn: neither mailbox, nor envelope, nor future.

The receiver takes its first step here. If it ends in it, its result is the answer; else the actor's runner
carries it on, and whoever asked waits as for any other request.
"""

from __future__ import annotations

import types
from asyncio.tasks import (
    _enter_task,
    _leave_task,
    current_task,
)
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.handling import CURRENT, Handling

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Generator
    from contextvars import Context

    from scanflow_actors.actors.actor import Route
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.message import Chain
    from scanflow_actors.actors.runner import Runner


@dataclass(slots=True)
class Begun:
    """A receiver that has taken its first step and has not ended well in it."""

    message: Any
    handling: Handling
    runner: Runner
    context: Context
    rest: Awaitable[Any]
    """Carries it on to its result."""


def handle_now(cell: Cell, route: Route, message: Any, deadline: float, chain: Chain) -> Any:
    """Take the first step of a receiver, as the task and in the context that would carry it on.

    Args:
        cell: An idle actor.
        route: Its receiver of the message; not a concurrent one.
        message: A request.
        deadline: Instant on the loop's clock after which nobody waits.
        chain: Who waits along.

    Returns:
        The receiver's result, ready to be sent; or `Begun`, for the cell to `carry_on` with.
    """
    cell.busy = True
    cell.handling = handling = Handling()
    handling.cell = cell
    handling.number = 0
    handling.envelope = None
    handling.deadline = deadline
    handling.chain = chain
    system, life = cell.system, cell.life
    context = system.context.copy()
    context.run(CURRENT.set, handling)
    runner = system.runners.take()
    system.inline_depth += 1
    try:
        if not route.is_async:
            arguments = (message, life.context) if route.wants_context else (message,)
            result = context.run(route.function, life.actor, *arguments)
        else:
            if route.wants_context:
                receiver = route.function(life.actor, message, life.context)
            else:
                receiver = route.function(life.actor, message)
            loop, task = system.loop, runner.task
            outer = current_task(loop)
            if outer is not None:
                _leave_task(loop, outer)
            _enter_task(loop, task)
            try:
                waits_for = context.run(receiver.send, None)
            except StopIteration as end:
                result = end.value
            else:
                return Begun(message, handling, runner, context, _rest_of(receiver, waits_for))
            finally:
                _leave_task(loop, task)
                if outer is not None:
                    _enter_task(loop, outer)
        if system.plans.get(type(result), True):
            result = system.prepare(result)
    except BaseException as error:  # noqa: BLE001 - raised again where it is settled
        return Begun(message, handling, runner, context, _raise(error))
    finally:
        system.inline_depth -= 1
    system.runners.take_back(runner)
    handling.cell = cell.handling = None
    cell.inline += 1
    cell.rest()
    return result


async def _raise(error: BaseException) -> None:
    raise error


@types.coroutine
def _rest_of(receiver: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """Carry a coroutine on from its second step; its first gave `waits_for`."""
    step: Any
    while True:
        try:
            given = yield waits_for
        except BaseException as error:  # noqa: BLE001 - all of it is the receiver's to handle
            step, given = receiver.throw, error
        else:
            step = receiver.send
        try:
            waits_for = step(given)
        except StopIteration as end:
            return end.value
