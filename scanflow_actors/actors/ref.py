"""The address of an actor: what one holds to talk to it, from any process of the system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from scanflow_actors.actors.ask import ask, send
from scanflow_actors.actors.message import Envelope, Request
from scanflow_actors.errors import ActorError, NotSerialisableError

if TYPE_CHECKING:
    from collections.abc import Coroutine

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

    __slots__ = ("__weakref__", "_system", "path", "uid")

    def __init__(self, uid: str, path: str, system: ActorSystem | None = None) -> None:
        self.uid = uid
        """Which actor system."""
        self.path = path
        """Where in its tree, such as ``/planner/worker``."""
        self._system = system if system is not None else _SYSTEMS.get(uid)

    def tell(self, message: Any) -> None:
        """Send and forget. Never blocks; a message that cannot arrive becomes a dead letter."""
        system = self._system or self._attached()
        if system.plans.get(type(message), True):
            try:
                message = system.prepare(message)
            except NotSerialisableError:
                system.not_serialisable(self.path, message)
                return
        cell = system.cells.get(self.path)
        if cell is not None:
            cell.tell(message)
        elif system.elsewhere is None or not system.elsewhere.tell(self.path, message):
            system.deliver(self.path, Envelope(message))

    async def send(self, message: Any, *, timeout_s: float | None = None) -> None:
        """Send, and wait until the message has its place in the actor's mailbox.

        With `Overflow.BLOCK` this waits while the mailbox is full: a fast sender goes at the pace of the
        receiver. It says nothing of whether the message was handled.

        Args:
            message: Anything the actor receives; a reply, if there is one, is dropped.
            timeout_s: Seconds to wait, > 0; None takes the system's default for `ask`.

        Raises:
            MailboxFullError: The mailbox is full, and its overflow is not `BLOCK`.
            AskTimeoutError: No room in time, or no word from its host.
            ActorStoppedError: The actor stopped before it took the message.
            ActorNotFoundError: No actor has this path.
            HostLostError: The actor's process died. The message may have been taken.
        """
        await send(self._attached(), self.path, message, timeout_s)

    def ask(self, message: Request[R], *, timeout_s: float | None = None) -> Coroutine[Any, Any, R]:
        """Send a request and wait for its one reply.

        Inside a receiver the wait ends no later than the deadline of the message that is being handled.

        Args:
            message: Request whose type parameter is the type of the reply.
            timeout_s: Seconds to wait, > 0, on the event loop's clock; None takes the system's default.

        Returns:
            The reply. Arrays in it are read-only.

        Raises:
            AskTimeoutError: No reply in time. The request may still be processed.
            AskCycleError: The actor waits, directly or through others, for the one that asks.
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
        return ask(self._system or self._attached(), self.path, message, timeout_s)

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
