"""What the triggers of time have in common: nominal instants, jitter, and the memory of one instant."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import datetime

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers.event import Event, Tick
from scanflow_actors.triggers.instant import LAST_INSTANT, TICK_OF_CLOCK, to_utc
from scanflow_actors.triggers.jitter import Jitter
from scanflow_actors.triggers.trigger import State, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable(Trigger):
    """A trigger that fires at instants which follow from its definition alone.

    Its state is the last instant that fired (at first: the start), in ISO 8601.

    Attributes:
        jitter: Delays each nominal instant; the order is kept, and nothing fires early.
    """

    jitter: Jitter = field(default_factory=Jitter)

    @abstractmethod
    def nominal_after(self, after: datetime) -> datetime | None:
        """Return the first nominal instant strictly after `after`; both in UTC."""

    @abstractmethod
    def nominal_until(self, until: datetime) -> datetime | None:
        """Return the last nominal instant at or before `until`; both in UTC."""

    def next_fire(self, after: datetime) -> datetime | None:
        """Return the first instant strictly after `after`; see `Trigger.next_fire`."""
        instant = to_utc(after, name="after")
        if self.jitter.limit:
            begun = self.nominal_until(instant)
            if begun is not None and (delayed := self._delayed(begun)) > instant:
                return delayed
        upcoming = self.nominal_after(instant)
        return None if upcoming is None else self._delayed(upcoming)

    def last_fire(self, until: datetime) -> datetime | None:
        """Return the last instant at or before `until`; see `Trigger.last_fire`."""
        instant = to_utc(until, name="until")
        begun = self.nominal_until(instant)
        if begun is not None and self._delayed(begun) > instant:
            begun = self.nominal_until(begun - TICK_OF_CLOCK)
        return None if begun is None else self._delayed(begun)

    def initial_state(self, now: datetime) -> State:
        """Return `now` as the instant from which firings count."""
        return to_utc(now, name="now").isoformat()

    def step(self, state: State, event: Event) -> tuple[State, bool]:
        """Fire if an instant lies between the last firing and the tick; messages change nothing."""
        last = _instant_of(state)
        if not isinstance(event, Tick):
            return state, False
        fired = self.last_fire(event.instant)
        if fired is None or fired <= last:
            return state, False
        return fired.isoformat(), True

    def skip(self, state: State, until: datetime) -> State:
        """Go on as if the instants up to `until` had fired."""
        return max(_instant_of(state), to_utc(until, name="until")).isoformat()

    def _delayed(self, nominal: datetime) -> datetime:
        if not self.jitter.limit:
            return nominal
        following = self.nominal_after(nominal) or LAST_INSTANT
        return nominal + self.jitter.delay(nominal, room=following - nominal)


def _instant_of(state: State) -> datetime:
    try:
        return to_utc(datetime.fromisoformat(str(state)), name="the stored state")
    except ValueError as error:
        raise InvalidTriggerError(
            f"the stored state of a trigger of time must be an instant in ISO 8601; got {state!r}: "
            "it is of another trigger; start again from initial_state"
        ) from error
