"""The message that is being handled just now, for what is asked meanwhile: its deadline and its chain."""

from __future__ import annotations

import itertools
import os
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.message import Chain, Envelope, Reply

_NUMBERS = itertools.count(int.from_bytes(os.urandom(6)) << 16)
"""Numbers of handlings: unlike those of any other process, past ones of the same actor included."""


class Handling:
    """One run of one receiver."""

    __slots__ = (
        "cell",
        "chain",
        "deadline",
        "envelope",
        "number",
    )  # set by `handling_of`: a constructor would cost as much again

    cell: Cell | None
    """Its actor; None once the receiver has returned: a task that it left behind is on its own."""
    envelope: Envelope | None
    """How it came; None for a message that was told, or that an asker still has in hand."""
    deadline: float | None
    """Instant on the loop's clock after which nobody waits for this any more."""
    chain: Chain
    """Who waits for this."""
    number: int
    """Unique once it is needed; 0 before, since few receivers ask others."""

    def onward(self, cell: Cell) -> Chain:
        """Who waits for what is asked from here: everybody so far, and this actor while it is exclusive."""
        if cell.handling is not self:
            return self.chain
        if not self.number:
            self.number = next(_NUMBERS)
        return (*self.chain, (cell.path, self.number))

    def closes_cycle(self, path: str, chain: Chain) -> bool:
        """Whether a request with this chain waits for itself when it waits for this handling to end."""
        return self.number != 0 and (path, self.number) in chain


def handling_of(cell: Cell, envelope: Envelope) -> Handling:
    """Make the record of one run."""
    handling = Handling()
    handling.cell = cell
    handling.envelope = envelope
    handling.deadline = envelope.deadline
    handling.chain = envelope.chain
    handling.number = 0
    return handling


class Running:
    """A cancellable receiver that is running, for the one who asked for it."""

    __slots__ = ("_cell", "_handling")

    def __init__(self, cell: Cell, handling: Handling) -> None:
        self._cell = cell
        self._handling = handling

    def abandoned(self, reply: Reply) -> None:
        """Cancel it: nobody waits for the answer."""
        del reply
        self._cell.cancel(self._handling)


CURRENT: ContextVar[Handling | None] = ContextVar("scanflow_handling", default=None)
