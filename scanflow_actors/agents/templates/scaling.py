"""Planner: as many replicas as the requests need (R12): queries per second per replica stay below a bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import perform
from scanflow_actors.agents.condition import exceeds, for_at_least_s
from scanflow_actors.agents.constraint import value_of
from scanflow_actors.agents.running import NOTHING, busiest, use_of
from scanflow_actors.agents.sensor import Observation, Sensor, Sight, sensed
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import MINUTELY, QualityViolated
from scanflow_actors.primitives import UpdateWorkflowReplica
from scanflow_actors.triggers import Trigger, on
from scanflow_actors.workflows.service import Scaling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.agents.action import Action
    from scanflow_actors.infrastructure.state import WorkflowState


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How an online workflow is scaled."""

    workflow: str
    per_replica_s: float = 20.0
    """Queries per second that each replica stays below (20 in the paper's experiments)."""
    least: int = 1
    most: int = 4
    service: str | None = None
    """None scales all services, by the replicas of the first."""
    interval: Trigger = MINUTELY
    down_after_s: float = 300.0
    """Seconds that fewer must do, at every look, before there are fewer."""
    relief_s: float = 600.0
    """Seconds for which a replica that was added because of a `QualityViolated` stands."""
    rate: Sensor | None = None
    """What is asked per second; None takes what the workflow's front has counted."""
    rate_of: str = "requests_per_s"
    """Field of the rate's state; ``total`` with `metric_now`."""

    def __post_init__(self) -> None:
        if not (self.per_replica_s > 0 and 1 <= self.least <= self.most):
            raise ValueError("scaling needs per_replica_s above 0, and 1 <= least <= most")

    def wanted(self, per_s: float) -> int:
        """Replicas for so many queries per second."""
        needed = math.floor(per_s / self.per_replica_s) + 1
        return min(self.most, max(self.least, needed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """State: what is asked of a workflow, and what there is to answer."""

    generations: Mapping[str, int]
    requests_per_s: float
    replicas: int
    """That there should be now, ready or not."""
    wanted: int
    """That there should be for this load."""


def scaling(config: Scale) -> tuple[Strategy, ...]:
    """Make `scale_up`, `scale_down` and `relieve`."""
    return (
        Strategy(
            name="scale_up",
            when=config.interval,
            sense=load_of(config),
            given=exceeds("wanted", "replicas"),
            then=_set_replicas(config),
        ),
        Strategy(
            name="scale_down",
            when=config.interval,
            sense=load_of(config),
            given=for_at_least_s(config.down_after_s, exceeds("replicas", "wanted")),
            then=_set_replicas(config),
        ),
        Strategy(
            name="relieve",
            when=on(QualityViolated),
            sense=one_more(config),
            given=exceeds("wanted", "replicas"),
            then=_set_replicas(config),
            lease_s=config.relief_s,
        ),
    )


def _set_replicas(config: Scale) -> Action:
    return perform(
        lambda seen: UpdateWorkflowReplica(
            workflow=config.workflow, service=config.service, replicas=seen.wanted
        )
    )


def load_of(config: Scale) -> Sensor:
    """Make a sensor of the load; its watermark is that of the rate."""
    rate = config.rate or use_of(config.workflow)

    async def read(sight: Sight) -> Observation:
        seen = await sensed(rate, sight)
        if seen.is_nothing:
            return seen
        state = await sight.state_of(config.workflow)
        replicas = None if state.is_changing else replicas_in(state, config.service)
        if replicas is None:
            return Observation(state=None, watermark=sight.watermark, is_nothing=True)
        per_s = float(value_of(seen.state, config.rate_of))
        load = Load(
            generations=state.generations,
            requests_per_s=per_s,
            replicas=replicas,
            wanted=config.wanted(per_s),
        )
        return Observation(state=load, watermark=seen.watermark)

    return Sensor(read=read, accumulates=rate.accumulates, is_quick=True, gives=Load)


def one_more(config: Scale) -> Sensor:
    """Make a sensor that wants one replica more than there are, for a message about this workflow."""

    async def read(sight: Sight) -> Observation:
        if isinstance(sight.message, QualityViolated) and sight.message.workflow != config.workflow:
            return NOTHING
        state = await sight.state_of(config.workflow)
        replicas = None if state.is_changing else replicas_in(state, config.service)
        if replicas is None:
            return NOTHING
        wanted = min(config.most, replicas + 1)
        load = Load(generations=state.generations, requests_per_s=0.0, replicas=replicas, wanted=wanted)
        return Observation(state=load)

    return Sensor(read=read, accumulates=False, is_quick=True, gives=Load)


def replicas_in(state: WorkflowState, service: str | None) -> int | None:
    """Replicas that a service should have; None when the workflow is not deployed, or scales by itself."""
    if state.traffic is None:
        return None
    workflow = state.deployed[busiest(state)]
    replicas = workflow.service(service or workflow.services[0].name).replicas
    return None if isinstance(replicas, Scaling) else replicas
