"""One run of a batch workflow, on any backend: which executor may start, is tried again, or must end.

A backend brings a `Launcher`, which carries out one call of one executor. Everything that can be asked of a
running workflow is decided here: stop it, stop or start one executor, give it another definition.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol

from scanflow_actors.errors import ExecutorFailedError, WorkflowFailedError, WorkflowStoppedError
from scanflow_actors.infrastructure.facts import FailureReason, StepDone, StepFailed
from scanflow_actors.infrastructure.search import searching

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scanflow_actors.infrastructure.backend import Order
    from scanflow_actors.workflows.batch import BatchWorkflow
    from scanflow_actors.workflows.executor import Executor


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of one executor's function."""

    run: str
    workflow: str
    executor: Executor
    arguments: dict[str, Any]
    """By name; what other executors made is in them as the launcher's handles."""


class Launcher(Protocol):
    """Carries out calls. A handle is the launcher's own way to name a result without moving it."""

    async def launch(self, call: Call) -> Any:
        """Carry out a call and return the handle of its result. Cancelled, it ends the call first.

        Raises:
            ExecutorFailedError: It has no result; why is said.
        """

    async def value(self, handle: Any) -> Any:
        """The result behind a handle."""


class State(Enum):
    """Where an executor of a run stands."""

    PENDING = auto()
    RUNNING = auto()
    DONE = auto()
    STOPPED = auto()
    """Somebody stopped it; what needs it is not run."""
    FAILED = auto()


class _Step:
    """An executor of this run: its state, and its handle once it is done."""

    def __init__(self) -> None:
        self.state = State.PENDING
        self.handle: Any = None
        self.task: asyncio.Task[None] | None = None


