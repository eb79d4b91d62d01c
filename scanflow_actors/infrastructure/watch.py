"""Notices services that are ill, gone, or well again, and says so as facts."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from scanflow_actors.errors import ServiceFailedError
from scanflow_actors.infrastructure.facts import ServiceDegraded, ServiceRecovered, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.infrastructure.facts import Fact
    from scanflow_actors.infrastructure.serving import ServiceState, Serving

_log = logging.getLogger(__name__)

_WELL = 2

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


def _flat(states: Mapping[tuple[str, int], Mapping[str, ServiceState]]) -> dict[Key, ServiceState]:
    return {
        (workflow, version, service): state
        for (workflow, version), services in states.items()
        for service, state in services.items()
    }
