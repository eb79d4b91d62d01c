from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers import Tick, at

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_date_fires_once_and_never_again() -> None:
    trigger = at(NOON)
    assert trigger.next_fire(NOON - SECOND) == NOON
    assert trigger.next_fire(NOON) is None
    assert trigger.last_fire(NOON - SECOND) is None
    assert trigger.last_fire(NOON + SECOND) == NOON


def test_stepping_twice_at_the_date_fires_once() -> None:
    trigger = at(NOON)
    state, fired = trigger.step(trigger.initial_state(NOON - SECOND), Tick(instant=NOON))
    again, refired = trigger.step(state, Tick(instant=NOON + SECOND))
    assert (fired, refired) == (True, False)
    assert again == state


def test_a_date_in_the_past_is_refused_with_both_instants() -> None:
    with pytest.raises(InvalidTriggerError, match="trigger in the past") as caught:
        at(NOON, now=NOON)
    assert "2026-03-01T12:00:00+00:00" in str(caught.value)
    assert "choose a later instant" in str(caught.value)


def test_a_date_after_now_is_accepted() -> None:
    assert at(NOON, now=NOON - SECOND).when == NOON


def test_the_two_halves_of_a_repeated_hour_are_told_apart() -> None:
    zone = ZoneInfo("Europe/Madrid")
    first = datetime(2025, 10, 26, 2, 30, tzinfo=zone)
    second = first.replace(fold=1)
    assert at(second, now=first).when - at(first).when == timedelta(hours=1)


def test_a_naive_date_is_refused() -> None:
    with pytest.raises(InvalidTriggerError, match="when must know its time zone"):
        at(NOON.replace(tzinfo=None))
