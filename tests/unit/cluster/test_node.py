"""Nodes on paper: routing, loss, death and leaks, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import ActorRef, DeadReason, StopReason
from scanflow_actors.cluster.directory import CONTROLLER, Directory
from scanflow_actors.cluster.frames import pack
from scanflow_actors.cluster.wire import Gone, HostDown, HostUp, Settled
from scanflow_actors.errors import AskTimeoutError, HostLostError, MailboxFullError
from scanflow_actors.settings import RaySettings, Settings
from tests.dealers import Teller, Who
from tests.paper_cluster import PaperCluster
from tests.troupe import (
    Add,
    Chat,
    Counter,
    Dream,
    Gate,
    Messenger,
    Note,
    Notes,
    Pass,
    Recorder,
    Relay,
    Report,
    TellAll,
    Waiting,
    Watcher,
    WatchIt,
    Worker,
)

if TYPE_CHECKING:
    from scanflow_actors.cluster.node import Node

pytestmark = pytest.mark.looptime
ONE, TWO = "host-1", "host-2"


def assert_no_leaks(node: Node) -> None:
    assert len(node.asks) == 0
    assert len(node.watches) == 0
    assert len(node.parking) == 0


@pytest.mark.parametrize("seed", range(5))
async def test_messages_arrive_once_and_in_order_although_many_tries_are_lost(seed: int) -> None:
    async with PaperCluster(faults=0.3, seed=seed) as cluster:
        await tell_and_count(cluster)


async def tell_and_count(cluster: PaperCluster) -> None:
    recorder = await cluster.spawn(ONE, Recorder, name="recorder")
    messenger = await cluster.spawn(TWO, Messenger, name="messenger")
    here = cluster.controller.system.find("messenger")
    for _ in range(3):
        assert await here.ask(TellAll(recorder, 100), timeout_s=1000) == 100
    notes = await cluster.controller.system.find("recorder").ask(Notes(at_least=300), timeout_s=1000)
    assert notes == list(range(100)) * 3
    assert messenger.path == "/messenger"
    for node in cluster.nodes.values():
        assert_no_leaks(node)


async def test_an_ask_ends_when_the_host_dies_and_leaves_nothing_behind() -> None:
    async with PaperCluster() as cluster:
        await cluster.spawn(ONE, Gate, name="gate")
        gate = cluster.controller.system.find("gate")
        asked = asyncio.ensure_future(gate.ask(Pass()))
        await gate.ask(Waiting(1))
        cluster.kill(ONE)
        with pytest.raises(HostLostError):
            await asked
        assert_no_leaks(cluster.controller)


async def test_messages_wait_for_an_actor_whose_host_is_replaced() -> None:
    async with PaperCluster() as cluster:
        await cluster.spawn(ONE, Recorder, name="recorder")
        recorder = cluster.controller.system.find("recorder")
        cluster.kill(ONE)
        for number in range(5):
            recorder.tell(Note(number))
        await cluster.spawn(TWO, Recorder, name="recorder")
        assert await recorder.ask(Notes(at_least=5)) == [0, 1, 2, 3, 4]
        assert_no_leaks(cluster.controller)


async def test_a_host_that_never_heard_of_a_name_asks_the_controller() -> None:
    async with PaperCluster() as cluster:
        messenger = await cluster.spawn(TWO, Messenger, name="messenger")
        await cluster.nodes[ONE].system.spawn(Counter, name="new")
        cluster.controller.learn(Settled("new", ONE))  # and nobody has told the other host
        new = cluster.nodes[TWO].system.find("new")
        assert await cluster.controller.system.find("messenger").ask(Relay(new, Add(3))) == 3
        assert messenger.path == "/messenger"
        assert_no_leaks(cluster.nodes[TWO])


async def test_an_answer_finds_a_host_that_is_yet_to_be_announced() -> None:
    async with PaperCluster() as cluster:
        await cluster.spawn(ONE, Counter, name="counter")
        young = cluster.add_host()
        cluster.nodes[young].directory.apply(Settled("counter", ONE))
        cluster.nodes[young].learn(HostUp(ONE, None))
        assert await cluster.nodes[young].system.find("counter").ask(Add(2)) == 2


async def test_a_host_that_was_declared_dead_is_not_heard_any_more() -> None:
    async with PaperCluster() as cluster:
        await cluster.spawn(TWO, Recorder, name="recorder")
        cluster.nodes[TWO].learn(HostDown(ONE, died=True))
        cluster.nodes[TWO].receive(ONE, pack([("/recorder", Note("from the grave"))]))
        assert await cluster.controller.system.find("recorder").ask(Notes()) == []


async def test_a_watch_ends_in_one_notice_and_leaves_nothing_behind() -> None:
    async with PaperCluster() as cluster:
        await cluster.spawn(ONE, Counter, name="counter")
        await cluster.spawn(TWO, Watcher, name="watcher")
        watcher = cluster.controller.system.find("watcher")
        await watcher.ask(WatchIt(cluster.nodes[TWO].system.find("counter")))
        await cluster.stop("counter")
        assert await watcher.ask(Notes(at_least=1)) == [("/counter", "normal")]
        await asyncio.sleep(10)
        assert await watcher.ask(Notes()) == [("/counter", "normal")]
        assert_no_leaks(cluster.nodes[TWO])


async def test_a_watcher_that_ends_takes_its_watches_along() -> None:
    async with PaperCluster() as cluster:
        await cluster.spawn(ONE, Counter, name="counter")
        await cluster.spawn(TWO, Watcher, name="watcher")
        await cluster.controller.system.find("watcher").ask(
            WatchIt(cluster.nodes[TWO].system.find("counter"))
        )
        await cluster.stop("watcher")
        await asyncio.sleep(1)
        assert_no_leaks(cluster.nodes[TWO])
        cell = cluster.nodes[ONE].system.cells["/counter"]
        assert not cell.life.watchers


async def test_an_asker_that_gives_up_is_heard_of_on_the_other_host() -> None:
    async with PaperCluster() as cluster:
        gate = await cluster.spawn(ONE, Gate, name="gate")
        await cluster.spawn(ONE, Worker, gate, name="worker")
        worker = cluster.controller.system.find("worker")
        with pytest.raises(AskTimeoutError):
            await worker.ask(Dream(), timeout_s=5)
        await asyncio.sleep(1)
        assert await worker.ask(Report()) == ["dreams", "woken"]
        dreaming = asyncio.ensure_future(worker.ask(Chat(1)))
        await cluster.controller.system.find("gate").ask(Waiting(1))
        dreaming.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dreaming
        await asyncio.sleep(1)
        assert (await worker.ask(Report()))[-1] == ("cancelled", 1)
        for node in cluster.nodes.values():
            assert_no_leaks(node)


async def test_a_link_that_is_full_turns_messages_away() -> None:
    async with PaperCluster(settings=Settings(ray=RaySettings(link_queue=10))) as cluster:
        await overflow(cluster)


async def overflow(cluster: PaperCluster) -> None:
    await cluster.spawn(ONE, Recorder, name="recorder")
    recorder = cluster.controller.system.find("recorder")
    await recorder.ask(Notes())
    for number in range(15):
        recorder.tell(Note(number))
    with pytest.raises(MailboxFullError):
        await recorder.ask(Notes())
    assert cluster.controller.system.dead_letters.counts[DeadReason.MAILBOX_FULL] == 5
    assert await asyncio.wait_for(notes_of(cluster), 10) == list(range(10))


async def notes_of(cluster: PaperCluster) -> list[object]:
    while True:
        with contextlib.suppress(MailboxFullError):
            return await cluster.controller.system.find("recorder").ask(Notes(at_least=10))
        await asyncio.sleep(0.1)


async def test_parked_messages_of_an_actor_that_stays_away_are_dead_letters() -> None:
    async with PaperCluster() as cluster:
        await cluster.spawn(ONE, Recorder, name="recorder")
        cluster.kill(ONE)
        recorder = cluster.controller.system.find("recorder")
        recorder.tell(Note(1))
        asked = asyncio.ensure_future(recorder.ask(Notes()))
        await asyncio.sleep(0)
        cluster.tell(Gone("recorder", StopReason.HOST_LOST))
        with pytest.raises(LookupError):
            await asked
        assert cluster.controller.system.dead_letters.counts[DeadReason.STOPPED] == 1
        assert_no_leaks(cluster.controller)


async def test_a_host_that_is_new_knows_who_is_registered_and_hears_who_leaves() -> None:
    async with PaperCluster(faults=0.2) as cluster:
        teller = await cluster.spawn(ONE, Teller, "tellers", name="teller")
        await asyncio.sleep(60)
        new = cluster.nodes[cluster.add_host()].system.receptionist
        await asyncio.sleep(60)
        assert new.find("tellers") == new.find(Who) == (teller,)
        cluster.kill(ONE)
        await asyncio.sleep(60)
        assert new.find("tellers") == (teller,)  # it is about to start again elsewhere
        cluster.tell(Gone("teller", StopReason.HOST_LOST))
        await asyncio.sleep(60)
        assert new.find("tellers") == new.find(Who) == ()


async def test_who_has_ended_before_it_was_registered_is_not_kept() -> None:
    async with PaperCluster() as cluster:
        teller = await cluster.spawn(ONE, Teller, "tellers", name="teller")
        other = cluster.nodes[TWO].system.receptionist
        other.register("ghosts", cluster.controller.system.find("nobody"))
        other.register("ghosts", ActorRef(teller.uid, f"{teller.path}/gone"))
        await asyncio.sleep(60)
        for node in cluster.nodes.values():
            assert node.system.receptionist.find("tellers") == (teller,)
        assert cluster.controller.system.receptionist.find("ghosts") == ()
        assert cluster.nodes[ONE].system.receptionist.find("ghosts") == ()


def test_ids_of_hosts_tell_the_lost_from_those_to_come() -> None:
    directory = Directory()
    directory.apply(HostUp("host-2", None))
    assert not directory.is_lost(CONTROLLER)
    assert not directory.is_lost("host-2")
    assert not directory.is_lost("host-3")
    assert directory.is_lost("host-1")
    directory.apply(HostDown("host-2", died=True))
    assert directory.is_lost("host-2")
