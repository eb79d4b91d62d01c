"""What is counted of actors and asks: by reason, so that a number says what to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from scanflow_actors.errors import (
    ActorFailedError,
    ActorNotFoundError,
    ActorStoppedError,
    AskCycleError,
    AskTimeoutError,
    HostLostError,
    MailboxFullError,
    NotSerialisableError,
    RejectError,
    UnhandledMessageError,
)

if TYPE_CHECKING:
    from scanflow_actors.actors.cell import Cell


KINDS = 200
"""Classes of actors that are summed up under their own names, the first of each process."""
OTHER = "other"
"""The name of all further classes."""


class AskOutcome(Enum):
    """How an ask ended."""

    REPLIED = "replied"
    REJECTED = "rejected"
    FAILED = "failed"
    STOPPED = "stopped"
    NOT_FOUND = "not found"
    MAILBOX_FULL = "mailbox full"
    TIMED_OUT = "timed out"
    CYCLE = "cycle"
    HOST_LOST = "host lost"
    UNHANDLED = "unhandled"
    NOT_SERIALISABLE = "not serialisable"
    CANCELLED = "cancelled"
    """The asker was cancelled while it waited."""


class RestartReason(Enum):
    """Why an actor was started again."""

    FAILED = "failed"
    ENDED = "ended"
    """It ended by itself, and is permanent."""
    SIBLING = "sibling"
    """A child of the same supervisor had failed."""
    HOST_LOST = "host lost"


_OUTCOMES: tuple[tuple[type[BaseException], AskOutcome], ...] = (
    (RejectError, AskOutcome.REJECTED),
    (AskTimeoutError, AskOutcome.TIMED_OUT),
    (ActorFailedError, AskOutcome.FAILED),
    (ActorStoppedError, AskOutcome.STOPPED),
    (ActorNotFoundError, AskOutcome.NOT_FOUND),
    (MailboxFullError, AskOutcome.MAILBOX_FULL),
    (AskCycleError, AskOutcome.CYCLE),
    (HostLostError, AskOutcome.HOST_LOST),
    (UnhandledMessageError, AskOutcome.UNHANDLED),
    (NotSerialisableError, AskOutcome.NOT_SERIALISABLE),
)


def outcome_of(error: BaseException) -> AskOutcome:
    """What an ask ended in that raised this."""
    for kind, outcome in _OUTCOMES:
        if isinstance(error, kind):
            return outcome
    return AskOutcome.CANCELLED


Counted = AskOutcome | RestartReason


@dataclass(slots=True)
class Totals:
    """Counts of all actors of one class, those that have ended included."""

    handled: int = 0
    replied: int = 0
    events: Counter[Counted] = field(default_factory=Counter)
    """What happened, the replies aside: asks that ended otherwise, and restarts."""

    def add(self, cell: Cell) -> None:
        """Add the counts of one actor."""
        self.handled += cell.handled + cell.inline
        self.replied += cell.replied + cell.inline
        if cell.events is not None:
            self.events.update(cell.events)

    def copy(self) -> Totals:
        """A copy that others may add to."""
        return Totals(self.handled, self.replied, self.events.copy())


def asks_of(replied: int, events: Counter[Counted]) -> dict[AskOutcome, int]:
    """Asks by outcome; only those that occurred."""
    found = {outcome: events[outcome] for outcome in AskOutcome if events[outcome]}
    return {AskOutcome.REPLIED: replied, **found} if replied else found


def restarts_of(events: Counter[Counted]) -> dict[RestartReason, int]:
    """Restarts by reason; only those that occurred."""
    return {reason: events[reason] for reason in RestartReason if events[reason]}
