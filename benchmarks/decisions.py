"""How many decisions a second does one agent with 100 strategies on in-memory sensors make and journal?

Run: python benchmarks/decisions.py. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from scanflow_actors import (
    ActorSystem,
    Agent,
    Clock,
    Member,
    Observation,
    Sensor,
    Strategy,
    Team,
    at_least,
    every,
)
from scanflow_actors.agents import Action, Journal

STRATEGIES, SECONDS = 100, 5.0


def read_two(_sight: object) -> Observation:
    """See two, always."""
    return Observation(state={"total": 2.0}, watermark=1)


class Busy(Agent):
    """Looks as often as it can: every ten milliseconds, each strategy."""

    strategies = tuple(
        Strategy(
            name=f"s{number}",
            when=every(seconds=0.01),
            sense=Sensor(read=read_two, is_quick=True),
            given=at_least(1),
            then=Action(),
        )
        for number in range(STRATEGIES)
    )


async def main() -> None:
    """Let it work, then count what is in the journal."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        clock = Clock.starting(datetime(2026, 1, 1, tzinfo=UTC), hour_s=3600)
        team = Team(members={"busy": Member(agent=Busy)}, journal=journal, clock=clock)
        async with ActorSystem() as system:
            await team.start(system)
            begin, cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(SECONDS)
            elapsed, spent = time.perf_counter() - begin, time.process_time() - cpu
        opened = Journal(journal)
        decisions = sum(entry.kind == "decision" for entry in opened.entries())
        opened.close()
    print(json.dumps({"decisions_per_s": round(decisions / elapsed), "cpu_ratio": round(spent / elapsed, 2)}))


if __name__ == "__main__":
    asyncio.run(main())
