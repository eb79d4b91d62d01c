"""The links that lead from one host to the others: queues, frames, and what is left when a host dies."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol

from scanflow_actors.cluster.link import LinkSender

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.cluster.wire import Entry
    from scanflow_actors.settings import RaySettings


class Carrier(Protocol):
    """Brings the frames of one link to the other host."""

    def carry(self, number: int, entries: list[Entry]) -> None:
        """Send a frame; `Links.acknowledged` is called when the other host has it."""

    def acknowledged(self, expected: int) -> None:
        """Hear that the other host has all frames below `expected`."""

    async def close(self) -> None:
        """Send nothing any more."""


class Links:
    """One link for each host that was talked to. What is queued in one turn of the loop leaves together."""

    def __init__(self, settings: RaySettings, connect: Callable[[str, Any], Carrier]) -> None:
        self._settings = settings
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._links: dict[str, LinkSender[Entry]] = {}
        self._carriers: dict[str, Carrier] = {}
        self._early: dict[str, list[Entry]] = defaultdict(list)
        self._flushing: set[str] = set()
        self._closing: set[asyncio.Future[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def open(self, host: str, handle: Any) -> None:
        """Hear of a new host; what was queued for it before leaves now."""
        self._links[host] = LinkSender(
            window=self._settings.link_window, frame_entries=self._settings.frame_entries
        )
        self._carriers[host] = self._connect(host, handle)
        for entry in self._early.pop(host, ()):
            self.push(host, entry)

    def push(self, host: str, entry: Entry) -> None:
        """Queue an entry for another host, which may be one that is yet to be announced."""
        link = self._links.get(host)
        if link is None:
            self._early[host].append(entry)
            return
        link.push(entry)
        self._idle.clear()
        self._flush_soon(host)

    def is_full(self, host: str) -> bool:
        """Whether more is queued for a host than the settings allow: its messages are turned away."""
        link = self._links.get(host)
        return link is not None and link.queued >= self._settings.link_queue

    def acknowledged(self, host: str, expected: int) -> None:
        """Hear how far the other host has received, and send on."""
        if host in self._links:
            self._links[host].acknowledge(expected)
            self._carriers[host].acknowledged(expected)
            self._flush_soon(host)

    def drop(self, host: str) -> list[Entry]:
        """Close the link to a host that is gone: what it has not acknowledged, in order."""
        link = self._links.pop(host, None)
        carrier = self._carriers.pop(host, None)
        if carrier is not None:
            closing = asyncio.ensure_future(carrier.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        left = [*(link.abandon() if link else ()), *self._early.pop(host, ())]
        self._look_idle()
        return left

    async def drained(self, timeout_s: float) -> None:
        """Wait until everything has been acknowledged, or for `timeout_s` seconds."""
        await asyncio.wait((asyncio.ensure_future(self._idle.wait()),), timeout=timeout_s)

    async def close(self) -> None:
        """Close all links."""
        for host in tuple(self._links):
            self.drop(host)
        await asyncio.gather(*self._closing)

    def _flush_soon(self, host: str) -> None:
        if host not in self._flushing:
            self._flushing.add(host)
            self._loop.call_soon(self._flush, host)

    def _flush(self, host: str) -> None:
        self._flushing.discard(host)
        link = self._links.get(host)
        while link is not None and (frame := link.next_frame()) is not None:
            self._carriers[host].carry(*frame)
        self._look_idle()

    def _look_idle(self) -> None:
        if all(link.is_idle for link in self._links.values()):
            self._idle.set()
