"""What an actor system asks of whoever knows the actors in other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from scanflow_actors.actors.message import Envelope, Signal
    from scanflow_actors.actors.places import Place
    from scanflow_actors.actors.ref import ActorRef


class Elsewhere(Protocol):
    """Knows the actors that live in other processes."""

    host: str
    """The name of this process among them; events are passed on to it."""

    def tell(self, path: str, message: Any) -> bool:
        """Bring a message that nobody waits for to an actor elsewhere; False when it takes more than that."""

    def forward(self, path: str, envelope: Envelope) -> bool:
        """Bring a message to an actor elsewhere; False when none has this path."""

    def watch(self, watcher: ActorRef, target: ActorRef) -> bool:
        """Have the end of an actor elsewhere told to `watcher`; False when none has this path."""

    def unwatch(self, watcher: ActorRef, target: ActorRef) -> None:
        """Forget a watch."""

    def notify(self, watcher: ActorRef, signal: Signal) -> None:
        """Bring a signal to an actor elsewhere; one that has ended needs none."""

    def share(self, place: Place) -> None:
        """Let the other processes know who is registered, or is not any more."""
