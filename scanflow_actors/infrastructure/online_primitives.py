"""The primitives of online workflows: each as a change of what is deployed, and of who gets requests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scanflow_actors import primitives
from scanflow_actors.errors import InvalidPrimitiveError, ServiceFailedError
from scanflow_actors.infrastructure.facts import Fact, WorkflowChanged
from scanflow_actors.primitives import Deployed
from scanflow_actors.workflows.online import OnlineWorkflow
from scanflow_actors.workflows.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.infrastructure.definitions import Definitions
    from scanflow_actors.infrastructure.ledger import Ledger
    from scanflow_actors.infrastructure.serving import Serving

_PREFIX = "deployed/"
_ONLY_ONLINE = (
    primitives.DeployWorkflow,
    primitives.DeleteWorkflow,
    primitives.UpdateWorkflowReplica,
    primitives.UpdateWorkflowTraffic,
    primitives.ApplyWorkflowInstance,
    primitives.DeleteWorkflowInstance,
    primitives.DuplicateWorkflowInstance,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What is deployed of one workflow."""

    versions: Mapping[int, OnlineWorkflow]
    traffic: Traffic
    address: str = ""


class Deployments:
    """What is deployed, by workflow. Outlives the actor, as the services do."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._now: dict[str, tuple[int, Deployment]] = ledger.kept(_PREFIX)

    def __contains__(self, name: str) -> bool:
        return name in self._now

    def __getitem__(self, name: str) -> Deployment:
        if name not in self._now:
            problem = f"workflow {name!r} is not deployed; deploy it first"
            raise InvalidPrimitiveError(primitive="the primitive", problem=problem)
        return self._now[name][1]

    def generation(self, name: str) -> int:
        """How often what is deployed has changed."""
        return self._now[name][0] if name in self._now else 0

    async def keep(self, name: str, deployment: Deployment) -> None:
        """Write down what is deployed now."""
        generation = self.generation(name) + 1
        await asyncio.to_thread(self._ledger.keep, _PREFIX + name, generation, deployment)
        self._now[name] = (generation, deployment)

    async def drop(self, name: str) -> None:
        """Write down that nothing is."""
        await asyncio.to_thread(self._ledger.drop, _PREFIX + name)
        del self._now[name]


class OnlinePrimitives:
    """Carries out primitives of online workflows on what they run on."""

    def __init__(
        self,
        serving: Serving | None,
        definitions: Definitions,
        deployments: Deployments,
        tell: Callable[[Fact], None],
    ) -> None:
        self._made = serving
        self._definitions = definitions
        self._deployments = deployments
        self._tell = tell

    def is_for(self, primitive: primitives.Primitive) -> bool:
        """Whether a primitive is about an online workflow."""
        if isinstance(primitive, primitives.UpgradeWorkflow) and primitive.definition is not None:
            return isinstance(primitive.definition, OnlineWorkflow)
        shared = isinstance(primitive, (primitives.UpdateWorkflowAffinity, primitives.UpdateWorkflowResource))
        return isinstance(primitive, _ONLY_ONLINE) or (shared and primitive.workflow in self._deployments)

    async def change(self, primitive: primitives.Primitive) -> Deployed:
        """Carry out a primitive.

        Raises:
            UnknownWorkflowError: No workflow has this name, and no definition came with it.
            InvalidPrimitiveError: Nothing is deployed, or it would leave requests without an answer.
            ServiceFailedError: A version did not come up; what ran before runs on.
        """
        name = primitive.workflow
        match primitive:
            case primitives.DeployWorkflow():
                await self._deploy(name, primitive.definition)
            case primitives.DeleteWorkflow():
                return await self._delete(name)
            case primitives.UpgradeWorkflow(definition=OnlineWorkflow() as new):
                await self._upgrade(_named(name, new), keep_previous=primitive.keep_previous)
            case primitives.UpdateWorkflowTraffic():
                await self._route(name, primitive.traffic)
            case primitives.ApplyWorkflowInstance():
                await self._serving.apply(self._version(name, primitive.version))
            case primitives.DeleteWorkflowInstance():
                await self._delete_instance(name, primitive.version)
            case _:
                await self._alter(name, primitive)
        return self._deployed(name)

    # ------------------------------------------------------------------ versions

    async def _deploy(self, name: str, given: OnlineWorkflow | None) -> None:
        workflow = _named(name, given or self._definitions[name])
        if name not in self._deployments:
            await self._serving.apply(workflow)
            traffic = Traffic(weights={workflow.version: 1})
            await self._routed(name, {workflow.version: workflow}, traffic)
            return
        before = self._deployments[name]
        known = before.versions.get(workflow.version)
        if known is not None and known != workflow:
            problem = f"version {workflow.version} is deployed as something else; give it another number"
            raise InvalidPrimitiveError(primitive="DeployWorkflow", problem=problem)
        await self._serving.apply(workflow)
        versions = {**before.versions, workflow.version: workflow}
        await self._deployments.keep(name, replace(before, versions=versions))

    async def _upgrade(self, workflow: OnlineWorkflow, *, keep_previous: bool) -> None:
        name = workflow.name
        await self._deploy(name, workflow)
        others = self._deployments[name].versions.keys() - {workflow.version}
        await self._route(name, Traffic(weights={workflow.version: 1}))
        if not keep_previous:
            for version in others:  # one by one: each is written down
                await self._delete_instance(name, version)

    async def _alter(self, name: str, primitive: primitives.Primitive) -> None:
        """Change a definition that is deployed: of one version, or of all."""
        before = self._deployments[name]
        after = dict(before.versions)
        match primitive:
            case primitives.DuplicateWorkflowInstance(version=version):
                after[version] = self._version(name, version).changed(None, replicas=primitive.copies)
            case primitives.UpdateWorkflowReplica(service=service):
                after = {n: w.changed(service, replicas=primitive.replicas) for n, w in after.items()}
            case primitives.UpdateWorkflowAffinity():
                after = {n: w.changed(None, affinity=primitive.affinity) for n, w in after.items()}
            case primitives.UpdateWorkflowResource():
                fields = primitive.resources.fields()
                after = {n: w.changed(None, **fields) for n, w in after.items()}
        for version, workflow in after.items():
            if workflow != before.versions[version]:
                await self._reapply(before.versions[version], workflow)
        await self._deployments.keep(name, replace(before, versions=after))

    async def _reapply(self, before: OnlineWorkflow, after: OnlineWorkflow) -> None:
        try:
            await self._serving.apply(after)
        except ServiceFailedError:
            await self._serving.apply(before)  # no engine below rolls back by itself
            raise

    async def _delete_instance(self, name: str, version: int) -> None:
        self._version(name, version)
        before = self._deployments[name]
        if version in before.traffic.versions:
            problem = f"version {version} of {name!r} gets requests; give them to another first"
            raise InvalidPrimitiveError(primitive="DeleteWorkflowInstance", problem=problem)
        await self._serving.delete(name, version)
        versions = {number: workflow for number, workflow in before.versions.items() if number != version}
        await self._deployments.keep(name, replace(before, versions=versions))

    async def _delete(self, name: str) -> Deployed:
        generation = self._deployments.generation(name)
        versions = self._deployments[name].versions
        await self._serving.close(name)
        await asyncio.gather(*(self._serving.delete(name, version) for version in versions))
        await self._deployments.drop(name)
        self._tell(WorkflowChanged(workflow=name, generation=generation + 1))
        return Deployed(generation=generation + 1, address="", versions=(), traffic=None)

    # ------------------------------------------------------------------ requests

    async def _route(self, name: str, traffic: Traffic) -> None:
        before = self._deployments[name]
        for version in traffic.versions:
            self._version(name, version)
        await self._routed(name, before.versions, traffic)

    async def _routed(self, name: str, versions: Mapping[int, OnlineWorkflow], traffic: Traffic) -> None:
        address = await self._serving.route(name, traffic, versions)
        await self._deployments.keep(name, Deployment(versions=versions, traffic=traffic, address=address))

    # ------------------------------------------------------------------ looking up

    @property
    def _serving(self) -> Serving:
        if self._made is None:
            problem = "the infrastructure has nothing to serve on; give it `serving`, such as a ServeBackend"
            raise InvalidPrimitiveError(primitive="the primitive", problem=problem)
        return self._made

    def _version(self, name: str, version: int) -> OnlineWorkflow:
        versions = self._deployments[name].versions
        if version not in versions:
            problem = f"version {version} of {name!r} is not deployed; known: {sorted(versions)}"
            raise InvalidPrimitiveError(primitive="the primitive", problem=problem)
        return versions[version]

    def _deployed(self, name: str) -> Deployed:
        now = self._deployments[name]
        generation = self._deployments.generation(name)
        self._tell(WorkflowChanged(workflow=name, generation=generation))
        versions = tuple(sorted(now.versions))
        return Deployed(generation=generation, address=now.address, versions=versions, traffic=now.traffic)


def _named(name: str, workflow: object) -> OnlineWorkflow:
    if not isinstance(workflow, OnlineWorkflow) or workflow.name != name:
        problem = f"give the definition of an online workflow called {name!r}"
        raise InvalidPrimitiveError(primitive="the primitive", problem=problem)
    return workflow
