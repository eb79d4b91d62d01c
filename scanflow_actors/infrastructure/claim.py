"""Claims, the rules for them, and what the arbiter knows and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from scanflow_actors.actors.message import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanflow_actors.primitives import Primitive

HOUR_S = 3600.0
ACTS = frozenset({"runs"})
"""Aspects that are acts rather than settings: to run something twice in turn is no flapping."""


class Mode(StrEnum):
    """What becomes of a claim that no rule is against."""

    LIVE = "live"
    """It is carried out."""
    DRY_RUN = "dry-run"
    """It is recorded, and nothing is done."""
    APPROVE = "approve"
    """It waits for a person."""


class Rule(StrEnum):
    """Which rule has decided."""

    FREE = "free"
    STALE = "stale"
    BUDGET = "budget"
    FLAPPING = "flapping"
    PRIORITY = "priority"
    LEASE = "lease"
    MERGE = "merge"
    DRY_RUN = "dry-run"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an arbiter goes by."""

    mode: Mode = Mode.LIVE
    modes: Mapping[str, Mode] = field(default_factory=dict)
    """By ``agent/strategy``, or by agent; `mode` for all others."""
    budgets: Mapping[str, int] = field(default_factory=dict)
    """Primitives an hour, by ``agent/strategy``, or by agent for each of its strategies; none by default."""
    flap_window_s: float = HOUR_S
    """Seconds in which A, B, A, B is flapping."""
    approve_within_s: float = HOUR_S
    """Seconds of the event loop that a person has to approve."""

    def mode_of(self, by: str) -> Mode:
        """The mode of a strategy."""
        return self.modes.get(by, self.modes.get(by.partition("/")[0], self.mode))

    def budget_of(self, by: str) -> int | None:
        """Primitives an hour of a strategy, or None for no limit."""
        return self.budgets.get(by, self.budgets.get(by.partition("/")[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Somebody wants something to be so."""

    key: str
    by: str
    primitive: Primitive
    priority: int = 0
    lease_s: float = 0.0
    generation: int | None = None
    """Of the target, when it was decided; None when the decision does not depend on it."""
    at_s: float = 0.0
    """The agents' time, seconds since the Unix epoch."""
    is_approved: bool = False

    def lives(self, now_s: float) -> bool:
        """Whether its lease is running."""
        return now_s < self.at_s + self.lease_s

    def overlaps(self, other: Claim) -> bool:
        """Whether both want a say in the same thing: one aspect of one target, or of a part of it."""
        mine, others = self.primitive, other.primitive
        if mine.aspect != others.aspect:
            return False
        return f"{mine.target}/".startswith(f"{others.target}/") or f"{others.target}/".startswith(
            f"{mine.target}/"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the arbiter says to a claim."""

    is_granted: bool
    rule: Rule
    reason: str
    primitive: Primitive
    """What is to be carried out: for a merger, more than was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A primitive that was let through, as history."""

    key: str
    by: str
    at_s: float
    priority: int
    primitive: Primitive


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The arbiter's state: immutable, so that a decision can be tried without being made."""

    now_s: float = 0.0
    claims: tuple[Claim, ...] = ()
    """Claims whose lease is running, the earliest first."""
    grants: tuple[Grant, ...] = ()
    """Of the last window, the earliest first."""
    generations: Mapping[str, int] = field(default_factory=dict)
    """How often each target was set."""
    frozen: Mapping[str, int] = field(default_factory=dict)
    """Frozen ``target aspect`` → the priority that must be exceeded to lift it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A primitive that waits for a person."""

    key: str
    by: str
    primitive: Primitive


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What stands, is frozen, and waits for a person."""

    standing: Standing
    waiting: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListClaims(Request[Claims]):
    """Ask the infrastructure actor what stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle(Request[bool]):
    """Approve what waits for a person, or refuse it. False when nothing waits under the key."""

    key: str
    by: str
    is_approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Thaw(Request[bool]):
    """Lift what was frozen for flapping. False when it is not frozen."""

    target: str
    aspect: str
    by: str
