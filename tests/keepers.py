# ruff: noqa: ARG002 - the annotation of a message is its route, also where it says nothing
"""Durable actors that tests use, on every runtime: importable, for other processes to find their classes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from scanflow_actors.actors import ActorContext, DurableActor, Request, Saves, receive


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
