"""Where the frames of all other hosts come in, by whatever carrier, and leave in order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from scanflow_actors.cluster.link import LinkReceiver

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from scanflow_actors.cluster.payloads import Frame


class Inbox:
    """Takes frames in on any thread, and hands them on, in order, on the event loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, receive: Callable[[str, Frame], None], *, window: int
    ) -> None:
        self._loop = loop
        self._receive = receive
        self._window = window
        self._receivers: dict[str, LinkReceiver[Frame]] = {}
        self._told: dict[str, int] = {}
        """Which number each host knows to be expected next."""
        self._changed = threading.Condition(threading.RLock())
        self._backlog = 0

    def expected(self, sender: str) -> int:
        """The number of the frame that is expected next from a host."""
        with self._changed:
            return self._of(sender).expected

    def owed(self, sender: str) -> int:
        """Frames of a host that have come, and that it does not know to have come."""
        with self._changed:
            return self._of(sender).expected - self._told.get(sender, 0)

    def tell(self, sender: str) -> int:
        """The number that is expected next from a host, which is about to hear it."""
        with self._changed:
            expected = self._told[sender] = self._of(sender).expected
            return expected

    def take(self, sender: str, number: int, frame: Frame) -> None:
        """Take a frame in, on any thread."""
        with self._changed:
            for due in self._due(sender, number, frame):
                self._backlog += 1
                self._loop.call_soon_threadsafe(self._hand_on, sender, due)

    def take_here(self, sender: str, number: int, frame: Frame) -> None:
        """As `take`, on the event loop: what is due is handed on at once when nothing goes before it."""
        with self._changed:
            if self._backlog:
                self.take(sender, number, frame)
                return
            dues = self._due(sender, number, frame)
        for due in dues:
            self._receive(sender, due)

    def _of(self, sender: str) -> LinkReceiver[Frame]:
        receiver = self._receivers.get(sender)
        if receiver is None:
            receiver = self._receivers[sender] = LinkReceiver()
        return receiver

    def _due(self, sender: str, number: int, frame: Frame) -> list[Frame]:
        receiver = self._of(sender)
        if number < receiver.expected:
            self._told[sender] = number  # whoever repeats a frame has not heard that it came
        return receiver.take(number, frame)

    def wait_for_room(self) -> None:
        """Wait while the loop is behind by more than a window; not on the loop itself."""
        with self._changed:
            self._changed.wait_for(lambda: self._backlog <= self._window)

    def forget(self, sender: str) -> None:
        """Drop what is kept for a host that is gone."""
        with self._changed:
            self._receivers.pop(sender, None)
            self._told.pop(sender, None)

    def _hand_on(self, sender: str, frame: Frame) -> None:
        try:
            self._receive(sender, frame)
        finally:
            with self._changed:
                self._backlog -= 1
                self._changed.notify()
