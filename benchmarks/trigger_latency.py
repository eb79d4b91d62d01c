"""How late does a primitive reach the infrastructure actor, after the instant of its trigger?

1,000 strategies in 100 agents on one host, due one after the other over ten seconds; every decision
is on the disk before its primitive leaves. Run: python benchmarks/trigger_latency.py. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import gc
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from scanflow_actors import Actor, ActorSystem, Agent, Clock, Member, Sensor, Strategy, Team, every, receive
from scanflow_actors.agents import Charge, Observation, perform
from scanflow_actors.primitives import Outcome, Perform, RunWorkflow

AGENTS, EACH, SECONDS = 100, 10, 8.0
LATE_S: list[float] = []


def read_time(sight: object) -> Observation:
    """See the time."""
    return Observation(state={"now": str(sight)}, watermark=1)


class Infra(Actor):
    """Notes how late each primitive is."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    @receive(concurrent=1000)
    async def perform(self, message: Perform) -> Outcome:
        """Take the instant from the key."""
        instant = datetime.fromisoformat(message.key.split("/")[2].rpartition("#")[0])
        LATE_S.append((self.clock.now() - instant).total_seconds())
        return Outcome(is_success=True)


class Due(Agent):
    """Ten strategies, each due every ten seconds, at its own moment."""

    def __init__(self, charge: Charge, number: int) -> None:
        super().__init__(charge)
        self.strategies = tuple(
            Strategy(
                name=f"s{index}",
                when=every(seconds=10, offset_s=(number * EACH + index) * 10 / (AGENTS * EACH)),
                sense=Sensor(read=read_time, is_quick=True),
                then=perform(lambda _seen: RunWorkflow(workflow="w")),
            )
            for index in range(EACH)
        )


async def main() -> None:
    """Let them work, then say how late they were."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock.starting(datetime(2026, 1, 1, tzinfo=UTC), hour_s=3600)
        members = {f"a{number}": Member(agent=Due, args=(number,)) for number in range(AGENTS)}
        team = Team(members=members, journal=Path(folder) / "journal.db", clock=clock)
        async with ActorSystem() as system:
            await system.spawn(Infra, clock, name="infrastructure")
            await team.start(system)
            gc.collect()
            gc.freeze()  # as `scanflow up` does: a full collection would stop everything for 50 ms
            LATE_S.clear()
            await asyncio.sleep(SECONDS)
            await team.drain(system, timeout_s=30)
    late = sorted(LATE_S)
    ratios = {"p50": 0.5, "p99": 0.99}
    shown = {f"{name}_ms": round(late[int(len(late) * ratio)] * 1000, 1) for name, ratio in ratios.items()}
    print(json.dumps({"primitives": len(late), **shown}))


if __name__ == "__main__":
    asyncio.run(main())
