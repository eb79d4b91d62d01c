from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers import Misfire, cron, due, every, on
from scanflow_actors.triggers.interval import IntervalTrigger
from scanflow_actors.triggers.misfire import MAX_INSTANTS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted(IntervalTrigger):
    """Notes for which instants it was asked."""

    asked: list[datetime] = field(default_factory=list)

    def nominal_after(self, after: datetime) -> datetime | None:
        self.asked.append(after)
        return IntervalTrigger.nominal_after(self, after)

    def nominal_until(self, until: datetime) -> datetime | None:
        self.asked.append(until)
        return IntervalTrigger.nominal_until(self, until)


def test_once_fires_the_latest_of_all_that_were_missed() -> None:
    todo = due(every(hours=1), last=NOON, now=NOON + 5 * HOUR + LATE)
    assert todo.instants == (NOON + 5 * HOUR,)
    assert todo.until == NOON + 5 * HOUR + LATE


def test_each_fires_every_missed_instant_oldest_first() -> None:
    todo = due(every(hours=1), last=NOON, now=NOON + 3 * HOUR, misfire=Misfire.EACH)
    assert todo.instants == (NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR)
    assert not todo.is_truncated


def test_skip_fires_nothing_that_is_late() -> None:
    late = due(every(hours=1), last=NOON, now=NOON + 5 * HOUR + LATE, misfire=Misfire.SKIP)
    assert late.instants == ()
    assert late.until == NOON + 5 * HOUR + LATE


def test_skip_fires_what_is_on_time() -> None:
    wake_up = NOON + 5 * HOUR + timedelta(milliseconds=30)
    assert due(every(hours=1), last=NOON, now=wake_up, misfire=Misfire.SKIP).instants == (NOON + 5 * HOUR,)


@pytest.mark.parametrize("misfire", list(Misfire))
def test_what_is_too_late_is_given_up(misfire: Misfire) -> None:
    now = NOON + 2 * HOUR + LATE
    for lateness_s, expected in ((599.9, ()), (600, (NOON + 2 * HOUR,))):
        todo = due(every(hours=1), last=NOON, now=now, misfire=misfire, max_lateness_s=lateness_s)
        assert todo.instants == expected
        assert todo.since < now - timedelta(seconds=lateness_s)


@pytest.mark.parametrize("misfire", list(Misfire))
def test_nothing_is_due_between_two_instants_or_when_time_runs_back(misfire: Misfire) -> None:
    for now in (NOON, NOON + LATE, NOON - 5 * HOUR):
        todo = due(every(hours=1), last=NOON, now=now, misfire=misfire)
        assert todo.instants == ()
        assert todo.until == max(NOON, now)


@pytest.mark.parametrize("misfire", list(Misfire))
def test_the_work_does_not_grow_with_a_year_of_missed_seconds(misfire: Misfire) -> None:
    trigger = Counted(interval=timedelta(seconds=1))
    todo = due(trigger, last=NOON, now=NOON + timedelta(days=365), misfire=misfire)
    assert len(todo.instants) == {Misfire.EACH: MAX_INSTANTS}.get(misfire, 1)
    assert len(trigger.asked) <= len(todo.instants) + 1


def test_each_goes_on_where_it_was_truncated() -> None:
    now = NOON + timedelta(seconds=2.5 * MAX_INSTANTS)
    found, last, is_truncated = list[datetime](), NOON, True
    while is_truncated:
        todo = due(every(seconds=1), last=last, now=now, misfire=Misfire.EACH)
        found += todo.instants
        last, is_truncated = todo.until, todo.is_truncated
    assert found == [NOON + timedelta(seconds=i + 1) for i in range(int(2.5 * MAX_INSTANTS))]
    assert last == now


def test_exactly_the_most_instants_are_not_truncated() -> None:
    now = NOON + timedelta(seconds=MAX_INSTANTS)
    assert not due(every(seconds=1), last=NOON, now=now, misfire=Misfire.EACH).is_truncated


def test_call_receive_is_never_due() -> None:
    assert due(on(int), last=NOON, now=NOON + 99 * HOUR, misfire=Misfire.EACH).instants == ()


def test_the_instants_of_a_combination_are_those_of_its_parts() -> None:
    trigger = every(hours=2) | cron("30 13 * * *") | on(int)
    assert due(trigger, last=NOON, now=NOON + 2 * HOUR, misfire=Misfire.EACH).instants == (
        NOON + 1.5 * HOUR,
        NOON + 2 * HOUR,
    )


def test_a_negative_lateness_is_refused() -> None:
    with pytest.raises(InvalidTriggerError, match="max_lateness_s must be 0 or more"):
        due(every(hours=1), last=NOON, now=NOON, max_lateness_s=-1)


@pytest.mark.parametrize("name", ["last", "now"])
def test_naive_instants_are_refused(name: str) -> None:
    instants = {"last": NOON, "now": NOON} | {name: NOON.replace(tzinfo=None)}
    with pytest.raises(InvalidTriggerError, match=f"{name} must know its time zone"):
        due(every(hours=1), last=instants["last"], now=instants["now"])
