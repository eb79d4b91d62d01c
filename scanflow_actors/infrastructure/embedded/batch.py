"""Batch workflows on Ray tasks: each executor a task, results between them in the object store."""

from __future__ import annotations

import asyncio
import uuid
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
from scanflow_actors.infrastructure.embedded import apart, trials
from scanflow_actors.infrastructure.facts import FailureReason
from scanflow_actors.infrastructure.inprocess import timed_out
from scanflow_actors.infrastructure.places import Places
from scanflow_actors.infrastructure.runs import BatchRuns
from scanflow_actors.infrastructure.search import pool
from scanflow_actors.infrastructure.work import work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scanflow_actors.infrastructure.run import Call
    from scanflow_actors.infrastructure.work import Report
    from scanflow_actors.workflows.executor import Executor

NODES_EVERY_S = 5.0
"""Seconds between two looks at how many nodes there are."""

APART_POLL_S = 0.5
"""Seconds between two looks for a free node, while all are taken by those to be apart from."""

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


_Head = tuple["Executor", "Mapping[str, list[Any]]", "Path | None", "tuple[str, str | None]"]
"""What a task gets beside its arguments, in one piece: Ray serialises each argument on its own."""


@ray.remote(num_returns=2, max_retries=0)
def _task(head: _Head, **arguments: Any) -> tuple[Any, Report]:
    """What runs on the worker: two objects, so that the result need not move to be judged.

    The report is last: where the result does not pickle, Ray stores an error for both.
    """
    executor, lists, cache, (workflow, mark) = head
    if mark is not None:
        apart.is_here(workflow, mark)
    gathered = {name: ray.get(handles) for name, handles in lists.items()}
    pool.TRIALS.set(trials.RayTrials)
    report, result = work(executor, {**arguments, **gathered}, cache, is_alone=True)
    return result, report


class _RayTasks:
    """Each call a Ray task; a handle is the `ObjectRef` of its result, or a list of them."""

    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._made: Places | None = None
        self._nodes = 1
        self._counted_at = float("-inf")

    @property
    def _places(self) -> Places:
        if self._made is None:  # twice the CPUs: while one half runs, Ray can already place the next
            self._made = Places(2 * max(1.0, float(_cluster_resources().get("CPU", 1))))
        return self._made

    async def launch(self, call: Call) -> Any:
        executor = call.executor
        async with self._places.place(executor.num_cpus, executor.priority):
            labels = await self._labels(call)
            mark = uuid.uuid4().hex if self._nodes > 1 else None
            result_ref, report_ref = self._submit(call, labels, mark)
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
            finally:
                if mark is not None:
                    apart.is_gone(call.workflow, mark)
        if report.reason is not None:
            raise ExecutorFailedError(
                executor=executor.name, reason=report.reason.value, message=report.message, log=report.log
            )
        return result_ref

    async def _labels(self, call: Call) -> dict[str, str]:
        """Wait until a node is allowed, and say which are."""
        affinity = call.executor.affinity
        loop = asyncio.get_running_loop()
        if loop.time() > self._counted_at + NODES_EVERY_S:
            self._nodes = len(await asyncio.to_thread(apart.alive))
            self._counted_at = loop.time()
        if self._nodes == 1:
            return dict(affinity.labels)
        if affinity.apart_from:
            await asyncio.to_thread(apart.wish, call.workflow, affinity.apart_from)
        while True:
            avoid = await asyncio.to_thread(apart.avoided, call.workflow, affinity)
            if not avoid or await asyncio.to_thread(apart.alive) - avoid:
                return apart.selector(affinity, avoid)
            await asyncio.sleep(APART_POLL_S)

    def _submit(self, call: Call, labels: dict[str, str], mark: str | None) -> Any:
        executor = call.executor
        lists = {name: value for name, value in call.arguments.items() if _is_refs(value)}
        arguments = {name: value for name, value in call.arguments.items() if name not in lists}
        options = {
            "name": f"{call.workflow}:{executor.name}",
            "num_cpus": executor.num_cpus,
            "num_gpus": executor.num_gpus,
            "memory": executor.memory_bytes,
            "label_selector": labels or None,
        }
        return _task.options(**options).remote(
            (executor, lists, self._cache, (call.workflow, mark)), **arguments
        )

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
