# ruff: noqa: D101, D102, D103 - the name of a case says what it measures
"""What it takes to hand a 10 MiB array to ten agents in other processes: ours beside one put and ten gets.

The ten agents share three processes, and so do the ten calls of raw Ray: ten processes would measure how a
small machine schedules them. Each round has a new array.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from ray._private.internal_api import get_memory_info_reply, get_state_from_address

from scanflow_actors.actors import Actor, Request, receive
from scanflow_actors.cluster import Pooled, RayActorSystem
from scanflow_actors.settings import RaySettings, Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SIZE = 10 * 2**20
AGENTS = 10
PROCESSES = 3
ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Look(Request[float]):
    array: Any


class Looker(Actor):
    @receive
    def look(self, message: Look) -> int:
        return int(message.array[-1])


@ray.remote(num_cpus=0)
class RawLooker:
    def look(self, refs: list[Any]) -> int:
        return int(ray.get(refs[0])[-1])


def store_bytes() -> int:
    state = get_state_from_address(ray.get_runtime_context().gcs_address)
    return get_memory_info_reply(state).store_stats.object_store_bytes_used


async def measured(hand_out: Callable[[Any], Awaitable[list[int]]]) -> dict[str, float]:
    await hand_out(np.ones(SIZE, dtype=np.uint8))  # connections and workers are there afterwards
    taken, copies = [], []
    for number in range(ROUNDS):
        array = np.full(SIZE, number, dtype=np.uint8)
        before, begin = store_bytes(), time.perf_counter()
        assert await hand_out(array) == AGENTS * [number]
        taken.append(1e3 * (time.perf_counter() - begin))
        copies.append((store_bytes() - before) / SIZE)
        del array
        while store_bytes() >= before + SIZE // 2:  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.01)
    return {"ms": statistics.median(taken), "copies": max(copies)}


async def ours(system: RayActorSystem) -> dict[str, float]:
    lookers = [
        await system.spawn(Looker, name=f"looker-{number}", placement=Pooled(f"pool-{number % PROCESSES}"))
        for number in range(AGENTS)
    ]
    return await measured(lambda array: asyncio.gather(*(looker.ask(Look(array)) for looker in lookers)))


async def raw(system: RayActorSystem) -> dict[str, float]:
    del system
    lookers = [RawLooker.remote() for _ in range(PROCESSES)]

    async def hand_out(array: Any) -> list[int]:
        ref = ray.put(array)
        return await asyncio.gather(
            *(lookers[number % PROCESSES].look.remote([ref]) for number in range(AGENTS))
        )

    return await measured(hand_out)


CASES = {"ours": ours, "raw": raw}


async def main(asked: list[str]) -> None:
    settings = Settings(ray=RaySettings(standby_hosts=0))
    async with RayActorSystem("bench", settings=settings) as system:
        for case in asked or CASES:
            print(json.dumps({"case": case, **(await CASES[case](system))}))


if __name__ == "__main__":
    # Classes of the main program travel by value: measure what a package would see.
    from arrays import main as main_imported

    asyncio.run(main_imported(sys.argv[1:]))
