# ruff: noqa: D101, D102, D103 - the name of a case says what it measures
"""What a message costs between two processes on Ray: ours beside raw Ray actor calls.

``python benchmarks/remote.py [WHO …]`` prints one line of JSON a case. CPU is that of both processes.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from scanflow_actors.actors import Actor, ActorRef, MailboxSpec, Request, receive
from scanflow_actors.cluster import Dedicated, RayActorSystem
from scanflow_actors.settings import RaySettings, Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TOLD = 50_000
TOLD_RAY = 1_000
ASKS = 20_000
ASKS_RAY = 2_000
IN_FLIGHT = 100
ALONE = 300
CASES = ("tell", "ask in flight", "ask alone")
WHO = ("raw", "raw from the driver", "ours on Ray calls", "ours on streams")


@dataclass(frozen=True, slots=True)
class Add(Request[int]):
    amount: int


@dataclass(frozen=True, slots=True)
class Pid(Request[int]):
    pass


@dataclass(frozen=True, slots=True)
class Play(Request[dict[str, float]]):
    """Have the player measure a case against a counter in another process."""

    case: str
    counter: ActorRef


class Counter(Actor):
    def __init__(self) -> None:
        self.total = 0

    @receive
    async def add(self, message: Add) -> int:
        self.total += message.amount
        return self.total

    @receive
    def pid(self, message: Pid) -> int:
        del message
        return os.getpid()


@ray.remote(num_cpus=0)
class RawCounter:
    def __init__(self) -> None:
        self.total = 0

    def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    def pid(self) -> int:
        return os.getpid()


def cpu_s(*pids: int) -> float:
    """Seconds of CPU that some processes have used."""
    return sum(sum(map(int, _stat(pid)[11:13])) for pid in pids) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` behind the name: fields 14 and 15 are the clock ticks used."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


async def measured(pid: int, count: int, work: Callable[[], Awaitable[Any]]) -> dict[str, float]:
    begin, cpu = time.perf_counter(), cpu_s(os.getpid(), pid)
    await work()
    wall, spent = time.perf_counter() - begin, cpu_s(os.getpid(), pid) - cpu
    return {"per_s": count / wall, "cpu_us": 1e6 * spent / count}


async def many(count: int, ask: Callable[[], Awaitable[Any]]) -> None:
    """A hundred askers, each with one ask under way at any time."""

    async def asker() -> None:
        for _ in range(count // IN_FLIGHT):
            await ask()

    await asyncio.gather(*(asker() for _ in range(IN_FLIGHT)))


async def latencies(call: Callable[[], Awaitable[Any]]) -> dict[str, float]:
    taken = []
    for _ in range(ALONE):
        begin = time.perf_counter()
        await call()
        taken.append(1e3 * (time.perf_counter() - begin))
    taken.sort()
    return {"p50_ms": statistics.median(taken), "p99_ms": taken[int(0.99 * len(taken))]}


async def ours(case: str, counter: ActorRef) -> dict[str, float]:
    pid = await counter.ask(Pid())
    for _ in range(20):
        await counter.ask(Add(1))

    async def tell() -> None:
        for number in range(TOLD):
            counter.tell(Add(1))
            if number % 1000 == 999:
                await asyncio.sleep(0)
        await counter.ask(Add(0), timeout_s=120)

    async def ask() -> None:
        await many(ASKS, lambda: counter.ask(Add(1)))

    if case == "tell":
        return await measured(pid, TOLD, tell)
    if case == "ask in flight":
        return await measured(pid, ASKS, ask)
    return await latencies(lambda: counter.ask(Add(1)))


class Player(Actor):
    """Measures from a host, where an agent would be."""

    @receive
    async def play(self, message: Play) -> dict[str, float]:
        return await ours(message.case, message.counter)


@ray.remote(num_cpus=0)
class RawPlayer:
    """Measures raw Ray calls from one actor to another: the same pair of processes as ours."""

    async def play(self, case: str, counter: Any) -> dict[str, float]:
        return await raw(case, counter)


async def raw(case: str, counter: Any) -> dict[str, float]:
    async def one() -> Any:
        return await counter.add.remote(1)

    pid = await counter.pid.remote()
    for _ in range(20):
        await counter.add.remote(1)

    async def tell() -> None:
        for _ in range(TOLD_RAY):
            last = counter.add.remote(1)
        await last

    async def ask() -> None:
        await many(ASKS_RAY, one)

    if case == "tell":
        return await measured(pid, TOLD_RAY, tell)
    if case == "ask in flight":
        return await measured(pid, ASKS_RAY, ask)

    return await latencies(one)


async def run(who: str) -> dict[str, dict[str, float]]:
    """Measure all cases between one pair of processes."""
    if who == "raw":
        counter, player = RawCounter.remote(), RawPlayer.remote()
        return {case: await player.play.remote(case, counter) for case in CASES}
    if who == "raw from the driver":
        counter = RawCounter.remote()
        return {case: await raw(case, counter) for case in CASES}
    settings = Settings(ray=RaySettings(standby_hosts=0, streams=who == "ours on streams"))
    async with RayActorSystem("bench", settings=settings) as system:
        roomy = MailboxSpec(capacity=10 * TOLD)
        counter = await system.spawn(Counter, name="counter", mailbox=roomy, placement=Dedicated())
        player = await system.spawn(Player, name="player", placement=Dedicated())
        return {case: await player.ask(Play(case, counter), timeout_s=300) for case in CASES}


async def main(asked: list[str]) -> None:
    """Measure all that are asked for, on one Ray."""
    async with RayActorSystem("ray", settings=Settings(ray=RaySettings(standby_hosts=0))):
        for who in asked or WHO:
            for case, result in (await run(who)).items():
                print(json.dumps({"case": f"{who}, {case}", **result}))


if __name__ == "__main__":
    # Classes of the main program travel by value, at a millisecond a frame: measure what a package would see.
    from remote import main as main_imported

    asyncio.run(main_imported(sys.argv[1:]))
