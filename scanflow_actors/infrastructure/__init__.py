"""The one actor that changes the outside world, and what it acts through."""

from scanflow_actors.infrastructure.actor import Infrastructure, InfrastructureActor, Subscription
from scanflow_actors.infrastructure.backend import Backend, Order
from scanflow_actors.infrastructure.fact_log import Noted
from scanflow_actors.infrastructure.facts import (
    ExecutorFailed,
    Fact,
    FailureReason,
    ServiceDegraded,
    ServiceRecovered,
    ServiceSlow,
    ServiceUnavailable,
    StepDone,
    StepFailed,
    WorkflowAdvanced,
    WorkflowChanged,
    WorkflowEnded,
    WorkflowStarted,
)
from scanflow_actors.infrastructure.inprocess import InProcessBackend, InProcessServing
from scanflow_actors.infrastructure.serving import ServiceState, Serving
from scanflow_actors.infrastructure.state import RunState, ShowState, WorkflowState
from scanflow_actors.infrastructure.usage import Usage

__all__ = [
    "Backend",
    "ExecutorFailed",
    "Fact",
    "FailureReason",
    "InProcessBackend",
    "InProcessServing",
    "Infrastructure",
    "InfrastructureActor",
    "Noted",
    "Order",
    "RunState",
    "ServiceDegraded",
    "ServiceRecovered",
    "ServiceSlow",
    "ServiceState",
    "ServiceUnavailable",
    "Serving",
    "ShowState",
    "StepDone",
    "StepFailed",
    "Subscription",
    "Usage",
    "WorkflowAdvanced",
    "WorkflowChanged",
    "WorkflowEnded",
    "WorkflowStarted",
    "WorkflowState",
]
