"""Where agents of tests act for real: the infrastructure actor on the in-process backends."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors import ActorSystem
from scanflow_actors.artifacts import KnowledgeSettings
from scanflow_actors.infrastructure import (
    Infrastructure,
    InfrastructureActor,
    InProcessBackend,
    InProcessServing,
)
from scanflow_actors.primitives import Outcome, Perform, Primitive
from scanflow_actors.workflows import BatchWorkflow, Executor, OnlineWorkflow, Service
from tests.unit.agents.crew import clock_of_loop

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from scanflow_actors.agents import Clock, Team

HEALTH: dict[str, bool] = {}
"""By name of a model, whether it is well."""
SLOW_S: dict[str, float] = {}
"""By name of a model, seconds that it takes longer than it was made to."""
BROKEN: set[str] = set()
"""Names of models that fail."""
NOTED: list[Any] = []
"""What the workflow `note` was run with."""


class Model:
    """Answers with its name after a while; is ill, or fails, when it is told to."""

    def __init__(self, name: str, latency_s: float = 0.0) -> None:
        self._name = name
        self._latency_s = latency_s

    async def __call__(self, given: Any) -> str:
        await asyncio.sleep(self._latency_s + SLOW_S.get(self._name, 0.0))
        if given == "fail" or self._name in BROKEN:
            raise ValueError("it was told to fail")
        return self._name

    async def check_health(self) -> None:
        if not HEALTH.get(self._name, True):
            raise ConnectionError(f"{self._name} is ill")


def note(what: Any) -> Any:
    NOTED.append(what)
    return what


def fail_of(what: str) -> None:
    raise MemoryError(what) if what == "memory" else ValueError(what)


def online(version: int = 1, *, latency_s: float = 0.0, replicas: int = 1, name: str = "w") -> OnlineWorkflow:
    """One model, called after the version."""
    options = {"name": f"v{version}", "latency_s": latency_s}
    model = Service(name="model", run=Model, options=options, replicas=replicas)
    return OnlineWorkflow(name=name, services=(model,), entry="model", version=version)


def batch(name: str, run: Any, **fields: Any) -> BatchWorkflow:
    """One executor that takes `what`."""
    step = Executor(name="step", run=run, takes={"what": "what"}, **fields)
    return BatchWorkflow(name=name, executors=(step,), result="step")


NOTE = batch("note", note)
FAIL = batch("fail", fail_of)

_KEYS = itertools.count()


@dataclass
class Place:
    """An actor system with the infrastructure in it; what it serves and its files outlive it."""

    folder: Path
    workflows: tuple[BatchWorkflow | OnlineWorkflow, ...]
    backend: Any = field(default_factory=InProcessBackend)
    serving: Any = field(default_factory=InProcessServing)
    clock: Clock = field(default_factory=clock_of_loop)
    watch_every_s: float = 10.0

    async def __aenter__(self) -> Self:
        self.system = ActorSystem()
        await self.system.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.system.__aexit__(kind, error, trace)

    async def start(self, team: Team | None = None) -> None:
        """Start the infrastructure, and a team that hears its facts."""
        parts = Infrastructure(
            backend=self.backend,
            workflows=self.workflows,
            ledger=self.folder / "journal.db",
            knowledge=KnowledgeSettings.in_folder(self.folder),
            serving=self.serving,
            subscriptions=() if team is None else team.subscriptions(),
            now_s=self.clock.timestamp_s,
            watch_every_s=self.watch_every_s,
        )
        self.ref = await self.system.spawn(InfrastructureActor, parts, name="infrastructure")
        if team is not None:
            await team.start(self.system)

    async def perform(self, primitive: Primitive) -> Outcome:
        asked = Perform(primitive=primitive, key=f"test-{next(_KEYS)}", by="test")
        return await self.ref.ask(asked, timeout_s=90)

    async def must(self, *primitives: Primitive) -> None:
        for primitive in primitives:
            outcome = await self.perform(primitive)
            assert outcome.is_success, outcome.reason

    async def ask(self, count: int = 1, given: Any = 1, workflow: str = "w") -> list[int]:
        """Ask a workflow so many times, one after the other: the versions that answered, or failed."""
        versions = []
        for _ in range(count):
            try:
                version, _ = await self.serving.ask(workflow, given)
            except ValueError:
                version = -1
            versions.append(version)
        return versions
