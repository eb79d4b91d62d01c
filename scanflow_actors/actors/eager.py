"""A task whose first step runs at once, so that what is started in order also begins in order.

Python 3.12 has this as ``eager_start``; 3.11, which we support, has not.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import (
    _enter_task,
    _leave_task,
)
from collections.abc import Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")


class _Begun(Coroutine[Any, Any, T]):
    """A coroutine whose first step has been taken; what that step gave is handed out when asked next."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._first: Any = None
        self._outcome: BaseException | None = None
        self._pending = True

    def begin(self) -> None:
        """Take the first step."""
        try:
            self._first = self._coroutine.send(None)
        except BaseException as error:  # noqa: BLE001 - raised again in `send`, where the task takes it
            self._outcome = error

    def send(self, value: Any) -> Any:
        if not self._pending:
            return self._coroutine.send(value)
        self._pending = False
        if self._outcome is not None:
            raise self._outcome
        return self._first

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
    ) -> Any:
        del trace
        error: Any = kind if value is None else value
        if self._pending:
            self._pending = False
            if self._outcome is not None:
                raise self._outcome
            if asyncio.isfuture(self._first):  # the task never got to wait for it
                self._first._asyncio_future_blocking = False  # noqa: SLF001 - asyncio's mark that a task waits
                self._first.cancel()
        return self._coroutine.throw(error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()


def start_eagerly(
    coroutine: Coroutine[Any, Any, T], *, loop: asyncio.AbstractEventLoop, name: str
) -> asyncio.Task[T]:
    """Make a task and take its first step now, as this task and in its own context."""
    begun = _Begun(coroutine)
    context = copy_context()
    task = loop.create_task(begun, name=name, context=context)
    outer = asyncio.current_task(loop)
    if outer is not None:
        _leave_task(loop, outer)
    _enter_task(loop, task)
    try:
        context.run(begun.begin)
    finally:
        _leave_task(loop, task)
        if outer is not None:
            _enter_task(loop, outer)
    return task
