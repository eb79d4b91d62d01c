"""Functions that executors of tests run: importable, since other processes must find them."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any, Self

from scanflow_actors.workflows import Score


class Probe(asyncio.DatagramProtocol):
    """Hears what executors say, from any process."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._changed = asyncio.Event()

    @classmethod
    async def listening(cls) -> Self:
        transport, probe = await asyncio.get_running_loop().create_datagram_endpoint(
            cls, local_addr=("127.0.0.1", 0)
        )
        probe._transport = transport
        probe.port = transport.get_extra_info("sockname")[1]
        return probe

    port: int
    _transport: asyncio.DatagramTransport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        del addr
        self.heard.append(data.decode())
        self._changed.set()

    async def hears(self, text: str, times: int = 1) -> None:
        """Wait until `text` was said so many times."""
        async with asyncio.timeout(60):
            while self.heard.count(text) < times:
                self._changed.clear()
                await self._changed.wait()

    async def says(self, beginning: str) -> str:
        """Wait for the first text with this beginning."""
        async with asyncio.timeout(60):
            while not (found := [text for text in self.heard if text.startswith(beginning)]):
                self._changed.clear()
                await self._changed.wait()
        return found[0]

    def close(self) -> None:
        self._transport.close()


class Gate:
    """Holds back the executors that `hold` at it, until it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._file = path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def open(self) -> None:
        self._file.close()


def say(port: int, text: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), ("127.0.0.1", port))
    return text


def hold(port: int, gate: str, text: str) -> str:
    """Say that it runs, and wait for the gate to open."""
    say(port, text)
    with open(gate) as file:  # noqa: PTH123 - a path that travelled as text
        fcntl.flock(file, fcntl.LOCK_SH)
    return text


def one() -> int:
    return 1


def add(left: int, right: int) -> int:
    return left + right


def double(number: int) -> int:
    return 2 * number


def fail(message: str) -> None:
    print("before it failed")  # noqa: T201 - is to be found in the log
    raise ValueError(message)


def fail_first(port: int, marker: str) -> str:
    """Fail the first time, and never again."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return say(port, "worked")
    say(port, "failed")
    raise ConnectionError("not yet")


def crash() -> None:
    os.abort()


def print_and_die() -> None:
    print("so far so good")  # noqa: T201 - is to be found in the log
    os.kill(os.getpid(), signal.SIGKILL)


def print_and_hang() -> None:
    print("so far so good")  # noqa: T201 - as above
    signal.pause()


def allocate(size_bytes: int) -> int:
    return len(bytearray(size_bytes))


def hoard(at_most_bytes: int) -> int:
    """Take memory piece by piece, and hold it."""
    held: list[bytes] = []
    while len(held) * 2**26 < at_most_bytes:
        held.append(b"x" * 2**26)
        time.sleep(0.05)  # so that Ray's monitor can look
    return len(held)


def environment(name: str) -> str:
    return os.environ.get(name, "")


def length_of(name: str) -> int:
    return len(os.environ[name])


def numbers(count: int) -> list[int]:
    return list(range(count))


def total(parts: list[int]) -> int:
    return sum(parts)


def unpicklable() -> Any:
    return socket.socket()


def odd_numbers(count: int) -> list[int]:
    return list(range(1, 2 * count, 2))


def sum_after(parts: list[int], after: Any) -> int:
    del after
    return sum(parts)


def hold_where(port: int, gate: str, text: str) -> str:
    """As `hold`, and say on which node."""
    import ray  # noqa: PLC0415 - tests that need no Ray must not pay for its import

    return hold(port, gate, f"{text} {ray.get_runtime_context().get_node_id()}")


def parabola(x: float, layers: int, kind: str, *, height: float) -> Score:
    """Highest at 0.3, 2 and b."""
    value = height - (x - 0.3) ** 2 - (layers - 2) ** 2 - (kind != "b")
    return Score(value=value, metrics={"loss": -value}, files={"model.bin": f"{x} {layers} {kind}".encode()})


def fail_if_odd(number: int) -> float:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def abort_if_odd(number: int) -> float:
    if number % 2:
        os.abort()
    return number


def no_score(number: int) -> Any:
    return {0: float("nan"), 1: "good"}.get(number)


def two_then_hold(x: float, port: int, gate: str, folder: str) -> float:
    """Let two calls return at once; the next ones say their process and wait for the gate."""
    tried = len(list(Path(folder).iterdir()))
    os.close(os.open(f"{folder}/{tried}", os.O_CREAT | os.O_EXCL))
    say(port, f"tried {x!r}")
    return x if tried < 2 else float(bool(hold(port, gate, f"held by {os.getpid()}"))) * x


def two_then_kill(x: float, folder: str) -> float:
    """Let two calls return; the third kills its process."""
    tried = len(list(Path(folder).iterdir()))
    os.close(os.open(f"{folder}/{tried}", os.O_CREAT | os.O_EXCL))
    if tried == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return x
