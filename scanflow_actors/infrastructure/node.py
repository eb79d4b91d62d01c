"""What one replica of a service does with what it gets, on any backend."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from typing import TYPE_CHECKING, Any

from scanflow_actors.workflows.container import function_of
from scanflow_actors.workflows.executor import Secret
from scanflow_actors.workflows.service import Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from scanflow_actors.workflows.service import Service

    Ask = Callable[[Any], Awaitable[Any]]


class Code:
    """A service's own code, made once in each replica; plain code runs in a thread."""

    def __init__(self, service: Service) -> None:
        for name, value in service.environment.items():
            os.environ[name] = value.value() if isinstance(value, Secret) else value
        self._target: Any
        run = function_of("?", f"service {service.name!r}", service.run)
        if inspect.isclass(run):
            self._target = run(**service.options)
            self._is_async = inspect.iscoroutinefunction(type(self._target).__call__)
        else:
            self._target = functools.partial(run, **service.options)
            self._is_async = inspect.iscoroutinefunction(run)

    async def __call__(self, given: Any) -> Any:
        """Call it with one input, or with a list where the service takes batches."""
        if self._is_async:
            return await self._target(given)
        return await asyncio.to_thread(self._target, given)

    async def check_health(self) -> None:
        """Ask it, where it has a ``check_health``; that raises when it is ill."""
        check = getattr(self._target, "check_health", None)
        if check is not None and inspect.isawaitable(outcome := check()):
            await outcome


async def answer(kind: Kind, run: Ask, fed: Mapping[str, Ask], given: Any) -> Any:
    """Answer one input as a service of this kind does.

    Args:
        kind: Which.
        run: The service's own code.
        fed: Those that it feeds, by name, in their order.
        given: The input.
    """
    match kind:
        case Kind.MODEL:
            own = await run(given)
            return await _only(fed)(own) if fed else own
        case Kind.TRANSFORMER:
            return await _only(fed)(await run(given))
        case Kind.OUTPUT_TRANSFORMER:
            return await run(await _only(fed)(given))
        case Kind.ROUTER:
            return await fed[await run(given)](given)
        case Kind.COMBINER:
            return await run(list(await asyncio.gather(*(ask(given) for ask in fed.values()))))


def _only(fed: Mapping[str, Ask]) -> Ask:
    return next(iter(fed.values()))
