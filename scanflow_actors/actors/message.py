"""What travels between actors: requests with typed replies, envelopes, and signals.

A message is any immutable value; a frozen dataclass is the habit. A message that wants a reply derives
from `Request[R]`, so that the type of the reply is part of the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from scanflow_actors.actors.ref import ActorRef

R = TypeVar("R")

Chain = tuple[tuple[str, int], ...]
"""The exclusive handlers that wait for one request: path of each actor, and number of its handling."""


class Request(Generic[R]):
    """A message whose sender waits for one reply of type ``R``.

    ::

        @dataclass(frozen=True, slots=True)
        class Add(Request[int]):
            amount: int
    """

    __slots__ = ()


class Holder(Protocol):
    """Whoever has a request in hand."""

    def abandoned(self, reply: Reply) -> None:
        """Hear that nobody waits for the answer any more."""


class Reply:
    """Where the one answer to a request goes: a waiting future here, or a link to another host."""

    __slots__ = ("holder",)

    def __init__(self) -> None:
        self.holder: Holder | None = None

    def resolve(self, value: Any) -> None:
        """Answer with a value; a no-op when nobody waits any more."""
        raise NotImplementedError

    def fail(self, error: BaseException) -> None:
        """Answer with an error; a no-op when nobody waits any more."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Say that nobody waits any more."""
        if self.holder is not None:
            holder, self.holder = self.holder, None
            holder.abandoned(self)


class Envelope:
    """A message on its way, with what the system needs to know of it."""

    __slots__ = ("admission", "arrived", "chain", "deadline", "headers", "message", "reply")

    arrived: float
    """Instant on the loop's clock; set where it is measured, and only there."""
    headers: dict[str, str]
    """Which span sent it, such as W3C's ``traceparent``; set where traces are kept, and only there."""

    def __init__(
        self,
        message: Any,
        reply: Reply | None = None,
        deadline: float | None = None,
        chain: Chain = (),
        admission: Reply | None = None,
    ) -> None:
        self.message = message
        self.reply = reply
        self.deadline = deadline
        """Instant on the loop's clock after which nobody waits, in seconds."""
        self.chain = chain
        self.admission = admission
        """Answered once the message has its place in the mailbox: for `send`."""

    @property
    def asker(self) -> Reply | None:
        """Whoever waits for a word on this message, its reply or its admission."""
        return self.reply if self.reply is not None else self.admission


class Event:
    """The base of what an event stream tells: derive your own from it, as frozen dataclasses."""

    __slots__ = ()


class StopReason(Enum):
    """Why an actor ended."""

    NORMAL = "normal"
    FAILED = "failed"
    HOST_LOST = "host lost"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class Terminated:
    """Signal: an actor that you watch has ended. Exactly one per watch; a restart is not an end."""

    ref: ActorRef
    reason: StopReason


@dataclass(frozen=True, slots=True)
class ChildFailed:
    """Signal: a child failed more often than its `RestartStrategy` allows, and has ended."""

    ref: ActorRef
    error: BaseException


Signal = Terminated | ChildFailed
