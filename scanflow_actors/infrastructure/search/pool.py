"""Where trials run: in threads of this process, unless a backend says otherwise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from scanflow_actors.infrastructure.work import Job, work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from scanflow_actors.infrastructure.work import Report
    from scanflow_actors.workflows.executor import Executor


class Trials(Protocol):
    """Runs the trials of one search."""

    def submit(self, searched: Mapping[str, Any]) -> Future[tuple[Report, Any]]:
        """Run the executor's function with these arguments beside the fixed ones.

        Returns:
            How it ended and its result, or an error of where it ran.
        """

    def close(self) -> None:
        """End what still runs, as far as it can be ended."""


class ThreadTrials:
    """Trials in threads. A thread cannot be killed: what still runs at the end goes on unheard."""

    def __init__(self, executor: Executor, fixed: Mapping[str, Any], parallel: int) -> None:
        self._executor, self._fixed = executor, fixed
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix=f"trial of {executor.name}")

    def submit(self, searched: Mapping[str, Any]) -> Future[tuple[Report, Any]]:
        """Run a trial in a thread."""
        arguments = {**self._fixed, **searched}
        return self._pool.submit(work, Job.of(self._executor), arguments, None, is_alone=False)

    def close(self) -> None:
        """Start no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


TRIALS: ContextVar[Callable[[Executor, Mapping[str, Any], int], Trials]] = ContextVar(
    "trials", default=ThreadTrials
)
"""Makes what runs the trials of an executor, given its fixed arguments and how many run at a time."""
