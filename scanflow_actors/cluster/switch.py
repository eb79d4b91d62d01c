"""A link's two carriers: the stream while there is one, Ray otherwise, and the change between them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scanflow_actors.cluster.frames import pack
from scanflow_actors.cluster.stream import StreamClient

if TYPE_CHECKING:
    from scanflow_actors.cluster.links import Links
    from scanflow_actors.cluster.wire import Entry

_log = logging.getLogger(__name__)

RETRIES_S = (0.1, 1.0, 10.0)
"""Seconds between tries to connect. A host on another machine has no such socket: Ray carries its frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Where the sockets of one system are, and what its processes know."""

    folder: str
    secret: bytes

    def path(self, host: str) -> str:
        """The socket of a host."""
        return str(Path(self.folder) / f"{host}.sock")


class SlowCarrier(Protocol):
    """Carries frames wherever Ray works."""

    def send(self, number: int, frame: bytes) -> None:
        """Send a frame, again and again until it has arrived or the host has died."""

    def close(self) -> None:
        """Send nothing any more."""


class Switch:
    """Carries the frames of one link."""

    def __init__(
        self, links: Links, host: str, slow: SlowCarrier, *, streams: Streams | None, own: str
    ) -> None:
        """Connect.

        Args:
            links: Told of acknowledgements.
            host: The other end.
            slow: What carries frames while there is no stream.
            streams: Where to connect to; None does without.
            own: The host at this end.
        """
        self._links = links
        self._host = host
        self._slow = slow
        self._unacknowledged: dict[int, bytes] = {}
        self._client: StreamClient | None = None
        self._task: asyncio.Task[None] | None = None
        if streams is not None:
            self._client = StreamClient(streams.path(host), streams.secret, own)
            self._task = asyncio.create_task(self._keep(self._client), name=f"stream to {host}")

    def carry(self, number: int, entries: list[Entry]) -> int:
        """Send a frame; how many bytes it has."""
        frame = pack(entries)
        self._unacknowledged[number] = frame
        if self._client is None or not self._client.send(number, frame):
            self._slow.send(number, frame)
        return len(frame)

    def acknowledged(self, expected: int) -> None:
        """Hear that the other host has all frames below `expected`."""
        for number in [number for number in self._unacknowledged if number < expected]:
            del self._unacknowledged[number]

    async def close(self) -> None:
        """Send nothing any more."""
        self._slow.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self, client: StreamClient) -> None:
        for delay_s in RETRIES_S:
            try:
                await client.run(lambda: None, self._on_ack)
            except (OSError, EOFError) as error:
                _log.debug("no stream to %s: %s", self._host, error)
            for number, frame in tuple(self._unacknowledged.items()):
                self._links.retransmits += 1
                self._slow.send(number, frame)  # whether the stream brought it is not known
            await asyncio.sleep(delay_s)

    def _on_ack(self, expected: int) -> None:
        self._links.acknowledged(self._host, expected)
