"""What crosses from host to host: entries, and how a frame of them becomes bytes."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cloudpickle

from scanflow_actors.errors import ActorError

if TYPE_CHECKING:
    from scanflow_actors.actors.message import Signal, StopReason
    from scanflow_actors.actors.ref import ActorRef


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for an actor on the other host."""

    path: str
    message: Any
    ask: int | None
    """Number under which the sending host waits for the reply; None when nobody waits."""
    remaining_s: float | None
    """Seconds until nobody waits any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to a letter: a value, or an error."""

    ask: int
    value: Any
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class Watch:
    """`watcher` wants to hear of the end of `target`."""

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
class Unreadable:
    """Stands where an entry was that does not pickle, or does not unpickle here."""

    entry: type
    path: str
    ask: int | None
    problem: str


Entry = Letter | Answer | Watch | Notice | Ended | Unreadable


def pack(entries: list[Entry]) -> bytes:
    """Pickle a frame; an entry that does not pickle is replaced by `Unreadable`, alone."""
    heads = [(type(entry), getattr(entry, "path", ""), getattr(entry, "ask", None)) for entry in entries]
    try:
        body = pickle.dumps(entries, protocol=5)
        if b"__main__" in body:  # the program's own classes: its module is another one over there
            body = cloudpickle.dumps(entries, protocol=5)
    except Exception:  # noqa: BLE001 - a user's message may raise anything from its __reduce__
        body = pickle.dumps([_packable(entry) for entry in entries], protocol=5)
    return pickle.dumps((heads, body), protocol=5)


def unpack(frame: bytes) -> list[Entry]:
    """Unpickle a frame; entries that do not unpickle here become `Unreadable`."""
    heads, body = pickle.loads(frame)
    try:
        entries: list[Entry] = pickle.loads(body)
    except Exception as error:  # noqa: BLE001 - a class that this host cannot import raises anything
        problem = f"{type(error).__name__}: {error}"
        return [Unreadable(kind, path, ask, problem) for kind, path, ask in heads]
    return [_opened(entry) for entry in entries]


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """An entry that only cloudpickle can write, such as one of a class made in a function."""

    body: bytes


def _packable(entry: Entry) -> Entry | _Wrapped:
    try:
        return _Wrapped(cloudpickle.dumps(entry, protocol=5))
    except Exception as error:  # noqa: BLE001 - as in pack
        problem = f"{type(error).__name__}: {error}"
        return Unreadable(type(entry), getattr(entry, "path", ""), getattr(entry, "ask", None), problem)


def _opened(entry: Entry | _Wrapped) -> Entry:
    if isinstance(entry, _Wrapped):
        opened: Entry = pickle.loads(entry.body)
        return opened
    return entry


def unreadable_error(entry: Unreadable) -> ActorError:
    """Word what became of an entry that could not be read."""
    what = "reply" if entry.entry is Answer else f"message to {entry.path}"
    return ActorError(f"a {what} could not be serialised: {entry.problem}; define its class in a module")
