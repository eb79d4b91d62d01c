from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers import cron

START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def fires(expression: str, count: int, *, after: datetime = START, tz: str = "UTC") -> list[str]:
    trigger, found, instant = cron(expression, tz=tz), list[str](), after
    for _ in range(count):
        following = trigger.next_fire(instant)
        assert following is not None
        instant = following
        found.append(f"{instant:%a %Y-%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", ["Thu 2026-01-01 00:01", "Thu 2026-01-01 00:02"]),
        ("*/20 * * * *", ["Thu 2026-01-01 00:20", "Thu 2026-01-01 00:40"]),
        ("5/25 * * * *", ["Thu 2026-01-01 00:05", "Thu 2026-01-01 00:30"]),
        ("0 0 * * *", ["Fri 2026-01-02 00:00", "Sat 2026-01-03 00:00"]),
        ("30 9-17/8 * * *", ["Thu 2026-01-01 09:30", "Thu 2026-01-01 17:30"]),
        ("0 12 1,15 * *", ["Thu 2026-01-01 12:00", "Thu 2026-01-15 12:00"]),
        ("0 0 * FEB,mar *", ["Sun 2026-02-01 00:00", "Mon 2026-02-02 00:00"]),
        ("0 0 * * MON-wed", ["Mon 2026-01-05 00:00", "Tue 2026-01-06 00:00"]),
        ("0 0 * * 7", ["Sun 2026-01-04 00:00", "Sun 2026-01-11 00:00"]),
        ("0 0 * * 0", ["Sun 2026-01-04 00:00", "Sun 2026-01-11 00:00"]),
        ("0 0 * * fri-sun", ["Fri 2026-01-02 00:00", "Sat 2026-01-03 00:00", "Sun 2026-01-04 00:00"]),
        ("0 0 * * 5-7", ["Fri 2026-01-02 00:00", "Sat 2026-01-03 00:00", "Sun 2026-01-04 00:00"]),
        ("0 0 29 2 *", ["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]),
        ("5-5 * * * *", ["Thu 2026-01-01 00:05", "Thu 2026-01-01 01:05"]),
        ("50-50/7 23 * * *", ["Thu 2026-01-01 23:50", "Fri 2026-01-02 23:50"]),
    ],
)
def test_an_expression_fires_at_the_times_it_names(expression: str, expected: list[str]) -> None:
    assert fires(expression, len(expected)) == expected


def test_two_restricted_day_fields_combine_by_or() -> None:
    assert fires("0 0 13 * 5", 4) == [
        "Fri 2026-01-02 00:00",
        "Fri 2026-01-09 00:00",
        "Tue 2026-01-13 00:00",
        "Fri 2026-01-16 00:00",
    ]


def test_a_step_restricts_a_day_field() -> None:
    assert fires("0 0 */15 * 1", 3) == [
        "Mon 2026-01-05 00:00",
        "Mon 2026-01-12 00:00",
        "Fri 2026-01-16 00:00",
    ]


def test_an_expression_is_read_on_the_clock_of_its_zone() -> None:
    assert fires("0 9 * * *", 1, tz="Asia/Kolkata") == ["Thu 2026-01-01 03:30"]


def test_february_29_is_found_over_a_century_without_leap_year() -> None:
    after = datetime(2096, 3, 1, tzinfo=UTC)
    assert fires("0 0 29 2 *", 1, after=after) == ["Fri 2104-02-29 00:00"]


def test_the_last_fire_mirrors_the_next() -> None:
    trigger = cron("15 6 * * 1")
    monday = datetime(2026, 1, 5, 6, 15, tzinfo=UTC)
    assert trigger.last_fire(monday) == monday
    assert trigger.last_fire(monday - timedelta(seconds=1)) == monday - timedelta(days=7)
    assert trigger.next_fire(monday - timedelta(seconds=1)) == monday


def test_the_ends_of_the_calendar_are_the_ends_of_a_trigger() -> None:
    trigger = cron("0 0 * * *", tz="America/New_York")
    assert trigger.next_fire(datetime.max.replace(tzinfo=UTC)) is None
    assert trigger.last_fire(datetime.min.replace(tzinfo=UTC)) is None


def test_jitter_never_reaches_the_next_instant() -> None:
    trigger, instant = cron("*/5 * * * *", jitter_s=86_400), START
    found = []
    for _ in range(100):
        following = trigger.next_fire(instant)
        assert following is not None
        instant = following
        found.append(instant)
    assert all(earlier < later for earlier, later in pairwise(found))
    assert all((late - START) // timedelta(minutes=5) == i for i, late in enumerate(found, start=0))


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("* * * *", "must have 5 fields .*; got 4"),
        ("0 0 * * * *", "got 6"),
        ("@daily", "got 1"),
        ("", "got 0"),
        ("60 * * * *", "field minute '60': '60' is not a number from 0 to 59"),
        ("* 24 * * *", "field hour '24'"),
        ("* * 0 * *", "field day-of-month '0'"),
        ("* * * 13 *", "field month '13'.*from 1 to 12, or jan to dec"),
        ("* * * * 8", "field day-of-week '8'"),
        ("* * * * mon,foo", "field day-of-week 'mon,foo': 'foo'"),
        ("*/0 * * * *", "step of .* at least 1"),
        ("10-5 * * * *", "runs backwards"),
        ("1,,2 * * * *", "not of the form"),
        ("-5 * * * *", "not of the form"),
        ("١ * * * *", "not of the form"),  # noqa: RUF001 - a digit, though not one of cron's
        ("H * * * *", "field minute 'H'"),
        ("* * L * *", "field day-of-month 'L'"),
        ("0 0 31 2,4 *", "field day-of-month '31': never comes in month 2,4"),
    ],
)
def test_an_invalid_expression_is_shown_with_its_field(expression: str, problem: str) -> None:
    with pytest.raises(InvalidTriggerError, match=problem) as caught:
        cron(expression)
    assert repr(expression) in str(caught.value)


def test_a_day_that_never_comes_is_accepted_beside_a_weekday() -> None:
    assert fires("0 0 30 2 1", 1) == ["Mon 2026-02-02 00:00"]


@pytest.mark.parametrize("tz", ["Mars/Olympus", "../etc/passwd", "Europe", ""])
def test_an_unknown_zone_is_refused(tz: str) -> None:
    with pytest.raises(InvalidTriggerError, match="time zone of the IANA database"):
        cron("* * * * *", tz=tz)


def test_an_expression_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidTriggerError, match="text of 5 fields; got 5"):
        cron(5)  # type: ignore[arg-type]


def test_a_trigger_survives_pickle() -> None:
    trigger = cron("*/5 2 * * *", tz="Europe/Madrid", jitter_s=3)
    assert pickle.loads(pickle.dumps(trigger)) == trigger
