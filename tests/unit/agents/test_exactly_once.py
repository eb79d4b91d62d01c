"""Killed at any point between sensing and the effect, every observation still counts exactly once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import Action, Agent, Charge, Member, Strategy, Team, at_least, perform
from scanflow_actors.artifacts import KnowledgeSettings
from scanflow_actors.infrastructure import Infrastructure, InfrastructureActor
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.settings import AgentSettings
from scanflow_actors.triggers import every
from scanflow_actors.workflows import BatchWorkflow, Executor
from tests.unit.agents.crew import (
    NEW_YEAR,
    Checking,
    Counting,
    Feed,
    Works,
    World,
    clock_of_loop,
    entries_of,
    make_team,
    start,
    until,
)
from tests.unit.agents.faults import Fuse, KilledError, Mortality

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scanflow_actors.agents import Clock
    from scanflow_actors.infrastructure.backend import Order

pytestmark = pytest.mark.looptime

HOUR_S = 3600.0


class Mortal(Mortality, Counting):
    """Counts, until its fuse blows."""

    def __init__(self, charge: Charge, feed: Feed, fuse: Fuse) -> None:
        super().__init__(charge, feed)
        self.fuse = fuse
        (strategy,) = self.strategies
        sense = replace(strategy.sense, read=fuse.around("sensing", strategy.sense.read))
        words = fuse.around("wording the effects", strategy.then.effects)
        then = Action(code=(words,), calls=strategy.then.calls)
        self.strategies = (replace(strategy, sense=sense, then=then),)


class MortalChecking(Mortality, Checking):
    """Takes messages, until its fuse blows."""

    def __init__(self, charge: Charge, fuse: Fuse) -> None:
        super().__init__(charge)
        self.fuse = fuse
        (strategy,) = self.strategies
        words = fuse.around("wording the effects", strategy.then.effects)
        self.strategies = (replace(strategy, then=Action(code=(words,))),)


async def live_through(folder: Path, fuse: Fuse, feed: Feed, world: World, clock: Clock) -> None:
    """A team whose counter dies when the fuse blows; then the whole process is gone."""
    team = make_team(folder, clock, feed)
    team = replace(team, members={**team.members, "counter": Member(agent=Mortal, args=(feed, fuse))})
    async with ActorSystem() as system:
        await start(system, team, world)
        await until(lambda: fuse.is_blown or clock.now().hour >= 2, within_s=3 * HOUR_S, step_s=600)
        await asyncio.sleep(120)  # it restarts in vain, then it is down for good


async def count_points(folder: Path) -> list[str]:
    fuse, feed = Fuse(), Feed([1.0] * 12)
    await live_through(folder, fuse, feed, World(), clock_of_loop())
    return fuse.points


async def test_killed_at_any_point_an_observation_counts_once(tmp_path: Path) -> None:
    points = await count_points(tmp_path)
    assert {"before commit", "after commit", "after sensing", "before conclude"} <= set(points)
    for at, point in enumerate(points):
        if point.split()[-1] in {"opening", "memory"} or at < points.index("before sensing"):
            continue  # the first start; nothing has been sensed yet
        folder = tmp_path / str(at)
        folder.mkdir()
        feed, world, clock = Feed([1.0] * 12), World(), clock_of_loop()
        await live_through(folder, Fuse(at), feed, world, clock)
        async with ActorSystem() as system:
            await start(system, make_team(folder, clock, feed), world)
            await asyncio.sleep(2 * HOUR_S)
        assert world.items == [(0, 12)], f"killed {point}"
        outcomes = [e.strategy for e in entries_of(folder) if e.kind == "outcome" and e.holds]
        assert sorted(outcomes) == ["check", "count"], f"killed {point}"


async def be_called(folder: Path, fuse: Fuse, world: World, clock: Clock) -> Feed:
    """A team whose checker dies when it is called; a moment later, while it is asked again, all are gone."""
    feed = Feed([1.0] * 12)
    team = make_team(folder, clock, feed)
    team = replace(team, members={**team.members, "checker": Member(agent=MortalChecking, args=(fuse,))})
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOUR_S - 1)
        await until(lambda: fuse.is_blown or clock.now() > NEW_YEAR + timedelta(minutes=61), within_s=90)
    return feed


async def test_killed_at_any_point_a_message_is_acted_on_once(tmp_path: Path) -> None:
    whole = Fuse()
    await be_called(tmp_path, whole, World(), clock_of_loop())
    first = whole.points.index("before wording the effects")
    assert {"before commit", "after commit", "before conclude"} <= set(whole.points[first:])
    for at in range(first, len(whole.points)):
        folder = tmp_path / str(at)
        folder.mkdir()
        world, clock = World(), clock_of_loop()
        feed = await be_called(folder, Fuse(at), world, clock)
        async with ActorSystem() as system:
            await start(system, make_team(folder, clock, feed), world)
            await asyncio.sleep(2 * HOUR_S)
        assert world.items == [(0, 12)], f"killed {whole.points[at]}"


async def test_failing_once_at_any_point_an_agent_restarts_and_goes_on(tmp_path: Path) -> None:
    points = await count_points(tmp_path)
    for at in range(points.index("before sensing"), len(points)):
        folder = tmp_path / f"once-{at}"
        folder.mkdir()
        feed, world, clock = Feed([1.0] * 12), World(), clock_of_loop()
        await live_through(folder, Fuse(at, is_lasting=False), feed, world, clock)
        team = make_team(folder, clock, feed)
        async with ActorSystem() as system:
            await start(system, team, world)
            await asyncio.sleep(2 * HOUR_S)
        assert world.items == [(0, 12)], f"failed {points[at]}"


async def test_pending_decisions_are_taken_up_under_the_same_keys(tmp_path: Path) -> None:
    feed, world, clock = Feed([1.0] * 12), World(gate=asyncio.Event()), clock_of_loop()
    team = make_team(tmp_path, clock, feed)
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOUR_S)
        await until(lambda: bool(world.asked), within_s=60)
        assert not await team.settled(timeout_s=1)
    assert world.done == {}
    assert world.gate is not None
    world.gate.set()
    async with ActorSystem() as system:
        await start(system, team, world)
        assert await team.settled(timeout_s=60)
    assert len(set(world.asked)) == 1
    assert len(world.asked) == 2
    assert world.items == [(0, 12)]


async def test_an_effect_whose_outcome_is_unknown_is_asked_for_again(tmp_path: Path) -> None:
    feed, world, clock = Feed([1.0] * 12), World(gate=asyncio.Event()), clock_of_loop()
    settings = AgentSettings(act_timeout_s=5.0, retry_delays_s=(1.0, 1.0, 1.0))
    team = make_team(tmp_path, clock, feed, settings=settings)
    async with ActorSystem() as system:
        await system.spawn(Works, world, name="infrastructure")
        await team.start(system)
        await asyncio.sleep(HOUR_S)
        await until(lambda: len(world.asked) == 3, within_s=60)
        assert world.gate is not None
        world.gate.set()
        assert await team.settled(timeout_s=60)
    assert len(set(world.asked)) == 1
    assert world.items == [(0, 12)]
    attempts = [entry for entry in entries_of(tmp_path) if entry.kind == "attempt"]
    assert len(attempts) == 2
    assert "did not answer Perform within 5 s" in attempts[0].reason


# ---------------------------------------------------------------------- with the real infrastructure


class CountingBackend:
    """A backend that does nothing but count."""

    def __init__(self) -> None:
        self.runs: list[Mapping[str, Any]] = []

    async def run_workflow(self, order: Order) -> Any:
        self.runs.append(order.parameters)
        return len(self.runs)


def step(items: float) -> float:
    return items


class Planning(Agent):
    def __init__(self, charge: Charge, feed: Feed) -> None:
        super().__init__(charge)
        self.strategies = (
            Strategy(
                name="plan",
                when=every(hours=1),
                sense=feed.sensor(),
                given=at_least(10),
                then=perform(lambda seen: RunWorkflow(workflow="train", parameters={"items": seen.total})),
            ),
        )


async def test_a_primitive_is_carried_out_once_though_its_agent_dies_before_it_hears_of_it(
    tmp_path: Path,
) -> None:
    feed, backend, clock = Feed([1.0] * 12), CountingBackend(), clock_of_loop()
    acts: Any = backend
    workflow = BatchWorkflow(
        name="train", executors=(Executor(name="step", run=step, takes={"items": "items"}),), result="step"
    )
    ledger = tmp_path / "journal.db"
    parts = Infrastructure(
        backend=acts, workflows=(workflow,), ledger=ledger, knowledge=KnowledgeSettings.in_folder(tmp_path)
    )

    class Dying(Planning):
        async def write(self, method: str, *args: Any) -> Any:
            if method == "conclude":
                raise KilledError(method)
            return await super().write(method, *args)

    dying = Team(members={"it": Member(agent=Dying, args=(feed,))}, journal=ledger, clock=clock)
    async with ActorSystem() as system:
        await system.spawn(InfrastructureActor, parts, name="infrastructure")
        await dying.start(system)
        await asyncio.sleep(HOUR_S + 60)
        assert not await dying.settled(timeout_s=1)
    team = replace(dying, members={"it": Member(agent=Planning, args=(feed,))})
    async with ActorSystem() as system:
        await system.spawn(InfrastructureActor, parts, name="infrastructure")
        await team.start(system)
        assert await team.settled(timeout_s=60)
    assert backend.runs == [{"items": 12.0}]
    (outcome,) = [entry for entry in entries_of(tmp_path) if entry.kind == "outcome"]
    assert outcome.body[0]["result"] == 1
