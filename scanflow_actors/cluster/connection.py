"""One connection between two hosts: a mutual challenge, then frames and acknowledgements as they come.

Each end proves that it knows the system's secret, which only its own processes have, and the connecting end
names both: a port that another host has inherited is found out before a frame leaves.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import struct
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

HANDSHAKE_S = 5.0
"""Seconds that a stranger gets to prove that it is none."""

NO_FRAME = 2**64 - 1
"""Number of what is only an acknowledgement."""

_HEAD = struct.Struct("!QQI")
"""Number of the frame, number that its sender expects next from the other end, and the bytes that follow."""
_NONCE_BYTES = 32
_NAME_BYTES = 32
_PROOF_BYTES = hashlib.sha256().digest_size
_HELLO_BYTES = _NAME_BYTES + _NONCE_BYTES + _PROOF_BYTES


def _proof(secret: bytes, role: bytes, nonce: bytes, client: bytes, server: str) -> bytes:
    return hmac.digest(secret, role + nonce + client + server.encode(), "sha256")


class Connection(asyncio.Protocol):
    """What both ends share: waiting for so many bytes, then doing something with them."""

    def __init__(self, secret: bytes, server: str, on_frame: Callable[[int, int, bytes], None]) -> None:
        self.secret = secret
        self.server = server
        """Id of the host that listens."""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection has ended, for whatever reason."""
        self.transport: asyncio.Transport
        self.is_ready = False
        """Whether both ends know each other."""
        self.nonce = os.urandom(_NONCE_BYTES)
        self.needed = 0
        """Bytes to wait for before there is something to do."""
        self._on_frame = on_frame
        self._buffer = bytearray()
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake, which has to end in time."""
        self.transport = cast("asyncio.Transport", transport)
        self._limit = asyncio.get_running_loop().call_later(HANDSHAKE_S, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        """Go on when enough is there."""
        self._buffer += data
        while len(self._buffer) >= self.needed and not self.transport.is_closing():
            if self.is_ready:
                self._take_frames()
                return
            taken = bytes(self._buffer[: self.needed])
            del self._buffer[: self.needed]
            self.greet(taken)

    def greet(self, taken: bytes) -> None:
        """Go one step on in the handshake, with as many bytes as were needed."""
        raise NotImplementedError

    def ready(self) -> None:
        """Expect frames from now on."""
        self.is_ready = True
        self.needed = _HEAD.size
        if self._limit is not None:
            self._limit.cancel()

    def write(self, number: int, expected: int, frame: bytes = b"") -> None:
        """Send a frame, or an acknowledgement alone."""
        self.transport.write(_HEAD.pack(number, expected, len(frame)) + frame)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits for the end."""
        del error
        if self._limit is not None:
            self._limit.cancel()
        self.is_ready = False
        if not self.closed.done():
            self.closed.set_result(None)

    def _take_frames(self) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= _HEAD.size:
            number, expected, size = _HEAD.unpack_from(buffer, at)
            if len(buffer) - at < _HEAD.size + size:
                self.needed = _HEAD.size + size
                break
            at += _HEAD.size
            self._on_frame(number, expected, bytes(buffer[at : at + size]))
            at += size
            self.needed = _HEAD.size
        del buffer[:at]


class Accepted(Connection):
    """The end that listened."""

    peer = ""
    """Id of the host at the other end, once it is known."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Challenge whoever it is."""
        super().connection_made(transport)
        self.needed = _HELLO_BYTES
        self.transport.write(self.nonce)

    def greet(self, taken: bytes) -> None:
        """Check the other end's proof, and prove oneself."""
        name, theirs = taken[:_NAME_BYTES], taken[_NAME_BYTES:-_PROOF_BYTES]
        wanted = _proof(self.secret, b"client", self.nonce, name, self.server)
        if not hmac.compare_digest(taken[-_PROOF_BYTES:], wanted):
            self.refuse()
            return
        self.peer = name.rstrip(b"\0").decode()
        self.transport.write(_proof(self.secret, b"server", theirs, name, self.server))
        self.ready()

    def refuse(self) -> None:
        """End a connection with a stranger."""
        self.transport.close()


class Dialled(Connection):
    """The end that connected."""

    def __init__(
        self, secret: bytes, server: str, own: str, on_frame: Callable[[int, int, bytes], None]
    ) -> None:
        super().__init__(secret, server, on_frame)
        self.needed = _NONCE_BYTES
        self.opened: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether the other end knows the secret; done when that is known."""
        self._name = own.encode().ljust(_NAME_BYTES, b"\0")
        self._has_proved = False

    def greet(self, taken: bytes) -> None:
        """Answer the challenge and make one, then check the proof."""
        if not self._has_proved:
            self._has_proved = True
            proof = _proof(self.secret, b"client", taken, self._name, self.server)
            self.transport.write(self._name + self.nonce + proof)
            self.needed = _PROOF_BYTES
            return
        wanted = _proof(self.secret, b"server", self.nonce, self._name, self.server)
        knows = hmac.compare_digest(taken, wanted)
        if knows:
            self.ready()
        else:
            self.transport.close()
        if not self.opened.done():
            self.opened.set_result(knows)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell also who waits for the beginning."""
        super().connection_lost(error)
        if not self.opened.done():
            self.opened.set_result(False)
