"""A strategy that keeps failing is left alone and the rest goes on; a team is paused, drained, updated."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import (
    Agent,
    Charge,
    Member,
    Observation,
    Quarantined,
    Released,
    Sensor,
    Sight,
    Strategy,
    Team,
    at_least,
    perform,
)
from scanflow_actors.agents.control import AgentStatus, Release, ShowStatus
from scanflow_actors.agents.quarantine import after_failure, after_success, is_quarantined
from scanflow_actors.agents.records import Memory
from scanflow_actors.agents.strategy import Call
from scanflow_actors.errors import InvalidTeamError, RejectError, StrategyFailedError
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.settings import AgentSettings
from scanflow_actors.triggers import every, on
from tests.unit.agents.crew import (
    NEW_YEAR,
    Check,
    Checking,
    Feed,
    Witness,
    World,
    clock_of_loop,
    entries_of,
    make_team,
    start,
)

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.actors import ActorRef

HOUR_S = 3600.0
RUN = perform(lambda _seen: RunWorkflow(workflow="w"))


@dataclass
class Shaky(Feed):
    """A feed that cannot be read while it is broken."""

    is_broken: bool = True
    tries: list[float] = field(default_factory=list)

    def read(self, sight: Sight) -> Observation:
        self.tries.append((sight.now - NEW_YEAR).total_seconds())
        if self.is_broken:
            raise ConnectionError("no route to the store")
        return super().read(sight)


class Two(Agent):
    """One strategy that may fail beside one that works."""

    def __init__(self, charge: Charge, feed: Feed, good: Feed) -> None:
        super().__init__(charge)
        given = at_least(1)
        self.strategies = (
            Strategy(name="shaky", when=every(hours=1), sense=feed.sensor(), given=given, then=RUN),
            Strategy(name="good", when=every(hours=1), sense=good.sensor(), given=given, then=RUN),
        )


def two(folder: Path, feed: Feed, good: Feed, observer: ActorRef | None = None) -> Team:
    return Team(
        members={"it": Member(agent=Two, args=(feed, good))},
        journal=folder / "journal.db",
        clock=clock_of_loop(),
        observer=observer,
    )


async def status_of(ref: ActorRef) -> AgentStatus:
    return await ref.ask(ShowStatus())


def done_by(world: World, strategy: str) -> int:
    return sum(f"/{strategy}/" in key for key in world.done)


# ---------------------------------------------------------------------- quarantine


@pytest.mark.looptime
async def test_a_strategy_that_keeps_failing_is_quarantined_and_the_rest_goes_on(tmp_path: Path) -> None:
    feed, good, world = Shaky([1.0]), Feed([1.0]), World()
    facts: list[Any] = []
    async with ActorSystem() as system:
        observer = await system.spawn(Witness, facts, name="witness")
        refs = await start(system, two(tmp_path, feed, good, observer), world)
        await asyncio.sleep(HOUR_S + 60)
        good.items.append(1.0)
        await asyncio.sleep(HOUR_S)
        shaky, fine = (await status_of(refs["it"])).strategies
        assert shaky.quarantined_until is not None
        assert fine.failures == 0
    assert (done_by(world, "shaky"), done_by(world, "good")) == (0, 2)
    assert len(feed.tries) < 10
    kinds = [entry.kind for entry in entries_of(tmp_path) if entry.strategy == "shaky"]
    assert kinds[:4] == ["failure", "failure", "failure", "quarantine"]
    (first, *_) = [fact for fact in facts if isinstance(fact, Quarantined)]
    assert first.reason == "it/shaky failed: ConnectionError: no route to the store"


@pytest.mark.looptime
async def test_a_strategy_that_works_again_is_released_and_has_lost_nothing(tmp_path: Path) -> None:
    feed, world = Shaky([1.0]), World()
    facts: list[Any] = []
    async with ActorSystem() as system:
        observer = await system.spawn(Witness, facts, name="witness")
        await start(system, two(tmp_path, feed, Feed(), observer), world)
        await asyncio.sleep(HOUR_S + 60)
        feed.is_broken = False
        await asyncio.sleep(HOUR_S)
    assert done_by(world, "shaky") == 1
    assert [type(fact) for fact in facts if isinstance(fact, (Quarantined, Released))] == [
        Quarantined,
        Released,
    ]
    assert [entry.kind for entry in entries_of(tmp_path)][-1] == "release"


@pytest.mark.looptime
async def test_one_bad_moment_is_tried_again_at_once(tmp_path: Path) -> None:
    feed, world = Shaky([1.0]), World()
    async with ActorSystem() as system:
        await start(system, two(tmp_path, feed, Feed()), world)
        await asyncio.sleep(HOUR_S + 0.1)
        feed.is_broken = False
        await asyncio.sleep(5)
    assert done_by(world, "shaky") == 1
    assert len(feed.tries) == 2


@pytest.mark.looptime
async def test_a_quarantine_survives_a_restart_and_a_person_ends_it(tmp_path: Path) -> None:
    feed, world = Shaky([1.0]), World()
    team = two(tmp_path, feed, Feed())
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOUR_S + 60)
    tries, feed.is_broken = len(feed.tries), False
    async with ActorSystem() as system:
        refs = await start(system, team, world)
        await asyncio.sleep(60)
        assert len(feed.tries) == tries
        await refs["it"].ask(Release(strategy="shaky"))
        await asyncio.sleep(1)
        with pytest.raises(RejectError, match="it has no strategy 'nothing'; it has shaky, good"):
            await refs["it"].ask(Release(strategy="nothing"))
    assert done_by(world, "shaky") == 1


def fail(_value: Any) -> Any:
    raise ZeroDivisionError("division by zero")


@pytest.mark.looptime
@pytest.mark.parametrize("part", ["sense", "given", "then"])
async def test_whatever_part_of_a_strategy_fails_the_agent_does_not(part: str, tmp_path: Path) -> None:
    from scanflow_actors.agents import Action, holds_when  # noqa: PLC0415

    whole = Strategy(name="s", when=on(Check), then=RUN)
    broken = {
        "sense": {"sense": Sensor(read=fail)},
        "given": {"given": holds_when(fail)},
        "then": {"then": Action(code=(fail,))},
    }[part]

    class Failing(Agent):
        strategies = (replace(whole, **broken), replace(whole, name="good"))  # type: ignore[arg-type]

    team = Team(members={"it": Member(agent=Failing)}, journal=tmp_path / "j.db", clock=clock_of_loop())
    async with ActorSystem() as system:
        refs = await start(system, team, World())
        asked = Call(message=Check(first=0, end=1), key="k", trace="k")
        for _ in range(3):
            with pytest.raises(StrategyFailedError, match="it/s failed: ZeroDivisionError: division by zero"):
                await refs["it"].ask(asked)
        with pytest.raises(StrategyFailedError, match="s is quarantined until 2026-01-01T00:10:00"):
            await refs["it"].ask(asked)
        assert not (await status_of(refs["it"])).is_paused


@pytest.mark.looptime
async def test_primitives_that_keep_failing_quarantine_their_strategy(tmp_path: Path) -> None:
    feed, world = Feed(), World(refuses="the cluster is full")
    async with ActorSystem() as system:
        refs = await start(system, two(tmp_path, feed, Feed()), world)
        await asyncio.sleep(HOUR_S / 2)
        for _ in range(3):
            feed.items.append(1.0)
            await asyncio.sleep(HOUR_S)
        await asyncio.sleep(1)
        shaky, _ = (await status_of(refs["it"])).strategies
    assert shaky.failures == 3
    assert shaky.quarantined_until is not None


@given(st.lists(st.booleans(), max_size=40))
def test_quarantines_grow_and_end_with_the_first_success(outcomes: list[bool]) -> None:
    settings, memory, now = AgentSettings(), Memory(), NEW_YEAR
    lasts: list[float] = []
    for is_success in outcomes:
        before = memory
        memory = after_success(memory) if is_success else after_failure(memory, now, settings)
        if is_success:
            assert (memory.failures, memory.quarantined_until) == (0, None)
            lasts = []
        elif memory.quarantined_until != before.quarantined_until:
            assert memory.failures >= settings.failures_allowed
            assert is_quarantined(memory, now)
            until = now + timedelta(seconds=settings.quarantine_s * 2 ** len(lasts))
            lasts.append(settings.quarantine_s)
            latest = now + timedelta(seconds=settings.max_quarantine_s)
            assert memory.quarantined_until == min(until, latest).isoformat(timespec="seconds")
            now = min(until, latest)
            assert not is_quarantined(memory, now)
        else:
            assert memory.failures < settings.failures_allowed


# ---------------------------------------------------------------------- teams


@pytest.mark.looptime
async def test_a_paused_team_decides_nothing_also_after_a_restart(tmp_path: Path) -> None:
    feed, world = Feed([1.0] * 12), World()
    team = make_team(tmp_path, clock_of_loop(), feed)
    async with ActorSystem() as system:
        refs = await start(system, team, world)
        await team.pause(system)
        await asyncio.sleep(2 * HOUR_S)
        with pytest.raises(StrategyFailedError, match="checker is paused; resume it, or ask later"):
            await refs["checker"].ask(Call(message=Check(first=0, end=1), key="k", trace="k"))
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(2 * HOUR_S)
        assert feed.looks == 0
        assert all(one.is_paused for one in await team.status(system))
        await team.resume(system)
        await asyncio.sleep(60)
    assert world.items == [(0, 12)]


@pytest.mark.looptime
async def test_a_drained_team_has_carried_out_what_it_decided(tmp_path: Path) -> None:
    feed, world = Feed([1.0] * 12), World(gate=asyncio.Event())
    team = make_team(tmp_path, clock_of_loop(), feed)
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOUR_S + 60)
        assert not await team.drain(system, timeout_s=5)
        feed.items.extend([1.0] * 12)
        assert world.gate is not None
        world.gate.set()
        assert await team.drain(system, timeout_s=60)
        await asyncio.sleep(2 * HOUR_S)
    assert world.items == [(0, 12)]


class Thresholded(Agent):
    def __init__(self, charge: Charge, feed: Feed, threshold: float, hours: float = 1) -> None:
        super().__init__(charge)
        self.strategies = (
            Strategy(
                name="count",
                when=every(hours=hours),
                sense=feed.sensor(),
                given=at_least(threshold),
                then=perform(
                    lambda seen: RunWorkflow(workflow="w", parameters={"items": (seen.first, seen.end)})
                ),
                learns=lambda belief, seen: (belief or 0) + seen.total,
            ),
        )


def thresholded(folder: Path, feed: Feed, clock: Any, *args: float) -> Team:
    members = {"it": Member(agent=Thresholded, args=(feed, *args))}
    return Team(members=members, journal=folder / "journal.db", clock=clock)


@pytest.mark.looptime
async def test_a_team_is_updated_in_place_and_keeps_watermark_and_belief(tmp_path: Path) -> None:
    feed, world, clock = Feed([1.0] * 12), World(), clock_of_loop()
    team = thresholded(tmp_path, feed, clock, 10)
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOUR_S + 60)
        feed.items.extend([1.0] * 5)
        await team.update(system, thresholded(tmp_path, feed, clock, 5))
        await asyncio.sleep(HOUR_S)
        assert world.items == [(0, 12), (12, 17)]
        await team.update(system, thresholded(tmp_path, feed, clock, 5, 3))
        feed.items.extend([1.0] * 5)
        await asyncio.sleep(3 * HOUR_S)
        assert world.items == [(0, 12), (12, 17), (17, 22)]
        (status,) = await team.status(system)
    assert status.belief == 22
    assert status.strategies[0].watermark == 22
    assert status.strategies[0].next_fire == "2026-01-01T06:00:00+00:00"


@pytest.mark.looptime
async def test_an_update_that_cannot_work_changes_nothing(tmp_path: Path) -> None:
    clock = clock_of_loop()
    team = thresholded(tmp_path, Feed(), clock, 10)
    other = replace(team, members={"it": Member(agent=Checking)})
    async with ActorSystem() as system:
        await start(system, team, World())
        with pytest.raises(InvalidTeamError, match="it has other agents; stop this team and start that"):
            await team.update(system, other)
        (status,) = await team.status(system)
    assert [strategy.name for strategy in status.strategies] == ["count"]


@pytest.mark.looptime
async def test_belief_is_restored_with_the_watermark_after_a_crash(tmp_path: Path) -> None:
    feed, world, clock = Feed([1.0] * 12), World(), clock_of_loop()
    team = thresholded(tmp_path, feed, clock, 10)
    for _ in range(2):
        async with ActorSystem() as system:
            await start(system, team, world)
            await asyncio.sleep(HOUR_S + 60)
            feed.items.extend([1.0] * 10)
            (status,) = await team.status(system)
    assert status.belief == status.strategies[0].watermark == 22
