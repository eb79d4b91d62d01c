"""The stream between hosts, on real sockets: who may connect, and what happens when it breaks."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.cluster.frames import pack, unpack
from scanflow_actors.cluster.inbox import Inbox
from scanflow_actors.cluster.links import Links
from scanflow_actors.cluster.stream import Address, StreamClient, StreamServer
from scanflow_actors.cluster.switch import Switch
from scanflow_actors.cluster.wire import Where
from scanflow_actors.settings import RaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.cluster.payloads import Frame

SECRET = b"of this system"


class SlowDouble:
    """Carries frames to an inbox in no hurry, as Ray would; counts them."""

    def __init__(self, inbox: Inbox, sender: str) -> None:
        self.inbox = inbox
        self.sender = sender
        self.sent: list[int] = []
        self.links: Links | None = None
        self.is_busy = False

    def send(self, number: int, frame: Frame) -> None:
        self.sent.append(number)
        asyncio.get_running_loop().call_later(0.001, self._arrive, number, frame)

    def close(self) -> None:
        self.links = None

    def _arrive(self, number: int, frame: Frame) -> None:
        self.inbox.take_here(self.sender, number, frame)
        if self.links is not None:
            self.links.acknowledged("host-1", self.inbox.tell(self.sender))


class Here:
    """A receiving host with its server, and a sending one with its links."""

    def __init__(self, folder: Path) -> None:
        self.arrived: list[str] = []
        self.changed = asyncio.Event()
        self.inbox = Inbox(asyncio.get_running_loop(), self._receive, window=4)
        self.back = Inbox(asyncio.get_running_loop(), lambda *_: None, window=4)
        self.heard: list[int] = []
        self.server = StreamServer(
            "host-1", SECRET, self.inbox, lambda _, expected: self.heard.append(expected)
        )
        self.address = Address(path=str(folder / "host-1.sock"))
        self.slow = SlowDouble(self.inbox, "host-0")
        self.links = Links(RaySettings(), self._connect)
        self.slow.links = self.links

    async def listen(self, *, on_tcp: bool = False) -> None:
        if on_tcp:
            port = await self.server.open_port("127.0.0.1", (0, 0))
            self.address = Address(ip="127.0.0.1", port=port)
        else:
            await self.server.open_path(self.address.path)

    def client(self, secret: bytes = SECRET, host: str = "host-1") -> StreamClient:
        return StreamClient(self.address, secret, host=host, own="host-0")

    def _receive(self, sender: str, frame: Frame) -> None:
        assert sender == "host-0"
        for label, _ in unpack(frame):
            assert isinstance(label, Where)
            self.arrived.append(label.name)
        self.changed.set()

    def _connect(self, host: str, handle: object) -> Switch:
        del handle
        return Switch(self.links, self.back, host, self.slow, self.client())

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(30):
            while len(self.arrived) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.arrived

    async def close(self) -> None:
        await self.links.close()
        await self.server.close()


@pytest.mark.parametrize("on_tcp", [False, True])
async def test_frames_arrive_over_the_stream_and_are_acknowledged(tmp_path: Path, on_tcp: bool) -> None:
    here = Here(tmp_path)
    await here.listen(on_tcp=on_tcp)
    here.links.open("host-1", None)
    for number in range(100):
        here.links.push("host-1", (Where(str(number)), None))
        await asyncio.sleep(0)
    assert await here.until(100) == [str(number) for number in range(100)]
    await here.links.drained(30)
    assert len(here.slow.sent) < 100
    await here.close()


async def test_an_acknowledgement_rides_on_a_frame_of_the_other_direction(tmp_path: Path) -> None:
    here = Here(tmp_path)
    await here.listen()
    here.links.open("host-1", None)
    here.links.push("host-1", (Where("first"), None))
    await here.until(1)
    here.back.take_here("host-1", 0, b"")  # a frame has come back
    assert here.back.owed("host-1") == 1
    while here.heard[-1:] != [1]:
        here.links.push("host-1", (Where("next"), None))
        await asyncio.sleep(0.001)
    assert here.back.owed("host-1") == 0
    await here.close()


@pytest.mark.parametrize("on_tcp", [False, True])
async def test_a_stream_that_breaks_loses_nothing_and_doubles_nothing(tmp_path: Path, on_tcp: bool) -> None:
    here = Here(tmp_path)
    await here.listen(on_tcp=on_tcp)
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
    await here.listen()
    stranger = here.client(secret=b"a guess")
    with pytest.raises(OSError, match="is not host-1 of this system"):
        await stranger.run(lambda _: None)
    assert not stranger.is_open
    assert "without knowing the system's secret" in caplog.text
    assert here.arrived == []
    await here.close()


async def test_a_server_that_does_not_know_the_secret_gets_nothing(tmp_path: Path) -> None:
    here = Here(tmp_path)
    false = StreamServer("host-1", b"a guess", here.inbox, lambda *_: None)
    await false.open_path(here.address.path)
    with pytest.raises(OSError, match="is not host-1 of this system"):
        await here.client().run(lambda _: None)
    assert here.arrived == []
    await false.close()


async def test_a_host_that_listens_where_another_did_is_not_taken_for_it(tmp_path: Path) -> None:
    here = Here(tmp_path)
    await here.listen(on_tcp=True)
    with pytest.raises(OSError, match="is not host-7 of this system"):
        await here.client(host="host-7").run(lambda _: None)
    await here.close()


async def test_a_port_of_the_range_is_taken_and_an_empty_range_is_an_error(tmp_path: Path) -> None:
    here = Here(tmp_path)
    port = await here.server.open_port("127.0.0.1", (0, 0))
    with pytest.raises(OSError, match=f"no port of {port} to {port} is free"):
        await here.server.open_port("127.0.0.1", (port, port))
    await here.close()


async def test_frames_that_come_in_pieces_or_together_are_taken_apart(tmp_path: Path) -> None:
    here = Here(tmp_path)
    await here.listen()
    client = here.client()
    running = asyncio.ensure_future(client.run(lambda _: None))
    while not client.is_open:  # noqa: ASYNC110 - a handshake has no event
        await asyncio.sleep(0)
    frames = [pack([(Where("a" * size), None)]) for size in (0, 1, 300_000, 2)]
    for number, frame in enumerate(frames):
        client.send(number, 0, frame)
    assert [len(name) for name in await here.until(4)] == [0, 1, 300_000, 2]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await here.close()


async def test_frames_of_threads_and_of_the_loop_stay_in_order() -> None:
    got: list[Frame] = []
    inbox = Inbox(asyncio.get_running_loop(), lambda _, frame: got.append(frame), window=2)

    def take() -> None:
        for number in range(3):
            inbox.take("a", number, b"%d" % number)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    inbox.take_here("a", 3, b"3")  # not before the three that wait for the loop
    assert inbox.expected("a") == inbox.owed("a") == 4
    assert got == []
    await asyncio.sleep(0)
    assert got == [b"0", b"1", b"2", b"3"]
    inbox.take_here("a", 4, b"4")
    assert inbox.tell("a") == 5
    assert inbox.owed("a") == 0
    inbox.take_here("a", 4, b"4")  # its sender has not heard that it came
    assert inbox.owed("a") == 1
    inbox.wait_for_room()
    inbox.forget("a")
    assert inbox.expected("a") == 0
    assert got[-1] == b"4"
