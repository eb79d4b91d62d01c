"""The class that actors with a state to keep derive from.

::

    class Account(DurableActor):
        def __init__(self) -> None:
            self.balance = 0

        def snapshot(self) -> int:
            return self.balance

        def restore(self, state: int) -> None:
            self.balance = state

        @receive
        def deposit(self, message: Deposit) -> int:
            self.balance += message.amount
            return self.balance
"""

from __future__ import annotations

import pickle
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from scanflow_actors.actors.actor import Actor
from scanflow_actors.actors.durable.keeper import Keeper
from scanflow_actors.actors.durable.receivers import completed
from scanflow_actors.actors.durable.store import take_over
from scanflow_actors.actors.durable.writing import Writing

if TYPE_CHECKING:
    from scanflow_actors.actors.actor import Route
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.context import ActorContext


class Saves(Enum):
    """When the state of an actor is written."""

    EACH_MESSAGE = "each message"
    """When a receiver has returned, before its reply is sent: what was answered is not lost. Receivers that
    overlap are written together: what one has done so far goes with what another has finished."""
    WHEN_ASKED = "when asked"
    """By `ctx.durable.save()`, and with each delivery and reminder that was handled."""


class DurableActor(Actor):
    """An actor whose state outlives its instances, its process and its system.

    Each new instance is given, before its `on_start`, the state that was written last under its path. The
    system has a store: ``ActorSettings(store=…)``. Receivers find `save`, `remind`, `cancel` and `deliver` in
    ``ctx.durable``. A receiver that fails has changed nothing: the next instance goes on from what was
    written.
    """

    saves: ClassVar[Saves] = Saves.EACH_MESSAGE

    def snapshot(self) -> Any:
        """Give the state, as values that pickle: plain ones, or of classes that a module defines."""
        raise NotImplementedError

    def restore(self, state: Any) -> None:
        """Take up a state that `snapshot` gave. Not called when none was ever written."""
        raise NotImplementedError

    @classmethod
    def _routed(cls, found: dict[type, Route]) -> dict[type, Route]:
        """Have receivers save what they did, and take in what durable actors say to each other."""
        return completed(cls, found, saves=cls.saves is Saves.EACH_MESSAGE)


async def revive(cell: Cell, context: ActorContext, actor: DurableActor) -> None:
    """Give a new instance what was kept, start it, and write what its start did.

    Raises:
        StorageError: There is no store, or it cannot be read or written.
        Exception: Whatever `restore` and `on_start` raise.
    """
    store = cell.system.store
    await store.open()
    kept = await store.submit(take_over, cell.path)
    writing = Writing(cell, context, actor, kept)
    context.durable = keeper = Keeper(writing, kept)
    if kept.body is not None:
        actor.restore(pickle.loads(kept.body))
    keeper.outbox.begin()
    keeper.reminders.begin()
    await actor.on_start(context)
    await keeper.save()
