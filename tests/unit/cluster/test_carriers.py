"""Frames over Ray's calls: what rides home on a call of the other host, and what is made of lost calls."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ray.exceptions import ActorUnavailableError

from scanflow_actors.cluster.carriers import RayCarrier
from scanflow_actors.cluster.connection import NO_FRAME
from scanflow_actors.cluster.frames import pack, unpack
from scanflow_actors.cluster.inbox import Inbox
from scanflow_actors.cluster.links import Links
from scanflow_actors.cluster.wire import Where
from scanflow_actors.settings import RaySettings

if TYPE_CHECKING:
    import pytest

    from scanflow_actors.cluster.payloads import Frame
    from scanflow_actors.cluster.wire import Entry, Peer

OTHER = "host-2"


class RayDouble:
    """Stands for Ray's handle of the other host: notes the calls, which a test then answers."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], Future[Any]]] = []

    @property
    def deliver(self) -> RayDouble:
        return self

    def remote(self, *arguments: Any) -> RayDouble:
        self.calls.append((arguments, Future()))
        return self

    def future(self) -> Future[Any]:
        return self.calls[-1][1]


class Here:
    """One end of a link on Ray's calls: what a carrier needs of a node."""

    host = "host-1"

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.ray = RayDouble()
        self.inbox = Inbox(asyncio.get_running_loop(), self._receive, window=4)
        self.links = Links(RaySettings(), self._connect)
        self.carrier = RayCarrier(self, self.inbox, OTHER, self.ray)  # type: ignore[arg-type]
        self.links.open(OTHER, None)

    def _receive(self, sender: str, frame: Frame) -> None:
        assert sender == OTHER
        for label, _ in unpack(frame):
            assert isinstance(label, Where)
            self.arrived.append(label.name)

    def _connect(self, host: str, peer: Peer | None) -> Here:
        del host, peer
        return self

    @property
    def is_busy(self) -> bool:
        return self.carrier.is_busy

    def carry(self, number: int, entries: list[Entry]) -> int:
        frame = pack(entries)
        self.carrier.send(number, frame)
        return len(frame)

    def acknowledged(self, expected: int) -> None:
        assert expected >= 0

    async def close(self) -> None:
        self.carrier.close()

    def push(self, name: str) -> None:
        self.links.push(OTHER, (Where(name), None))

    async def called(
        self, acknowledged: int, *, again: bool = False, pushing: str = "", size: int = 100
    ) -> list[int]:
        """A call of the other host comes in: the numbers of the frames that ride home on it."""

        def call() -> list[tuple[int, Frame]]:
            self.carrier.begin(acknowledged, size)
            if pushing:
                asyncio.run_coroutine_threadsafe(self._push(pushing), loop)
            return self.carrier.end(again=again)

        loop = asyncio.get_running_loop()
        return [number for number, _ in await asyncio.to_thread(call)]

    async def _push(self, names: str) -> None:
        for name in names.split():
            self.push(name)
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # as an actor does between two batches


async def test_a_frame_rides_home_on_a_call_that_waits() -> None:
    here = Here()
    assert await here.called(0, pushing="first") == [0]
    assert here.ray.calls == []
    await here.links.close()


async def test_a_call_does_not_wait_for_long_when_nothing_is_to_go() -> None:
    here = Here()
    assert await here.called(0) == []
    here.push("later")
    await asyncio.sleep(0.01)
    [(arguments, _)] = here.ray.calls
    assert arguments[:2] == ("host-1", 0)
    await here.links.close()


async def test_what_rode_home_is_given_again_until_it_is_acknowledged() -> None:
    here = Here()
    assert await here.called(0, pushing="first") == [0]
    assert await here.called(0) == []  # it is on its way
    assert await here.called(0, again=True) == [0]  # its answer was lost
    assert await here.called(1, again=True) == []
    await here.links.drained(10)
    await here.links.close()


async def test_frames_that_come_with_an_answer_are_taken_in_and_acknowledged() -> None:
    here = Here()
    here.push("question")
    await asyncio.sleep(0)
    [(_, outcome)] = here.ray.calls
    outcome.set_result((1, [(0, pack([(Where("answer"), None)]))]))
    async with asyncio.timeout(30):
        while len(here.ray.calls) < 2:  # noqa: ASYNC110 - the double has no event
            await asyncio.sleep(0.01)
    assert here.arrived == ["answer"]
    assert here.ray.calls[1][0] == ("host-1", NO_FRAME, b"", 1)
    await here.links.close()


async def test_an_acknowledgement_goes_with_the_next_frame() -> None:
    here = Here()
    here.push("question")
    await asyncio.sleep(0)
    here.ray.calls[0][1].set_result((1, [(0, pack([(Where("answer"), None)]))]))
    while not here.arrived:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
    here.push("next")
    await asyncio.sleep(0)
    arguments, _ = here.ray.calls[1]
    assert arguments[1] == 1
    assert arguments[3] == 1
    await here.links.close()


async def test_a_frame_whose_call_was_lost_is_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    here = Here()
    here.push("first")
    await asyncio.sleep(0)
    here.ray.calls[0][1].set_exception(ActorUnavailableError("lost", b"0" * 16))
    async with asyncio.timeout(30):
        while len(here.ray.calls) < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    assert here.ray.calls[1][0][1] == 0
    assert here.links.retransmits == 1
    assert "is sent again" in caplog.text
    await here.links.close()


async def test_small_frames_wait_for_the_call_that_is_under_way_and_then_leave_together() -> None:
    here = Here()
    for name in ("first", "second", "third"):
        here.push(name)
        await asyncio.sleep(0)
    [(_, outcome)] = here.ray.calls
    outcome.set_result((1, []))
    async with asyncio.timeout(30):
        while len(here.ray.calls) < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    assert [label for label, _ in unpack(here.ray.calls[1][0][2])] == [Where("second"), Where("third")]
    await here.links.close()


async def test_a_frame_that_rode_home_holds_nothing_up() -> None:
    here = Here()
    assert await here.called(0, pushing="first") == [0]
    here.push("second")
    await asyncio.sleep(0)
    assert [arguments[1] for arguments, _ in here.ray.calls] == [1]
    await here.links.close()


async def test_the_answers_to_a_batch_ride_home_together() -> None:
    here = Here()
    assert await here.called(0, pushing="first second", size=10_000) == [0, 1]
    assert here.ray.calls == []
    await here.links.close()
