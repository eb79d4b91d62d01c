"""One message, one receiver, one answer: runs a receiver and settles what becomes of its message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.dead_letters import DeadReason
from scanflow_actors.actors.forward import Forward, hand_on
from scanflow_actors.actors.handling import CURRENT
from scanflow_actors.actors.message import Envelope
from scanflow_actors.actors.observing.counts import AskOutcome
from scanflow_actors.errors import (
    ActorFailedError,
    ActorStoppedError,
    AskCycleError,
    AskTimeoutError,
    MailboxFullError,
    NotSerialisableError,
    RejectError,
    UnhandledMessageError,
)

if TYPE_CHECKING:
    from scanflow_actors.actors.actor import Route
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.handling import Handling

_TURNED_AWAY = {
    DeadReason.MAILBOX_FULL: AskOutcome.MAILBOX_FULL,
    DeadReason.UNHANDLED: AskOutcome.UNHANDLED,
    DeadReason.STOPPED: AskOutcome.STOPPED,
}


async def invoke(cell: Cell, route: Route, message: Any, handling: Handling) -> BaseException | None:
    """Run a receiver and answer its asker.

    Returns:
        The error that the receiver failed with, for the supervisor; None when it did not.

    Raises:
        asyncio.CancelledError: The task that runs this was cancelled; the asker has been told.
    """
    CURRENT.set(handling)
    try:
        if route.wants_context:
            result = route.function(cell.life.actor, message, cell.life.context)
        else:
            result = route.function(cell.life.actor, message)
        if route.is_async:
            result = await result
        envelope = handling.envelope
        if envelope is not None and envelope.reply is not None:
            envelope.reply.resolve(cell.system.prepare(result))
            cell.replied += 1
    except BaseException as error:  # noqa: BLE001 - any error of a receiver goes to asker and supervisor
        return settle(cell, message, handling, error)
    handling.cell = None
    return None


def settle(cell: Cell, message: Any, handling: Handling, error: BaseException) -> BaseException | None:
    """Tell the asker of a receiver that raised. Call it while the error is being handled.

    Returns:
        The error that the receiver failed with, for the supervisor; None when it did not fail.

    Raises:
        asyncio.CancelledError: The task that ran it was cancelled; the asker has been told.
    """
    handling.cell = None
    reply = None if handling.envelope is None else handling.envelope.reply
    if isinstance(error, asyncio.CancelledError) and _task_is_cancelled():
        turn_away(cell, handling.envelope or Envelope(message), DeadReason.STOPPED)
        raise error
    if not isinstance(error, Exception | asyncio.CancelledError):
        raise error  # the process is to end
    if isinstance(error, Forward):
        try:
            hand_on(cell.system, handling, error)
        except NotSerialisableError as problem:
            return _report(cell, message, handling, problem)
        return None
    if isinstance(error, RejectError):
        if reply is None:
            cell.system.dead_letters.add(cell.path, message, DeadReason.UNHANDLED)
        else:
            cell.note(AskOutcome.REJECTED)
            reply.fail(error)
        return None
    if isinstance(error, AskTimeoutError) and _is_expired(cell, handling):
        return None  # its asker had given up, and with it what was asked for it: no fault of the actor
    return _report(cell, message, handling, error)  # also when something that it awaited was cancelled


def _is_expired(cell: Cell, handling: Handling) -> bool:
    return handling.deadline is not None and handling.deadline <= cell.system.loop.time()


def _task_is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _report(cell: Cell, message: Any, handling: Handling, error: BaseException) -> BaseException:
    reply = None if handling.envelope is None else handling.envelope.reply
    if reply is None:
        cell.system.dead_letters.add(cell.path, message, DeadReason.FAILED)
    else:
        cell.note(AskOutcome.FAILED)
        reply.fail(failure(cell.path, type(message).__name__, error))
    return error


def failure(path: str, request: str, error: BaseException) -> ActorFailedError:
    """Word what a failed receiver or start means for whoever waits for it; the cause is chained."""
    reason = f"{type(error).__name__}: {error}"
    failed = ActorFailedError(path=path, request=request, reason=reason)
    failed.__cause__ = error
    return failed


def turn_away(cell: Cell, envelope: Envelope, reason: DeadReason) -> None:
    """Tell whoever waits for this message, else the dead letters, that nobody handles it."""
    asker = envelope.asker
    if envelope.reply is not None and reason in _TURNED_AWAY:
        cell.note(_TURNED_AWAY[reason])
    if asker is None:
        _dead(cell, envelope, reason)
    elif reason is DeadReason.MAILBOX_FULL:
        asker.fail(MailboxFullError(path=cell.path, capacity=cell.mailbox.capacity))
    elif reason is DeadReason.UNHANDLED and envelope.reply is not None:
        known = tuple(sorted({route.message.__name__ for route in cell.routes.values()}))
        kind = type(envelope.message).__name__
        asker.fail(UnhandledMessageError(path=cell.path, message=kind, known=known))
    elif reason is DeadReason.STOPPED:
        asker.fail(ActorStoppedError(path=cell.path))
        if envelope.reply is None:  # admitted before: its sender has gone on
            _dead(cell, envelope, reason)
    else:
        _dead(cell, envelope, reason)


def turn_away_cycle(cell: Cell, envelope: Envelope) -> None:
    """Tell the asker that it waits for itself."""
    chain = tuple(path for path, _ in envelope.chain)
    if envelope.reply is not None:
        cell.note(AskOutcome.CYCLE)
        request = type(envelope.message).__name__
        envelope.reply.fail(AskCycleError(path=cell.path, request=request, chain=chain))


def _dead(cell: Cell, envelope: Envelope, reason: DeadReason) -> None:
    cell.system.dead_letters.add(cell.path, envelope.message, reason)
