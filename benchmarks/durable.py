# ruff: noqa: D101, D102, D103 - the name of a case says what it measures
"""What it costs that an actor does not forget: a write to the disk before each answer, on a SQLite file.

``python benchmarks/durable.py``: asks of one durable actor one by one, of 100 durable actors at once, and
messages delivered from one durable actor to another. The peers keep no state, so none stands beside it. CPU
is that of the process, the thread that writes included.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors import ActorContext, ActorRef, ActorSystem, DurableActor, Request, receive
from scanflow_actors.settings import ActorSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MESSAGES = 1_000
ACTORS = 100


@dataclass(frozen=True, slots=True)
class Add(Request[int]):
    amount: int


@dataclass(frozen=True, slots=True)
class Hand(Request[None]):
    """Deliver so many to a receiver."""

    to: ActorRef
    count: int


class Counter(DurableActor):
    def __init__(self) -> None:
        self.total = 0

    def snapshot(self) -> int:
        return self.total

    def restore(self, state: int) -> None:
        self.total = state

    @receive
    def add(self, message: Add) -> int:
        self.total += message.amount
        return self.total

    @receive
    def hand(self, message: Hand, ctx: ActorContext) -> None:
        for _ in range(message.count):
            ctx.durable.deliver(message.to, Add(1))


async def one_by_one(system: ActorSystem) -> None:
    counter = await system.spawn(Counter, name="counter")
    for _ in range(MESSAGES):
        await counter.ask(Add(1))


async def at_once(system: ActorSystem) -> None:
    counters = [await system.spawn(Counter, name=f"counter-{number}") for number in range(ACTORS)]
    for _ in range(MESSAGES // ACTORS):
        await asyncio.gather(*(counter.ask(Add(1)) for counter in counters))


async def delivered(system: ActorSystem) -> None:
    producer = await system.spawn(Counter, name="producer")
    consumer = await system.spawn(Counter, name="consumer")
    await producer.ask(Hand(consumer, MESSAGES))
    while await consumer.ask(Add(0)) < MESSAGES:  # noqa: ASYNC110 - it is not told when it has all
        await asyncio.sleep(0.001)


async def measured(case: Callable[[ActorSystem], Awaitable[None]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        settings = ActorSettings(store=f"{folder}/state.db")
        async with ActorSystem(settings=settings) as system:
            began, cpu = time.perf_counter(), time.process_time()
            await case(system)
            wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    return {
        "messages per s": MESSAGES / wall_s,
        "ms a message": wall_s / MESSAGES * 1e3,
        "CPU us a message": cpu_s / MESSAGES * 1e6,
    }


CASES = {
    "asks of one actor, one by one": one_by_one,
    "asks of 100 actors at once": at_once,
    "deliveries": delivered,
}


if __name__ == "__main__":
    for name, case in CASES.items():
        print(json.dumps({"case": name, **asyncio.run(measured(case))}), flush=True)
