"""What happens to actors, for those who want to hear of it; and events of one's own.

::

    system.events.subscribe(ActorFailed, lambda event: print(event.ref, event.problem))
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from scanflow_actors.actors.message import Envelope, Event, StopReason
from scanflow_actors.actors.places import Joined, Left, key_name
from scanflow_actors.actors.ref import ActorRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.actors.system import ActorSystem

_log = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class ActorStarted(Event):
    """An actor has started for the first time, or for the first time in a new process."""

    ref: ActorRef


@dataclass(frozen=True, slots=True)
class ActorRestarted(Event):
    """An actor has a new instance."""

    ref: ActorRef


@dataclass(frozen=True, slots=True)
class ActorFailed(Event):
    """The instance of an actor ends because of an error; its supervisor decides what follows."""

    ref: ActorRef
    problem: str
    """Type and text of the error."""


@dataclass(frozen=True, slots=True)
class ActorStopped(Event):
    """An actor has ended for good."""

    ref: ActorRef
    reason: StopReason


@dataclass(frozen=True, slots=True)
class HostLost(Event):
    """A process of the system has died; what becomes of its actors is up to their restart strategies."""

    host: str


class EventStream:
    """One for each process. An event reaches subscribers in all of them, by its type or a base of it."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._functions: dict[str, list[Callable[[Any], None]]] = {}
        self._keys: dict[type, tuple[str, ...]] = {}

    def subscribe(self, kind: type[E], to: ActorRef | Callable[[E], None]) -> None:
        """Have events of a type, and of those derived from it, told to an actor or a function.

        Args:
            kind: The type; `Event` for all.
            to: An actor of any process, told until it ends, through restarts; or a function of this process,
                called on its event loop.
        """
        key = key_name(kind)
        if isinstance(to, ActorRef):
            self._system.receptionist.register(kind, to)
            return
        self._functions.setdefault(key, []).append(to)
        if self._system.elsewhere is not None:
            self._system.receptionist.share(Joined(key, self._system.elsewhere.host))

    def unsubscribe(self, kind: type[E], to: ActorRef | Callable[[E], None]) -> None:
        """Tell it no more of them."""
        key = key_name(kind)
        if isinstance(to, ActorRef):
            self._system.receptionist.unregister(kind, to)
            return
        functions = self._functions.get(key, [])
        if to in functions:
            functions.remove(to)
        here = self._system.elsewhere
        if not functions and self._functions.pop(key, None) is not None and here is not None:
            self._system.receptionist.share(Left(here.host, key))

    def publish(self, event: Event) -> None:
        """Tell everybody who wants to hear of it. At most once, and never blocks: see `ActorRef.tell`."""
        places, here = self._system.receptionist.places, self._system.elsewhere
        for address in dict.fromkeys(
            address for key in self._names(type(event)) for address in places.at(key)
        ):
            if here is None or address != here.host:
                self._system.deliver(address, Envelope(event))
        self.heard(event)

    def emit(self, kind: type[Event], *fields: Any) -> None:
        """Publish an event that is made only when somebody wants to hear of it."""
        if self._functions or any(self._system.receptionist.places.at(key) for key in self._names(kind)):
            self.publish(kind(*fields))

    def heard(self, event: Event) -> None:
        """Call the functions of this process. One that raises is logged, and the others are called."""
        for key in self._names(type(event)):
            for function in tuple(self._functions.get(key, ())):
                try:
                    function(event)
                except Exception:  # noqa: BLE001 - a listener's fault is not that of the actor it listens to
                    _log.exception("%r raised when it heard of %r", function, event)

    def _names(self, kind: type) -> tuple[str, ...]:
        names = self._keys.get(kind)
        if names is None:
            bases = (base for base in kind.__mro__ if issubclass(base, Event))
            names = self._keys[kind] = tuple(key_name(base) for base in bases)
        return names
