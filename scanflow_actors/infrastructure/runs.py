"""The runs of one backend that are under way, by key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scanflow_actors.infrastructure.run import BatchRun, Launcher
from scanflow_actors.infrastructure.state import RunState
from scanflow_actors.workflows.container import function_of

if TYPE_CHECKING:
    from scanflow_actors.infrastructure.backend import Order
    from scanflow_actors.workflows.batch import BatchWorkflow


class BatchRuns:
    """What a backend does with batch workflows, given how it carries out one call."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._runs: dict[str, BatchRun] = {}

    def _of(self, workflow: str, key: str | None = None) -> tuple[BatchRun, ...]:
        return tuple(
            run for run in self._runs.values() if run.workflow.name == workflow and key in {None, run.key}
        )

    async def run_workflow(self, order: Order) -> Any:
        """Run a workflow to its end."""
        _check(order.workflow)
        run = self._runs[order.key] = BatchRun(order, self._launcher)
        try:
            return await run.result()
        finally:
            del self._runs[order.key]

    async def stop_workflow(self, workflow: str, run: str | None) -> tuple[str, ...]:
        """End runs, and wait until they have ended."""
        runs = self._of(workflow, run)
        await asyncio.gather(*(each.stop() for each in runs))
        return tuple(each.key for each in runs)

    async def upgrade_workflow(self, workflow: BatchWorkflow) -> dict[str, tuple[str, ...]]:
        """Let the running runs go on by another definition."""
        _check(workflow)
        runs = self._of(workflow.name)
        for run in runs:
            workflow.check_parameters(run.parameters)
        return {run.key: await run.adopt(workflow) for run in runs}

    async def run_executor(self, workflow: str, executor: str) -> dict[str, tuple[str, ...]]:
        """Run an executor once more, and then what needs it."""
        return {run.key: await run.start_executor(executor) for run in self._of(workflow)}

    async def stop_executor(self, workflow: str, executor: str) -> tuple[str, ...]:
        """End an executor."""
        return tuple([run.key for run in self._of(workflow) if await run.stop_executor(executor)])

    async def runs(self, workflow: str) -> tuple[RunState, ...]:
        """Where the runs under way stand."""
        return tuple(RunState(key=run.key, executors=run.states()) for run in self._of(workflow))


def _check(workflow: BatchWorkflow) -> None:
    """Refuse containers before anything runs: a launcher calls functions."""
    for executor in workflow.executors:
        function_of(workflow.name, f"executor {executor.name!r}", executor.run)
