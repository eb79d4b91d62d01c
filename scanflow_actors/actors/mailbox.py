"""The bounded mailbox of an actor, and what becomes of messages that find no reader."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.actors.message import Envelope


class Overflow(Enum):
    """What a full mailbox does with one message more."""

    REJECT = "reject"
    """The new message is refused: `tell` makes a dead letter, `ask` raises `MailboxFullError`."""
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
    """User messages of one actor, in order of arrival."""

    __slots__ = ("capacity", "overflow", "queue")

    def __init__(self, spec: MailboxSpec) -> None:
        self.capacity = spec.capacity
        self.overflow = spec.overflow
        self.queue: deque[Envelope] = deque()

    def put(self, envelope: Envelope, in_flight: int = 0) -> Envelope | None:
        """Take an envelope in.

        Args:
            envelope: The new message.
            in_flight: Messages that left the queue and are still being handled; they count as well.

        Returns:
            The envelope that lost its place, which may be the new one, or None.
        """
        queue = self.queue
        if len(queue) + in_flight < self.capacity:
            queue.append(envelope)
            return None
        if self.overflow is Overflow.DROP_OLDEST and queue:
            oldest = queue.popleft()
            queue.append(envelope)
            return oldest
        return envelope


class DeadReason(Enum):
    """Why nobody handled a message."""

    NOT_FOUND = "not found"
    STOPPED = "stopped"
    MAILBOX_FULL = "mailbox full"
    EXPIRED = "expired"
    UNHANDLED = "unhandled"
    FAILED = "failed"
    HOST_LOST = "host lost"
    NOT_SERIALISABLE = "not serialisable"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that nobody handled, for whom it was, and why."""

    path: str
    message: Any
    reason: DeadReason


class DeadLetters:
    """The last dead letters of one system, counters by reason, and those who want to know at once."""

    def __init__(self, kept: int) -> None:
        self.recent: deque[DeadLetter] = deque(maxlen=kept)
        self.counts: Counter[DeadReason] = Counter()
        self._listeners: list[Callable[[DeadLetter], None]] = []

    def add(self, path: str, message: Any, reason: DeadReason) -> None:
        """Record one message that nobody handled."""
        letter = DeadLetter(path, message, reason)
        self.recent.append(letter)
        self.counts[reason] += 1
        for listener in self._listeners:
            listener(letter)

    def subscribe(self, listener: Callable[[DeadLetter], None]) -> None:
        """Call `listener` with every dead letter from now on; it must not raise."""
        self._listeners.append(listener)
