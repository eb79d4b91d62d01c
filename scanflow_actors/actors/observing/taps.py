"""Taps: what looks at every message of a system, or meddles with it. A system without any pays nothing.

A tapped system has another class of cells, whose receivers are wrapped once for each class of actors. The
loop that handles messages is the same. Where a tap needs the envelope of each message, asks of idle actors
go through their mailboxes, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.cell import Cell
from scanflow_actors.actors.handling import CURRENT
from scanflow_actors.actors.message import Envelope

if TYPE_CHECKING:
    from scanflow_actors.actors.actor import Actor, Route
    from scanflow_actors.actors.handling import Handling
    from scanflow_actors.actors.recipe import Recipe
    from scanflow_actors.actors.system import ActorSystem

Receiver = Callable[..., Awaitable[Any]]
"""``(actor, message)`` or ``(actor, message, context)``, to be awaited."""


class Tap:
    """Derive from it what is to look at messages. Each process of a system has an instance of its own."""

    needs_envelope = True
    """Whether `wrap` needs the envelope of each message: one that is handled in the asker's turn has none."""

    def open(self, system: ActorSystem) -> None:
        """Get to know the system, once its loop is known."""

    async def close(self) -> None:
        """Hear that the system has shut down."""

    def remark(self, name: str, attributes: dict[str, Any]) -> None:
        """Hear what an actor says of the message that it is handling; see `ActorContext.remark`."""

    def leaves(self, path: str, envelope: Envelope) -> None:
        """See a message that an actor or program of this process sends; called in the sender's context."""

    def arrives(self, cell: Cell, envelope: Envelope) -> bool:
        """See a message that comes to an actor of this process: whether it may go on to the mailbox."""
        del cell, envelope
        return True

    def wrap(self, route: Route, receiver: Receiver) -> Receiver:
        """Put something around a receiver; `current` or `handled_now` tell for which message it is called."""
        del route
        return receiver


def handled_now() -> tuple[Cell, Envelope | None]:
    """The actor whose receiver is being called, and the envelope of its message if it has one."""
    handling: Handling | None = CURRENT.get()
    if handling is None or handling.cell is None:
        raise LookupError("no receiver is being called")
    return handling.cell, handling.envelope


def current() -> tuple[Cell, Envelope]:
    """The same, for taps that need the envelope."""
    cell, envelope = handled_now()
    if envelope is None:
        raise LookupError(f"{cell.path} was called without an envelope")
    return cell, envelope


class TappedCell(Cell):
    """A cell whose messages all have an envelope, and pass the taps."""

    __slots__ = ()

    def __init__(self, system: ActorSystem, path: str, recipe: Recipe, parent: Cell | None) -> None:
        super().__init__(system, path, recipe, parent)
        self.routes = _tapped(system, recipe.actor, self.routes)

    @property
    def is_idle(self) -> bool:
        """Whether it could handle a message this moment, where no tap needs its envelope."""
        return not self.system.needs_envelopes and super().is_idle

    def tell(self, message: Any) -> None:
        """Take a plain message in."""
        self.deliver(Envelope(message))

    def deliver(self, envelope: Envelope) -> None:
        """Take a message in, unless a tap keeps it."""
        taps = self.system.taps
        for tap in taps:
            tap.leaves(self.path, envelope)
        for tap in taps:
            if not tap.arrives(self, envelope):
                return
        Cell.deliver(self, envelope)

    def admit(self, envelope: Envelope, *, after: Tap) -> None:
        """Take a message in that a tap has kept for a while; the taps behind that one see it now."""
        taps = self.system.taps
        if all(tap.arrives(self, envelope) for tap in taps[taps.index(after) + 1 :]):
            Cell.deliver(self, envelope)


def _tapped(system: ActorSystem, actor: type[Actor], routes: dict[type, Route]) -> dict[type, Route]:
    known = system.tapped.get(actor)
    if known is None:
        known = system.tapped[actor] = {kind: _wrapped(system, route) for kind, route in routes.items()}
    return known


def _wrapped(system: ActorSystem, route: Route) -> Route:
    receiver: Receiver = route.function if route.is_async else _awaitable(route.function)
    for tap in reversed(system.taps):
        receiver = tap.wrap(route, receiver)
    return replace(route, function=receiver, is_async=True)


def _awaitable(function: Callable[..., Any]) -> Receiver:
    async def receiver(*args: Any) -> Any:
        return function(*args)

    return receiver
