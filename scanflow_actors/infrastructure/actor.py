"""The one actor that changes the outside world.

It takes each primitive once: a key that is being carried out is joined, one that was is answered from the
ledger. Primitives on the same target wait for each other, in the order in which they came.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.actor import Actor, receive
from scanflow_actors.artifacts.knowledge import KnowledgeBase, KnowledgeSettings
from scanflow_actors.errors import ScanflowError, UnknownWorkflowError
from scanflow_actors.infrastructure.ledger import Ledger
from scanflow_actors.primitives import Outcome, Perform, RunWorkflow, UpgradeWorkflow

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.actors.context import ActorContext
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.infrastructure.backend import Backend, StepDone
    from scanflow_actors.workflows.batch import BatchWorkflow

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


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStarted:
    """Fact: a run of a workflow has begun."""

    key: str
    workflow: str
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowAdvanced:
    """Fact: an executor of a run has ended."""

    key: str
    step: StepDone


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowEnded:
    """Fact: a run of a workflow has ended, with its result or without."""

    key: str
    outcome: Outcome


class InfrastructureActor(Actor):
    """Orders, deduplicates and records every primitive."""

    def __init__(self, parts: Infrastructure) -> None:
        self._parts = parts
        self._workflows = {workflow.name: workflow for workflow in parts.workflows}
        self._running: dict[str, asyncio.Future[Outcome]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def on_start(self, ctx: ActorContext) -> None:
        """Open the ledger and the knowledge base."""
        del ctx
        self._ledger = await asyncio.to_thread(Ledger, self._parts.ledger)
        self._knowledge = await asyncio.to_thread(KnowledgeBase, self._parts.knowledge)

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
        known = await asyncio.to_thread(self._ledger.outcome, message.key)
        if known is not None:
            return known
        async with self._turns.setdefault(message.primitive.target, asyncio.Lock()):
            try:
                outcome = Outcome(is_success=True, result=await self._carry_out(message))
            except ScanflowError as error:
                outcome = Outcome(is_success=False, reason=str(error))
        await asyncio.to_thread(self._ledger.record, message, outcome)
        return outcome

    async def _carry_out(self, message: Perform) -> Any:
        primitive = message.primitive
        if isinstance(primitive, UpgradeWorkflow):
            return await self._upgrade(primitive)
        return await self._run(message.key, primitive)

    async def _upgrade(self, primitive: UpgradeWorkflow) -> int:
        self._workflow(primitive.workflow)
        await asyncio.to_thread(self._knowledge.promote, primitive.model, primitive.version)
        return primitive.version

    async def _run(self, key: str, primitive: RunWorkflow) -> Any:
        workflow = self._workflow(primitive.workflow)
        parameters = {**primitive.parameters}
        if "key" in workflow.parameters:
            parameters.setdefault("key", key)
        workflow.check_parameters(parameters)
        self._tell(WorkflowStarted(key=key, workflow=workflow.name, steps=len(workflow.executors)))
        outcome = Outcome(is_success=False, reason="stopped")
        try:
            result = await self._parts.backend.run_workflow(
                workflow, parameters, lambda step: self._tell(WorkflowAdvanced(key=key, step=step))
            )
            outcome = Outcome(is_success=True)
        except ScanflowError as error:
            outcome = Outcome(is_success=False, reason=str(error))
            raise
        finally:
            self._tell(WorkflowEnded(key=key, outcome=outcome))
        return result

    def _workflow(self, name: str) -> BatchWorkflow:
        if name not in self._workflows:
            raise UnknownWorkflowError(workflow=name, known=tuple(sorted(self._workflows)))
        return self._workflows[name]

    def _tell(self, fact: WorkflowStarted | WorkflowAdvanced | WorkflowEnded) -> None:
        if self._parts.observer is not None:
            self._parts.observer.tell(fact)
