"""A strategy is data: WHEN a trigger fires IF the constraint holds THEN the action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from scanflow_actors.actors.message import Request
from scanflow_actors.agents.action import declared
from scanflow_actors.agents.constraint import ALWAYS, Constraint
from scanflow_actors.agents.sensor import MESSAGE, Sensor
from scanflow_actors.triggers.call_receive import CallReceiveTrigger
from scanflow_actors.triggers.combination import Combination
from scanflow_actors.triggers.misfire import Misfire

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.agents.act import Done
    from scanflow_actors.agents.action import Action, Effect
    from scanflow_actors.triggers.trigger import Trigger

_MARK = "_scanflow_strategy"

F = TypeVar("F", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """The paper's 3-tuple, with the sensor that turns observations into the state."""

    name: str
    when: Trigger
    then: Action
    sense: Sensor = MESSAGE
    given: Constraint = ALWAYS
    misfire: Misfire = Misfire.ONCE
    """What becomes of instants that passed while the agent was down or busy."""
    max_lateness_s: float | None = None
    """Instants older than this many seconds are given up; None for no limit."""
    priority: int = 0
    """Of its claims on what it changes: a higher one is not disturbed by a lower."""
    lease_s: float = 0.0
    """Seconds of the agents' time for which its decisions are to stand; see `Arbiter`."""
    learns: Callable[[Any, Any], Any] | None = None
    """From the agent's belief and the state to the belief afterwards: pure, committed with the decision."""
    reports: Callable[[Any, Done], Effect] | None = None
    """From the state and what came of the effects to a last effect, which says so to somebody: pure."""

    @property
    def awaited(self) -> tuple[type, ...]:
        """Types of the messages that it waits for."""
        return awaited(self.when)

    @property
    def message_types(self) -> tuple[type, ...]:
        """Types of the messages that it waits for, and calls with."""
        return (*awaited(self.when), *(kind for _, kind in self.then.calls))


def strategy(*, when: Trigger, calls: tuple[tuple[str, type], ...] = (), **options: Any) -> Callable[[F], F]:
    """Make a method of an agent the action of a strategy that is called like it.

    The method takes the state and returns what is to be done: an `Effect`, several, or None. It must be
    pure: it may be asked again after a crash. ::

        @strategy(when=every(hours=1), sense=new_runs("predictions", metric="n"), given=at_least(1000))
        def check(self, seen: Count) -> Effect:
            return to_agent("checker", CheckPredictions(runs=seen.runs, newdata=seen.artifacts))

    Args:
        when: The trigger.
        calls: Agents it calls, with the type of message: checked before the team starts.
        options: Further fields of `Strategy`.
    """

    def mark(method: F) -> F:
        setattr(method, _MARK, {"when": when, "calls": calls, **options})
        return method

    return mark


def decorated(agent: object) -> tuple[Strategy, ...]:
    """The strategies that an agent's methods are, in the order in which they were written."""
    found: dict[str, Strategy] = {}
    for kind in reversed(type(agent).__mro__):
        for name, function in vars(kind).items():
            options = dict(getattr(function, _MARK, {}))
            if options:
                then = declared(getattr(agent, name), options.pop("calls"))
                found[name] = Strategy(name=name, then=then, **options)
            elif name in found:
                del found[name]  # overridden by a method that is no strategy
    return tuple(found.values())


def awaited(trigger: Trigger) -> tuple[type, ...]:
    """The message types that a trigger waits for, by itself or in its parts."""
    if isinstance(trigger, CallReceiveTrigger):
        return (trigger.message_type,)
    if isinstance(trigger, Combination):
        return tuple(kind for part in trigger.parts for kind in awaited(part))
    return ()


def waits_for(trigger: Trigger, message_type: type) -> bool:
    """Whether a message of this type is an event for the trigger."""
    return any(issubclass(message_type, kind) for kind in awaited(trigger))


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The called agent has taken the call and has decided what to do about it."""

    is_new: bool
    """False when it had this call already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Request[Accepted]):
    """A message from agent to agent, under the key of the decision that it comes from."""

    message: Any
    key: str
    trace: str
    """The first decision of the chain."""

    @property
    def cause(self) -> str | None:
        """The decision that it comes from; None when a person or a program outside calls."""
        return self.key.rpartition("#")[0] or None
