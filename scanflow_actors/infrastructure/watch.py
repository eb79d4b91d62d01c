"""Notices services that are ill, gone, or well again, and says so as facts."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from scanflow_actors.errors import ServiceFailedError
from scanflow_actors.infrastructure.facts import (
    ServiceDegraded,
    ServiceRecovered,
    ServiceSlow,
    ServiceUnavailable,
)
from scanflow_actors.infrastructure.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.infrastructure.facts import Fact
    from scanflow_actors.infrastructure.serving import ServiceState, Serving

_log = logging.getLogger(__name__)

_WELL = 2

SLOW_SHARE = 0.05
"""Share of requests that break the latency bound, from which on a version is slow."""

Key = tuple[str, int, str]
"""Workflow, version, service."""


def noticed(before: Mapping[Key, ServiceState], now: Mapping[Key, ServiceState]) -> tuple[Fact, ...]:
    """What has changed between two looks. A service that is seen for the first time must first run once."""
    facts: list[Fact] = []
    for key in before.keys() & now.keys():
        was, state = _level(before[key]), _level(now[key])
        if was != state:
            workflow, version, service = key
            kind = (ServiceUnavailable, ServiceDegraded, ServiceRecovered)[state]
            facts.append(
                kind(
                    workflow=workflow,
                    version=version,
                    service=service,
                    running=now[key].running,
                    wanted=now[key].wanted,
                )
            )
    return tuple(facts)


def _level(state: ServiceState) -> int:
    """0: nobody answers; 1: fewer than there should be; 2: well."""
    if state.running == 0:
        return 0
    return 1 if state.running < state.wanted else _WELL


async def watch(serving: Serving, tell: Callable[[Fact], None], *, every_s: float) -> None:
    """Look again and again, until cancelled."""
    before: dict[Key, ServiceState] = {}
    while True:
        try:
            now = _flat(await serving.states())
        except ServiceFailedError as error:
            _log.warning("cannot see how services are: %s", error)
        else:
            for fact in noticed(before, now):
                tell(fact)
            before = {key: state for key, state in now.items() if key in before or _level(state) == _WELL}
        await asyncio.sleep(every_s)


async def watch_latency(serving: Serving, tell: Callable[[Fact], None], *, every_s: float) -> None:
    """Say, until cancelled, which versions have begun to be slow, from the first look on."""
    before: dict[tuple[str, int], Usage] | None = None
    slow: set[tuple[str, int]] = set()
    while True:
        try:
            workflows = {workflow for workflow, _ in await serving.states()}
            now = {
                (name, version): usage
                for name in workflows
                for version, usage in (await serving.usage(name)).items()
            }
        except ServiceFailedError as error:
            _log.warning("cannot see how much services are used: %s", error)
        else:
            facts = slowed(now if before is None else before, now)
            for fact in facts:
                if (fact.workflow, fact.version) not in slow:
                    tell(fact)
            slow, before = {(fact.workflow, fact.version) for fact in facts}, now
        await asyncio.sleep(every_s)


def slowed(
    before: Mapping[tuple[str, int], Usage], now: Mapping[tuple[str, int], Usage]
) -> tuple[ServiceSlow, ...]:
    """Versions that were slow between two looks."""
    added = {key: usage.since(before.get(key, Usage())) for key, usage in now.items()}
    return tuple(
        ServiceSlow(workflow=workflow, version=version, requests=usage.requests, late=usage.late)
        for (workflow, version), usage in added.items()
        if usage.late and usage.late >= SLOW_SHARE * usage.requests
    )


def _flat(states: Mapping[tuple[str, int], Mapping[str, ServiceState]]) -> dict[Key, ServiceState]:
    return {
        (workflow, version, service): state
        for (workflow, version), services in states.items()
        for service, state in services.items()
    }
