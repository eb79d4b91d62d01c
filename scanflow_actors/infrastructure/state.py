"""How a workflow is just now, and what has happened to it: what sensors ask the infrastructure for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scanflow_actors.actors.message import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.infrastructure.fact_log import Noted
    from scanflow_actors.infrastructure.serving import ServiceState
    from scanflow_actors.infrastructure.usage import Usage
    from scanflow_actors.workflows.batch import BatchWorkflow
    from scanflow_actors.workflows.online import OnlineWorkflow
    from scanflow_actors.workflows.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run of a batch workflow that is under way."""

    key: str
    executors: Mapping[str, str]
    """Where each stands: pending, running, done, stopped or failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowState:
    """How a workflow is."""

    workflow: str
    generations: Mapping[str, int]
    """How often it was set, by the arbiter's count, and each of its executors, by target: read before all
    else, so that what is decided from this is refused as stale when anything has changed meanwhile."""
    is_changing: bool = False
    """A change was let through and is being carried out: what is seen here is neither before nor after."""
    number: int = 0
    """Of its newest fact."""
    facts: tuple[Noted, ...] = ()
    """Those that were asked for, the earliest first."""
    batch: BatchWorkflow | None = None
    """Its definition, when it is a batch workflow."""
    runs: tuple[RunState, ...] = ()
    deployed: Mapping[int, OnlineWorkflow] = field(default_factory=dict)
    """The definition of each version that is deployed."""
    services: Mapping[int, Mapping[str, ServiceState]] = field(default_factory=dict)
    """By version, how each service stands."""
    traffic: Traffic | None = None
    """None when it is not deployed."""
    usage: Mapping[int, Usage] = field(default_factory=dict)
    """By version, what its requests came to since its front started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowState(Request[WorkflowState]):
    """Ask the infrastructure actor how a workflow is."""

    workflow: str
    since: int | None = None
    """Number of the last fact that is known; None asks for no facts."""
