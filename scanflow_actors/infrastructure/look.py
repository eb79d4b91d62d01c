"""Looking at a workflow, by what the infrastructure knows and what runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanflow_actors.infrastructure.backend import Backend
    from scanflow_actors.infrastructure.definitions import Definitions
    from scanflow_actors.infrastructure.fact_log import FactLog
    from scanflow_actors.infrastructure.online_primitives import Deployments
    from scanflow_actors.infrastructure.serving import Serving
    from scanflow_actors.infrastructure.state import WorkflowState


class Look:
    """Changes nothing."""

    def __init__(
        self,
        backend: Backend,
        serving: Serving | None,
        definitions: Definitions,
        deployments: Deployments,
        facts: FactLog,
    ) -> None:
        self._backend = backend
        self._serving = serving
        self._definitions = definitions
        self._deployments = deployments
        self._facts = facts

    def targets(self, name: str) -> tuple[str, ...]:
        """A workflow and its executors, as primitives name them."""
        workflow = self._definitions.find_batch(name)
        executors = () if workflow is None else workflow.executors
        target = f"workflow/{name}"
        return (target, *(f"{target}/executor/{executor.name}" for executor in executors))

    async def at(self, state: WorkflowState, since: int | None) -> WorkflowState:
        """Add what is to be seen now.

        Raises:
            UnknownWorkflowError: No workflow has this name.
            ServiceFailedError: There is no word from what it runs on.
        """
        name = state.workflow
        number, facts = await self._facts.since(name, since)
        state = replace(state, number=number, facts=facts)
        if self._serving is not None and name in self._deployments:
            now = self._deployments[name]
            services = {
                version: services
                for (workflow, version), services in (await self._serving.states()).items()
                if workflow == name
            }
            usage = await self._serving.usage(name)
            return replace(state, deployed=now.versions, traffic=now.traffic, services=services, usage=usage)
        self._definitions[name]  # it must be there
        batch = self._definitions.find_batch(name)
        runs = () if batch is None else await self._backend.runs(name)
        return replace(state, batch=batch, runs=runs)
