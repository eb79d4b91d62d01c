"""Batch workflows on Ray tasks: each executor a task, results between them in the object store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayTaskError

from scanflow_actors.errors import WorkflowFailedError
from scanflow_actors.infrastructure.backend import StepDone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.workflows.batch import BatchWorkflow, Executor


class EmbeddedBackend:
    """The backend of a laptop, and of a Ray cluster without Kubernetes' toolkits."""

    async def run_workflow(
        self,
        workflow: BatchWorkflow,
        parameters: Mapping[str, Any],
        on_step: Callable[[StepDone], None],
    ) -> Any:
        """Run a batch workflow; executors whose needs are met run in parallel."""
        results: dict[str, Any] = {}
        for executor in workflow.ordered():
            arguments = {argument: results[source] for argument, source in executor.needs.items()}
            arguments |= {argument: parameters[name] for argument, name in executor.takes.items()}
            task = ray.remote(num_cpus=executor.num_cpus, max_retries=0)(executor.run)
            results[executor.name] = task.options(name=f"{workflow.name}:{executor.name}").remote(
                **arguments, **executor.options
            )
        try:
            await self._follow(workflow, results, on_step)
            return await _value(results[workflow.result])
        finally:
            for result in results.values():
                ray.cancel(result)  # a no-op for those that have ended

    async def _follow(
        self, workflow: BatchWorkflow, results: Mapping[str, Any], on_step: Callable[[StepDone], None]
    ) -> None:
        """Report each executor as it ends; raise for the first that fails."""

        async def ended(executor: Executor) -> Executor:
            try:
                await _value(results[executor.name])
            except Exception as error:  # noqa: BLE001 - an executor is a user's code: any error is its failure
                cause = error.cause if isinstance(error, RayTaskError) else error
                reason = f"{type(cause).__name__}: {cause}"
                raise WorkflowFailedError(
                    workflow=workflow.name, executor=executor.name, reason=reason
                ) from cause
            return executor

        waits = [asyncio.ensure_future(ended(executor)) for executor in workflow.ordered()]
        try:
            for done, wait in enumerate(asyncio.as_completed(waits), start=1):
                executor = await wait
                on_step(StepDone(executor=executor.name, done=done, total=len(waits)))
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


async def _value(ref: Any) -> Any:
    return await asyncio.wrap_future(ref.future())
