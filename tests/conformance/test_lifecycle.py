"""G11 to G17: starts, failures, restarts and ends, on every runtime."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import Backoff, DeadReason, Restart, RestartStrategy, Supervisor
from scanflow_actors.errors import ActorFailedError, ActorNotFoundError, ActorStoppedError, NameTakenError
from tests.troupe import (
    Add,
    Adopt,
    Counter,
    Crash,
    Deaf,
    Exhaust,
    FailingStart,
    Fleet,
    FleetForAll,
    FleetForRest,
    Gate,
    Leave,
    Mortal,
    Note,
    Notes,
    Open,
    Parent,
    Recorder,
    Remind,
    Reminder,
    Report,
    Stubborn,
    UnwatchIt,
    Waiting,
    Watcher,
    WatchIt,
    Work,
    Worker,
)

if TYPE_CHECKING:
    from scanflow_actors.actors import Actor, ActorRef
    from tests.stage import Stage

FAST = Backoff(min_s=0.01, max_s=0.05)


async def a_fleet(stage: Stage, kind: type[Supervisor]) -> tuple[ActorRef, ActorRef, dict[str, ActorRef]]:
    recorder = await stage.spawn(Recorder)
    fleet = await stage.spawn(kind, recorder, restart=RestartStrategy(max_restarts=0))
    await recorder.ask(Notes(at_least=3))
    return recorder, fleet, {name: child_of(stage, fleet, name) for name in "abc"}


def child_of(stage: Stage, parent: ActorRef, name: str) -> ActorRef:
    return stage.system.find(f"{parent.path[1:]}/{name}")


STARTS = ["a starts", "b starts", "c starts"]


@pytest.mark.parametrize(
    ("kind", "then"),
    [
        (Fleet, ["b stops", "b starts"]),
        (FleetForAll, ["b stops", "c stops", "a stops", "a starts", "b starts", "c starts"]),
        (FleetForRest, ["b stops", "c stops", "b starts", "c starts"]),
    ],
)
async def test_g11_a_supervisor_restarts_whom_its_scope_says(
    stage: Stage, kind: type[Supervisor], then: list[str]
) -> None:
    recorder, _, children = await a_fleet(stage, kind)
    children["b"].tell(Crash())
    assert await recorder.ask(Notes(at_least=3 + len(then)), timeout_s=60) == STARTS + then


async def test_g11_a_supervisor_stops_its_children_in_reverse_order(stage: Stage) -> None:
    recorder, fleet, _ = await a_fleet(stage, Fleet)
    await stage.system.stop(fleet)
    notes = await recorder.ask(Notes(at_least=6))
    assert notes == [*STARTS, "c stops", "b stops", "a stops"]


async def test_g11_a_permanent_child_is_restarted_after_a_normal_end(stage: Stage) -> None:
    recorder, _, children = await a_fleet(stage, Fleet)
    await children["a"].ask(Leave())
    notes = await recorder.ask(Notes(at_least=5), timeout_s=60)
    assert notes == [*STARTS, "a stops", "a starts"]


async def test_g11_one_count_of_restarts_holds_for_all_children(stage: Stage) -> None:
    recorder, fleet, children = await a_fleet(stage, Fleet)
    watcher = await stage.spawn(Watcher)
    await watcher.ask(WatchIt(fleet))
    for number, name in enumerate("ab"):
        children[name].tell(Crash())
        await recorder.ask(Notes(at_least=5 + 2 * number), timeout_s=60)
    children["c"].tell(Crash())  # one more than max_restarts=2: the supervisor gives up
    assert await watcher.ask(Notes(at_least=1), timeout_s=60) == [(fleet.path, "failed")]
    notes = await recorder.ask(Notes(at_least=10))
    assert notes[7:] == ["c stops", "b stops", "a stops"]


@pytest.mark.also_on("dedicated")
async def test_g11_an_actor_is_restarted_until_the_limit(stage: Stage) -> None:
    strategy = RestartStrategy(max_restarts=2, within_s=60, backoff=FAST)
    counter = await stage.spawn(Counter, 5, restart=strategy)
    for _ in range(2):
        with pytest.raises(ActorFailedError):
            await counter.ask(Crash())
        assert await counter.ask(Add(0), timeout_s=60) == 5
    with pytest.raises(ActorFailedError):
        await counter.ask(Crash())
    with pytest.raises((ActorStoppedError, ActorNotFoundError)):
        await counter.ask(Add(0), timeout_s=60)


async def test_g11_a_temporary_actor_is_not_restarted(stage: Stage) -> None:
    counter = await stage.spawn(Counter, restart=RestartStrategy(restart=Restart.TEMPORARY))
    with pytest.raises(ActorFailedError):
        await counter.ask(Crash())
    with pytest.raises((ActorStoppedError, ActorNotFoundError)):
        await counter.ask(Add(0))


async def test_g11_a_permanent_actor_is_restarted_after_a_normal_end(stage: Stage) -> None:
    strategy = RestartStrategy(restart=Restart.PERMANENT, backoff=FAST)
    counter = await stage.spawn(Counter, 5, restart=strategy)
    await counter.ask(Add(1))
    await counter.ask(Leave())
    assert await counter.ask(Add(0), timeout_s=60) == 5


async def test_g11_a_child_that_fails_for_good_fails_its_parent(stage: Stage) -> None:
    recorder = await stage.spawn(Recorder)
    parent = await stage.spawn(Parent, recorder, restart=RestartStrategy(backoff=FAST))
    temporary = RestartStrategy(restart=Restart.TEMPORARY)
    child = await parent.ask(Adopt("kid", recorder, temporary))
    child.tell(Crash("bad"))
    assert await recorder.ask(Notes(at_least=6), timeout_s=60) == [
        "parent starts",
        "kid starts",
        "kid stops",
        "child failed: bad",
        "parent stops",
        "parent starts",
    ]


@pytest.mark.also_on("dedicated")
async def test_g11_a_failed_start_is_told_to_who_spawns(stage: Stage) -> None:
    with pytest.raises(ActorFailedError, match="no such device") as caught:
        await stage.spawn(FailingStart, name="broken")
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(ActorNotFoundError):
        await stage.system.find("broken").ask(Add(1))


async def test_g12_the_message_that_failed_is_not_delivered_again_and_the_others_are_kept(
    stage: Stage,
) -> None:
    gate = await stage.spawn(Gate)
    worker = await stage.spawn(Worker, gate, restart=RestartStrategy(backoff=FAST))
    worker.tell(Work(1))
    await gate.ask(Waiting(1))
    worker.tell(Note("lost with the instance"))
    worker.tell(Crash("poison"))
    worker.tell(Note("kept"))
    await gate.ask(Open())
    assert await stage.dead_letter(worker, DeadReason.FAILED) == [Crash("poison")]
    assert await worker.ask(Report(), timeout_s=60) == ["kept"]


async def test_g13_memory_that_is_not_there_is_a_failure_like_any_other(stage: Stage) -> None:
    counter = await stage.spawn(Counter, 5, restart=RestartStrategy(backoff=FAST))
    with pytest.raises(ActorFailedError, match="MemoryError"):
        await counter.ask(Exhaust())
    assert await counter.ask(Add(1), timeout_s=60) == 6


async def test_g12_a_restart_stops_the_children_and_then_the_instance(stage: Stage) -> None:
    recorder = await stage.spawn(Recorder)
    parent = await stage.spawn(Parent, recorder, restart=RestartStrategy(backoff=FAST))
    for name in ("first", "second"):
        await parent.ask(Adopt(name, recorder))
    parent.tell(Crash())
    assert await recorder.ask(Notes(at_least=7), timeout_s=60) == [
        "parent starts",
        "first starts",
        "second starts",
        "second stops",
        "first stops",
        "parent stops",
        "parent starts",
    ]


async def test_g12_timers_of_the_old_instance_are_discarded(stage: Stage) -> None:
    reminder = await stage.spawn(Reminder, restart=RestartStrategy(backoff=FAST))
    reminder.tell(Remind(0.3, "of the old one"))
    reminder.tell(Crash())
    reminder.tell(Remind(0.6, "of the new one"))
    assert await reminder.ask(Notes(at_least=1), timeout_s=60) == ["of the new one"]


@pytest.mark.also_on("dedicated")
async def test_g12_a_restart_is_not_a_termination(stage: Stage) -> None:
    watcher = await stage.spawn(Watcher)
    counter = await stage.spawn(Counter, restart=RestartStrategy(backoff=FAST))
    await watcher.ask(WatchIt(counter))
    with pytest.raises(ActorFailedError):
        await counter.ask(Crash())
    await counter.ask(Add(1), timeout_s=60)
    assert await watcher.ask(Notes()) == []
    await stage.system.stop(counter)
    assert await watcher.ask(Notes(at_least=1)) == [(counter.path, "normal")]


async def test_g12_a_restart_cancels_concurrent_receivers_and_tells_their_askers(stage: Stage) -> None:
    from tests.troupe import Chat  # noqa: PLC0415

    gate = await stage.spawn(Gate)
    worker = await stage.spawn(Worker, gate, restart=RestartStrategy(backoff=FAST))
    chats = [asyncio.ensure_future(worker.ask(Chat(number))) for number in (1, 2)]
    await gate.ask(Waiting(2))
    worker.tell(Crash())
    outcomes = await asyncio.gather(*chats, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ActorStoppedError] * 2
    assert await worker.ask(Report(), timeout_s=60) == []


@pytest.mark.also_on("dedicated")
async def test_g14_a_watcher_hears_of_an_end_exactly_once(stage: Stage) -> None:
    watcher = await stage.spawn(Watcher)
    counter = await stage.spawn(Counter)
    await watcher.ask(WatchIt(counter))
    await watcher.ask(WatchIt(counter))
    await stage.system.stop(counter)
    assert await watcher.ask(Notes(at_least=1)) == [(counter.path, "normal")]
    other = await stage.spawn(Counter)
    await watcher.ask(WatchIt(other))
    await stage.system.stop(other)
    notes = await watcher.ask(Notes(at_least=2))
    assert notes == [(counter.path, "normal"), (other.path, "normal")]


async def test_g14_a_watcher_hears_of_an_actor_that_had_ended_before(stage: Stage) -> None:
    watcher = await stage.spawn(Watcher)
    counter = await stage.spawn(Counter)
    await stage.system.stop(counter)
    await watcher.ask(WatchIt(counter))
    assert await watcher.ask(Notes(at_least=1)) == [(counter.path, "not found")]


@pytest.mark.also_on("dedicated")
async def test_g14_a_watcher_hears_why(stage: Stage) -> None:
    watcher = await stage.spawn(Watcher)
    temporary = RestartStrategy(restart=Restart.TEMPORARY)
    counter = await stage.spawn(Counter, restart=temporary)
    await watcher.ask(WatchIt(counter))
    counter.tell(Crash())
    assert await watcher.ask(Notes(at_least=1)) == [(counter.path, "failed")]


async def test_g14_a_watch_can_be_taken_back(stage: Stage) -> None:
    watcher = await stage.spawn(Watcher)
    counter, other = await stage.spawn(Counter), await stage.spawn(Counter)
    for ref in (counter, other):
        await watcher.ask(WatchIt(ref))
    await watcher.ask(UnwatchIt(counter))
    for ref in (counter, other):
        await stage.system.stop(ref)
    assert await watcher.ask(Notes(at_least=1)) == [(other.path, "normal")]


@pytest.mark.also_on("dedicated")
async def test_g15_a_name_belongs_to_one_living_actor(stage: Stage) -> None:
    counter = await stage.spawn(Counter, 1)
    name = counter.path[1:]
    with pytest.raises(NameTakenError, match=name):
        await stage.spawn(Counter, 2, name=name)
    assert await counter.ask(Add(0)) == 1
    await stage.system.stop(counter)
    again = await stage.spawn(Counter, 3, name=name)
    assert await counter.ask(Add(0)) == await again.ask(Add(0)) == 3


async def test_g15_of_two_spawns_at_once_one_gets_the_name(stage: Stage) -> None:
    outcomes = await asyncio.gather(
        stage.spawn(Counter, name="twin"), stage.spawn(Counter, name="twin"), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ActorRef", "NameTakenError"]


@pytest.mark.also_on("dedicated")
async def test_g16_a_stop_lets_the_running_receiver_end(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    worker = await stage.spawn(Worker, gate)
    working = asyncio.ensure_future(worker.ask(Work(1)))
    await gate.ask(Waiting(1))
    stopping = asyncio.ensure_future(stage.system.stop(worker))
    await asyncio.sleep(0)
    await gate.ask(Open())
    await stopping
    assert await working == 1


@pytest.mark.also_on("dedicated")
async def test_g16_a_draining_stop_handles_what_is_there(stage: Stage) -> None:
    recorder = await stage.spawn(Recorder)
    mortal = await stage.spawn(Mortal, recorder)
    for number in range(3):
        mortal.tell(Note(number))
    await stage.system.stop(mortal, drain=True)
    notes = await recorder.ask(Notes(at_least=5))
    assert notes == ["it starts", "it: 0", "it: 1", "it: 2", "it stops"]


@pytest.mark.runtimes("local", "serialised")
async def test_g16_a_receiver_that_takes_too_long_is_cancelled(stage: Stage) -> None:
    gate = await stage.spawn(Gate)
    worker = await stage.spawn(Worker, gate)
    working = asyncio.ensure_future(worker.ask(Work(1), timeout_s=1000))
    await gate.ask(Waiting(1))
    before = asyncio.get_running_loop().time()
    await stage.system.stop(worker)
    assert asyncio.get_running_loop().time() - before == pytest.approx(5.0, abs=0.1)
    with pytest.raises(ActorStoppedError):
        await working


@pytest.mark.runtimes("local", "serialised")
async def test_g16_a_receiver_that_ignores_its_cancellation_is_abandoned(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    recorder, gate = await stage.spawn(Recorder), await stage.spawn(Gate)
    stubborn = await stage.spawn(Stubborn, recorder, gate)
    asked = asyncio.ensure_future(stubborn.ask(Deaf(), timeout_s=1000))
    await gate.ask(Waiting(1))
    await stage.system.stop(stubborn)
    with pytest.raises(ActorStoppedError):
        await asked
    assert "is abandoned" in caplog.text
    notes = await recorder.ask(Notes(at_least=3))
    assert notes == ["it starts", "cancelled", "it stops"]
    await gate.ask(Open())


async def one_of_each(stage: Stage, kinds: list[type[Actor]]) -> list[ActorRef]:
    return [await stage.spawn(kind) for kind in kinds]


@pytest.mark.runtimes("local", "serialised")
async def test_g17_shutdown_leaves_no_task_and_no_timer(stage: Stage) -> None:
    before = asyncio.all_tasks()
    gate = await stage.spawn(Gate)
    worker = await stage.spawn(Worker, gate)
    reminder = await stage.spawn(Reminder)
    reminder.tell(Remind(1000, "never"))
    working = asyncio.ensure_future(worker.ask(Work(1)))
    await gate.ask(Waiting(1))
    await stage.system.shutdown()
    await asyncio.gather(working, return_exceptions=True)
    assert asyncio.all_tasks() == before
    timers = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
    assert timers == []
    assert stage.system.names() == ()
