"""A link's two carriers: the stream while there is one, Ray otherwise, and the change between them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import ray

from scanflow_actors.cluster.frames import pack
from scanflow_actors.cluster.payloads import PAYLOADS, Laden
from scanflow_actors.cluster.stream import NOWHERE, Address, StreamClient, StreamServer

if TYPE_CHECKING:
    from scanflow_actors.cluster.inbox import Inbox
    from scanflow_actors.cluster.links import Links
    from scanflow_actors.cluster.payloads import Frame
    from scanflow_actors.cluster.wire import Entry

_log = logging.getLogger(__name__)

RETRIES_S = (0.1, 1.0, 10.0)
"""Seconds between tries to connect, the last one for ever; Ray carries the frames meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """What the processes of one system know of its sockets."""

    secret: bytes
    folder: str
    """Of the sockets, on the controller's machine; only this user may enter it."""
    node: str
    """Ray's id of that machine."""
    ports: tuple[int, int] | None
    """For other machines, the first and the last; None does without."""
    controller: Address = NOWHERE

    async def listen(self, server: StreamServer, *, node: str, ip: str) -> Address:
        """Listen where a process on a machine can be reached."""
        path, port = "", 0
        if node == self.node:
            path = str(Path(self.folder) / f"{server.host}.sock")
            await server.open_path(path)
        if self.ports is not None:
            try:
                port = await server.open_port(ip, self.ports)
            except OSError as error:
                _log.warning("%s: %s; Ray carries what comes from other machines", server.host, error)
        return Address(path=path, ip=ip if port else "", port=port)

    def way(self, address: Address, *, node: str) -> Address | None:
        """How to reach an address from a machine; None when it cannot be reached."""
        if address.path and node == self.node:
            return Address(path=address.path)
        return Address(ip=address.ip, port=address.port) if address.port else None


def node_ip() -> str:
    """The address by which other machines reach this one."""
    ip: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return ip


class SlowCarrier(Protocol):
    """Carries frames wherever Ray works."""

    @property
    def is_busy(self) -> bool:
        """Whether a call is under way whose end is soon to come."""

    def send(self, number: int, frame: Frame) -> None:
        """Send a frame, again and again until it has arrived or the host has died."""

    def close(self) -> None:
        """Send nothing any more."""


class Switch:
    """Carries the frames of one link."""

    def __init__(
        self, links: Links, inbox: Inbox, host: str, slow: SlowCarrier, client: StreamClient | None
    ) -> None:
        """Connect.

        Args:
            links: Told of acknowledgements.
            inbox: Knows what to acknowledge.
            host: The other end.
            slow: What carries frames while there is no stream.
            client: Connects to the other end; None does without.
        """
        self._links = links
        self._inbox = inbox
        self._host = host
        self._slow = slow
        self._unacknowledged: dict[int, Frame] = {}
        self._client = client
        self._task: asyncio.Task[None] | None = None
        if client is not None:
            self._task = asyncio.create_task(self._keep(client), name=f"stream to {host}")

    @property
    def is_busy(self) -> bool:
        """Whether Ray carries a frame just now; frames on a stream wait for nothing."""
        return self._slow.is_busy and (self._client is None or not self._client.is_open)

    def carry(self, number: int, entries: list[Entry]) -> int:
        """Send a frame; how many bytes it has."""
        frame = pack(entries, PAYLOADS)
        self._unacknowledged[number] = frame
        if isinstance(frame, Laden):
            self._slow.send(number, frame)
            return len(frame.body)
        if self._client is None or not self._client.is_open:
            self._slow.send(number, frame)
        else:
            self._client.send(number, self._inbox.tell(self._host), frame)
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
        tries = 0
        while True:
            try:
                await client.run(self._on_ack)
            except OSError as error:
                _log.debug("no stream to %s: %s", self._host, error)
                tries += 1
            else:
                tries = 1
            for number, frame in tuple(self._unacknowledged.items()):
                self._links.retransmits += 1
                self._slow.send(number, frame)  # whether the stream brought it is not known
            await asyncio.sleep(RETRIES_S[min(tries, len(RETRIES_S)) - 1])

    def _on_ack(self, expected: int) -> None:
        self._links.acknowledged(self._host, expected)
