"""Pure predicates over a state, their algebra, and their reasons in words.

A constraint judges a state at an instant; `condition.py` has those that look at its fields. One that
compares with earlier looks keeps a memory, plain JSON, which the agent stores with the watermark.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a constraint holds, and why."""

    holds: bool
    reason: str
    memory: Any = field(default=None, compare=False)
    """For the next look; None for a constraint that remembers nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a constraint judges."""

    state: Any
    now: datetime = EPOCH
    memory: Any = None
    """From the verdict of the look before; None at the first."""


class Constraint(ABC):
    """A predicate that names its reason. ``&``, ``|`` and ``~`` combine."""

    __slots__ = ()

    @abstractmethod
    def judge(self, look: Look) -> Verdict:
        """Judge a look; the same look gives the same verdict."""

    @property
    def fields(self) -> frozenset[str]:
        """Fields of the state that it reads: checked before a team starts."""
        return frozenset()

    def __call__(self, state: Any) -> Verdict:
        """Judge a state on its own, without a memory."""
        return self.judge(Look(state=state))

    def __and__(self, other: Constraint) -> Constraint:
        return Every(parts=(self, other))

    def __or__(self, other: Constraint) -> Constraint:
        return Some(parts=(self, other))

    def __invert__(self) -> Constraint:
        return Not(part=self)


def value_of(state: Any, name: str) -> Any:
    """Read a field of a state: an attribute, or an item of a mapping; ``a.b`` goes on into ``a``.

    Raises:
        LookupError: It has no such field.
    """
    for part in name.split("."):
        if isinstance(state, Mapping):
            state = state[part]
        elif hasattr(state, part):
            state = getattr(state, part)
        else:
            raise LookupError(f"the state {type(state).__name__} has no field {part!r}")
    return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Every(Constraint):
    """Holds when every part does; made by ``a & b``."""

    parts: tuple[Constraint, ...]

    @property
    def fields(self) -> frozenset[str]:
        """Those of all parts."""
        return frozenset().union(*(part.fields for part in self.parts))

    def judge(self, look: Look) -> Verdict:
        """Judge every part, also when one fails: each keeps its memory."""
        return _joined(self.parts, look, all, " and ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Some(Constraint):
    """Holds when at least one part does; made by ``a | b``."""

    parts: tuple[Constraint, ...]

    @property
    def fields(self) -> frozenset[str]:
        """Those of all parts."""
        return frozenset().union(*(part.fields for part in self.parts))

    def judge(self, look: Look) -> Verdict:
        """Judge every part, also when one holds: each keeps its memory."""
        return _joined(self.parts, look, any, " or ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Constraint):
    """Holds when its part does not; made by ``~a``."""

    part: Constraint

    @property
    def fields(self) -> frozenset[str]:
        """Those of the part."""
        return self.part.fields

    def judge(self, look: Look) -> Verdict:
        """Turn the verdict around."""
        verdict = self.part.judge(look)
        return Verdict(not verdict.holds, f"not {verdict.reason}", verdict.memory)


def _joined(
    parts: tuple[Constraint, ...], look: Look, quantifier: Callable[[Any], bool], word: str
) -> Verdict:
    known = look.memory or [None] * len(parts)
    verdicts = [
        part.judge(Look(state=look.state, now=look.now, memory=memory))
        for part, memory in zip(parts, known, strict=True)
    ]
    memories = [verdict.memory for verdict in verdicts]
    return Verdict(
        quantifier(verdict.holds for verdict in verdicts),
        f"({word.join(verdict.reason for verdict in verdicts)})",
        memories if any(memory is not None for memory in memories) else None,
    )


# ---------------------------------------------------------------------- your own


@dataclass(frozen=True, slots=True, kw_only=True)
class Always(Constraint):
    """Holds whenever the strategy is fired: *successful_call* in the paper's Table V."""

    def judge(self, look: Look) -> Verdict:
        """Hold."""
        return Verdict(holds=True, reason=f"{type(look.state).__name__} received")


ALWAYS: Constraint = Always()


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom(Constraint):
    """A function of the user's; made by `holds_when`."""

    function: Callable[[Any], bool | Verdict]

    def judge(self, look: Look) -> Verdict:
        """Ask the function; a plain bool gets the function's name as its reason."""
        answer = self.function(look.state)
        if isinstance(answer, Verdict):
            return answer
        name = getattr(self.function, "__name__", repr(self.function))
        return Verdict(bool(answer), name if answer else f"not {name}")


def holds_when(function: Callable[[Any], bool | Verdict]) -> Constraint:
    """Make a constraint of a pure function from the state to a bool, or to a `Verdict` with its reason."""
    return Custom(function=function)
