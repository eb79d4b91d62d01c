"""Asking, from the asker's side: one future, one deadline, and word to the other side when nobody waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.handling import CURRENT
from scanflow_actors.actors.message import Chain, Envelope, Reply
from scanflow_actors.errors import AskTimeoutError

if TYPE_CHECKING:
    from scanflow_actors.actors.system import ActorSystem


class Asked(Reply):
    """A future that waits for the one answer until its deadline."""

    __slots__ = ("_future", "_path", "_request", "_wait_s")

    def __init__(self, future: asyncio.Future[Any], path: str, request: Any, wait_s: float) -> None:
        super().__init__()
        self._future = future
        self._path = path
        self._request = request
        self._wait_s = wait_s

    def resolve(self, value: Any) -> None:
        """Answer with a value."""
        if not self._future.done():
            self._future.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        if not self._future.done():
            self._future.set_exception(error)

    def expire(self) -> None:
        """End the wait: the deadline has passed."""
        if not self._future.done():
            self._future.set_exception(self.timeout())
            self.abandon()

    def timeout(self) -> AskTimeoutError:
        """Word the error of a wait that was too long."""
        request = type(self._request).__name__
        return AskTimeoutError(path=self._path, request=request, timeout_s=self._wait_s)


async def ask(system: ActorSystem, path: str, message: Any, timeout_s: float | None) -> Any:
    """Deliver a request and wait for its reply; see `ActorRef.ask`."""
    message = system.prepare(message)
    reply, deadline, chain = _wait(system, path, message, timeout_s)
    return await _answered(system, path, reply, Envelope(message, reply, deadline, chain))


async def send(system: ActorSystem, path: str, message: Any, timeout_s: float | None) -> None:
    """Deliver a message and wait for its admission; see `ActorRef.send`."""
    message = system.prepare(message)
    admission, deadline, _ = _wait(system, path, message, timeout_s)
    await _answered(system, path, admission, Envelope(message, None, deadline, (), admission))


def _wait(
    system: ActorSystem, path: str, message: Any, timeout_s: float | None
) -> tuple[Asked, float, Chain]:
    wait_s = system.settings.ask_timeout_s if timeout_s is None else timeout_s
    if wait_s <= 0:
        raise ValueError(f"timeout_s must be > 0; got {wait_s}")
    now = system.loop.time()
    deadline = now + wait_s
    chain: Chain = ()
    handling = CURRENT.get()
    if handling is not None and not handling.over:
        chain = handling.chain()
        outer = handling.envelope.deadline
        if outer is not None and outer < deadline:
            deadline = outer
            wait_s = max(0.0, outer - now)
    return Asked(system.loop.create_future(), path, message, wait_s), deadline, chain


async def _answered(system: ActorSystem, path: str, reply: Asked, envelope: Envelope) -> Any:
    deadline = envelope.deadline
    assert deadline is not None  # noqa: S101 - set by `_wait`, optional for `tell` only
    if deadline <= system.loop.time():
        raise reply.timeout()
    tick = system.deadlines.add(reply, deadline)
    try:
        system.deliver(path, envelope)
        return await reply._future  # noqa: SLF001 - the two halves of one thing
    except asyncio.CancelledError:
        reply.abandon()
        raise
    finally:
        system.deadlines.discard(reply, tick)
