"""Virtual time: an hour of timers takes milliseconds, and each run sees the same instants.

::

    @virtual_time
    async def test_a_reminder_comes_after_an_hour():
        async with ActorSystem() as system:
            ...
            await asyncio.sleep(3600)
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Executor

P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")

RESOLUTION_S = 1e-6
"""Timers this close are due together; a float is no finer after some years, and asyncio would spin."""
PATIENCE_S = 10.0
"""Seconds of real time without any event, and nothing to wait for, after which a test is stuck."""


def virtual_time(test: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """Run a coroutine function on an event loop whose clock jumps to the next timer.

    The result is a plain function: pytest needs no plugin for it, and fixtures work. The clock starts at 0
    and stands still while something is ready, or works in a thread that asyncio has started. Not for tests
    that talk to other processes, Ray's among them: those live in real time.

    Raises:
        RuntimeError: Every task waits, and nothing will ever wake one.
    """

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
            return runner.run(test(*args, **kwargs))

    return run


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that does not wait."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.in_threads = 0
        super().__init__(_Jumping(self))
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        return self.now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], R], *args: *Ts
    ) -> asyncio.Future[R]:
        self.in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _future: asyncio.Future[R]) -> None:
        self.in_threads -= 1


class _Jumping(selectors.DefaultSelector):
    """Instead of waiting for a timer, makes it due."""

    def __init__(self, loop: _VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self._loop.in_threads:
            ready = super().select(None if self._loop.in_threads else PATIENCE_S)
            if not ready:
                raise RuntimeError("every task waits, and nothing will ever wake one")
            return ready
        self._loop.now_s += timeout
        return []
