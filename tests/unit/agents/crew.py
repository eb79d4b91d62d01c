"""A small team for tests: it counts items of a feed, and has a workflow run for each batch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors import Actor, ActorContext, receive
from scanflow_actors.agents import (
    Agent,
    Charge,
    Clock,
    Concluded,
    Decided,
    Journal,
    Member,
    Observation,
    Quarantined,
    Released,
    Sensor,
    Sight,
    Strategy,
    Team,
    at_least,
    call,
    perform,
)
from scanflow_actors.primitives import Outcome, Perform, RunWorkflow
from scanflow_actors.triggers import every, on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scanflow_actors.actors import ActorRef, ActorSystem
    from scanflow_actors.triggers import Trigger

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def clock_of_loop() -> Clock:
    """New year now, on the event loop's time."""
    loop = asyncio.get_running_loop()
    return Clock(origin=NEW_YEAR, origin_s=loop.time(), now_s=loop.time)


@dataclass
class Feed:
    """Numbers that sensors add up."""

    items: list[float] = field(default_factory=list)
    looks: int = 0

    def read(self, sight: Sight) -> Observation:
        self.looks += 1
        start = sight.watermark or 0
        fresh = tuple(self.items[start:])
        return Observation(
            state=Batch(total=sum(fresh), first=start, end=len(self.items)),
            watermark=len(self.items),
            is_nothing=not fresh,
        )

    def sensor(self, *, accumulates: bool = True) -> Sensor:
        return Sensor(read=self.read, accumulates=accumulates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    total: float
    first: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Counter to checker: look at these items."""

    first: int
    end: int


class Counting(Agent):
    """Calls the checker for every ten items or more."""

    def __init__(self, charge: Charge, feed: Feed, when: Trigger | None = None) -> None:
        super().__init__(charge)
        self.strategies = (
            Strategy(
                name="count",
                when=when or every(hours=1),
                sense=feed.sensor(),
                given=at_least(10),
                then=call("checker", Check, lambda seen: Check(first=seen.first, end=seen.end)),
            ),
        )


class Checking(Agent):
    """Has a workflow run on what it is called for."""

    strategies = (
        Strategy(
            name="check",
            when=on(Check),
            then=perform(
                lambda asked: RunWorkflow(workflow="detect", parameters={"items": (asked.first, asked.end)})
            ),
        ),
    )


class Works(Actor):
    """Stands for the outside world: notes each primitive that is carried out, once for each key."""

    def __init__(self, world: World) -> None:
        self.world = world

    @receive(concurrent=100)
    async def perform(self, message: Perform, ctx: ActorContext) -> Outcome:
        del ctx
        return await self.world.perform(message)


@dataclass
class World:
    """What has been done, across restarts of everything else."""

    done: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refuses: str = ""
    gate: asyncio.Event | None = None

    async def perform(self, message: Perform) -> Outcome:
        self.asked.append(message.key)
        if self.gate is not None:
            await self.gate.wait()
        if self.refuses:
            return Outcome(is_success=False, reason=self.refuses)
        self.done.setdefault(message.key, message.primitive)
        return Outcome(is_success=True, result=len(self.done))

    @property
    def items(self) -> list[Any]:
        """Ranges of items that were checked."""
        return [primitive.parameters["items"] for primitive in self.done.values()]


class Witness(Actor):
    """Hears of every decision and outcome."""

    def __init__(self, facts: list[Any]) -> None:
        self.facts = facts

    @receive
    def hear(self, fact: Decided | Concluded | Quarantined | Released) -> None:
        self.facts.append(fact)


def make_team(
    folder: Path, clock: Clock, feed: Feed, *, counting: type[Agent] = Counting, **options: Any
) -> Team:
    return Team(
        members={"counter": Member(agent=counting, args=(feed,)), "checker": Member(agent=Checking)},
        journal=folder / "journal.db",
        clock=clock,
        **options,
    )


async def start(system: ActorSystem, team: Team, world: World) -> dict[str, ActorRef]:
    await system.spawn(Works, world, name="infrastructure")
    return await team.start(system)


def entries_of(folder: Path) -> Iterator[Any]:
    journal = Journal(folder / "journal.db")
    try:
        yield from journal.entries()
    finally:
        journal.close()


async def until(is_so: Callable[[], bool], *, within_s: float, step_s: float = 1.0) -> None:
    """Wait, in the loop's time, until something is so; virtual steps cost real time, so few of them."""
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - what is waited for is another thread's or actor's
            await asyncio.sleep(step_s)
