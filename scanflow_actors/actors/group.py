"""The children of one supervisor: who is started again when one of them fails, in which order."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from scanflow_actors.actors.observing.counts import RestartReason
from scanflow_actors.actors.signals import State, Suspend
from scanflow_actors.actors.supervision import RestartLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.supervision import RestartStrategy

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Scope(Enum):
    """Which children are started again when one fails."""

    ONE_FOR_ONE = "one for one"
    """Only itself."""
    ONE_FOR_ALL = "one for all"
    """All of them: they cannot work without each other."""
    REST_FOR_ONE = "rest for one"
    """Itself and those that were started after it, which rely on it."""


def affected(children: Sequence[T], failed: T, scope: Scope) -> tuple[T, ...]:
    """The children that are started again, in the order of their first start."""
    if scope is Scope.ONE_FOR_ONE:
        return (failed,)
    if scope is Scope.ONE_FOR_ALL:
        return tuple(children)
    return tuple(children[list(children).index(failed) :])


class Group:
    """Decides for the children of one supervisor, with one count of restarts for all of them."""

    __slots__ = ("_log", "_owner", "_scope")

    def __init__(self, owner: Cell, scope: Scope, strategy: RestartStrategy) -> None:
        self._owner = owner
        self._scope = scope
        self._log = RestartLog(strategy)

    async def decide(self, failed: Cell, error: BaseException | None) -> bool:
        """Stop and start whom a failure affects; the youngest is stopped first, the eldest started first.

        Returns:
            False when there were too many restarts: then the supervisor itself has failed.
        """
        loop = self._owner.system.loop
        delay_s = self._log.count(loop.time())
        _log.warning("%s: child %s is down (%s)", self._owner.path, failed.path, error or "ended")
        if delay_s is None:
            return False
        cells = affected(tuple(self._owner.life.children.values()), failed, self._scope)
        for cell in reversed(cells):
            if cell.life.state is not State.ENDED:
                suspended: asyncio.Future[None] = loop.create_future()
                cell.suspend(Suspend(suspended))
                await asyncio.wait((suspended, cell.life.ended), return_when=asyncio.FIRST_COMPLETED)
        own = RestartReason.ENDED if error is None else RestartReason.FAILED
        for cell in cells:
            cell.life.start_after(delay_s, own if cell is failed else RestartReason.SIBLING)
        return True
