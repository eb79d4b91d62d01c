"""Waking an agent: strategies that are due at one instant wake it together, and so are written together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

    from scanflow_actors.actors.context import ActorContext
    from scanflow_actors.agents.strategy import Strategy

TOGETHER = 32
"""Strategies that are woken together at most: while their decisions are written, the next ones look."""


@dataclass(slots=True, eq=False)
class Wake:
    """To oneself: the instant of some strategies has come."""

    instant: datetime
    names: list[str] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class Alarms:
    """The timers of one agent: each strategy waits for one instant."""

    def __init__(self) -> None:
        self._by_name: dict[str, Wake] = {}
        self._shared: dict[datetime, Wake] = {}

    def set(self, strategy: Strategy, instant: datetime, wait_s: float, ctx: ActorContext) -> None:
        """Have a strategy woken, in place of what it waited for.

        A sensor that may take its time is nobody else's, and so are a pause and a belief to be learnt.

        Args:
            strategy: Which.
            instant: What it waits for, in the agents' time.
            wait_s: Seconds of the event loop until then, or more.
            ctx: Of the agent.
        """
        is_shared = strategy.sense.is_quick and strategy.learns is None
        wake = self._shared.get(instant) if is_shared else None
        if wake is None or len(wake.names) == TOGETHER:
            wake = Wake(instant)
            wake.timer = ctx.after(wait_s, wake)
            if is_shared:
                self._shared[instant] = wake
        wake.names.append(strategy.name)
        self._by_name[strategy.name] = wake

    def rung(self, wake: Wake) -> list[str]:
        """The strategies that still waited for this; they wait for nothing now."""
        wake.timer = (
            None  # it holds the context it was set in, and with that the wake before: a chain without end
        )
        if self._shared.get(wake.instant) is wake:
            del self._shared[wake.instant]
        names = sorted(name for name in wake.names if self._by_name.get(name) is wake)
        for name in names:
            del self._by_name[name]
        return names

    def clear(self) -> None:
        """Wake nobody any more."""
        for wake in self._by_name.values():
            if wake.timer is not None:
                wake.timer.cancel()
        self._by_name.clear()
        self._shared.clear()
