"""Late and missed firings: which of the instants that have passed are fired now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from scanflow_actors.triggers.instant import TICK_OF_CLOCK, to_span, to_utc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from scanflow_actors.triggers.trigger import Trigger

MAX_INSTANTS = 1000
"""Most instants that one call of `due` returns, so that a week of missed seconds cannot hold up an
agent; the rest is asked for with the next call."""

ON_TIME_S = 1.0
"""Seconds of lateness that `Misfire.SKIP` takes for on time: every wake-up is late by a little."""


class Misfire(StrEnum):
    """What becomes of instants that passed while nobody was there to fire them."""

    ONCE = "once"
    """Fire once for all of them: the latest."""
    SKIP = "skip"
    """Fire none that is late; the latest, if it is on time."""
    EACH = "each"
    """Fire each of them, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is to be fired now.

    Attributes:
        instants: To be stepped with, in ascending order.
        since: Instants up to and including this one are given up; see `Trigger.skip`.
        until: All instants up to and including this one are dealt with: `last` of the next call.
        is_truncated: There are more instants than `MAX_INSTANTS`; call again with `until` as `last`.
    """

    instants: tuple[datetime, ...]
    since: datetime
    until: datetime
    is_truncated: bool = False


def due(
    trigger: Trigger,
    *,
    last: datetime,
    now: datetime,
    misfire: Misfire = Misfire.ONCE,
    max_lateness_s: float | None = None,
) -> Due:
    """Say which of the instants after `last`, up to and including `now`, are to be fired now.

    The work does not grow with the number of instants missed, except for `Misfire.EACH`, where it is
    bounded by `MAX_INSTANTS`.

    Args:
        trigger: Whose instants they are.
        last: Up to when instants have been dealt with, with a time zone.
        now: The present, with a time zone; if before `last`, nothing is due.
        misfire: The rule for missed instants.
        max_lateness_s: Instants older than this many seconds are given up, >= 0; None for no limit,
            for `Misfire.SKIP` for `ON_TIME_S`.

    Returns:
        The instants, and what to remember.

    Raises:
        InvalidTriggerError: An instant is naive, or `max_lateness_s` is out of range.

    Source:
        The misfire policies of Quartz and APScheduler: coalesce and misfire_grace_time.
    """
    begin, end = to_utc(last, name="last"), to_utc(now, name="now")
    if misfire is Misfire.SKIP and max_lateness_s is None:
        max_lateness_s = ON_TIME_S
    since = _since(begin, end, max_lateness_s)
    if misfire is not Misfire.EACH:
        latest = trigger.last_fire(end)
        instants = () if latest is None or latest <= since else (latest,)
        return Due(instants=instants, since=since, until=max(begin, end))
    found = tuple(islice(_between(trigger, since, end), MAX_INSTANTS + 1))
    if len(found) <= MAX_INSTANTS:
        return Due(instants=found, since=since, until=max(begin, end))
    kept = found[:MAX_INSTANTS]
    return Due(instants=kept, since=since, until=kept[-1], is_truncated=True)


def _since(begin: datetime, end: datetime, max_lateness_s: float | None) -> datetime:
    if max_lateness_s is None:
        return begin
    lateness = to_span(max_lateness_s, name="max_lateness_s")
    if end - begin <= lateness:
        return begin
    return end - lateness - TICK_OF_CLOCK


def _between(trigger: Trigger, since: datetime, end: datetime) -> Iterator[datetime]:
    instant = trigger.next_fire(since)
    while instant is not None and instant <= end:
        yield instant
        instant = trigger.next_fire(instant)
