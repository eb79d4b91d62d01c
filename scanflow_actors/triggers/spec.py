"""Triggers written as JSON or YAML; the way back is `Trigger.to_spec`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers.call_receive import on
from scanflow_actors.triggers.combination import all_of, any_of
from scanflow_actors.triggers.crontab import cron
from scanflow_actors.triggers.date import at
from scanflow_actors.triggers.interval import every

if TYPE_CHECKING:
    from scanflow_actors.triggers.trigger import Trigger


def from_spec(spec: object, messages: Mapping[str, type], *, place: str = "trigger") -> Trigger:
    """Make a trigger from plain JSON or YAML.

    One key says the kind: ``every`` and ``cron`` with the options of the functions of these names
    (``cron: "0 3 * * *"`` is short for its expression), ``at`` with an instant in ISO 8601, ``on``
    with the name of a message type, ``any_of`` and ``all_of`` with a list of triggers.

    Args:
        spec: As `Trigger.to_spec` returns it.
        messages: The message types that ``on`` may name.
        place: Where the spec stands in what the user wrote, for the error: ``strategies[0].when``.

    Returns:
        The trigger.

    Raises:
        InvalidTriggerError: The spec has no meaning; the place in it is named.
    """
    return _Reader(messages=messages).trigger(spec, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    messages: Mapping[str, type]

    def trigger(self, spec: object, place: str) -> Trigger:
        kinds: dict[object, Callable[[object, str], Callable[[], Trigger]]] = {
            "all_of": lambda value, here: partial(all_of, *self._triggers(value, here)),
            "any_of": lambda value, here: partial(any_of, *self._triggers(value, here)),
            "at": lambda value, here: partial(at, _instant(value, here)),
            "cron": lambda value, here: partial(cron, **_options(_full(value), _CRON, here)),
            "every": lambda value, here: partial(every, **_options(value, _EVERY, here)),
            "on": lambda value, here: partial(on, self._message(value, here)),
        }
        known = ", ".join(str(kind) for kind in kinds)
        if not isinstance(spec, Mapping) or len(spec) != 1:
            _refuse(place, f"must be a mapping with one key out of {known}; got {spec!r}")
        ((key, value),) = spec.items()
        kind = "on" if key is True else key  # YAML 1.1 reads the bare word `on` as true
        if kind not in kinds:
            _refuse(place, f"no trigger is called {kind!r}; known: {known}")
        make = kinds[kind](value, f"{place}.{kind}")
        try:
            return make()
        except InvalidTriggerError as error:
            raise InvalidTriggerError(f"{place}.{kind}: {error}") from error

    def _triggers(self, value: object, place: str) -> list[Trigger]:
        if not isinstance(value, list | tuple):
            _refuse(place, f"must be a list of triggers; got {value!r}")
        return [self.trigger(spec, f"{place}[{index}]") for index, spec in enumerate(value)]

    def _message(self, value: object, place: str) -> type:
        if not isinstance(value, str) or value not in self.messages:
            known = ", ".join(sorted(self.messages)) or "none"
            _refuse(place, f"no message type is called {value!r}; known: {known}")
        return self.messages[value]


def _refuse(place: str, problem: str) -> NoReturn:
    raise InvalidTriggerError(f"{place}: {problem}")


def _number(value: object, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(place, f"must be a number; got {value!r}")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        _refuse(place, f"must be a text; got {value!r}")
    return value


def _instant(value: object, place: str) -> datetime:
    if isinstance(value, datetime):  # YAML reads instants by itself
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        _refuse(place, f"must be an instant like 2026-01-31T12:00:00+00:00; got {value!r}")


_Option = Callable[[object, str], Any]
_EVERY: dict[object, _Option] = {
    "days": _number,
    "hours": _number,
    "minutes": _number,
    "seconds": _number,
    "start": _instant,
    "end": _instant,
    "offset_s": _number,
    "jitter_s": _number,
    "seed": _text,
}
_CRON: dict[object, _Option] = {
    "expression": _text,
    "tz": _text,
    "jitter_s": _number,
    "seed": _text,
}


def _full(value: object) -> object:
    return {"expression": value} if isinstance(value, str) else value


def _options(value: object, known: Mapping[object, _Option], place: str) -> dict[str, Any]:
    names = ", ".join(str(name) for name in known)
    if not isinstance(value, Mapping):
        _refuse(place, f"must be a mapping of options out of {names}; got {value!r}")
    for name in value:
        if name not in known:
            _refuse(place, f"no option is called {name!r}; known: {names}")
    if known is _CRON and "expression" not in value:
        _refuse(place, "needs an expression, like 0 3 * * *")
    return {str(name): known[name](option, f"{place}.{name}") for name, option in value.items()}
