"""The agents' time: the one place where an hour of theirs becomes seconds of ours."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A clock that may run faster than the wall's; equal in every process of one machine.

    ``scale`` seconds of the agents pass in one second of `now_s`. With the default, the agents' time is
    the time of day.
    """

    origin: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    """The agents' time at `origin_s`."""
    origin_s: float = 0.0
    """Reading of `now_s` at the origin."""
    scale: float = 1.0
    now_s: Callable[[], float] = time.time
    """Seconds; a function that all processes share, and that pickles."""

    @classmethod
    def starting(cls, origin: datetime, *, hour_s: float, now_s: Callable[[], float] = time.time) -> Clock:
        """A clock that shows `origin` now and whose hours take `hour_s` seconds."""
        if hour_s <= 0:
            raise ValueError(f"an hour must take more than 0 seconds; got hour_s={hour_s}")
        return cls(origin=origin, origin_s=now_s(), scale=3600.0 / hour_s, now_s=now_s)

    def now(self) -> datetime:
        """The agents' time, in UTC."""
        return self.origin + timedelta(seconds=(self.now_s() - self.origin_s) * self.scale)

    def timestamp_s(self) -> float:
        """The agents' time, in seconds since the Unix epoch."""
        return self.now().timestamp()

    def wait_s(self, until: datetime) -> float:
        """Seconds of the event loop until an instant of the agents' time; 0 when it has passed."""
        return max(0.0, (until - self.now()).total_seconds() / self.scale)
