"""A parsed cron expression: which wall times it names, without a time zone."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Self

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY = timedelta(days=1)
_HOURS_OF_A_DAY = 24
_LONGEST = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The wall times of a cron expression, naive and to the minute.

    A day must be in both day fields if one of them is ``*``, in at least one of them otherwise (as
    in crontab(5)). A step restricts: ``*/2`` is not ``*`` (as in Kubernetes; Vixie cron differs).

    Attributes:
        expression: The five fields, as written, one space between.
        minutes: Minutes of the day, ascending.
        days: Days of the month.
        months: Months.
        weekdays: Days of the week, Sunday being 0.
        is_either_day: One of the two day fields is enough.
        is_hourly: Every hour is named: a rhythm rather than times of the day.
    """

    expression: str
    minutes: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either_day: bool
    is_hourly: bool

    @classmethod
    def parse(cls, expression: str) -> Self:
        """Read a cron expression.

        Args:
            expression: Minute, hour, day of month, month and day of week, with blanks between.

        Returns:
            The schedule.

        Raises:
            InvalidTriggerError: It has not five fields, one has no meaning, or its day never comes.

        Source:
            crontab(5).
        """
        texts = expression.split()
        if len(texts) != len(FIELDS):
            names = ", ".join(field.name for field in FIELDS)
            raise InvalidTriggerError(
                f"cron expression {expression!r} must have 5 fields ({names}); got {len(texts)}"
            )
        minutes, hours, days, months, weekdays = (
            field.parse(text, expression) for field, text in zip(FIELDS, texts, strict=True)
        )
        restricted = [text != "*" for text in (texts[2], texts[4])]
        if not restricted[1] and all(min(days) > _LONGEST.get(month, 31) for month in months):
            raise InvalidTriggerError(
                f"cron expression {expression!r}, field day-of-month {texts[2]!r}: "
                f"never comes in month {texts[3]}; choose a day that the month has"
            )
        return cls(
            expression=" ".join(texts),
            minutes=tuple(sorted(60 * hour + minute for hour in hours for minute in minutes)),
            days=days,
            months=months,
            weekdays=weekdays,
            is_either_day=all(restricted),
            is_hourly=len(hours) == _HOURS_OF_A_DAY,
        )

    def walls_after(self, wall: datetime) -> Iterator[datetime]:
        """Yield the wall times strictly after a wall time, ascending, to the end of the calendar."""
        first = bisect_right(self.minutes, 60 * wall.hour + wall.minute)
        for day in _days(wall.date(), _DAY):
            if self.has_day(day):
                yield from (_wall(day, minute) for minute in self.minutes[first:])
            first = 0

    def walls_until(self, wall: datetime) -> Iterator[datetime]:
        """Yield the wall times at or before a wall time, descending, to the start of the calendar."""
        end = bisect_right(self.minutes, 60 * wall.hour + wall.minute)
        for day in _days(wall.date(), -_DAY):
            if self.has_day(day):
                yield from (_wall(day, minute) for minute in reversed(self.minutes[:end]))
            end = len(self.minutes)

    def has_day(self, day: date) -> bool:
        """Tell whether the expression names a day."""
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        is_named = in_month or in_week if self.is_either_day else in_month and in_week
        return is_named and day.month in self.months


def _days(first: date, step: timedelta) -> Iterator[date]:
    day = first
    while True:
        yield day
        try:
            day += step
        except OverflowError:  # the end of the calendar
            return


def _wall(day: date, minute: int) -> datetime:
    return datetime.combine(day, time(minute // 60, minute % 60))
