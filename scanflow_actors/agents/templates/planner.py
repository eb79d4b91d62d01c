"""The planner: decides when to retrain, and when a new model is good enough to be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import call, perform
from scanflow_actors.agents.agent import Agent
from scanflow_actors.agents.condition import at_least, exceeds
from scanflow_actors.agents.sensor import Observation, Sensor, Sight, new_runs
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import HOURLY, ChangeModel
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.triggers import Trigger  # noqa: TC001 - read when a file gives it

if TYPE_CHECKING:
    from scanflow_actors.agents.charge import Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """What a planner watches and runs."""

    model: str
    """Name in the registry."""
    training: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedData:
    """State: samples that were picked since the last retraining, and what is in production."""

    total: float
    production_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """State: the newest candidate, beside the model in production."""

    version: int
    new_accuracy: float
    current_accuracy: float


class Planner(Agent):
    """Ships `retrain_model` and `update_model` (Table V)."""

    def __init__(self, charge: Charge, config: Planning) -> None:
        super().__init__(charge)
        self.strategies = (
            Strategy(
                name="retrain_model",
                when=config.retrain_interval,
                sense=picked_data(config),
                given=at_least(config.threshold),
                then=perform(
                    lambda seen: RunWorkflow(
                        workflow=config.training,
                        parameters={"production_version": seen.production_version, "retrain": True},
                    )
                ),
            ),
            Strategy(
                name="update_model",
                when=config.update_interval,
                sense=newest_candidate(config),
                given=exceeds("new_accuracy", "current_accuracy"),
                then=call(config.executor, ChangeModel, lambda seen: ChangeModel(version=seen.version)),
            ),
        )


def picked_data(config: Planning) -> Sensor:
    """Make a sensor that counts the picked samples that no retraining has been decided on yet."""
    count = new_runs(config.picked, metric=config.picked)

    def read(sight: Sight) -> Observation:
        seen: Observation = count.read(sight)
        if seen.is_nothing:
            return seen
        version = sight.require_knowledge().models.version(config.model)
        state = PickedData(total=seen.state.total, production_version=version)
        return Observation(state=state, watermark=seen.watermark)

    return Sensor(read=read)


def newest_candidate(config: Planning) -> Sensor:
    """Make a sensor for the newest candidate that has not been compared yet.

    A candidate that was measured against another version than the one in production says nothing
    about this one, and is passed over.
    """

    def read(sight: Sight) -> Observation:
        knowledge = sight.require_knowledge()
        seen = knowledge.runs_since(config.candidates, sight.watermark)
        if not seen.runs:
            return Observation(state=None, watermark=seen.watermark, is_nothing=True)
        production = knowledge.models.version(config.model)
        rivals = [run for run in seen.runs if run.metrics["current_version"] == production]
        if not rivals:
            return Observation(state=None, watermark=seen.watermark, is_nothing=True)
        metrics = rivals[-1].metrics
        state = Candidate(
            version=int(metrics["version"]),
            new_accuracy=metrics["new_accuracy"],
            current_accuracy=metrics["current_accuracy"],
        )
        return Observation(state=state, watermark=seen.watermark)

    return Sensor(read=read, accumulates=False)
