"""Four agents that do their job as shipped: tracker, checker, planner, executor."""

from scanflow_actors.agents.templates.apart import KeepApart
from scanflow_actors.agents.templates.canary import CanaryPlan, Gate, Trial, TrialPhase
from scanflow_actors.agents.templates.checker import Checker, Checking
from scanflow_actors.agents.templates.executor import Execution, Executor
from scanflow_actors.agents.templates.failover import FailOver
from scanflow_actors.agents.templates.messages import (
    ChangeModel,
    ChangeReplicas,
    ChangeTraffic,
    CheckMetrics,
    CheckPredictions,
    PlanEnded,
    QualityViolated,
    ReportPredictions,
    StartCanary,
)
from scanflow_actors.agents.templates.planner import Planner, Planning
from scanflow_actors.agents.templates.recovery import MoreMemory, Retry
from scanflow_actors.agents.templates.scaling import Scale
from scanflow_actors.agents.templates.tracker import Tracker, Tracking

MESSAGES: tuple[type, ...] = (
    ChangeModel,
    ChangeReplicas,
    ChangeTraffic,
    CheckMetrics,
    CheckPredictions,
    PlanEnded,
    QualityViolated,
    ReportPredictions,
    StartCanary,
)
"""What they call each other with."""

__all__ = [
    "MESSAGES",
    "CanaryPlan",
    "ChangeModel",
    "ChangeReplicas",
    "ChangeTraffic",
    "CheckMetrics",
    "CheckPredictions",
    "Checker",
    "Checking",
    "Execution",
    "Executor",
    "FailOver",
    "Gate",
    "KeepApart",
    "MoreMemory",
    "PlanEnded",
    "Planner",
    "Planning",
    "QualityViolated",
    "ReportPredictions",
    "Retry",
    "Scale",
    "StartCanary",
    "Tracker",
    "Tracking",
    "Trial",
    "TrialPhase",
]
