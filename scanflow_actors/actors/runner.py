"""Tasks that are used again: a task is made for work that has to wait, not for work that does not.

A coroutine takes its first step at once, by hand, as the task that would carry it on. Most receivers end in
that step, and the task is free for the next. One that waits is handed over to the task.
"""

from __future__ import annotations

import asyncio
import types
from asyncio.tasks import (
    _enter_task,
    _leave_task,
    current_task,
)
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from contextvars import Context

SPARE = 64
"""Runners that are kept for later; what is needed beyond them now and then is made and let go."""


class Runner:
    """One task, and the coroutine that it carries on at present."""

    __slots__ = ("_first", "_parked", "_runners", "_work", "task")

    def __init__(self, runners: Runners) -> None:
        self._runners = runners
        self._work: Coroutine[Any, Any, None] | None = None
        self._first: tuple[Context, Any] | None = None
        self._parked: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] = runners.loop.create_task(self._carry_on(), name="runner")

    def begin(self, work: Coroutine[Any, Any, None], context: Context) -> bool:
        """Take the first step of some work, now.

        Args:
            work: What is to be done.
            context: That in which this is called; also that of the further steps.

        Returns:
            Whether it ended in that step; else the task carries it on.
        """
        loop, task = self._runners.loop, self.task
        outer = current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        _enter_task(loop, task)
        try:
            first = work.send(None)
        except StopIteration:
            return True
        finally:
            _leave_task(loop, task)
            if outer is not None:
                _enter_task(loop, outer)
        self._work, self._first = work, (context, first)
        if self._parked is not None and not self._parked.done():
            self._parked.set_result(None)
        return False

    async def _carry_on(self) -> None:
        while True:
            if self._work is None:
                self._parked = self._runners.loop.create_future()
                try:
                    await self._parked
                except asyncio.CancelledError:
                    self._cancel_first()
                self._parked = None
            if self._work is not None and self._first is not None:
                work, (context, first) = self._work, self._first
                await _drive(work, context, first)
                self._work = self._first = None
            if not self._runners.take_back(self):
                return

    def _cancel_first(self) -> None:
        """Pass on a cancellation that came before the task could wait for what the work waits for.

        Raises:
            asyncio.CancelledError: There is no work: the runner itself is to end.
        """
        if self._first is None:
            raise asyncio.CancelledError
        self._first = (self._first[0], _Cancelled(self._first[1]))


class _Cancelled:
    """Stands for what a coroutine waited for when it was cancelled."""

    __slots__ = ("future",)

    def __init__(self, future: Any) -> None:
        self.future = future


@types.coroutine
def _drive(work: Coroutine[Any, Any, None], context: Context, first: Any) -> Generator[Any, Any, None]:
    """Carry a coroutine on from its second step, all steps in the context of its first."""
    waits_for = first
    error: BaseException | None = None
    if isinstance(first, _Cancelled):
        error = asyncio.CancelledError()
        if asyncio.isfuture(first.future):
            first.future._asyncio_future_blocking = False  # noqa: SLF001 - asyncio's mark that a task waits
            first.future.cancel()
    while True:
        value = None
        if error is None:
            try:
                value = yield waits_for
            except BaseException as caught:  # noqa: BLE001 - all of it is the coroutine's to handle
                error = caught
        try:
            waits_for = context.run(work.send, value) if error is None else context.run(work.throw, error)
        except StopIteration:
            return
        error = None


class Runners:
    """The runners of one system that have nothing to do."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._spare: list[Runner] = []
        self._closed = False

    def take(self) -> Runner:
        """Get a runner, made if there is none."""
        return self._spare.pop() if self._spare else Runner(self)

    def take_back(self, runner: Runner) -> bool:
        """Keep a runner for later: whether there was room."""
        if self._closed or len(self._spare) >= SPARE:
            return False
        self._spare.append(runner)
        return True

    async def close(self) -> None:
        """End the runners that have nothing to do; the others end with their work."""
        self._closed = True
        tasks = [runner.task for runner in self._spare]
        self._spare.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
