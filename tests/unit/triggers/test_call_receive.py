from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers import Received, Tick, on

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class CheckPredictions:
    count: int = 0


class CheckAll(CheckPredictions):
    pass


def test_time_alone_never_fires_a_call_receive() -> None:
    trigger = on(CheckPredictions)
    assert trigger.next_fire(NOON) is None
    assert trigger.last_fire(NOON) is None
    assert trigger.step(None, Tick(instant=NOON)) == (None, False)


@pytest.mark.parametrize("message", [CheckPredictions, CheckPredictions(), CheckAll, CheckAll()])
def test_a_type_its_subclasses_and_their_messages_match(message: object) -> None:
    assert on(CheckPredictions).matches(message)


@pytest.mark.parametrize("message", [int, 3, "CheckPredictions", object])
def test_nothing_else_matches(message: object) -> None:
    assert not on(CheckPredictions).matches(message)


def test_each_received_message_fires() -> None:
    trigger, received = on(CheckPredictions), Received(message_type=CheckAll, instant=NOON)
    state, first = trigger.step(trigger.initial_state(NOON), received)
    assert (first, trigger.step(state, received)) == (True, (None, True))


def test_another_message_does_not_fire() -> None:
    assert on(CheckAll).step(None, Received(message_type=CheckPredictions, instant=NOON)) == (None, False)


def test_a_message_in_place_of_its_class_is_refused() -> None:
    with pytest.raises(InvalidTriggerError, match=r"write on\(CheckPredictions\)"):
        on(CheckPredictions())  # type: ignore[arg-type]


def test_the_state_of_another_trigger_is_refused() -> None:
    with pytest.raises(InvalidTriggerError, match="must be null"):
        on(CheckAll).step("2026-03-01T12:00:00+00:00", Tick(instant=NOON))
