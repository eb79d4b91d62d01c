"""What two claims of equal priority come to together, aspect by aspect."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scanflow_actors.primitives import Primitive


def merged(one: Primitive, other: Primitive) -> Primitive | None:
    """Make one primitive that both would be content with.

    Replicas: the larger number, of the same service or version; resources: the larger request, each;
    affinity: the union, unless two labels contradict each other.

    Returns:
        None when the aspect has no rule, or the two cannot both be had.
    """
    merge = _BY_ASPECT.get(one.aspect)
    if merge is None or type(one) is not type(other) or one.target != other.target:
        return None
    result: Primitive | None = merge(one, other)
    return result


def _replicas(one: Any, other: Any) -> Any:
    name = "copies" if hasattr(one, "copies") else "replicas"
    numbers = (getattr(one, name), getattr(other, name))
    if not all(isinstance(number, int) for number in numbers):
        return None  # two thresholds have no larger one
    larger = max(numbers)
    if replace(one, **{name: larger}) != replace(other, **{name: larger}):
        return None  # of different services, or versions
    return replace(one, **{name: larger})


def _resources(one: Any, other: Any) -> Any:
    larger = {
        field.name: _larger(getattr(one.resources, field.name), getattr(other.resources, field.name))
        for field in fields(one.resources)
    }
    return replace(one, resources=replace(one.resources, **larger))


def _larger(one: Any, other: Any) -> Any:
    known = [value for value in (one, other) if value is not None]
    return max(known, default=None)


def _affinity(one: Any, other: Any) -> Any:
    labels: Mapping[str, str] = one.affinity.labels
    if any(labels.get(name, value) != value for name, value in other.affinity.labels.items()):
        return None
    apart = tuple(dict.fromkeys((*one.affinity.apart_from, *other.affinity.apart_from)))
    union = replace(one.affinity, labels={**labels, **other.affinity.labels}, apart_from=apart)
    return replace(one, affinity=union)


_BY_ASPECT: Mapping[str, Callable[[Any, Any], Any]] = {
    "replicas": _replicas,
    "resources": _resources,
    "affinity": _affinity,
}
