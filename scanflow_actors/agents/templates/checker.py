"""The checker: has a detector workflow look at new data, and holds metrics against thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import call, perform
from scanflow_actors.agents.agent import Agent
from scanflow_actors.agents.constraint import Constraint  # noqa: TC001 - read when a file gives it
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import CheckMetrics, CheckPredictions, QualityViolated
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.triggers import on

if TYPE_CHECKING:
    from scanflow_actors.agents.charge import Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """What a checker runs, and what it does not let pass."""

    detector: str | None = None
    """Workflow that takes ``newdata``, and ``key`` if it wants its idempotency key; None looks at no data."""
    violated: Constraint | None = None
    """Over the fields of `CheckMetrics`, such as ``greater_than(0.05, of="error_ratio")``; None lets all
    pass. With `for_at_least_s`, the reports of one workflow are looked at as one history: watch one."""
    planner: str = "planner"

    def __post_init__(self) -> None:
        if self.detector is None and self.violated is None:
            raise ValueError("needs 'detector' to look at data, or 'violated' to look at metrics")


class Checker(Agent):
    """Ships `check_predictions` (Table V) for its detector, and `check_metrics` for its thresholds."""

    def __init__(self, charge: Charge, config: Checking) -> None:
        super().__init__(charge)
        check_data = () if config.detector is None else (_check_predictions(config.detector),)
        check_metrics = () if config.violated is None else (_check_metrics(config, config.violated),)
        self.strategies = check_data + check_metrics


def _check_predictions(detector: str) -> Strategy:
    return Strategy(
        name="check_predictions",
        when=on(CheckPredictions),
        then=perform(lambda asked: RunWorkflow(workflow=detector, parameters={"newdata": asked.newdata})),
    )


def _check_metrics(config: Checking, violated: Constraint) -> Strategy:
    fields = {name: f"${name}" for name in ("workflow", "version", "error_ratio", "p95_latency_s")}
    return Strategy(
        name="check_metrics",
        when=on(CheckMetrics),
        given=violated,
        then=call(config.planner, QualityViolated, fields),
    )
