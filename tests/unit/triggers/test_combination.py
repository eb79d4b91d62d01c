from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.errors import InvalidTriggerError
from scanflow_actors.triggers import Misfire, Received, Tick, all_of, any_of, at, due, every, on

if TYPE_CHECKING:
    from scanflow_actors.triggers import Event, State, Trigger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class NewData:
    pass


class Alarm:
    pass


def tick(minutes: float) -> Tick:
    return Tick(instant=NOON + timedelta(minutes=minutes))


def received(message_type: type, minutes: float) -> Received:
    return Received(message_type=message_type, instant=NOON + timedelta(minutes=minutes))


def run(trigger: Trigger, *events: Event) -> list[bool]:
    state, fired = trigger.initial_state(NOON), list[bool]()
    for event in events:
        state, is_firing = trigger.step(json.loads(json.dumps(state)), event)
        fired.append(is_firing)
    return fired


def test_any_of_fires_when_either_does() -> None:
    trigger = any_of(every(hours=1), on(NewData))
    assert run(trigger, received(NewData, 5), received(Alarm, 6), tick(60)) == [True, False, True]


def test_any_of_fires_once_where_two_of_its_parts_fire_together() -> None:
    trigger = any_of(every(hours=1), every(minutes=30))
    assert run(trigger, tick(30), tick(60), tick(60)) == [True, True, False]


def test_any_of_answers_each_message_also_at_the_instant_of_a_tick() -> None:
    trigger = any_of(every(hours=1), on(NewData))
    assert run(trigger, tick(60), received(NewData, 60), received(NewData, 60)) == [True, True, True]


def test_all_of_waits_for_each_of_its_parts() -> None:
    trigger = all_of(every(hours=1), on(NewData))
    assert run(trigger, tick(60), tick(120), received(NewData, 130)) == [False, False, True]
    assert run(trigger, received(NewData, 5), received(NewData, 6), tick(60)) == [False, False, True]


def test_all_of_starts_afresh_after_each_joint_firing() -> None:
    trigger = all_of(every(hours=1), on(NewData))
    events = (received(NewData, 5), tick(60), tick(120), received(NewData, 121), received(NewData, 122))
    assert run(trigger, *events) == [False, True, False, True, False]


def test_all_of_fires_at_one_tick_for_parts_due_together() -> None:
    assert run(all_of(every(hours=1), every(minutes=30)), tick(30), tick(60)) == [False, True]


def test_one_tick_makes_up_for_missed_instants_of_every_part() -> None:
    trigger = all_of(every(hours=2), every(minutes=7))
    assert run(trigger, tick(126)) == [True]


def test_skipped_instants_do_not_count_for_all_of() -> None:
    trigger = all_of(every(hours=2), every(minutes=7))
    state = trigger.skip(trigger.initial_state(NOON), NOON + timedelta(minutes=125))
    state, fired = trigger.step(state, tick(126))
    assert not fired
    assert trigger.step(state, tick(240))[1]


def test_what_has_fired_stays_so_when_instants_are_skipped() -> None:
    trigger = all_of(every(hours=1), on(NewData))
    state, _ = trigger.step(trigger.initial_state(NOON), tick(60))
    state = trigger.skip(state, NOON + timedelta(hours=9))
    assert trigger.step(state, received(NewData, 541))[1]


def test_skipping_never_brings_back_what_has_fired() -> None:
    trigger = every(hours=1)
    state, _ = trigger.step(trigger.initial_state(NOON), tick(60))
    assert trigger.skip(state, NOON) == state


def test_combinations_nest() -> None:
    trigger = all_of(any_of(every(hours=1), on(Alarm)), on(NewData))
    assert run(trigger, received(NewData, 1), received(Alarm, 2)) == [False, True]
    assert run(trigger, tick(60), received(NewData, 61), received(NewData, 62)) == [False, True, False]


def test_operators_are_sugar_and_flat() -> None:
    hourly, data, alarm = every(hours=1), on(NewData), on(Alarm)
    assert hourly | data | alarm == any_of(hourly, data, alarm)
    assert hourly & data & alarm == all_of(hourly, data, alarm)
    assert hourly | data & alarm == any_of(hourly, all_of(data, alarm))
    assert (hourly | data) & alarm == all_of(any_of(hourly, data), alarm)


def test_the_next_tick_is_the_earliest_of_the_parts() -> None:
    trigger = all_of(at(NOON + timedelta(minutes=5)), any_of(every(hours=1), on(NewData)))
    assert trigger.next_fire(NOON) == NOON + timedelta(minutes=5)
    assert trigger.next_fire(NOON + timedelta(minutes=5)) == NOON + timedelta(hours=1)
    assert trigger.last_fire(NOON + timedelta(minutes=59)) == NOON + timedelta(minutes=5)


def test_without_time_in_it_there_is_no_next_tick() -> None:
    assert (on(NewData) & on(Alarm)).next_fire(NOON) is None
    assert (on(NewData) | on(Alarm)).last_fire(NOON) is None


def test_stepping_leaves_the_old_state_as_it_was() -> None:
    trigger = all_of(every(hours=1), on(NewData))
    state = trigger.initial_state(NOON)
    before = json.dumps(state)
    trigger.step(state, tick(60))
    assert json.dumps(state) == before


def test_the_last_firing_survives_a_restart() -> None:
    trigger = every(hours=1) & on(NewData)
    state, _ = trigger.step(trigger.initial_state(NOON), tick(60))
    stored = json.dumps(state)
    reborn: State = json.loads(stored)
    assert trigger.step(reborn, tick(60)) == (state, False)
    assert trigger.step(reborn, received(NewData, 61))[1]


def test_the_loop_of_the_docstring_runs_a_combination_over_a_pause() -> None:
    trigger = all_of(every(hours=1), every(hours=3))
    state, last, joint = trigger.initial_state(NOON), NOON, 0
    for now in (NOON + timedelta(minutes=60 * hours + 1) for hours in (1, 2, 7, 8, 9)):
        todo = due(trigger, last=last, now=now, misfire=Misfire.ONCE)
        state = trigger.skip(state, todo.since)
        for instant in todo.instants:
            state, fired = trigger.step(state, Tick(instant=instant))
            joint += fired
        last = todo.until
    assert joint == 2


@pytest.mark.parametrize("make", [any_of, all_of])
def test_a_combination_of_nothing_is_refused(make: type) -> None:
    with pytest.raises(InvalidTriggerError, match="at least one trigger"):
        make()


def test_a_message_type_without_on_is_refused() -> None:
    with pytest.raises(InvalidTriggerError, match=r"write on\(…\) around it"):
        any_of(every(hours=1), NewData)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [None, "x", {"parts": [None], "fired": [False]}, {"parts": [None, None]}])
def test_the_state_of_another_combination_is_refused(state: State) -> None:
    with pytest.raises(InvalidTriggerError, match="must be of its 2 parts"):
        (on(NewData) & on(Alarm)).step(state, tick(1))


def test_the_state_of_another_kind_of_trigger_is_refused() -> None:
    with pytest.raises(InvalidTriggerError, match="start again from initial_state"):
        every(hours=1).step({"parts": []}, tick(1))
