"""Exactly once and in order over calls that may be lost, repeated or reordered: a machine without I/O.

One link leads from one host to another. What is queued leaves in numbered frames, few of them on their
way at once; the receiver puts frames in order, drops those it has seen, and says which number it expects
next. The carrier sends a lost frame again.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class LinkSender(Generic[T]):
    """The sending end. `T` is what is queued: one entry."""

    def __init__(self, *, window: int, frame_entries: int) -> None:
        self._window = window
        self.frame_entries = frame_entries
        """Entries in one frame, at most."""
        self.queue: deque[T] = deque()
        """Entries that have not left yet; whoever is in a hurry appends here."""
        self._sent: dict[int, list[T]] = {}
        self._next = 0

    @property
    def frames(self) -> int:
        """Frames taken out so far."""
        return self._next

    @property
    def is_idle(self) -> bool:
        """Whether everything has been acknowledged."""
        return not self.queue and not self._sent

    def push(self, entry: T) -> None:
        """Queue one entry."""
        self.queue.append(entry)

    def next_frame(self) -> tuple[int, list[T]] | None:
        """Take the next frame out.

        Returns:
            Its number and entries, or None when nothing is queued or the window is full.
        """
        if not self.queue or len(self._sent) >= self._window:
            return None
        queue = self.queue
        if len(queue) <= self.frame_entries:
            entries = list(queue)
            queue.clear()
        else:
            entries = [queue.popleft() for _ in range(self.frame_entries)]
        number = self._next
        self._sent[number] = entries
        self._next += 1
        return number, entries

    def acknowledge(self, expected: int) -> bool:
        """Hear that the receiver has every frame below `expected`; whether that is news."""
        heard = [number for number in self._sent if number < expected]
        for number in heard:
            del self._sent[number]
        return bool(heard)

    def abandon(self) -> list[T]:
        """Give up: everything that was not acknowledged, in order."""
        left = [entry for entries in self._sent.values() for entry in entries]
        left.extend(self.queue)
        self._sent.clear()
        self.queue.clear()
        return left


class LinkReceiver(Generic[T]):
    """The receiving end. `T` is a frame's payload."""

    def __init__(self) -> None:
        self.expected = 0
        """Number of the next frame to deliver: the cumulative acknowledgement."""
        self._early: dict[int, T] = {}

    def take(self, number: int, payload: T) -> list[T]:
        """Take a frame in.

        Returns:
            The payloads that are now due, in order; empty for a frame seen before or one too early.
        """
        if number < self.expected:
            return []
        self._early[number] = payload
        due = []
        while self.expected in self._early:
            due.append(self._early.pop(self.expected))
            self.expected += 1
        return due
