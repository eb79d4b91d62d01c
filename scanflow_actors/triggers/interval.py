"""`every`: fires at equal distances of elapsed time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers.instant import EPOCH, to_span, to_utc
from scanflow_actors.triggers.jitter import Jitter
from scanflow_actors.triggers.timetable import Timetable


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalTrigger(Timetable):
    """Fires at ``anchor + k * interval``; made by `every`.

    Attributes:
        interval: Distance of two nominal instants, > 0.
        start: First nominal instant before `offset`; None for all multiples since the Unix epoch.
        end: No nominal instant is after it; None for no end.
        offset: Shifts every nominal instant, less than the interval.
    """

    interval: timedelta
    start: datetime | None = None
    end: datetime | None = None
    offset: timedelta = timedelta(0)

    def nominal_after(self, after: datetime) -> datetime | None:
        """Return the first nominal instant strictly after `after`; both in UTC."""
        count = (after - self._anchor()) // self.interval + 1
        instant = self._instant(count if self.start is None else max(count, 0))
        if instant is None or (self.end is not None and instant > self.end):
            return None
        return instant

    def nominal_until(self, until: datetime) -> datetime | None:
        """Return the last nominal instant at or before `until`; both in UTC."""
        bound = until if self.end is None else min(until, self.end)
        count = (bound - self._anchor()) // self.interval
        return None if self.start is not None and count < 0 else self._instant(count)

    def to_spec(self) -> dict[str, Any]:
        """Return ``{"every": {…}}`` with the options that differ from their defaults."""
        options: dict[str, Any] = _parts(self.interval)
        if self.start is not None:
            options["start"] = self.start.isoformat()
        if self.end is not None:
            options["end"] = self.end.isoformat()
        if self.offset:
            options["offset_s"] = self.offset.total_seconds()
        return {"every": options | self.jitter.to_options()}

    def _anchor(self) -> datetime:
        return (self.start or EPOCH) + self.offset

    def _instant(self, count: int) -> datetime | None:
        try:
            return self._anchor() + count * self.interval
        except OverflowError:  # beyond the calendar, and so never
            return None


def every(
    *,
    days: float = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0.0,
    start: datetime | None = None,
    end: datetime | None = None,
    offset_s: float = 0.0,
    jitter_s: float = 0.0,
    seed: str = "",
) -> IntervalTrigger:
    """Fire at equal distances of elapsed time; changes of the clocks do not matter.

    Without `start`, the instants are the multiples of the interval since the Unix epoch (every hour
    is on the hour, UTC), so that a restarted agent keeps its instants.

    Args:
        days: Days of 24 hours, added to the other parts of the interval.
        hours: Hours, added.
        minutes: Minutes, added.
        seconds: Seconds, added. The sum is > 0 and is taken to the microsecond.
        start: First instant, with a time zone.
        end: No instant is after it; a jittered one is later by less than `jitter_s`.
        offset_s: Seconds by which all instants are shifted, >= 0 and less than the interval.
        jitter_s: Each instant is delayed by 0 up to this many seconds, less than the interval. The
            delay is drawn from the instant and `seed`, so it is the same whenever it is asked for.
        seed: Makes the delays of two agents differ: its name, say.

    Returns:
        The trigger.

    Raises:
        InvalidTriggerError: An option is out of its range, contradicts another, or is naive.
    """
    interval = _interval(days=days, hours=hours, minutes=minutes, seconds=seconds)
    offset = _within(interval, offset_s, name="offset_s")
    jitter = Jitter(limit=_within(interval, jitter_s, name="jitter_s"), seed=seed)
    first = None if start is None else to_utc(start, name="start")
    last = None if end is None else to_utc(end, name="end")
    if first is not None and last is not None and last - first < offset:
        raise InvalidTriggerError(
            f"every would never fire: it ends at {last.isoformat()}, before its first instant "
            f"(start {first.isoformat()} + offset_s {offset_s:g}); choose a later end"
        )
    return IntervalTrigger(interval=interval, start=first, end=last, offset=offset, jitter=jitter)


def _interval(*, days: float, hours: float, minutes: float, seconds: float) -> timedelta:
    said = f"days={days:g}, hours={hours:g}, minutes={minutes:g}, seconds={seconds:g}"
    try:
        interval = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except (OverflowError, ValueError) as error:
        raise InvalidTriggerError(f"the interval must be finite; got {said}") from error
    if interval <= timedelta(0):
        raise InvalidTriggerError(
            f"the interval must be longer than 0; got {said}: give at least one, as in every(hours=1)"
        )
    return interval


def _within(interval: timedelta, seconds: float, *, name: str) -> timedelta:
    span = to_span(seconds, name=name)
    if span >= interval:
        raise InvalidTriggerError(
            f"{name} must be less than the interval of {interval.total_seconds():g} s; got {seconds:g}"
        )
    return span


def _parts(interval: timedelta) -> dict[str, float]:
    minutes, rest = divmod(interval - timedelta(days=interval.days), timedelta(minutes=1))
    parts = {
        "days": interval.days,
        "hours": minutes // 60,
        "minutes": minutes % 60,
        "seconds": rest.total_seconds() if rest.microseconds else rest.seconds,
    }
    return {name: count for name, count in parts.items() if count}
