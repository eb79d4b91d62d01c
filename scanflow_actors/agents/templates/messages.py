"""What the shipped agents call each other with, and how often they look."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the REST door reads it
from dataclasses import dataclass, field

from scanflow_actors.artifacts.ref import ArtifactRef  # noqa: TC001 - as above
from scanflow_actors.triggers import every

HOURLY = every(hours=1)
"""The interval of Table V."""
MINUTELY = every(minutes=1)
"""The interval of what watches requests."""
QUICKLY = every(seconds=10)
"""The interval of what must not wait, when its fact was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPredictions:
    """A program to tracker: so many predictions were made."""

    predictions: int
    runs: tuple[str, ...] = ()
    """Ids of runs that have recorded them, if any."""
    newdata: tuple[ArtifactRef, ...] = ()
    """Inputs and predictions, if they are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPredictions:
    """Tracker to checker: look whether these inputs have drifted."""

    runs: tuple[str, ...]
    """Ids of the runs in the knowledge base that recorded the predictions."""
    newdata: tuple[ArtifactRef, ...]
    """Inputs and predictions of those runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMetrics:
    """Tracker to checker: look whether this is good enough."""

    workflow: str
    version: int
    requests: int
    error_ratio: float
    requests_per_s: float
    mean_latency_s: float
    p95_latency_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityViolated:
    """Checker to planner: a version answers worse than it should."""

    workflow: str
    version: int
    error_ratio: float
    p95_latency_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeModel:
    """Planner to executor: let the workflow use this version."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTraffic:
    """Planner to executor: deal the requests of an online workflow out like this."""

    workflow: str
    weights: Mapping[int, float]
    """Version → share, in any unit."""
    generations: Mapping[str, int] = field(default_factory=dict)
    """By target, that the plan was made at; empty when it does not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeReplicas:
    """Planner to executor: let each service of an online workflow have so many replicas."""

    workflow: str
    replicas: int
    generations: Mapping[str, int] = field(default_factory=dict)
    """As in `ChangeTraffic`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCanary:
    """Anybody to planner: try a version that is deployed."""

    workflow: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEnded:
    """Executor to planner: what became of a plan."""

    plan: str
    """Name of the message that it came as."""
    workflow: str
    is_success: bool
    reason: str
    """Why it failed; empty on success."""
