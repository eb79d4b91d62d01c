"""Planner: when to retrain, and when a new model is good enough (Table V)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import call, perform
from scanflow_actors.agents.condition import at_least, exceeds
from scanflow_actors.agents.sensor import Observation, Sensor, Sight, new_runs
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import ChangeModel
from scanflow_actors.primitives import RunWorkflow

if TYPE_CHECKING:
    from scanflow_actors.agents.templates.planner import Planning


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


def retraining(config: Planning, model: str, training: str) -> tuple[Strategy, ...]:
    """Make `retrain_model` and `update_model`."""
    return (
        Strategy(
            name="retrain_model",
            when=config.retrain_interval,
            sense=picked_data(config.picked, model),
            given=at_least(config.threshold),
            then=perform(
                lambda seen: RunWorkflow(
                    workflow=training,
                    parameters={"production_version": seen.production_version, "retrain": True},
                )
            ),
        ),
        Strategy(
            name="update_model",
            when=config.update_interval,
            sense=newest_candidate(config.candidates, model),
            given=exceeds("new_accuracy", "current_accuracy"),
            then=call(config.executor, ChangeModel, lambda seen: ChangeModel(version=seen.version)),
        ),
    )


def picked_data(picked: str, model: str) -> Sensor:
    """Make a sensor that counts the picked samples that no retraining has been decided on yet."""
    count = new_runs(picked, metric=picked)

    def read(sight: Sight) -> Observation:
        seen: Observation = count.read(sight)
        if seen.is_nothing:
            return seen
        version = sight.require_knowledge().models.version(model)
        state = PickedData(total=seen.state.total, production_version=version)
        return Observation(state=state, watermark=seen.watermark)

    return Sensor(read=read)


def newest_candidate(candidates: str, model: str) -> Sensor:
    """Make a sensor for the newest candidate that has not been compared yet.

    A candidate that was measured against another version than the one in production says nothing
    about this one, and is passed over.
    """

    def read(sight: Sight) -> Observation:
        knowledge = sight.require_knowledge()
        seen = knowledge.runs_since(candidates, sight.watermark)
        if not seen.runs:
            return Observation(state=None, watermark=seen.watermark, is_nothing=True)
        production = knowledge.models.version(model)
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
