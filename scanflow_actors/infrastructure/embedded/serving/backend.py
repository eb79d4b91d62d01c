"""Ray Serve as the engine of online workflows.

Each version of a workflow is an application of its own, without an address: what happens to one never touches
another. The workflow's address is a further application, the `Front`, whose configuration says who answers.
Each deployment carries a code version that we set, so that Serve keeps replicas where only numbers change.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.serve.config import AutoscalingConfig

from scanflow_actors.errors import ServiceFailedError
from scanflow_actors.infrastructure.embedded import apart
from scanflow_actors.infrastructure.embedded.serving import controller
from scanflow_actors.infrastructure.embedded.serving.front import Front
from scanflow_actors.infrastructure.embedded.serving.node import Node
from scanflow_actors.infrastructure.serving import ServiceState
from scanflow_actors.infrastructure.usage import Usage
from scanflow_actors.workflows.executor import Affinity
from scanflow_actors.workflows.service import Scaling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray.serve.deployment import Application

    from scanflow_actors.workflows.online import OnlineWorkflow
    from scanflow_actors.workflows.service import Service
    from scanflow_actors.workflows.traffic import Traffic

_FRONT = "front"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeBackend:
    """Online workflows on a running Ray; Serve is started with the first."""

    host: str = "127.0.0.1"
    """Address that HTTP requests are taken at."""
    port: int = 8000
    front_replicas: int = 1
    front_num_cpus: float = 0
    drain_timeout_s: float = 30.0
    """Seconds that a replica gets to end what it has begun."""
    health_check_period_s: float = 2.0
    start_tries: int = 3
    """Times that a replica is started anew before its version has failed."""
    open_timeout_s: float = 30.0
    """Seconds for the proxy to learn of a new address."""
    open_poll_s: float = 0.05

    async def apply(self, workflow: OnlineWorkflow) -> None:
        """Deploy a version, or change the one that is deployed: new replicas come before old ones go."""
        await self._ensure_started()
        name = _application(workflow.name, workflow.version)
        avoid = await self._avoided(workflow)
        is_new = name not in await controller.applications()
        try:
            await controller.run(lambda: self._graph(workflow, avoid), name, None)
        except ServiceFailedError as error:
            if is_new:
                await controller.delete(name)
            raise ServiceFailedError(workflow=workflow.name, problem=error.problem) from error

    async def delete(self, workflow: str, version: int) -> None:
        """Wait until the front has nothing under way in a version, and take it away."""
        name = _application(workflow, version)
        if workflow in await controller.applications():
            await controller.told(workflow, "drained", version)
        await controller.delete(name)

    async def route(self, workflow: str, traffic: Traffic, latency_bound_s: float) -> str:
        """Open the address, or give its front other shares; its replicas stay."""
        await self._ensure_started()
        config = {
            "traffic": traffic.document(),
            "latency_bound_s": latency_bound_s,
            "applications": {str(version): _application(workflow, version) for version in traffic.versions},
        }
        await controller.run(lambda: self._front(config), workflow, f"/{workflow}")
        await self._open(workflow)
        return f"http://{self.host}:{self.port}/{workflow}"

    async def _open(self, workflow: str) -> None:
        """Wait until the proxy knows the address: it hears of it after the application runs."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.open_timeout_s
        while f'"/{workflow}"' not in await asyncio.to_thread(self._routes):
            if loop.time() > deadline:
                problem = f"its address was not open after {self.open_timeout_s:g} s"
                raise ServiceFailedError(workflow=workflow, problem=problem)
            await asyncio.sleep(self.open_poll_s)

    def _routes(self) -> str:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.open_timeout_s)
        try:
            connection.request("GET", "/-/routes")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    async def close(self, workflow: str) -> None:
        """Take the front away."""
        await asyncio.to_thread(apart.wish, workflow, ())
        await controller.delete(workflow)

    async def states(self) -> Mapping[tuple[str, int], Mapping[str, ServiceState]]:
        """Count replicas that answer, not those that are wanted."""
        found = {}
        for name, application in (await controller.applications()).items():
            workflow, mark, version = name.rpartition(".v")
            if mark and version.isdigit():
                found[workflow, int(version)] = {
                    service: ServiceState(
                        running=each.replica_states.get("RUNNING", 0),
                        wanted=sum(n for state, n in each.replica_states.items() if state != "STOPPING"),
                    )
                    for service, each in application.deployments.items()
                }
        return found

    async def usage(self, workflow: str) -> Mapping[int, Usage]:
        """As all replicas of the front have counted."""
        if workflow not in await controller.applications():
            return {}
        totals: dict[int, Usage] = {}
        for replica in await controller.told(workflow, "usage"):
            for version, usage in replica.items():
                totals[version] = totals.get(version, Usage()).plus(usage)
        return totals

    async def _ensure_started(self) -> None:
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        await controller.start({"host": self.host, "port": self.port})

    async def _avoided(self, workflow: OnlineWorkflow) -> frozenset[str]:
        """Nodes of those that it must not meet."""
        wishes = {name for service in workflow.services for name in service.affinity.apart_from}
        affinity = Affinity(apart_from=tuple(sorted(wishes)))
        alive = await asyncio.to_thread(apart.alive)
        if len(alive) == 1:
            return frozenset()
        await asyncio.to_thread(apart.wish, workflow.name, affinity.apart_from)
        avoid = await asyncio.to_thread(apart.avoided, workflow.name, affinity)
        if not alive - avoid:
            problem = "those that it is to be apart from are on every node"
            raise ServiceFailedError(workflow=workflow.name, problem=problem)
        return avoid

    def _front(self, config: Mapping[str, Any]) -> Application:
        front = _deployment(
            Front,
            name=_FRONT,
            num_replicas=self.front_replicas,
            user_config=config,
            max_ongoing_requests=1000,
            ray_actor_options={"num_cpus": self.front_num_cpus},
        )
        application: Application = front.bind()
        return application

    def _graph(self, workflow: OnlineWorkflow, avoid: frozenset[str]) -> Application:
        """Bind the services from the last to the first; one that two feed is there once."""
        bound: dict[str, Application] = {}

        def bind(service: Service) -> Application:
            if service.name not in bound:
                fed = [bind(workflow.service(name)) for name in service.feeds]
                bound[service.name] = self._node(service, avoid).bind(service, *fed)
            return bound[service.name]

        return bind(workflow.service(workflow.entry))

    def _node(self, service: Service, avoid: frozenset[str]) -> Any:
        options: dict[str, Any] = {"num_cpus": service.num_cpus, "num_gpus": service.num_gpus}
        if service.memory_bytes is not None:
            options["memory"] = service.memory_bytes
        if labels := apart.selector(service.affinity, avoid):
            options["label_selector"] = labels
        if isinstance(service.replicas, Scaling):
            scale: dict[str, Any] = {"autoscaling_config": _autoscaling(service.replicas)}
        else:
            scale = {"num_replicas": service.replicas}
        return _deployment(
            Node,
            name=service.name,
            max_ongoing_requests=service.max_ongoing,
            ray_actor_options=options,
            health_check_period_s=self.health_check_period_s,
            graceful_shutdown_timeout_s=self.drain_timeout_s,
            max_surge_percent=100,
            max_constructor_retry_count=self.start_tries,
            **scale,
        )


def _application(workflow: str, version: int) -> str:
    return f"{workflow}.v{version}"


def _deployment(kind: type, **options: Any) -> Any:
    """A deployment whose code version is ours: by Serve's own, every deployment restarts all replicas."""
    deployment: Any = serve.deployment(kind)
    return deployment.options(_internal=True, version="1", graceful_shutdown_wait_loop_s=0.2, **options)


def _autoscaling(scaling: Scaling) -> AutoscalingConfig:
    return AutoscalingConfig(
        min_replicas=scaling.least,
        max_replicas=scaling.most,
        target_ongoing_requests=scaling.requests_per_replica,
        look_back_period_s=scaling.window_s,
        upscale_delay_s=scaling.up_after_s,
        downscale_delay_s=scaling.down_after_s,
    )
