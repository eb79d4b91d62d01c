# ruff: noqa: ARG002 - the annotation of a message is its route, also where it says nothing
"""Durable actors that tests use, on every runtime: importable, for other processes to find their classes."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanflow_actors.actors import ActorContext, DurableActor, Request, Saves, receive
from tests.troupe import Pass, Pid


@dataclass(frozen=True, slots=True)
class Deposit(Request[int]):
    amount: int


@dataclass(frozen=True, slots=True)
class Deposits(Request[int]):
    """As a deposit, for a receiver that overlaps."""

    amount: int


@dataclass(frozen=True, slots=True)
class Forget(Request[None]):
    """Change the state, then fail."""


@dataclass(frozen=True, slots=True)
class Restored(Request[tuple[int, int]]):
    """What the balance was in `on_start`, and which incarnation this is."""


@dataclass(frozen=True, slots=True)
class Save(Request[int]):
    """Save by hand: the id of the process."""


@dataclass(frozen=True, slots=True)
class Hide(Request[None]):
    """Have a state that does not pickle."""


class Account(DurableActor):
    """Adds up, and does not forget."""

    def __init__(self) -> None:
        self.balance: Any = 0
        self.at_start = 0

    def snapshot(self) -> Any:
        return self.balance

    def restore(self, state: Any) -> None:
        self.balance = state

    async def on_start(self, ctx: ActorContext) -> None:
        self.at_start = self.balance

    @receive
    def deposit(self, message: Deposit) -> int:
        self.balance += message.amount
        return int(self.balance)

    @receive(concurrent=50)
    async def deposits(self, message: Deposits) -> int:
        self.balance += message.amount
        return int(self.balance)

    @receive
    def forget(self, message: Forget) -> None:
        self.balance = -1
        raise ValueError("before it was written")

    @receive
    def restored(self, message: Restored, ctx: ActorContext) -> tuple[int, int]:
        return self.at_start, ctx.durable.incarnation

    @receive
    async def save(self, message: Save, ctx: ActorContext) -> int:
        await ctx.durable.save()
        return os.getpid()

    @receive
    def hide(self, message: Hide) -> None:
        self.balance = lambda: 0


class Draft(Account):
    """Is written when asked."""

    saves = Saves.WHEN_ASKED


@dataclass(frozen=True, slots=True)
class Remind(Request[None]):
    """Set a timer that makes a note."""

    name: str
    after_s: float
    every_s: float | None = None
    late_s: float | None = None


@dataclass(frozen=True, slots=True)
class Cancel(Request[None]):
    name: str


@dataclass(frozen=True, slots=True)
class Beat:
    """What a timer brings."""

    name: str


@dataclass(frozen=True, slots=True)
class Beats(Request[list[tuple[str, float]]]):
    """The notes that timers made: their names, and when."""


@dataclass(frozen=True, slots=True)
class Timers(Request[list[str]]):
    """The names of the timers that are set."""


@dataclass(frozen=True, slots=True)
class FailNext(Request[None]):
    """Let the next notes fail, as many as said, counted in a file: instances forget."""

    path: str
    times: int


class Diary(DurableActor):
    """Notes when its timers came."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, float]] = []
        self.fails = ""

    def snapshot(self) -> Any:
        return self.notes, self.fails

    def restore(self, state: Any) -> None:
        self.notes, self.fails = state

    def seen(self, key: str | None) -> None:
        """For tests that look at the keys."""

    @receive
    def remind(self, message: Remind, ctx: ActorContext) -> None:
        beat = Beat(message.name)
        ctx.durable.remind(
            message.name, beat, after_s=message.after_s, every_s=message.every_s, late_s=message.late_s
        )

    @receive
    def cancel(self, message: Cancel, ctx: ActorContext) -> None:
        ctx.durable.cancel(message.name)

    @receive
    def beat(self, message: Beat, ctx: ActorContext) -> None:
        self.notes.append((message.name, ctx.durable.writing.system.settings.now_s()))
        self.seen(ctx.durable.key)
        if self.fails and (left := int(Path(self.fails).read_text())):
            Path(self.fails).write_text(str(left - 1))
            raise ValueError("not this time")

    @receive
    def beats(self, message: Beats) -> list[tuple[str, float]]:
        return list(self.notes)

    @receive
    def timers(self, message: Timers, ctx: ActorContext) -> list[str]:
        return sorted(ctx.durable.timers)

    @receive
    def fail_next(self, message: FailNext) -> None:
        Path(message.path).write_text(str(message.times))
        self.fails = message.path

    @receive
    async def hold(self, message: Pass) -> None:
        await asyncio.sleep(60)

    @receive
    def pid(self, message: Pid) -> int:
        return os.getpid()


@dataclass(frozen=True, slots=True)
class Order(Request[int]):
    """Have an item brought to the depot; ordered again under its number, it is brought once. The number."""

    number: int


@dataclass(frozen=True, slots=True)
class Item:
    """What a shop delivers to its depot."""

    number: int


@dataclass(frozen=True, slots=True)
class Ordered(Request[list[int]]):
    """The numbers so far, in order."""


class Numbered(DurableActor):
    """Keeps numbers."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def snapshot(self) -> Any:
        return self.numbers

    def restore(self, state: Any) -> None:
        self.numbers = state

    @receive
    def ordered(self, message: Ordered) -> list[int]:
        return list(self.numbers)


class Shop(Numbered):
    """Delivers items to a depot: the producer."""

    def __init__(self, depot: str) -> None:
        super().__init__()
        self.depot = depot

    @receive
    def order(self, message: Order, ctx: ActorContext) -> int:
        if message.number not in self.numbers:
            self.numbers.append(message.number)
            ctx.durable.deliver(ctx.find(self.depot), Item(message.number))
        return message.number


class Depot(Numbered):
    """Takes items in: the consumer."""

    @receive
    def item(self, message: Item, ctx: ActorContext) -> None:
        self.numbers.append(message.number)
        self.effect(message, ctx.durable.key)

    def effect(self, message: Item, key: str | None) -> None:
        """For tests that look at what is done beyond the state."""
