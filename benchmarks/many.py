# ruff: noqa: D101, D102, D103 - the name of a case says what it measures
"""What an idle actor weighs, how fast many start and stop, and how long a restart takes.

``python benchmarks/many.py [CASE]`` prints one line of JSON a case, or for one case.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from scanflow_actors.actors import (
    Actor,
    ActorContext,
    ActorSystem,
    Backoff,
    Request,
    RestartStrategy,
    receive,
)

MANY = 100_000
RESTARTS = 300


@dataclass(frozen=True, slots=True)
class Add(Request[int]):
    amount: int


@dataclass(frozen=True, slots=True)
class Crash:
    pass


class Idle(Actor):
    @receive
    async def add(self, message: Add) -> int:
        return message.amount

    @receive
    def crash(self, message: Crash) -> None:
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Fill(Request[float]):
    """Start many children: seconds that it took."""

    count: int


class Nest(Actor):
    @receive
    async def fill(self, message: Fill, ctx: ActorContext) -> float:
        begin = time.perf_counter()
        for number in range(message.count):
            await ctx.spawn(Idle, name=f"n{number}")
        return time.perf_counter() - begin


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def idle() -> dict[str, float]:
    async with ActorSystem() as system:
        nest = await system.spawn(Nest, name="nest")
        gc.collect()
        before = resident_bytes()
        took_s = await nest.ask(Fill(MANY), timeout_s=600)
        gc.collect()
        weight = (resident_bytes() - before) / MANY
        begin = time.perf_counter()
        await system.stop(nest)
        stopped_s = time.perf_counter() - begin
    return {"kib": weight / 1024, "starts_per_s": MANY / took_s, "stops_per_s": MANY / stopped_s}


async def restart() -> dict[str, float]:
    strategy = RestartStrategy(max_restarts=10**9, backoff=Backoff(min_s=0, max_s=0))
    async with ActorSystem() as system:
        ref = await system.spawn(Idle, name="idle", restart=strategy)
        taken = []
        for _ in range(RESTARTS):
            begin = time.perf_counter()
            ref.tell(Crash())
            await ref.ask(Add(1))
            taken.append(1e6 * (time.perf_counter() - begin))
    taken.sort()
    return {"p50_us": taken[len(taken) // 2]}


CASES = {"idle": idle, "restart": restart}

if __name__ == "__main__":
    import logging

    logging.disable(logging.WARNING)
    for case in sys.argv[1:] or CASES:
        print(json.dumps({"case": case, **asyncio.run(CASES[case]())}))
