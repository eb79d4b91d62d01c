"""The message that is being handled just now, for what is asked meanwhile: its deadline and its chain."""

from __future__ import annotations

import itertools
import os
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.message import Chain, Envelope

_NUMBERS = itertools.count(int.from_bytes(os.urandom(6)) << 16)
"""Numbers of handlings: unlike those of any other process, past ones of the same actor included."""


class Handling:
    """One run of one receiver."""

    __slots__ = ("abandoned", "cell", "envelope", "number", "over")

    def __init__(self, cell: Cell, envelope: Envelope) -> None:
        self.cell = cell
        self.envelope = envelope
        self.number = next(_NUMBERS)
        self.abandoned = False
        """Whether the actor went on without it, since it would not end."""
        self.over = False
        """Whether the receiver has returned; a task that it left behind has no deadline and no chain."""

    def chain(self) -> Chain:
        """Who waits for what is asked from here: everybody so far, and this actor while it is exclusive."""
        if self.cell.handling is self:
            return (*self.envelope.chain, (self.cell.path, self.number))
        return self.envelope.chain

    def closes_cycle(self, chain: Chain) -> bool:
        """Whether a request with this chain waits for itself when it waits for this handling to end."""
        return (self.cell.path, self.number) in chain


CURRENT: ContextVar[Handling | None] = ContextVar("scanflow_handling", default=None)