class BatchRun:
    """Drives one run. All calls on one event loop."""

    def __init__(self, order: Order, launcher: Launcher) -> None:
        self.key = order.key
        self.workflow = order.workflow
        self._order = order
        self._launcher = launcher
        self._steps = {executor.name: _Step() for executor in order.workflow.executors}
        self._done: set[str] = set()
        self._look_at = set(self._steps)
        """Those that may have become ready; looking at all each time costs more than their work."""
        self._feeds = _feeds(order.workflow)
        self._tasks: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Event()
        self._changing = 0
        self._failure: WorkflowFailedError | WorkflowStoppedError | None = None

    async def result(self) -> Any:
        """Run to the end.

        Raises:
            WorkflowFailedError: An executor failed for good.
            WorkflowStoppedError: The run, or an executor that its result needs, was stopped.
        """
        try:
            while self._failure is None and (self._changing or self._start_ready()):
                await self._moved.wait()
                self._moved.clear()
            if self._failure is not None:
                raise self._failure
            last = self._steps[self.workflow.result]
            if last.state is not State.DONE:
                raise WorkflowStoppedError(workflow=self.workflow.name, run=self.key)
            return await self._launcher.value(last.handle)
        finally:
            await self._end(*self._steps)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the run was given."""
        return self._order.parameters

    def states(self) -> dict[str, str]:
        """Where each executor stands."""
        return {name: step.state.name.lower() for name, step in self._steps.items()}

    # ------------------------------------------------------------------ what may be asked of it

    async def stop(self) -> None:
        """End the run, and wait until nothing of it runs; `result` raises."""
        self._failure = WorkflowStoppedError(workflow=self.workflow.name, run=self.key)
        self._moved.set()
        await self._end(*self._steps)

    async def stop_executor(self, name: str) -> bool:
        """End an executor, or never start it. What needs it is not run. No effect on one that is done."""
        step = self._steps[name]
        with self._change():
            await self._end(name)
            if step.state in {State.DONE, State.FAILED}:
                return False
            step.state = State.STOPPED
        return True

    async def start_executor(self, name: str) -> tuple[str, ...]:
        """Run an executor, and then what needs it, in this run once more: also if it is done or stopped.

        Returns:
            The executors that begin anew.
        """
        with self._change():
            return await self._renew({name})

    async def adopt(self, workflow: BatchWorkflow) -> tuple[str, ...]:
        """Go on by another definition: the run ends with the result that it gives.

        An executor that does something else now (its function or arguments) runs again with all that need
        it; one that runs, and needs other resources or another place, is started again there.

        Returns:
            The executors that begin anew.
        """
        before = {executor.name: executor for executor in self.workflow.executors}
        after = {executor.name: executor for executor in workflow.executors}
        with self._change():
            await self._end(*(before.keys() - after.keys()))
            self.workflow = workflow
            self._feeds = _feeds(workflow)
            self._steps = {name: self._steps.get(name) or _Step() for name in after}
            self._done &= after.keys()
            return await self._renew(
                {
                    name
                    for name in before.keys() & after.keys()
                    if before[name] != after[name]
                    and (_does_other(before[name], after[name]) or self._steps[name].state is State.RUNNING)
                }
            )

    async def _renew(self, names: set[str]) -> tuple[str, ...]:
        all_names = names.union(*(self.workflow.dependants(name) for name in names))
        anew = [name for name in all_names if self._steps[name].state is not State.PENDING]
        await self._end(*anew)
        for name in anew:
            self._steps[name] = _Step()
        self._done.difference_update(anew)
        return tuple(sorted(anew))

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """Start nothing meanwhile: what a change ends must have ended before anything begins anew."""
        self._changing += 1
        try:
            yield
        finally:
            self._changing -= 1
            self._look_at.update(self._steps)
            self._moved.set()

    # ------------------------------------------------------------------ how it goes on

    def _start_ready(self) -> bool:
        """Start all executors whose needs are met; say whether anything runs."""
        ready = [
            executor
            for executor in self.workflow.executors
            if executor.name in self._look_at
            and self._steps[executor.name].state is State.PENDING
            and self._done.issuperset(executor.needs.values())
        ]
        self._look_at.clear()
        for executor in sorted(ready, key=lambda each: -each.priority):
            step = self._steps[executor.name]
            step.state = State.RUNNING
            step.task = asyncio.create_task(self._carry_out(executor, step), name=executor.name)
            self._tasks.add(step.task)
            step.task.add_done_callback(self._ended)
        return bool(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._moved.set()

    async def _carry_out(self, executor: Executor, step: _Step) -> None:
        try:
            step.handle = await self._tried(executor)
        except ExecutorFailedError as error:
            reason = f"{error.reason}: {error.message}" if error.reason != "raised" else error.message
            self._fail(executor, step, reason, error)
        except Exception as error:  # noqa: BLE001 - of the backend, such as an argument that cannot travel
            self._fail(executor, step, f"{type(error).__name__}: {error}", error)
        else:
            step.state = State.DONE
            self._done.add(executor.name)
            self._look_at.update(self._feeds[executor.name])
            done = StepDone(executor=executor.name, done=len(self._done), total=len(self._steps))
            self._order.report(done)

    def _fail(self, executor: Executor, step: _Step, reason: str, cause: Exception) -> None:
        step.state = State.FAILED
        self._failure = WorkflowFailedError(
            workflow=self.workflow.name, executor=executor.name, reason=reason
        )
        self._failure.__cause__ = cause

    async def _tried(self, executor: Executor) -> Any:
        attempt = 0
        while True:
            try:
                return await self._called(executor)
            except ExecutorFailedError as error:
                is_last = attempt >= executor.retries.limit
                wait_s = None if is_last else executor.retries.wait_s(attempt)
                self._order.report(_failed(executor, error, attempt, wait_s))
                if wait_s is None:
                    raise
            await asyncio.sleep(wait_s)
            attempt += 1

    async def _called(self, executor: Executor) -> Any:
        arguments = {argument: self._steps[name].handle for argument, name in executor.needs.items()}
        arguments |= {argument: self._order.parameters[name] for argument, name in executor.takes.items()}
        arguments |= executor.options
        if executor.over is None:
            return await self._launch(executor, arguments)
        items = arguments[executor.over]
        if executor.over in executor.needs:
            items = await self._launcher.value(items)
        calls = (self._launch(executor, arguments | {executor.over: item}) for item in items)
        return await _all(calls)

    async def _launch(self, executor: Executor, arguments: dict[str, Any]) -> Any:
        if executor.search is not None:
            executor = searching(executor, self._order.parameters)
        call = Call(run=self.key, workflow=self.workflow.name, executor=executor, arguments=arguments)
        return await self._launcher.launch(call)

    async def _end(self, *names: str) -> None:
        """End what runs of these, and wait until it has ended."""
        tasks = [task for name in names if (task := self._steps[name].task) is not None and not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _all(calls: Any) -> list[Any]:
    """The handles of all calls, in order; the first that fails ends the others."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _failed(
    executor: Executor, error: ExecutorFailedError, attempt: int, retry_in_s: float | None
) -> StepFailed:
    return StepFailed(
        executor=executor.name,
        reason=FailureReason(error.reason),
        message=error.message,
        log=error.log,
        attempt=attempt,
        retry_in_s=retry_in_s,
    )


def _feeds(workflow: BatchWorkflow) -> dict[str, list[str]]:
    """By executor, those that need it directly."""
    feeds: dict[str, list[str]] = {executor.name: [] for executor in workflow.executors}
    for executor in workflow.executors:
        for source in executor.needs.values():
            feeds[source].append(executor.name)
    return feeds


def _does_other(before: Executor, after: Executor) -> bool:
    """Whether the executor computes something else, not merely elsewhere or with other means."""
    return any(
        getattr(before, field) != getattr(after, field)
        for field in ("run", "needs", "takes", "options", "over", "search", "environment")
    )
