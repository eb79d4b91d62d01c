"""What every backend can do: the operations behind the primitives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.workflows.batch import BatchWorkflow


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """Progress of one run of a workflow: an executor has ended."""

    executor: str
    done: int
    total: int


class Backend(Protocol):
    """Carries out what the infrastructure actor has decided to let through."""

    async def run_workflow(
        self,
        workflow: BatchWorkflow,
        parameters: Mapping[str, Any],
        on_step: Callable[[StepDone], None],
    ) -> Any:
        """Run a batch workflow to its end.

        Args:
            workflow: What to run.
            parameters: Exactly what the workflow takes.
            on_step: Called after each executor, on the event loop.

        Returns:
            The result of the workflow's result executor.

        Raises:
            WorkflowFailedError: An executor failed; the executor and the reason are named.
        """
