"""The address of an actor: what one holds to talk to it, from any process of the system."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from scanflow_actors.actors.message import Envelope, Request
from scanflow_actors.errors import ActorError, AskTimeoutError

if TYPE_CHECKING:
    from scanflow_actors.actors.system import ActorSystem

R = TypeVar("R")

_SYSTEMS: WeakValueDictionary[str, ActorSystem] = WeakValueDictionary()


def attach(system: ActorSystem) -> None:
    """Let refs that arrive in this process talk through `system`."""
    _SYSTEMS[system.uid] = system


class ActorRef:
    """A logical address: it stays good when the actor restarts, also in another process.

    Refs are values: equal by system and path, and they travel in messages.
    """

    __slots__ = ("_system", "path", "uid")

    def __init__(self, uid: str, path: str, system: ActorSystem | None = None) -> None:
        self.uid = uid
        """Which actor system."""
        self.path = path
        """Where in its tree, such as ``/planner/worker``."""
        self._system = system if system is not None else _SYSTEMS.get(uid)

    def tell(self, message: Any) -> None:
        """Send and forget. Never blocks; a message that cannot arrive becomes a dead letter."""
        self._attached().deliver(self.path, Envelope(message))

    async def ask(self, message: Request[R], *, timeout_s: float | None = None) -> R:
        """Send a request and wait for its one reply.

        Args:
            message: Request whose type parameter is the type of the reply.
            timeout_s: Seconds to wait, > 0, on the event loop's clock; None takes the system's default.

        Returns:
            The reply.

        Raises:
            AskTimeoutError: No reply in time. The request may still be processed.
            ActorStoppedError: The actor stopped before it answered.
            ActorNotFoundError: No actor has this path.
            ActorFailedError: The handler crashed; its error is the cause.
            HostLostError: The actor's process died. The request may have been processed.
            MailboxFullError: The mailbox is full.
            UnhandledMessageError: The actor does not receive this type.
            RejectError: The actor answered "no".

        Source:
            Pekko typed, interaction patterns: request-response with ask.
        """
        system = self._attached()
        wait_s = system.settings.ask_timeout_s if timeout_s is None else timeout_s
        if wait_s <= 0:
            raise ValueError(f"timeout_s must be > 0; got {wait_s}")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        reply = _FutureReply(future)
        timer = loop.call_later(wait_s, self._expire, future, message, wait_s)
        try:
            system.deliver(self.path, Envelope(message, reply, loop.time() + wait_s))
            return await future
        finally:
            timer.cancel()

    def _expire(self, future: asyncio.Future[Any], message: Any, wait_s: float) -> None:
        if not future.done():
            kind = type(message).__name__
            future.set_exception(AskTimeoutError(path=self.path, request=kind, timeout_s=wait_s))

    def _attached(self) -> ActorSystem:
        if self._system is None:
            raise ActorError(
                f"the ref of {self.path} is not attached to an actor system in this process; "
                "use it inside an actor, or where the system was started"
            )
        return self._system

    def __reduce__(self) -> tuple[Any, ...]:
        return ActorRef, (self.uid, self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActorRef) and (other.uid, other.path) == (self.uid, self.path)

    def __hash__(self) -> int:
        return hash((self.uid, self.path))

    def __repr__(self) -> str:
        return f"ActorRef({self.path})"


class _FutureReply:
    """The asker's end of a request inside one process."""

    __slots__ = ("_future",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._future = future

    def resolve(self, value: Any) -> None:
        if not self._future.done():
            self._future.set_result(value)

    def fail(self, error: BaseException) -> None:
        if not self._future.done():
            self._future.set_exception(error)
