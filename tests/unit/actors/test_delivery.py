# ruff: noqa: ARG002 - the annotation of a message is its route, also where it says nothing
"""At least once on the way, once in the state: whatever dies at whichever step."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from scanflow_actors.actors import (
    ActorContext,
    ActorSystem,
    Backoff,
    MailboxSpec,
    RestartStrategy,
    receive,
)
from scanflow_actors.actors.durable.delivery import WINDOW
from scanflow_actors.errors import ActorFailedError, RejectError
from scanflow_actors.settings import ActorSettings
from scanflow_actors.storage import Database
from tests.crashes import Process, World
from tests.keepers import Depot, Item, Order, Ordered, Shop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.looptime

ORDERS = 3
FAST = RestartStrategy(max_restarts=10, backoff=Backoff(min_s=0.01))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose disk is memory where there is one: hundreds of commits need no real disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own inside it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


async def play(
    store: str, shop: Sequence[int] = (), depot: Sequence[int] = (), *, stays: bool = False
) -> tuple[Process, Process]:
    """Order some items while shop and depot die at these steps; all must arrive, once and in order."""
    producer = Process(actor=Shop, args=("depot",), name="shop", dies_at=shop, stays=stays)
    consumer = Process(actor=Depot, args=(), name="depot", dies_at=depot, stays=stays)
    world = World(store, producer, consumer)
    await world.start()
    numbers = itertools.count()
    answered = {  # each try has a number of its own: what was not answered may be there or not
        await world.ask("shop", lambda: Order(next(numbers))) for _ in range(ORDERS)
    }
    await asyncio.sleep(600)  # all that is on its way comes, also what comes twice
    ordered = await world.ask("shop", Ordered)
    assert answered <= set(ordered)
    assert await world.ask("depot", Ordered) == ordered
    assert outbox(store) == []
    await world.close()
    return producer, consumer


def outbox(store: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(Database(store)) as database:
        return database.rows("select seq from actor_outbox")


PRODUCER_STEPS = {
    "begins take_over",
    "hears of take_over",
    "begins write",
    "hears of write",
    "sends Delivery",
    "receives Confirm",
    "begins drop_confirmed",
    "hears of drop_confirmed",
}
CONSUMER_STEPS = {
    "begins take_over",
    "hears of take_over",
    "receives Delivery",
    "begins write",
    "hears of write",
    "sends Confirm",
}


async def test_the_protocol_has_these_steps(folder: Path) -> None:
    producer, consumer = await play(str(folder / "state.db"))
    assert set(producer.steps) == PRODUCER_STEPS
    assert set(consumer.steps) == CONSUMER_STEPS


@pytest.mark.parametrize("stays", [False, True], ids=["dies", "is cut off"])
async def test_nothing_is_lost_or_doubled_when_the_producer_dies_at_any_step(
    folder: Path, stays: bool
) -> None:
    died_at = set()
    for step in range(100):
        producer, _ = await play(str(folder / f"{step}.db"), [step], stays=stays)
        if len(producer.lives) == 1:
            break
        died_at.add(producer.steps[step])
    assert died_at == PRODUCER_STEPS


@pytest.mark.parametrize("stays", [False, True], ids=["dies", "is cut off"])
async def test_nothing_is_lost_or_doubled_when_the_consumer_dies_at_any_step(
    folder: Path, stays: bool
) -> None:
    died_at = set()
    for step in range(100):
        _, consumer = await play(str(folder / f"{step}.db"), (), [step], stays=stays)
        if len(consumer.lives) == 1:
            break
        died_at.add(consumer.steps[step])
    assert died_at == CONSUMER_STEPS


NUMBERS = itertools.count()
DEATHS = st.lists(st.integers(min_value=0, max_value=12), max_size=4)
"""For each of the first lives, how many steps it takes."""


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shop=DEATHS, depot=DEATHS, stays=st.booleans())
async def test_nothing_is_lost_or_doubled_whatever_dies(
    folder: Path, shop: list[int], depot: list[int], stays: bool
) -> None:
    await play(str(folder / f"{next(NUMBERS)}.db"), shop, depot, stays=stays)


def a_system(address: str | Path) -> ActorSystem:
    loop = asyncio.get_running_loop()
    return ActorSystem(settings=ActorSettings(store=str(address), now_s=loop.time, outbox_capacity=100))


async def test_what_is_delivered_arrives_on_either_database(database_address: str) -> None:
    async with a_system(database_address) as system:
        shop = await system.spawn(Shop, "depot", name="shop")
        await shop.ask(Order(0))  # nobody is there yet
        depot = await system.spawn(Depot, name="depot")
        await asyncio.sleep(10)
        assert await depot.ask(Ordered()) == [0]
    async with a_system(database_address) as system:
        shop = await system.spawn(Shop, "depot", name="shop")
        await shop.ask(Order(1))
    async with a_system(database_address) as system:
        depot = await system.spawn(Depot, name="depot")
        await system.spawn(Shop, "depot", name="shop")
        await asyncio.sleep(10)
        assert await depot.ask(Ordered()) == [0, 1]
    assert outbox(database_address) == []


async def test_the_order_holds_through_many_messages_and_a_full_mailbox(folder: Path) -> None:
    async with a_system(folder / "state.db") as system:
        shop = await system.spawn(Shop, "depot", name="shop", mailbox=MailboxSpec(capacity=WINDOW * 2))
        depot = await system.spawn(Depot, name="depot", mailbox=MailboxSpec(capacity=3))
        count = WINDOW + 20
        await asyncio.gather(*(shop.ask(Order(number)) for number in range(count)))
        await asyncio.sleep(600)
        assert await depot.ask(Ordered()) == list(range(count))


async def test_an_outbox_is_bounded(folder: Path) -> None:
    async with a_system(folder / "state.db") as system:
        shop = await system.spawn(Shop, "depot", name="shop", restart=FAST)
        for number in range(100):
            await shop.ask(Order(number))
        with pytest.raises(ActorFailedError, match=r"MailboxFullError: .*100"):
            await shop.ask(Order(100))
        numbers = await shop.ask(Ordered())
        assert len(numbers) == 100


async def test_what_a_failed_receiver_delivered_is_not_sent(folder: Path) -> None:
    class Careless(Shop):
        @receive
        def order_and_fail(self, message: Item, ctx: ActorContext) -> None:
            ctx.durable.deliver(ctx.find("depot"), message)
            raise ValueError("after all")

    async with a_system(folder / "state.db") as system:
        depot = await system.spawn(Depot, name="depot")
        shop = await system.spawn(Careless, "depot", name="shop", restart=FAST)
        shop.tell(Item(1))
        await asyncio.sleep(60)
        await shop.ask(Order(2))
        await asyncio.sleep(60)
        assert await depot.ask(Ordered()) == [2]


async def test_what_is_not_written_yet_is_not_sent_with_what_is_sent_again(folder: Path) -> None:
    class Hesitant(Shop):
        @receive
        async def hesitate(self, message: Item, ctx: ActorContext) -> None:
            ctx.durable.deliver(ctx.find("depot"), message)
            await asyncio.sleep(60)
            raise ValueError("after all")

    async with a_system(folder / "state.db") as system:
        shop = await system.spawn(Hesitant, "depot", name="shop", restart=FAST)
        await shop.ask(Order(1))  # sent again until the depot is there
        shop.tell(Item(2))
        await asyncio.sleep(1)
        depot = await system.spawn(Depot, name="depot")
        await asyncio.sleep(100)
        await shop.ask(Order(3))
        await asyncio.sleep(100)
        assert await depot.ask(Ordered()) == [1, 3]


async def test_a_message_that_is_refused_or_not_understood_is_a_dead_letter_and_the_next_one_comes(
    folder: Path,
) -> None:
    class Choosy(Depot):
        def effect(self, message: Item, key: str | None) -> None:
            if message.number == 1:
                self.numbers.pop()
                raise RejectError("no room")

    class Babbler(Shop):
        @receive
        def say(self, message: Item, ctx: ActorContext) -> None:
            ctx.durable.deliver(ctx.find("depot"), "what?")

    async with a_system(folder / "state.db") as system:
        depot = await system.spawn(Choosy, name="depot")
        shop = await system.spawn(Babbler, "depot", name="shop")
        await shop.ask(Order(1))
        shop.tell(Item(0))
        await shop.ask(Order(2))
        await asyncio.sleep(10)
        assert await depot.ask(Ordered()) == [2]
        assert [letter.message for letter in system.dead_letters.recent] == [Item(1), "what?"]
        assert outbox(str(folder / "state.db")) == []


async def test_a_consumer_that_fails_gets_the_message_again_under_the_same_key(folder: Path) -> None:
    keys: list[str | None] = []

    class Clumsy(Depot):
        def effect(self, message: Item, key: str | None) -> None:
            keys.append(key)
            if len(keys) < 3:
                raise ValueError("dropped")

    async with a_system(folder / "state.db") as system:
        depot = await system.spawn(Clumsy, name="depot", restart=FAST)
        shop = await system.spawn(Shop, "depot", name="shop")
        await shop.ask(Order(7))
        await asyncio.sleep(60)
        assert await depot.ask(Ordered()) == [7]
    assert keys == ["/shop>/depot#1"] * 3
