"""The bounded mailbox of an actor: what it holds, and what it does when it is full."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.lanes import Lanes
from scanflow_actors.actors.message import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.actors.message import Reply


class Overflow(Enum):
    """What a full mailbox does with one message more."""

    REJECT = "reject"
    """The new message is refused: `tell` makes a dead letter, `send` and `ask` raise `MailboxFullError`."""
    BLOCK = "block"
    """`send` and `ask` wait for room, within their deadline; `tell` makes a dead letter."""
    DROP_OLDEST = "drop oldest"
    """The message that waited longest gives way."""
    DROP_NEW = "drop new"
    """As reject, for senders that do not care: the new message becomes a dead letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSpec:
    """How many messages an actor's mailbox holds, and what it does when it is full."""

    capacity: int
    overflow: Overflow = Overflow.REJECT

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ValueError(f"a mailbox holds at least one message; got capacity={self.capacity}")


class Mailbox:
    """User messages of one actor, in order of arrival. Messages still being handled count as well."""

    __slots__ = ("capacity", "in_flight", "overflow", "queue", "waiting")

    def __init__(self, spec: MailboxSpec, priority: Callable[[Any], int] | None = None) -> None:
        self.capacity = spec.capacity
        self.overflow = spec.overflow
        self.queue: Any = deque() if priority is None else Lanes(priority)
        """Envelopes, and plain messages that were told: those need no more."""
        self.waiting: deque[Envelope] | None = None
        """Messages whose senders wait for room; made when the first one has to."""
        self.in_flight = 0
        """Messages that left the queue for a concurrent receiver and are still being handled."""

    @property
    def depth(self) -> int:
        """Messages that wait, and those that a concurrent receiver is at."""
        return len(self.queue) + self.in_flight

    def put(self, envelope: Envelope) -> Envelope | None:
        """Take an envelope in, or let its sender wait.

        Returns:
            The envelope that lost its place, which may be the new one, or None.
        """
        queue = self.queue
        if len(queue) + self.in_flight < self.capacity and not self.waiting:
            queue.append(envelope)
            if envelope.admission is not None:
                envelope.admission.resolve(None)
            return None
        return self._overflow(envelope)

    def _overflow(self, envelope: Envelope) -> Envelope | None:
        queue = self.queue
        if self.overflow is Overflow.DROP_OLDEST and queue:
            oldest = enveloped(queue.pop_oldest() if type(queue) is Lanes else queue.popleft())
            self._admit(envelope)
            return oldest
        if self.overflow is Overflow.BLOCK and envelope.asker is not None:
            if self.waiting is None:
                self.waiting = deque()
            self.waiting.append(envelope)
            return None
        return envelope

    def refill(self) -> None:
        """Let those in who wait for room, first come first served. Call after messages have left."""
        while self.waiting and len(self.queue) + self.in_flight < self.capacity:
            self._admit(self.waiting.popleft())

    def _admit(self, envelope: Envelope) -> None:
        self.queue.append(envelope)
        if envelope.admission is not None:
            envelope.admission.resolve(None)

    def withdraw(self, asker: Reply) -> bool:
        """Take a message out before it is handled: its asker does not wait any more."""
        queue: Any
        for queue in (self.queue, self.waiting):
            for envelope in queue or ():
                if type(envelope) is Envelope and envelope.asker is asker:
                    queue.remove(envelope)
                    self.refill()
                    return True
        return False

    def empty(self) -> list[Envelope]:
        """Take out everything, also what waits for room."""
        left = [enveloped(item) for item in (*self.queue, *(self.waiting or ()))]
        self.queue.clear()
        self.waiting = None
        return left


def enveloped(item: Any) -> Envelope:
    """The envelope of what a queue holds; one is made for a plain message."""
    return item if type(item) is Envelope else Envelope(item)
