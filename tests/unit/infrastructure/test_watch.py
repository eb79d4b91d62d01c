"""A service that is ill, gone or well again is noticed once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.errors import ServiceFailedError
from scanflow_actors.infrastructure import ServiceState
from scanflow_actors.infrastructure.usage import Usage
from scanflow_actors.infrastructure.watch import noticed, watch, watch_latency

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = ("w", 1, "model")


def state(running: int, wanted: int = 2) -> ServiceState:
    return ServiceState(running=running, wanted=wanted)


@pytest.mark.parametrize(
    ("before", "now", "kinds"),
    [
        (2, 2, []),
        (2, 1, ["ServiceDegraded"]),
        (2, 0, ["ServiceUnavailable"]),
        (1, 0, ["ServiceUnavailable"]),
        (0, 1, ["ServiceDegraded"]),
        (0, 2, ["ServiceRecovered"]),
        (0, 0, []),
    ],
)
def test_each_change_of_a_service_is_a_fact(before: int, now: int, kinds: list[str]) -> None:
    facts = noticed({KEY: state(before)}, {KEY: state(now)})
    assert [type(fact).__name__ for fact in facts] == kinds


class Played:
    """States that come one after the other; the last one for ever."""

    def __init__(self, *looks: Mapping[str, ServiceState] | ServiceFailedError) -> None:
        self._looks = list(looks)
        self.is_over = asyncio.Event()

    async def states(self) -> dict[tuple[str, int], Mapping[str, ServiceState]]:
        if len(self._looks) == 1:
            self.is_over.set()
        look = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        if isinstance(look, ServiceFailedError):
            raise look
        return {("w", 1): look}


@pytest.mark.looptime
async def test_a_service_that_starts_is_not_one_that_failed_and_no_word_is_no_change() -> None:
    serving: Any = Played(
        {"model": state(0)},
        {"model": state(2)},
        ServiceFailedError(workflow="*", problem="busy"),
        {"model": state(0)},
        {"model": state(2)},
    )
    facts: list[Any] = []
    task = asyncio.create_task(watch(serving, facts.append, every_s=1.0))
    await serving.is_over.wait()
    await asyncio.sleep(1.5)
    task.cancel()
    assert [type(fact).__name__ for fact in facts] == ["ServiceUnavailable", "ServiceRecovered"]


class Used:
    """A workflow with one version, and what came of its requests at each look; at last for ever."""

    def __init__(self, *looks: Usage | ServiceFailedError) -> None:
        self._looks = list(looks)
        self.is_over = asyncio.Event()

    async def states(self) -> dict[tuple[str, int], Mapping[str, ServiceState]]:
        return {("w", 1): {"model": state(2)}}

    async def usage(self, workflow: str) -> dict[int, Usage]:
        assert workflow == "w"
        look = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        if len(self._looks) == 1:
            self.is_over.set()
        if isinstance(look, ServiceFailedError):
            raise look
        return {1: look}


def used(requests: int, late: int) -> Usage:
    return Usage(requests=requests, failures=late, late=late)


@pytest.mark.looptime
async def test_a_version_that_begins_to_break_its_latency_bound_is_told_once() -> None:
    serving: Any = Used(
        used(10, 9),  # before the first look
        used(110, 13),  # 4 in 100 are few
        used(120, 14),
        ServiceFailedError(workflow="*", problem="busy"),
        used(130, 20),  # still
        used(140, 20),
        used(141, 21),
    )
    facts: list[Any] = []
    task = asyncio.create_task(watch_latency(serving, facts.append, every_s=1.0))
    await serving.is_over.wait()
    await asyncio.sleep(1.5)
    task.cancel()
    assert [(fact.requests, fact.late) for fact in facts] == [(10, 1), (1, 1)]
