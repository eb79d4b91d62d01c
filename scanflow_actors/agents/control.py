"""What may be asked of a running agent: to pause, to go on, to change its ways, to say how it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.message import Request

if TYPE_CHECKING:
    from datetime import datetime

    from scanflow_actors.agents.records import Memory
    from scanflow_actors.agents.strategy import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyStatus:
    """How a strategy is."""

    name: str
    watermark: Any
    failures: int
    """In a row."""
    quarantined_until: str | None
    next_fire: str | None
    """ISO 8601; None when only a message fires it."""


def status_of(name: str, memory: Memory, next_fire: datetime | None) -> StrategyStatus:
    """How a strategy is, by what it remembers."""
    return StrategyStatus(
        name=name,
        watermark=memory.watermark,
        failures=memory.failures,
        quarantined_until=memory.quarantined_until,
        next_fire=None if next_fire is None else next_fire.isoformat(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """How an agent is."""

    name: str
    is_paused: bool
    belief: Any
    acting: int
    """Decisions that are being carried out."""
    strategies: tuple[StrategyStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowStatus(Request[AgentStatus]):
    """Ask an agent how it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Request[None]):
    """Decide nothing until `Resume`, also after a restart; what was decided is carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Request[None]):
    """Go on after `Pause`; instants that were missed are dealt with by each strategy's rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Request[None]):
    """End the quarantine of a strategy now."""

    strategy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Request[None]):
    """Have other strategies from now on. Those of the same name keep watermark and last firing."""

    args: tuple[Any, ...]
    """What the agent's constructor takes after the charge."""
    strategies: tuple[Strategy, ...] = ()
    """Given to it beside its own."""
