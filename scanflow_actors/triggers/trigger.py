"""What every trigger can do; see `Trigger`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from scanflow_actors.triggers.combination import AllOf, AnyOf
    from scanflow_actors.triggers.event import Event

State: TypeAlias = "bool | str | list[State] | dict[str, State] | None"
"""The memory of a trigger: plain JSON, so that it is stored with an agent's snapshot."""


class Trigger(ABC):
    """When a strategy is looked at: a pure, immutable object without a clock or a task.

    Whoever runs a trigger keeps its state and the instant up to which it has been run, and wakes at
    `next_fire`::

        state, last = trigger.initial_state(now), now
        ...                                     # sleep until trigger.next_fire(last), then:
        todo = due(trigger, last=last, now=now)
        state = trigger.skip(state, todo.since)
        for instant in todo.instants:
            state, fired = trigger.step(state, Tick(instant=instant))
        last = todo.until

    and, for each message, calls ``trigger.step(state, Received(...))``. Instants are given with any
    time zone and answered in UTC.

    Source:
        The trigger of the paper's strategy (trigger, constraint, action); triggers as pure objects
        with and/or combinators as in APScheduler 4.
    """

    __slots__ = ()

    @abstractmethod
    def next_fire(self, after: datetime) -> datetime | None:
        """Return the first instant strictly after `after` at which to `step` with a `Tick`.

        A trigger of time fires at that instant. A combination may or may not: it is the earliest
        instant of its parts, and `step` tells.

        Args:
            after: Instant with a time zone.

        Returns:
            The instant in UTC; None when time alone will never fire it again.

        Raises:
            InvalidTriggerError: `after` has no time zone.
        """

    @abstractmethod
    def last_fire(self, until: datetime) -> datetime | None:
        """Return the last instant at or before `until`; the mirror of `next_fire`.

        Args:
            until: Instant with a time zone.

        Returns:
            The instant in UTC; None when there was none.

        Raises:
            InvalidTriggerError: `until` has no time zone.
        """

    @abstractmethod
    def initial_state(self, now: datetime) -> State:
        """Return the state of a trigger that starts at `now`: instants up to `now` do not count.

        Args:
            now: Instant with a time zone.

        Returns:
            Plain JSON, to be given to `step`.

        Raises:
            InvalidTriggerError: `now` has no time zone.
        """

    @abstractmethod
    def step(self, state: State, event: Event) -> tuple[State, bool]:
        """Take in one event.

        A tick stands for all instants of the trigger since its last firing, so that one tick after a
        pause makes up for all that were missed; `skip` gives them up instead.

        Args:
            state: From `initial_state` or the step before; is not altered.
            event: A `Tick` at an instant, or a `Received` message.

        Returns:
            The new state, and whether the trigger fires.

        Raises:
            InvalidTriggerError: The state is of another trigger.
        """

    @abstractmethod
    def skip(self, state: State, until: datetime) -> State:
        """Give up the instants up to and including `until` that have not fired.

        Args:
            state: From `initial_state` or `step`; is not altered.
            until: Instant with a time zone.

        Returns:
            The new state.

        Raises:
            InvalidTriggerError: The state is of another trigger, or `until` has no time zone.
        """

    @abstractmethod
    def to_spec(self) -> dict[str, Any]:
        """Return the trigger as plain JSON, as `from_spec` reads it.

        Returns:
            One key, which is the kind: ``{"every": {"hours": 1}}``.
        """

    def __or__(self, other: Trigger) -> AnyOf:
        # combination.py is built on this class
        from scanflow_actors.triggers.combination import AnyOf  # noqa: PLC0415

        return AnyOf.joined(self, other)

    def __and__(self, other: Trigger) -> AllOf:
        from scanflow_actors.triggers.combination import AllOf  # noqa: PLC0415

        return AllOf.joined(self, other)
