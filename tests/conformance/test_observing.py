"""What is seen of actors from outside, on every runtime: statistics and the tree."""

from __future__ import annotations

import asyncio
import collections
import os
import signal
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import (
    ActorStatistics,
    ActorSystem,
    AskOutcome,
    Backoff,
    DeadReason,
    MailboxSpec,
    RestartReason,
    RestartStrategy,
)
from scanflow_actors.cluster import LOCAL, Pooled, RayActorSystem
from scanflow_actors.errors import (
    ActorFailedError,
    ActorNotFoundError,
    AskTimeoutError,
    HostLostError,
    MailboxFullError,
    RejectError,
    UnhandledMessageError,
)
from scanflow_actors.settings import ActorSettings, RaySettings, Settings
from tests.processes import halt
from tests.troupe import (
    Add,
    Adopt,
    Counter,
    Crash,
    Dream,
    FleetForAll,
    Gate,
    Leave,
    Messenger,
    Note,
    Notes,
    Open,
    Parent,
    Pass,
    Recorder,
    Refuse,
    Relay,
    Waiting,
    Work,
    Worker,
)

if TYPE_CHECKING:
    from scanflow_actors.actors import ActorRef, HostStatistics, SystemStatistics
    from tests.stage import Stage

FAST = RestartStrategy(backoff=Backoff(min_s=0.0, jitter_ratio=0.0))


async def seen(stage: Stage, ref: ActorRef) -> ActorStatistics:
    """What the tree says of one actor."""
    return next(actor for actor in await stage.system.tree() if actor.path == ref.path)


async def asked(stage: Stage) -> collections.Counter[AskOutcome]:
    """Outcomes of all asks from the process of this test so far."""
    own = (await stage.system.statistics()).hosts[0]
    return collections.Counter(own.asks)


async def test_an_actor_counts_what_it_handled_and_how_its_asks_ended(stage: Stage) -> None:
    counter = await stage.spawn(Counter, restart=FAST)
    counter.tell(Add(1))
    assert await counter.ask(Add(1)) == 2
    with pytest.raises(RejectError):
        await counter.ask(Refuse())
    with pytest.raises(UnhandledMessageError):
        await counter.ask(Notes())
    with pytest.raises(ActorFailedError):
        await counter.ask(Crash())
    assert await counter.ask(Add(5)) == 5  # after its restart
    found = await seen(stage, counter)
    assert found.kind == "Counter"
    assert found.handled == 5
    assert found.asks == {
        AskOutcome.REPLIED: 2,
        AskOutcome.REJECTED: 1,
        AskOutcome.FAILED: 1,
        AskOutcome.UNHANDLED: 1,
    }
    assert found.restarts == {RestartReason.FAILED: 1}
    assert (found.queue_wait, found.handler_time) == (None, None)


async def test_asks_are_counted_by_outcome_where_they_were_asked(stage: Stage) -> None:
    before = await asked(stage)
    gate = await stage.spawn(Gate)
    counter = await stage.spawn(Counter, restart=FAST)
    await counter.ask(Add(1))
    with pytest.raises(RejectError):
        await counter.ask(Refuse())
    with pytest.raises(ActorFailedError):
        await counter.ask(Crash())
    with pytest.raises(AskTimeoutError):
        await gate.ask(Waiting(1), timeout_s=0.05)
    waits = asyncio.ensure_future(gate.ask(Waiting(1)))
    await asyncio.sleep(0)
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)
    with pytest.raises(ActorNotFoundError):
        await stage.system.find("nobody-ever").ask(Add(1))
    assert await asked(stage) - before == {
        AskOutcome.REPLIED: 1,
        AskOutcome.REJECTED: 1,
        AskOutcome.FAILED: 1,
        AskOutcome.TIMED_OUT: 1,
        AskOutcome.CANCELLED: 1,
        AskOutcome.NOT_FOUND: 1,
    }


