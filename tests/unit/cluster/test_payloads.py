"""Large arrays by reference: what goes to the store, what waits for it, and what becomes of what is lost."""

from __future__ import annotations

import asyncio
import gc
import pickle
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import ray
from ray.exceptions import RayActorError, RayError

from scanflow_actors.actors import DeadReason
from scanflow_actors.cluster.frames import pack, unpack
from scanflow_actors.cluster.payloads import BY_REFERENCE_BYTES, Laden, Parcel, Payloads
from scanflow_actors.errors import AskTimeoutError, MailboxFullError, PayloadLostError
from scanflow_actors.settings import RaySettings, Settings
from tests.paper_cluster import PaperCluster
from tests.troupe import Look, Make, Note, Notes, Painter, Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scanflow_actors.actors import ActorRef

ONE, TWO = "host-1", "host-2"
LARGE = BY_REFERENCE_BYTES // 8


class PaperRef:
    """A buffer that is on its way until the test says that it is there, or lost."""

    def __init__(self, content: Any) -> None:
        self.content = content
        self._futures: list[Future[Any]] = []
        self._outcome: Any = None

    def future(self) -> Future[Any]:
        future: Future[Any] = Future()
        self._futures.append(future)
        self._settle()
        return future

    def arrive(self) -> None:
        self._outcome = self.content
        self._settle()

    def lose(self) -> None:
        self._outcome = RayError("the owner has died")
        self._settle()

    def _settle(self) -> None:
        if self._outcome is None:
            return
        for future in self._futures:
            if isinstance(self._outcome, RayError):
                future.set_exception(self._outcome)
            else:
                future.set_result(self._outcome)
        self._futures.clear()


class PaperStore(Payloads):
    """As the store of Ray, without Ray: buffers arrive when the test says so, or at once."""

    def __init__(self) -> None:
        super().__init__()
        self.refs: list[PaperRef] = []
        self.is_slow = True

    def put(self, buffer: pickle.PickleBuffer) -> PaperRef:
        content = np.frombuffer(buffer.raw(), dtype=np.uint8).copy()
        content.flags.writeable = False
        self.refs.append(PaperRef(content))
        if not self.is_slow:
            self.refs[-1].arrive()
        return self.refs[-1]


def opened(frame: Laden) -> list[Any]:
    def content_of(content: Any) -> Any:
        if isinstance(content, Parcel):
            return content.open([ref.content for ref in content.refs])  # type: ignore[attr-defined]
        return content

    return [content_of(content) for _, content in unpack(frame)]


def test_only_large_buffers_leave_their_frame() -> None:
    store = PaperStore()
    small, large = np.arange(LARGE - 1.0), np.arange(float(LARGE))
    assert isinstance(pack([("/a", Note(small))], store), bytes)
    frame = pack([("/a", Note(1)), ("/b", Note({"small": small, "large": large})), ("/c", Note("x"))], store)
    assert isinstance(frame, Laden)
    assert len(frame.body) < 2 * BY_REFERENCE_BYTES
    assert len(frame.refs) == len(store.refs) == 1
    first, second, third = opened(frame)
    assert (first, third) == (Note(1), Note("x"))
    assert second.value["large"].tolist() == large.tolist()
    assert not second.value["large"].flags.writeable
    assert second.value["small"].tolist() == small.tolist()


def test_without_a_store_everything_is_in_the_frame() -> None:
    frame = pack([("/a", Note(np.zeros(LARGE)))])
    assert isinstance(frame, bytes)
    assert unpack(frame)[0][1].value.shape == (LARGE,)


def test_what_does_not_pickle_is_alone_also_beside_large_arrays() -> None:
    @dataclass
    class Local:
        array: Any

    local = Local(np.ones(LARGE))
    frame = pack([("/a", Note(np.zeros(LARGE))), ("/b", (n for n in "no")), ("/c", local)], PaperStore())
    assert isinstance(frame, Laden)
    first, second, third = opened(frame)
    assert first.value.shape == (LARGE,)
    assert "cannot pickle" in second.problem
    assert third.array.sum() == LARGE


@asynccontextmanager
async def a_cluster() -> AsyncIterator[PaperCluster]:
    async with PaperCluster(settings=Settings(ray=RaySettings(parked_messages=5))) as cluster:
        cluster.store = PaperStore()
        yield cluster


async def two_recorders(cluster: PaperCluster) -> tuple[ActorRef, ActorRef]:
    await cluster.spawn(ONE, Recorder, name="slow")
    await cluster.spawn(ONE, Recorder, name="quick")
    find = cluster.controller.system.find
    await find("slow").ask(Notes())
    await find("quick").ask(Notes())
    return find("slow"), find("quick")


def shapes(notes: list[Any]) -> list[Any]:
    return [note.shape if isinstance(note, np.ndarray) else note for note in notes]


@pytest.mark.looptime
async def test_g08_a_slow_array_holds_up_its_own_mailbox_and_no_other() -> None:
    async with a_cluster() as cluster:
        slow, quick = await two_recorders(cluster)
        for note in ("before", np.zeros(LARGE), "behind"):
            slow.tell(Note(note))
            quick.tell(Note(str(note)[:6]))
        slow.tell(Note(np.zeros((2, LARGE))))
        quick_notes: Any = await quick.ask(Notes(at_least=3))
        assert len(quick_notes) == 3
        with pytest.raises(AskTimeoutError):
            await slow.ask(Notes(), timeout_s=1)
        cluster.store.refs[1].arrive()  # the later one first
        other = cluster.nodes[TWO].system.find("slow")
        assert await other.ask(Notes()) == ["before"]  # order is kept for each sender, not between them
        cluster.store.refs[0].arrive()
        cluster.store.is_slow = False
        notes: Any = await slow.ask(Notes(at_least=4))
        assert shapes(notes) == ["before", (LARGE,), "behind", (2, LARGE)]
        slow.tell(Note("last"))
        assert (await slow.ask(Notes()))[-1] == "last"


