"""`on`: fires when a message of a type is received (the paper's call-receive)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers.event import Event, Received
from scanflow_actors.triggers.instant import to_utc
from scanflow_actors.triggers.trigger import State, Trigger

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReceiveTrigger(Trigger):
    """Fires at each message of a type; made by `on`. It has no instants and remembers nothing.

    Attributes:
        message_type: Class of the messages; subclasses count.
    """

    message_type: type

    def matches(self, message: object) -> bool:
        """Tell whether a message, or a type of message, is one this trigger waits for.

        Args:
            message: A message or its class.

        Returns:
            True for the type and its subclasses.
        """
        kind = message if isinstance(message, type) else type(message)
        return issubclass(kind, self.message_type)

    def next_fire(self, after: datetime) -> datetime | None:
        """Return None: time alone never fires it."""
        to_utc(after, name="after")
        return None

    def last_fire(self, until: datetime) -> datetime | None:
        """Return None: time alone never fired it."""
        to_utc(until, name="until")
        return None

    def initial_state(self, now: datetime) -> State:
        """Return None: there is nothing to remember."""
        to_utc(now, name="now")
        return None

    def step(self, state: State, event: Event) -> tuple[State, bool]:
        """Fire at each received message that matches; ticks change nothing."""
        self._check(state)
        return state, isinstance(event, Received) and self.matches(event.message_type)

    def skip(self, state: State, until: datetime) -> State:
        """Return the state as it is: there are no instants to give up."""
        self._check(state)
        to_utc(until, name="until")
        return state

    def to_spec(self) -> dict[str, Any]:
        """Return ``{"on": "NameOfTheType"}``."""
        return {"on": self.message_type.__name__}

    def _check(self, state: State) -> None:
        if state is not None:
            raise InvalidTriggerError(
                f"the stored state of on({self.message_type.__name__}) must be null; got {state!r}: "
                "it is of another trigger; start again from initial_state"
            )


def on(message_type: type) -> CallReceiveTrigger:
    """Fire when a message of this type is received.

    Args:
        message_type: Class of the message; its subclasses count too.

    Returns:
        The trigger.

    Raises:
        InvalidTriggerError: It is not a class, a message itself for example.
    """
    if not isinstance(message_type, type):
        raise InvalidTriggerError(
            f"on takes the class of a message; got {message_type!r}: write on({type(message_type).__name__})"
        )
    return CallReceiveTrigger(message_type=message_type)
