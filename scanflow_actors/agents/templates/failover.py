"""Planner: all requests to a backup when no replica is ready, and back when the primary is well (R12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import perform
from scanflow_actors.agents.condition import at_least, at_most, for_at_least_s, greater_than
from scanflow_actors.agents.running import NOTHING, ready_in, share_of, standing
from scanflow_actors.agents.sensor import Observation, Sensor, Sight
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import QUICKLY
from scanflow_actors.infrastructure.facts import ServiceRecovered, ServiceUnavailable
from scanflow_actors.primitives import UpdateWorkflowTraffic
from scanflow_actors.triggers import Trigger, any_of, on
from scanflow_actors.workflows.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.agents.action import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class FailOver:
    """Who stands in for whom."""

    workflow: str
    primary: int
    """Version that answers as long as it can."""
    backup: int
    """Version that is deployed to stand in."""
    interval: Trigger = QUICKLY
    """Beside the facts, which come at once, and may be lost."""
    recovered_s: float = 60.0
    """Seconds that the primary must be whole, at every look, before it gets its requests back."""
    priority: int = 100
    """Above that of canaries: they can wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redundancy:
    """State: a primary and its backup."""

    generations: Mapping[str, int]
    primary_share: float
    primary_ready: int
    """Replicas that answer, of the service that has the fewest."""
    primary_missing: int
    """Replicas that there should be and that do not answer."""
    backup_share: float
    """1 when the backup stands in; another version that was promoted is none of ours."""
    backup_ready: int


def failing_over(config: FailOver) -> tuple[Strategy, ...]:
    """Make `fail_over` and `fail_back`."""
    is_whole = at_least(1, of="primary_ready") & at_most(0, of="primary_missing")
    return (
        Strategy(
            name="fail_over",
            when=any_of(config.interval, on(ServiceUnavailable)),
            sense=redundancy_of(config),
            given=at_most(0, of="primary_ready")
            & at_least(1, of="backup_ready")
            & greater_than(0, of="primary_share"),
            then=_all_to(config.workflow, config.backup),
            priority=config.priority,
        ),
        Strategy(
            name="fail_back",
            when=any_of(config.interval, on(ServiceRecovered)),
            sense=redundancy_of(config),
            given=for_at_least_s(config.recovered_s, is_whole) & at_least(1, of="backup_share"),
            then=_all_to(config.workflow, config.primary),
            priority=config.priority,
        ),
    )


def _all_to(workflow: str, version: int) -> Action:
    traffic = Traffic(weights={version: 1})
    return perform(lambda _seen: UpdateWorkflowTraffic(workflow=workflow, traffic=traffic))


def redundancy_of(config: FailOver) -> Sensor:
    """Make a sensor of both versions; nothing is seen until both are deployed."""

    async def read(sight: Sight) -> Observation:
        state = await sight.state_of(config.workflow)
        if state.is_changing or not {config.primary, config.backup} <= state.deployed.keys():
            return NOTHING
        primary = standing(state, config.primary)
        seen = Redundancy(
            generations=state.generations,
            primary_share=share_of(state, config.primary),
            primary_ready=primary.ready,
            primary_missing=primary.missing,
            backup_share=share_of(state, config.backup),
            backup_ready=ready_in(state, config.backup),
        )
        return Observation(state=seen)

    return Sensor(read=read, accumulates=False, is_quick=True, gives=Redundancy)
