"""Sensors of what runs: workflows, their executors, services, replicas and requests.

All ask the infrastructure actor. Their states carry the *generations* that they were read at, by target, so
that the arbiter refuses what was decided from a state of things that is gone. While a change is being carried
out there is nothing to see: what is seen then would be neither before it nor after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.sensor import Observation, Sensor, Sight
from scanflow_actors.infrastructure.facts import (
    ExecutorFailed,
    ServiceDegraded,
    ServiceUnavailable,
    WorkflowEnded,
)
from scanflow_actors.infrastructure.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scanflow_actors.infrastructure.fact_log import Noted
    from scanflow_actors.infrastructure.serving import ServiceState
    from scanflow_actors.infrastructure.state import WorkflowState

NOTHING = Observation(state=None, is_nothing=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """State: the runs of a batch workflow, and what has become of them since the last state acted on."""

    generations: Mapping[str, int]
    running: int
    """Runs under way."""
    executors: int
    """Executors under way in them."""
    succeeded: int
    failed: int
    """Runs that ended without a result."""
    executor_failures: int
    """Tries of executors that failed, also those that are tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """State: one version of an online workflow."""

    generations: Mapping[str, int]
    version: int
    versions: tuple[int, ...]
    """All that are deployed."""
    share: float
    """Of the requests, that this version gets: 0 to 1."""
    ready: int
    """Replicas that answer, of the service that has the fewest: with 0 the version cannot answer."""
    missing: int
    """Replicas that there should be and that do not answer, over all services."""
    interruptions: int
    """Times, since the last state acted on, that a service had fewer replicas than it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """State: what the requests to one version came to since the last look."""

    generations: Mapping[str, int]
    version: int
    requests: int
    failures: int
    error_ratio: float
    """0 without requests."""
    requests_per_s: float
    mean_latency_s: float
    p95_latency_s: float
    """An upper bound, see `Usage.quantile_s`."""
    replicas: int
    """Replicas that answer, of the service that has the fewest."""
    requests_per_s_per_replica: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsOf:
    """Reads `Runs`; made by `runs_of`."""

    workflow: str

    async def __call__(self, sight: Sight) -> Observation:
        """Look at the runs, and at the facts since the watermark."""
        state = await sight.state_of(self.workflow, sight.watermark or 0)
        if state.is_changing:
            return NOTHING
        ended = facts_in(state.facts, WorkflowEnded)
        seen = Runs(
            generations=state.generations,
            running=len(state.runs),
            executors=sum(list(run.executors.values()).count("running") for run in state.runs),
            succeeded=sum(fact.outcome.is_success for fact in ended),
            failed=sum(not fact.outcome.is_success for fact in ended),
            executor_failures=len(facts_in(state.facts, ExecutorFailed)),
        )
        return Observation(state=seen, watermark=state.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesOf:
    """Reads `Services`; made by `services_of`."""

    workflow: str
    version: int | None = None

    async def __call__(self, sight: Sight) -> Observation:
        """Look at one version, and at the facts since the watermark."""
        state = await sight.state_of(self.workflow, sight.watermark or 0)
        if state.is_changing or state.traffic is None:
            return NOTHING
        chosen = busiest(state) if self.version is None else self.version
        if chosen not in state.deployed:
            return NOTHING
        return Observation(state=standing(state, chosen), watermark=state.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class UseOf:
    """Reads `Use`; made by `use_of`. Its watermark: the version, the instant and the counts of a reading."""

    workflow: str
    version: int | None = None

    async def __call__(self, sight: Sight) -> Observation:
        """Look at what the front has counted beyond the watermark."""
        state = await sight.state_of(self.workflow)
        if state.traffic is None:
            return NOTHING
        chosen = busiest(state) if self.version is None else self.version
        now_s = sight.now.timestamp()
        counts = state.usage.get(chosen, Usage())
        after = (chosen, now_s, counts)
        before: tuple[int, float, Usage] | None = sight.watermark
        if before is None or before[0] != chosen or now_s <= before[1]:
            return Observation(state=None, watermark=after, is_nothing=True)
        if state.is_changing:
            return Observation(state=None, watermark=before, is_nothing=True)
        seen = used(state, chosen, counts.since(before[2]), now_s - before[1])
        return Observation(state=seen, watermark=after)


def runs_of(workflow: str) -> Sensor:
    """Make a sensor of the runs of a batch workflow; its state is `Runs`."""
    return Sensor(read=RunsOf(workflow=workflow), is_quick=True, gives=Runs)


def services_of(workflow: str, version: int | None = None) -> Sensor:
    """Make a sensor of one version of an online workflow; nothing is seen while it is not deployed.

    Args:
        workflow: Its name.
        version: Which; None for the one that gets most requests.

    Returns:
        A sensor whose state is `Services`.
    """
    return Sensor(read=ServicesOf(workflow=workflow, version=version), is_quick=True, gives=Services)


def use_of(workflow: str, version: int | None = None) -> Sensor:
    """Make a sensor of the requests to one version of an online workflow; each request counts once.

    Args:
        workflow: Its name.
        version: Which; None for the one that gets most requests.

    Returns:
        A sensor whose state is `Use`. The first look sees nothing: a rate needs two.
    """
    read = UseOf(workflow=workflow, version=version)
    return Sensor(read=read, accumulates=False, is_quick=True, gives=Use)


def busiest(state: WorkflowState) -> int:
    """The version that gets most requests."""
    weights: Mapping[int, float] = state.traffic.weights if state.traffic is not None else {}
    return max(weights, key=weights.__getitem__)


def share_of(state: WorkflowState, version: int) -> float:
    """Of the requests, that a version gets by weight: 0 to 1."""
    if state.traffic is None:
        return 0.0
    weights = state.traffic.weights
    return weights.get(version, 0.0) / sum(weights.values())


def ready_in(state: WorkflowState, version: int) -> int:
    """Replicas of a version that answer, of the service that has the fewest."""
    services: Mapping[str, ServiceState] = state.services.get(version, {})
    return min((service.running for service in services.values()), default=0)


def standing(state: WorkflowState, version: int) -> Services:
    """How one version stands."""
    services = state.services.get(version, {}).values()
    ill = [*facts_in(state.facts, ServiceUnavailable), *facts_in(state.facts, ServiceDegraded)]
    return Services(
        generations=state.generations,
        version=version,
        versions=tuple(sorted(state.deployed)),
        share=share_of(state, version),
        ready=ready_in(state, version),
        missing=sum(max(0, service.wanted - service.running) for service in services),
        interruptions=sum(fact.version == version for fact in ill),
    )


def used(state: WorkflowState, version: int, usage: Usage, seconds: float) -> Use:
    """What requests came to over some seconds."""
    ready = ready_in(state, version)
    per_s = usage.requests / seconds
    return Use(
        generations=state.generations,
        version=version,
        requests=usage.requests,
        failures=usage.failures,
        error_ratio=usage.failures / usage.requests if usage.requests else 0.0,
        requests_per_s=per_s,
        mean_latency_s=usage.seconds / usage.requests if usage.requests else 0.0,
        p95_latency_s=usage.quantile_s(0.95),
        replicas=ready,
        requests_per_s_per_replica=per_s / max(1, ready),
    )


def facts_in(noted: Iterable[Noted], kind: type) -> list[Any]:
    """Those of one kind, the earliest first."""
    return [each.fact for each in noted if isinstance(each.fact, kind)]
