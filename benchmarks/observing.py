# ruff: noqa: D101, D102, D103 - the name of a case says what it measures
"""What it costs to be observed: messages with metrics off and on, and a look at many actors.

``python benchmarks/observing.py [CASE]`` prints one line of JSON a case, or for one case.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors import Actor, ActorSystem, MailboxSpec, Request, receive
from scanflow_actors.settings import ActorSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MESSAGES = 100_000
ASKS = 30_000
MANY = 10_000
LOOKS = 20


@dataclass(frozen=True, slots=True)
class Add(Request[int]):
    amount: int


class Counter(Actor):
    def __init__(self) -> None:
        self.total = 0

    @receive
    async def add(self, message: Add) -> int:
        self.total += message.amount
        return self.total


async def timed(count: int, work: Callable[[], Awaitable[Any]]) -> dict[str, float]:
    begin, cpu = time.perf_counter(), time.process_time()
    await work()
    wall, spent = time.perf_counter() - begin, time.process_time() - cpu
    return {"per_s": count / wall, "cpu_us": 1e6 * spent / count}


async def tell(settings: ActorSettings) -> dict[str, float]:
    async with ActorSystem(settings=settings) as system:
        ref = await system.spawn(Counter, name="counter", mailbox=MailboxSpec(capacity=MESSAGES + 1))

        async def work() -> None:
            for number in range(MESSAGES):
                ref.tell(Add(1))
                if number % 1000 == 999:
                    await asyncio.sleep(0)
            assert await ref.ask(Add(0)) == MESSAGES

        return await timed(MESSAGES, work)


async def ask(settings: ActorSettings) -> dict[str, float]:
    async with ActorSystem(settings=settings) as system:
        ref = await system.spawn(Counter, name="counter")

        async def work() -> None:
            for _ in range(ASKS):
                await ref.ask(Add(1))

        return await timed(ASKS, work)


async def look() -> dict[str, float]:
    async with ActorSystem() as system:
        for number in range(MANY):
            await system.spawn(Counter, name=f"counter-{number}")

        async def work() -> None:
            for _ in range(LOOKS):
                assert (await system.statistics()).actors == MANY

        return await timed(LOOKS, work)


CASES: dict[str, Callable[[], Any]] = {
    "tell": lambda: tell(ActorSettings()),
    "tell, metrics": lambda: tell(ActorSettings(metrics=True)),
    "ask": lambda: ask(ActorSettings()),
    "ask, metrics": lambda: ask(ActorSettings(metrics=True)),
    f"statistics of {MANY} actors": look,
}


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps({"case": sys.argv[1], **asyncio.run(CASES[sys.argv[1]]())}))
        return
    for case in CASES:  # a process each: no heap is inherited
        subprocess.run([sys.executable, __file__, case], check=True)  # noqa: S603 - ourselves


if __name__ == "__main__":
    main()
