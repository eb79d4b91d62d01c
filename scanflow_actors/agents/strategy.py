"""A strategy is data: WHEN a trigger fires IF the constraint holds THEN the action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.message import Request
from scanflow_actors.agents.constraint import ALWAYS, Constraint
from scanflow_actors.agents.sensor import MESSAGE, Sensor
from scanflow_actors.triggers.call_receive import CallReceiveTrigger
from scanflow_actors.triggers.combination import Combination
from scanflow_actors.triggers.misfire import Misfire

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.primitives import Primitive
    from scanflow_actors.triggers.trigger import Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing to be done: a message for an agent, or a primitive for the infrastructure."""

    target: str | None
    """Name of the agent; None for the infrastructure."""
    message: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a strategy does when its constraint holds: a pure function from the state to effects."""

    effects: Callable[[Any], tuple[Effect, ...]]
    calls: tuple[tuple[str, type], ...] = ()
    """Agents called, with the type of message: checked before the team starts."""

    def __add__(self, other: Action) -> Action:
        """Do both, one after the other."""
        return Action(
            effects=lambda state: self.effects(state) + other.effects(state),
            calls=self.calls + other.calls,
        )


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


def call(agent: str, message_type: type, make: Callable[[Any], Any]) -> Action:
    """Make an action that calls another agent.

    Args:
        agent: Its name in the team.
        message_type: What it is called with.
        make: From the state to the message, of that type.
    """
    return Action(
        effects=lambda state: (Effect(target=agent, message=make(state)),),
        calls=((agent, message_type),),
    )


def perform(make: Callable[[Any], Primitive]) -> Action:
    """Make an action that has the infrastructure carry out a primitive, made from the state."""
    return Action(effects=lambda state: (Effect(target=None, message=make(state)),))


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
