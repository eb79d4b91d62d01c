"""Instants and spans as triggers take them: aware of their time zone, finite, inside the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scanflow_actors.errors import InvalidTriggerError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime.max.replace(tzinfo=UTC)
TICK_OF_CLOCK = timedelta(microseconds=1)


def to_utc(instant: datetime, *, name: str) -> datetime:
    """Return the same instant in UTC.

    Two datetimes of one zone are compared by their wall times, which is wrong on the days the clocks
    change; in UTC they are compared as instants.

    Args:
        instant: Instant with a time zone.
        name: What the caller calls it, for the error.

    Returns:
        The instant in UTC.

    Raises:
        InvalidTriggerError: The instant is naive, or lies outside the calendar in UTC.
    """
    if instant.tzinfo is UTC:
        return instant
    if instant.utcoffset() is None:
        raise InvalidTriggerError(
            f"{name} must know its time zone; got {instant.isoformat()}: "
            'give it tzinfo=UTC or tzinfo=ZoneInfo("Europe/Madrid")'
        )
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise InvalidTriggerError(
            f"{name} must lie in the years 1 to 9999 of UTC; got {instant.isoformat()}"
        ) from error


def to_span(seconds: float, *, name: str) -> timedelta:
    """Return a number of seconds as a span, to the microsecond.

    Args:
        seconds: Seconds, finite and >= 0.
        name: What the caller calls them, for the error.

    Returns:
        The span, >= 0.

    Raises:
        InvalidTriggerError: The number is negative, not a number, or too large.
    """
    try:
        span = timedelta(seconds=seconds)
    except (OverflowError, ValueError) as error:
        raise InvalidTriggerError(f"{name} must be a finite number; got {seconds}") from error
    if span < timedelta(0):
        raise InvalidTriggerError(f"{name} must be 0 or more; got {seconds:g}")
    return span
