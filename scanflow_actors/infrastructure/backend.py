"""What every backend can do: the operations behind the primitives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.infrastructure.facts import StepDone, StepFailed
    from scanflow_actors.infrastructure.state import RunState
    from scanflow_actors.workflows.batch import BatchWorkflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run of a batch workflow: what is to run, with what, and who hears of its steps."""

    key: str
    """Names the run: it is stopped by it, and stamped on its facts."""
    workflow: BatchWorkflow
    parameters: Mapping[str, Any]
    """Exactly what the workflow takes."""
    report: Callable[[StepDone | StepFailed], None]
    """Called for each executor that ends, on the event loop."""


class Backend(Protocol):
    """Carries out what the infrastructure actor has decided to let through."""

    async def run_workflow(self, order: Order) -> Any:
        """Run a batch workflow to its end. Cancelled, it ends the executors that run.

        Returns:
            The result of the workflow's result executor.

        Raises:
            WorkflowFailedError: An executor failed; the executor and the reason are named.
            WorkflowStoppedError: Somebody stopped the run.
        """

    async def stop_workflow(self, workflow: str, run: str | None) -> tuple[str, ...]:
        """End the running runs of a workflow, or the one with this key: the keys of those that end."""

    async def upgrade_workflow(self, workflow: BatchWorkflow) -> Mapping[str, tuple[str, ...]]:
        """Let the running runs of this name go on by another definition.

        Returns:
            By key of the run, the executors that begin anew.

        Raises:
            InvalidWorkflowError: It takes other parameters than a running run was given.
        """

    async def run_executor(self, workflow: str, executor: str) -> Mapping[str, tuple[str, ...]]:
        """Run an executor once more in each running run, and then what needs it.

        Returns:
            By key of the run, the executors that begin anew.
        """

    async def stop_executor(self, workflow: str, executor: str) -> tuple[str, ...]:
        """End an executor in each running run: the keys of those where it had not ended."""

    async def runs(self, workflow: str) -> tuple[RunState, ...]:
        """The runs of a workflow that are under way."""
