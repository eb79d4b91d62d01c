"""The receptionist and the event stream, on every runtime."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from scanflow_actors.actors import (
    ActorFailed,
    ActorRestarted,
    ActorStarted,
    ActorStopped,
    DeadLetter,
    DeadReason,
    Event,
    HostLost,
    Listing,
    StopReason,
)
from scanflow_actors.cluster import RayActorSystem
from scanflow_actors.errors import ActorFailedError, ActorNotFoundError
from tests.dealers import Find, Forecast, Listener, Seeker, Teller, Weather, Who, heard_from
from tests.troupe import Counter, Crash, Leave, Note, Notes, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stage import Stage

_NUMBERS = itertools.count()


def a_name() -> str:
    return f"name {next(_NUMBERS)}"


class Heard:
    """What a function of the main program was called with."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._changed = asyncio.Event()

    def __call__(self, heard: Any) -> None:
        self.all.append(heard)
        self._changed.set()

    async def until(self, holds: Callable[[list[Any]], bool]) -> list[Any]:
        async with asyncio.timeout(30):
            while not holds(self.all):
                self._changed.clear()
                await self._changed.wait()
        return self.all


async def test_actors_are_found_by_name_and_by_message_type(stage: Stage) -> None:
    name = a_name()
    first = await stage.spawn(Teller, name)
    second = await stage.spawn(Teller, name)
    assert stage.system.receptionist.find(name) == (first, second)
    assert set(stage.system.receptionist.find(Who)) >= {first, second}
    assert await stage.system.receptionist.find(name)[1].ask(Who()) == second.path
    assert stage.system.receptionist.find("what nobody is") == ()


async def test_an_actor_that_ends_leaves_the_receptionist_and_one_that_restarts_does_not(
    stage: Stage,
) -> None:
    name = a_name()
    heard = Heard()
    teller = await stage.spawn(Teller, name)
    stage.system.receptionist.subscribe(name, heard)
    with pytest.raises(ActorFailedError):
        await teller.ask(Crash())
    assert await teller.ask(Who()) == teller.path
    assert heard.all == [Listing(name, (teller,))]
    await stage.system.stop(teller)
    await heard.until(lambda all_of_it: all_of_it[-1] == Listing(name, ()))
    assert len(heard.all) == 2
    stage.system.receptionist.unsubscribe(name, heard)
    await stage.spawn(Teller, name)
    assert len(heard.all) == 2


async def test_a_child_leaves_with_its_parent(stage: Stage) -> None:
    name = a_name()
    heard = Heard()
    parent = await stage.spawn(Teller, name)
    stage.system.receptionist.subscribe(f"{name}-child", heard)
    await parent.ask(Work())
    listings = await heard.until(lambda all_of_it: len(all_of_it) == 2)
    assert [ref.path for ref in listings[-1].refs] == [f"{parent.path}/child"]
    with pytest.raises(ActorFailedError):
        await parent.ask(Crash())
    await heard.until(lambda all_of_it: len(all_of_it) == 3)
    assert heard.all[-1].refs == ()


async def test_actors_follow_what_is_registered_elsewhere(stage: Stage) -> None:
    name = a_name()
    early = await stage.spawn(Seeker, name)
    teller = await stage.spawn(Teller, name)
    assert await early.ask(Notes(at_least=2)) == [[], [teller.path]]
    late = await stage.spawn(Seeker, name)
    assert (await late.ask(Notes(at_least=1)))[-1] == [teller.path]
    assert await late.ask(Find(name, 1)) == [teller.path]
    await stage.system.stop(teller)
    assert (await early.ask(Notes(at_least=3)))[-1] == []


async def test_an_actor_may_be_registered_by_others_and_taken_out_again(stage: Stage) -> None:
    name = a_name()
    counter = await stage.spawn(Counter)
    stage.system.receptionist.register(name, counter)
    stage.system.receptionist.register(name, counter)
    assert stage.system.receptionist.find(name) == (counter,)
    stage.system.receptionist.unregister(name, counter)
    assert stage.system.receptionist.find(name) == ()


async def test_only_an_actor_of_this_process_may_follow(stage: Stage) -> None:
    with pytest.raises(ActorNotFoundError):
        stage.system.receptionist.subscribe("a name", stage.system.find("nobody"))


