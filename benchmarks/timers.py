# ruff: noqa: D101, D102, D103 - the name of a case says what it measures
"""What many interval timers cost, and how late they fire: ours beside APScheduler, both on one event loop.

``python benchmarks/timers.py [CASE]``: 10,000 timers with an interval of 10 s each, spread over the interval,
for one interval after all were made. Late is the time between a timer's instant and the call of its receiver
(here) or of its job (there); CPU is that of the process, for each run of a timer.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from scanflow_actors.actors import Actor, ActorContext, ActorSystem, receive

TIMERS = 10_000
INTERVAL_S = 10.0


@dataclass(frozen=True, slots=True)
class Beat:
    number: int


class Heart(Actor):
    """Has all timers; notes by how much each message comes after its instant."""

    def __init__(self, late: list[float]) -> None:
        self._late = late
        self._due: dict[int, float] = {}

    async def on_start(self, ctx: ActorContext) -> None:
        now = asyncio.get_running_loop().time()
        for number in range(TIMERS):
            first_s = 1 + INTERVAL_S * number / TIMERS - (asyncio.get_running_loop().time() - now)
            self._due[number] = asyncio.get_running_loop().time() + first_s
            ctx.every(INTERVAL_S, Beat(number), first_s=first_s)

    @receive
    async def beat(self, message: Beat) -> None:
        now = asyncio.get_running_loop().time()
        self._late.append(now - self._due[message.number])
        self._due[message.number] += INTERVAL_S


async def ours() -> dict[str, float]:
    late: list[float] = []
    async with ActorSystem() as system:
        await system.spawn(Heart, late, name="heart")
        return await _interval(late)


async def apscheduler() -> dict[str, Any]:
    try:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler  # noqa: PLC0415 - an optional peer
    except ModuleNotFoundError as error:
        return {"skipped": f"{error.name} is not installed"}
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    late: list[float] = []
    due: dict[int, float] = {}

    async def beat(number: int) -> None:
        late.append(time.time() - due[number])
        due[number] += INTERVAL_S

    scheduler = AsyncIOScheduler(job_defaults={"misfire_grace_time": 60}, timezone=dt.UTC)
    begin = time.time() + 8  # adding the jobs takes a while
    for number in range(TIMERS):
        due[number] = begin + INTERVAL_S * number / TIMERS
        first = dt.datetime.fromtimestamp(due[number], dt.UTC)
        scheduler.add_job(beat, "interval", seconds=INTERVAL_S, args=(number,), next_run_time=first)
    scheduler.start()
    await asyncio.sleep(max(0.0, begin - 1 - time.time()))
    result = await _interval(late)
    scheduler.shutdown(wait=False)
    return result


async def _interval(late: list[float]) -> dict[str, float]:
    """Wait a second for the first timer, then for as long as it takes each to fire once."""
    await asyncio.sleep(1)
    late.clear()
    cpu = time.process_time()
    await asyncio.sleep(INTERVAL_S)
    spent, taken = time.process_time() - cpu, sorted(late)
    p50, p99 = (1e3 * taken[int(len(taken) * part)] for part in (0.5, 0.99))
    return {"runs": len(taken), "cpu_us": 1e6 * spent / len(taken), "p50_late_ms": p50, "p99_late_ms": p99}


CASES = {"ours": ours, "APScheduler": apscheduler}


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps({"case": sys.argv[1], **asyncio.run(CASES[sys.argv[1]]())}))
        return
    for case in CASES:  # a process each: no heap is inherited
        subprocess.run([sys.executable, __file__, case], check=True)  # noqa: S603 - ourselves


if __name__ == "__main__":
    main()
