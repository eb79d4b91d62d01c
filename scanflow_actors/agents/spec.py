"""Strategies as plain JSON or YAML, and back: each part is named by one key, as triggers are."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from scanflow_actors import primitives
from scanflow_actors.agents import condition, sensor_spec
from scanflow_actors.agents.action import Action, Step, call, perform
from scanflow_actors.agents.constraint import ALWAYS, Always, Constraint, Custom, Every, Not, Some, holds_when
from scanflow_actors.agents.sensor import MESSAGE, Sensor
from scanflow_actors.agents.strategy import Strategy
from scanflow_actors.errors import InvalidTeamError, InvalidTriggerError
from scanflow_actors.triggers import Misfire, from_spec

if TYPE_CHECKING:
    from scanflow_actors.triggers import Trigger

_COMPARISONS = tuple(condition.Comparison.SYMBOLS)
_OPTIONS = ("misfire", "max_lateness_s", "priority", "lease_s")
_KEYS = ("name", "when", "sense", "given", "then", *_OPTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecReader:
    """Makes the parts of strategies; every error names the place in what the user wrote.

    Raises:
        InvalidTeamError: A part has no meaning.
    """

    messages: Mapping[str, type] = field(default_factory=dict)
    """The message types that may be named."""

    def strategy(self, spec: object, place: str) -> Strategy:
        """Make a strategy of its spec."""
        given = _mapping(spec, _KEYS, place)
        for key in ("name", "when", "then"):
            if key not in given:
                _refuse(place, f"needs {key!r}")
        options: dict[str, Any] = {key: given[key] for key in _OPTIONS if key in given}
        if "misfire" in options:
            options["misfire"] = _misfire(options["misfire"], f"{place}.misfire")
        return Strategy(
            name=str(given["name"]),
            when=self.trigger(given["when"], f"{place}.when"),
            sense=self.sensor(given.get("sense", "message"), f"{place}.sense"),
            given=self.constraint(given.get("given", "always"), f"{place}.given"),
            then=self.action(given["then"], f"{place}.then"),
            **options,
        )

    def trigger(self, spec: object, place: str) -> Trigger:
        """Make a trigger of its spec."""
        try:
            return from_spec(spec, self.messages, place=place)
        except InvalidTriggerError as error:
            where, _, problem = str(error).partition(": ")
            raise InvalidTeamError(place=where, problem=problem) from error

    def sensor(self, spec: object, place: str) -> Sensor:
        """Make a sensor of its spec."""
        if spec == "message":
            return MESSAGE
        kind, value = _one(spec, (*sensor_spec.KNOWN, "function"), place)
        here = f"{place}.{kind}"
        if kind == "function":
            made = imported(value, here)
            return made if isinstance(made, Sensor) else Sensor(read=made)
        options = _mapping(value, sensor_spec.options_of(kind), here)
        try:
            return sensor_spec.made(kind, options)
        except TypeError as error:
            raise InvalidTeamError(place=here, problem=str(error)) from error

    def constraint(self, spec: object, place: str) -> Constraint:
        """Make a constraint of its spec."""
        if spec == "always":
            return ALWAYS
        known = (*_COMPARISONS, "exceeds", "changed", "for_at_least_s", "all_of", "any_of", "not", "function")
        kind, value = _one(spec, known, place)
        here = f"{place}.{kind}"
        if kind in {"all_of", "any_of"}:
            parts = tuple(
                self.constraint(part, f"{here}[{index}]") for index, part in enumerate(_list(value, here))
            )
            return Every(parts=parts) if kind == "all_of" else Some(parts=parts)
        if kind == "not":
            return Not(part=self.constraint(value, here))
        if kind == "function":
            return holds_when(imported(value, here))
        if kind == "for_at_least_s":
            options = _mapping(value, ("seconds", "given"), here)
            part = self.constraint(_needed(options, "given", here), f"{here}.given")
            return condition.for_at_least_s(_number(options, "seconds", here), part)
        return _condition(kind, value, here)

    def action(self, spec: object, place: str) -> Action:
        """Make an action of its spec: one effect, or a list of them."""
        specs = spec if isinstance(spec, list) else [spec]
        made = Action()
        for index, one in enumerate(specs):
            here = f"{place}[{index}]" if isinstance(spec, list) else place
            made += self._effect(one, here)
        return made

    def _effect(self, spec: object, place: str) -> Action:
        kind, value = _one(spec, ("call", "perform"), place)
        here = f"{place}.{kind}"
        if kind == "call":
            options = _mapping(value, ("agent", "message", "with"), here)
            named = _needed(options, "message", here)
            if named not in self.messages:
                known = ", ".join(sorted(self.messages)) or "none"
                _refuse(f"{here}.message", f"no message type is called {named!r}; known: {known}")
            return call(
                _needed(options, "agent", here), self.messages[named], _fields(options, f"{here}.with")
            )
        options = _mapping(value, ("primitive", "with"), here)
        named = str(_needed(options, "primitive", here))
        primitive = getattr(primitives, named, None)
        if not isinstance(primitive, type):
            _refuse(f"{here}.primitive", f"no primitive is called {named!r}; see scanflow_actors.primitives")
        return perform(primitive, _fields(options, f"{here}.with"))


def imported(value: object, place: str) -> Any:
    """Import what ``package.module:name`` names."""
    module, _, name = str(value).partition(":")
    if not module or not name:
        _refuse(place, f"must be written package.module:name; got {value!r}")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidTeamError(
            place=place, problem=f"cannot import {value}: {error}; is its folder on PYTHONPATH?"
        ) from error


def _condition(kind: str, value: object, place: str) -> Constraint:
    if kind == "exceeds":
        options = _mapping(value, ("field", "other"), place)
        return condition.exceeds(_needed(options, "field", place), _needed(options, "other", place))
    if kind == "changed":
        return condition.changed(_needed(_mapping(value, ("of",), place), "of", place))
    options = _mapping(value, ("of", "value"), place)
    of = options.get("of", "total")
    if kind == "equals":
        return condition.equals(_needed(options, "value", place), of=of)
    return condition.Comparison(kind=kind, bound=_number(options, "value", place), of=of)


def _misfire(value: object, place: str) -> Misfire:
    try:
        return Misfire(str(value))
    except ValueError:
        _refuse(place, f"must be one of {', '.join(Misfire)}; got {value!r}")


def _fields(options: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    value = options.get("with", {})
    if not isinstance(value, Mapping):
        _refuse(place, f"must be a mapping of fields; got {value!r}")
    return dict(value)


def _one(spec: object, known: tuple[str, ...], place: str) -> tuple[str, Any]:
    if not isinstance(spec, Mapping) or len(spec) != 1:
        _refuse(place, f"must be a mapping with one key out of {', '.join(known)}; got {spec!r}")
    ((kind, value),) = spec.items()
    if kind not in known:
        _refuse(place, f"nothing is called {kind!r} here; known: {', '.join(known)}")
    return str(kind), value


def _mapping(value: object, known: tuple[str, ...], place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        _refuse(place, f"must be a mapping of {', '.join(known)}; got {value!r}")
    for key in value:
        if key not in known:
            _refuse(f"{place}.{key}", f"no such option; known: {', '.join(known)}")
    return value


def _list(value: object, place: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        _refuse(place, f"must be a list with at least one item; got {value!r}")
    return value


def _needed(options: Mapping[str, Any], key: str, place: str) -> Any:
    if key not in options:
        _refuse(place, f"needs {key!r}")
    return options[key]


def _number(options: Mapping[str, Any], key: str, place: str) -> float:
    value = _needed(options, key, place)
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"{place}.{key}", f"must be a number; got {value!r}")
    return value


def _refuse(place: str, problem: str) -> NoReturn:
    raise InvalidTeamError(place=place, problem=problem)


# ---------------------------------------------------------------------- the way back


def strategy_to_spec(strategy: Strategy) -> dict[str, Any]:
    """Write a strategy as `SpecReader.strategy` reads it.

    Raises:
        InvalidTeamError: A part of it is code that has no name to be imported by.
    """
    place = f"strategy {strategy.name!r}"
    spec: dict[str, Any] = {"name": strategy.name, "when": strategy.when.to_spec()}
    if strategy.sense is not MESSAGE:
        spec["sense"] = sensor_to_spec(strategy.sense, f"{place}, sense")
    if strategy.given != ALWAYS:
        spec["given"] = constraint_to_spec(strategy.given, f"{place}, given")
    spec["then"] = [_step_to_spec(step, f"{place}, then") for step in strategy.then.steps]
    if strategy.then.code:
        _refuse(f"{place}, then", "it is code; write its effects as data to have it in a file")
    defaults: dict[str, Any] = {
        "misfire": Misfire.ONCE,
        "max_lateness_s": None,
        "priority": 0,
        "lease_s": 0.0,
    }
    for name, default in defaults.items():
        value = getattr(strategy, name)
        if value != default:
            spec[name] = str(value) if name == "misfire" else value
    return spec


def sensor_to_spec(sensor: Sensor, place: str = "sensor") -> Any:
    """Write a sensor as `SpecReader.sensor` reads it."""
    return sensor_spec.written(sensor) or {"function": name_of(sensor.read, place)}


def constraint_to_spec(constraint: Constraint, place: str = "constraint") -> Any:
    """Write a constraint as `SpecReader.constraint` reads it."""
    writers: dict[type, Callable[[Any], Any]] = {
        Always: lambda _it: "always",
        Every: lambda it: {"all_of": [constraint_to_spec(part, place) for part in it.parts]},
        Some: lambda it: {"any_of": [constraint_to_spec(part, place) for part in it.parts]},
        Not: lambda it: {"not": constraint_to_spec(it.part, place)},
        condition.Comparison: lambda it: {it.kind: {"of": it.of, "value": it.bound}},
        condition.Exceeds: lambda it: {"exceeds": {"field": it.field, "other": it.other}},
        condition.Changed: lambda it: {"changed": {"of": it.of}},
        condition.ForAtLeast: lambda it: {
            "for_at_least_s": {"seconds": it.seconds, "given": constraint_to_spec(it.part, place)}
        },
        Custom: lambda it: {"function": name_of(it.function, place)},
    }
    if type(constraint) not in writers:
        _refuse(place, f"{type(constraint).__name__} has no form in a file; use holds_when with a function")
    return writers[type(constraint)](constraint)


def _step_to_spec(step: Step, place: str) -> dict[str, Any]:
    if not isinstance(step.make, Mapping) or step.message_type is None:
        _refuse(place, "its message is made by code; give its fields as data to have it in a file")
    given = dict(step.make)
    if step.agent is None:
        return {"perform": {"primitive": step.message_type.__name__, "with": given}}
    return {"call": {"agent": step.agent, "message": step.message_type.__name__, "with": given}}


def name_of(function: Any, place: str) -> str:
    """How a function or class is imported: ``package.module:name``."""
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    if not module or not name.isidentifier():
        _refuse(place, f"{function!r} cannot be imported by a name; define it at the top of a module")
    return f"{module}:{name}"
