"""The address of an online workflow, as a Ray Serve deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException
from starlette.responses import JSONResponse

from scanflow_actors.infrastructure.dispatch import Dispatch
from scanflow_actors.infrastructure.embedded.serving.node import asking
from scanflow_actors.workflows.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from scanflow_actors.infrastructure.usage import Usage

VERSION_HEADER = "x-scanflow-version"
"""Header of an answer: the version that gave it."""


class Front:
    """Takes JSON in a request's body, and answers JSON.

    200 with the answer; 400 for a body that is no JSON; 500 when a service raised; 503 when none is there or
    all are full; 504 when the latency bound has passed.
    """

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
        try:
            given = await request.json()
        except ValueError as error:
            return JSONResponse({"error": f"the body is no JSON: {error}"}, status_code=400)
        version = self._dispatch.choose(request.headers)
        headers = {VERSION_HEADER: str(version)}
        try:
            answer = await self._dispatch.ask(version, given)
        except TimeoutError:
            problem, status = "no answer within the latency bound", 504
        except RayTaskError as error:
            problem, status = f"{type(error.cause).__name__}: {error.cause}", 500
        except (BackPressureError, DeploymentUnavailableError, RayServeException, RayError) as error:
            problem, status = f"{type(error).__name__}: {error}", 503
        else:
            return JSONResponse(answer, headers=headers)
        return JSONResponse({"error": problem}, status_code=status, headers=headers)

    async def predict(self, given: Any) -> tuple[int, Any]:
        """Answer a call from within the cluster: the version, and its answer."""
        version = self._dispatch.choose({})
        return version, await self._dispatch.ask(version, given)

    async def usage(self) -> dict[int, Usage]:
        """What came of the requests that this replica has dealt out."""
        return dict(self._dispatch.usage)

    async def drained(self, version: int) -> None:
        """Wait until no request is under way in a version."""
        await self._dispatch.drained(version)
