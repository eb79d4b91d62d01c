"""What an agent's constructor takes after the charge, as a file says it, and back.

A config is a dataclass. Its fields may be plain values, triggers, sensors, constraints and further configs,
each of them optional, and tuples of them.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from scanflow_actors.agents.charge import Charge
from scanflow_actors.agents.constraint import Constraint
from scanflow_actors.agents.sensor import Sensor
from scanflow_actors.agents.spec import SpecReader, constraint_to_spec, name_of, sensor_to_spec
from scanflow_actors.errors import InvalidTeamError
from scanflow_actors.triggers import Trigger

if TYPE_CHECKING:
    from scanflow_actors.agents.agent import Agent


def config_type(kind: type[Agent]) -> type | None:
    """The class of what an agent's constructor takes after the charge, or None when it takes nothing."""
    known = get_type_hints(kind.__init__, localns={"Charge": Charge})
    hints = [hint for name, hint in known.items() if name not in {"charge", "return"}]
    return hints[0] if hints else None


def configured(
    kind: type[Agent], given: Mapping[str, Any], reader: SpecReader, place: str
) -> tuple[Any, ...]:
    """Make what an agent's constructor takes after the charge.

    Raises:
        InvalidTeamError: It has no meaning; the place is named.
    """
    wanted = config_type(kind)
    if wanted is None or not is_dataclass(wanted):
        if given:
            raise InvalidTeamError(place=place, problem=f"{kind.__name__} takes no config")
        return ()
    return (_made(wanted, given, reader, place),)


def _made(wanted: type, given: object, reader: SpecReader, place: str) -> Any:
    if not isinstance(given, Mapping):
        raise InvalidTeamError(place=place, problem=f"must be a mapping of options; got {given!r}")
    hints = get_type_hints(wanted)
    values = {}
    for name, value in given.items():
        if name not in hints:
            raise InvalidTeamError(
                place=f"{place}.{name}", problem=f"no such option; known: {', '.join(hints)}"
            )
        values[name] = _value(hints[name], value, reader, f"{place}.{name}")
    for field in fields(wanted):
        if field.default is MISSING and field.default_factory is MISSING and field.name not in values:
            raise InvalidTeamError(place=place, problem=f"needs {field.name!r}")
    try:
        return wanted(**values)
    except ValueError as error:
        raise InvalidTeamError(place=place, problem=str(error)) from error


def _value(hint: Any, value: Any, reader: SpecReader, place: str) -> Any:
    parts = get_args(hint)
    if get_origin(hint) in {Union, types.UnionType} and len(parts) == 2 and type(None) in parts:  # noqa: PLR2004
        (inner,) = (part for part in parts if part is not type(None))
        return None if value is None else _value(inner, value, reader, place)
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_value(parts[0], one, reader, f"{place}[{at}]") for at, one in enumerate(value))
    readers = {Trigger: reader.trigger, Sensor: reader.sensor, Constraint: reader.constraint}
    if hint in readers:
        return readers[hint](value, place)
    if is_dataclass(hint) and isinstance(hint, type):
        return _made(hint, value, reader, place)
    try:
        return TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError as error:
        refuse(error, place)


def refuse(error: ValidationError, place: str) -> NoReturn:
    """Say where in a file a value has no meaning.

    Raises:
        InvalidTeamError: Always.
    """
    first = error.errors()[0]
    path = place
    for part in first["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    raise InvalidTeamError(place=path.lstrip(".") or "team", problem=first["msg"]) from error


# ---------------------------------------------------------------------- the way back


def config_to_spec(config: Any, place: str = "config") -> dict[str, Any]:
    """Write a config as a file says it.

    Raises:
        InvalidTeamError: A part of it is code that has no name to be imported by.
    """
    return {
        field.name: _written(value, f"{place}.{field.name}")
        for field in fields(config)
        if (value := getattr(config, field.name)) != field.default
    }


def _written(value: Any, place: str) -> Any:
    if isinstance(value, Trigger):
        return value.to_spec()
    if isinstance(value, Sensor):
        return sensor_to_spec(value, place)
    if isinstance(value, Constraint):
        return constraint_to_spec(value, place)
    if isinstance(value, tuple):
        return [_written(one, f"{place}[{at}]") for at, one in enumerate(value)]
    if is_dataclass(value):
        return config_to_spec(value, place)
    return name_of(value, place) if callable(value) else value
