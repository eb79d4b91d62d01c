"""What the parts of the system tell a cell beside messages: the steps of its life."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.context import ActorContext


class State(Enum):
    """Where an actor is in its life."""

    NEW = auto()
    RUNNING = auto()
    WAITING = auto()
    """Without an instance: it failed and waits for its restart."""
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Start:
    """To itself: make an instance."""


@dataclass(frozen=True, slots=True)
class Stop:
    """To itself: end."""

    own: bool = False
    """Whether the actor wants this itself; a permanent one is then started again."""


@dataclass(frozen=True, slots=True)
class Suspend:
    """From its supervisor: let the instance go and wait to be started again."""

    done: asyncio.Future[None]


@dataclass(frozen=True, slots=True, eq=False)
class Crash:
    """To itself: a task of the instance that has this context has failed."""

    context: ActorContext
    error: BaseException


@dataclass(frozen=True, slots=True, eq=False)
class Down:
    """From a child of a supervisor: it has failed, or ended by itself, and waits for the decision."""

    child: Cell
    error: BaseException | None


Inner = Start | Stop | Suspend | Crash | Down
