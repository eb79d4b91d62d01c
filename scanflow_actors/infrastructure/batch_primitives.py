"""The primitives of batch workflows: each as a change of a definition and of the runs under way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scanflow_actors import primitives
from scanflow_actors.errors import InvalidPrimitiveError, NotRunningError
from scanflow_actors.infrastructure.backend import Order
from scanflow_actors.infrastructure.facts import (
    ExecutorFailed,
    Fact,
    StepDone,
    StepFailed,
    WorkflowAdvanced,
    WorkflowChanged,
    WorkflowEnded,
    WorkflowStarted,
)
from scanflow_actors.primitives import Changed, Outcome, Stopped
from scanflow_actors.workflows.batch import KEY, KNOWLEDGE, BatchWorkflow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.artifacts.knowledge import KnowledgeBase
    from scanflow_actors.infrastructure.backend import Backend
    from scanflow_actors.infrastructure.definitions import Definitions


class BatchPrimitives:
    """Carries out primitives of batch workflows on a backend."""

    def __init__(
        self,
        backend: Backend,
        definitions: Definitions,
        knowledge: KnowledgeBase,
        tell: Callable[[Fact], None],
    ) -> None:
        self._backend = backend
        self._definitions = definitions
        self._knowledge = knowledge
        self._tell = tell

    # ------------------------------------------------------------------ runs

    def begin(self, key: str, primitive: primitives.RunWorkflow) -> asyncio.Task[Any]:
        """Start a run by the definition of this moment; what happens from now on acts on it."""
        workflow = self._definitions.batch(primitive.workflow, "RunWorkflow")
        asked = primitive.parameters
        parameters = {**asked}
        ours = {KEY: key, KNOWLEDGE: self._knowledge.settings}
        for name in ours.keys() & workflow.parameters:
            parameters.setdefault(name, ours[name])
        workflow.check_parameters(parameters)
        return asyncio.create_task(self._run(key, workflow, parameters, asked), name=f"run {key}")

    async def _run(
        self, key: str, workflow: BatchWorkflow, parameters: Mapping[str, Any], asked: Mapping[str, Any]
    ) -> Any:
        name = workflow.name

        def report(step: StepDone | StepFailed) -> None:
            if isinstance(step, StepDone):
                self._tell(WorkflowAdvanced(key=key, step=step, workflow=name))
            else:
                self._tell(ExecutorFailed(key=key, workflow=name, failure=step))

        self._tell(WorkflowStarted(key=key, workflow=name, steps=len(workflow.executors)))
        outcome = Outcome(is_success=False, reason="the infrastructure stopped")
        try:
            order = Order(key=key, workflow=workflow, parameters=parameters, report=report)
            result = await self._backend.run_workflow(order)
            outcome = Outcome(is_success=True)
        except Exception as error:
            outcome = Outcome(is_success=False, reason=str(error))
            raise
        finally:
            self._tell(WorkflowEnded(key=key, workflow=name, outcome=outcome, parameters=asked))
        return result

    # ------------------------------------------------------------------ changes

    async def change(self, key: str, primitive: primitives.Primitive) -> Any:
        """Carry out any primitive but `RunWorkflow`, under its idempotency key.

        Raises:
            UnknownWorkflowError: No workflow has this name.
            InvalidWorkflowError: No such executor, or a change that cannot work.
            NotRunningError: There is no run in which an executor could run once more.
        """
        if isinstance(primitive, primitives.UpgradeWorkflow) and primitive.definition is None:
            return await self._promote(key, primitive)
        workflow = self._definitions.batch(primitive.workflow, type(primitive).__name__)
        match primitive:
            case primitives.StopWorkflow():
                return Stopped(runs=await self._backend.stop_workflow(workflow.name, primitive.run))
            case primitives.RunExecutor():
                return await self._run_executor(workflow, primitive.executor)
            case primitives.StopExecutor():
                workflow.executor(primitive.executor)
                runs = await self._backend.stop_executor(workflow.name, primitive.executor)
                return Stopped(runs=runs)
            case _:
                return await self._adopt(changed(workflow, primitive))

    async def _run_executor(self, workflow: BatchWorkflow, executor: str) -> Changed:
        workflow.executor(executor)
        restarted = await self._backend.run_executor(workflow.name, executor)
        if not restarted:
            raise NotRunningError(workflow=workflow.name)
        return Changed(generation=self._definitions.generation(workflow.name), restarted=restarted)

    async def _adopt(self, workflow: BatchWorkflow) -> Changed:
        restarted = await self._backend.upgrade_workflow(workflow)
        generation = await self._definitions.replace(workflow)
        self._tell(WorkflowChanged(workflow=workflow.name, generation=generation))
        return Changed(generation=generation, restarted=restarted)

    async def _promote(self, key: str, primitive: primitives.UpgradeWorkflow) -> int:
        self._definitions[primitive.workflow]  # it must be there, of whatever kind
        if not primitive.model or primitive.roll_back == (primitive.version > 0):
            problem = "give a definition, or a model and its version, or a model and roll_back"
            raise InvalidPrimitiveError(primitive="UpgradeWorkflow", problem=problem)
        models = self._knowledge.models
        if primitive.roll_back:
            return await asyncio.to_thread(models.roll_back, primitive.model, key=key)
        await asyncio.to_thread(models.promote, primitive.model, primitive.version, key=key)
        return primitive.version


def changed(workflow: BatchWorkflow, primitive: primitives.Primitive) -> BatchWorkflow:
    """The definition that a primitive asks for."""
    match primitive:
        case primitives.UpgradeWorkflow(definition=new) if new is not None:
            if not isinstance(new, BatchWorkflow) or new.name != workflow.name:
                problem = f"give the definition of a batch workflow called {workflow.name!r}"
                raise InvalidPrimitiveError(primitive="UpgradeWorkflow", problem=problem)
            return new
        case primitives.UpdateWorkflowAffinity():
            return workflow.changed(None, affinity=primitive.affinity)
        case primitives.UpdateWorkflowResource():
            return workflow.changed(None, **primitive.resources.fields())
        case primitives.UpdateExecutorAffinity():
            return workflow.changed(primitive.executor, affinity=primitive.affinity)
        case primitives.UpdateExecutorResource():
            return workflow.changed(primitive.executor, **primitive.resources.fields())
        case primitives.UpgradeExecutor():
            executor = workflow.executor(primitive.executor)
            options = {**executor.options, **primitive.options}
            return workflow.changed(executor.name, run=primitive.run or executor.run, options=options)
        case _:
            name = type(primitive).__name__
            raise InvalidPrimitiveError(primitive=name, problem="it changes no definition")
