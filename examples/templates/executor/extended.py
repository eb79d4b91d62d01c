"""The executor with a plan of one's own: everything back to the first version, by one word."""

from dataclasses import dataclass

from scanflow_actors import Member, Strategy, Team, on, perform
from scanflow_actors.agents.templates import Execution, Executor
from scanflow_actors.primitives import UpdateWorkflowTraffic
from scanflow_actors.workflows import Traffic


@dataclass(frozen=True)
class RollBack:
    """A person or an agent to the executor."""

    workflow: str


PLANS = (RollBack(workflow="classifier"),)
"""What `stage.py` asks it for."""


def to_first(plan):
    """All requests to version 1."""
    return UpdateWorkflowTraffic(workflow=plan.workflow, traffic=Traffic(weights={1: 1}))


class Cautious(Executor):
    """An executor that can roll back."""

    def __init__(self, charge, config: Execution):
        super().__init__(charge, config)
        roll_back = Strategy(name="roll_back", when=on(RollBack), then=perform(to_first), priority=10)
        self.strategies = (*self.strategies, roll_back)


def make_team(journal, clock):
    """Make the executor alone: whoever may call it does."""
    executor = Member(agent=Cautious, args=(Execution(online=("classifier",)),))
    return Team(members={"executor": executor}, journal=journal, clock=clock)
