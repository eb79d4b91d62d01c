"""What every backend can do: the operations behind the primitives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.infrastructure.facts import StepDone, StepFailed
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
