"""Many metrics of one run, logged from an event loop and written in batches by a thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from scanflow_actors.artifacts.open_run import now_ms
from scanflow_actors.errors import KnowledgeBaseError

if TYPE_CHECKING:
    from types import TracebackType

    from scanflow_actors.artifacts.knowledge import KnowledgeBase
    from scanflow_actors.artifacts.open_run import OpenRun, Point

BATCH_POINTS = 1000
"""Points that MLflow writes in one transaction at most."""


class RunLogger:
    """Logs metrics and settings of one run.

    ::

        async with RunLogger(knowledge, "training", key="t-1") as log:
            log.metric("loss", 0.25, step=7)

    What is logged is written when a thousand points have come, when `every_s` has passed since the first of
    them, and at the end, when the run ends too: as failed if the block raised. An error of the store is
    raised by the next call, `flush` or the end, and what it has not taken is written again by those.
    """

    def __init__(self, knowledge: KnowledgeBase, kind: str, *, key: str, every_s: float = 1.0) -> None:
        """Name the run.

        Args:
            knowledge: Where it is recorded.
            kind: What sort of run.
            key: Names it among its kind. One that has not ended is gone on with.
            every_s: Seconds that a point waits to be written, at most; on the event loop's clock.
        """
        self._knowledge = knowledge
        self._kind, self._key, self._every_s = kind, key, every_s
        self._points: list[Point] = []
        self._params: dict[str, Any] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._error: Exception | None = None
        self._run: OpenRun

    async def __aenter__(self) -> Self:
        """Begin the run."""
        self._run = await asyncio.to_thread(self._knowledge.begin, self._kind, key=self._key)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Write what is left, and end the run."""
        await self.flush()
        await asyncio.to_thread(self._run.end, has_failed=kind is not None)

    @property
    def id(self) -> str:
        """Id of the run."""
        return self._run.id

    def metric(self, name: str, value: float, *, step: int = 0) -> None:
        """Log a value of this moment. Never blocks.

        Raises:
            KnowledgeBaseError: Something that was logged before could not be written.
        """
        self._raise_error()
        self._points.append((name, value, now_ms(), step))
        self._see_to_it()

    def param(self, name: str, value: Any) -> None:
        """Log a setting, kept as text and never changed. Never blocks.

        Raises:
            KnowledgeBaseError: As `metric`.
        """
        self._raise_error()
        self._params[name] = value
        self._see_to_it()

    async def flush(self) -> None:
        """Write all that was logged so far.

        Raises:
            KnowledgeBaseError: The store cannot be written; what it did not take waits for the next flush.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._error = None
        async with self._turn:
            while self._points or self._params:
                points, params = self._points[:BATCH_POINTS], dict(self._params)
                await asyncio.to_thread(self._run.write, points, params)
                del self._points[: len(points)]
                self._params = {name: value for name, value in self._params.items() if name not in params}

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _see_to_it(self) -> None:
        """Write a full batch at once, and anything else in time."""
        if len(self._points) >= BATCH_POINTS:
            self._begin_to_write()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._begin_to_write)

    def _begin_to_write(self) -> None:
        self._timer = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flushed(), name=f"logger of {self._key}")

    async def _flushed(self) -> None:
        try:
            await self.flush()
        except KnowledgeBaseError as error:
            self._error = error
