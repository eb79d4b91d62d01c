"""What the journal keeps: decisions, what strategies remember, and lines to read."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cloudpickle

if TYPE_CHECKING:
    from scanflow_actors.agents.action import Effect

AGAIN = "~again"
"""Ends the name of a decision that was made in place of a stale one."""

CALLS_KEPT = 256
"""Keys of calls that a strategy remembers: a caller repeats a call some times, and then gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One look at the world by one strategy, with its verdict."""

    id: str
    """``agent/strategy/event``: the idempotency key of its effects."""
    agent: str
    strategy: str
    cause: str | None
    """The decision that led to this one, or None at the start of a chain."""
    trace: str
    at: str
    """The agents' time, ISO 8601."""
    holds: bool
    reason: str
    state: Any
    effects: tuple[Effect, ...]
    priority: int = 0
    lease_s: float = 0.0
    watermarks: tuple[Any, Any] = (None, None)
    """Before and after it: taken back when the decision is refused as stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a strategy remembers between two looks."""

    watermark: Any = None
    trigger_state: Any = None
    last_fire: str | None = None
    """The last instant dealt with, ISO 8601."""
    verdict: Any = None
    """What its constraint remembers."""
    shape: str = ""
    """Of its trigger and constraint, without their numbers; what is remembered is of use to it only."""
    failures: int = 0
    """In a row, up to now."""
    quarantines: int = 0
    """In a row, up to now."""
    quarantined_until: str | None = None
    """ISO 8601; None when it is not quarantined."""
    calls: tuple[str, ...] = ()
    """Keys of the latest calls that were taken: one that is repeated is no event."""

    def __getstate__(self) -> list[Any]:
        """As the dataclass would, four times as fast: it is pickled with every decision."""
        return [getattr(self, name) for name in self.__slots__]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal."""

    seq: int
    kind: str
    """``decision``, ``attempt`` (an effect was tried in vain), ``outcome``, ``failure`` (a strategy could not
    decide), ``quarantine`` or ``release``."""
    decision: str
    cause: str | None
    trace: str
    agent: str
    strategy: str
    at: str
    recorded_at: float
    holds: bool | None
    reason: str
    body: Any
    """State and effects of a decision, or the results of an outcome, as plain JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mind:
    """What an agent remembers, beside what its strategies do."""

    belief: Any = None
    is_paused: bool = False


def pickled(value: Any) -> bytes:
    """Pickle a value so that other programs can read it: classes of the main program by value."""
    try:
        body = pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError):
        return bytes(cloudpickle.dumps(value))
    return bytes(cloudpickle.dumps(value)) if b"__main__" in body else body