async def test_a_mailbox_is_seen_from_outside(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    worker = await stage.spawn(Worker, gate, mailbox=MailboxSpec(capacity=3))
    working = asyncio.ensure_future(worker.ask(Work(0)))
    await gate.ask(Waiting(1))
    for number in range(3):
        await worker.send(Note(number))
    with pytest.raises(MailboxFullError):
        await worker.ask(Add(1))
    found = await seen(stage, worker)
    assert (found.mailbox_depth, found.mailbox_capacity) == (3, 3)
    assert found.asks == {AskOutcome.MAILBOX_FULL: 1}
    await gate.ask(Open())
    await working
    await worker.ask(Add(0))
    assert (await seen(stage, worker)).mailbox_depth == 0


async def test_g05_late_replies_are_counted(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    worker = await stage.spawn(Worker, gate)
    before = late(await stage.system.statistics())
    working = asyncio.ensure_future(worker.ask(Work(0)))
    await gate.ask(Waiting(1))
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await gate.ask(Open())
    await worker.ask(Add(1))  # the late reply has left before
    assert late(await stage.system.statistics()) - before == 1


def late(statistics: SystemStatistics) -> int:
    return sum(host.late_replies for host in statistics.hosts)


async def test_a_cancelled_call_sends_no_late_reply(stage: Stage) -> None:
    worker = await stage.spawn(Worker, await stage.spawn(Gate))
    before = late(await stage.system.statistics())
    with pytest.raises(AskTimeoutError):
        await worker.ask(Dream(), timeout_s=0.05)
    await worker.ask(Add(1))
    assert late(await stage.system.statistics()) == before


async def test_the_tree_shows_children_below_their_parents(stage: Stage) -> None:
    recorder = await stage.spawn(Recorder)
    parent = await stage.spawn(Parent)
    child = await parent.ask(Adopt("kid", recorder))
    tree = await stage.system.tree()
    branch = next(branch for branch in tree.branches if branch.actor.path == parent.path)
    assert [below.actor.path for below in branch.children] == [child.path]
    assert branch.children[0].actor.state == "running"
    lines = str(tree).splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith(f"{parent.path}  Parent  running"))
    assert lines[at + 1].startswith("└─ kid  Mortal  running  mailbox 0/1024")


async def test_restarts_are_counted_by_reason(stage: Stage) -> None:
    recorder = await stage.spawn(Recorder)
    fleet = await stage.spawn(FleetForAll, recorder)
    await recorder.ask(Notes(at_least=3))
    first = next(actor for actor in await stage.system.tree() if actor.path == f"{fleet.path}/a")
    child = replace_path(fleet, first.path)
    with pytest.raises(ActorFailedError):
        await child.ask(Crash())
    await recorder.ask(Notes(at_least=9))
    found = {actor.path: actor for actor in await stage.system.tree()}
    assert found[f"{fleet.path}/a"].restarts == {RestartReason.FAILED: 1}
    assert found[f"{fleet.path}/b"].restarts == {RestartReason.SIBLING: 1}
    await child.ask(Leave())
    await recorder.ask(Notes(at_least=15))
    found = {actor.path: actor for actor in await stage.system.tree()}
    assert found[f"{fleet.path}/a"].restarts == {RestartReason.FAILED: 1, RestartReason.ENDED: 1}


def replace_path(ref: ActorRef, path: str) -> ActorRef:
    return type(ref)(ref.uid, path)


async def test_counts_of_actors_that_ended_stay_in_the_sums(stage: Stage) -> None:
    before = handled_by_counters(await stage.system.statistics())
    for _ in range(2):
        counter = await stage.spawn(Counter)
        await counter.ask(Add(1))
        await stage.system.stop(counter)
    assert handled_by_counters(await stage.system.statistics()) - before == 2


def handled_by_counters(statistics: SystemStatistics) -> int:
    kinds = [kind for host in statistics.hosts for kind in host.kinds if kind.kind == "Counter"]
    return sum(kind.handled for kind in kinds)


async def test_dead_letters_are_counted_by_reason_and_host(stage: Stage) -> None:
    counter = await stage.spawn(Counter)
    before = await stage.system.statistics()
    counter.tell(Note("not for you"))
    await stage.dead_letter(counter, DeadReason.UNHANDLED)
    after = await stage.system.statistics()
    found = await seen(stage, counter)
    home = next(host.host for host in after.hosts if host.host == found.host)
    assert unhandled(after.dead_letters) - unhandled(before.dead_letters) == 1
    for host in after.hosts:
        grown = unhandled(host.dead_letters) - unhandled(host_of(before, host.host).dead_letters)
        assert grown == (1 if host.host == home else 0)


def unhandled(counts: object) -> int:
    assert isinstance(counts, dict)
    return int(counts.get(DeadReason.UNHANDLED, 0))


def host_of(statistics: SystemStatistics, name: str) -> HostStatistics:
    return next(host for host in statistics.hosts if host.host == name)


@pytest.mark.looptime
async def test_with_metrics_on_waits_and_handlers_are_measured() -> None:
    async with ActorSystem(settings=ActorSettings(metrics=True)) as system:
        gate = await system.spawn(Gate, name="gate")
        worker = await system.spawn(Worker, gate, name="worker")
        first = asyncio.ensure_future(worker.ask(Work(0)))
        second = asyncio.ensure_future(worker.ask(Work(1)))
        await gate.ask(Waiting(1))
        await asyncio.sleep(5)
        await gate.ask(Open())
        await gate.ask(Waiting(1))
        await asyncio.sleep(2)
        await gate.ask(Open())
        await asyncio.gather(first, second)
        found = next(actor for actor in await system.tree() if actor.path == "/worker")
        (host,) = (await system.statistics()).hosts
    assert found.queue_wait is not None
    assert found.handler_time is not None
    assert found.handler_time.count == 2
    assert found.handler_time.total_s == pytest.approx(7, abs=0.1)
    assert found.queue_wait.longest_s == pytest.approx(5, abs=0.1)
    kind = next(kind for kind in host.kinds if kind.kind == "Worker")
    assert (kind.handler_time, kind.queue_wait) == (found.handler_time, found.queue_wait)
    assert host.loop_lag is not None
    assert host.loop_lag.count == 7


async def test_the_tree_names_the_host_of_each_actor_and_the_restarts_after_deaths(
    ray_session: None,  # noqa: ARG001 - must run
) -> None:
    settings = Settings(ray=RaySettings(standby_hosts=1), actors=ActorSettings(metrics=True))
    async with RayActorSystem("seen", settings=settings) as system:
        gate = await system.spawn(Gate, name="gate", restart=FAST, placement=Pooled("one"))
        messenger = await system.spawn(Messenger, name="messenger", placement=LOCAL)
        assert await messenger.ask(Relay(gate, Waiting(0))) == 0
        first = {actor.path: actor for actor in await system.tree()}
        assert first["/messenger"].host == "host-0"
        assert first["/gate"].host != "host-0"
        assert first["/gate"].handler_time is not None
        asked = asyncio.ensure_future(gate.ask(Pass()))
        await gate.ask(Waiting(1))
        os.kill(system.process_of(gate), signal.SIGKILL)
        with pytest.raises(HostLostError):
            await asked
        assert await gate.ask(Waiting(0)) == 0
        again = {actor.path: actor for actor in await system.tree()}
        assert again["/gate"].restarts == {RestartReason.HOST_LOST: 1}
        assert again["/gate"].host != first["/gate"].host
        statistics = await system.statistics()
        restarts = [kind.restarts for kind in statistics.hosts[0].kinds if kind.kind == "Gate"]
        assert restarts == [{RestartReason.HOST_LOST: 1}]
        link = statistics.hosts[0].link
        assert link is not None
        assert link.frames > 0
        assert statistics.silent == ()


async def test_a_host_that_hangs_is_named_as_silent(ray_session: None) -> None:  # noqa: ARG001 - must run
    settings = Settings(ray=RaySettings(standby_hosts=0))
    async with RayActorSystem("still", settings=settings) as system:
        counter = await system.spawn(Counter, name="counter")
        host = next(actor.host for actor in await system.tree())
        pid = system.process_of(counter)
        halt(pid)
        tree = await system.tree()
        assert tree.silent == (host,)
        assert str(tree) == f"({host} does not answer)"
        os.kill(pid, signal.SIGCONT)
        assert await counter.ask(Add(1)) == 1
