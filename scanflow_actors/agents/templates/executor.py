"""The executor: turns plans into primitives at the application layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import perform
from scanflow_actors.agents.agent import Agent
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import ChangeModel
from scanflow_actors.primitives import UpgradeWorkflow
from scanflow_actors.triggers import on

if TYPE_CHECKING:
    from scanflow_actors.agents.charge import Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What an executor changes."""

    workflow: str
    """Workflow that uses the model."""
    model: str
    """Name in the registry."""


class Executor(Agent):
    """Ships `change_model_transition` (Table V)."""

    def __init__(self, charge: Charge, config: Execution) -> None:
        super().__init__(charge)
        self.strategies = (
            Strategy(
                name="change_model_transition",
                when=on(ChangeModel),
                then=perform(
                    lambda asked: UpgradeWorkflow(
                        workflow=config.workflow, model=config.model, version=asked.version
                    )
                ),
            ),
        )
