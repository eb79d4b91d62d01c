# ruff: noqa: D101, D102, D103 - the name of a case says what it measures
"""What a message costs in one process: ours beside a plain queue, Pykka and xoscar.

``python benchmarks/local.py [CASE]`` prints for each case, or for one, messages per second and microseconds
of CPU per message (of the whole process, all threads). A case that ends in ", uvloop" runs on that loop.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

from scanflow_actors.actors import Actor, ActorSystem, MailboxSpec, Request, receive
from scanflow_actors.settings import ActorSettings

MESSAGES = 100_000
ASKS = 30_000
GATHERED = 100


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


def measured(count: int, begin: float, cpu: float) -> dict[str, float]:
    wall, spent = time.perf_counter() - begin, time.process_time() - cpu
    return {"per_s": count / wall, "cpu_us": 1e6 * spent / count}


async def timed(count: int, work: Callable[[], Awaitable[Any]]) -> dict[str, float]:
    begin, cpu = time.perf_counter(), time.process_time()
    await work()
    return measured(count, begin, cpu)


# ---------------------------------------------------------------------- a plain queue


async def queue_tell() -> dict[str, float]:
    queue: asyncio.Queue[Add] = asyncio.Queue(maxsize=MESSAGES + 1)
    total = 0

    async def consume() -> None:
        nonlocal total
        for _ in range(MESSAGES):
            message = await queue.get()
            total += message.amount

    async def work() -> None:
        consumer = asyncio.create_task(consume())
        for number in range(MESSAGES):
            queue.put_nowait(Add(1))
            if number % 1000 == 999:
                await asyncio.sleep(0)
        await consumer

    result = await timed(MESSAGES, work)
    assert total == MESSAGES
    return result


async def _queue_server(queue: asyncio.Queue[tuple[Add, asyncio.Future[int]]]) -> None:
    total = 0
    while True:
        message, future = await queue.get()
        total += message.amount
        if not future.done():
            future.set_result(total)


async def queue_ask(gathered: int) -> dict[str, float]:
    queue: asyncio.Queue[tuple[Add, asyncio.Future[int]]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    server = asyncio.create_task(_queue_server(queue))

    async def ask() -> int:
        future: asyncio.Future[int] = loop.create_future()
        queue.put_nowait((Add(1), future))
        return await future

    result = await timed(ASKS, lambda: rounds(ask, gathered))
    server.cancel()
    return result


async def rounds(ask: Callable[[], Awaitable[int]], gathered: int) -> None:
    if gathered == 1:
        for _ in range(ASKS):
            await ask()
    else:
        for _ in range(ASKS // gathered):
            await asyncio.gather(*(ask() for _ in range(gathered)))


# ---------------------------------------------------------------------- ours


async def ours_tell() -> dict[str, float]:
    async with ActorSystem() as system:
        ref = await system.spawn(Counter, name="counter", mailbox=MailboxSpec(capacity=MESSAGES + 1))

        async def work() -> None:
            for number in range(MESSAGES):
                ref.tell(Add(1))
                if number % 1000 == 999:
                    await asyncio.sleep(0)
            assert await ref.ask(Add(0)) == MESSAGES

        return await timed(MESSAGES, work)


async def ours_ask(gathered: int, *, inline: bool = True) -> dict[str, float]:
    settings = ActorSettings() if inline else ActorSettings(inline_depth=0)
    async with ActorSystem(settings=settings) as system:
        ref = await system.spawn(Counter, name="counter")
        return await timed(ASKS, lambda: rounds(lambda: ref.ask(Add(1)), gathered))


# ---------------------------------------------------------------------- Pykka


def pykka_tell() -> dict[str, float]:
    ref = _pykka_counter().start()
    begin, cpu = time.perf_counter(), time.process_time()
    for _ in range(MESSAGES // 4):
        ref.tell(Add(1))
    assert ref.ask(Add(0)) == MESSAGES // 4
    result = measured(MESSAGES // 4, begin, cpu)
    ref.stop()
    return result


def pykka_ask() -> dict[str, float]:
    ref = _pykka_counter().start()
    begin, cpu = time.perf_counter(), time.process_time()
    for _ in range(ASKS // 4):
        ref.ask(Add(1))
    result = measured(ASKS // 4, begin, cpu)
    ref.stop()
    return result


def _pykka_counter() -> Any:
    import pykka  # noqa: PLC0415 - an optional peer

    class PykkaCounter(pykka.ThreadingActor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.total = 0

        def on_receive(self, message: Add) -> int:
            self.total += message.amount
            return self.total

    return PykkaCounter


# ---------------------------------------------------------------------- xoscar


async def xoscar_run(gathered: int, *, tell: bool) -> dict[str, float]:
    import xoscar  # noqa: PLC0415 - an optional peer

    class XoscarCounter(xoscar.Actor):  # type: ignore[misc]
        def __init__(self) -> None:
            self.total = 0

        async def add(self, amount: int) -> int:
            self.total += amount
            return self.total

    pool = await xoscar.create_actor_pool("127.0.0.1", n_process=0)
    async with pool:
        ref = await xoscar.create_actor(XoscarCounter, address=pool.external_address, uid="counter")
        count = ASKS // 10 if not tell else ASKS // 3

        async def work() -> None:
            if tell:
                for _ in range(count):
                    await ref.add.tell(1)
                return
            for _ in range(count // gathered):
                await asyncio.gather(*(ref.add(1) for _ in range(gathered)))

        return await timed(count, work)


CASES: dict[str, Callable[[], Any]] = {
    "queue tell": queue_tell,
    "queue ask, one by one": lambda: queue_ask(1),
    "queue ask, gathered": lambda: queue_ask(GATHERED),
    "ours tell": ours_tell,
    "ours ask, one by one": lambda: ours_ask(1),
    "ours ask, mailbox": lambda: ours_ask(1, inline=False),
    "ours ask, gathered": lambda: ours_ask(GATHERED, inline=False),
    "pykka tell": pykka_tell,
    "pykka ask, one by one": pykka_ask,
    "xoscar tell": lambda: xoscar_run(1, tell=True),
    "xoscar ask, one by one": lambda: xoscar_run(1, tell=False),
    "xoscar ask, gathered": lambda: xoscar_run(GATHERED, tell=False),
}
ON_UVLOOP = [case for case in CASES if case.startswith(("queue", "ours"))]


def run(case: str, *, on_uvloop: bool) -> dict[str, Any]:
    try:
        if on_uvloop:
            import uvloop  # noqa: PLC0415 - optional

            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        made = CASES[case]()
        result: dict[str, Any] = asyncio.run(made) if asyncio.iscoroutine(made) else made
    except ModuleNotFoundError as error:
        return {"skipped": f"{error.name} is not installed"}
    return result


def main() -> None:
    if len(sys.argv) > 1:
        case = sys.argv[1].removesuffix(", uvloop")
        print(json.dumps({"case": sys.argv[1], **run(case, on_uvloop=case != sys.argv[1])}))
        return
    for case in (*CASES, *(f"{case}, uvloop" for case in ON_UVLOOP)):  # a process each: no heap is inherited
        subprocess.run([sys.executable, __file__, case], check=True)  # noqa: S603 - ourselves


if __name__ == "__main__":
    main()
