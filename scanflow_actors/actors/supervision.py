"""When a failed actor is started again: pure data and pure decisions.

Source: Erlang/OTP `supervisor` (restart intensity in a sliding window), Pekko `restartWithBackoff`.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from enum import Enum


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


class RestartLog:
    """The restarts of one actor so far, and the decision about the next one."""

    __slots__ = ("_random", "_strategy", "_times")

    def __init__(self, strategy: RestartStrategy, seed: int | None = None) -> None:
        self._strategy = strategy
        self._times: deque[float] = deque()
        self._random = random.Random(seed)  # noqa: S311 - spreads restarts, guards no secret

    def decide(self, now_s: float, *, failed: bool) -> float | None:
        """Decide what follows the end of the actor.

        Args:
            now_s: Instant of the end, on any clock that never goes back.
            failed: Whether it ended by a failure, as opposed to normally.

        Returns:
            Seconds to wait before the restart, or None when the actor has ended for good.
        """
        kind = self._strategy.restart
        if kind is Restart.TEMPORARY or (kind is Restart.TRANSIENT and not failed):
            return None
        while self._times and self._times[0] <= now_s - self._strategy.within_s:
            self._times.popleft()
        if len(self._times) >= self._strategy.max_restarts:
            return None
        delay_s = self._strategy.backoff.delay_s(len(self._times), self._random.random())
        self._times.append(now_s)
        return delay_s

    @property
    def restarts_in_window(self) -> int:
        """Restarts that still count."""
        return len(self._times)
