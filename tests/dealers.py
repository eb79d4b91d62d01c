# ruff: noqa: ARG002 - the annotation of a message is its route, also where it says nothing
"""Actors that share work, find each other, and hear what happens: importable, as in `tests.troupe`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from scanflow_actors.actors import (
    Actor,
    ActorContext,
    ActorRef,
    Event,
    Forward,
    Listing,
    Request,
    receive,
)
from scanflow_actors.errors import RejectError
from tests.troupe import Add, Crash, Note, Notes, Recorder, Relay, Work, Worker


@dataclass(frozen=True, slots=True)
class Who(Request[str]):
    """Who handles this."""

    key: Any = None


@dataclass(frozen=True, slots=True)
class Fall(Request[int]):
    """Fail, whoever gets it."""

    key: Any = None


@dataclass(frozen=True, slots=True)
class Depart(Request[None]):
    """End, whoever gets it."""

    key: Any = None


@dataclass(frozen=True, slots=True)
class HandOn(Relay):
    """Have another actor answer."""


class Deputy(Actor):
    """Has others answer."""

    def __init__(self) -> None:
        self.done = 0

    @receive
    def hand_on(self, message: HandOn) -> str:
        raise Forward(message.to, message.message, done=self.count)

    @receive(concurrent=2)
    async def hand_on_aside(self, message: Relay) -> str:
        raise Forward(message.to, message.message)

    def count(self) -> None:
        self.done += 1

    @receive
    def add(self, message: Add) -> int:
        return self.done


class Clerk(Worker):
    """Says who it is; works at a gate."""

    @receive
    def who(self, message: Who, ctx: ActorContext) -> str:
        return ctx.self_ref.path

    @receive
    def fall(self, message: Fall) -> int:
        raise ValueError("falls")

    @receive
    def depart(self, message: Depart, ctx: ActorContext) -> None:
        ctx.stop()


class Teller(Actor):
    """Registers under a name and a type; refuses some notes."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def on_start(self, ctx: ActorContext) -> None:
        ctx.receptionist.register(self.name, ctx.self_ref)
        ctx.receptionist.register(Who, ctx.self_ref)

    @receive
    def who(self, message: Who, ctx: ActorContext) -> str:
        return ctx.self_ref.path

    @receive
    def crash(self, message: Crash) -> int:
        raise ValueError(message.text)

    @receive
    async def adopt(self, message: Work, ctx: ActorContext) -> int:
        await ctx.spawn(Teller, f"{self.name}-child", name="child")
        return 1

    @receive
    def refuse(self, message: Note) -> None:
        raise RejectError("no notes")


@dataclass(frozen=True, slots=True)
class Find(Request[list[str]]):
    """Who is registered, seen from another actor; once there are so many."""

    key: Any
    count: int


class Seeker(Recorder):
    """Follows what is registered under some keys."""

    def __init__(self, *keys: Any) -> None:
        super().__init__()
        self.keys = keys

    async def on_start(self, ctx: ActorContext) -> None:
        for key in self.keys:
            ctx.receptionist.subscribe(key, ctx.self_ref)

    @receive
    async def listed(self, message: Listing) -> None:
        await self.note(Note([ref.path for ref in message.refs]))

    @receive
    def find(self, message: Find, ctx: ActorContext) -> list[str]:
        return [ref.path for ref in ctx.receptionist.find(message.key)]


@dataclass(frozen=True, slots=True)
class Weather(Event):
    """An event of the tests' own."""

    text: str


@dataclass(frozen=True, slots=True)
class Forecast(Request[None]):
    """Publish an event."""

    event: Event


class Listener(Recorder):
    """Notes the events that it is told, and publishes some."""

    def __init__(self, *kinds: type[Event]) -> None:
        super().__init__()
        self.kinds = kinds

    async def on_start(self, ctx: ActorContext) -> None:
        for kind in self.kinds:
            ctx.events.subscribe(kind, ctx.self_ref)

    @receive
    async def heard(self, event: Event) -> None:
        await self.note(Note(event))

    @receive
    def forecast(self, message: Forecast, ctx: ActorContext) -> None:
        ctx.events.publish(message.event)


async def heard_from(listener: ActorRef, count: int) -> list[Any]:
    """What a recorder has noted, once it is so much."""
    notes: list[Any] = await listener.ask(Notes(at_least=count))
    return notes


@dataclass(frozen=True, slots=True)
class Urgent(Note):
    """A note that goes first."""


@dataclass(frozen=True, slots=True)
class Idle(Request[None]):
    """A note that goes last."""

    value: Any


@dataclass(frozen=True, slots=True)
class Ponder(Request[int]):
    """Wait at the gate, as long as somebody waits for the answer."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class Brood(Request[None]):
    """Wait for ever, as long as somebody waits for the answer."""


class Thinker(Clerk):
    """Has receivers of three priorities, and one that may be cancelled."""

    @receive(priority=1)
    def urgent(self, message: Urgent) -> None:
        self.story.append(message.value)

    @receive(priority=-1)
    def idle(self, message: Idle) -> None:
        self.story.append(message.value)

    @receive(cancellable=True)
    async def ponder(self, message: Ponder) -> int:
        return await self.hold(Work(message.number))

    @receive(cancellable=True)
    async def brood(self, message: Brood) -> None:
        self.story.append("broods")
        try:
            await asyncio.Event().wait()
        finally:
            self.story.append("gives up")
