from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers import every

if TYPE_CHECKING:
    from scanflow_actors.triggers import Trigger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def fires(trigger: Trigger, after: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    instant = trigger.next_fire(after)
    while instant is not None and len(found) < count:
        found.append(instant)
        instant = trigger.next_fire(instant)
    return found


def test_without_a_start_every_hour_is_on_the_hour() -> None:
    assert every(hours=1).next_fire(NOON + timedelta(minutes=7)) == NOON + timedelta(hours=1)


def test_a_restarted_agent_keeps_its_instants() -> None:
    before_the_crash = fires(every(minutes=7), NOON, 5)
    after_it = fires(every(minutes=7), NOON + timedelta(minutes=3, seconds=11), 4)
    assert set(after_it) <= set(before_the_crash)


def test_an_instant_is_not_its_own_next() -> None:
    assert every(hours=1).next_fire(NOON) == NOON + timedelta(hours=1)


def test_an_offset_shifts_every_instant() -> None:
    trigger = every(hours=1, offset_s=90)
    assert fires(trigger, NOON, 2) == [NOON + timedelta(seconds=90), NOON + timedelta(seconds=3690)]


def test_the_parts_of_an_interval_are_added() -> None:
    trigger = every(days=1, hours=1, minutes=1, seconds=1.5, start=NOON)
    distance = timedelta(days=1, hours=1, minutes=1, seconds=1.5)
    assert fires(trigger, NOON, 1) == [NOON + distance]


def test_the_start_is_the_first_instant() -> None:
    trigger = every(minutes=10, start=NOON)
    assert trigger.next_fire(NOON - timedelta(days=3)) == NOON
    assert trigger.last_fire(NOON - timedelta(seconds=1)) is None
    assert trigger.last_fire(NOON) == NOON


def test_nothing_fires_after_the_end() -> None:
    trigger = every(minutes=10, start=NOON, end=NOON + timedelta(minutes=25))
    assert fires(trigger, NOON, 9) == [NOON + timedelta(minutes=10), NOON + timedelta(minutes=20)]
    assert trigger.last_fire(NOON + timedelta(days=1)) == NOON + timedelta(minutes=20)


def test_the_end_itself_still_fires() -> None:
    trigger = every(minutes=10, end=NOON)
    assert trigger.next_fire(NOON - timedelta(seconds=1)) == NOON
    assert trigger.next_fire(NOON) is None


def test_elapsed_time_counts_when_the_clocks_change() -> None:
    madrid = ZoneInfo("Europe/Madrid")
    start = datetime(2025, 3, 30, 0, 30, tzinfo=madrid)
    first, second, third = fires(every(hours=1, start=start), start, 3)
    assert second - first == third - second == timedelta(hours=1)
    assert first.astimezone(madrid).hour == 1
    assert second.astimezone(madrid).hour == 3


def test_instants_are_given_in_any_zone_and_answered_in_utc() -> None:
    tokyo = NOON.astimezone(ZoneInfo("Asia/Tokyo"))
    answer = every(hours=1).next_fire(tokyo)
    assert answer == every(hours=1).next_fire(NOON)
    assert answer is not None
    assert answer.tzinfo is UTC


def test_jitter_delays_by_less_than_its_limit_and_always_the_same() -> None:
    plain, jittered = every(minutes=1), every(minutes=1, jitter_s=59)
    delays = [
        late - due for due, late in zip(fires(plain, NOON, 50), fires(jittered, NOON, 51)[1:], strict=True)
    ]
    assert all(timedelta(0) <= delay < timedelta(seconds=59) for delay in delays)
    assert len(set(delays)) == 50
    assert fires(jittered, NOON, 20) == fires(every(minutes=1, jitter_s=59), NOON, 20)


def test_jitter_keeps_the_order_and_skips_no_instant() -> None:
    found = fires(every(minutes=1, jitter_s=59.9), NOON, 200)
    assert all(earlier < later for earlier, later in pairwise(found))
    assert [instant.minute for instant in found[1:61]] == [(found[1].minute + i) % 60 for i in range(60)]


def test_agents_with_different_seeds_are_delayed_differently() -> None:
    delays = {every(hours=1, jitter_s=600, seed=f"agent-{i}").next_fire(NOON) for i in range(20)}
    assert len(delays) == 20


def test_the_end_of_the_calendar_is_the_end_of_a_trigger() -> None:
    assert every(days=9).next_fire(datetime(9999, 12, 31, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "longer than 0"),
        ({"hours": -1}, "longer than 0"),
        ({"seconds": 1e-9}, "longer than 0"),
        ({"seconds": math.inf}, "finite"),
        ({"seconds": math.nan}, "finite"),
        ({"days": 1e12}, "finite"),
        ({"seconds": 10, "jitter_s": 10}, "jitter_s must be less than the interval of 10 s; got 10"),
        ({"seconds": 10, "jitter_s": -1}, "jitter_s must be 0 or more; got -1"),
        ({"seconds": 10, "jitter_s": math.nan}, "jitter_s must be a finite number"),
        ({"seconds": 10, "offset_s": 11}, "offset_s must be less than the interval"),
    ],
)
def test_an_option_out_of_its_range_is_named(options: dict[str, float], problem: str) -> None:
    with pytest.raises(InvalidTriggerError, match=problem):
        every(**options)  # type: ignore[arg-type]


def test_an_end_before_the_first_instant_is_refused() -> None:
    with pytest.raises(InvalidTriggerError, match="would never fire"):
        every(hours=1, start=NOON, end=NOON - timedelta(seconds=1))


@pytest.mark.parametrize("name", ["start", "end"])
def test_a_naive_instant_is_refused_with_what_to_do(name: str) -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(InvalidTriggerError, match=rf"{name} must know its time zone.*tzinfo=UTC"):
        every(hours=1, **{name: naive})  # type: ignore[arg-type]


def test_asking_with_a_naive_instant_is_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    for ask in (every(hours=1).next_fire, every(hours=1).last_fire, every(hours=1).initial_state):
        with pytest.raises(InvalidTriggerError, match="must know its time zone"):
            ask(naive)


def test_an_instant_outside_the_calendar_of_utc_is_refused() -> None:
    with pytest.raises(InvalidTriggerError, match="years 1 to 9999"):
        every(hours=1).next_fire(datetime.max.replace(tzinfo=ZoneInfo("America/New_York")))
