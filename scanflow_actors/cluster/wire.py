"""What crosses from host to host: entries. Each is a label and a content.

The label is ours and can be read everywhere; the content is what users wrote, and may not pickle here or not
unpickle there. In a busy link most labels are the path of a told message, or the number of an answered ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from scanflow_actors.actors.places import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.actors.dead_letters import DeadReason
    from scanflow_actors.actors.message import Chain, StopReason
    from scanflow_actors.actors.places import Joined
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.cluster.stream import Address

Letter = tuple[str, int, "float | None", "Chain", bool]
"""Label of a message that somebody waits for: the path of its actor; the number under which the sending host
waits for a word; the seconds until it does not any more; who waits along; and whether the word that is waited
for is the admission and not the reply. A message that was told has its path for a label."""

Failed = tuple[int]
"""Label of an error: the number of the ask that it ends."""


@dataclass(frozen=True, slots=True)
class Traced:
    """Label of a message in a system that keeps traces, around the one that it would have without."""

    label: str | Letter
    headers: dict[str, str]
    """Which span sent it."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """Nobody waits for the answer to this letter any more."""

    ask: int


@dataclass(frozen=True, slots=True)
class Watch:
    """`watcher` wants to hear of the end of `target`."""

    watcher: ActorRef
    target: ActorRef


@dataclass(frozen=True, slots=True)
class Unwatch:
    """`watcher` does not want to hear of it any more."""

    watcher: ActorRef
    target: ActorRef


@dataclass(frozen=True, slots=True)
class Notice:
    """Label of a signal for an actor on the other host."""

    watcher: ActorRef


@dataclass(frozen=True, slots=True)
class Ended:
    """To the controller: a top-level actor of the sending host has ended by itself."""

    name: str
    reason: StopReason


@dataclass(frozen=True, slots=True)
class Dead:
    """To the controller, label of a message: a dead letter of the sending host."""

    path: str
    reason: DeadReason


@dataclass(frozen=True, slots=True)
class Where:
    """To the controller: the sending host holds messages for a name that it has never heard of."""

    name: str


@dataclass(frozen=True, slots=True)
class Peer:
    """How to reach a host."""

    handle: Any
    """Of the Ray actor that it is."""
    address: Address


@dataclass(frozen=True, slots=True)
class Snapshot:
    """From the controller, first of all: everything there is to know."""

    hosts: Mapping[str, Peer | None]
    homes: Mapping[str, str | None]
    places: tuple[Joined, ...] = ()


@dataclass(frozen=True, slots=True)
class HostUp:
    """From the controller: a new host, and how to reach it."""

    host: str
    peer: Peer | None


@dataclass(frozen=True, slots=True)
class HostDown:
    """From the controller: a host is gone. Its id never comes back."""

    host: str
    died: bool
    """Whether it died, as opposed to having been ended after its actors had stopped."""


@dataclass(frozen=True, slots=True)
class Settled:
    """From the controller: the home of a top-level actor; None while its host is being replaced."""

    name: str
    host: str | None


@dataclass(frozen=True, slots=True)
class Gone:
    """From the controller: a top-level actor has ended, and its name is free."""

    name: str
    reason: StopReason


@dataclass(frozen=True, slots=True)
class Command:
    """From the controller: do this, and answer when it is done."""

    ask: int
    kind: str
    argument: Any


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A content that does not pickle, or does not unpickle here."""

    problem: str


News = Snapshot | HostUp | HostDown | Settled | Gone
Notes = Abandon | Watch | Unwatch | Ended | Where | Command | Place | News
"""Labels that say it all: their content is None."""
Label = str | int | Letter | Failed | Traced | Notice | Dead | Notes
Entry = tuple[Label, Any]


def bare(label: Label) -> Label:
    """A label without its traces."""
    return label.label if isinstance(label, Traced) else label


def is_letter(label: Label) -> TypeGuard[Letter]:
    """Whether it is that of a message that somebody waits for."""
    return isinstance(label, tuple) and len(label) != 1


def ask_of(label: int | tuple[Any, ...]) -> int:
    """The number of the ask that an answer or an error ends."""
    return label if isinstance(label, int) else int(label[0])


def addressee(label: Label) -> str:
    """For whom a message or notice was that nobody waits for."""
    if isinstance(label, Notice):
        return label.watcher.path
    return label.path if isinstance(label, Dead) else str(label)
