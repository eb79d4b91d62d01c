"""A backend in one process: executors run in threads. For the tests of users, and for small things."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import ExecutorFailedError, ServiceFailedError, UnknownWorkflowError
from scanflow_actors.infrastructure.dispatch import Dispatch
from scanflow_actors.infrastructure.facts import FailureReason
from scanflow_actors.infrastructure.node import Code, answer
from scanflow_actors.infrastructure.places import Places
from scanflow_actors.infrastructure.runs import BatchRuns
from scanflow_actors.infrastructure.serving import ServiceState, bound_s
from scanflow_actors.infrastructure.work import Job, work
from scanflow_actors.workflows.service import Scaling

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scanflow_actors.infrastructure.node import Ask
    from scanflow_actors.infrastructure.run import Call
    from scanflow_actors.infrastructure.usage import Usage
    from scanflow_actors.workflows.online import OnlineWorkflow
    from scanflow_actors.workflows.service import Service
    from scanflow_actors.workflows.traffic import Traffic

_log = logging.getLogger(__name__)


class InProcessBackend(BatchRuns):
    """Really runs executors, in threads of this process.

    A thread cannot be killed: an executor that is stopped or too slow goes on unheard until it returns.
    Bounds of memory, environments and affinities say something about processes and nodes; they are ignored.
    """

    def __init__(self, *, cache: Path | None = None) -> None:
        """Make the backend.

        Args:
            cache: Folder for the results of cached executors; None caches nothing.
        """
        super().__init__(_Threads(cache))


class _Threads:
    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._places = Places(max(4, os.cpu_count() or 1))

    async def launch(self, call: Call) -> Any:
        executor = call.executor
        async with self._places.place(executor.num_cpus, executor.priority):
            try:
                async with asyncio.timeout(executor.timeout_s):
                    report, result = await asyncio.to_thread(
                        work, Job.of(executor), call.arguments, self._cache, is_alone=False
                    )
            except TimeoutError as error:
                raise timed_out(call) from error
        if report.reason is not None:
            raise ExecutorFailedError(
                executor=executor.name, reason=report.reason.value, message=report.message, log=report.log
            )
        return result

    async def value(self, handle: Any) -> Any:
        return handle


def timed_out(call: Call, log: str = "") -> ExecutorFailedError:
    """The failure of a call that took too long, with what it had printed."""
    return ExecutorFailedError(
        executor=call.executor.name,
        reason=FailureReason.TIMEOUT.value,
        message=f"it had not ended after {call.executor.timeout_s:g} s",
        log=log,
    )


class InProcessServing:
    """Online workflows in this process: services answer, without replicas, an address or batches.

    ::

        serving = InProcessServing()
        ...  # given to the infrastructure as `serving`; then, once a workflow is deployed:
        version, answer = await serving.ask("classifier", image)
    """

    def __init__(self) -> None:
        self._fronts: dict[str, Dispatch] = {}
        self._workflows: dict[tuple[str, int], OnlineWorkflow] = {}
        self._entries: dict[tuple[str, int], Ask] = {}
        self._codes: dict[tuple[str, int], dict[str, Code]] = {}

    async def ask(self, workflow: str, given: Any, **headers: str) -> tuple[int, Any]:
        """Ask a workflow as a client would: the version that answered, and its answer.

        Raises:
            UnknownWorkflowError: It is not deployed.
            TimeoutError: Its latency bound has passed.
        """
        if workflow not in self._fronts:
            raise UnknownWorkflowError(workflow=workflow, known=tuple(sorted(self._fronts)))
        front = self._fronts[workflow]
        version = front.choose(headers)
        return version, await front.ask(version, given)

    async def apply(self, workflow: OnlineWorkflow) -> None:
        """Make the services of a version."""
        try:
            codes = {service.name: Code(service) for service in workflow.services}
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise ServiceFailedError(workflow=workflow.name, problem=problem) from error
        self._codes[workflow.name, workflow.version] = codes
        self._entries[workflow.name, workflow.version] = _graph(workflow, codes)
        self._workflows[workflow.name, workflow.version] = workflow

    async def delete(self, workflow: str, version: int) -> None:
        """Wait until nothing is under way in a version, and drop it."""
        if workflow in self._fronts:
            await self._fronts[workflow].drained(version)
        self._entries.pop((workflow, version), None)
        self._workflows.pop((workflow, version), None)
        self._codes.pop((workflow, version), None)

    async def route(self, workflow: str, traffic: Traffic, versions: Mapping[int, OnlineWorkflow]) -> str:
        """Let requests go by these shares."""
        asks = {version: self._entries[workflow, version] for version in traffic.versions}
        front = self._fronts.setdefault(workflow, Dispatch())
        front.set(traffic, asks, bound_s(traffic, versions))
        return f"inprocess:{workflow}"

    async def close(self, workflow: str) -> None:
        """Take requests no more."""
        del self._fronts[workflow]

    async def states(self) -> dict[tuple[str, int], dict[str, ServiceState]]:
        """As many as were asked for, or none when the service's ``check_health`` raises."""
        workflows = tuple(self._workflows.items())
        return {
            key: {service.name: await self._state(key, service) for service in workflow.services}
            for key, workflow in workflows
        }

    async def _state(self, key: tuple[str, int], service: Service) -> ServiceState:
        wanted = service.replicas.least if isinstance(service.replicas, Scaling) else service.replicas
        try:
            await self._codes[key][service.name].check_health()
        except Exception as error:  # noqa: BLE001 - a service's code may raise anything: then it is ill
            _log.info("%s of %s is ill: %s", service.name, key[0], error)
            return ServiceState(running=0, wanted=wanted)
        return ServiceState(running=wanted, wanted=wanted)

    async def usage(self, workflow: str) -> dict[int, Usage]:
        """As its front has counted."""
        return dict(self._fronts[workflow].usage) if workflow in self._fronts else {}


def _graph(workflow: OnlineWorkflow, codes: Mapping[str, Code]) -> Ask:
    made: dict[str, Ask] = {}

    def make(service: Service) -> Ask:
        if service.name not in made:
            fed = {name: make(workflow.service(name)) for name in service.feeds}
            made[service.name] = functools.partial(answer, service.kind, codes[service.name], fed)
        return made[service.name]

    return make(workflow.service(workflow.entry))
