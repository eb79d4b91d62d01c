from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from scanflow_actors.actors import Actor, ActorContext, ActorSystem, Request, receive
from scanflow_actors.actors.actor import routes_of
from scanflow_actors.errors import ActorError, InvalidActorError, UnhandledMessageError


@dataclass(frozen=True, slots=True)
class Ping(Request[str]):
    pass


@dataclass(frozen=True, slots=True)
class LoudPing(Ping):
    pass


@dataclass(frozen=True, slots=True)
class Pong(Request[str]):
    pass


class Echo(Actor):
    @receive
    def ping(self, message: Ping | Pong, ctx: ActorContext) -> str:
        return f"{type(message).__name__} at {ctx.self_ref.path}"


class MissingAnnotation(Actor):
    @receive
    def ping(self, message) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the point of the test
        return str(message)


class TwoForOne(Actor):
    @receive
    def one(self, message: Ping) -> str:
        return str(message)

    @receive
    def two(self, message: Ping) -> str:
        return str(message)


class TooMany(Actor):
    @receive
    def ping(self, message: Ping, ctx: ActorContext, more: int) -> str:
        return f"{message}{ctx}{more}"


def test_the_annotation_is_the_route() -> None:
    routes = routes_of(Echo)
    assert set(routes) == {Ping, Pong}
    assert routes[Ping].wants_context
    assert not routes[Ping].is_async


@pytest.mark.parametrize(
    ("kind", "problem"),
    [(MissingAnnotation, "annotate"), (TwoForOne, "receiver already"), (TooMany, "must take")],
)
def test_a_class_that_cannot_work_is_named(kind: type[Actor], problem: str) -> None:
    with pytest.raises(InvalidActorError, match=f"{kind.__name__}.*{problem}"):
        routes_of(kind)


def test_a_local_message_type_is_explained() -> None:
    @dataclass(frozen=True, slots=True)
    class Local:
        pass

    class Uses(Actor):
        @receive
        def take(self, message: Local) -> None:
            del message

    with pytest.raises(InvalidActorError, match="module level"):
        routes_of(Uses)


def test_concurrent_counts_calls() -> None:
    with pytest.raises(InvalidActorError, match="overlapping"):
        receive(concurrent=-1)


@pytest.mark.looptime
async def test_a_subclass_of_a_message_finds_the_receiver_of_its_base() -> None:
    async with ActorSystem() as system:
        echo = await system.spawn(Echo, name="echo")
        assert await echo.ask(LoudPing()) == "LoudPing at /echo"


@pytest.mark.looptime
@pytest.mark.parametrize("name", ["", "a/b", "-a", "a b"])
async def test_a_name_is_letters_digits_and_little_else(name: str) -> None:
    async with ActorSystem() as system:
        with pytest.raises(InvalidActorError, match="name"):
            await system.spawn(Echo, name=name)


@pytest.mark.looptime
async def test_a_timeout_is_positive() -> None:
    async with ActorSystem() as system:
        echo = await system.spawn(Echo, name="echo")
        with pytest.raises(ValueError, match="timeout_s"):
            await echo.ask(Ping(), timeout_s=0)


def test_a_ref_of_another_process_says_that_it_is_not_attached() -> None:
    from scanflow_actors.actors import ActorRef  # noqa: PLC0415

    with pytest.raises(ActorError, match="not attached"):
        ActorRef("no-such-system", "/a").tell(Ping())


@pytest.mark.looptime
async def test_refs_are_values_that_survive_pickle() -> None:
    import pickle  # noqa: PLC0415

    async with ActorSystem() as system:
        echo = await system.spawn(Echo, name="echo")
        again: Any = pickle.loads(pickle.dumps(echo))
        assert again == echo
        assert hash(again) == hash(echo)
        assert await again.ask(Ping()) == "Ping at /echo"
        with pytest.raises(UnhandledMessageError, match="it receives Ping, Pong"):
            await again.ask(Unknown())


@dataclass(frozen=True, slots=True)
class Unknown(Request[None]):
    pass
