"""The runs of one backend that are under way, by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanflow_actors.infrastructure.run import BatchRun, Launcher

if TYPE_CHECKING:
    from scanflow_actors.infrastructure.backend import Order
    from scanflow_actors.workflows.batch import BatchWorkflow


class BatchRuns:
    """What a backend does with batch workflows, given how it carries out one call."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._runs: dict[str, BatchRun] = {}

    async def run(self, order: Order) -> Any:
        """Run a workflow to its end."""
        run = self._runs[order.key] = BatchRun(order, self._launcher)
        try:
            return await run.result()
        finally:
            del self._runs[order.key]

    def of(self, workflow: str, key: str | None = None) -> tuple[BatchRun, ...]:
        """The running runs of a workflow, or the one with this key."""
        return tuple(
            run for run in self._runs.values() if run.workflow.name == workflow and key in {None, run.key}
        )

    async def adopt(self, workflow: BatchWorkflow) -> dict[str, tuple[str, ...]]:
        """Let the running runs go on by another definition; by run, the executors that begin anew."""
        return {run.key: await run.adopt(workflow) for run in self.of(workflow.name)}
