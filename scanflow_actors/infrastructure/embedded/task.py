"""One call of an executor as a Ray task: what travels, what happens there, and how its end is heard of.

Everything small travels in one piece of bytes: Ray serialises, and keeps books of, each argument on its own.
"""

from __future__ import annotations

import asyncio
import functools
import pickle
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cloudpickle
import ray
from ray.exceptions import RayError, RayTaskError

from scanflow_actors.infrastructure.embedded import apart, trials
from scanflow_actors.infrastructure.output import left_behind
from scanflow_actors.infrastructure.search import pool
from scanflow_actors.infrastructure.work import Job, Report, work

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.infrastructure.run import Call

_SMALL = (str, int, float, bool, type(None))


class _Head(NamedTuple):
    """What a task gets beside its larger arguments."""

    job: Job
    small: dict[str, Any]
    names: list[str]
    """Of the larger arguments, which follow."""
    lists: list[str]
    """Those of them that are lists of results."""
    cache: Path | None
    workflow: str
    token: str
    is_told: bool
    """Whether other workflows may want to know where it runs."""


def submit(call: Call, token: str, cache: Path | None, labels: Mapping[str, str], *, is_told: bool) -> Any:
    """Hand a call to Ray.

    Returns:
        Two references, of the result and of the `Report`; so the result need not move to be judged.
    """
    executor = call.executor
    small = {name: value for name, value in call.arguments.items() if isinstance(value, _SMALL)}
    large = {name: value for name, value in call.arguments.items() if name not in small}
    lists = [name for name, value in large.items() if _is_refs(value)]
    head = _Head(Job.of(executor), small, [*large], lists, cache, call.workflow, token, is_told)
    return _task._remote(  # noqa: SLF001 - what `options` ends in; by way of it each call makes a class
        args=(_pickled(head), *large.values()),
        name=f"{call.workflow}:{executor.name}",
        num_returns=2,
        max_retries=0,
        num_cpus=executor.num_cpus,
        num_gpus=executor.num_gpus,
        memory=executor.memory_bytes,
        label_selector=dict(labels) or None,
    )


def copy_of_output(token: str) -> Path:
    """File, on the node where a call runs, that its output is in while it runs: among Ray's own logs."""
    node: Any = ray._private.worker._global_node  # noqa: SLF001 - Ray says nowhere else where its logs are
    return Path(node.get_logs_dir_path()) / f"scanflow-{token}.out"


def read_output(token: str, node: str) -> Any:
    """The end of what a killed call had printed on another node, as a reference."""
    return _read.options(label_selector={apart.NODE: node}).remote(token)


@ray.remote(num_cpus=0, max_retries=0)
def _read(token: str) -> str:
    return left_behind(copy_of_output(token))


@ray.remote
def _task(head: bytes, *values: Any) -> tuple[Any, Report | None]:
    """What runs on the worker.

    The report is last: where the result does not pickle, Ray stores an error for both.
    """
    job, small, names, lists, cache, workflow, token, is_told = pickle.loads(head)
    if is_told:
        apart.is_here(workflow, token)
    arguments = dict(zip(names, values, strict=True), **small)
    arguments |= {name: ray.get(arguments[name]) for name in lists}
    pool.TRIALS.set(trials.RayTrials)
    report, result = work(job, arguments, cache, is_alone=True, copy=functools.partial(copy_of_output, token))
    return result, None if report.reason is None else report


def _is_refs(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], ray.ObjectRef)


def _pickled(head: _Head) -> bytes:
    """Fast by reference; functions of the main program, and those made by functions, by value."""
    try:
        body = pickle.dumps(head)
    except (pickle.PicklingError, AttributeError, TypeError):
        return bytes(cloudpickle.dumps(head))
    return bytes(cloudpickle.dumps(head)) if b"__main__" in body else body


class Ends:
    """Waits for many references: those that are there at once are told in one turn of the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_called = False

    async def value(self, ref: Any) -> Any:
        """Wait for what is behind a reference.

        Raises:
            RayError: There is nothing behind it; why is said.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        ref._on_completed(functools.partial(self._hear, future))  # noqa: SLF001 - what `future` is made of
        return await future

    def _hear(self, future: asyncio.Future[Any], value: Any) -> None:
        """Called by Ray, in a thread of its own."""
        self._heard.append((future, value))
        if not self._is_called and not self._loop.is_closed():
            self._is_called = True
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_called = False  # first: what is heard from now on calls again
        while self._heard:
            future, value = self._heard.popleft()
            if future.done():
                continue  # nobody waits any more
            if isinstance(value, RayTaskError):
                cause: Any = value
                future.set_exception(cause.as_instanceof_cause())
            elif isinstance(value, RayError):
                future.set_exception(value)
            else:
                future.set_result(value)
