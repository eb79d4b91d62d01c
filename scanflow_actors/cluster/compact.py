"""Frozen slotted dataclasses as short pickles: the habit for messages, and four times dearer by default.

Their own ``__getstate__`` and ``__setstate__`` look up the fields anew for each instance, in Python.
"""

from __future__ import annotations

import copyreg
from dataclasses import fields, is_dataclass
from inspect import ismemberdescriptor
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Reducer = Callable[[Any], Any]


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
