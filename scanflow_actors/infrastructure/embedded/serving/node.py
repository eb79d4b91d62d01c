"""One replica of one service, as a Ray Serve deployment."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from ray import serve
from starlette.requests import Request

from scanflow_actors.infrastructure.embedded.serving import scaling
from scanflow_actors.infrastructure.embedded.serving.respond import respond
from scanflow_actors.infrastructure.node import Code, answer
from scanflow_actors.infrastructure.usage import Usage

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle

    from scanflow_actors.infrastructure.node import Ask
    from scanflow_actors.workflows.service import Service


class Node:
    """Runs a service's code on what it gets, and hands on to those that it feeds.

    The entry of a version that has the address alone gets requests over HTTP, as they are; all others get
    what is in them, through a handle.
    """

    def __init__(
        self, service: Service, version: int, latency_bound_s: float, *fed: DeploymentHandle[Any]
    ) -> None:
        self._version = version
        self._bound_s = latency_bound_s
        self._usage = Usage()
        self._asked = 0
        self._looked = (time.monotonic(), 0, time.process_time())
        self._kind = service.kind
        self._code = Code(service)
        self._run = _batched(self._code, service) if service.max_batch > 1 else self._code
        self._fed = {name: asking(handle) for name, handle in zip(service.feeds, fed, strict=True)}

    async def __call__(self, given: Any) -> Any:
        """Answer one input, or one HTTP request."""
        self._asked += 1
        if isinstance(given, Request):
            return await respond(given, self._version, self._in_time)
        return await answer(self._kind, self._run, self._fed, given)

    async def _in_time(self, given: Any) -> Any:
        start_s = time.monotonic()
        try:
            async with asyncio.timeout(self._bound_s):
                own = await answer(self._kind, self._run, self._fed, given)
        except Exception as error:
            self._count(start_s, is_failure=True, is_late=isinstance(error, TimeoutError))
            raise
        self._count(start_s, is_failure=False)
        return own

    def _count(self, start_s: float, *, is_failure: bool, is_late: bool = False) -> None:
        latency_s = time.monotonic() - start_s
        self._usage = self._usage.with_request(latency_s, is_failure=is_failure, is_late=is_late)

    async def usage(self) -> tuple[str, dict[int, Usage]]:
        """Which replica this is, and what came of the requests that it got itself, not from a front."""
        return replica_id(), {self._version: self._usage}

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Say what this replica does, to policies that ask. Called by Serve, every other second."""
        now = (time.monotonic(), self._asked, time.process_time())
        passed_s, asked, cpu_s = (each - before for each, before in zip(now, self._looked, strict=True))
        self._looked = now
        return {scaling.QUERIES: asked / passed_s, scaling.CPUS: cpu_s / passed_s} if passed_s else {}

    async def check_health(self) -> None:
        """Let Serve replace a replica that is ill."""
        await self._code.check_health()


def replica_id() -> str:
    """Of the replica that this runs in."""
    return str(serve.get_replica_context().replica_id.unique_id)


def asking(handle: DeploymentHandle[Any]) -> Ask:
    """A handle as a coroutine function; cancelled, it ends the request where it is answered too."""

    async def ask(given: Any) -> Any:
        response: Any = handle.remote(given)
        try:
            return await response
        except asyncio.CancelledError:
            response.cancel()
            raise

    return ask


def _batched(code: Code, service: Service) -> Ask:
    @serve.batch(max_batch_size=service.max_batch, batch_wait_timeout_s=service.batch_wait_s)
    async def batched(inputs: list[Any]) -> list[Any]:
        return list(await code(inputs))

    return batched
