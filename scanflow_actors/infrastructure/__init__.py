"""The one actor that changes the outside world, and what it acts through."""

from scanflow_actors.infrastructure.actor import Infrastructure, InfrastructureActor
from scanflow_actors.infrastructure.backend import Backend, Order
from scanflow_actors.infrastructure.facts import (
    ExecutorFailed,
    FailureReason,
    StepDone,
    StepFailed,
    WorkflowAdvanced,
    WorkflowEnded,
    WorkflowStarted,
)
from scanflow_actors.infrastructure.inprocess import InProcessBackend

__all__ = [
    "Backend",
    "ExecutorFailed",
    "FailureReason",
    "InProcessBackend",
    "Infrastructure",
    "InfrastructureActor",
    "Order",
    "StepDone",
    "StepFailed",
    "WorkflowAdvanced",
    "WorkflowEnded",
    "WorkflowStarted",
]
