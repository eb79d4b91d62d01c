"""Killing an agent at any point: a fuse that blows at the n-th operation, and after it nothing works."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents import Agent, Journal

if TYPE_CHECKING:
    from collections.abc import Callable

OPERATIONS = ("attempt", "memory", "knows", "pending")
"""Those that do not go through `Acting.write`, where the agent is killed before and after."""


class KilledError(Exception):
    """What a dead process would not even raise."""


@dataclass
class Fuse:
    """Blows at a point, and stays blown unless it is for one failure only."""

    at: int | None = None
    is_lasting: bool = True
    points: list[str] = field(default_factory=list)
    is_blown: bool = False

    def pass_point(self, name: str) -> None:
        if self.is_blown and self.is_lasting:
            raise KilledError(name)
        self.points.append(name)
        if self.at is not None and len(self.points) - 1 == self.at:
            self.is_blown = True
            raise KilledError(name)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def guarded(*args: Any, **options: Any) -> Any:
            self.pass_point(f"before {name}")
            result = function(*args, **options)
            self.pass_point(f"after {name}")
            return result

        return guarded


class Mortality(Agent):
    """Mixed into an agent: it dies before and after whatever it writes, when its fuse blows there."""

    fuse: Fuse

    def open_journal(self) -> Journal:
        self.fuse.pass_point("opening")
        return FaultyJournal(self.charge.journal).arm(self.fuse)

    async def write(self, method: str, *args: Any) -> Any:
        self.fuse.pass_point(f"before {method}")
        result = await super().write(method, *args)
        self.fuse.pass_point(f"after {method}")
        return result


class FaultyJournal(Journal):
    """The real journal; its agent may die before and after each operation."""

    def arm(self, fuse: Fuse) -> FaultyJournal:
        for name in OPERATIONS:
            setattr(self, name, fuse.around(name, getattr(self, name)))
        return self
