"""Batch workflows on Ray tasks: each executor a task, results between them in the object store."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
import uuid
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    TaskUnschedulableError,
    WorkerCrashedError,
)

from scanflow_actors.errors import ExecutorFailedError
from scanflow_actors.infrastructure.embedded import apart
from scanflow_actors.infrastructure.embedded.task import Ends, copy_of_output, read_output, submit
from scanflow_actors.infrastructure.facts import FailureReason
from scanflow_actors.infrastructure.inprocess import timed_out
from scanflow_actors.infrastructure.output import left_behind
from scanflow_actors.infrastructure.places import Places
from scanflow_actors.infrastructure.runs import BatchRuns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scanflow_actors.infrastructure.run import Call
    from scanflow_actors.workflows.executor import Executor

NODES_EVERY_S = 5.0
"""Seconds between two looks at how many nodes there are."""

SHORT_S = 0.1
"""Seconds; while calls are shorter, Ray gets more of them at once, so that its workers never wait for us."""

LOG_TIMEOUT_S = 10.0
"""Seconds to fetch, from another node, what a killed executor had printed."""

MORE_SHORT = 8
"""How many more for each CPU: a higher priority waits for them at most a second."""

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


class _RayTasks:
    """Each call a Ray task; a handle is the `ObjectRef` of its result, or a list of them."""

    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._made: Places | None = None
        self._uid = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._ends_made: Ends | None = None
        self._nodes: dict[str, dict[str, float]] = {}
        self._looked_at = float("-inf")

    @property
    def _places(self) -> Places:
        if self._made is None:  # twice the CPUs: while one half runs, Ray can already place the next
            self._num_cpus = max(1.0, float(_cluster_resources().get("CPU", 1)))
            self._made = Places(2 * self._num_cpus)
        return self._made

    @property
    def _ends(self) -> Ends:
        if self._ends_made is None:
            self._ends_made = Ends()
        return self._ends_made

    async def launch(self, call: Call) -> Any:
        executor = call.executor
        await self._check_fits(executor)
        async with self._places.place(executor.num_cpus, executor.priority):
            labels = await self._labels(call)
            began_s = time.monotonic()
            result_ref, report = await self._carried_out(call, labels)
            is_short = time.monotonic() - began_s < SHORT_S
            self._places.spare = MORE_SHORT * self._num_cpus if is_short else 0
        if report is not None:
            raise ExecutorFailedError(
                executor=executor.name, reason=report.reason.value, message=report.message, log=report.log
            )
        return result_ref

    async def _carried_out(self, call: Call, labels: dict[str, str]) -> tuple[Any, Any]:
        token = f"{self._uid}-{next(self._numbers)}"
        is_told = len(self._nodes) > 1
        result_ref, report_ref = submit(call, token, self._cache, labels, is_told=is_told)
        try:
            async with asyncio.timeout(call.executor.timeout_s):
                return result_ref, await self._ends.value(report_ref)
        except TimeoutError as error:
            await self._end(report_ref)
            raise timed_out(call, await self._left_behind(call, token)) from error
        except asyncio.CancelledError:
            await self._end(report_ref)
            raise
        except RayError as error:
            raise _failure(call.executor, error, await self._left_behind(call, token)) from error
        finally:
            if is_told:
                apart.is_gone(call.workflow, token)

    async def _end(self, ref: Any) -> None:
        """Kill the process of a call, also where it hangs in native code, and wait until it is gone."""
        ray.cancel(ref, force=True)
        with contextlib.suppress(RayError):  # it has ended, in whatever way
            await self._ends.value(ref)

    async def _left_behind(self, call: Call, token: str) -> str:
        """What a call had printed whose process is gone, from the node where it was."""
        node = apart.node_of(call.workflow, token) if len(self._nodes) > 1 else None
        if node is None or node == ray.get_runtime_context().get_node_id():
            return await asyncio.to_thread(left_behind, copy_of_output(token))
        try:
            async with asyncio.timeout(LOG_TIMEOUT_S):
                return str(await self._ends.value(read_output(token, node)))
        except (TimeoutError, RayError):
            return ""  # its node is gone too

    async def _look(self, *, every_s: float) -> None:
        """See which nodes there are, unless that was seen a moment ago."""
        now = asyncio.get_running_loop().time()
        if now >= self._looked_at + every_s:
            self._looked_at = now  # first: others that come meanwhile need not look too
            self._nodes = await asyncio.to_thread(apart.resources)

    async def _check_fits(self, executor: Executor) -> None:
        """Fail at once where Ray would wait for ever, and with it all that waits for a place.

        Raises:
            ExecutorFailedError: It asks for more than any node has.
        """
        wanted = {
            "CPU": executor.num_cpus,
            "GPU": executor.num_gpus,
            "memory": executor.memory_bytes or 0,
        }
        for every_s in (NODES_EVERY_S, 0.0):  # before it fails, look whether a node has come
            await self._look(every_s=every_s)
            if any(_has(node, wanted) for node in self._nodes.values()):
                return
        most = {name: max((node.get(name, 0) for node in self._nodes.values()), default=0) for name in wanted}
        words = [f"{wanted[name]:g} of {most[name]:g} {name}" for name in wanted if wanted[name]]
        raise ExecutorFailedError(
            executor=executor.name,
            reason=FailureReason.UNSCHEDULABLE.value,
            message=f"no node has what it asks for: {', '.join(words)}",
            log="",
        )

    async def _labels(self, call: Call) -> dict[str, str]:
        """Wait until a node is allowed, and say which are."""
        affinity = call.executor.affinity
        if len(self._nodes) == 1:
            return dict(affinity.labels)
        if affinity.apart_from:
            await asyncio.to_thread(apart.wish, call.workflow, affinity.apart_from)
        while True:
            avoid = await asyncio.to_thread(apart.avoided, call.workflow, affinity)
            if not avoid or await asyncio.to_thread(apart.alive) - avoid:
                return apart.selector(affinity, avoid)
            await asyncio.sleep(APART_POLL_S)

    async def value(self, handle: Any) -> Any:
        if isinstance(handle, list):
            return await asyncio.gather(*(self._ends.value(ref) for ref in handle))
        return await self._ends.value(handle)


def _has(node: dict[str, float], wanted: dict[str, float]) -> bool:
    return all(node.get(name, 0) >= amount for name, amount in wanted.items())


def _failure(executor: Executor, error: RayError, log: str) -> ExecutorFailedError:
    reasons = (reason for kind, reason in _REASONS if isinstance(error, kind))
    reason = next(reasons, FailureReason.CRASHED)
    message = f"{type(error).__name__}: {error}"
    return ExecutorFailedError(executor=executor.name, reason=reason.value, message=message, log=log)
