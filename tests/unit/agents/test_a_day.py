"""A team of a hundred agents works for a day, and nothing of it piles up."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import Agent, Charge, Member, Observation, Sensor, Strategy, Team, at_least, call
from scanflow_actors.triggers import every
from tests.unit.agents.crew import NEW_YEAR, Check, Checking, World, clock_of_loop, entries_of, start

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.agents import Sight

pytestmark = pytest.mark.looptime

AGENTS, HOURS, HOUR_S = 100, 24, 3600.0
GROWTH = 2000
"""Objects more after half a day, at most: half are the world's record of what was done. One left behind by
each of the 4,700 wake-ups would be too many."""


class Counting(Agent):
    """Every hour it sees one thing, and hands on three of them. Half an hour later it sees nothing new."""

    def __init__(self, charge: Charge) -> None:
        super().__init__(charge)
        self.strategies = (
            Strategy(
                name="count",
                when=every(hours=1),
                sense=Sensor(read=self.one_more, is_quick=True),
                given=at_least(3),
                then=call("checker", Check, lambda seen: Check(first=seen["first"], end=seen["end"])),
            ),
            Strategy(
                name="idle",
                when=every(hours=1, offset_s=1800.0),
                sense=Sensor(read=lambda _sight: Observation(state=None, is_nothing=True), is_quick=True),
                then=call("checker", Check, lambda _seen: Check(first=0, end=0)),
            ),
        )

    def one_more(self, sight: Sight) -> Observation:
        first = sight.watermark or 0
        end = round((sight.now - NEW_YEAR).total_seconds() / HOUR_S)
        return Observation(state={"total": end - first, "first": first, "end": end}, watermark=end)


def counted() -> tuple[int, int]:
    """Tasks and timers of the running loop, and objects that the garbage collector knows."""
    loop: Any = asyncio.get_running_loop()
    timers = [timer for timer in loop._scheduled if not timer.cancelled()]
    gc.collect()
    return len(asyncio.all_tasks()) + len(timers), len(gc.get_objects())


async def test_a_hundred_agents_work_for_a_day_without_a_leak(tmp_path: Path) -> None:
    threads = threading.active_count()
    names = [f"a{number}" for number in range(AGENTS - 1)]
    members = {**{name: Member(agent=Counting) for name in names}, "checker": Member(agent=Checking)}
    team = Team(members=members, journal=tmp_path / "journal.db", clock=clock_of_loop())
    world = World()
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOURS / 2 * HOUR_S + 60)
        assert await team.settled(timeout_s=60)
        begun, held = counted()
        await asyncio.sleep(HOURS / 2 * HOUR_S)
        assert await team.settled(timeout_s=60)
        assert all(one.acting == 0 for one in await team.status(system))
        now, holds = counted()
    assert now <= begun + 5
    assert holds - held < GROWTH
    assert threading.active_count() <= threads + 40  # asyncio keeps some for later, in its pool
    entries = list(entries_of(tmp_path))
    decided = [entry.strategy for entry in entries if entry.kind == "decision"]
    assert decided.count("count") == (AGENTS - 1) * HOURS
    assert decided.count("check") == len(world.done) == (AGENTS - 1) * HOURS / 3
    assert len(entries) == len(decided) + 2 * len(world.done)  # and one outcome for each that acted
