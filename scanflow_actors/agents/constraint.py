"""Pure predicates over a state, their algebra, and their reasons in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a constraint holds, and why."""

    holds: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Constraint:
    """A predicate that names its reason. ``&``, ``|`` and ``~`` combine."""

    judge: Callable[[Any], Verdict]

    def __call__(self, state: Any) -> Verdict:
        """Judge a state."""
        return self.judge(state)

    def __and__(self, other: Constraint) -> Constraint:
        def judge(state: Any) -> Verdict:
            left, right = self(state), other(state)
            return Verdict(left.holds and right.holds, f"({left.reason} and {right.reason})")

        return Constraint(judge)

    def __or__(self, other: Constraint) -> Constraint:
        def judge(state: Any) -> Verdict:
            left, right = self(state), other(state)
            return Verdict(left.holds or right.holds, f"({left.reason} or {right.reason})")

        return Constraint(judge)

    def __invert__(self) -> Constraint:
        def judge(state: Any) -> Verdict:
            verdict = self(state)
            return Verdict(not verdict.holds, f"not {verdict.reason}")

        return Constraint(judge)


def at_least(threshold: float, *, of: str = "total") -> Constraint:
    """Hold when a field of the state is at least `threshold`."""

    def judge(state: Any) -> Verdict:
        value = getattr(state, of)
        holds = bool(value >= threshold)
        return Verdict(holds, f"{of} {value:g} {'>=' if holds else '<'} {threshold:g}")

    return Constraint(judge)


def exceeds(field: str, other: str) -> Constraint:
    """Hold when one field of the state is strictly greater than another."""

    def judge(state: Any) -> Verdict:
        value, bound = getattr(state, field), getattr(state, other)
        holds = bool(value > bound)
        return Verdict(holds, f"{field} {value:.6g} {'>' if holds else '<='} {other} {bound:.6g}")

    return Constraint(judge)


def _received(state: Any) -> Verdict:
    return Verdict(holds=True, reason=f"{type(state).__name__} received")


ALWAYS = Constraint(_received)
"""Holds whenever the strategy is fired: *successful_call* in the paper's Table V."""
