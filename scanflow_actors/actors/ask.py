"""Asking, from the asker's side: one answer, one deadline, and word to the other side when nobody waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.handling import CURRENT
from scanflow_actors.actors.inline import Begun, handle_now
from scanflow_actors.actors.message import Chain, Envelope, Reply
from scanflow_actors.actors.observing.counts import AskOutcome, outcome_of
from scanflow_actors.errors import AskTimeoutError

if TYPE_CHECKING:
    from scanflow_actors.actors.system import ActorSystem


class Asked(Reply):
    """A future for the one answer, until the deadline."""

    __slots__ = ("_system", "future")

    def __init__(self, system: ActorSystem) -> None:
        self.holder = None
        self.future: asyncio.Future[Any] = system.loop.create_future()
        self._system = system

    def resolve(self, value: Any) -> None:
        """Answer with a value."""
        if self.future.done():
            self._system.late_replies += 1
        else:
            self.future.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        if not self.future.done():
            self.future.set_exception(error)

    def expire(self) -> None:
        """End the wait: the deadline has passed."""
        if not self.future.done():
            self.future.set_exception(_ExpiredError())
            self.abandon()


class _ExpiredError(Exception):
    """The deadline has passed; whoever waits words it."""


async def ask(system: ActorSystem, path: str, message: Any, timeout_s: float | None) -> Any:
    """Deliver a request and wait for its reply; see `ActorRef.ask`.

    An actor that is idle here handles it at once, in the asker's turn.
    """
    wait_s, deadline, chain = _limits(system, timeout_s)
    try:
        if wait_s <= 0:
            raise _ExpiredError  # noqa: TRY301 - worded and counted as any other
        if system.plans.get(type(message), True):
            message = system.prepare(message)
        cell = system.cells.get(path)
        begun = None
        if (
            system.inline_depth < system.settings.inline_depth
            and cell is not None
            and cell.is_idle
            and (route := cell.routes.get(type(message))) is not None
        ):
            begun = handle_now(cell, route, message, deadline, chain)
            if type(begun) is not Begun:
                system.inline_asks += 1
                if not system.inline_asks % system.settings.batch_size:
                    await asyncio.sleep(0)  # many asks in a row were answered at once: give way to others
                return begun
        reply = Asked(system)
        envelope = Envelope(message, reply, deadline, chain)
        if begun is not None and cell is not None:
            cell.carry_on(begun, envelope)
        else:
            system.deliver(path, envelope)
        # what follows is `_wait`, written out: a coroutine more costs a tenth of a request
        tick = system.deadlines.add(reply, deadline)
        try:
            value = await reply.future
        except asyncio.CancelledError:
            reply.abandon()
            raise
        finally:
            system.deadlines.discard(reply, tick)
    except _ExpiredError:
        system.ask_errors[AskOutcome.TIMED_OUT] += 1
        raise _timeout(path, message, wait_s) from None
    except BaseException as error:
        system.ask_errors[outcome_of(error)] += 1
        raise
    system.replied += 1
    return value


async def send(system: ActorSystem, path: str, message: Any, timeout_s: float | None) -> None:
    """Deliver a message and wait for its admission; see `ActorRef.send`."""
    message = system.prepare(message)
    wait_s, deadline, _ = _limits(system, timeout_s)
    admission = Asked(system)
    try:
        if wait_s <= 0:
            raise _ExpiredError  # noqa: TRY301 - worded as any other
        system.deliver(path, Envelope(message, None, deadline, (), admission))
        await _wait(system, admission, deadline)
    except _ExpiredError:
        raise _timeout(path, message, wait_s) from None


async def _wait(system: ActorSystem, reply: Asked, deadline: float) -> Any:
    tick = system.deadlines.add(reply, deadline)
    try:
        return await reply.future
    except asyncio.CancelledError:
        reply.abandon()
        raise
    finally:
        system.deadlines.discard(reply, tick)


def _timeout(path: str, message: Any, wait_s: float) -> AskTimeoutError:
    return AskTimeoutError(path=path, request=type(message).__name__, timeout_s=wait_s)


def _limits(system: ActorSystem, timeout_s: float | None) -> tuple[float, float, Chain]:
    """How long to wait in seconds, until when, and who waits along."""
    wait_s = system.settings.ask_timeout_s if timeout_s is None else timeout_s
    if wait_s <= 0:
        raise ValueError(f"timeout_s must be > 0; got {wait_s}")
    now = system.loop.time()
    handling = CURRENT.get()
    if handling is None or (cell := handling.cell) is None:
        return wait_s, now + wait_s, ()
    outer = handling.deadline
    if outer is not None and outer < now + wait_s:
        wait_s = max(0.0, outer - now)
    return wait_s, now + wait_s, handling.onward(cell)
