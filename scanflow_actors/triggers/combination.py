"""`any_of` and `all_of`: triggers made of triggers, over time and call-receive alike."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers.trigger import State, Trigger

if TYPE_CHECKING:
    from datetime import datetime

    from scanflow_actors.triggers.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination(Trigger):
    """What both combinations share: their instants are those of their parts, merged.

    The state is ``{"parts": [state, …], "fired": [bool, …]}``: of each part its state, and whether it
    has fired since the combination last did.

    Attributes:
        parts: The triggers, at least one.
    """

    kind: ClassVar[str]
    parts: tuple[Trigger, ...]

    @classmethod
    def joined(cls, *triggers: Trigger) -> Self:
        """Make one combination of all, taking apart those of the same class: ``a & b & c`` is flat."""
        parts: list[Trigger] = []
        for trigger in triggers:
            parts.extend(trigger.parts if isinstance(trigger, cls) else (trigger,))
        return cls(parts=tuple(parts))

    def next_fire(self, after: datetime) -> datetime | None:
        """Return the earliest of the parts' next instants: when to step with a `Tick`."""
        instants = (part.next_fire(after) for part in self.parts)
        return min((instant for instant in instants if instant is not None), default=None)

    def last_fire(self, until: datetime) -> datetime | None:
        """Return the latest of the parts' last instants."""
        instants = (part.last_fire(until) for part in self.parts)
        return max((instant for instant in instants if instant is not None), default=None)

    def initial_state(self, now: datetime) -> State:
        """Return the state in which no part has fired."""
        parts: list[State] = [part.initial_state(now) for part in self.parts]
        return {"parts": parts, "fired": [False] * len(parts)}

    def step(self, state: State, event: Event) -> tuple[State, bool]:
        """Step every part; fire by the rule of the combination, which then starts afresh."""
        states, before = self._taken_apart(state)
        stepped = [part.step(old, event) for part, old in zip(self.parts, states, strict=True)]
        fired = [had or new for had, (_, new) in zip(before, stepped, strict=True)]
        is_firing = self._is_firing(fired)
        kept: list[State] = [has and not is_firing for has in fired]
        return {"parts": [new for new, _ in stepped], "fired": kept}, is_firing

    def skip(self, state: State, until: datetime) -> State:
        """Give up the instants of every part up to `until`; what has fired stays so."""
        states, fired = self._taken_apart(state)
        parts = [part.skip(old, until) for part, old in zip(self.parts, states, strict=True)]
        return {"parts": parts, "fired": list(fired)}

    def to_spec(self) -> dict[str, Any]:
        """Return ``{"any_of": [spec, …]}`` or ``{"all_of": [spec, …]}``."""
        return {self.kind: [part.to_spec() for part in self.parts]}

    @abstractmethod
    def _is_firing(self, fired: list[bool]) -> bool:
        """Decide by which parts have fired since the combination last did."""

    def _taken_apart(self, state: State) -> tuple[list[State], list[bool]]:
        stored = state if isinstance(state, dict) else {}
        parts, fired = stored.get("parts"), stored.get("fired")
        if isinstance(parts, list) and isinstance(fired, list):
            flags = [flag for flag in fired if isinstance(flag, bool)]
            if len(parts) == len(self.parts) == len(fired) == len(flags):
                return parts, flags
        raise InvalidTriggerError(
            f"the stored state of {self.kind} must be of its {len(self.parts)} parts; got {state!r}: "
            "it is of another trigger; start again from initial_state"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf(Combination):
    """Fires when any part does; made by `any_of` or ``a | b``."""

    kind: ClassVar[str] = "any_of"

    def _is_firing(self, fired: list[bool]) -> bool:
        return any(fired)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf(Combination):
    """Fires when each part has since the last time it did; made by `all_of` or ``a & b``."""

    kind: ClassVar[str] = "all_of"

    def _is_firing(self, fired: list[bool]) -> bool:
        return all(fired)


def any_of(*triggers: Trigger) -> AnyOf:
    """Fire when any of the triggers fires.

    Triggers that fire at the same instant make one firing. Each received message is an event of its
    own and fires, also at the instant of a tick: no message goes unanswered.

    Args:
        *triggers: At least one, of time, of call-receive, or combinations.

    Returns:
        The trigger.

    Raises:
        InvalidTriggerError: There is none.
    """
    return AnyOf(parts=_some(triggers, "any_of"))


def all_of(*triggers: Trigger) -> AllOf:
    """Fire when each of the triggers has fired at least once since the last joint firing.

    ``all_of(every(hours=1), on(NewData))``: hourly, and only once new data was announced. A trigger
    that fires again while the others are awaited counts once.

    Args:
        *triggers: At least one, of time, of call-receive, or combinations.

    Returns:
        The trigger.

    Raises:
        InvalidTriggerError: There is none.
    """
    return AllOf(parts=_some(triggers, "all_of"))


def _some(triggers: tuple[Trigger, ...], kind: str) -> tuple[Trigger, ...]:
    if not triggers:
        raise InvalidTriggerError(f"{kind} of nothing never fires; give it at least one trigger")
    for trigger in triggers:
        if not isinstance(trigger, Trigger):
            raise InvalidTriggerError(f"{kind} takes triggers; got {trigger!r}: write on(…) around it")
    return triggers
