"""The one actor that changes the outside world.

It takes each primitive once: a key that is being carried out is joined, one that was is answered from the
ledger. Primitives on the same target wait for each other, in the order in which they came.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.actor import Actor, receive
from scanflow_actors.artifacts.knowledge import KnowledgeBase, KnowledgeSettings
from scanflow_actors.errors import ScanflowError, UnknownWorkflowError
from scanflow_actors.infrastructure.backend import Order
from scanflow_actors.infrastructure.facts import (
    ExecutorFailed,
    Fact,
    StepDone,
    StepFailed,
    WorkflowAdvanced,
    WorkflowEnded,
    WorkflowStarted,
)
from scanflow_actors.infrastructure.ledger import Ledger
from scanflow_actors.infrastructure.turns import Turns
from scanflow_actors.primitives import Outcome, Perform, RunWorkflow, UpgradeWorkflow

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.actors.context import ActorContext
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.infrastructure.backend import Backend
    from scanflow_actors.workflows.batch import BatchWorkflow

_log = logging.getLogger(__name__)

NAME = "infrastructure"
"""The name that agents find it by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Infrastructure:
    """What the infrastructure actor is made of."""

    backend: Backend
    workflows: tuple[BatchWorkflow, ...]
    ledger: Path
    knowledge: KnowledgeSettings
    observer: ActorRef | None = None
    """Gets a `WorkflowStarted`, a `WorkflowAdvanced` for each step and a `WorkflowEnded`."""


class InfrastructureActor(Actor):
    """Orders, deduplicates and records every primitive."""

    def __init__(self, parts: Infrastructure) -> None:
        self._parts = parts
        self._workflows = {workflow.name: workflow for workflow in parts.workflows}
        self._running: dict[str, asyncio.Future[Outcome]] = {}
        self._turns = Turns()
        self._knowledge: KnowledgeBase | None = None

    async def on_start(self, ctx: ActorContext) -> None:
        """Open the ledger."""
        del ctx
        self._ledger = await asyncio.to_thread(Ledger, self._parts.ledger)

    async def on_stop(self, ctx: ActorContext) -> None:
        """Close the ledger."""
        del ctx
        self._ledger.close()

    @receive(concurrent=256)
    async def perform(self, message: Perform) -> Outcome:
        """Carry out a primitive, once for each key."""
        running = self._running.get(message.key)
        if running is not None:
            return await asyncio.shield(running)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._running[message.key] = future
        try:
            outcome = await self._once(message)
            future.set_result(outcome)
            return outcome
        finally:
            del self._running[message.key]
            future.cancel()  # a no-op unless this ended without an outcome

    async def _once(self, message: Perform) -> Outcome:
        with self._turns.ticket(message.primitive.target) as ticket:
            known = await asyncio.to_thread(self._ledger.outcome, message.key)
            if known is not None:
                return known
            await ticket.wait()
            outcome = await self._outcome(message)
            await asyncio.to_thread(self._ledger.record, message, outcome)
            return outcome

    async def _outcome(self, message: Perform) -> Outcome:
        try:
            return Outcome(is_success=True, result=await self._carry_out(message))
        except ScanflowError as error:
            return Outcome(is_success=False, reason=str(error))
        except Exception as error:  # noqa: BLE001 - a fault of the backend fails this primitive, not all others
            _log.exception("%s failed", message.primitive.target)
            return Outcome(is_success=False, reason=f"{type(error).__name__}: {error}")

    async def _carry_out(self, message: Perform) -> Any:
        primitive = message.primitive
        if isinstance(primitive, UpgradeWorkflow):
            return await self._upgrade(primitive)
        return await self._run(message.key, primitive)

    async def _upgrade(self, primitive: UpgradeWorkflow) -> int:
        self._workflow(primitive.workflow)
        await asyncio.to_thread(self._promote, primitive.model, primitive.version)
        return primitive.version

    def _promote(self, model: str, version: int) -> None:
        """Open the knowledge base only now: most primitives do without it, and opening it takes seconds."""
        if self._knowledge is None:
            self._knowledge = KnowledgeBase(self._parts.knowledge)
        self._knowledge.promote(model, version)

    async def _run(self, key: str, primitive: RunWorkflow) -> Any:
        workflow = self._workflow(primitive.workflow)
        parameters = {**primitive.parameters}
        if "key" in workflow.parameters:
            parameters.setdefault("key", key)
        workflow.check_parameters(parameters)

        def report(step: StepDone | StepFailed) -> None:
            if isinstance(step, StepDone):
                self._tell(WorkflowAdvanced(key=key, step=step))
            else:
                self._tell(ExecutorFailed(key=key, workflow=workflow.name, failure=step))

        self._tell(WorkflowStarted(key=key, workflow=workflow.name, steps=len(workflow.executors)))
        outcome = Outcome(is_success=False, reason="the infrastructure stopped")
        try:
            result = await self._parts.backend.run_workflow(
                Order(key=key, workflow=workflow, parameters=parameters, report=report)
            )
            outcome = Outcome(is_success=True)
        except Exception as error:
            outcome = Outcome(is_success=False, reason=str(error))
            raise
        finally:
            self._tell(WorkflowEnded(key=key, workflow=workflow.name, outcome=outcome))
        return result

    def _workflow(self, name: str) -> BatchWorkflow:
        if name not in self._workflows:
            raise UnknownWorkflowError(workflow=name, known=tuple(sorted(self._workflows)))
        return self._workflows[name]

    def _tell(self, fact: Fact) -> None:
        if self._parts.observer is not None:
            self._parts.observer.tell(fact)
