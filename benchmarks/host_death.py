# ruff: noqa: D101, D102, D103 - the name of a case says what it measures
"""How long until the death of a host is noticed, and until its actor answers again, beside Ray's own restart?

``noticed_ms``: from SIGKILL until an ask that was waiting fails; for a host that hangs, from SIGSTOP until
its silence is told. ``answered_ms``: from SIGKILL until the actor answers again, without backoff.
Run: python benchmarks/host_death.py [CASE …]. Prints one line of JSON a case, of medians.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from remote import Add, Counter

from scanflow_actors.actors import Actor, Backoff, Request, RestartStrategy, receive
from scanflow_actors.cluster import Dedicated, RayActorSystem
from scanflow_actors.errors import HostLostError
from scanflow_actors.settings import RaySettings, Settings

if TYPE_CHECKING:
    from scanflow_actors.actors import ActorRef

KILLS = 3
AT_ONCE = RestartStrategy(max_restarts=1000, backoff=Backoff(min_s=0, max_s=0))


@dataclass(frozen=True, slots=True)
class Wait(Request[None]):
    """Never answered."""


class Patient(Actor):
    """A counter with a receiver that never ends."""

    def __init__(self) -> None:
        self.total = 0

    @receive
    def add(self, message: Add) -> int:
        self.total += message.amount
        return self.total

    @receive(concurrent=10)
    async def wait(self, message: Wait) -> None:
        del message
        await asyncio.Event().wait()


async def killed(system: RayActorSystem, patient: ActorRef) -> tuple[float, float]:
    """Milliseconds until the death is noticed, and until there is an answer."""
    await patient.ask(Add(1))
    waiting = asyncio.ensure_future(patient.ask(Wait(), timeout_s=60))
    await asyncio.sleep(0.2)
    begin = time.perf_counter()
    os.kill(system.process_of(patient), signal.SIGKILL)
    try:
        await waiting
    except HostLostError:
        noticed = time.perf_counter()
    assert await patient.ask(Add(1), timeout_s=60) == 1
    return 1e3 * (noticed - begin), 1e3 * (time.perf_counter() - begin)


async def ours(standby_hosts: int) -> dict[str, float]:
    found = []
    async with RayActorSystem("bench", settings=settings(standby_hosts)) as system:
        patient = await system.spawn(Patient, name="patient", restart=AT_ONCE, placement=Dedicated())
        for _ in range(KILLS):
            while len((await system.statistics()).hosts) < 2 + standby_hosts:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.1)  # until the next one stands by
            found.append(await killed(system, patient))
    noticed, answered = zip(*found, strict=True)
    return {"noticed_ms": statistics.median(noticed), "answered_ms": statistics.median(answered)}


def settings(standby_hosts: int) -> Settings:
    return Settings(ray=RaySettings(standby_hosts=standby_hosts))


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class RawCounter:
    def __init__(self) -> None:
        self.total = 0

    def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    def pid(self) -> int:
        return os.getpid()


async def raw() -> dict[str, float]:
    """Ray restarts the actor and repeats the call by itself."""
    counter: Any = RawCounter.remote()
    answered = []
    for _ in range(KILLS):
        pid = await counter.pid.remote()
        await counter.add.remote(1)
        begin = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.01)  # else the call may still reach the old process
        assert await counter.add.remote(1) == 1
        answered.append(1e3 * (time.perf_counter() - begin))
    return {"answered_ms": statistics.median(answered)}


class Told(logging.Handler):
    """Hears that a host gives no sign of life."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "no sign of life" in record.getMessage():
            self.heard.set()


async def hung() -> dict[str, float]:
    found = []
    log = logging.getLogger("scanflow_actors.cluster.pulse")
    log.setLevel(logging.INFO)
    log.propagate = False
    async with RayActorSystem("bench", settings=settings(0)) as system:
        counter = await system.spawn(Counter, name="counter", placement=Dedicated())
        for _ in range(KILLS):
            await asyncio.sleep(random.random() * system.settings.ray.heartbeat_s)  # noqa: S311 - any moment
            log.addHandler(told := Told())
            begin = time.perf_counter()
            os.kill(system.process_of(counter), signal.SIGSTOP)
            await told.heard.wait()
            found.append(1e3 * (time.perf_counter() - begin))
            os.kill(system.process_of(counter), signal.SIGCONT)
            log.removeHandler(told)
            await counter.ask(Add(1))
    return {"noticed_ms": statistics.median(found)}


CASES = {
    "killed, with a standby": lambda: ours(1),
    "killed, without": lambda: ours(0),
    "killed, Ray restarts": raw,
    "hung": hung,
}


async def main(asked: list[str]) -> None:
    async with RayActorSystem("ray", settings=settings(0)):
        for case in asked or CASES:
            print(json.dumps({"case": case, **(await CASES[case]())}))


if __name__ == "__main__":
    # Classes of the main program travel by value: measure what a package would see.
    from host_death import main as main_imported

    asyncio.run(main_imported(sys.argv[1:]))
