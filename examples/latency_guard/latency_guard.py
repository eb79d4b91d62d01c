"""WHEN a minute has passed IF the service has been slow for two minutes THEN have a replica added."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scanflow_actors import (
    ActorSystem,
    Agent,
    BatchWorkflow,
    Clock,
    Executor,
    KnowledgeSettings,
    Member,
    Observation,
    Sensor,
    Strategy,
    Team,
    at_least,
    call,
    every,
    on,
    perform,
)
from scanflow_actors.agents import for_at_least_s, greater_than
from scanflow_actors.infrastructure import Infrastructure, InfrastructureActor, InProcessBackend
from scanflow_actors.primitives import RunWorkflow

if TYPE_CHECKING:
    from scanflow_actors.agents.sensor import Sight

LATENCIES, REPLICAS = Path("latencies.txt"), Path("replicas.txt")


@dataclass(frozen=True)
class Latency:
    """State: the requests since the last decision to act."""

    slowest_ms: float
    requests: int


@dataclass(frozen=True)
class AddReplica:
    """Guard to scaler."""

    because_of_ms: float


def read_latencies(sight: Sight) -> Observation:
    """Read one latency a line, from where the last look that was acted on ended."""
    lines = LATENCIES.read_text().split()[sight.watermark or 0 :]
    values = [float(line) for line in lines]
    state = Latency(slowest_ms=max(values, default=0.0), requests=len(values))
    return Observation(state=state, watermark=(sight.watermark or 0) + len(lines), is_nothing=not lines)


LATENCY = Sensor(read=read_latencies, gives=Latency)


class Guard(Agent):
    """Watches the latencies."""

    strategies = (
        Strategy(
            name="slow_for_two_minutes",
            when=every(minutes=1),
            sense=LATENCY,
            given=for_at_least_s(120, greater_than(200, of="slowest_ms") & at_least(5, of="requests")),
            then=call("scaler", AddReplica, {"because_of_ms": "$slowest_ms"}),
        ),
    )


class Scaler(Agent):
    """Has replicas added."""

    strategies = (
        Strategy(
            name="add_replica", when=on(AddReplica), then=perform(RunWorkflow, {"workflow": "add_replica"})
        ),
    )


def make_team(clock: Clock | None = None) -> Team:
    """Guard and scaler; the same team as in team.yaml."""
    members = {"guard": Member(agent=Guard), "scaler": Member(agent=Scaler)}
    return Team(members=members, journal=Path("journal.db"), clock=clock or Clock())


def add_replica(file: str) -> int:
    """Stand for what really adds one."""
    replicas = int(Path(file).read_text()) + 1
    Path(file).write_text(str(replicas))
    return replicas


def make_infrastructure(team: Team) -> Infrastructure:
    """Make what carries out the team's primitives, in this process."""
    step = Executor(name="add", run=add_replica, options={"file": str(REPLICAS.resolve())})
    return Infrastructure(
        backend=InProcessBackend(),
        workflows=(BatchWorkflow(name="add_replica", executors=(step,), result="add"),),
        ledger=team.journal,
        knowledge=KnowledgeSettings.in_folder(Path()),
    )


async def run(team: Team, seconds: float) -> None:
    """Let the team work for a while."""
    async with ActorSystem() as system:
        await system.spawn(InfrastructureActor, make_infrastructure(team), name="infrastructure")
        await team.start(system)
        await asyncio.sleep(seconds)
        await team.settled(timeout_s=60)


if __name__ == "__main__":
    REPLICAS.write_text("1")
    LATENCIES.write_text("250 " * 20)
    asyncio.run(run(make_team(Clock.starting(Clock().now(), hour_s=60)), seconds=5))
    print("replicas:", REPLICAS.read_text())
