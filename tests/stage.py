"""What a conformance test plays on: a system of one runtime, with names of its own."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors import ActorSystem
from scanflow_actors.errors import ActorNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanflow_actors.actors import Actor, ActorRef, DeadLetter, DeadReason, MailboxSpec, RestartStrategy
    from scanflow_actors.cluster import Placement, RayActorSystem

RUNTIMES = ("local", "serialised", "pooled", "apart")
"""In one process; there with every message pickled; all actors in one other process; each in one of its own.

The processes of the last two serve all tests, since one takes a second to start. What is special about an
actor that owns its process, `Dedicated`, is tested by some tests that run on "dedicated" as well.
"""

_NUMBERS = itertools.count()


class Stage:
    """One test's view of a system: its actors are stopped when the test ends."""

    def __init__(
        self,
        runtime: str,
        system: ActorSystem | RayActorSystem,
        placement: Callable[[int], Placement] | None = None,
    ) -> None:
        self.runtime = runtime
        self.system = system
        self._placement = placement
        self._spawned = 0
        self._refs: list[ActorRef] = []
        self._letters: list[DeadLetter] = []
        self._changed = asyncio.Event()
        system.dead_letters.subscribe(self._on_letter)

    @property
    def is_local(self) -> bool:
        return isinstance(self.system, ActorSystem)

    async def spawn(
        self,
        actor: type[Actor],
        *args: Any,
        name: str | None = None,
        mailbox: MailboxSpec | None = None,
        restart: RestartStrategy | None = None,
    ) -> ActorRef:
        """Start an actor under a name that no other test uses, unless one is given."""
        name = name or f"{actor.__name__.lower()}-{next(_NUMBERS)}"
        if isinstance(self.system, ActorSystem):
            ref = await self.system.spawn(actor, *args, name=name, mailbox=mailbox, restart=restart)
        else:
            placement = self._placement(self._spawned) if self._placement else None
            self._spawned += 1
            ref = await self.system.spawn(
                actor, *args, name=name, mailbox=mailbox, restart=restart, placement=placement
            )
        self._refs.append(ref)
        return ref

    def _on_letter(self, letter: DeadLetter) -> None:
        self._letters.append(letter)
        self._changed.set()

    async def dead_letter(self, ref: ActorRef, reason: DeadReason, count: int = 1) -> list[Any]:
        """Wait until so many messages to an actor have died of this reason: the messages."""
        async with asyncio.timeout(60):
            while len(found := self.dead(ref, reason)) < count:
                self._changed.clear()
                await self._changed.wait()
        return found

    def dead(self, ref: ActorRef, reason: DeadReason) -> list[Any]:
        return [
            letter.message for letter in self._letters if letter.path == ref.path and letter.reason is reason
        ]

    async def close(self) -> None:
        for ref in reversed(self._refs):
            if ref.path in self.system.names():
                try:
                    await self.system.stop(ref)
                except ActorNotFoundError:
                    continue  # it ended by itself meanwhile
