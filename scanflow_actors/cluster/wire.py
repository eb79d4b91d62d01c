"""What crosses from host to host: entries, and how a frame of them becomes bytes."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import cloudpickle

from scanflow_actors.errors import NotSerialisableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.actors.dead_letters import DeadReason
    from scanflow_actors.actors.message import Chain, Signal, StopReason
    from scanflow_actors.actors.ref import ActorRef


class Letter(NamedTuple):
    """A message for an actor on the other host."""

    path: str
    message: Any
    ask: int | None
    """Number under which the sending host waits for a word; None when nobody waits."""
    remaining_s: float | None
    """Seconds until nobody waits any more."""
    chain: Chain = ()
    admission: bool = False
    """Whether the word that is waited for is the admission, not the reply."""


class Answer(NamedTuple):
    """The word on a letter or a command: a value, or an error."""

    ask: int
    value: Any
    error: BaseException | None


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
    """A signal for an actor on the other host."""

    watcher: ActorRef
    signal: Signal


@dataclass(frozen=True, slots=True)
class Ended:
    """To the controller: a top-level actor of the sending host has ended by itself."""

    name: str
    reason: StopReason


@dataclass(frozen=True, slots=True)
class Dead:
    """To the controller: a dead letter of the sending host."""

    path: str
    message: Any
    reason: DeadReason


@dataclass(frozen=True, slots=True)
class Where:
    """To the controller: the sending host holds messages for a name that it has never heard of."""

    name: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """From the controller, first of all: everything there is to know."""

    hosts: Mapping[str, Any]
    homes: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class HostUp:
    """From the controller: a new host, and the handle to reach it by."""

    host: str
    handle: Any


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
    """Stands where an entry was that does not pickle, or does not unpickle here."""

    entry: type
    path: str
    ask: int | None
    problem: str


News = Snapshot | HostUp | HostDown | Settled | Gone
Entry = (
    Letter | Answer | Abandon | Watch | Unwatch | Notice | Ended | Dead | Where | Command | News | Unreadable
)


def pack(entries: list[Entry]) -> bytes:
    """Pickle a frame; an entry that does not pickle is replaced by `Unreadable`, alone."""
    heads = (  # flat: read only where the body cannot be
        [type(entry) for entry in entries],
        [getattr(entry, "path", "") for entry in entries],
        [getattr(entry, "ask", None) for entry in entries],
    )
    body = _by_reference(entries) or _by_value(entries)
    if body is None:
        body = pickle.dumps([_packable(entry) for entry in entries], protocol=5)
    return pickle.dumps((heads, body), protocol=5)


def _by_reference(entries: list[Entry]) -> bytes | None:
    """The fast way, for classes that the other host can import; not those of the program's own module."""
    try:
        body = pickle.dumps(entries, protocol=5)
    except Exception:  # noqa: BLE001 - a user's message may raise anything from its __reduce__
        return None
    return None if b"__main__" in body else body


def _by_value(entries: list[Entry]) -> bytes | None:
    try:
        body: bytes = cloudpickle.dumps(entries, protocol=5)
    except Exception:  # noqa: BLE001 - as above
        return None
    return body


def unpack(frame: bytes) -> list[Entry]:
    """Unpickle a frame; entries that do not unpickle here become `Unreadable`."""
    heads, body = pickle.loads(frame)
    try:
        entries: list[Entry | _Wrapped] = pickle.loads(body)
    except Exception as error:  # noqa: BLE001 - a class that this host cannot import raises anything
        problem = f"{type(error).__name__}: {error}"
        return [Unreadable(kind, path, ask, problem) for kind, path, ask in zip(*heads, strict=True)]
    return [
        _opened(entry, heads, at) if isinstance(entry, _Wrapped) else entry
        for at, entry in enumerate(entries)
    ]


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """An entry that only cloudpickle can write, such as one of a class made in a function."""

    body: bytes


def _packable(entry: Entry) -> Entry | _Wrapped:
    try:
        return _Wrapped(cloudpickle.dumps(entry, protocol=5))
    except Exception as error:  # noqa: BLE001 - as in pack
        if isinstance(entry, Answer) and entry.error is not None and entry.error.__cause__ is not None:
            entry.error.__cause__ = None  # the error's own words tell of it
            return _packable(entry)
        problem = f"{type(error).__name__}: {error}"
        return Unreadable(type(entry), getattr(entry, "path", ""), getattr(entry, "ask", None), problem)


def _opened(entry: _Wrapped, heads: tuple[list[type], list[str], list[int | None]], at: int) -> Entry:
    try:
        opened: Entry = pickle.loads(entry.body)
    except Exception as error:  # noqa: BLE001 - as in unpack
        kinds, paths, asks = heads
        return Unreadable(kinds[at], paths[at], asks[at], f"{type(error).__name__}: {error}")
    return opened


def unreadable_error(entry: Unreadable) -> NotSerialisableError:
    """Word what became of an entry that could not be read."""
    what = "a reply" if entry.entry is Answer else f"a message to {entry.path}"
    return NotSerialisableError(what=what, problem=entry.problem)
