"""Frozen slotted dataclasses as short pickles: the habit for messages, and four times dearer by default.

Their own ``__getstate__`` and ``__setstate__`` look up the fields anew for each instance, in Python.
"""

from __future__ import annotations

import copyreg
from collections import deque
from dataclasses import fields, is_dataclass
from inspect import ismemberdescriptor
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Reducer = Callable[[Any], Any]

FEW = 8
"""Instances that are not worth a table."""


class Columns:
    """Many instances of one class, as one list for each field: what a busy link carries most."""

    __slots__ = ("columns", "count", "kind")

    def __init__(self, kind: type, count: int, columns: list[list[Any]]) -> None:
        self.kind = kind
        self.count = count
        self.columns = columns

    def __reduce__(self) -> tuple[Any, ...]:
        return Columns, (self.kind, self.count, self.columns)

    def instances(self) -> list[Any]:
        """Make the instances again."""
        found: list[Any] = list(map(object.__new__, repeat(self.kind, self.count)))
        for fill, column in zip(_slots(self.kind), self.columns, strict=True):
            deque(map(fill, found, column), maxlen=0)
        return found


def in_columns(instances: Sequence[Any]) -> Columns | None:
    """Lay out instances of one class by field; None when they are few, differ, or say how they pickle."""
    if len(instances) < FEW:
        return None
    kind = type(instances[0])
    getters = _GETTERS.get(kind)
    if getters is None:
        names = [field.name for field in fields(kind)] if _is_plain(kind) else []
        getters = _GETTERS[kind] = [attrgetter(name) for name in names]
    if not getters or len(set(map(type, instances))) > 1:
        return None
    return Columns(kind, len(instances), [list(map(getter, instances)) for getter in getters])


def made(kind: type, *values: Any) -> Any:
    """Make an instance from the values of its fields, as unpickling does: without its ``__init__``."""
    instance: Any = object.__new__(kind)
    for fill, value in zip(_slots(kind), values, strict=True):
        fill(instance, value)
    return instance


class Reducers(dict[type, "Reducer"]):
    """How to pickle an instance, by its class: a ``dispatch_table`` that learns."""

    def __missing__(self, kind: type) -> Reducer:
        if issubclass(kind, type):
            raise KeyError(kind)  # a class, which pickle names by itself
        self[kind] = reducer = _reducer(kind)
        return reducer


_GETTERS: dict[type, list[attrgetter[Any]]] = {}
"""By class, what reads each of its fields; nothing for a class that is not to be laid out by field."""
_SLOTS: dict[type, tuple[Callable[[Any, Any], None], ...]] = {}


def _slots(kind: type) -> tuple[Callable[[Any, Any], None], ...]:
    found = _SLOTS.get(kind)
    if found is None:
        found = _SLOTS[kind] = tuple(getattr(kind, field.name).__set__ for field in fields(kind))
    return found


def _reducer(kind: type) -> Reducer:
    known = copyreg.dispatch_table.get(kind)
    if known is not None:
        return known
    if not _is_plain(kind):
        return _by_itself
    names = [field.name for field in fields(kind)]
    if not names:
        return lambda _: (made, (kind,))
    values = attrgetter(*names)
    if len(names) == 1:
        return lambda instance: (made, (kind, values(instance)))
    return lambda instance: (made, (kind, *values(instance)))


def _by_itself(instance: Any) -> Any:
    return instance.__reduce_ex__(5)


def _is_plain(kind: type) -> bool:
    """Whether its fields, all in slots, are all there is to it, and how it pickles is the default."""
    return (
        is_dataclass(kind)
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and not hasattr(kind, "__getnewargs__")
        and not hasattr(kind, "__getnewargs_ex__")
        and _module_of(kind, "__getstate__") == _module_of(kind, "__setstate__") == "dataclasses"
        and all(ismemberdescriptor(getattr(kind, field.name, None)) for field in fields(kind))
    )


def _module_of(kind: type, name: str) -> str | None:
    return getattr(getattr(kind, name, None), "__module__", None)
