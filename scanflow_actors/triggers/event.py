"""What a trigger is told: that an instant has come, or that a message has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """An instant of the trigger has come.

    Attributes:
        instant: The instant that was due, as `next_fire` or `due` named it (not the moment of waking).
    """

    instant: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The agent has received a message.

    Attributes:
        message_type: Class of the message.
        instant: When it was received.
    """

    message_type: type
    instant: datetime


Event: TypeAlias = Tick | Received
