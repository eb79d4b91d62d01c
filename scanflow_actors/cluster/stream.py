"""Frames over sockets between two host processes: some ten times faster than Ray calls.

A connection carries the frames of one link in one direction; acknowledgements ride on frames of the other
direction, and go back alone only when there is none. It is there or not: the link's numbers make a change
from one carrier to the other, at any time, exactly-once and in order.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from scanflow_actors.cluster.connection import NO_FRAME, Accepted, Dialled

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

ACKNOWLEDGE_S = 0.005
"""Seconds that the acknowledgement of one frame waits for a frame to ride on; that of two does not wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a host listens."""

    path: str = ""
    """Of a socket on the controller's machine; empty elsewhere."""
    ip: str = ""
    """Empty where the host does not listen for other machines."""
    port: int = 0


NOWHERE = Address()
"""Where a host is that does not listen."""


class Taker(Protocol):
    """Where frames come in."""

    def take_here(self, sender: str, number: int, frame: bytes) -> None:
        """Take a frame in, on the event loop."""

    def owed(self, sender: str) -> int:
        """Frames of a host that have come and were not acknowledged."""

    def tell(self, sender: str) -> int:
        """The number that is expected next from a host, which is about to hear it."""


class StreamServer:
    """Where the other hosts connect to."""

    def __init__(
        self, host: str, secret: bytes, taker: Taker, acknowledged: Callable[[str, int], object]
    ) -> None:
        """Take frames in.

        Args:
            host: Which host this is.
            secret: Shared by the processes of one system.
            taker: Takes the frames.
            acknowledged: Told which number a host expects next.
        """
        self.host = host
        self._secret = secret
        self._taker = taker
        self._acknowledged = acknowledged
        self._servers: list[asyncio.Server] = []
        self._accepted: set[_Incoming] = set()

    async def open_path(self, path: str) -> None:
        """Listen on a socket in a folder that only this user may enter."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_unix_server(self._accept, path))

    async def open_port(self, ip: str, ports: tuple[int, int]) -> int:
        """Listen for other machines.

        Args:
            ip: Of this machine.
            ports: The first and the last to try; 0 leaves it to the system.

        Returns:
            The port.

        Raises:
            OSError: All of them are taken.
        """
        loop = asyncio.get_running_loop()
        for port in range(ports[0], ports[1] + 1):
            try:
                server = await loop.create_server(self._accept, ip, port)
            except OSError as error:
                _log.debug("port %d: %s", port, error)
            else:
                self._servers.append(server)
                taken: int = server.sockets[0].getsockname()[1]
                return taken
        raise OSError(f"no port of {ports[0]} to {ports[1]} is free on {ip}")

    async def close(self) -> None:
        """Listen no more, and end all connections."""
        for server in self._servers:
            server.close()
        for incoming in tuple(self._accepted):
            incoming.transport.abort()
            await incoming.closed

    def _accept(self) -> _Incoming:
        incoming = _Incoming(self._secret, self.host, self._taker, self._acknowledged)
        self._accepted.add(incoming)
        incoming.closed.add_done_callback(lambda _: self._accepted.discard(incoming))
        return incoming


class _Incoming(Accepted):
    """A connection that brings frames."""

    def __init__(
        self, secret: bytes, host: str, taker: Taker, acknowledged: Callable[[str, int], object]
    ) -> None:
        super().__init__(secret, host, self._take)
        self._taker = taker
        self._acknowledged = acknowledged
        self._later: asyncio.TimerHandle | None = None

    def _take(self, number: int, expected: int, frame: bytes) -> None:
        self._acknowledged(self.peer, expected)
        self._taker.take_here(self.peer, number, frame)

    def data_received(self, data: bytes) -> None:
        """Take what has come, and see to it that it is acknowledged."""
        super().data_received(data)
        owed = self._taker.owed(self.peer) if self.is_ready else 0
        if owed > 1:
            self._acknowledge()
        elif owed and self._later is None:
            self._later = asyncio.get_running_loop().call_later(ACKNOWLEDGE_S, self._acknowledge)

    def connection_lost(self, error: Exception | None) -> None:
        """Acknowledge nothing any more."""
        super().connection_lost(error)
        self._forget_later()

    def refuse(self) -> None:
        """Say so: it may be an attack, or two systems that share an address."""
        _log.warning("somebody connected to %s without knowing the system's secret", self.server)
        super().refuse()

    def _acknowledge(self) -> None:
        self._forget_later()
        if self._taker.owed(self.peer):
            self.write(NO_FRAME, self._taker.tell(self.peer))

    def _forget_later(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None


class StreamClient:
    """The connection to another host: sends frames, hears acknowledgements."""

    def __init__(self, address: Address, secret: bytes, *, host: str, own: str) -> None:
        """Say where.

        Args:
            address: Of the other host.
            secret: Shared by the processes of one system.
            host: Which host that is.
            own: Which host this is.
        """
        self._address = address
        self._secret = secret
        self._host = host
        self._own = own
        self._connection: Dialled | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to send on."""
        return self._connection is not None and not self._connection.transport.is_closing()

    def send(self, number: int, expected: int, frame: bytes) -> None:
        """Send a frame and an acknowledgement; what was not acknowledged when it breaks may be lost."""
        if self._connection is not None:
            self._connection.write(number, expected, frame)

    async def run(self, on_ack: Callable[[int], None]) -> None:
        """Connect, and hear acknowledgements until the connection ends.

        Args:
            on_ack: Called with the number that the other host expects next.

        Raises:
            OSError: There was no connection, or the other end is not who it should be.
        """
        connection = await self._dial(on_ack)
        try:
            if not await connection.opened:
                raise ConnectionRefusedError(f"{self._address} is not {self._host} of this system")
            self._connection = connection
            await connection.closed
        finally:
            self._connection = None
            connection.transport.abort()

    async def _dial(self, on_ack: Callable[[int], None]) -> Dialled:
        def dialled() -> Dialled:
            return Dialled(self._secret, self._host, self._own, lambda _, expected, __: on_ack(expected))

        loop, address = asyncio.get_running_loop(), self._address
        if address.path:
            return (await loop.create_unix_connection(dialled, address.path))[1]
        return (await loop.create_connection(dialled, address.ip, address.port))[1]
