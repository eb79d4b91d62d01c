# ruff: noqa: D101, D102, D103 - the name of a case says what it measures
"""How long does an ask take from host to host when asks arrive at a rate of their own, answered or not?

Arrivals are random (Poisson); each is fired by a timer of the event loop, whose lateness is told apart as
``late_p99_ms``: time that the program itself was behind. CPU is that of both processes.
Run: python benchmarks/open_loop.py [WHO …]. Prints one line of JSON a case.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from remote import Add, Counter, Pid, RawCounter, cpu_s

from scanflow_actors.actors import Actor, ActorRef, Request, receive
from scanflow_actors.cluster import Dedicated, RayActorSystem
from scanflow_actors.settings import RaySettings, Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SECONDS = 1.5
RATES = {"raw": (100, 1000), "ours on Ray calls": (100, 1000, 5000), "ours on streams": (100, 1000, 5000)}
"""Asks offered per second. Raw Ray calls cannot take 5,000."""


@dataclass(frozen=True, slots=True)
class Play(Request[dict[str, float]]):
    """Have the player measure against a counter in another process."""

    rate: int
    counter: ActorRef


async def offered(rate: int, pid: int, ask: Callable[[], Awaitable[Any]]) -> dict[str, float]:
    """Ask at a rate, and see how long each answer takes."""
    chance = random.Random(rate)  # noqa: S311 - when asks arrive
    took: list[float] = []
    late: list[float] = []
    tasks = []

    async def one() -> None:
        begin = time.perf_counter()
        await ask()
        took.append(time.perf_counter() - begin)

    cpu, due = cpu_s(os.getpid(), pid), time.perf_counter()
    end = due + SECONDS
    while (due := due + chance.expovariate(rate)) < end:
        if due > (now := time.perf_counter()):
            await asyncio.sleep(due - now)
        late.append(time.perf_counter() - due)
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    cpu_us = 1e6 * (cpu_s(os.getpid(), pid) - cpu) / len(took)
    result = {"p50_ms": at(took, 0.5), "p99_ms": at(took, 0.99), "late_p99_ms": at(late, 0.99)}
    return {**result, "cpu_us": cpu_us}


def at(seconds: list[float], ratio: float) -> float:
    """Milliseconds that this share of them does not exceed."""
    return 1e3 * sorted(seconds)[int(ratio * len(seconds))]


class Player(Actor):
    @receive
    async def play(self, message: Play) -> dict[str, float]:
        counter = message.counter
        pid = await counter.ask(Pid())
        for _ in range(20):
            await counter.ask(Add(1))
        return await offered(message.rate, pid, lambda: counter.ask(Add(1)))


@ray.remote(num_cpus=0)
class RawPlayer:
    async def play(self, rate: int, counter: Any) -> dict[str, float]:
        pid = await counter.pid.remote()
        for _ in range(20):
            await counter.add.remote(1)

        async def one() -> Any:
            return await counter.add.remote(1)

        return await offered(rate, pid, one)


async def run(who: str) -> dict[int, dict[str, float]]:
    if who == "raw":
        player, raw_counter = RawPlayer.remote(), RawCounter.remote()
        return {rate: await player.play.remote(rate, raw_counter) for rate in RATES[who]}
    settings = Settings(ray=RaySettings(standby_hosts=0, streams=who == "ours on streams"))
    async with RayActorSystem("bench", settings=settings) as system:
        counter = await system.spawn(Counter, name="counter", placement=Dedicated())
        local = await system.spawn(Player, name="player", placement=Dedicated())
        return {rate: await local.ask(Play(rate, counter), timeout_s=120) for rate in RATES[who]}


async def main(asked: list[str]) -> None:
    async with RayActorSystem("ray", settings=Settings(ray=RaySettings(standby_hosts=0))):
        for who in asked or RATES:
            for rate, result in (await run(who)).items():
                print(json.dumps({"case": f"{who}, {rate}/s", **result}))


if __name__ == "__main__":
    # Classes of the main program travel by value: measure what a package would see.
    from open_loop import main as main_imported

    asyncio.run(main_imported(sys.argv[1:]))
