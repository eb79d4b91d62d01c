"""The root of a tree of actors, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import Counter
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Self

from scanflow_actors.actors.cell import Cell
from scanflow_actors.actors.dead_letters import DeadLetters, DeadReason
from scanflow_actors.actors.deadlines import Deadlines
from scanflow_actors.actors.durable.store import StateStore
from scanflow_actors.actors.events import EventStream
from scanflow_actors.actors.freeze import PLANS
from scanflow_actors.actors.mailbox import MailboxSpec
from scanflow_actors.actors.message import Envelope, Event, Signal, StopReason, Terminated
from scanflow_actors.actors.observing.counts import KINDS, OTHER, Totals
from scanflow_actors.actors.observing.measures import Measures
from scanflow_actors.actors.observing.meters import Meters
from scanflow_actors.actors.observing.statistics import SystemStatistics, host_statistics
from scanflow_actors.actors.observing.taps import TappedCell
from scanflow_actors.actors.observing.tree import Tree, tree_of
from scanflow_actors.actors.prepare import copied, frozen
from scanflow_actors.actors.receptionist import Receptionist
from scanflow_actors.actors.recipe import Recipe
from scanflow_actors.actors.ref import ActorRef, attach
from scanflow_actors.actors.runner import Runners
from scanflow_actors.actors.supervision import RestartStrategy
from scanflow_actors.errors import ActorNotFoundError, NameTakenError, SystemClosedError
from scanflow_actors.settings import ActorSettings

if TYPE_CHECKING:
    from contextvars import Context
    from types import TracebackType

    from scanflow_actors.actors.actor import Actor, Route
    from scanflow_actors.actors.dead_letters import DeadLetter
    from scanflow_actors.actors.elsewhere import Elsewhere
    from scanflow_actors.actors.observing.counts import Counted
    from scanflow_actors.actors.observing.taps import Tap


class ActorSystem:
    """Actors in this process, on the running event loop.

    ::

        async with ActorSystem("demo") as system:
            counter = await system.spawn(Counter, 0, name="counter")
            total = await counter.ask(Add(2))
    """

    loop: asyncio.AbstractEventLoop
    deadlines: Deadlines
    runners: Runners
    context: Context
    """What receivers find in context variables: that of the system, not that of some sender."""

    def __init__(
        self,
        name: str = "scanflow",
        *,
        settings: ActorSettings | None = None,
        uid: str | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Name the system.

        Args:
            name: For people.
            settings: Tunables of every actor.
            uid: For machines; made up when None. The processes of one system share it.
            elsewhere: Reaches actors in other processes; None when there are none.
        """
        self.name = name
        self.settings = settings or ActorSettings()
        self.uid = uid or f"{name}-{uuid.uuid4().hex[:12]}"
        self.dead_letters = DeadLetters(self.settings.dead_letters_kept)
        self.prepare = copied if self.settings.serialise_messages else frozen
        self.plans: dict[Any, Any] = {} if self.settings.serialise_messages else PLANS
        """Message types that need no `prepare` have an empty plan here."""
        self.inline_depth = 0
        """How many asks are being handled within each other, each in its asker's turn."""
        self.inline_asks = self.inline_starts = 0
        self.elsewhere = elsewhere
        self._mailbox = MailboxSpec(capacity=self.settings.mailbox_capacity)
        self._restart = RestartStrategy()
        self.store = StateStore(self.settings.store)
        """What durable actors keep."""
        self.cells: dict[str, Cell] = {}
        self.totals: dict[str, Totals] = {OTHER: Totals()}
        """Counts of the actors that have ended, by class."""
        self.replied = 0
        """Asks from this process that were answered; the inline ones are counted apart."""
        self.ask_errors: Counter[Counted] = Counter()
        self.late_replies = 0
        self.meters = Meters()
        self.measures = Measures() if self.settings.metrics else None
        made = (make() for make in self.settings.taps)
        self.taps: tuple[Tap, ...] = (*made, self.measures) if self.measures else tuple(made)
        self.needs_envelopes = any(tap.needs_envelope for tap in self.taps)
        self.tapped: dict[type[Actor], dict[type, Route]] = {}
        """Receivers with the taps around them, by class."""
        self.receptionist = Receptionist(self)
        self.events = EventStream(self)
        if elsewhere is None:
            self.dead_letters.subscribe(self.publish_dead)
        self._closing = False
        with contextlib.suppress(RuntimeError):  # made before there is a loop: bound at its first use
            self._bind()
        attach(self)

    def _bind(self) -> None:
        """Belong to the running event loop from the first use on."""
        if not hasattr(self, "loop"):
            self.loop = asyncio.get_running_loop()
            self.deadlines = Deadlines(self.loop)
            self.runners = Runners(self.loop)
            self.context = copy_context()
            for tap in self.taps:
                tap.open(self)

    async def __aenter__(self) -> Self:
        self._bind()
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
            SystemClosedError: The system is shutting down.
        """
        self._bind()
        recipe = self.recipe(actor, args, name, mailbox, restart)
        path = f"/{name}"
        if path in self.cells:
            raise NameTakenError(path=path)
        make = TappedCell if self.taps else Cell
        return await self.start_cell(make(self, path, recipe, None))

    def find(self, name: str) -> ActorRef:
        """Address the top-level actor called `name`; whether it lives is seen by the first message."""
        return ActorRef(self.uid, f"/{name}", self)

    async def stop(self, ref: ActorRef, *, drain: bool = False) -> None:
        """Stop an actor of this process and wait until it has ended.

        Args:
            ref: Its address.
            drain: Let it handle first what is in its mailbox; new messages are turned away.

        Raises:
            ActorNotFoundError: It does not live here.
        """
        cell = self.cells.get(ref.path)
        if cell is None:
            raise ActorNotFoundError(path=ref.path, known=self.names())
        await asyncio.shield(cell.stop(drain=drain))

    async def shutdown(self) -> None:
        """Start no more actors, then stop all, the youngest first; no task and no timer is left."""
        self._bind()
        self._closing = True
        for cell in reversed(tuple(self.cells.values())):
            if cell.life.parent is None:
                await asyncio.shield(cell.stop())
        await self.store.close()
        self.deadlines.close()
        for tap in self.taps:
            await tap.close()
        await self.runners.close()

    def names(self) -> tuple[str, ...]:
        """Paths of the actors that live in this process."""
        return tuple(sorted(self.cells))

    async def statistics(self, *, each: bool = False) -> SystemStatistics:
        """How the system is, at this moment.

        Args:
            each: Whether to list every actor beside the sums by class.
        """
        self._bind()
        host = await host_statistics(self, each=each)
        return SystemStatistics(name=self.name, hosts=(host,), dead_letters=host.dead_letters)

    async def tree(self) -> Tree:
        """The living actors, each with its state, mailbox and restarts; ``str`` of it is for people."""
        return tree_of(await self.statistics(each=True))

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
            mailbox=mailbox or self._mailbox,
            restart=restart or self._restart,
        )

    async def start_cell(self, cell: Cell) -> ActorRef:
        """Put a cell into the table and wait for its first start."""
        if self._closing:
            raise SystemClosedError(system=self.name)
        self.cells[cell.path] = cell
        self.totals_of(cell.recipe.actor)
        self.inline_starts += 1
        if self.inline_starts % self.settings.batch_size and self.inline_depth < self.settings.inline_depth:
            cell.start_now()
        else:
            cell.start()  # many starts in a row were carried out at once: let others have a turn
        await cell.life.started()
        return cell.ref

    def forget(self, cell: Cell) -> None:
        """Take an ended cell out of the table: its name is free before its watchers hear of it."""
        self.cells.pop(cell.path, None)
        self.totals_of(cell.recipe.actor).add(cell)
        self.receptionist.forget(cell.path)

    def totals_of(self, actor: type[Actor]) -> Totals:
        """Where the actors of a class are summed up once they have ended."""
        name = actor.__qualname__
        if name not in self.totals and len(self.totals) < KINDS:
            self.totals[name] = Totals()
        return self.totals[self.kind_of(actor)]

    def kind_of(self, actor: type[Actor]) -> str:
        """The name under which the actors of a class are summed up: there are not arbitrarily many."""
        name = actor.__qualname__
        return name if name in self.totals else OTHER

    def ended(self, path: str) -> asyncio.Future[StopReason] | None:
        """The future that tells when a local actor has ended, or None when it does not live here."""
        cell = self.cells.get(path)
        return None if cell is None else cell.life.ended

    def deliver(self, path: str, envelope: Envelope) -> None:
        """Bring a message to its actor, here or elsewhere, or to the dead letters."""
        cell = self.cells.get(path)
        if cell is not None:
            cell.deliver(envelope)
        elif self.elsewhere is None or not self.elsewhere.forward(path, envelope):
            self.undeliverable(path, envelope)

    def undeliverable(self, path: str, envelope: Envelope) -> None:
        """Tell the asker, else the dead letters, that no actor has this path."""
        if envelope.asker is None:
            self.dead_letters.add(path, envelope.message, DeadReason.NOT_FOUND)
        else:
            envelope.asker.fail(ActorNotFoundError(path=path, known=self.names()))

    def publish_dead(self, letter: DeadLetter) -> None:
        """Make an event of a dead letter, unless it is one of an event: that might go on for ever."""
        if not isinstance(letter.message, Event):
            self.events.publish(letter)

    def not_serialisable(self, path: str, message: Any) -> None:
        """Record a message that could not leave its process."""
        self.dead_letters.add(path, message, DeadReason.NOT_SERIALISABLE)

    def watch(self, watcher: ActorRef, target: ActorRef) -> None:
        """Have the end of `target` told to `watcher`, once."""
        cell = self.cells.get(target.path)
        if cell is not None:
            cell.life.add_watcher(watcher)
        elif self.elsewhere is None or not self.elsewhere.watch(watcher, target):
            self.notify(watcher, Terminated(target, StopReason.NOT_FOUND))

    def unwatch(self, watcher: ActorRef, target: ActorRef) -> None:
        """Forget a watch."""
        cell = self.cells.get(target.path)
        if cell is not None:
            cell.life.forget_watcher(watcher)
        elif self.elsewhere is not None:
            self.elsewhere.unwatch(watcher, target)

    def notify(self, watcher: ActorRef, signal: Signal) -> None:
        """Hand a signal to an actor, here or elsewhere; one that has ended needs none."""
        cell = self.cells.get(watcher.path)
        if cell is not None:
            cell.signal(signal)
        elif self.elsewhere is not None:
            self.elsewhere.notify(watcher, signal)
