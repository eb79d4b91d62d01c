"""Planner: a run that failed is tried again; an executor that ran out of memory gets more, up to a bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.action import Action, Effect, perform, to_infrastructure
from scanflow_actors.agents.condition import at_least, at_most, equals
from scanflow_actors.agents.running import NOTHING
from scanflow_actors.agents.sensor import Observation, Sensor, Sight
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.infrastructure.facts import (
    ExecutorFailed,
    FailureReason,
    WorkflowChanged,
    WorkflowEnded,
)
from scanflow_actors.primitives import RunWorkflow, UpdateExecutorResource
from scanflow_actors.triggers import Trigger, any_of, every, on
from scanflow_actors.workflows.executor import Resources, Retries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from scanflow_actors.infrastructure.fact_log import Noted
    from scanflow_actors.infrastructure.state import WorkflowState

OLD_S = 3600.0
"""Seconds after which what was to be done is of the past: a planner that starts today does not repeat
yesterday's runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How runs of a workflow are tried again; what its executors retry within a run comes before that."""

    workflow: str
    limit: int = 3
    """Times, in a row, without a run that succeeded in between."""
    delay_s: float = 60.0
    """Seconds, of the agents' time, before the first; each that follows waits `factor` times as long."""
    factor: float = 2.0
    max_delay_s: float = 3600.0
    interval: Trigger = field(default_factory=lambda: every(seconds=30))


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreMemory:
    """How much more memory executors of a workflow get that ran out of it."""

    workflow: str
    most_bytes: int
    factor: float = 2.0
    interval: Trigger = field(default_factory=lambda: every(seconds=30))
    """Beside the fact, which comes at once, and may be lost."""

    def __post_init__(self) -> None:
        if self.factor <= 1:
            raise ValueError(f"more memory needs a factor above 1; got {self.factor:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """State: the last run, which failed."""

    generations: Mapping[str, int]
    executor: str
    failure: str
    """Why the executor failed."""
    in_a_row: int
    """Runs that failed since the last that succeeded, this one included."""
    overdue_s: float
    """Seconds since it was to be tried again; below 0 while it waits."""
    is_hopeless: bool
    """It ran out of memory, and nothing has changed since: it would again."""
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starved:
    """State: executors that ran out of memory since the last look."""

    generations: Mapping[str, int]
    count: int
    """Those that may get more."""
    wanted_bytes: Mapping[str, int]
    """By executor, what it gets instead."""
    at_bound: tuple[str, ...]
    """Those that may not."""


def retrying(config: Retry) -> tuple[Strategy, ...]:
    """Make `retry_run`."""
    return (
        Strategy(
            name="retry_run",
            when=config.interval,
            sense=failed_run_of(config),
            given=at_most(config.limit, of="in_a_row")
            & equals(False, of="is_hopeless")  # noqa: FBT003 - the value sought
            & at_least(0, of="overdue_s"),
            then=perform(lambda seen: RunWorkflow(workflow=config.workflow, parameters=seen.parameters)),
        ),
    )


def giving_memory(config: MoreMemory) -> tuple[Strategy, ...]:
    """Make `more_memory`."""

    def effects(seen: Starved) -> tuple[Effect, ...]:
        return tuple(
            to_infrastructure(
                UpdateExecutorResource(
                    workflow=config.workflow, executor=name, resources=Resources(memory_bytes=size)
                )
            )
            for name, size in seen.wanted_bytes.items()
        )

    return (
        Strategy(
            name="more_memory",
            when=any_of(config.interval, on(ExecutorFailed)),
            sense=starved_of(config),
            given=at_least(1, of="count"),
            then=Action(code=(effects,)),
        ),
    )


# ---------------------------------------------------------------------- sensors


def failed_run_of(config: Retry) -> Sensor:
    """Make a sensor of the last run, when it failed; a run that somebody stopped has not.

    Its watermark: the newest fact that was acted on, and how many failures in a row there were by then.
    """
    waits = Retries(delay_s=config.delay_s, factor=config.factor, max_delay_s=config.max_delay_s)

    async def read(sight: Sight) -> Observation:
        number, in_a_row = sight.watermark or (0, 0)
        state = await sight.state_of(config.workflow, number)
        history = _Runs(in_a_row)
        for noted in state.facts:
            history.take(noted)
        if history.failed is None or state.is_changing:
            return NOTHING
        failure, ended = history.failed
        due_s = history.failed_at_s + waits.wait_s(history.in_a_row - 1)
        if _is_old(due_s, sight.now):
            return NOTHING
        seen = FailedRun(
            generations=state.generations,
            executor=failure.failure.executor,
            failure=failure.failure.reason.value,
            in_a_row=history.in_a_row,
            overdue_s=sight.now.timestamp() - due_s,
            is_hopeless=history.is_hopeless,
            parameters=ended.parameters,
        )
        return Observation(state=seen, watermark=(state.number, history.in_a_row))

    return Sensor(read=read, is_quick=True, gives=FailedRun)


class _Runs:
    """Folds the facts of a workflow."""

    def __init__(self, in_a_row: int) -> None:
        self.in_a_row = in_a_row
        self.failed: tuple[ExecutorFailed, WorkflowEnded] | None = None
        self.failed_at_s = 0.0
        self.is_hopeless = False
        self._gave_up: dict[str, ExecutorFailed] = {}

    def take(self, noted: Noted) -> None:
        """Take the next fact."""
        match noted.fact:
            case ExecutorFailed() as fact if fact.failure.retry_in_s is None:
                self._gave_up[fact.key] = fact
                self.is_hopeless = fact.failure.reason is FailureReason.OUT_OF_MEMORY
            case WorkflowChanged():
                self.is_hopeless = False
            case WorkflowEnded() as fact if fact.outcome.is_success:
                self.in_a_row, self.failed = 0, None
            case WorkflowEnded() as fact if fact.key in self._gave_up:
                self.in_a_row += 1
                self.failed, self.failed_at_s = (self._gave_up.pop(fact.key), fact), noted.at_s


def starved_of(config: MoreMemory) -> Sensor:
    """Make a sensor of executors that ran out of memory; each time counts once."""

    async def read(sight: Sight) -> Observation:
        state = await sight.state_of(config.workflow, sight.watermark or 0)
        if state.is_changing or state.batch is None:
            return Observation(state=None, watermark=sight.watermark, is_nothing=True)
        names = _starved(state.facts, sight.now)
        if not names:
            return Observation(state=None, watermark=state.number, is_nothing=True)
        return Observation(state=_needs(config, state, names), watermark=state.number)

    return Sensor(read=read, accumulates=False, is_quick=True, gives=Starved)


def _starved(facts: Iterable[Noted], now: datetime) -> frozenset[str]:
    return frozenset(
        noted.fact.failure.executor
        for noted in facts
        if isinstance(noted.fact, ExecutorFailed)
        and noted.fact.failure.reason is FailureReason.OUT_OF_MEMORY
        and not _is_old(noted.at_s, now)
    )


def _needs(config: MoreMemory, state: WorkflowState, names: frozenset[str]) -> Starved:
    """An executor without a bound cannot be given a higher one."""
    executors = () if state.batch is None else state.batch.executors
    held = {each.name: each.memory_bytes for each in executors if each.name in names}
    wanted = {
        name: min(config.most_bytes, int(size * config.factor))
        for name, size in held.items()
        if size is not None and size < config.most_bytes
    }
    return Starved(
        generations=state.generations,
        count=len(wanted),
        wanted_bytes=wanted,
        at_bound=tuple(sorted(held.keys() - wanted.keys())),
    )


def _is_old(at_s: float, now: datetime) -> bool:
    return at_s < (now - timedelta(seconds=OLD_S)).timestamp()
