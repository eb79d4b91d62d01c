"""What becomes of messages that nobody handles: kept for a while, counted for ever."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.message import Event

if TYPE_CHECKING:
    from collections.abc import Callable


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
class DeadLetter(Event):
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
