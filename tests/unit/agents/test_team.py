"""A team is refused before it starts when a strategy of it cannot work; the place is named."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import Agent, Charge, Member, Strategy, Team, call, perform
from scanflow_actors.errors import InvalidTeamError
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.triggers import any_of, at, every, on
from tests.unit.agents.crew import Batch, Check, Checking, Feed, World, clock_of_loop, make_team, start

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.triggers import Trigger

pytestmark = pytest.mark.looptime

RUN = perform(lambda _seen: RunWorkflow(workflow="w"))


class Owner(Agent):
    """Has the strategies that it is given."""

    def __init__(self, charge: Charge, *strategies: Strategy) -> None:
        super().__init__(charge)
        self.strategies = strategies


def team_of(folder: Path, *strategies: Strategy) -> Team:
    return Team(
        members={
            "owner": Member(agent=Owner, args=strategies),
            "checker": Member(agent=Checking),
        },
        journal=folder / "journal.db",
        clock=clock_of_loop(),
    )


async def test_a_call_to_an_unknown_agent_is_refused(tmp_path: Path) -> None:
    strategy = Strategy(name="s", when=every(hours=1), then=call("chekcer", Check, lambda seen: seen))
    async with ActorSystem() as system:
        with pytest.raises(InvalidTeamError) as caught:
            await team_of(tmp_path, strategy).start(system)
        assert system.names() == ()
    assert caught.value.place == "agent 'owner', strategy 's'"
    assert caught.value.problem == "calls 'chekcer', which is not in the team; it has ['checker', 'owner']"


async def test_a_call_that_nobody_waits_for_is_refused(tmp_path: Path) -> None:
    strategy = Strategy(name="s", when=every(hours=1), then=RUN + call("checker", Batch, lambda seen: seen))
    with pytest.raises(InvalidTeamError, match="'checker' with Batch, for which no strategy of it waits"):
        team_of(tmp_path, strategy).check()


async def test_two_strategies_of_one_name_are_refused(tmp_path: Path) -> None:
    strategy = Strategy(name="s", when=every(hours=1), then=RUN)
    with pytest.raises(InvalidTeamError, match="agent 'owner': two strategies are called 's'; rename one"):
        team_of(tmp_path, strategy, strategy).check()


def past(folder: Path) -> Trigger:
    return at(team_of(folder).clock.now() - timedelta(hours=1))


async def test_a_trigger_in_the_past_is_refused(tmp_path: Path) -> None:
    strategy = Strategy(name="once", when=past(tmp_path), then=RUN)
    async with ActorSystem() as system:
        with pytest.raises(InvalidTeamError, match="its trigger is in the past") as caught:
            await team_of(tmp_path, strategy).start(system)
        assert system.names() == ()
    assert caught.value.place == "agent 'owner', strategy 'once'"
    assert "2025-12-31T23:00:00+00:00; choose a later instant" in caught.value.problem


async def test_a_trigger_in_the_past_that_also_awaits_a_message_is_taken(tmp_path: Path) -> None:
    team_of(tmp_path, Strategy(name="s", when=any_of(past(tmp_path), on(Check)), then=RUN)).check()


async def test_a_date_that_passed_while_the_team_was_down_is_made_up_for(tmp_path: Path) -> None:
    world = World()
    soon = team_of(tmp_path).clock.now() + timedelta(hours=1)
    team = team_of(tmp_path, Strategy(name="once", when=at(soon), then=RUN))
    async with ActorSystem() as system:
        await start(system, team, world)
    await asyncio.sleep(2 * 3600)
    for _ in range(2):
        async with ActorSystem() as system:
            await start(system, team, world)
            await asyncio.sleep(60)
        assert len(world.done) == 1


async def test_a_journal_in_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    team = replace(make_team(tmp_path, clock_of_loop(), Feed()), journal=tmp_path / "no" / "journal.db")
    async with ActorSystem() as system:
        with pytest.raises(Exception, match=r"no/journal\.db.*check the folder"):
            await team.start(system)


async def test_a_team_has_settled_when_nothing_is_pending(tmp_path: Path) -> None:
    world = World(gate=asyncio.Event())
    team = make_team(tmp_path, clock_of_loop(), Feed([1.0] * 10))
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(3600 + 60)
        assert not await team.settled(timeout_s=10)
        assert world.gate is not None
        world.gate.set()
        assert await team.settled(timeout_s=10)
