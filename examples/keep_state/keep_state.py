"""A shop takes orders, its depot packs them, and neither forgets when it fails, or when the power does."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from scanflow_actors.actors import ActorContext, ActorSystem, DurableActor, Request, receive
from scanflow_actors.settings import ActorSettings

STORE = Path("keep_state.db").resolve()


@dataclass(frozen=True)
class Order(Request[int]):
    """Order an item; the reply is how many were ordered today."""

    item: str


@dataclass(frozen=True)
class Pack:
    """What the shop delivers to the depot."""

    item: str


@dataclass(frozen=True)
class CloseTill:
    """What the shop's timer brings, once a day."""


@dataclass(frozen=True)
class Packed(Request[list[str]]):
    """What the depot has packed so far."""


class Shop(DurableActor):
    """Takes orders."""

    def __init__(self):
        self.orders = 0

    def snapshot(self):
        """Give the state."""
        return self.orders

    def restore(self, state):
        """Take it back."""
        self.orders = state

    async def on_start(self, ctx: ActorContext):
        """Set the timer, unless one is set already."""
        if "till" not in ctx.durable.timers:
            ctx.durable.remind("till", CloseTill(), after_s=86_400, every_s=86_400)

    @receive
    def order(self, message: Order, ctx: ActorContext) -> int:
        """Count the order, and have it packed."""
        self.orders += 1
        ctx.durable.deliver(ctx.find("depot"), Pack(message.item))
        return self.orders

    @receive
    def close_till(self, _: CloseTill):
        """Begin a new day."""
        self.orders = 0


class Depot(DurableActor):
    """Packs what was ordered."""

    def __init__(self):
        self.packed = []

    def snapshot(self):
        """Give the state."""
        return self.packed

    def restore(self, state):
        """Take it back."""
        self.packed = state

    @receive
    def pack(self, message: Pack, ctx: ActorContext):
        """Pack an item."""
        self.packed.append(message.item)
        print("packs", message.item, "under the key", ctx.durable.key)

    @receive
    def list_packed(self, _: Packed) -> list[str]:
        """Say what was packed."""
        return self.packed


async def main():
    """Order one item more than the last time."""
    async with ActorSystem(settings=ActorSettings(store=str(STORE))) as system:
        shop = await system.spawn(Shop, name="shop")
        depot = await system.spawn(Depot, name="depot")
        number = await shop.ask(Order("bread"))
        while len(packed := await depot.ask(Packed())) < number:  # noqa: ASYNC110 - the depot is not told to
            await asyncio.sleep(0.01)
        print("ordered", number, "packed", packed)


if __name__ == "__main__":
    asyncio.run(main())
