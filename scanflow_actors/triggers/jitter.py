"""Jitter: a delay that is drawn from the instant itself, so that a trigger stays a pure function."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from scanflow_actors.triggers.instant import TICK_OF_CLOCK

if TYPE_CHECKING:
    from datetime import datetime

_BITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter:
    """Spreads the firings of many agents with one schedule.

    Attributes:
        limit: The delay is less than this, and at least 0.
        seed: Agents with different seeds (their names, say) are delayed differently.
    """

    limit: timedelta = timedelta(0)
    seed: str = ""

    def delay(self, instant: datetime, *, room: timedelta) -> timedelta:
        """Return how much later than `instant` to fire: always the same for the same instant.

        Args:
            instant: Nominal instant in UTC.
            room: Distance to the next nominal instant; the delay is shorter, so the order is kept.

        Returns:
            A delay in ``[0, min(limit, room))``.
        """
        steps = min(self.limit, room) // TICK_OF_CLOCK
        drawn = blake2b(f"{self.seed}|{instant.isoformat()}".encode(), digest_size=_BITS // 8)
        return (steps * int.from_bytes(drawn.digest()) >> _BITS) * TICK_OF_CLOCK

    def to_options(self) -> dict[str, Any]:
        """Return the options that make this jitter, without those at their defaults."""
        options: dict[str, Any] = {}
        if self.limit:
            options["jitter_s"] = self.limit.total_seconds()
        if self.seed:
            options["seed"] = self.seed
        return options
