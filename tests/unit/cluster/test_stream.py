"""The stream between hosts, on real sockets: who may connect, and what happens when it breaks."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.cluster.frames import unpack
from scanflow_actors.cluster.inbox import Inbox
from scanflow_actors.cluster.links import Links
from scanflow_actors.cluster.stream import StreamClient, StreamServer
from scanflow_actors.cluster.switch import Streams, Switch
from scanflow_actors.cluster.wire import Where
from scanflow_actors.settings import RaySettings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = b"of this system"


class SlowDouble:
    """Carries frames to an inbox in no hurry, as Ray would; counts them."""

    def __init__(self, inbox: Inbox, sender: str) -> None:
        self.inbox = inbox
        self.sender = sender
        self.sent: list[int] = []
        self.links: Links | None = None

    def send(self, number: int, frame: bytes) -> None:
        self.sent.append(number)
        asyncio.get_running_loop().call_later(0.001, self._arrive, number, frame)

    def close(self) -> None:
        self.links = None

    def _arrive(self, number: int, frame: bytes) -> None:
        expected = self.inbox.take_here(self.sender, number, frame)
        if self.links is not None:
            self.links.acknowledged("host-1", expected)


class Here:
    """A receiving host with its server, and a sending one with its links."""

    def __init__(self, folder: Path) -> None:
        self.arrived: list[str] = []
        self.changed = asyncio.Event()
        self.inbox = Inbox(asyncio.get_running_loop(), self._receive, window=4)
        self.streams = Streams(folder=str(folder), secret=SECRET)
        self.server = StreamServer(self.streams.path("host-1"), SECRET, self.inbox.take_here)
        self.slow = SlowDouble(self.inbox, "host-0")
        self.links = Links(RaySettings(), self._connect)
        self.slow.links = self.links

    def _receive(self, sender: str, frame: bytes) -> None:
        assert sender == "host-0"
        for label, _ in unpack(frame):
            assert isinstance(label, Where)
            self.arrived.append(label.name)
        self.changed.set()

    def _connect(self, host: str, handle: object) -> Switch:
        del handle
        return Switch(self.links, host, self.slow, streams=self.streams, own="host-0")

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(30):
            while len(self.arrived) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.arrived

    async def close(self) -> None:
        await self.links.close()
        await self.server.close()


async def test_frames_arrive_over_the_stream_and_are_acknowledged(tmp_path: Path) -> None:
    here = Here(tmp_path)
    await here.server.open()
    here.links.open("host-1", None)
    for number in range(100):
        here.links.push("host-1", (Where(str(number)), None))
        await asyncio.sleep(0)
    assert await here.until(100) == [str(number) for number in range(100)]
    await here.links.drained(30)
    assert len(here.slow.sent) < 100
    await here.close()


async def test_a_stream_that_breaks_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    here = Here(tmp_path)
    await here.server.open()
    here.links.open("host-1", None)
    here.links.push("host-1", (Where("first"), None))
    await here.until(1)
    for number in range(300):
        here.links.push("host-1", (Where(str(number)), None))
        if number == 150:
            await here.server.close()  # all connections end, in the middle of whatever they do
        if number % 10 == 0:
            await asyncio.sleep(0)
    assert await here.until(301) == ["first", *(str(number) for number in range(300))]
    await here.links.drained(30)
    await here.links.close()


async def test_without_a_socket_the_slow_carrier_carries_all(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.links.open("host-1", None)
    for number in range(10):
        here.links.push("host-1", (Where(str(number)), None))
    assert await here.until(10) == [str(number) for number in range(10)]
    assert here.slow.sent
    await here.links.close()


async def test_somebody_who_does_not_know_the_secret_is_turned_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = Here(tmp_path)
    await here.server.open()
    stranger = StreamClient(here.server.path, b"a guess", "host-0")
    with pytest.raises((EOFError, OSError)):
        await stranger.run(lambda: None, lambda _: None)
    assert not stranger.send(0, b"forged")
    assert "without knowing the system's secret" in caplog.text
    assert here.arrived == []
    await here.close()


async def test_a_server_that_does_not_know_the_secret_gets_nothing(tmp_path: Path) -> None:
    false = StreamServer(str(tmp_path / "host-1.sock"), b"a guess", lambda *_: 0)
    await false.open()
    client = StreamClient(false.path, SECRET, "host-0")
    with pytest.raises((EOFError, OSError)):
        await client.run(lambda: None, lambda _: None)
    await false.close()


async def test_frames_of_threads_and_of_the_loop_stay_in_order() -> None:
    got: list[bytes] = []
    inbox = Inbox(asyncio.get_running_loop(), lambda _, frame: got.append(frame), window=2)
    thread = threading.Thread(target=lambda: [inbox.take("a", number, b"%d" % number) for number in range(3)])
    thread.start()
    thread.join()
    assert inbox.take_here("a", 3, b"3") == 4  # not before the three that wait for the loop
    assert got == []
    await asyncio.sleep(0)
    assert got == [b"0", b"1", b"2", b"3"]
    assert inbox.take_here("a", 4, b"4") == 5
    assert inbox.expected("a") == 5
    inbox.wait_for_room()
    inbox.forget("a")
    assert inbox.expected("a") == 0
    assert got[-1] == b"4"
