"""Whether calls were decided on before: those that come together are looked up by one query, in a thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanflow_actors.actors.context import ActorContext
    from scanflow_actors.agents.journal import Journal


class Known:
    """Looks decisions up in the journal, one query after the other: so answers keep their order."""

    def __init__(self, journal: Journal, ctx: ActorContext) -> None:
        self._journal = journal
        self._ctx = ctx
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._is_looking = False

    async def has(self, decision: str) -> bool:
        """Whether this decision is in the journal."""
        future = self._waiting.setdefault(decision, asyncio.get_running_loop().create_future())
        if not self._is_looking:
            self._is_looking = True
            self._ctx.run(self._look(), name="known")
        return await asyncio.shield(future)

    async def _look(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, {}
            found = await asyncio.to_thread(self._journal.known, tuple(waiting))
            for decision, future in waiting.items():
                future.set_result(decision in found)
        self._is_looking = False
