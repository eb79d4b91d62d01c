"""Kills its own process, in earnest, at a named step of what durable actors do with the world.

A step is armed by a file with its name; the process that comes to it takes the file away and dies by SIGKILL.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.keepers import Depot, Shop

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.actors import ActorContext

PRODUCER_STEPS = (
    "before write",
    "in write",
    "after write",
    "before Delivery is sent",
    "after Delivery is sent",
    "before Confirm is taken",
    "before drop_confirmed",
    "in drop_confirmed",
    "after drop_confirmed",
)
CONSUMER_STEPS = (
    "before Delivery is taken",
    "before write",
    "in write",
    "after write",
    "before Confirm is sent",
    "after Confirm is sent",
)


class Saboteur:
    """Dies where it is told to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pass_by(self, step: str) -> None:
        """Go on, or die."""
        order = self._folder / step
        if order.exists():
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def enter(self, ctx: ActorContext) -> None:
        """Get between an actor and the world."""
        writing, store = ctx.durable.writing, ctx.durable.writing.system.store
        tell, submit = writing.tell, store.submit

        def doomed_submit(function: Callable[..., Any], *args: Any) -> Any:
            def doomed(*values: Any) -> Any:
                result = function(*values)
                self.pass_by(f"in {function.__name__}")
                return result

            self.pass_by(f"before {function.__name__}")
            future = submit(doomed, *args)
            future.add_done_callback(lambda _: self.pass_by(f"after {function.__name__}"))
            return future

        def doomed_tell(path: str, message: Any) -> None:
            self.pass_by(f"before {type(message).__name__} is sent")
            tell(path, message)
            self.pass_by(f"after {type(message).__name__} is sent")

        setattr(store, "submit", doomed_submit)  # noqa: B010 - one that mypy lets pass
        setattr(writing, "tell", doomed_tell)  # noqa: B010 - as above


class DoomedShop(Shop):
    """A producer that dies."""

    def __init__(self, depot: str, folder: str) -> None:
        super().__init__(depot)
        self.saboteur = Saboteur(Path(folder))

    async def on_start(self, ctx: ActorContext) -> None:
        self.saboteur.enter(ctx)
        outbox = ctx.durable.outbox
        confirm = outbox.confirm

        def doomed(message: Any) -> None:
            self.saboteur.pass_by("before Confirm is taken")
            confirm(message)

        setattr(outbox, "confirm", doomed)  # noqa: B010 - as above


class DoomedDepot(Depot):
    """A consumer that dies."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.saboteur = Saboteur(Path(folder))

    async def on_start(self, ctx: ActorContext) -> None:
        self.saboteur.enter(ctx)
        inbox = ctx.durable.inbox
        take = inbox.take

        async def doomed(delivery: Any, handle: Any) -> None:
            self.saboteur.pass_by("before Delivery is taken")
            await take(delivery, handle)

        setattr(inbox, "take", doomed)  # noqa: B010 - as above
