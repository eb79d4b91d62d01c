"""`cron`: fires at the wall times of a cron expression in a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers.instant import to_span
from scanflow_actors.triggers.jitter import Jitter
from scanflow_actors.triggers.schedule import Schedule
from scanflow_actors.triggers.timetable import Timetable
from scanflow_actors.triggers.wall_clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CronTrigger(Timetable):
    """Fires at the wall times of a schedule; made by `cron`.

    Attributes:
        schedule: The parsed expression.
        clock: The clock on the wall that it is read from.
    """

    schedule: Schedule
    clock: WallClock

    def nominal_after(self, after: datetime) -> datetime | None:
        """Return the first nominal instant strictly after `after`; both in UTC."""
        found = []
        try:
            wall = self.clock.wall(after)
            start = wall - self.clock.overlap(wall)
            for read in self._readings():
                instants = map(read, self.schedule.walls_after(start))
                found.append(next(i for i in instants if i is not None and i > after))
        except (OverflowError, StopIteration):  # the end of the calendar
            return None
        return min(found)

    def nominal_until(self, until: datetime) -> datetime | None:
        """Return the last nominal instant at or before `until`; both in UTC."""
        found = []
        try:
            wall = self.clock.wall(until)
            start = wall + self.clock.overlap(wall)
            for read in self._readings():
                instants = map(read, self.schedule.walls_until(start))
                found.append(next(i for i in instants if i is not None and i <= until))
        except (OverflowError, StopIteration):  # the start of the calendar
            return None
        return max(found)

    def to_spec(self) -> dict[str, Any]:
        """Return ``{"cron": {"expression": …, "tz": …}}``."""
        options = {"expression": self.schedule.expression, "tz": self.clock.zone.key}
        return {"cron": options | self.jitter.to_options()}

    def _readings(self) -> tuple[Callable[[datetime], datetime | None], ...]:
        """Return the ways from a wall time to an instant; each keeps the order of wall times."""
        if self.schedule.is_hourly:
            return self.clock.earlier, self.clock.later
        return (self.clock.once,)


def cron(expression: str, *, tz: str = "UTC", jitter_s: float = 0.0, seed: str = "") -> CronTrigger:
    """Fire at the wall times of a cron expression.

    When the clocks change, a time of the day is not a rhythm:

    - Where the hour field names some hours (``30 2 * * *``), each wall time fires once a day. One
      that does not exist, because the clocks go forward over it, fires at the first instant after
      the gap (several such times together: once). One that comes twice, because the clocks go back,
      fires the first time.
    - Where the hour field names all hours (``*/10 * * * *``), the trigger goes on with elapsed time:
      it fires both times when the clocks go back, and has nothing to make up for in a gap.

    The expression is parsed here: croniter takes ``5-5`` for every value, and reads other syntax that
    draws at random; its instants on these days are not the ones above.

    Args:
        expression: Minute, hour, day of month, month, day of week: ``*``, numbers, names (``mon``,
            ``jan``), ranges, lists, steps. A day must be in both day fields if one is ``*``, in at
            least one otherwise. Sunday is 0 or 7.
        tz: IANA name of the time zone.
        jitter_s: Each instant is delayed by 0 up to this many seconds, >= 0, and never up to the next
            instant. The delay is drawn from the instant and `seed`.
        seed: Makes the delays of two agents differ: its name, say.

    Returns:
        The trigger.

    Raises:
        InvalidTriggerError: The expression, the zone or the jitter has no meaning; which is named.

    Source:
        crontab(5); Vixie cron, the treatment of fixed-time and wildcard jobs at clock changes.
    """
    if not isinstance(expression, str):
        raise InvalidTriggerError(f"a cron expression is a text of 5 fields; got {expression!r}")
    schedule = Schedule.parse(expression)
    jitter = Jitter(limit=to_span(jitter_s, name="jitter_s"), seed=seed)
    return CronTrigger(schedule=schedule, clock=WallClock(zone=_zone(tz)), jitter=jitter)


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (LookupError, ValueError, OSError) as error:
        raise InvalidTriggerError(
            f"tz must be a time zone of the IANA database, like Europe/Madrid; got {tz!r}"
        ) from error