@pytest.mark.looptime
async def test_g08_an_asker_that_gave_up_is_not_handled_when_its_array_comes() -> None:
    async with a_cluster() as cluster:
        slow, _ = await two_recorders(cluster)
        with pytest.raises(AskTimeoutError):
            await slow.ask(Look(np.zeros(LARGE)), timeout_s=1)
        await asyncio.sleep(1)
        cluster.store.refs[0].arrive()
        assert await slow.ask(Notes()) == []


@pytest.mark.looptime
async def test_g08_an_array_that_is_lost_is_told_to_its_asker_or_the_dead_letters() -> None:
    async with a_cluster() as cluster:
        slow, _ = await two_recorders(cluster)
        slow.tell(Note(np.zeros(LARGE)))
        asked = asyncio.ensure_future(slow.ask(Look(np.ones(LARGE))))
        slow.tell(Note("behind"))
        await asyncio.sleep(1)
        for ref in cluster.store.refs:
            ref.lose()
        with pytest.raises(PayloadLostError, match="an array of a message to or from /slow was lost"):
            await asked
        assert await slow.ask(Notes(at_least=1)) == ["behind"]
        await asyncio.sleep(1)
        assert cluster.controller.system.dead_letters.counts[DeadReason.HOST_LOST] == 1


@pytest.mark.looptime
async def test_g08_an_answer_whose_array_is_lost_is_an_error() -> None:
    async with a_cluster() as cluster:
        await cluster.spawn(ONE, Painter, name="painter")
        painter = cluster.controller.system.find("painter")
        asked = asyncio.ensure_future(painter.ask(Make(LARGE)))
        made = asyncio.ensure_future(painter.ask(Make(2 * LARGE)))
        await asyncio.sleep(1)
        cluster.store.refs[0].lose()
        with pytest.raises(PayloadLostError, match="/painter"):
            await asked
        cluster.store.refs[1].arrive()
        assert (await made)["zeros"].shape == (2 * LARGE,)


@pytest.mark.looptime
async def test_g09_what_waits_for_an_array_is_bounded() -> None:
    async with a_cluster() as cluster:
        slow, _ = await two_recorders(cluster)
        slow.tell(Note(np.zeros(LARGE)))
        for number in range(6):
            slow.tell(Note(number))
        with pytest.raises(MailboxFullError):
            await slow.ask(Notes())
        cluster.store.refs[0].arrive()
        cluster.store.is_slow = False
        assert shapes(await slow.ask(Notes(at_least=5))) == [(LARGE,), 0, 1, 2, 3]
        await asyncio.sleep(1)
        assert cluster.controller.system.dead_letters.counts[DeadReason.MAILBOX_FULL] == 2


def buffer_of(array: Any) -> pickle.PickleBuffer:
    buffers: list[pickle.PickleBuffer] = []
    pickle.dumps(array, protocol=5, buffer_callback=buffers.append)
    return buffers[0]


@pytest.mark.usefixtures("ray_session")
def test_the_same_array_is_put_once_while_it_lives_and_nobody_can_write_to_it() -> None:
    payloads = Payloads()
    array = np.arange(float(LARGE))
    view = array[:]
    view.flags.writeable = False
    assert payloads.put(buffer_of(array)) != payloads.put(buffer_of(array))
    assert payloads.put(buffer_of(view)) != payloads.put(buffer_of(view))
    assert len(payloads) == 0  # it may be written to, perhaps through what it is a view of
    array.flags.writeable = False
    ref: Any = payloads.put(buffer_of(array))
    assert ref == payloads.put(buffer_of(array))
    assert ray.get(ref).tobytes() == array.tobytes()
    payloads.forget()
    assert ref != payloads.put(buffer_of(array))
    del array, view
    gc.collect()
    assert len(payloads) == 0


@pytest.mark.usefixtures("ray_session")
def test_an_array_that_came_by_reference_goes_on_by_the_same() -> None:
    there, here = Payloads(), Payloads()
    sent = np.arange(float(LARGE))
    sent.flags.writeable = False
    frame = pack([("/a", Note(sent))], there)
    assert isinstance(frame, Laden)
    ((_, parcel),) = unpack(frame)
    got = parcel.refs[0].future().result()
    here.note(parcel.refs[0], got)
    message = parcel.open([got])
    onward = pack([("/b", message)], here)
    assert isinstance(onward, Laden)
    assert onward.refs == frame.refs


class OwnerProcess:
    def put(self) -> list[Any]:
        return [ray.put(np.zeros(LARGE))]


Owner: Any = ray.remote(num_cpus=0)(OwnerProcess)


@pytest.mark.usefixtures("ray_session")
def test_what_a_dead_process_held_arrives_whole_or_is_an_error_of_ray() -> None:
    owner = Owner.remote()
    (ref,) = ray.get(owner.put.remote())
    ray.kill(owner)
    with pytest.raises(RayActorError):
        ray.get(owner.put.remote())
    try:
        content = ref.future().result(timeout=60)
    except RayError:
        return
    assert content.tolist() == np.zeros(LARGE).tolist()  # Ray had not dropped it yet
