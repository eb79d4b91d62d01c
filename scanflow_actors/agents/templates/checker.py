"""The checker: has a detector workflow look at new data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import perform
from scanflow_actors.agents.agent import Agent
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import CheckPredictions
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.triggers import on

if TYPE_CHECKING:
    from scanflow_actors.agents.charge import Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """What a checker runs. The workflow takes ``newdata``, and ``key`` if it wants its idempotency key."""

    detector: str


class Checker(Agent):
    """Ships `check_predictions` (Table V)."""

    def __init__(self, charge: Charge, config: Checking) -> None:
        super().__init__(charge)
        self.strategies = (
            Strategy(
                name="check_predictions",
                when=on(CheckPredictions),
                then=perform(
                    lambda asked: RunWorkflow(workflow=config.detector, parameters={"newdata": asked.newdata})
                ),
            ),
        )
