"""Scorers share work: a tenant's images go to one of them, more may come, and failures are heard of."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from scanflow_actors.actors import (
    Actor,
    ActorFailed,
    ActorRestarted,
    ActorSystem,
    ConsistentHash,
    LeastLoaded,
    Request,
    Router,
    pool,
    receive,
)
from scanflow_actors.errors import ActorFailedError


@dataclass(frozen=True)
class Score(Request[str]):
    """Score an image of a tenant; the answer says who did."""

    tenant: str
    image: int


class Scorer(Actor):
    """Keeps a cache of its tenants, which is why a tenant had better stay with one scorer."""

    async def on_start(self, ctx):
        """Let the routers find it."""
        ctx.receptionist.register("scorers", ctx.self_ref)

    @receive
    async def score(self, message: Score, ctx) -> str:
        """Some images cannot be read."""
        if message.image < 0:
            raise ValueError(f"image {message.image} is damaged")
        return ctx.self_ref.path


async def share_by_load(system):
    """Deal to whoever has the least to do: four children of one router."""
    router = await system.spawn(Router, LeastLoaded(), pool(Scorer, size=4), name="by-load")
    answers = await asyncio.gather(*(router.ask(Score("a", image)) for image in range(40)))
    print("by load:", sorted(Counter(answers).values()))


async def share_by_tenant(system):
    """Deal each tenant to one of those that are registered; one more comes, and takes only its share."""
    router = await system.spawn(Router, ConsistentHash("tenant"), "scorers", name="by-tenant")
    tenants = [f"tenant-{number}" for number in range(100)]
    before = [await router.ask(Score(tenant, 1)) for tenant in tenants]
    await system.spawn(Scorer, name="one-more")
    after = [await router.ask(Score(tenant, 1)) for tenant in tenants]
    moved = [new for old, new in zip(before, after, strict=True) if new != old]
    print("by tenant:", len(moved), "of 100 moved, to", *set(moved))


async def hear_of_failures(system):
    """A scorer that fails starts again in its place, and whoever wants to hear of it does."""
    system.events.subscribe(ActorFailed, lambda event: print("failed:", event.problem))
    restarted = asyncio.Event()
    system.events.subscribe(ActorRestarted, lambda _: restarted.set())
    try:
        await system.find("by-tenant").ask(Score("tenant-1", -1))
    except ActorFailedError as error:
        print("the asker knows:", error.reason)
    await restarted.wait()
    print("registered:", len(system.receptionist.find("scorers")))


async def main():
    """Play all three."""
    async with ActorSystem() as system:
        await share_by_load(system)
        await share_by_tenant(system)
        await hear_of_failures(system)


if __name__ == "__main__":
    asyncio.run(main())
