"""Deaths and faults that need a Ray of their own: each runs a program in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.processes import is_gone

ROOT = Path(__file__).parents[2]
FAILURES = {"num_failures": 5, "req_failure_prob": 10, "resp_failure_prob": 10, "in_flight_failure_prob": 10}

NUMBERS = """
import asyncio, json
from scanflow_actors.cluster import Pooled, RayActorSystem
from scanflow_actors.settings import RaySettings, Settings
from tests.troupe import Messenger, Notes, Recorder, TellAll

async def main():
    settings = Settings(ray=RaySettings(standby_hosts=0, num_cpus=2, streams=False, frame_entries=50))
    async with RayActorSystem("faults", settings=settings) as system:
        recorder = await system.spawn(Recorder, name="recorder", placement=Pooled("a"))
        messenger = await system.spawn(Messenger, name="messenger", placement=Pooled("b"))
        for _ in range(5):
            await messenger.ask(TellAll(recorder, 100), timeout_s=120)
        notes = await recorder.ask(Notes(at_least=500), timeout_s=120)
    print(json.dumps(notes))

asyncio.run(main())
"""

ORPHAN = """
import asyncio, json
from scanflow_actors.cluster import RayActorSystem
from scanflow_actors.settings import RaySettings, Settings
from tests.troupe import Counter

async def main():
    settings = Settings(ray=RaySettings(standby_hosts=0, num_cpus=2))
    async with RayActorSystem("orphan", settings=settings) as system:
        counter = await system.spawn(Counter, name="counter")
        print(json.dumps(system.process_of(counter)), flush=True)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


CUT_OFF = """
import asyncio, json
from scanflow_actors.cluster import RayActorSystem
from scanflow_actors.settings import RaySettings, Settings
from tests.troupe import Add, Counter

async def main():
    settings = Settings(ray=RaySettings(standby_hosts=0, num_cpus=2, lease_s=3.0))
    async with RayActorSystem("cut-off", settings=settings) as system:
        counter = await system.spawn(Counter, name="counter")
        await asyncio.sleep(4.0)  # the lease was renewed, or it would be over
        assert await counter.ask(Add(1)) == 1
        print(json.dumps(system.process_of(counter)), flush=True)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


def started(program: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_the_link_is_exactly_once_and_in_order_when_ray_loses_calls() -> None:
    faults = json.dumps({"CoreWorkerService.grpc_client.PushTask": FAILURES})
    with started(NUMBERS, RAY_testing_rpc_failure=faults) as program:
        out, _ = program.communicate(timeout=150)
    assert program.returncode == 0
    notes: list[Any] = json.loads(out.strip().splitlines()[-1])
    assert notes == list(range(100)) * 5


async def test_g13_the_hosts_end_with_the_controller() -> None:
    with started(ORPHAN) as program:
        assert program.stdout is not None
        pid = int(await asyncio.to_thread(program.stdout.readline))
        program.send_signal(signal.SIGKILL)
        assert await is_gone(pid)


async def test_g15_a_host_without_a_word_from_the_controller_ends_by_itself() -> None:
    with started(CUT_OFF) as program:
        assert program.stdout is not None
        pid = int(await asyncio.to_thread(program.stdout.readline))
        program.send_signal(signal.SIGSTOP)
        assert await is_gone(pid)
        program.send_signal(signal.SIGCONT)
        program.send_signal(signal.SIGKILL)
