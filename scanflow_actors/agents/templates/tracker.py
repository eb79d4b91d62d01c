"""The tracker: watches what a workflow does, and calls the checker when there is enough to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import call
from scanflow_actors.agents.agent import Agent
from scanflow_actors.agents.condition import at_least
from scanflow_actors.agents.sensor import new_runs
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import HOURLY, CheckPredictions
from scanflow_actors.triggers import Trigger  # noqa: TC001 - read when a file gives it

if TYPE_CHECKING:
    from scanflow_actors.agents.charge import Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """What a tracker watches."""

    kind: str = "predictions"
    """Kind of the runs that record predictions, with how many as the metric of the same name."""
    threshold: int = 1000
    """Predictions that are worth a check."""
    interval: Trigger = HOURLY
    checker: str = "checker"


class Tracker(Agent):
    """Ships `count_number_of_predictions` (Table V)."""

    def __init__(self, charge: Charge, config: Tracking) -> None:
        super().__init__(charge)
        self.strategies = (
            Strategy(
                name="count_number_of_predictions",
                when=config.interval,
                sense=new_runs(config.kind, metric=config.kind),
                given=at_least(config.threshold),
                then=call(
                    config.checker,
                    CheckPredictions,
                    lambda seen: CheckPredictions(runs=seen.runs, newdata=seen.artifacts),
                ),
            ),
        )
