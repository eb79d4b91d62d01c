"""When a failed actor is started again: pure data and pure decisions.

Source: Erlang/OTP `supervisor` (restart intensity in a sliding window), Pekko `restartWithBackoff`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Restart(Enum):
    """Which ends of an actor are followed by a new start."""

    PERMANENT = "permanent"
    """Always, also after a normal end."""
    TRANSIENT = "transient"
    """After a failure only."""
    TEMPORARY = "temporary"
    """Never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before the n-th restart in a row: ``min_s * 2**n``, at most ``max_s``.

    The wait is stretched by up to ``jitter_ratio`` of itself, so that actors that failed together do not
    come back together.
    """

    min_s: float = 0.05
    max_s: float = 30.0
    jitter_ratio: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.min_s <= self.max_s or self.jitter_ratio < 0:
            raise ValueError(f"backoff needs 0 <= min_s <= max_s and jitter_ratio >= 0: {self}")

    def delay_s(self, attempt: int, draw: float) -> float:
        """Seconds before restart number `attempt` (from 0), for a random `draw` in [0, 1]."""
        doublings = min(attempt, 62)
        delay: float = min(self.max_s, self.min_s * 2**doublings)
        return delay * (1.0 + self.jitter_ratio * draw)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartStrategy:
    """One-for-one supervision of an actor: which ends it survives, how often, and how fast.

    More than ``max_restarts`` restarts within ``within_s`` seconds end the actor for good; its parent gets
    `ChildFailed`.
    """

    restart: Restart = Restart.TRANSIENT
    max_restarts: int = 3
    within_s: float = 60.0
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        if self.max_restarts < 0 or self.within_s <= 0:
            raise ValueError(f"needs max_restarts >= 0 and within_s > 0: {self}")

    def survives(self, *, failed: bool) -> bool:
        """Whether an end of this kind is followed by a new start, as long as the intensity allows."""
        return self.restart is Restart.PERMANENT or (self.restart is Restart.TRANSIENT and failed)


class RestartLog:
    """The restarts so far of one actor, or of one supervisor's children, and the decision about the next."""

    __slots__ = ("_draw", "_strategy", "_times")

    def __init__(self, strategy: RestartStrategy, draw: Callable[[], float] = random.random) -> None:
        """Start with no restarts.

        Args:
            strategy: How often and how fast.
            draw: Random numbers in [0, 1) that spread the restarts of actors that failed together.
        """
        self._strategy = strategy
        self._times: list[float] = []
        self._draw = draw

    def decide(self, now_s: float, *, failed: bool) -> float | None:
        """Decide what follows the end of an actor.

        Args:
            now_s: Instant of the end, on any clock that never goes back.
            failed: Whether it ended by a failure, as opposed to normally.

        Returns:
            Seconds to wait before the restart, or None when the actor has ended for good.
        """
        return self.count(now_s) if self._strategy.survives(failed=failed) else None

    def count(self, now_s: float) -> float | None:
        """Count one restart: seconds to wait before it, or None when there were too many already."""
        oldest = now_s - self._strategy.within_s
        self._times = [time for time in self._times if time > oldest]
        if len(self._times) >= self._strategy.max_restarts:
            return None
        delay_s = self._strategy.backoff.delay_s(len(self._times), self._draw())
        self._times.append(now_s)
        return delay_s

    @property
    def restarts_in_window(self) -> int:
        """Restarts that still count."""
        return len(self._times)
