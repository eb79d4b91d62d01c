"""Handing a message on: whoever gets it answers in the place of the actor that had it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.dead_letters import DeadReason
from scanflow_actors.actors.message import Envelope, Reply
from scanflow_actors.errors import (
    ActorFailedError,
    ActorNotFoundError,
    ActorStoppedError,
    HostLostError,
    MailboxFullError,
    NotSerialisableError,
    RejectError,
    UnhandledMessageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.actors.handling import Handling
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.actors.system import ActorSystem


class Forward(Exception):  # noqa: N818 - not an error: how a receiver ends whose answer is another's
    """Raised by a receiver to hand its message on: `to` answers whoever waits for the answer.

    The deadline of the asker goes on with it. When the asker gives up, it is withdrawn wherever it is.
    """

    def __init__(self, to: ActorRef, message: Any, *, done: Callable[[], None] | None = None) -> None:
        """Say who handles what.

        Args:
            to: Who handles it.
            message: The message as received, or another in its place.
            done: Called once nobody works on it any more: it was handled, turned away, or given up.
        """
        super().__init__(to, message)
        self.to = to
        self.message = message
        self.done = done


def hand_on(system: ActorSystem, handling: Handling, wish: Forward) -> None:
    """Do what a receiver wishes that has ended with `Forward`."""
    message, path = wish.message, wish.to.path
    if system.plans.get(type(message), True):
        message = system.prepare(message)
    envelope, handling.envelope = handling.envelope, None
    reply = None if envelope is None else envelope.reply
    if wish.done is not None:
        reply = _Counted(system, path, message, reply, wish.done)
    deadline = handling.deadline if envelope is not None else None
    onward = Envelope(message, reply, deadline, handling.chain)
    if system.taps and envelope is not None and hasattr(envelope, "headers"):
        onward.headers = envelope.headers
    system.deliver(path, onward)


class _Counted(Reply):
    """Stands between an actor and its asker, and says once that the message is done with."""

    __slots__ = ("_done", "_message", "_outer", "_path", "_system")

    def __init__(
        self, system: ActorSystem, path: str, message: Any, outer: Reply | None, done: Callable[[], None]
    ) -> None:
        super().__init__()
        self._system = system
        self._path = path
        self._message = message
        self._outer = outer
        self._done: Callable[[], None] | None = done
        if outer is not None:
            outer.holder = self

    def resolve(self, value: Any) -> None:
        """Hand the answer on."""
        self._finish()
        if self._outer is not None:
            self._outer.resolve(value)

    def fail(self, error: BaseException) -> None:
        """Hand the error on; what was told is a dead letter, as it would be without this."""
        self._finish()
        if self._outer is not None:
            self._outer.fail(error)
        else:
            self._system.dead_letters.add(self._path, self._message, _reason(error))

    def abandoned(self, reply: Reply) -> None:
        """Hear that the asker has given up, and pass it on."""
        del reply
        self.abandon()
        self._finish()

    def _finish(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done()


_REASONS: dict[type[BaseException], DeadReason] = {
    ActorFailedError: DeadReason.FAILED,
    ActorNotFoundError: DeadReason.NOT_FOUND,
    ActorStoppedError: DeadReason.STOPPED,
    HostLostError: DeadReason.HOST_LOST,
    MailboxFullError: DeadReason.MAILBOX_FULL,
    NotSerialisableError: DeadReason.NOT_SERIALISABLE,
    UnhandledMessageError: DeadReason.UNHANDLED,
}


def _reason(error: BaseException) -> DeadReason:
    for kind, reason in _REASONS.items():
        if isinstance(error, kind):
            return reason
    return DeadReason.UNHANDLED if isinstance(error, RejectError) else DeadReason.FAILED
