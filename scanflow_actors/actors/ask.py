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

PENDING: Any = object()


class Asked(Reply):
    """Waits for the one answer until its deadline; a future is made only when there is need to wait."""

    __slots__ = ("_error", "_future", "_path", "_request", "_system", "_wait_s", "value")

    _system: ActorSystem

    def __init__(self, path: str, request: Any, wait_s: float) -> None:
        self.holder = None
        self._future: asyncio.Future[Any] | None = None
        self.value: Any = PENDING
        self._error: BaseException | None = None
        self._path = path
        self._request = request
        self._wait_s = wait_s

    def resolve(self, value: Any) -> None:
        """Answer with a value."""
        if self._future is None:
            if self.value is PENDING and self._error is None:
                self.value = value
        elif not self._future.done():
            self._future.set_result(value)
        else:
            self._system.late_replies += 1

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        if self._future is None:
            if self.value is PENDING and self._error is None:
                self._error = error
        elif not self._future.done():
            self._future.set_exception(error)

    def expire(self) -> None:
        """End the wait: the deadline has passed."""
        if self._future is not None and not self._future.done():
            self._future.set_exception(self.timeout())
            self.abandon()

    def timeout(self) -> AskTimeoutError:
        """Word the error of a wait that was too long."""
        request = type(self._request).__name__
        return AskTimeoutError(path=self._path, request=request, timeout_s=self._wait_s)

    async def wait(self, system: ActorSystem, deadline: float) -> Any:
        """Wait for the answer.

        Raises:
            ActorError: The answer is an error, or there was none in time.
        """
        if self.value is not PENDING:
            return self.value
        if self._error is not None:
            raise self._error
        self._system = system
        future = self._future = system.loop.create_future()
        deadlines = system.deadlines
        tick = deadlines.add(self, deadline)
        try:
            return await future
        except asyncio.CancelledError:
            self.abandon()
            raise
        finally:
            deadlines.discard(self, tick)


async def ask(system: ActorSystem, path: str, message: Any, timeout_s: float | None) -> Any:
    """Deliver a request and wait for its reply; see `ActorRef.ask`.

    An actor that is idle here handles it at once, in the asker's turn.
    """
    wait_s, deadline, chain = _limits(system, timeout_s)
    if wait_s <= 0:
        system.ask_errors[AskOutcome.TIMED_OUT] += 1
        raise Asked(path, message, wait_s).timeout()
    try:
        if system.plans.get(type(message), True):
            message = system.prepare(message)
        cell = system.cells.get(path)
        settings = system.settings
        route = None
        if cell is not None and cell.is_idle and system.inline_depth < settings.inline_depth:
            route = cell.routes.get(type(message))
        if cell is None or route is None:
            reply = Asked(path, message, wait_s)
            system.deliver(path, Envelope(message, reply, deadline, chain))
        else:
            system.inline_depth += 1
            try:
                outcome = handle_now(cell, route, message, deadline, chain)
            finally:
                system.inline_depth -= 1
            if type(outcome) is not Begun:
                system.inline_asks += 1
                if system.inline_asks % settings.batch_size == 0:
                    await asyncio.sleep(0)  # many asks in a row were answered at once: give way to others
                return outcome
            reply = Asked(path, message, wait_s)
            cell.carry_on(outcome, Envelope(message, reply, deadline, chain))
        value = await reply.wait(system, deadline)
    except BaseException as error:
        system.ask_errors[outcome_of(error)] += 1
        raise
    system.replied += 1
    return value


async def send(system: ActorSystem, path: str, message: Any, timeout_s: float | None) -> None:
    """Deliver a message and wait for its admission; see `ActorRef.send`."""
    message = system.prepare(message)
    wait_s, deadline, _ = _limits(system, timeout_s)
    admission = Asked(path, message, wait_s)
    if wait_s <= 0:
        raise admission.timeout()
    system.deliver(path, Envelope(message, None, deadline, (), admission))
    await admission.wait(system, deadline)


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
