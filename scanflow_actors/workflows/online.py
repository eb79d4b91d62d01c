"""An online workflow: a graph of services that run until they are deleted."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import InvalidWorkflowError
from scanflow_actors.workflows.container import Container
from scanflow_actors.workflows.service import FEEDS, METRICS_INTERVAL_S, Scaling

if TYPE_CHECKING:
    from scanflow_actors.workflows.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineWorkflow:
    """Services that feed each other; what enters at one of them is answered within a bound.

    Raises:
        InvalidWorkflowError: A cycle, a name that is unknown, there twice or not reached, a service that
            feeds too few or too many, a number out of its range. The place is named.
    """

    name: str
    services: tuple[Service, ...]
    entry: str
    """The service that gets each request first."""
    version: int = 1
    """Two definitions of one workflow have two versions; both may be deployed at once."""
    latency_bound_s: float = 10.0
    """Seconds for one request; one that takes longer has failed."""

    def __post_init__(self) -> None:
        names = [service.name for service in self.services]
        for name in names:
            if names.count(name) > 1:
                raise self._invalid(f"service {name!r}", "this name is there twice; rename one")
        if self.entry not in names:
            raise self._invalid("entry", f"no service is called {self.entry!r}; use one of {names}")
        if self.version < 1:
            raise self._invalid("version", f"must be at least 1; got {self.version}")
        if self.latency_bound_s <= 0:
            raise self._invalid("latency_bound_s", f"must be above 0; got {self.latency_bound_s:g}")
        for service in self.services:
            self._check(service, names)
        self._check_graph()

    def _check(self, service: Service, names: list[str]) -> None:
        place = f"service {service.name!r}"
        for fed in service.feeds:
            if fed not in names:
                raise self._invalid(place, f"it feeds {fed!r}, which is not there; use one of {names}")
        least, most = FEEDS[service.kind]
        count = len(service.feeds)
        if count < least or (most is not None and count > most):
            bound = f"at least {least}" if most is None else f"{least} to {most}"
            raise self._invalid(place, f"a {service.kind.value} feeds {bound} services; this one {count}")
        self._check_numbers(service, place)
        if isinstance(service.run, Container):
            return
        try:
            if inspect.isclass(service.run):
                inspect.signature(service.run).bind(**service.options)
            else:
                inspect.signature(service.run).bind(None, **service.options)
        except TypeError as error:
            raise self._invalid(place, f"{error}; give it by options") from error

    def _check_numbers(self, service: Service, place: str) -> None:
        scaling = service.replicas
        least = scaling.least if isinstance(scaling, Scaling) else scaling
        if least < 1:
            raise self._invalid(place, f"replicas must be at least 1; got {least}")
        if isinstance(scaling, Scaling) and scaling.most < scaling.least:
            raise self._invalid(place, f"replicas: most {scaling.most} is below least {scaling.least}")
        if isinstance(scaling, Scaling) and scaling.window_s <= METRICS_INTERVAL_S:
            raise self._invalid(place, f"replicas: window_s must be above {METRICS_INTERVAL_S:g}")
        if isinstance(scaling, Scaling) and scaling.per_replica <= 0:
            raise self._invalid(place, f"replicas: per_replica must be above 0; got {scaling.per_replica:g}")
        for field, value, bound in (
            ("num_cpus", service.num_cpus, 0),
            ("num_gpus", service.num_gpus, 0),
            ("max_ongoing", service.max_ongoing, 1),
            ("max_batch", service.max_batch, 1),
        ):
            if value < bound:
                raise self._invalid(place, f"{field} must be at least {bound}; got {value:g}")

    def _check_graph(self) -> None:
        graph = {service.name: service.feeds for service in self.services}
        try:
            tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            path = " → ".join(reversed(error.args[1]))
            raise self._invalid("services", f"they feed each other in a cycle: {path}; cut one") from error
        reached = {self.entry}
        ahead = [self.entry]
        while ahead:
            fresh = set(graph[ahead.pop()]) - reached
            reached |= fresh
            ahead.extend(fresh)
        if idle := sorted(graph.keys() - reached):
            raise self._invalid(
                f"service {idle[0]!r}", f"nothing feeds it from {self.entry!r}; feed or drop it"
            )

    def service(self, name: str) -> Service:
        """The service called `name`.

        Raises:
            InvalidWorkflowError: There is none.
        """
        for service in self.services:
            if service.name == name:
                return service
        known = [service.name for service in self.services]
        raise self._invalid("services", f"no service is called {name!r}; use one of {known}")

    def changed(self, service: str | None, **fields: Any) -> OnlineWorkflow:
        """A copy in which fields of one service, or of all, have other values.

        Raises:
            InvalidWorkflowError: No such service, or the copy cannot work.
        """
        if service is not None:
            self.service(service)
        changed = tuple(
            replace(each, **fields) if service in {None, each.name} else each for each in self.services
        )
        return replace(self, services=changed)

    def _invalid(self, place: str, problem: str) -> InvalidWorkflowError:
        return InvalidWorkflowError(workflow=self.name, place=place, problem=problem)
