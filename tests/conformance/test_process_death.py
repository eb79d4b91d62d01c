"""G13, G15 to G17 on Ray: what happens when processes die, hang, or are not wanted any more."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import Backoff, DeadReason, Restart, RestartStrategy
from scanflow_actors.cluster import LOCAL, Dedicated, Pooled, RayActorSystem
from scanflow_actors.errors import (
    ActorError,
    ActorFailedError,
    ActorNotFoundError,
    ActorStoppedError,
    HostLostError,
    HostStartError,
    SystemClosedError,
)
from scanflow_actors.settings import ActorSettings, RaySettings, Settings
from tests.processes import halt, is_gone, listening
from tests.troupe import (
    Add,
    Counter,
    Exit,
    FailingStart,
    Gate,
    Messenger,
    Note,
    Notes,
    Pass,
    Pid,
    Recorder,
    Relay,
    StartsOnce,
    TellAll,
    Waiting,
    Watcher,
    WatchIt,
    Work,
    Worker,
)

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.actors import ActorRef
    from tests.stage import Stage

pytestmark = pytest.mark.runtimes("dedicated")
FAST = RestartStrategy(backoff=Backoff(min_s=0.01))


async def killed(stage: Stage, ref: ActorRef) -> None:
    """Kill the process of an actor, and wait until the controller has seen it."""
    assert isinstance(stage.system, RayActorSystem)
    os.kill(stage.system.process_of(ref), signal.SIGKILL)


async def test_g13_an_ask_ends_when_the_process_of_the_actor_dies(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    asked = asyncio.ensure_future(gate.ask(Pass()))
    await gate.ask(Waiting(1))
    await killed(stage, gate)
    with pytest.raises(HostLostError, match="may have been processed"):
        await asked


async def test_g13_an_actor_lives_again_after_its_process_died_and_gets_what_was_sent_meanwhile(
    stage: Stage,
) -> None:
    recorder = await stage.spawn(Recorder, restart=FAST)
    lost = asyncio.ensure_future(recorder.ask(Notes(at_least=1)))
    await killed(stage, recorder)
    with pytest.raises(HostLostError):
        await lost  # now the controller knows
    for number in range(5):
        recorder.tell(Note(number))
    assert await recorder.ask(Notes(at_least=5)) == [0, 1, 2, 3, 4]


async def test_g13_an_actor_of_another_process_hears_of_a_death_and_finds_the_actor_again(
    stage: Stage,
) -> None:
    gate, messenger = await stage.spawn(Gate, restart=FAST), await stage.spawn(Messenger)
    asked = asyncio.ensure_future(messenger.ask(Relay(gate, Pass())))
    await gate.ask(Waiting(1))
    await killed(stage, gate)
    with pytest.raises(ActorFailedError, match="HostLostError"):
        await asked
    assert await messenger.ask(Relay(gate, Waiting(0)), timeout_s=60) == 0


async def test_g13_an_exit_in_a_receiver_is_a_death_of_the_process(stage: Stage) -> None:
    counter = await stage.spawn(Counter, 5, restart=FAST)
    before = await counter.ask(Pid())
    counter.tell(Exit())
    while (after := await pid_of(counter)) == before:
        continue
    assert await counter.ask(Add(1)) == 6
    assert after != before


async def pid_of(counter: ActorRef) -> int | None:
    try:
        return await counter.ask(Pid())
    except HostLostError:
        return None


async def test_g13_a_death_counts_as_one_restart_and_too_many_end_the_actor(stage: Stage) -> None:
    watcher = await stage.spawn(Watcher)
    counter = await stage.spawn(Counter, restart=RestartStrategy(restart=Restart.TEMPORARY))
    await watcher.ask(WatchIt(counter))
    await killed(stage, counter)
    assert await watcher.ask(Notes(at_least=1)) == [(counter.path, "host lost")]
    with pytest.raises((ActorNotFoundError, ActorStoppedError)):
        await counter.ask(Add(1))


async def test_g13_an_actor_that_cannot_start_again_counts_its_tries_and_stays_down(
    stage: Stage, tmp_path: Path
) -> None:
    watcher = await stage.spawn(Watcher)
    strategy = RestartStrategy(max_restarts=2, backoff=Backoff(min_s=0.01))
    once = await stage.spawn(StartsOnce, str(tmp_path / "mark"), restart=strategy)
    assert await once.ask(Add(7)) == 7
    await watcher.ask(WatchIt(once))
    await killed(stage, once)
    assert await watcher.ask(Notes(at_least=1), timeout_s=120) == [(once.path, "host lost")]
    with pytest.raises((ActorNotFoundError, ActorStoppedError)):
        await once.ask(Add(1))


async def test_g14_a_restart_in_another_process_is_not_a_termination(stage: Stage) -> None:
    watcher = await stage.spawn(Watcher)
    counter = await stage.spawn(Counter, restart=FAST)
    await watcher.ask(WatchIt(counter))
    lost = asyncio.ensure_future(counter.ask(Add(1)))
    await lost
    await killed(stage, counter)
    assert await asked_until_there(counter) == 1
    assert await watcher.ask(Notes()) == []
    await stage.system.stop(counter)
    assert await watcher.ask(Notes(at_least=1)) == [(counter.path, "normal")]


async def asked_until_there(counter: ActorRef) -> int:
    """Ask until the process that died has been replaced: a fresh counter answers 1."""
    while True:
        try:
            total = await counter.ask(Add(1))
        except HostLostError:
            continue
        if total == 1:
            return total


async def test_g13_those_who_share_a_process_are_all_started_again(stage: Stage) -> None:
    assert isinstance(stage.system, RayActorSystem)
    refs = [
        await stage.system.spawn(
            Counter, start, name=f"shared-{start}", restart=FAST, placement=Pooled("shared")
        )
        for start in (10, 20)
    ]
    assert await refs[0].ask(Pid()) == await refs[1].ask(Pid())
    before = await refs[0].ask(Pid())
    await killed(stage, refs[0])
    for ref, start in zip(refs, (10, 20), strict=True):
        while await pid_of(ref) in {before, None}:
            continue
        assert await ref.ask(Add(0)) == start
    for ref in refs:
        await stage.system.stop(ref)


async def test_g13_messages_that_a_dead_process_has_not_taken_are_dead_letters(stage: Stage) -> None:
    assert isinstance(stage.system, RayActorSystem)
    counter = await stage.spawn(Counter, restart=RestartStrategy(restart=Restart.TEMPORARY))
    halt(stage.system.process_of(counter))
    counter.tell(Note("never taken"))
    await asyncio.sleep(0)
    await killed(stage, counter)
    assert await stage.dead_letter(counter, DeadReason.HOST_LOST) == [Note("never taken")]


async def test_g15_a_local_actor_lives_beside_the_others(stage: Stage) -> None:
    assert isinstance(stage.system, RayActorSystem)
    local = await stage.system.spawn(Counter, 3, name="here", placement=LOCAL)
    messenger = await stage.spawn(Messenger)
    assert await local.ask(Pid()) == os.getpid()
    assert await messenger.ask(Relay(local, Add(1))) == 4
    await stage.system.stop(local)
    assert "/here" not in stage.system.names()


async def test_a_failed_start_ends_its_process(stage: Stage) -> None:
    assert isinstance(stage.system, RayActorSystem)
    with pytest.raises(ActorFailedError, match="no such device"):
        await stage.spawn(FailingStart, name="broken")
    assert await stage.spawn(Counter, 1, name="broken")  # its name is free


async def test_resources_that_are_not_there_are_named(ray_session: None) -> None:  # noqa: ARG001 - must run
    settings = Settings(ray=RaySettings(standby_hosts=0, start_timeout_s=0.5))
    async with RayActorSystem("poor", settings=settings) as system:
        with pytest.raises(HostStartError, match=r"num_gpus.*the cluster has"):
            await system.spawn(Counter, name="rich", placement=Dedicated(num_gpus=64))
        assert system.names() == ()


async def test_g17_shutdown_leaves_no_process_no_task_and_no_actor(ray_session: None) -> None:  # noqa: ARG001
    before = asyncio.all_tasks()
    settings = Settings(
        actors=ActorSettings(stop_grace_s=0.2, cancel_grace_s=0.2), ray=RaySettings(standby_hosts=1)
    )
    async with RayActorSystem("short", settings=settings) as system:
        gate = await system.spawn(Gate, name="gate", placement=Pooled())
        worker = await system.spawn(Worker, gate, name="worker")
        pids = {system.process_of(ref) for ref in (gate, worker)}
        working = asyncio.ensure_future(worker.ask(Work(1)))
        await gate.ask(Waiting(1))
    with pytest.raises(ActorError):
        await working
    assert all([await is_gone(pid) for pid in pids])
    assert asyncio.all_tasks() == before
    with pytest.raises(SystemClosedError):
        await system.spawn(Counter, name="late")


async def test_g17_shutdown_while_an_actor_is_started_again(ray_session: None) -> None:  # noqa: ARG001
    before = asyncio.all_tasks()
    async with RayActorSystem("short", settings=Settings(ray=RaySettings(standby_hosts=0))) as system:
        counter = await system.spawn(Counter, name="counter", restart=FAST)
        pid = system.process_of(counter)
        asked = asyncio.ensure_future(counter.ask(Add(1)))
        await asked
        os.kill(pid, signal.SIGKILL)
        while await pid_of(counter) is not None:
            continue  # until its death is seen; it is being started again then
    assert asyncio.all_tasks() == before
    assert await is_gone(pid)


async def test_g13_a_host_that_hangs_is_noticed_and_replaced(
    ray_session: None,  # noqa: ARG001 - must run
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "scanflow_actors.cluster.pulse")
    settings = Settings(ray=RaySettings(standby_hosts=1, heartbeat_s=0.5, hung_kill_s=3.0))
    async with RayActorSystem("hung", settings=settings) as system:
        counter = await system.spawn(Counter, 5, name="counter", restart=FAST)
        pid = system.process_of(counter)
        halt(pid)
        with pytest.raises(HostLostError):
            await counter.ask(Add(1))
        assert "gives no sign of life" in caplog.text
        assert await counter.ask(Add(1)) == 6
        assert system.process_of(counter) != pid
        assert await is_gone(pid)


async def test_g13_a_host_that_comes_back_in_time_goes_on(
    ray_session: None,  # noqa: ARG001 - must run
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "scanflow_actors.cluster.pulse")
    settings = Settings(ray=RaySettings(standby_hosts=0, heartbeat_s=0.3, hung_kill_s=None))
    async with RayActorSystem("sleepy", settings=settings) as system:
        counter = await system.spawn(Counter, 5, name="counter", restart=FAST)
        with listening("scanflow_actors.cluster.pulse", "gives no sign of life") as silent:
            os.kill(system.process_of(counter), signal.SIGSTOP)
            asked = asyncio.ensure_future(counter.ask(Add(1)))
            await silent.wait()
        os.kill(system.process_of(counter), signal.SIGCONT)
        assert await asked == 6


async def test_everything_works_without_streams(ray_session: None) -> None:  # noqa: ARG001 - must run
    settings = Settings(ray=RaySettings(standby_hosts=0, streams=False))
    async with RayActorSystem("slow", settings=settings) as system:
        recorder = await system.spawn(Recorder, name="recorder", placement=Pooled("a"))
        messenger = await system.spawn(Messenger, name="messenger", placement=Pooled("b"), restart=FAST)
        assert await messenger.ask(TellAll(recorder, 500)) == 500
        assert await recorder.ask(Notes(at_least=500)) == list(range(500))
        os.kill(system.process_of(messenger), signal.SIGKILL)
        with pytest.raises(HostLostError):
            await messenger.ask(Relay(recorder, Notes(at_least=10_000)))
        assert await messenger.ask(TellAll(recorder, 1)) == 1
        notes = await recorder.ask(Notes(at_least=501))
        assert len(notes) == 501
