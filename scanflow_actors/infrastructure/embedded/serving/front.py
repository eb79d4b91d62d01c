"""The address of an online workflow, as a Ray Serve deployment."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ray import serve

from scanflow_actors.infrastructure.dispatch import Dispatch
from scanflow_actors.infrastructure.embedded.serving.node import asking, replica_id
from scanflow_actors.infrastructure.embedded.serving.respond import respond
from scanflow_actors.workflows.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import JSONResponse

    from scanflow_actors.infrastructure.usage import Usage


class Front:
    """Deals requests out to versions, by a traffic that may change at any time."""

    def __init__(self) -> None:
        self._dispatch = Dispatch()

    async def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Take on other shares. Called by Serve, on the replicas that run."""
        traffic = Traffic.of(config["traffic"])
        applications: Mapping[str, str] = config["applications"]
        asks = {
            version: asking(serve.get_app_handle(applications[str(version)])) for version in traffic.versions
        }
        self._dispatch.set(traffic, asks, config["latency_bound_s"])

    async def __call__(self, request: Request) -> JSONResponse:
        """Answer one HTTP request."""
        version = self._dispatch.choose(request.headers)
        return await respond(request, version, functools.partial(self._dispatch.ask, version))

    async def predict(self, given: Any) -> tuple[int, Any]:
        """Answer a call from within the cluster: the version, and its answer."""
        version = self._dispatch.choose({})
        return version, await self._dispatch.ask(version, given)

    async def usage(self) -> tuple[str, dict[int, Usage]]:
        """Which replica this is, and what came of the requests that it has dealt out."""
        return replica_id(), dict(self._dispatch.usage)

    async def drained(self, version: int) -> None:
        """Wait until no request is under way in a version."""
        await self._dispatch.drained(version)
