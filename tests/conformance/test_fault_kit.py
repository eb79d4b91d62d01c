"""The test kit's faults: in one process in virtual time, and on Ray."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.actors import ActorSystem, Backoff, RestartStrategy
from scanflow_actors.actors.observing.taps import Tap
from scanflow_actors.cluster import Pooled, RayActorSystem
from scanflow_actors.errors import ActorFailedError, AskTimeoutError, HostLostError
from scanflow_actors.settings import ActorSettings, RaySettings, Settings
from scanflow_actors.testing import (
    Fault,
    Faults,
    delay,
    die,
    drop,
    duplicate,
    fail,
    hang,
    kill_host,
    slow,
    swap,
    virtual_time,
)
from tests.troupe import Add, Counter, Gate, Messenger, Note, Notes, Pass, Recorder, TellAll, Waiting

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.actors import ActorRef

FAST = RestartStrategy(max_restarts=100, backoff=Backoff(min_s=0.0, jitter_ratio=0.0))


def with_faults(*rules: Fault, seed: int = 0, **options: Any) -> ActorSystem:
    return ActorSystem(settings=ActorSettings(taps=(Faults(*rules, seed=seed),), **options))


async def notes_of_ten(system: ActorSystem, *, wait_s: float = 0.0) -> list[Any]:
    """What a recorder at ``/recorder`` has noted of the numbers 0 to 9."""
    recorder = await system.spawn(Recorder, name="recorder")
    for number in range(10):
        recorder.tell(Note(number))
    await asyncio.sleep(wait_s)
    noted: list[Any] = await recorder.ask(Notes())
    return noted


@pytest.mark.parametrize(
    ("rule", "wait_s", "noted"),
    [
        (drop("/recorder", message=Note, at=3), 0, [0, 1, 3, 4, 5, 6, 7, 8, 9]),
        (drop("/rec*", message=Note, at=range(2, 10)), 0, [0, 9]),
        (drop("/other"), 0, list(range(10))),
        (duplicate("/recorder", message=Note, at=2), 0, [0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (swap("/recorder", message=Note, at=1), 0, [1, 0, 2, 3, 4, 5, 6, 7, 8, 9]),
        (delay("/recorder", 60, message=Note, at=1), 61, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]),
        (delay("/recorder", 60, message=Note, at=1), 59, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else "",
)
@virtual_time
async def test_messages_on_their_way(rule: Fault, wait_s: float, noted: list[int]) -> None:
    async with with_faults(rule) as system:
        assert await notes_of_ten(system, wait_s=wait_s) == noted


@virtual_time
async def test_the_same_seed_loses_the_same_messages() -> None:
    runs: list[list[Any]] = []
    for seed in (1, 1, 2):
        async with with_faults(drop("/recorder", message=Note, chance=0.5), seed=seed) as system:
            runs.append(await notes_of_ten(system))
    once, again, other = runs
    assert once == again
    assert once != other
    assert set(once) < set(range(10))


@virtual_time
async def test_a_lost_request_is_waited_for_until_its_deadline() -> None:
    async with with_faults(drop("/counter", at=1)) as system:
        counter = await system.spawn(Counter, name="counter")
        with pytest.raises(AskTimeoutError):
            await counter.ask(Add(1), timeout_s=5)
        assert await counter.ask(Add(1)) == 1


@virtual_time
async def test_an_actor_fails_at_its_nth_message() -> None:
    async with with_faults(fail("/counter", ValueError("boom"), message=Add, at=3)) as system:
        counter = await system.spawn(Counter, name="counter", restart=FAST)
        assert [await counter.ask(Add(1)) for _ in range(2)] == [1, 2]
        with pytest.raises(ActorFailedError, match="ValueError: boom"):
            await counter.ask(Add(1))
        assert await counter.ask(Add(1)) == 1  # another instance


@virtual_time
async def test_a_slow_receiver_holds_its_mailbox_up() -> None:
    async with with_faults(slow("/counter", 20, at=1), metrics=True) as system:
        counter = await system.spawn(Counter, name="counter")
        first, second = await asyncio.gather(counter.ask(Add(1)), counter.ask(Add(1)))
        assert (first, second) == (1, 2)
        assert asyncio.get_running_loop().time() == pytest.approx(20)
        (found,) = await system.tree()
        assert found.queue_wait is not None
        assert found.queue_wait.longest_s == pytest.approx(20)


@virtual_time
async def test_a_receiver_that_hangs_is_cancelled_when_its_actor_stops() -> None:
    async with with_faults(hang("/counter", at=1)) as system:
        counter = await system.spawn(Counter, name="counter")
        with pytest.raises(AskTimeoutError):
            await counter.ask(Add(1), timeout_s=1)
        with pytest.raises(AskTimeoutError):
            await counter.ask(Add(1), timeout_s=1)  # the mailbox waits
        await system.stop(counter)
    assert len(asyncio.all_tasks()) == 1


@virtual_time
async def test_the_process_of_the_test_does_not_die() -> None:
    async with with_faults(die("/counter")) as system:
        counter = await system.spawn(Counter, name="counter", restart=FAST)
        with pytest.raises(ActorFailedError, match="not to die"):
            await counter.ask(Add(1))


@dataclass(frozen=True)
class Farewell:
    """Makes taps that write down their process when its system has shut down."""

    folder: Path

    def __call__(self) -> Tap:
        return _FarewellTap(self.folder)


class _FarewellTap(Tap):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def close(self) -> None:
        (self._folder / str(os.getpid())).touch()


async def test_faults_on_ray(ray_session: None, tmp_path: Path) -> None:  # noqa: ARG001 - must run
    faults = Faults(
        drop("/recorder", message=Note, at=3),
        duplicate("/recorder", message=Note, at=5),
        die("/counter", at=2),
        seed=4,
    )
    taps = (faults, Farewell(tmp_path))
    settings = Settings(actors=ActorSettings(taps=taps), ray=RaySettings(standby_hosts=1))
    async with RayActorSystem("faulty", settings=settings) as system:
        recorder = await system.spawn(Recorder, name="recorder", placement=Pooled("a"))
        messenger = await system.spawn(Messenger, name="messenger", placement=Pooled("b"))
        await messenger.ask(TellAll(recorder, 6))
        assert await recorder.ask(Notes(at_least=6)) == [0, 1, 3, 4, 4, 5]
        counter = await system.spawn(Counter, name="counter", restart=FAST)
        assert await counter.ask(Add(1)) == 1
        with pytest.raises(HostLostError):
            await counter.ask(Add(1))
        assert await counter.ask(Add(1)) == 1  # another process, whose faults count anew
        gate = await killed(system)
        pids = {system.process_of(ref) for ref in (recorder, messenger, counter, gate)}
    assert said_farewell(tmp_path) >= {*pids, os.getpid()}


def said_farewell(folder: Path) -> set[int]:
    return {int(file.name) for file in folder.iterdir()}


async def killed(system: RayActorSystem) -> ActorRef:
    gate: ActorRef = await system.spawn(Gate, name="gate", restart=FAST)
    asked = asyncio.ensure_future(gate.ask(Pass()))
    await gate.ask(Waiting(1))
    kill_host(system, gate)
    with pytest.raises(HostLostError):
        await asked
    assert await gate.ask(Waiting(0)) == 0
    return gate
