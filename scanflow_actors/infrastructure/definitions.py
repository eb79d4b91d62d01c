"""What each workflow is now: as it was given, or as primitives have changed it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from scanflow_actors.errors import InvalidPrimitiveError, UnknownWorkflowError
from scanflow_actors.workflows.batch import BatchWorkflow

if TYPE_CHECKING:
    from scanflow_actors.infrastructure.ledger import Ledger
    from scanflow_actors.workflows.online import OnlineWorkflow

_log = logging.getLogger(__name__)

_PREFIX = "workflow/"


class Definitions:
    """Workflows by name, each with its generation. A change outlives the actor, in the ledger.

    A change was made to what was given then. When another definition is given at a later start, it wins.
    """

    def __init__(self, given: tuple[BatchWorkflow | OnlineWorkflow, ...], ledger: Ledger) -> None:
        self._ledger = ledger
        self._given = {workflow.name: workflow for workflow in given}
        self._now = dict(self._given)
        self._generations = dict.fromkeys(self._given, 0)
        for name, (generation, (basis, workflow)) in ledger.kept(_PREFIX).items():
            if name not in self._given or self._given[name] == basis:
                self._now[name], self._generations[name] = workflow, generation
            else:
                _log.warning("workflow %s was given anew; what primitives changed of it is dropped", name)

    def __getitem__(self, name: str) -> BatchWorkflow | OnlineWorkflow:
        if name not in self._now:
            raise UnknownWorkflowError(workflow=name, known=tuple(sorted(self._now)))
        return self._now[name]

    def __contains__(self, name: str) -> bool:
        return name in self._now

    def batch(self, name: str, primitive: str) -> BatchWorkflow:
        """The batch workflow of this name.

        Raises:
            UnknownWorkflowError: No workflow has this name.
            InvalidPrimitiveError: It is an online workflow.
        """
        workflow = self[name]
        if not isinstance(workflow, BatchWorkflow):
            problem = f"{name!r} is an online workflow; this is for batch workflows"
            raise InvalidPrimitiveError(primitive=primitive, problem=problem)
        return workflow

    def find_batch(self, name: str) -> BatchWorkflow | None:
        """The batch workflow of this name, or None when there is none."""
        workflow = self._now.get(name)
        return workflow if isinstance(workflow, BatchWorkflow) else None

    def generation(self, name: str) -> int:
        """How often a workflow has changed."""
        return self._generations.get(name, 0)

    async def replace(self, workflow: BatchWorkflow | OnlineWorkflow) -> int:
        """Let a workflow be another from now on: its new generation."""
        name = workflow.name
        generation = self.generation(name) + 1
        pair = (self._given.get(name, workflow), workflow)
        await asyncio.to_thread(self._ledger.keep, _PREFIX + name, generation, pair)
        self._now[name], self._generations[name] = workflow, generation
        return generation
