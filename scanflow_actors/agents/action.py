"""What a strategy does: pure functions from the state to effects, written as data or as code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from scanflow_actors.agents.constraint import value_of

if TYPE_CHECKING:
    from scanflow_actors.primitives import Primitive

Make: TypeAlias = "Callable[[Any], Any] | Mapping[str, Any]"
"""How a message comes from the state: a function, or its fields, where ``$name`` is a field of the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing to be done: a message for an agent, or a primitive for the infrastructure."""

    target: str | None
    """Name of the agent; None for the infrastructure."""
    message: Any


def to_agent(name: str, message: Any) -> Effect:
    """Have an agent called with a message."""
    return Effect(target=name, message=message)


def to_infrastructure(primitive: Primitive) -> Effect:
    """Have the infrastructure carry out a primitive."""
    return Effect(target=None, message=primitive)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One effect of an action, to be made from the state."""

    agent: str | None
    """Who is called; None for the infrastructure."""
    message_type: type | None
    """None when only the function knows."""
    make: Make

    def effect(self, state: Any) -> Effect:
        """Make the message."""
        if isinstance(self.make, Mapping):
            if self.message_type is None:
                raise TypeError("fields make a message of a type; name it")
            message = self.message_type(**filled(self.make, state))
        else:
            message = self.make(state)
        return Effect(target=self.agent, message=message)

    def problem(self, state_fields: frozenset[str] | None) -> str | None:
        """What is wrong with the fields that it gives its message, or None.

        Args:
            state_fields: Names in the state that the sensor gives; None when that is not known.
        """
        if not isinstance(self.make, Mapping) or self.message_type is None:
            return None
        unknown = sorted(references(self.make) - (state_fields or frozenset())) if state_fields else []
        if unknown:
            names = ", ".join(sorted(state_fields or ()))
            return f"refers to ${unknown[0]}, which the sensor does not give; it gives {names}"
        return _wrong_fields(self.message_type, self.make)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a strategy does when its constraint holds: a pure function from the state to effects."""

    steps: tuple[Step, ...] = ()
    code: tuple[Callable[[Any], tuple[Effect, ...]], ...] = ()
    """Functions that make several effects at once, such as the method under `strategy`."""
    calls: tuple[tuple[str, type], ...] = ()
    """Agents called, with the type of message: checked before the team starts."""

    def effects(self, state: Any) -> tuple[Effect, ...]:
        """All effects, in order."""
        made = [step.effect(state) for step in self.steps]
        return (*made, *(effect for function in self.code for effect in function(state)))

    def __add__(self, other: Action) -> Action:
        """Do both, one after the other; those of code come last."""
        return Action(
            steps=self.steps + other.steps, code=self.code + other.code, calls=self.calls + other.calls
        )


def call(agent: str, message_type: type, make: Make) -> Action:
    """Make an action that calls another agent.

    Args:
        agent: Its name in the team.
        message_type: What it is called with.
        make: From the state to the message, of that type; or the message's fields as data, in which a text
            ``"$name"`` stands for a field of the state.
    """
    step = Step(agent=agent, message_type=message_type, make=make)
    return Action(steps=(step,), calls=((agent, message_type),))


def perform(make: Callable[[Any], Primitive] | type, fields: Mapping[str, Any] | None = None) -> Action:
    """Make an action that has the infrastructure carry out a primitive.

    Args:
        make: From the state to the primitive; or the primitive's class, with `fields`.
        fields: The primitive's fields as data, in which ``"$name"`` stands for a field of the state.
    """
    if fields is not None and isinstance(make, type):
        return Action(steps=(Step(agent=None, message_type=make, make=fields),))
    return Action(steps=(Step(agent=None, message_type=None, make=make),))


def declared(function: Callable[[Any], Any], calls: tuple[tuple[str, type], ...]) -> Action:
    """Make an action of a function that returns an effect, several, or None."""

    def effects(state: Any) -> tuple[Effect, ...]:
        made = function(state)
        if made is None:
            return ()
        return (made,) if isinstance(made, Effect) else tuple(made)

    return Action(code=(effects,), calls=calls)


def filled(value: Any, state: Any) -> Any:
    """Put the state's fields in place of the texts that begin with a dollar."""
    if isinstance(value, Mapping):
        return {name: filled(item, state) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(filled(item, state) for item in value)
    if isinstance(value, str) and value.startswith("$"):
        return value[1:] if value.startswith("$$") else value_of(state, value[1:])
    return value


def references(value: Any) -> set[str]:
    """First names of the state's fields that data refer to."""
    if isinstance(value, Mapping):
        return set().union(*(references(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(references(item) for item in value))
    if isinstance(value, str) and value.startswith("$") and not value.startswith("$$"):
        return {value[1:].partition(".")[0]}
    return set()


def _wrong_fields(message_type: type, given: Mapping[str, Any]) -> str | None:
    if not is_dataclass(message_type):
        return None
    known = {field.name: field for field in fields(message_type) if field.init}
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        return f"{message_type.__name__} has no field {unknown[0]!r}; it has {', '.join(sorted(known))}"
    for name, field in known.items():
        is_needed = field.default is MISSING and field.default_factory is MISSING
        if is_needed and name not in given:
            return f"{message_type.__name__} needs {name!r}"
    return None
