"""Where actors find each other, by name or by the type of the messages that they receive.

::

    class Scorer(Actor):
        async def on_start(self, ctx: ActorContext) -> None:
            ctx.receptionist.register("scorers", ctx.self_ref)
            ctx.receptionist.register(Score, ctx.self_ref)

    scorers = system.receptionist.find("scorers")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.actors.places import Joined, Key, Left, Place, Places, key_name
from scanflow_actors.actors.ref import ActorRef
from scanflow_actors.errors import ActorNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.actors.system import ActorSystem


@dataclass(frozen=True, slots=True)
class Listing:
    """Who is registered under a key just now, in the order in which they came."""

    key: Key
    refs: tuple[ActorRef, ...]


class Receptionist:
    """One for each process; all of a system know the same, those of other processes a moment later."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self.places = Places()
        self.places.on_change = self._changed
        self._followers: dict[str, list[tuple[Key, ActorRef | Callable[[Listing], None]]]] = {}

    def register(self, key: Key, ref: ActorRef) -> None:
        """Have an actor found under a key. It stays through restarts and leaves when it ends.

        Children of an actor whose process dies leave, too: their parent makes new ones.

        Args:
            key: A name, or a type of messages that the actor receives.
            ref: The actor, of any process.

        Raises:
            ActorNotFoundError: No actor has this path, as far as this process can tell.
        """
        if ref.path not in self._system.cells and self._system.elsewhere is None:
            raise ActorNotFoundError(path=ref.path, known=self._system.names())
        self.share(Joined(key_name(key), ref.path))

    def unregister(self, key: Key, ref: ActorRef) -> None:
        """Have it not found any more."""
        self.share(Left(ref.path, key_name(key)))

    def find(self, key: Key) -> tuple[ActorRef, ...]:
        """The actors that are registered under a key, those that came first at first."""
        addresses = self.places.at(key_name(key))
        return tuple(
            ActorRef(self._system.uid, address, self._system)
            for address in addresses
            if address.startswith("/")
        )

    def subscribe(self, key: Key, to: ActorRef | Callable[[Listing], None]) -> None:
        """Get a `Listing` now, and one after each change.

        Args:
            key: What the actors are registered under.
            to: A function, which must not raise; or an actor of this process, which is told until it ends.

        Raises:
            ActorNotFoundError: The actor does not live in this process.
        """
        if isinstance(to, ActorRef) and to.path not in self._system.cells:
            raise ActorNotFoundError(path=to.path, known=self._system.names())
        followers = self._followers.setdefault(key_name(key), [])
        if (key, to) not in followers:
            followers.append((key, to))
        self._tell(key, to)

    def unsubscribe(self, key: Key, to: ActorRef | Callable[[Listing], None]) -> None:
        """Get no more of them."""
        followers = self._followers.get(key_name(key), [])
        if (key, to) in followers:
            followers.remove((key, to))

    # ------------------------------------------------------------------ for the system

    def share(self, place: Place) -> None:
        """Take up a change that was made here, and let the other processes know."""
        self.places.apply(place)
        if self._system.elsewhere is not None:
            self._system.elsewhere.share(place)

    def forget(self, path: str) -> None:
        """Hear that an actor of this process has ended."""
        if path in self.places:
            self.share(Left(path))
        for followers in self._followers.values():
            followers[:] = [
                one for one in followers if not (isinstance(one[1], ActorRef) and one[1].path == path)
            ]

    def _changed(self, name: str) -> None:
        for key, to in tuple(self._followers.get(name, ())):
            self._tell(key, to)

    def _tell(self, key: Key, to: ActorRef | Callable[[Listing], None]) -> None:
        listing = Listing(key, self.find(key))
        if isinstance(to, ActorRef):
            to.tell(listing)
        else:
            to(listing)
