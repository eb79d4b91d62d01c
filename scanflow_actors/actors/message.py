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


class Request(Generic[R]):
    """A message whose sender waits for one reply of type ``R``.

    ::

        @dataclass(frozen=True, slots=True)
        class Add(Request[int]):
            amount: int
    """

    __slots__ = ()


class Reply(Protocol):
    """Where the one answer to a request goes: a waiting future here, or a link to another host."""

    def resolve(self, value: Any) -> None:
        """Answer with a value; a no-op when nobody waits any more."""

    def fail(self, error: BaseException) -> None:
        """Answer with an error; a no-op when nobody waits any more."""


class Envelope:
    """A message on its way, with what the system needs to know of it."""

    __slots__ = ("deadline", "message", "reply")

    def __init__(self, message: Any, reply: Reply | None = None, deadline: float | None = None) -> None:
        self.message = message
        self.reply = reply
        self.deadline = deadline
        """Instant on the loop's clock after which nobody waits, in seconds."""


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