async def test_an_actor_hears_of_the_lives_of_others(stage: Stage) -> None:
    listener = await stage.spawn(Listener, ActorFailed, ActorRestarted, ActorStopped)
    counter = await stage.spawn(Counter)
    with pytest.raises(ActorFailedError):
        await counter.ask(Crash("bang"))
    await counter.ask(Leave())
    heard = [event for event in await heard_from(listener, 3) if event.ref == counter]
    assert heard == [
        ActorFailed(counter, "ValueError: bang"),
        ActorRestarted(counter),
        ActorStopped(counter, StopReason.NORMAL),
    ]


async def test_a_function_hears_of_the_actors_of_all_processes(stage: Stage) -> None:
    heard = Heard()
    stage.system.events.subscribe(Event, heard)
    counter = await stage.spawn(Counter)
    counter.tell(Note("what is that"))
    await stage.dead_letter(counter, DeadReason.UNHANDLED)
    await stage.system.stop(counter)
    mine = (ActorStarted(counter), ActorStopped(counter, StopReason.NORMAL))
    await heard.until(lambda events: all(event in events for event in mine))
    letter = DeadLetter(counter.path, Note("what is that"), DeadReason.UNHANDLED)
    assert heard.all.count(letter) == 1
    assert [heard.all.count(event) for event in mine] == [1, 1]
    stage.system.events.unsubscribe(Event, heard)
    await stage.spawn(Counter)
    assert heard.all.count(letter) == 1


async def test_events_of_ones_own_are_told_by_type(stage: Stage) -> None:
    heard = Heard()
    stage.system.events.subscribe(Weather, heard)
    listener = await stage.spawn(Listener, Weather)
    other = await stage.spawn(Listener)
    await listener.ask(Forecast(Weather("rain")))
    assert await heard_from(listener, 1) == [Weather("rain")]
    await heard.until(lambda events: events == [Weather("rain")])
    stage.system.events.publish(Weather("sun"))
    assert await heard_from(listener, 2) == [Weather("rain"), Weather("sun")]
    await heard.until(lambda events: len(events) == 2)
    stage.system.events.unsubscribe(Weather, heard)
    stage.system.events.unsubscribe(Weather, listener)
    assert await heard_from(other, 0) == []


async def test_a_listener_that_raises_is_logged_and_harms_nobody(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def listen(event: Weather) -> None:
        raise ValueError(event.text)

    heard = Heard()
    stage.system.events.subscribe(Weather, listen)
    stage.system.events.subscribe(Weather, heard)
    stage.system.events.publish(Weather("storm"))
    stage.system.events.unsubscribe(Weather, listen)
    stage.system.events.unsubscribe(Weather, heard)
    assert heard.all == [Weather("storm")]
    assert "storm" in caplog.text


async def test_dead_letters_of_events_do_not_go_round(stage: Stage) -> None:
    heard = Heard()
    stage.system.events.subscribe(DeadLetter, heard)
    counter = await stage.spawn(Counter)  # it does not receive events
    stage.system.events.subscribe(Weather, counter)
    stage.system.events.subscribe(DeadLetter, counter)
    stage.system.events.publish(Weather("rain"))
    await stage.dead_letter(counter, DeadReason.UNHANDLED)
    stage.system.events.unsubscribe(DeadLetter, heard)
    assert not [letter for letter in heard.all if letter.path == counter.path]


@pytest.mark.runtimes("dedicated")
async def test_a_lost_process_is_an_event_and_its_children_leave(stage: Stage) -> None:
    assert isinstance(stage.system, RayActorSystem)
    name = a_name()
    lost, listings = Heard(), Heard()
    stage.system.events.subscribe(HostLost, lost)
    teller = await stage.spawn(Teller, name)
    await teller.ask(Work())
    stage.system.receptionist.subscribe(f"{name}-child", listings)
    await listings.until(lambda all_of_it: len(all_of_it[-1].refs) == 1)
    os.kill(stage.system.process_of(teller), signal.SIGKILL)
    await listings.until(lambda all_of_it: all_of_it[-1].refs == ())
    await lost.until(lambda events: len(events) == 1)
    stage.system.events.unsubscribe(HostLost, lost)
    assert stage.system.receptionist.find(name) == (teller,)  # it starts again elsewhere
