"""What the infrastructure tells those who want to hear it: facts about runs and their executors."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the REST door reads it
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from scanflow_actors.primitives import Outcome  # noqa: TC001 - the REST door reads it


class FailureReason(Enum):
    """Why an executor failed."""

    RAISED = "raised"
    """Its function raised an exception: a bug, or input that it cannot take."""
    OUT_OF_MEMORY = "out of memory"
    """It allocated more than its bound, or the node had no more."""
    TIMEOUT = "timeout"
    """It took longer than it may."""
    CRASHED = "crashed"
    """Its process died."""
    NODE_LOST = "node lost"
    """The node that it ran on is gone."""
    UNSCHEDULABLE = "unschedulable"
    """No node has what it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """Progress of one run of a workflow: an executor has ended."""

    executor: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """An executor of one run has failed; perhaps it is tried again."""

    executor: str
    reason: FailureReason
    message: str
    """What went wrong, in words."""
    log: str
    """The end of what it printed and of its traceback; empty where the process died with it."""
    attempt: int
    """From 0."""
    retry_in_s: float | None
    """Seconds until it is tried again; None when it was the last try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStarted:
    """Fact: a run of a workflow has begun."""

    key: str
    workflow: str
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowAdvanced:
    """Fact: an executor of a run has ended."""

    key: str
    step: StepDone
    workflow: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorFailed:
    """Fact: an executor of a run has failed."""

    key: str
    workflow: str
    failure: StepFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowEnded:
    """Fact: a run of a workflow has ended, with its result or without."""

    key: str
    outcome: Outcome
    workflow: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What the run was asked for with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowChanged:
    """Fact: a workflow has another definition now."""

    workflow: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfService:
    workflow: str
    version: int
    service: str
    running: int
    """Replicas that answer."""
    wanted: int
    """Replicas that there should be."""


class ServiceUnavailable(_OfService):
    """Fact: no replica of a service answers any more."""

    __slots__ = ()


class ServiceDegraded(_OfService):
    """Fact: fewer replicas of a service answer than should, but some do."""

    __slots__ = ()


class ServiceRecovered(_OfService):
    """Fact: as many replicas of a service answer as should, after fewer did."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSlow:
    """Fact: a version has begun to break its latency bound, for one request in twenty or more."""

    workflow: str
    version: int
    requests: int
    """Since the last look."""
    late: int
    """Those of them that took longer than the bound."""


Fact = (
    WorkflowStarted
    | WorkflowAdvanced
    | ExecutorFailed
    | WorkflowEnded
    | WorkflowChanged
    | ServiceUnavailable
    | ServiceDegraded
    | ServiceRecovered
    | ServiceSlow
)
