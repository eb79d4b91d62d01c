"""One replica of one service, as a Ray Serve deployment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ray import serve

from scanflow_actors.infrastructure.node import Code, answer

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle

    from scanflow_actors.infrastructure.node import Ask
    from scanflow_actors.workflows.service import Service


class Node:
    """Runs a service's code on what it gets, and hands on to those that it feeds."""

    def __init__(self, service: Service, *fed: DeploymentHandle[Any]) -> None:
        self._kind = service.kind
        self._code = Code(service)
        self._run = _batched(self._code, service) if service.max_batch > 1 else self._code
        self._fed = {name: asking(handle) for name, handle in zip(service.feeds, fed, strict=True)}

    async def __call__(self, given: Any) -> Any:
        """Answer one input."""
        return await answer(self._kind, self._run, self._fed, given)

    async def check_health(self) -> None:
        """Let Serve replace a replica that is ill."""
        await self._code.check_health()


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
