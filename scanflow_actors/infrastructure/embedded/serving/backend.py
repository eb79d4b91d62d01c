"""Ray Serve as the engine of online workflows.

Each version of a workflow is an application of its own: what happens to one never touches another. A further
one, the `Front`, has the workflow's address, and its configuration says who answers; while one version gets
all requests, it has the longer address itself, and the front's hop is saved.
Each deployment carries a code version that we set, so that Serve keeps replicas where only numbers change.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from scanflow_actors.errors import ServiceFailedError
from scanflow_actors.infrastructure.embedded import apart
from scanflow_actors.infrastructure.embedded.serving import controller, scaling
from scanflow_actors.infrastructure.embedded.serving.front import Front
from scanflow_actors.infrastructure.embedded.serving.node import Node
from scanflow_actors.infrastructure.serving import ServiceState, bound_s
from scanflow_actors.infrastructure.usage import Usage
from scanflow_actors.workflows.container import function_of
from scanflow_actors.workflows.executor import Affinity
from scanflow_actors.workflows.service import ScaleBy, Scaling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray.serve.deployment import Application

    from scanflow_actors.workflows.online import OnlineWorkflow
    from scanflow_actors.workflows.service import Service
    from scanflow_actors.workflows.traffic import Traffic

_FRONT = "front"

_POLICIES = {
    by: f"{scaling.__name__}:{policy.__name__}"
    for by, policy in ((ScaleBy.QUERIES, scaling.by_queries), (ScaleBy.CPU, scaling.by_cpus))
}

ASK = "ask"
"""Last part of a workflow's address. The front has all that is before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeBackend:
    """Online workflows on a running Ray; Serve is started with the first."""

    host: str = "127.0.0.1"
    """Address that HTTP requests are taken at."""
    port: int = 8000
    front_replicas: int = 1
    front_num_cpus: float = 0
    is_direct: bool = True
    """Whether a version that gets all requests gets them without the front's hop; its latency bound counts
    then from when a replica takes the request."""
    drain_timeout_s: float = 30.0
    """Seconds that a replica gets to end what it has begun."""
    health_check_period_s: float = 2.0
    start_tries: int = 3
    """Times that a replica is started anew before its version has failed."""
    open_timeout_s: float = 30.0
    """Seconds for the proxy to learn of a new address."""
    open_poll_s: float = 0.05
    _counted: dict[tuple[str, str], dict[int, Usage]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """By workflow and replica, what each replica said last of the requests that it answered."""
    _avoiding: dict[str, frozenset[str]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """By application, nodes that it had to avoid when applied; for others, Serve makes all replicas anew."""

    async def apply(self, workflow: OnlineWorkflow) -> None:
        """Deploy a version, or change the one that is deployed: new replicas come before old ones go."""
        await self._ensure_started()
        name = _application(workflow.name, workflow.version)
        self._avoiding[name] = await self._avoided(workflow)
        routes = await controller.routes()
        try:
            await controller.run(lambda: self._graph(workflow), name, routes.get(name))
        except ServiceFailedError as error:
            if name not in routes:
                await controller.delete(name)
            raise ServiceFailedError(workflow=workflow.name, problem=error.problem) from error

    async def delete(self, workflow: str, version: int) -> None:
        """Wait until the front has nothing under way in a version, and take it away."""
        name = _application(workflow, version)
        if workflow in await controller.applications():
            await controller.told(workflow, "drained", version)
        await controller.delete(name)

    async def route(self, workflow: str, traffic: Traffic, versions: Mapping[int, OnlineWorkflow]) -> str:
        """Open the address, or let others answer there; replicas stay."""
        await self._ensure_started()
        await controller.run(lambda: self._front(workflow, traffic, versions), workflow, f"/{workflow}")
        await self._open(workflow, f"/{workflow}", workflow)
        await self._shorten(workflow, traffic.only if self.is_direct else None, versions)
        return f"http://{self.host}:{self.port}/{workflow}/{ASK}"

    def _front(self, workflow: str, traffic: Traffic, versions: Mapping[int, OnlineWorkflow]) -> Application:
        config = {
            "traffic": traffic.document(),
            "latency_bound_s": bound_s(traffic, versions),
            "applications": {str(version): _application(workflow, version) for version in traffic.versions},
        }
        front: Application = _deployment(
            Front,
            name=_FRONT,
            num_replicas=self.front_replicas,
            user_config=config,
            max_ongoing_requests=1000,
            ray_actor_options={"num_cpus": self.front_num_cpus},
        ).bind()
        return front

    async def _shorten(self, workflow: str, only: int | None, versions: Mapping[int, OnlineWorkflow]) -> None:
        """Let the version that gets all requests have the longer address itself: it goes before the front's.

        Whoever had it loses it first. Meanwhile the front answers there, so no request is without an answer;
        where the version is not well, it goes on to.
        """
        path = f"/{workflow}/{ASK}"
        routes = await controller.routes()
        for version, definition in versions.items():
            name = _application(workflow, version)
            if routes.get(name) == path and version != only:
                await self._remember_avoided(definition)
                await controller.deploy(partial(self._graph, definition), name, None)
                await self._open(workflow, path, None)
        if only is None or routes.get(name := _application(workflow, only)) == path:
            return
        if (await controller.applications())[name].status == "RUNNING":
            await self._remember_avoided(versions[only])
            await controller.run(partial(self._graph, versions[only]), name, path)
            await self._open(workflow, path, name)

    async def _remember_avoided(self, workflow: OnlineWorkflow) -> None:
        """For a version that an earlier life of this backend has deployed."""
        name = _application(workflow.name, workflow.version)
        if name not in self._avoiding:
            self._avoiding[name] = await self._avoided(workflow)

    async def _open(self, workflow: str, path: str, application: str | None) -> None:
        """Wait until the proxy knows whose an address is: it hears of it after the application runs."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.open_timeout_s
        while (await asyncio.to_thread(self._routes)).get(path) != application:
            if loop.time() > deadline:
                problem = f"the proxy had not heard of its address after {self.open_timeout_s:g} s"
                raise ServiceFailedError(workflow=workflow, problem=problem)
            await asyncio.sleep(self.open_poll_s)

    def _routes(self) -> dict[str, str]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.open_timeout_s)
        try:
            connection.request("GET", "/-/routes")
            response = connection.getresponse()
            routes: dict[str, str] = json.load(response) if response.status == HTTPStatus.OK else {}
            return routes
        finally:
            connection.close()

    async def close(self, workflow: str) -> None:
        """Take the front away."""
        for known in [known for known in self._counted if known[0] == workflow]:
            del self._counted[known]
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
        """As fronts and entries with the address have counted; of replicas that are gone, their last word."""
        for name, application in (await controller.applications()).items():
            if application.status == "RUNNING" and workflow in {name, name.rpartition(".v")[0]}:
                for replica, counts in await controller.told(name, "usage"):
                    self._counted[workflow, replica] = counts
        totals: dict[int, Usage] = {}
        for (asked, _), counts in self._counted.items():
            for version, usage in counts.items() if asked == workflow else ():
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

    def _graph(self, workflow: OnlineWorkflow) -> Application:
        """Bind the services from the last to the first; one that two feed is there once."""
        avoid = self._avoiding[_application(workflow.name, workflow.version)]
        bound: dict[str, Application] = {}

        def bind(service: Service) -> Application:
            function_of(workflow.name, f"service {service.name!r}", service.run)
            if service.name not in bound:
                fed = [bind(workflow.service(name)) for name in service.feeds]
                node = self._node(service, avoid)
                bound[service.name] = node.bind(service, workflow.version, workflow.latency_bound_s, *fed)
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
            if service.replicas.by in _POLICIES:  # only replicas that begin with such a policy say anything
                scale["version"] = "measured"
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


def _deployment(kind: type, *, version: str = "1", **options: Any) -> Any:
    """A deployment whose code version is ours: by Serve's own, every deployment restarts all replicas."""
    deployment: Any = serve.deployment(kind)
    return deployment.options(_internal=True, version=version, graceful_shutdown_wait_loop_s=0.2, **options)


def _autoscaling(wanted: Scaling) -> AutoscalingConfig:
    policy: Any = AutoscalingPolicy  # ray leaves it untyped
    own = {"policy": policy(policy_function=_POLICIES[wanted.by])} if wanted.by in _POLICIES else {}
    return AutoscalingConfig(
        **own,
        min_replicas=wanted.least,
        max_replicas=wanted.most,
        target_ongoing_requests=wanted.per_replica,
        look_back_period_s=wanted.window_s,
        upscale_delay_s=wanted.up_after_s,
        downscale_delay_s=wanted.down_after_s,
    )
