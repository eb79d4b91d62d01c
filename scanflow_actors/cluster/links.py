"""The links that lead from one host to the others: queues, frames, and what is left when a host dies."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

from scanflow_actors.cluster.link import LinkSender

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.cluster.wire import Entry, Peer
    from scanflow_actors.settings import RaySettings


class Carrier(Protocol):
    """Brings the frames of one link to the other host."""

    @property
    def is_busy(self) -> bool:
        """Whether a frame is under way that small ones better wait for, since each is dear."""

    def carry(self, number: int, entries: list[Entry]) -> int:
        """Send a frame; `Links.acknowledged` is called when the other host has it.

        Returns:
            How many bytes it has.
        """

    def acknowledged(self, expected: int) -> None:
        """Hear that the other host has all frames below `expected`."""

    async def close(self) -> None:
        """Send nothing any more."""


class Line:
    """The link to one host. What is queued in one turn of the loop leaves together."""

    __slots__ = ("_call_soon", "_settings", "carrier", "host", "is_due", "limit", "link", "queue")

    def __init__(self, settings: RaySettings, host: str, carrier: Carrier) -> None:
        self.host = host
        self.link: LinkSender[Entry] = LinkSender(
            window=settings.link_window, frame_entries=settings.frame_entries
        )
        self.carrier = carrier
        self._settings = settings
        self._call_soon = asyncio.get_running_loop().call_soon
        self.queue = self.link.queue
        """Whoever appends to it calls `wake` when nothing is due."""
        self.limit = settings.link_queue
        """Entries that may wait: messages beyond it are turned away."""
        self.is_due = False
        """Whether what is queued leaves soon."""

    def push(self, entry: Entry) -> None:
        """Queue an entry."""
        self.queue.append(entry)
        if not self.is_due:
            self.wake()

    def wake(self) -> None:
        """Send at the end of this turn of the loop."""
        self.is_due = True
        self._call_soon(self.flush)

    def flush(self) -> None:
        """Send what the window has room for."""
        self.is_due = False
        link, settings = self.link, self._settings
        while (frame := None if self._should_wait else link.next_frame()) is not None:
            number, entries = frame
            size = self.carrier.carry(number, entries)
            fitting = settings.frame_bytes * len(entries) // max(size, 1)
            link.frame_entries = min(max(fitting, 1), settings.frame_entries)  # as large as the last ones

    @property
    def _should_wait(self) -> bool:
        """Whether what is queued is little, and better leaves together with what is queued meanwhile."""
        return self.carrier.is_busy and len(self.queue) < self._settings.frame_entries // 4


class Links:
    """One line for each host that was talked to."""

    def __init__(self, settings: RaySettings, connect: Callable[[str, Peer | None], Carrier]) -> None:
        self._settings = settings
        self._connect = connect
        self.lines: dict[str, Line] = {}
        self._early: dict[str, list[Entry]] = defaultdict(list)
        self._closing: set[asyncio.Future[None]] = set()
        self.retransmits = 0
        """Frames sent again; counted by the carriers."""
        self._frames = 0
        self._drained: asyncio.Event | None = None

    def open(self, host: str, peer: Peer | None) -> None:
        """Hear of a new host; what was queued for it before leaves now."""
        line = self.lines[host] = Line(self._settings, host, self._connect(host, peer))
        for entry in self._early.pop(host, ()):
            line.push(entry)

    def push(self, host: str, entry: Entry) -> None:
        """Queue an entry for another host, which may be one that is yet to be announced."""
        line = self.lines.get(host)
        if line is None:
            self._early[host].append(entry)
        else:
            line.push(entry)

    @property
    def frames(self) -> int:
        """Frames sent so far, repetitions aside."""
        return self._frames + sum(line.link.frames for line in self.lines.values())

    @property
    def queued(self) -> int:
        """Entries that have not left yet, for all hosts together."""
        early = sum(len(entries) for entries in self._early.values())
        return early + sum(len(line.link.queue) for line in self.lines.values())

    def is_full(self, host: str) -> bool:
        """Whether more is queued for a host than the settings allow: its messages are turned away."""
        line = self.lines.get(host)
        return line is not None and len(line.queue) >= line.limit

    def acknowledged(self, host: str, expected: int) -> None:
        """Hear how far the other host has received, and send on."""
        line = self.lines.get(host)
        if line is not None:
            if line.link.acknowledge(expected):
                line.carrier.acknowledged(expected)
            line.flush()
            self._look_drained()

    def drop(self, host: str) -> list[Entry]:
        """Close the link to a host that is gone: what it has not acknowledged, in order."""
        line = self.lines.pop(host, None)
        left = self._early.pop(host, [])
        if line is not None:
            self._frames += line.link.frames
            closing = asyncio.ensure_future(line.carrier.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            left = [*line.link.abandon(), *left]
        self._look_drained()
        return left

    async def drained(self, timeout_s: float) -> None:
        """Wait until everything has been acknowledged, or for `timeout_s` seconds."""
        self._drained = asyncio.Event()
        self._look_drained()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._drained.wait()

    async def close(self) -> None:
        """Close all links."""
        for host in tuple(self.lines):
            self.drop(host)
        await asyncio.gather(*self._closing)

    def _look_drained(self) -> None:
        if self._drained is not None and all(line.link.is_idle for line in self.lines.values()):
            self._drained.set()
