"""Four agents that do their job as shipped: tracker, checker, planner, executor."""

from scanflow_actors.agents.templates.checker import Checker, Checking
from scanflow_actors.agents.templates.executor import Execution, Executor
from scanflow_actors.agents.templates.messages import ChangeModel, CheckPredictions
from scanflow_actors.agents.templates.planner import Planner, Planning
from scanflow_actors.agents.templates.tracker import Tracker, Tracking

MESSAGES: tuple[type, ...] = (ChangeModel, CheckPredictions)
"""What they call each other with."""

__all__ = [
    "MESSAGES",
    "ChangeModel",
    "CheckPredictions",
    "Checker",
    "Checking",
    "Execution",
    "Executor",
    "Planner",
    "Planning",
    "Tracker",
    "Tracking",
]
