"""Its tests: no Ray, no server, no waiting, and the worst that can happen."""

import asyncio

import pytest
from ordering import Buyer, Need, Order, Remind

from scanflow_actors.actors import Actor, ActorSystem, receive
from scanflow_actors.errors import RejectError
from scanflow_actors.settings import ActorSettings
from scanflow_actors.testing import Faults, TestProbe, drop, fail, hang, slow, virtual_time


@virtual_time
async def test_an_order_is_placed_and_reminded_of_after_an_hour():
    async with ActorSystem() as system:
        supplier = await TestProbe.start(system)
        supplier.answer(Order, lambda order: f"{order.part} no. 1")
        buyer = await system.spawn(Buyer, supplier.ref, name="buyer")
        assert await buyer.ask(Need("bolt")) == "bolt no. 1"
        assert await supplier.expect(Order) == Order("bolt")
        await supplier.expect_nothing(within_s=3599)
        assert await supplier.expect(Remind) == Remind("bolt")


class Supplier(Actor):
    @receive
    def order(self, message: Order) -> str:
        return f"{message.part} no. 1"


@pytest.mark.parametrize(
    ("fault", "takes_s"),
    [
        (drop("/supplier", at=1), 5),
        (fail("/supplier", OSError("out of paper"), at=range(1, 3)), 0),
        (slow("/supplier", 4), 4),
    ],
)
@virtual_time
async def test_a_supplier_that_stumbles_gets_the_order_all_the_same(fault, takes_s):
    settings = ActorSettings(taps=(Faults(fault),))
    async with ActorSystem(settings=settings) as system:
        supplier = await system.spawn(Supplier, name="supplier")
        buyer = await system.spawn(Buyer, supplier, name="buyer")
        assert await buyer.ask(Need("bolt")) == "bolt no. 1"
        assert asyncio.get_running_loop().time() == pytest.approx(takes_s, abs=0.5)


@virtual_time
async def test_a_supplier_that_hangs_is_given_up():
    settings = ActorSettings(taps=(Faults(hang("/supplier")),))
    async with ActorSystem(settings=settings) as system:
        supplier = await system.spawn(Supplier, name="supplier")
        buyer = await system.spawn(Buyer, supplier, name="buyer")
        with pytest.raises(RejectError, match="nobody supplies bolt"):
            await buyer.ask(Need("bolt"))
