"""Spans across actors and processes: what is asked is a child, what is told has a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from opentelemetry import trace

from scanflow_actors.actors import ActorSystem, RoundRobin, Router, pool
from scanflow_actors.cluster import Pooled, RayActorSystem
from scanflow_actors.errors import ActorFailedError, RejectError
from scanflow_actors.settings import ActorSettings, RaySettings, Settings
from scanflow_actors.tracing import Tracing
from tests.spans import KEPT, Keeper, Kept, Span, keep, kept
from tests.troupe import Add, Counter, Crash, Messenger, Notes, Recorder, Refuse, Relay, TellAll

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scanflow_actors.actors import Actor, ActorRef

TRACED = ActorSettings(taps=(Tracing(setup=keep),))


class Scene:
    """A traced system in which actors live apart, where it has processes."""

    def __init__(self, system: ActorSystem | RayActorSystem) -> None:
        self.system = system
        self.keepers: list[ActorRef] = []

    async def spawn(self, actor: type[Actor], home: str, *args: object) -> ActorRef:
        name = f"{actor.__name__.lower()}-{home}"
        if isinstance(self.system, ActorSystem):
            return await self.system.spawn(actor, *args, name=name)
        if f"/keeper-{home}" not in self.system.names():
            keeper = await self.system.spawn(Keeper, name=f"keeper-{home}", placement=Pooled(home))
            self.keepers.append(keeper)
        return await self.system.spawn(actor, *args, name=name, placement=Pooled(home))

    async def spans(self) -> dict[str, Span]:
        """All finished spans of all processes, by name."""
        found = kept()
        for keeper in self.keepers:
            spans: list[Span] = await keeper.ask(Kept())
            found.extend(spans)
        return {span.name: span for span in found}


@pytest_asyncio.fixture
async def local() -> AsyncIterator[Scene]:
    async with ActorSystem(settings=TRACED) as system:
        KEPT.clear()
        yield Scene(system)


@pytest_asyncio.fixture
async def ray(ray_session: None) -> AsyncIterator[Scene]:  # noqa: ARG001 - must run
    settings = Settings(actors=TRACED, ray=RaySettings(standby_hosts=1))
    async with RayActorSystem("traced", settings=settings) as system:
        KEPT.clear()
        yield Scene(system)


@pytest.fixture(params=["local", "ray"])
def scene(request: pytest.FixtureRequest) -> Scene:
    made: Scene = request.getfixturevalue(request.param)
    return made


async def test_an_ask_is_a_child_of_its_asker_a_tell_has_a_link_and_errors_are_recorded(scene: Scene) -> None:
    counter, messenger = await scene.spawn(Counter, "a"), await scene.spawn(Messenger, "b")
    recorder = await scene.spawn(Recorder, "a")
    with trace.get_tracer("test").start_as_current_span(
        "the program", attributes={"scanflow.path": "", "scanflow.host": ""}
    ):
        assert await messenger.ask(Relay(counter, Add(2))) == 2
    assert await messenger.ask(TellAll(recorder, 1)) == 1
    assert await recorder.ask(Notes(at_least=1)) == [0]
    with pytest.raises(ActorFailedError):
        await counter.ask(Crash())
    with pytest.raises(RejectError):
        await counter.ask(Refuse())
    spans = await scene.spans()

    program, relay, add = spans["the program"], spans["Messenger Relay"], spans["Counter Add"]
    assert program.trace == relay.trace == add.trace
    assert (relay.parent, add.parent) == (program.id, relay.id)
    assert (add.kind, add.path) == ("SERVER", counter.path)

    teller, note = spans["Messenger TellAll"], spans["Recorder Note"]
    assert (note.kind, note.parent, note.links) == ("CONSUMER", None, (teller.id,))
    assert note.trace != teller.trace

    assert (spans["Counter Crash"].status, spans["Counter Crash"].events) == ("ERROR", ("exception",))
    assert (spans["Counter Refuse"].status, spans["Counter Refuse"].events) == ("UNSET", ("rejected",))
    if not isinstance(scene.system, ActorSystem):
        assert relay.host != add.host


async def test_a_message_that_is_handed_on_stays_in_the_trace_of_its_asker(local: Scene) -> None:
    router = await local.spawn(Router, "a", RoundRobin(), pool(Counter, size=1))
    assert await router.ask(Add(3)) == 3
    spans = await local.spans()
    routed, added = spans["Router Add"], spans["Counter Add"]
    assert added.parent == routed.id
    assert (routed.status, routed.events) == ("UNSET", ())
    assert added.kind == "SERVER"
