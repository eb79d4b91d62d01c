"""The one actor that changes the outside world, and what it acts through."""

from scanflow_actors.infrastructure.actor import (
    Infrastructure,
    InfrastructureActor,
    WorkflowAdvanced,
    WorkflowEnded,
    WorkflowStarted,
)
from scanflow_actors.infrastructure.backend import Backend, StepDone

__all__ = [
    "Backend",
    "Infrastructure",
    "InfrastructureActor",
    "StepDone",
    "WorkflowAdvanced",
    "WorkflowEnded",
    "WorkflowStarted",
]
