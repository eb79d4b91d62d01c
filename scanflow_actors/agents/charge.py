"""What an agent is given by its team, and what it tells its observer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scanflow_actors.agents.clock import Clock
from scanflow_actors.settings import AgentSettings

if TYPE_CHECKING:
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.agents.strategy import Strategy
    from scanflow_actors.artifacts.settings import KnowledgeSettings
    from scanflow_actors.storage import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What an agent is given by its team."""

    name: str
    journal: Address
    clock: Clock = field(default_factory=Clock)
    knowledge: KnowledgeSettings | None = None
    observer: ActorRef | None = None
    """Gets a `Decided` for each decision and a `Concluded` for each outcome."""
    settings: AgentSettings = field(default_factory=AgentSettings)
    strategies: tuple[Strategy, ...] = ()
    """Given to it beside its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Fact: a strategy has judged."""

    decision: str
    agent: str
    strategy: str
    at: str
    holds: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """Fact: the effects of a decision have been carried out, or have failed for good."""

    decision: str
    agent: str
    strategy: str
    is_success: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Fact: a strategy keeps failing and is left out for some time; the rest of the agent goes on."""

    agent: str
    strategy: str
    until: str
    """The agents' time, ISO 8601."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Fact: a strategy that was quarantined works again."""

    agent: str
    strategy: str


AgentFact = Decided | Concluded | Quarantined | Released
