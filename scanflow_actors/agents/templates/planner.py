"""The planner: decides how to answer. Each part of its config that is given brings its strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.agents.agent import Agent
from scanflow_actors.agents.templates.apart import KeepApart, keeping_apart
from scanflow_actors.agents.templates.canary import CanaryPlan, canarying
from scanflow_actors.agents.templates.failover import FailOver, failing_over
from scanflow_actors.agents.templates.messages import HOURLY
from scanflow_actors.agents.templates.recovery import MoreMemory, Retry, giving_memory, retrying
from scanflow_actors.agents.templates.retraining import retraining
from scanflow_actors.agents.templates.scaling import Scale, scaling
from scanflow_actors.triggers import Trigger  # noqa: TC001 - read when a file gives it

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scanflow_actors.agents.charge import Charge
    from scanflow_actors.agents.strategy import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """What a planner watches and runs."""

    model: str | None = None
    """Name in the registry; with `training`, it is retrained."""
    training: str | None = None
    """Workflow that retrains. It takes ``production_version``, ``retrain``, and ``key`` if it wants it; it
    records a run of kind `candidates` with metrics ``version``, ``new_accuracy``, ``current_accuracy``
    (both measured on the same validation set) and ``current_version``."""
    picked: str = "picked"
    """Kind of the runs that record picked and labelled samples, with how many as the metric of that name."""
    candidates: str = "candidates"
    threshold: int = 100
    """Picked samples that are worth a retraining."""
    retrain_interval: Trigger = HOURLY
    update_interval: Trigger = HOURLY
    executor: str = "executor"
    scale: Scale | None = None
    keep_apart: KeepApart | None = None
    fail_over: FailOver | None = None
    retry: Retry | None = None
    more_memory: MoreMemory | None = None
    canary: CanaryPlan | None = None
    """Its trial is the planner's belief."""

    def __post_init__(self) -> None:
        if (self.model is None) != (self.training is None):
            raise ValueError("retraining needs both model and training")


class Planner(Agent):
    """Ships `retrain_model` and `update_model` (Table V), and what the parts of its config bring."""

    def __init__(self, charge: Charge, config: Planning) -> None:
        super().__init__(charge)
        self.strategies = tuple(_strategies(config))


def _strategies(config: Planning) -> Iterator[Strategy]:
    if config.model is not None and config.training is not None:
        yield from retraining(config, config.model, config.training)
    if config.scale is not None:
        yield from scaling(config.scale)
    if config.keep_apart is not None:
        yield from keeping_apart(config.keep_apart)
    if config.fail_over is not None:
        yield from failing_over(config.fail_over)
    if config.retry is not None:
        yield from retrying(config.retry)
    if config.more_memory is not None:
        yield from giving_memory(config.more_memory)
    if config.canary is not None:
        yield from canarying(config.canary)
