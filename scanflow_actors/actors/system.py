"""The root of a tree of actors, in one process."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Protocol, Self

from scanflow_actors.actors.cell import Cell
from scanflow_actors.actors.mailbox import DeadLetters, DeadReason, MailboxSpec
from scanflow_actors.actors.message import Envelope, Signal, StopReason, Terminated
from scanflow_actors.actors.recipe import Recipe
from scanflow_actors.actors.ref import ActorRef, attach
from scanflow_actors.actors.supervision import RestartStrategy
from scanflow_actors.errors import ActorNotFoundError, NameTakenError
from scanflow_actors.settings import ActorSettings

if TYPE_CHECKING:
    from types import TracebackType

    from scanflow_actors.actors.actor import Actor


class Router(Protocol):
    """Knows the actors that live in other processes. Each method says whether it took the matter."""

    def forward(self, path: str, envelope: Envelope) -> bool:
        """Bring a message to an actor elsewhere."""

    def watch(self, watcher: ActorRef, target: ActorRef) -> bool:
        """Have the end of an actor elsewhere told to `watcher`."""

    def notify(self, watcher: ActorRef, signal: Signal) -> bool:
        """Bring a signal to an actor elsewhere."""


class ActorSystem:
    """Actors in this process, on the running event loop.

    ::

        async with ActorSystem("demo") as system:
            counter = await system.spawn(Counter, 0, name="counter")
            total = await counter.ask(Add(2))
    """

    def __init__(
        self,
        name: str = "scanflow",
        *,
        settings: ActorSettings | None = None,
        uid: str | None = None,
        router: Router | None = None,
    ) -> None:
        """Name the system.

        Args:
            name: For people.
            settings: Tunables of every actor.
            uid: For machines; made up when None. The processes of one system share it.
            router: Reaches actors in other processes; None when there are none.
        """
        self.name = name
        self.settings = settings or ActorSettings()
        self.uid = uid or f"{name}-{uuid.uuid4().hex[:12]}"
        self.dead_letters = DeadLetters(self.settings.dead_letters_kept)
        self._router = router
        self._cells: dict[str, Cell] = {}
        attach(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.shutdown()

    async def spawn(
        self,
        actor: type[Actor],
        *args: Any,
        name: str,
        mailbox: MailboxSpec | None = None,
        restart: RestartStrategy | None = None,
    ) -> ActorRef:
        """Start a top-level actor and wait for its `on_start`.

        Args:
            actor: Class to make the instance of.
            args: Arguments of its constructor: together with the class, the restart recipe.
            name: Unique among living top-level actors.
            mailbox: Capacity and overflow; None takes the system's default.
            restart: Which failures it survives; None takes `RestartStrategy`'s defaults.

        Returns:
            Its address.

        Raises:
            NameTakenError: A living actor has this name.
            ActorFailedError: Its first start failed; the cause is chained.
            InvalidActorError: The class or the name cannot work.
        """
        recipe = self.recipe(actor, args, name, mailbox, restart)
        path = f"/{name}"
        if path in self._cells:
            raise NameTakenError(path=path)
        return await self.start_cell(Cell(self, path, recipe, None))

    def find(self, name: str) -> ActorRef:
        """Address the top-level actor called `name`; whether it lives is seen by the first message."""
        return ActorRef(self.uid, f"/{name}", self)

    async def stop(self, ref: ActorRef) -> None:
        """Stop an actor of this process and wait until it has ended.

        Raises:
            ActorNotFoundError: It does not live here.
        """
        cell = self._cells.get(ref.path)
        if cell is None:
            raise ActorNotFoundError(path=ref.path, known=self.names())
        await asyncio.shield(cell.stop())

    async def shutdown(self) -> None:
        """Stop all actors, the youngest first."""
        for cell in reversed(tuple(self._cells.values())):
            await asyncio.shield(cell.stop())

    def names(self) -> tuple[str, ...]:
        """Paths of the actors that live in this process."""
        return tuple(sorted(self._cells))

    # ------------------------------------------------------------------ for cells and links

    def recipe(
        self,
        actor: type[Actor],
        args: tuple[Any, ...],
        name: str,
        mailbox: MailboxSpec | None,
        restart: RestartStrategy | None,
    ) -> Recipe:
        """Fill in the system's defaults."""
        return Recipe(
            actor=actor,
            args=args,
            name=name,
            mailbox=mailbox or MailboxSpec(capacity=self.settings.mailbox_capacity),
            restart=restart or RestartStrategy(),
        )

    async def start_cell(self, cell: Cell) -> ActorRef:
        """Put a cell into the table and wait for its first start."""
        self._cells[cell.ref.path] = cell
        cell.start()
        await asyncio.shield(cell.started)
        return cell.ref

    def forget(self, cell: Cell) -> None:
        """Take an ended cell out of the table: its name is free before its watchers hear of it."""
        self._cells.pop(cell.ref.path, None)

    def ended(self, path: str) -> asyncio.Future[StopReason] | None:
        """The future that tells when a local actor has ended, or None when it does not live here."""
        cell = self._cells.get(path)
        return None if cell is None else cell.ended

    def deliver(self, path: str, envelope: Envelope) -> None:
        """Bring a message to its actor, here or elsewhere, or to the dead letters."""
        cell = self._cells.get(path)
        if cell is not None:
            cell.deliver(envelope)
        elif self._router is None or not self._router.forward(path, envelope):
            self.undeliverable(path, envelope)

    def undeliverable(self, path: str, envelope: Envelope) -> None:
        """Tell the asker, else the dead letters, that no actor has this path."""
        if envelope.reply is None:
            self.dead_letters.add(path, envelope.message, DeadReason.NOT_FOUND)
        else:
            envelope.reply.fail(ActorNotFoundError(path=path, known=self.names()))

    def watch(self, watcher: ActorRef, target: ActorRef) -> None:
        """Have the end of `target` told to `watcher`, once."""
        cell = self._cells.get(target.path)
        if cell is not None:
            cell.watchers.add(watcher)
        elif self._router is None or not self._router.watch(watcher, target):
            self.notify(watcher, Terminated(target, StopReason.NOT_FOUND))

    def notify(self, watcher: ActorRef, signal: Signal) -> None:
        """Hand a signal to an actor, here or elsewhere; one that has ended needs none."""
        cell = self._cells.get(watcher.path)
        if cell is not None:
            cell.signal(signal)
        elif self._router is not None:
            self._router.notify(watcher, signal)
