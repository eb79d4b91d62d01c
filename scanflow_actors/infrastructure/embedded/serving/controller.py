"""Calls to Ray Serve: each short, off the event loop, and one at a time.

Its client is not safe for threads: in Ray 2.60 two calls at once lose each other's registrations for pickle.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from ray import serve
from ray.exceptions import RayError
from ray.serve import RunTarget
from ray.serve.exceptions import RayServeException

from scanflow_actors.errors import ServiceFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ray.serve.deployment import Application

T = TypeVar("T")

POLL_S = 0.5
"""Seconds between two looks at an application that comes up or goes; a look costs tens of ms of CPU."""

_ONE = threading.Lock()


async def _call(function: Callable[[], T]) -> T:
    def alone() -> T:
        with _ONE:
            return function()

    try:
        return await asyncio.to_thread(alone)
    except (RayError, RayServeException) as error:
        raise ServiceFailedError(workflow="*", problem=f"no word from Serve: {error}") from error


async def start(options: Mapping[str, Any]) -> None:
    """Start Serve, unless it runs."""
    await _call(lambda: serve.start(http_options=dict(options)))


async def applications() -> Mapping[str, Any]:
    """All applications by name, with their deployments."""
    return (await _call(serve.status)).applications


async def routes() -> dict[str, str | None]:
    """All applications by name, with the address that each has."""
    from ray.serve.context import _get_global_client  # noqa: PLC0415 - private, and Serve has no other

    def look() -> dict[str, Any]:
        client: Any = _get_global_client()
        found: dict[str, Any] = client.get_serve_details()["applications"]
        return found

    found = await _call(look)
    return {name: application["route_prefix"] for name, application in found.items()}


async def told(name: str, method: str, *args: Any) -> list[Any]:
    """Have every replica of an application's entry carry out a method: their answers.

    Raises:
        ServiceFailedError: It is gone, or one of them could not.
    """
    handle: Any = await _call(lambda: serve.get_app_handle(name))
    try:
        answers: list[Any] = await handle.broadcast(method, *args).results_async()
    except (RayError, RayServeException) as error:
        raise ServiceFailedError(workflow=name, problem=f"no word from its front: {error}") from error
    return answers


async def deploy(make: Callable[[], Application], name: str, route_prefix: str | None) -> None:
    """Say what an application is to be, and do not wait. Making its deployments is a call to Serve too."""

    def start() -> None:
        target = RunTarget(target=make(), name=name, route_prefix=route_prefix)
        serve.run_many([target], wait_for_applications_running=False)

    await _call(start)


async def run(make: Callable[[], Application], name: str, route_prefix: str | None) -> None:
    """Deploy an application, and wait until it runs.

    Raises:
        ServiceFailedError: It did not come up; what Serve says of its deployments is in the problem.
    """
    await deploy(make, name, route_prefix)
    while True:
        application = (await applications()).get(name)
        if application is None:
            raise ServiceFailedError(workflow=name, problem="it was deleted while it came up")
        if application.status == "RUNNING":
            return
        if application.status == "DEPLOY_FAILED":
            said = [each.message for each in application.deployments.values() if each.message]
            raise ServiceFailedError(workflow=name, problem="; ".join(said) or application.message)
        await asyncio.sleep(POLL_S)


async def delete(name: str) -> None:
    """Delete an application, and wait until it is gone; none is fine too."""
    if name not in await applications():
        return
    await _call(lambda: serve.delete(name, _blocking=False))
    while True:
        if name not in await applications():
            return
        await asyncio.sleep(POLL_S)
