"""What a test of the infrastructure works on: its actor, a backend, and all facts that it tells."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Any, TypeVar

from scanflow_actors.actors import Actor, ActorSystem, receive
from scanflow_actors.artifacts import KnowledgeSettings
from scanflow_actors.infrastructure import (
    ExecutorFailed,
    Infrastructure,
    InfrastructureActor,
    ServiceDegraded,
    ServiceRecovered,
    ServiceSlow,
    ServiceUnavailable,
    Subscription,
    WorkflowAdvanced,
    WorkflowChanged,
    WorkflowEnded,
    WorkflowStarted,
)
from scanflow_actors.primitives import Outcome, Perform, Primitive, RunWorkflow
from tests.steps import Gate, Probe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from scanflow_actors.actors import ActorRef
    from scanflow_actors.infrastructure import Backend
    from scanflow_actors.infrastructure.serving import Serving
    from scanflow_actors.workflows import BatchWorkflow, OnlineWorkflow

F = TypeVar("F")

S = TypeVar("S", bound="Site")

_KEYS = itertools.count()


TOLD = (ExecutorFailed, WorkflowChanged, ServiceUnavailable, ServiceDegraded, ServiceRecovered, ServiceSlow)


class Facts:
    """The facts that were told so far."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self.changed = asyncio.Event()

    def of(self, kind: type[F], key: str | None = None) -> list[F]:
        return [fact for fact in self.all if isinstance(fact, kind) and key in {None, _about(fact)}]

    async def has(self, kind: type[F], key: str) -> F:
        """Wait for the first fact of this kind about this run, or workflow."""
        async with asyncio.timeout(60):
            while not (found := self.of(kind, key)):
                self.changed.clear()
                await self.changed.wait()
        return found[0]


def _about(fact: Any) -> str | None:
    return getattr(fact, "key", None) or getattr(fact, "workflow", None)


class Recorder(Actor):
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @receive
    def record(
        self,
        fact: WorkflowStarted
        | WorkflowAdvanced
        | ExecutorFailed
        | WorkflowEnded
        | WorkflowChanged
        | ServiceUnavailable
        | ServiceDegraded
        | ServiceRecovered
        | ServiceSlow,
    ) -> None:
        self._facts.all.append(fact)
        self._facts.changed.set()


class Site:
    """One infrastructure actor and what surrounds it."""

    def __init__(self, folder: Path, backend: Backend, probe: Probe, system: ActorSystem) -> None:
        self.folder = folder
        self.backend = backend
        self.probe = probe
        self.system = system
        self.facts = Facts()
        self._gates: list[Gate] = []
        self.ref: ActorRef

    async def start(self, *workflows: BatchWorkflow | OnlineWorkflow, serving: Serving | None = None) -> None:
        if not self.system.names():
            self._observer = await self.system.spawn(Recorder, self.facts, name="recorder")
        parts = Infrastructure(
            backend=self.backend,
            workflows=workflows,
            ledger=self.folder / "ledger.db",
            knowledge=KnowledgeSettings.in_folder(self.folder),
            observer=self._observer,
            serving=serving,
            watch_every_s=1.0,
            subscriptions=(Subscription(actor="recorder", facts=TOLD),),
        )
        self.ref = await self.system.spawn(InfrastructureActor, parts, name="infrastructure")

    async def restart(self, *workflows: BatchWorkflow) -> None:
        """Stop the actor, and start another on the same folder."""
        await self.system.stop(self.ref)
        await self.start(*workflows)

    async def perform(self, primitive: Primitive, key: str | None = None) -> Outcome:
        key = key or f"key-{next(_KEYS)}"
        return await self.ref.ask(Perform(primitive=primitive, key=key, by="test"), timeout_s=90)

    async def run(self, workflow: str, key: str | None = None, **parameters: Any) -> Outcome:
        return await self.perform(RunWorkflow(workflow=workflow, parameters=parameters), key)

    def later(self, primitive: Primitive, key: str | None = None) -> asyncio.Task[Outcome]:
        return asyncio.ensure_future(self.perform(primitive, key))

    def gate(self) -> Gate:
        gate = Gate(self.folder / f"gate-{len(self._gates)}")
        self._gates.append(gate)
        return gate

    def close(self) -> None:
        for gate in self._gates:
            gate.open()
        self.probe.close()


@contextlib.asynccontextmanager
async def opened(folder: Path, backend: Backend, kind: type[S]) -> AsyncIterator[S]:
    async with ActorSystem("site") as system:
        site = kind(folder, backend, await Probe.listening(), system)
        try:
            yield site
        finally:
            site.close()
