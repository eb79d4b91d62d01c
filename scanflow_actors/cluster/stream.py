"""Frames over a socket between two host processes: some ten times faster than Ray calls.

A connection carries the frames of one link in one direction and the acknowledgements back. Both ends prove
that they know the system's secret, which only its own processes have. It is there or not: the link's numbers
make a change from one carrier to the other, at any time, exactly-once and in order.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

_HEAD = struct.Struct("!QI")
"""Of a frame: its number, and the bytes that follow."""
_ACK = struct.Struct("!Q")
_NONCE_BYTES = 32
_NAME_BYTES = 32
_PROOF_BYTES = hashlib.sha256().digest_size
HANDSHAKE_S = 5.0
"""Seconds that a stranger gets to prove that it is none."""


def _proof(secret: bytes, role: bytes, nonce: bytes, name: bytes) -> bytes:
    return hmac.digest(secret, role + nonce + name, "sha256")


class StreamServer:
    """Where the other hosts of this machine connect to."""

    def __init__(self, path: str, secret: bytes, take: Callable[[str, int, bytes], int]) -> None:
        """Name the place.

        Args:
            path: Of the socket, in a folder that only this user may enter.
            secret: Shared by the processes of one system.
            take: Takes a frame in, given its sender and number; returns the number expected next.
        """
        self.path = path
        self._secret = secret
        self._take = take
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._accept, self.path)

    async def close(self) -> None:
        """Listen no more, and end all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="stream in")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                sender = await self._greet(reader, writer)
            while sender is not None:
                number, size = _HEAD.unpack(await reader.readexactly(_HEAD.size))
                frame = await reader.readexactly(size)
                writer.write(_ACK.pack(self._take(sender, number, frame)))
        except (OSError, EOFError, TimeoutError) as error:
            _log.debug("a stream ended: %s", error)
        finally:
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        nonce = os.urandom(_NONCE_BYTES)
        writer.write(nonce)
        name = await reader.readexactly(_NAME_BYTES)
        theirs = await reader.readexactly(_NONCE_BYTES)
        proof = await reader.readexactly(_PROOF_BYTES)
        if not hmac.compare_digest(proof, _proof(self._secret, b"client", nonce, name)):
            _log.warning("somebody connected to %s without knowing the system's secret", self.path)
            return None
        writer.write(_proof(self._secret, b"server", theirs, name))
        return name.rstrip(b"\0").decode()


class StreamClient:
    """One end of a connection to another host: sends frames, hears acknowledgements."""

    def __init__(self, path: str, secret: bytes, host: str) -> None:
        self._path = path
        self._secret = secret
        self._name = host.encode().ljust(_NAME_BYTES, b"\0")
        self._writer: asyncio.StreamWriter | None = None

    def send(self, number: int, frame: bytes) -> bool:
        """Send a frame; False when there is no connection."""
        writer = self._writer
        if writer is None or writer.is_closing():
            return False
        writer.write(_HEAD.pack(number, len(frame)) + frame)
        return True

    async def run(self, on_open: Callable[[], None], on_ack: Callable[[int], None]) -> None:
        """Connect, and hear acknowledgements until the connection ends.

        Args:
            on_open: Called once frames can be sent.
            on_ack: Called with the number that the other host expects next.

        Raises:
            OSError: There was no connection, it ended, or the other end does not know the secret.
            EOFError: It ended in the middle of something.
        """
        reader, writer = await asyncio.open_unix_connection(self._path)
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await self._introduce(reader, writer)
            self._writer = writer
            on_open()
            while True:
                (expected,) = _ACK.unpack(await reader.readexactly(_ACK.size))
                on_ack(expected)
        finally:
            self._writer = None
            writer.close()

    async def _introduce(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs = await reader.readexactly(_NONCE_BYTES)
        nonce = os.urandom(_NONCE_BYTES)
        writer.write(self._name + nonce + _proof(self._secret, b"client", theirs, self._name))
        proof = await reader.readexactly(_PROOF_BYTES)
        if not hmac.compare_digest(proof, _proof(self._secret, b"server", nonce, self._name)):
            raise ConnectionRefusedError(f"{self._path} does not know the system's secret")
