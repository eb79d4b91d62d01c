"""Batch workflows on Ray tasks: each executor a task, results between them in the object store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    TaskCancelledError,
    TaskUnschedulableError,
    WorkerCrashedError,
)

from scanflow_actors.errors import ExecutorFailedError
from scanflow_actors.infrastructure.facts import FailureReason
from scanflow_actors.infrastructure.inprocess import timed_out
from scanflow_actors.infrastructure.places import Places
from scanflow_actors.infrastructure.runs import BatchRuns
from scanflow_actors.infrastructure.work import work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scanflow_actors.infrastructure.run import Call
    from scanflow_actors.infrastructure.work import Report
    from scanflow_actors.workflows.executor import Executor

_REASONS: tuple[tuple[type[RayError], FailureReason], ...] = (
    (OutOfMemoryError, FailureReason.OUT_OF_MEMORY),
    (NodeDiedError, FailureReason.NODE_LOST),
    (TaskUnschedulableError, FailureReason.UNSCHEDULABLE),
    (RayTaskError, FailureReason.RAISED),  # around the function: its arguments or result do not pickle
    (WorkerCrashedError, FailureReason.CRASHED),
)


_cluster_resources: Callable[[], dict[str, float]] = ray.cluster_resources  # ray leaves it untyped


class EmbeddedBackend(BatchRuns):
    """The backend of a laptop, and of a Ray cluster without Kubernetes' toolkits."""

    def __init__(self, *, cache: Path | None = None) -> None:
        """Make the backend; Ray must run by the time of the first workflow.

        Args:
            cache: Folder, shared by all nodes, for the results of cached executors; None caches nothing.
        """
        super().__init__(_RayTasks(cache))


@ray.remote(num_returns=2, max_retries=0)
def _task(
    executor: Executor, lists: Mapping[str, list[Any]], cache: Path | None, **arguments: Any
) -> tuple[Any, Report]:
    """What runs on the worker: two objects, so that the result need not move to be judged.

    The report is last: where the result does not pickle, Ray stores an error for both.
    """
    gathered = {name: ray.get(handles) for name, handles in lists.items()}
    report, result = work(executor, {**arguments, **gathered}, cache, is_alone=True)
    return result, report


class _RayTasks:
    """Each call a Ray task; a handle is the `ObjectRef` of its result, or a list of them."""

    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._made: Places | None = None

    @property
    def _places(self) -> Places:
        if self._made is None:  # twice the CPUs: while one half runs, Ray can already place the next
            self._made = Places(2 * max(1.0, float(_cluster_resources().get("CPU", 1))))
        return self._made

    async def launch(self, call: Call) -> Any:
        executor = call.executor
        async with self._places.place(executor.num_cpus, executor.priority):
            result_ref, report_ref = self._submit(call)
            try:
                async with asyncio.timeout(executor.timeout_s):
                    report: Report = await _value(report_ref)
            except TimeoutError as error:
                await _end(report_ref)
                raise timed_out(call) from error
            except asyncio.CancelledError:
                await _end(report_ref)
                raise
            except RayError as error:
                raise _failure(executor, error) from error
        if report.reason is not None:
            raise ExecutorFailedError(
                executor=executor.name, reason=report.reason.value, message=report.message, log=report.log
            )
        return result_ref

    def _submit(self, call: Call) -> Any:
        executor = call.executor
        lists = {name: value for name, value in call.arguments.items() if _is_refs(value)}
        arguments = {name: value for name, value in call.arguments.items() if name not in lists}
        options = {
            "name": f"{call.workflow}:{executor.name}",
            "num_cpus": executor.num_cpus,
            "num_gpus": executor.num_gpus,
            "memory": executor.memory_bytes,
            "label_selector": dict(executor.affinity.labels) or None,
        }
        return _task.options(**options).remote(executor, lists, self._cache, **arguments)

    async def value(self, handle: Any) -> Any:
        if isinstance(handle, list):
            return await asyncio.gather(*(_value(ref) for ref in handle))
        return await _value(handle)


def _is_refs(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], ray.ObjectRef)


def _failure(executor: Executor, error: RayError) -> ExecutorFailedError:
    reasons = (reason for kind, reason in _REASONS if isinstance(error, kind))
    reason = next(reasons, FailureReason.CRASHED)
    message = f"{type(error).__name__}: {error}"
    return ExecutorFailedError(executor=executor.name, reason=reason.value, message=message, log="")


async def _end(ref: Any) -> None:
    """Kill the process of a call, also where it hangs in native code, and wait until it is gone."""
    ray.cancel(ref, force=True)
    try:
        await _value(ref)
    except (TaskCancelledError, WorkerCrashedError):
        return  # that is what was asked for


async def _value(ref: Any) -> Any:
    return await asyncio.wrap_future(ref.future())
