"""States as the journal has them: plain JSON that reads like the object it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Observed(Mapping[str, Any]):
    """A state from the journal: its fields are attributes, and items."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> Any:
        return thing(self._fields[name])

    def __getattr__(self, name: str) -> Any:
        try:
            return thing(self._fields[name])
        except KeyError as error:
            raise AttributeError(f"the recorded state has no field {name!r}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Observed({self._fields!r})"


def thing(value: Any) -> Any:
    """Make JSON read like objects: mappings get attributes, lists become tuples."""
    if isinstance(value, Observed):
        return value
    if isinstance(value, dict):
        return Observed(value)
    if isinstance(value, list):
        return tuple(thing(item) for item in value)
    return value


def news(before: Any, now: Any) -> Any:
    """What a look saw beyond the look before, which was not acted on: numbers less, lists the rest.

    Args:
        before: The state of the look before; None when that was acted on.
        now: The state of this look.
    """
    if before is None:
        return now
    if isinstance(now, dict) and isinstance(before, dict):
        return {name: news(before.get(name), value) for name, value in now.items()}
    if isinstance(now, list) and isinstance(before, list) and now[: len(before)] == before:
        return now[len(before) :]
    if _is_number(now) and _is_number(before):
        return now - before
    return now


def added(pool: Any, observation: Any) -> Any:
    """Put an observation to those not acted on; the mirror of `news`."""
    if pool is None:
        return observation
    if isinstance(pool, dict) and isinstance(observation, dict):
        return {name: added(pool.get(name), value) for name, value in observation.items()}
    if isinstance(pool, list) and isinstance(observation, list):
        return pool + observation
    if _is_number(pool) and _is_number(observation):
        return pool + observation
    return observation


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
