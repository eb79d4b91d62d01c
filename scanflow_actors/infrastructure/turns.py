"""Turns on one target: who came first goes first, and nobody waits who has nothing to do."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Turns:
    """Queues by name. A ticket is drawn without waiting, so that the order is that of arrival."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[asyncio.Event]] = {}

    def is_busy(self, queue: str) -> bool:
        """Whether anybody has a turn in a queue, or waits for it."""
        return queue in self._queues

    def ticket(self, queue: str) -> Ticket:
        """Draw a ticket; it must be used in ``async with`` or given back."""
        return Ticket(self._queues, queue)

    @contextlib.asynccontextmanager
    async def turn(self, queue: str) -> AsyncIterator[None]:
        """Draw a ticket and wait for its turn."""
        with self.ticket(queue) as ticket:
            await ticket.wait()
            yield


class Ticket:
    """A place in a queue, from when it is drawn until the ``with`` block ends."""

    def __init__(self, queues: dict[str, deque[asyncio.Event]], name: str) -> None:
        self._queues = queues
        self._name = name
        self._is_first = asyncio.Event()
        queue = queues.setdefault(name, deque())
        queue.append(self._is_first)
        queue[0].set()

    async def wait(self) -> None:
        """Wait until all who came before are gone."""
        await self._is_first.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        queue = self._queues[self._name]
        queue.remove(self._is_first)
        if queue:
            queue[0].set()
        else:
            del self._queues[self._name]
