"""What `cron` does on the two days of the year on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scanflow_actors.triggers import cron

MADRID, NEW_YORK, LORD_HOWE = "Europe/Madrid", "America/New_York", "Australia/Lord_Howe"
FORWARD = {MADRID: (2025, 3, 30), NEW_YORK: (2025, 3, 9), LORD_HOWE: (2025, 10, 5)}
BACK = {MADRID: (2025, 10, 26), NEW_YORK: (2025, 11, 2), LORD_HOWE: (2025, 4, 6)}


def fires(expression: str, tz: str, day: tuple[int, int, int]) -> list[str]:
    """All firings of a day by its clock, as ``02:30+0200``."""
    zone = ZoneInfo(tz)
    start = datetime(*day, tzinfo=zone)
    end = (start + timedelta(days=1)).astimezone(UTC)
    trigger, found = cron(expression, tz=tz), list[str]()
    instant = trigger.next_fire(start.astimezone(UTC) - timedelta(seconds=1))
    while instant is not None and instant < end:
        found.append(f"{instant.astimezone(zone):%H:%M%z}")
        instant = trigger.next_fire(instant)
    return found


@pytest.mark.parametrize(
    ("tz", "end_of_gap"), [(MADRID, "03:00+0200"), (NEW_YORK, "03:00-0400"), (LORD_HOWE, "02:30+1100")]
)
def test_an_hour_that_does_not_exist_fires_once_after_the_gap(tz: str, end_of_gap: str) -> None:
    assert fires("15 2 * * *", tz, FORWARD[tz]) == [end_of_gap]


@pytest.mark.parametrize(
    ("tz", "expected"),
    [
        (MADRID, ["03:00+0200"]),
        (NEW_YORK, ["03:00-0400"]),
        (LORD_HOWE, ["02:30+1100", "02:40+1100", "02:50+1100"]),
    ],
)
def test_all_times_of_a_gap_together_fire_once(tz: str, expected: list[str]) -> None:
    assert fires("*/10 2 * * *", tz, FORWARD[tz]) == expected


def test_a_time_from_the_gap_and_one_at_its_end_fire_once() -> None:
    assert fires("0,30 2,3 * * *", MADRID, FORWARD[MADRID]) == ["03:00+0200", "03:30+0200"]


@pytest.mark.parametrize(
    ("tz", "expression", "expected"),
    [
        (MADRID, "30 2 * * *", ["02:30+0200"]),
        (NEW_YORK, "30 1 * * *", ["01:30-0400"]),
        (LORD_HOWE, "45 1 * * *", ["01:45+1100"]),
    ],
)
def test_an_hour_that_comes_twice_fires_the_first_time(tz: str, expression: str, expected: list[str]) -> None:
    assert fires(expression, tz, BACK[tz]) == expected


def test_minutes_of_a_named_hour_fire_only_the_first_time_round() -> None:
    expected = ["02:00+0200", "02:20+0200", "02:40+0200"]
    assert fires("*/20 2 * * *", MADRID, BACK[MADRID]) == expected


@pytest.mark.parametrize(
    ("tz", "hour", "expected"),
    [
        (MADRID, "02", ["02:00+0200", "02:20+0200", "02:40+0200", "02:00+0100", "02:20+0100", "02:40+0100"]),
        (
            NEW_YORK,
            "01",
            ["01:00-0400", "01:20-0400", "01:40-0400", "01:00-0500", "01:20-0500", "01:40-0500"],
        ),
        (LORD_HOWE, "01", ["01:00+1100", "01:20+1100", "01:40+1100", "01:40+1030"]),
    ],
)
def test_a_wildcard_hour_goes_on_firing_both_times(tz: str, hour: str, expected: list[str]) -> None:
    found = fires("*/20 * * * *", tz, BACK[tz])
    assert [fire for fire in found if fire.startswith(hour)] == expected


@pytest.mark.parametrize(
    ("tz", "expected"),
    [
        (MADRID, ["01:15+0100", "03:15+0200"]),
        (NEW_YORK, ["01:15-0500", "03:15-0400"]),
        (LORD_HOWE, ["01:15+1030", "03:15+1100"]),
    ],
)
def test_a_wildcard_hour_has_nothing_to_make_up_for_in_a_gap(tz: str, expected: list[str]) -> None:
    assert fires("15 * * * *", tz, FORWARD[tz])[1:3] == expected


@pytest.mark.parametrize("tz", [MADRID, NEW_YORK])
def test_a_wildcard_hour_keeps_its_distance_over_both_changes(tz: str) -> None:
    assert len(fires("*/10 * * * *", tz, FORWARD[tz])) == 23 * 6
    assert len(fires("*/10 * * * *", tz, BACK[tz])) == 25 * 6


def test_all_hours_written_out_are_a_wildcard() -> None:
    for day in (FORWARD[MADRID], BACK[MADRID]):
        assert fires("7 0-23 * * *", MADRID, day) == fires("7 * * * *", MADRID, day)


def test_a_gap_at_midnight_loses_no_firing() -> None:
    assert fires("0 0 * * *", "Africa/Cairo", (2025, 4, 25)) == ["01:00+0300"]


def test_a_day_that_a_zone_left_out_fires_at_the_start_of_the_next() -> None:
    zone = ZoneInfo("Pacific/Apia")
    eve = datetime(2011, 12, 29, 13, tzinfo=zone)
    trigger = cron("0 12 * * *", tz="Pacific/Apia")
    first = trigger.next_fire(eve)
    assert first == datetime(2011, 12, 31, tzinfo=zone)
    assert trigger.next_fire(first) == datetime(2011, 12, 31, 12, tzinfo=zone)


@pytest.mark.parametrize("tz", [MADRID, NEW_YORK, LORD_HOWE])
@pytest.mark.parametrize("expression", ["15 1-3 * * *", "*/15 * * * *"])
def test_looking_back_finds_the_same_instants(tz: str, expression: str) -> None:
    trigger = cron(expression, tz=tz)
    for day in (FORWARD[tz], BACK[tz]):
        instant = trigger.next_fire(datetime(*day, tzinfo=ZoneInfo(tz)))
        for _ in range(20):
            assert instant is not None
            following = trigger.next_fire(instant)
            assert following is not None
            assert trigger.last_fire(following) == following
            assert trigger.last_fire(following - timedelta(seconds=1)) == instant
            instant = following
