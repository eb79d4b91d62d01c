"""An agent senses, judges and acts: each observation counts once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.actors import ActorSystem
from scanflow_actors.agents import Agent, Concluded, Decided, Member, Strategy, Team, at_least, call, perform
from scanflow_actors.agents.strategy import Call
from scanflow_actors.errors import RejectError
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.triggers import Misfire, all_of, any_of, every, on
from tests.unit.agents.crew import (
    Batch,
    Check,
    Checking,
    Feed,
    Witness,
    Works,
    World,
    clock_of_loop,
    entries_of,
    make_team,
    start,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.looptime

HOUR_S = 3600.0


async def test_each_observation_counts_once(tmp_path: Path) -> None:
    feed, world = Feed(), World()
    async with ActorSystem() as system:
        await start(system, make_team(tmp_path, clock_of_loop(), feed), world)
        await asyncio.sleep(HOUR_S / 2)
        for count in (12, 3, 4, 5, 30):
            feed.items.extend([1.0] * count)
            await asyncio.sleep(HOUR_S)
        await asyncio.sleep(HOUR_S)
    assert world.items == [(0, 12), (12, 24), (24, 54)]
    assert sum(end - first for first, end in world.items) == len(feed.items)


async def test_below_the_threshold_observations_accumulate(tmp_path: Path) -> None:
    feed, world = Feed(), World()
    async with ActorSystem() as system:
        await start(system, make_team(tmp_path, clock_of_loop(), feed), world)
        feed.items.extend([1.0] * 9)
        await asyncio.sleep(2.5 * HOUR_S)
        assert world.items == []
        feed.items.append(1.0)
        await asyncio.sleep(HOUR_S)
    assert world.items == [(0, 10)]
    reasons = [entry.reason for entry in entries_of(tmp_path) if entry.strategy == "count"]
    assert reasons == ["total 9 < 10", "total 9 < 10", "total 10 >= 10", ""]


async def test_nothing_new_is_not_journalled(tmp_path: Path) -> None:
    feed = Feed()
    async with ActorSystem() as system:
        await start(system, make_team(tmp_path, clock_of_loop(), feed), World())
        await asyncio.sleep(24.5 * HOUR_S)
    assert feed.looks == 24
    assert list(entries_of(tmp_path)) == []


async def test_a_comparison_uses_up_what_it_has_judged(tmp_path: Path) -> None:
    feed, world = Feed(), World()

    class Comparing(Agent):
        strategies = (
            Strategy(
                name="compare",
                when=every(hours=1),
                sense=feed.sensor(accumulates=False),
                given=at_least(10),
                then=perform(lambda seen: RunWorkflow(workflow="w", parameters={"items": seen.end})),
            ),
        )

    team = Team(
        members={"it": Member(agent=Comparing)}, journal=tmp_path / "journal.db", clock=clock_of_loop()
    )
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOUR_S / 2)
        for count in (6, 6, 12):
            feed.items.extend([1.0] * count)
            await asyncio.sleep(HOUR_S)
        await asyncio.sleep(HOUR_S)
    assert world.items == [24]


async def test_a_decision_is_journalled_with_state_effect_cause_and_outcome(tmp_path: Path) -> None:
    feed, facts = Feed([1.0] * 10), list[Any]()
    async with ActorSystem() as system:
        observer = await system.spawn(Witness, facts, name="witness")
        await start(system, make_team(tmp_path, clock_of_loop(), feed, observer=observer), World())
        await asyncio.sleep(HOUR_S + 1)
    first = "counter/count/2026-01-01T01:00:00+00:00"
    second = f"checker/check/{first}#0"
    lines = {(entry.kind, entry.decision, entry.cause, entry.trace) for entry in entries_of(tmp_path)}
    assert lines == {
        ("decision", first, None, first),
        ("decision", second, first, first),
        ("outcome", first, None, first),
        ("outcome", second, first, first),
    }
    bodies = {(entry.kind, entry.strategy): entry.body for entry in entries_of(tmp_path)}
    assert bodies["decision", "count"]["state"] == {"type": "Batch", "total": 10.0, "first": 0, "end": 10}
    assert bodies["decision", "check"]["effects"][0]["message"]["workflow"] == "detect"
    assert bodies["outcome", "check"] == [
        {"type": "Outcome", "is_success": True, "result": 1, "reason": "", "rule": None}
    ]
    told = [(type(fact), fact.strategy) for fact in facts]
    assert told.count((Decided, "count")) == told.count((Decided, "check")) == 1
    assert told.count((Concluded, "count")) == told.count((Concluded, "check")) == 1


async def test_a_repeated_call_with_the_same_key_decides_nothing_again(tmp_path: Path) -> None:
    world = World()
    async with ActorSystem() as system:
        refs = await start(system, make_team(tmp_path, clock_of_loop(), Feed()), world)
        asked = Call(message=Check(first=0, end=5), key="from-outside", trace="from-outside")
        answers = [await refs["checker"].ask(asked) for _ in range(3)]
        await asyncio.sleep(1)
    assert [answer.is_new for answer in answers] == [True, False, False]
    assert world.items == [(0, 5)]
    (decision,) = [entry for entry in entries_of(tmp_path) if entry.kind == "decision"]
    assert decision.cause is None


async def test_a_call_that_no_strategy_waits_for_is_refused(tmp_path: Path) -> None:
    async with ActorSystem() as system:
        refs = await start(system, make_team(tmp_path, clock_of_loop(), Feed()), World())
        with pytest.raises(RejectError, match="checker has no strategy that waits for Batch"):
            await refs["checker"].ask(Call(message=Batch(total=1, first=0, end=1), key="k", trace="k"))


class Joint(Agent):
    """Hourly, and only once a check was announced."""

    strategies = (
        Strategy(
            name="joint",
            when=all_of(every(hours=1), on(Check)),
            then=perform(lambda seen: RunWorkflow(workflow="w", parameters={"items": seen})),
        ),
    )


async def test_a_repeated_call_counts_once_towards_a_combination(tmp_path: Path) -> None:
    world = World()
    team = Team(members={"it": Member(agent=Joint)}, journal=tmp_path / "journal.db", clock=clock_of_loop())
    asked = Call(message=Check(first=0, end=5), key="k", trace="k")
    async with ActorSystem() as system:
        refs = await start(system, team, world)
        assert (await refs["it"].ask(asked)).is_new
        await asyncio.sleep(HOUR_S + 1)
        assert len(world.items) == 1
        assert not (await refs["it"].ask(asked)).is_new
        await asyncio.sleep(2 * HOUR_S)
    assert len(world.items) == 1


async def test_what_a_combination_waits_for_survives_a_restart(tmp_path: Path) -> None:
    world, clock = World(), clock_of_loop()
    team = Team(members={"it": Member(agent=Joint)}, journal=tmp_path / "journal.db", clock=clock)
    async with ActorSystem() as system:
        refs = await start(system, team, world)
        await refs["it"].ask(Call(message=Check(first=0, end=5), key="k", trace="k"))
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOUR_S + 1)
    assert len(world.items) == 1


async def test_any_of_two_triggers_fires_for_either(tmp_path: Path) -> None:
    world = World()

    class Either(Agent):
        strategies = (
            Strategy(
                name="either",
                when=any_of(every(hours=1), on(Check)),
                then=perform(lambda _seen: RunWorkflow(workflow="w")),
            ),
        )

    team = Team(members={"it": Member(agent=Either)}, journal=tmp_path / "journal.db", clock=clock_of_loop())
    async with ActorSystem() as system:
        refs = await start(system, team, world)
        await refs["it"].ask(Call(message=Check(first=0, end=5), key="k", trace="k"))
        await asyncio.sleep(HOUR_S + 1)
    assert len(world.done) == 2


async def test_instants_missed_while_down_are_fired_by_the_strategys_rule(tmp_path: Path) -> None:
    clock = clock_of_loop()
    counts = {}
    for misfire in Misfire:
        world = World()

        class Ticking(Agent):
            strategies = (
                Strategy(
                    name="tick",
                    when=every(hours=1),
                    then=perform(lambda _seen: RunWorkflow(workflow="w")),
                    misfire=misfire,
                ),
            )

        team = Team(members={"it": Member(agent=Ticking)}, journal=tmp_path / f"{misfire}.db", clock=clock)
        async with ActorSystem() as system:
            await start(system, team, world)
        await asyncio.sleep(3.5 * HOUR_S)
        async with ActorSystem() as system:
            await team.start(system)
            await system.spawn(Works, world, name="infrastructure")
            await asyncio.sleep(60)
        counts[misfire] = len(world.done)
        await asyncio.sleep(0.5 * HOUR_S - 60)
    assert counts == {Misfire.ONCE: 1, Misfire.SKIP: 0, Misfire.EACH: 3}


async def test_an_effect_that_is_refused_for_good_is_concluded_as_a_failure(tmp_path: Path) -> None:
    feed, world = Feed([1.0] * 10), World(refuses="no such workflow")
    team = make_team(tmp_path, clock_of_loop(), feed)
    async with ActorSystem() as system:
        await start(system, team, world)
        await asyncio.sleep(HOUR_S + 1)
        assert await team.settled(timeout_s=1)
    (outcome,) = [e for e in entries_of(tmp_path) if e.kind == "outcome" and e.strategy == "check"]
    assert (outcome.holds, outcome.reason) == (False, "no such workflow")
    assert len(world.asked) == 1


async def test_the_effects_of_one_decision_go_in_order_and_end_with_the_first_failure(tmp_path: Path) -> None:
    world = World()

    class Double(Agent):
        strategies = (
            Strategy(
                name="double",
                when=on(Check),
                then=perform(lambda _seen: RunWorkflow(workflow="a"))
                + call("nobody", Check, lambda seen: seen)
                + perform(lambda _seen: RunWorkflow(workflow="b")),
            ),
        )

    members = {"it": Member(agent=Double), "nobody": Member(agent=Checking)}
    team = Team(members=members, journal=tmp_path / "journal.db", clock=clock_of_loop())
    async with ActorSystem() as system:
        refs = await start(system, team, world)
        await system.stop(refs["nobody"])
        await refs["it"].ask(Call(message=Check(first=0, end=5), key="k", trace="k"))
        await asyncio.sleep(60)
        assert await team.settled(timeout_s=1)
    assert [primitive.workflow for primitive in world.done.values()] == ["a"]
