"""Planner: a batch workflow stays off the nodes of an online one that it would slow down (R12)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scanflow_actors.agents.action import Action, Effect, to_infrastructure
from scanflow_actors.agents.condition import at_least, equals
from scanflow_actors.agents.running import NOTHING
from scanflow_actors.agents.sensor import Observation, Sensor, Sight
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.agents.templates.messages import MINUTELY
from scanflow_actors.infrastructure.facts import WorkflowChanged
from scanflow_actors.primitives import UpdateExecutorAffinity
from scanflow_actors.triggers import Trigger, any_of, on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.workflows.executor import Affinity


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepApart:
    """Who must not meet whom."""

    batch: str
    online: str
    interval: Trigger = MINUTELY
    """Beside the fact that one of them has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """State: the executors that may still share a node with the online workflow."""

    generations: Mapping[str, int]
    is_deployed: bool
    """The online workflow."""
    mixed: int
    affinities: Mapping[str, Affinity]
    """By executor, where it may run instead."""


def keeping_apart(config: KeepApart) -> tuple[Strategy, ...]:
    """Make `keep_apart`."""

    def effects(seen: Neighbours) -> tuple[Effect, ...]:
        return tuple(
            to_infrastructure(UpdateExecutorAffinity(workflow=config.batch, executor=name, affinity=affinity))
            for name, affinity in seen.affinities.items()
        )

    return (
        Strategy(
            name="keep_apart",
            when=any_of(config.interval, on(WorkflowChanged)),
            sense=neighbours_of(config),
            given=equals(True, of="is_deployed") & at_least(1, of="mixed"),  # noqa: FBT003 - the value sought
            then=Action(code=(effects,)),
        ),
    )


def neighbours_of(config: KeepApart) -> Sensor:
    """Make a sensor of both workflows."""

    async def read(sight: Sight) -> Observation:
        batch = await sight.state_of(config.batch)
        online = await sight.state_of(config.online)
        if batch.is_changing or online.is_changing or batch.batch is None:
            return NOTHING
        mixed = {
            executor.name: replace(
                executor.affinity, apart_from=(*executor.affinity.apart_from, config.online)
            )
            for executor in batch.batch.executors
            if config.online not in executor.affinity.apart_from
        }
        seen = Neighbours(
            generations=batch.generations,
            is_deployed=online.traffic is not None,
            mixed=len(mixed),
            affinities=mixed,
        )
        return Observation(state=seen)

    return Sensor(read=read, accumulates=False, is_quick=True, gives=Neighbours)
