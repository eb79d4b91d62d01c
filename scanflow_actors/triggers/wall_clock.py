"""From wall times to instants, on days on which the clocks change."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WallClock:
    """The clock on the wall of a zone, which jumps forward (a gap) and back (an overlap).

    Attributes:
        zone: Time zone from the IANA database.
    """

    zone: ZoneInfo

    def wall(self, instant: datetime) -> datetime:
        """Return what the clock shows at an instant, naive."""
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0)

    def overlap(self, wall: datetime) -> timedelta:
        """Return the distance of the two times the clock shows `wall`; 0 if it does so once."""
        first, second = self._both(wall)
        return max(second - first, timedelta(0))

    def once(self, wall: datetime) -> datetime:
        """Return the one instant of a wall time: the first of two, or the end of the gap it is in."""
        before, after = self._both(wall)
        return before if before <= after else self._end_of_gap(after, before)

    def earlier(self, wall: datetime) -> datetime | None:
        """Return the first instant at which the clock shows `wall`; None in a gap."""
        first, second = self._both(wall)
        return first if first <= second else None

    def later(self, wall: datetime) -> datetime | None:
        """Return the last instant at which the clock shows `wall`; None in a gap."""
        first, second = self._both(wall)
        return second if first <= second else None

    def _both(self, wall: datetime) -> tuple[datetime, datetime]:
        """Read the wall time with the offset before a change and with the one after it (PEP 495)."""
        before, after = (wall.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        return before.astimezone(UTC), after.astimezone(UTC)

    def _end_of_gap(self, low: datetime, high: datetime) -> datetime:
        offset = high.astimezone(self.zone).utcoffset()
        seconds = range((high - low) // _SECOND)
        return low + _SECOND * bisect_left(
            seconds,
            True,  # noqa: FBT003 - the key is False before the change, True after it
            key=lambda s: (low + s * _SECOND).astimezone(self.zone).utcoffset() == offset,
        )
