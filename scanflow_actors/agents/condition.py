"""Constraints on the fields of a state: comparisons, changes, and what holds for some time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from scanflow_actors.agents.constraint import Constraint, Look, Verdict, value_of
from scanflow_actors.agents.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Constraint):
    """A field of the state compared with a number; made by `at_least` and its sisters."""

    SYMBOLS: ClassVar[Mapping[str, tuple[str, str]]] = {
        "at_least": (">=", "<"),
        "greater_than": (">", "<="),
        "at_most": ("<=", ">"),
        "less_than": ("<", ">="),
        "equals": ("==", "!="),
    }

    kind: str
    bound: Any
    of: str

    @property
    def fields(self) -> frozenset[str]:
        """The field compared."""
        return frozenset({self.of})

    def judge(self, look: Look) -> Verdict:
        """Compare; a value that is not a number (NaN) makes every comparison fail."""
        value = value_of(look.state, self.of)
        holds = bool(_COMPARE[self.kind](value, self.bound))
        symbol = self.SYMBOLS[self.kind][0 if holds else 1]
        return Verdict(holds, f"{self.of} {_shown(value)} {symbol} {_shown(self.bound)}")


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "at_least": lambda value, bound: value >= bound,
    "greater_than": lambda value, bound: value > bound,
    "at_most": lambda value, bound: value <= bound,
    "less_than": lambda value, bound: value < bound,
    "equals": lambda value, bound: value == bound,
}


def at_least(threshold: float, *, of: str = "total") -> Constraint:
    """Hold when a field of the state is at least `threshold`."""
    return Comparison(kind="at_least", bound=threshold, of=of)


def greater_than(threshold: float, *, of: str = "total") -> Constraint:
    """Hold when a field of the state is strictly greater than `threshold`."""
    return Comparison(kind="greater_than", bound=threshold, of=of)


def at_most(threshold: float, *, of: str = "total") -> Constraint:
    """Hold when a field of the state is at most `threshold`."""
    return Comparison(kind="at_most", bound=threshold, of=of)


def less_than(threshold: float, *, of: str = "total") -> Constraint:
    """Hold when a field of the state is strictly less than `threshold`."""
    return Comparison(kind="less_than", bound=threshold, of=of)


def equals(value: Any, *, of: str) -> Constraint:
    """Hold when a field of the state equals a value."""
    return Comparison(kind="equals", bound=value, of=of)


@dataclass(frozen=True, slots=True)
class Exceeds(Constraint):
    """One field of the state strictly greater than another; made by `exceeds`."""

    field: str
    other: str

    @property
    def fields(self) -> frozenset[str]:
        """Both fields."""
        return frozenset({self.field, self.other})

    def judge(self, look: Look) -> Verdict:
        """Compare the two."""
        value, bound = value_of(look.state, self.field), value_of(look.state, self.other)
        holds = bool(value > bound)
        symbol = ">" if holds else "<="
        return Verdict(holds, f"{self.field} {_shown(value)} {symbol} {self.other} {_shown(bound)}")


def exceeds(field: str, other: str) -> Constraint:
    """Hold when one field of the state is strictly greater than another."""
    return Exceeds(field, other)


# ---------------------------------------------------------------------- over time


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Constraint):
    """A field differs from the look before; made by `changed`."""

    of: str

    @property
    def fields(self) -> frozenset[str]:
        """The field watched."""
        return frozenset({self.of})

    def judge(self, look: Look) -> Verdict:
        """Compare with the look before; the first look is no change."""
        value = plain(value_of(look.state, self.of))
        if look.memory is None:
            return Verdict(holds=False, reason=f"{self.of} {_shown(value)} seen first", memory=[value])
        (before,) = look.memory
        if value == before:
            return Verdict(holds=False, reason=f"{self.of} still {_shown(value)}", memory=[value])
        reason = f"{self.of} changed from {_shown(before)} to {_shown(value)}"
        return Verdict(holds=True, reason=reason, memory=[value])


def changed(of: str) -> Constraint:
    """Hold when a field of the state differs from the strategy's look before."""
    return Changed(of=of)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForAtLeast(Constraint):
    """A constraint that has held at every look for some time; made by `for_at_least_s`."""

    seconds: float
    part: Constraint

    @property
    def fields(self) -> frozenset[str]:
        """Those of the constraint inside."""
        return self.part.fields

    def judge(self, look: Look) -> Verdict:
        """Judge the constraint inside, and since when it holds."""
        known = look.memory or {"since": None, "part": None}
        verdict = self.part.judge(Look(state=look.state, now=look.now, memory=known["part"]))
        if not verdict.holds:
            return Verdict(False, verdict.reason, {"since": None, "part": verdict.memory})  # noqa: FBT003
        since = datetime.fromisoformat(known["since"]) if known["since"] else look.now
        lasted_s = (look.now - since).total_seconds()
        holds = lasted_s >= self.seconds
        reason = f"{verdict.reason} for {lasted_s:g} s {'>=' if holds else '<'} {self.seconds:g} s"
        return Verdict(holds, reason, {"since": since.isoformat(), "part": verdict.memory})


def for_at_least_s(seconds: float, part: Constraint) -> Constraint:
    """Hold when a constraint has held at every look for so many seconds (hysteresis).

    Args:
        seconds: By the agents' time, >= 0.
        part: What must hold all the time.
    """
    if not seconds >= 0:
        raise ValueError(f"seconds must be 0 or more; got {seconds}")
    return ForAtLeast(seconds=seconds, part=part)


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)
