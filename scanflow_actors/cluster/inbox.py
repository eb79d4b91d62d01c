"""Where the frames of all other hosts come in, by whatever carrier, and leave in order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from scanflow_actors.cluster.link import LinkReceiver

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Inbox:
    """Takes frames in on any thread, and hands them on, in order, on the event loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, receive: Callable[[str, bytes], None], *, window: int
    ) -> None:
        self._loop = loop
        self._receive = receive
        self._window = window
        self._receivers: dict[str, LinkReceiver[bytes]] = {}
        self._changed = threading.Condition(threading.RLock())
        self._backlog = 0

    def expected(self, sender: str) -> int:
        """The number of the frame that is expected next from a host."""
        with self._changed:
            return self._receivers.setdefault(sender, LinkReceiver()).expected

    def take(self, sender: str, number: int, frame: bytes) -> int:
        """Take a frame in, and say which number is expected next."""
        with self._changed:
            receiver = self._receivers.setdefault(sender, LinkReceiver())
            for due in receiver.take(number, frame):
                self._backlog += 1
                self._loop.call_soon_threadsafe(self._hand_on, sender, due)
            return receiver.expected

    def take_here(self, sender: str, number: int, frame: bytes) -> int:
        """As `take`, on the event loop: what is due is handed on at once when nothing goes before it."""
        with self._changed:
            receiver = self._receivers.setdefault(sender, LinkReceiver())
            if self._backlog or number != receiver.expected:
                return self.take(sender, number, frame)
            dues = receiver.take(number, frame)
            expected = receiver.expected
        for due in dues:
            self._receive(sender, due)
        return expected

    def wait_for_room(self) -> None:
        """Wait while the loop is behind by more than a window; not on the loop itself."""
        with self._changed:
            self._changed.wait_for(lambda: self._backlog <= self._window)

    def forget(self, sender: str) -> None:
        """Drop what is kept for a host that is gone."""
        with self._changed:
            self._receivers.pop(sender, None)

    def _hand_on(self, sender: str, frame: bytes) -> None:
        try:
            self._receive(sender, frame)
        finally:
            with self._changed:
                self._backlog -= 1
                self._changed.notify()
