"""A decision that was refused as stale has used nothing up: the strategy senses again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import Agent, Charge, Member, Strategy, Team, at_least, perform
from scanflow_actors.primitives import Outcome, Perform, RunWorkflow
from scanflow_actors.triggers import every
from tests.unit.agents.crew import Feed, World, clock_of_loop, entries_of, start

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.looptime

HOUR_S = 3600.0


class Moving(World):
    """Refuses so many primitives as stale."""

    stale = 0

    async def perform(self, message: Perform) -> Outcome:
        self.asked.append(message.key)
        if self.stale:
            self.stale -= 1
            return Outcome(is_success=False, reason="stale: it has changed", rule="stale")
        return await super().perform(message)


class Counting(Agent):
    def __init__(self, charge: Charge, feed: Feed) -> None:
        super().__init__(charge)
        self.strategies = (
            Strategy(
                name="count",
                when=every(hours=1),
                sense=feed.sensor(),
                given=at_least(10),
                then=perform(
                    lambda seen: RunWorkflow(workflow="w", parameters={"items": (seen.first, seen.end)})
                ),
            ),
        )


def team_of(folder: Path, feed: Feed) -> Team:
    members = {"it": Member(agent=Counting, args=(feed,))}
    return Team(members=members, journal=folder / "journal.db", clock=clock_of_loop())


async def test_a_stale_decision_is_made_anew_at_once_and_counts_once(tmp_path: Path) -> None:
    feed, world = Feed([1.0] * 12), Moving()
    world.stale = 2
    async with ActorSystem() as system:
        await start(system, team_of(tmp_path, feed), world)
        await asyncio.sleep(HOUR_S + 60)
        feed.items.extend([1.0] * 12)
        await asyncio.sleep(HOUR_S)
    assert world.items == [(0, 12), (12, 24)]
    names = [entry.decision for entry in entries_of(tmp_path) if entry.kind == "decision"]
    first = "it/count/2026-01-01T01:00:00+00:00"
    assert names[:3] == [first, f"{first}~again", f"{first}~again~again"]


async def test_what_stays_stale_is_looked_at_again_at_the_next_instant(tmp_path: Path) -> None:
    feed, world = Feed([1.0] * 12), Moving()
    world.stale = 4
    async with ActorSystem() as system:
        await start(system, team_of(tmp_path, feed), world)
        await asyncio.sleep(HOUR_S + 60)
        assert (world.items, len(world.asked)) == ([], 4)
        await asyncio.sleep(HOUR_S)
    assert world.items == [(0, 12)]


async def test_what_a_stale_decision_was_made_of_is_kept_over_a_restart(tmp_path: Path) -> None:
    feed, world = Feed([1.0] * 12), Moving()
    world.stale = 4
    team = team_of(tmp_path, feed)
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOUR_S + 60)
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOUR_S)
    assert world.items == [(0, 12)]
