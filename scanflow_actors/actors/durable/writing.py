"""What one instance of a durable actor has done and not written yet.

A receiver changes the state, sets timers and sends messages; all of it waits here, and one transaction writes
it. Only then do the timers run and the messages leave. An instance that died in between has done nothing.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.dead_letters import DeadReason
from scanflow_actors.actors.durable.store import Fence, pickled, write
from scanflow_actors.actors.message import Envelope
from scanflow_actors.actors.ref import ActorRef
from scanflow_actors.errors import SupersededError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.context import ActorContext
    from scanflow_actors.actors.durable.actor import DurableActor
    from scanflow_actors.actors.durable.store import Change, Kept
    from scanflow_actors.actors.message import Reply

_log = logging.getLogger(__name__)

KEY: ContextVar[str | None] = ContextVar("scanflow_key", default=None)
"""Names the delivery or timer that is being handled in this context."""


@contextmanager
def under(key: str) -> Iterator[None]:
    """Handle a delivery or a timer, which has this name."""
    KEY.set(key)
    try:
        yield
    finally:
        KEY.set(None)


class Writing:
    """The writes of one instance, one after the other; each on the condition that the one before is there."""

    def __init__(self, cell: Cell, context: ActorContext, actor: DurableActor, kept: Kept) -> None:
        self.path = cell.path
        self.system = cell.system
        self.context = context
        self.incarnation = kept.incarnation
        self._cell = cell
        self._actor = actor
        self._body = kept.body
        self._version = kept.version
        self._changes: list[Change] = []
        self._steps: list[Callable[[], None]] = []
        self._last: asyncio.Future[None] | None = None

    async def save(self) -> None:
        """Write what waits; see `Keeper.save`."""
        body = pickled(self._actor.snapshot(), f"the state of {self.path}")
        if body != self._body or self._changes:
            self._last = self._write(body)
        if self._last is not None:
            await asyncio.shield(self._last)  # who waits may be cancelled, the write may not

    def change(self, statement: str, *values: Any) -> None:
        """Write this with the next save."""
        self._changes.append((statement, values))

    def then(self, step: Callable[[], None]) -> None:
        """Do this once the next save is on the disk."""
        self._steps.append(step)

    def ensure(self, future: asyncio.Future[None]) -> None:
        """Let the actor fail when a write fails that nobody waits for."""
        future.add_done_callback(partial(self._written, []))

    def tell(self, path: str, message: Any) -> None:
        """Tell an actor of this system."""
        ActorRef(self.system.uid, path, self.system).tell(message)

    def enter(self, message: Any, admission: Reply) -> None:
        """Put a message into this actor's own mailbox, and hear whether it was let in."""
        self._cell.deliver(Envelope(message, admission=admission))

    def refuse(self, message: Any) -> None:
        """Make a message that was turned down a dead letter."""
        self.system.dead_letters.add(self.path, message, DeadReason.UNHANDLED)

    def _write(self, body: bytes) -> asyncio.Future[None]:
        changes, self._changes = self._changes, []
        steps, self._steps = self._steps, []
        fence = Fence(self.path, self.incarnation, self._version)
        self._body = body
        self._version += 1
        future = self.system.store.submit(write, fence, body, changes)
        future.add_done_callback(partial(self._written, steps))
        return future

    def _written(self, steps: list[Callable[[], None]], future: asyncio.Future[None]) -> None:
        error = None if future.cancelled() else future.exception()
        if self._cell.life.context is not self.context:  # the next instance takes up what was written
            if error is not None:
                _log.warning("%s ended before it heard that a write failed: %s", self.path, error)
        elif isinstance(error, SupersededError):
            self._cell.stop()
        elif error is not None:
            self._cell.fail_later(self.context, error)
        elif not future.cancelled():
            for step in steps:
                step()
