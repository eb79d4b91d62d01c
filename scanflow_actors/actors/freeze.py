"""Messages are values: arrays in them become read-only when they are sent, in one process as across them.

Looked through are the fields of dataclasses, and tuples, lists, sets and dictionaries of up to
`MAX_ITEMS` items, four levels deep.
"""

from __future__ import annotations

import sys
from dataclasses import fields, is_dataclass
from typing import Any

MAX_ITEMS = 1000
"""Items of a container that are looked through; a longer list of arrays is better one array."""

MAX_DEPTH = 4

_PLAIN = ("int", "float", "str", "bytes", "bool", "int | None", "float | None", "str | None", "ActorRef")
_LEAF: tuple[str, ...] = ()
PLANS: dict[Any, tuple[str, ...] | str] = {
    **dict.fromkeys((int, float, str, bytes, bool, type(None)), _LEAF),
    **dict.fromkeys((tuple, list, set, frozenset), "items"),
    dict: "values",
}
"""What to look at in a value, by its type: nothing, where the plan is empty."""


def freeze(value: Any, depth: int = MAX_DEPTH) -> None:
    """Make the arrays in a message read-only, in place: the sender sees it too."""
    plan = PLANS.get(type(value))
    if plan is None:
        plan = PLANS[type(value)] = _plan(type(value))
    if plan and depth:
        _follow(plan, value, depth)


def _follow(plan: tuple[str, ...] | str, value: Any, depth: int) -> None:
    if plan == "array":
        value.flags.writeable = False
    elif plan in {"items", "values"}:
        if len(value) <= MAX_ITEMS:
            for item in value.values() if plan == "values" else value:
                freeze(item, depth - 1)
    else:
        for name in plan:
            freeze(getattr(value, name, None), depth - 1)


def _plan(kind: type) -> tuple[str, ...] | str:
    """What to look at in a value of this type: some of its fields, its items, or nothing."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, numpy.ndarray):
        return "array"
    if is_dataclass(kind):
        plain = (*_PLAIN, int, float, str, bytes, bool)
        return tuple(field.name for field in fields(kind) if field.type not in plain)
    if issubclass(kind, (tuple, list)):
        return "items"
    return "values" if issubclass(kind, dict) else _LEAF
