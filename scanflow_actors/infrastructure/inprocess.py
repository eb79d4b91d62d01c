"""A backend in one process: executors run in threads. For the tests of users, and for small things."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import ExecutorFailedError
from scanflow_actors.infrastructure.facts import FailureReason
from scanflow_actors.infrastructure.places import Places
from scanflow_actors.infrastructure.runs import BatchRuns
from scanflow_actors.infrastructure.work import work

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.infrastructure.run import Call


class InProcessBackend(BatchRuns):
    """Really runs executors, in threads of this process.

    A thread cannot be killed: an executor that is stopped or too slow goes on unheard until it returns.
    Bounds of memory, environments and affinities say something about processes and nodes; they are ignored.
    """

    def __init__(self, *, cache: Path | None = None) -> None:
        """Make the backend.

        Args:
            cache: Folder for the results of cached executors; None caches nothing.
        """
        super().__init__(_Threads(cache))


class _Threads:
    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._places = Places(max(4, os.cpu_count() or 1))

    async def launch(self, call: Call) -> Any:
        executor = call.executor
        async with self._places.place(executor.num_cpus, executor.priority):
            try:
                async with asyncio.timeout(executor.timeout_s):
                    report, result = await asyncio.to_thread(
                        work, executor, call.arguments, self._cache, is_alone=False
                    )
            except TimeoutError as error:
                raise timed_out(call) from error
        if report.reason is not None:
            raise ExecutorFailedError(
                executor=executor.name, reason=report.reason.value, message=report.message, log=report.log
            )
        return result

    async def value(self, handle: Any) -> Any:
        return handle


def timed_out(call: Call) -> ExecutorFailedError:
    """The failure of a call that took too long."""
    return ExecutorFailedError(
        executor=call.executor.name,
        reason=FailureReason.TIMEOUT.value,
        message=f"it had not ended after {call.executor.timeout_s:g} s",
        log="",
    )
