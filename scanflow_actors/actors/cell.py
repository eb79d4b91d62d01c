"""One actor at run time: its mailbox, its receivers, and the loop that brings the two together.

An idle actor has no task; one task drains the mailbox while it is busy. Signals go before messages, and
between two of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.actor import Route, routes_of
from scanflow_actors.actors.dead_letters import DeadReason
from scanflow_actors.actors.handling import Handling
from scanflow_actors.actors.invoke import invoke, turn_away, turn_away_cycle
from scanflow_actors.actors.life import Life
from scanflow_actors.actors.mailbox import Mailbox
from scanflow_actors.actors.overlap import Overlap
from scanflow_actors.actors.ref import ActorRef
from scanflow_actors.actors.signals import Crash, Inner, Start, State, Stop, Suspend
from scanflow_actors.errors import NameTakenError

if TYPE_CHECKING:
    from scanflow_actors.actors.context import ActorContext
    from scanflow_actors.actors.message import Envelope, Signal, StopReason
    from scanflow_actors.actors.recipe import Recipe
    from scanflow_actors.actors.system import ActorSystem

_log = logging.getLogger(__name__)


class Cell:
    """Runs one actor. Made by the system or by its parent; all calls on the system's event loop."""

    __slots__ = (
        "_cancelled",
        "_drain_timer",
        "_draining",
        "_ladder",
        "_signals",
        "_task",
        "handling",
        "life",
        "mailbox",
        "overlap",
        "path",
        "recipe",
        "ref",
        "routes",
        "system",
    )

    def __init__(self, system: ActorSystem, path: str, recipe: Recipe, parent: Cell | None) -> None:
        self.system = system
        self.path = path
        self.ref = ActorRef(system.uid, path, system)
        self.recipe = recipe
        self.routes = routes_of(recipe.actor)
        self.mailbox = Mailbox(recipe.mailbox)
        self.handling: Handling | None = None
        """The call of an exclusive receiver that is running."""
        concurrent = any(route.concurrent for route in self.routes.values())
        self.overlap = Overlap(self) if concurrent else None
        self.life = Life(self, parent)
        self._signals: deque[Signal | Inner] | None = None
        self._task: asyncio.Task[None] | None = None
        self._ladder: asyncio.TimerHandle | None = None
        self._cancelled = False
        self._draining = False

    # ------------------------------------------------------------------ what others call

    def deliver(self, envelope: Envelope) -> None:
        """Take a message into the mailbox, or turn it away by the mailbox's rule."""
        state = self.life.state
        if state is State.ENDED or self._draining:
            turn_away(self, envelope, DeadReason.STOPPED)
            return
        if envelope.chain and self.handling is not None and self.handling.closes_cycle(envelope.chain):
            turn_away_cycle(self, envelope)
            return
        lost = self.mailbox.put(envelope)
        if lost is not None:
            turn_away(self, lost, DeadReason.MAILBOX_FULL)
        if envelope is not lost and (asker := envelope.asker) is not None:
            asker.on_abandon = lambda: self.mailbox.withdraw(envelope)
        if self._task is None and state is State.RUNNING:
            self._start_task()

    def signal(self, signal: Signal | Inner) -> None:
        """Hand a notice to the actor, ahead of its messages."""
        if self.life.state is State.ENDED:
            return
        if self._signals is None:
            self._signals = deque()
        self._signals.append(signal)
        if self._task is None:
            self._start_task()

    def wake(self) -> None:
        """Look at the mailbox again: something has changed that may let a message through."""
        if self._task is None and self.life.state is not State.ENDED:
            self._start_task()

    def stop(self, *, drain: bool = False) -> asyncio.Future[StopReason]:
        """Ask the actor to end.

        The running receiver gets its grace, then it is cancelled, then it is abandoned with a warning.

        Args:
            drain: Handle what is in the mailbox first, for as long as the settings allow.
        """
        life = self.life
        if drain and not life.stopping and life.state is State.RUNNING and not self._draining:
            self._draining = True
            self._climb(self.system.settings.drain_s, self.stop)
            self.wake()
        elif not life.stopping and life.state is not State.ENDED:
            life.stopping = True
            self._signals = None
            self.signal(Stop())
            self._climb(self.system.settings.stop_grace_s, self._cancel_receiver)
        return life.ended

    def finish(self) -> None:
        """End by the actor's own wish, after the current message."""
        if self.recipe.restart.survives(failed=False):
            self.signal(Stop(own=True))
        else:
            self.stop()

    def suspend(self, signal: Suspend) -> None:
        """Let the instance go; its supervisor will start another. The ladder is that of `stop`."""
        self.signal(signal)
        self._climb(self.system.settings.stop_grace_s, self._cancel_receiver)

    def fail_later(self, context: ActorContext | None, error: BaseException) -> None:
        """Report an error that happened beside the mailbox; ignored when its instance is gone."""
        if context is not None:
            self.signal(Crash(context, error))

    async def spawn_child(self, recipe: Recipe) -> ActorRef:
        """Start a child of this actor and wait for its `on_start`."""
        path = f"{self.path}/{recipe.name}"
        if recipe.name in self.life.children:
            raise NameTakenError(path=path)
        child = Cell(self.system, path, recipe, self)
        self.life.children[recipe.name] = child
        return await self.system.start_cell(child)

    def start(self) -> None:
        """Make the first instance; `life.started` tells when `on_start` has returned."""
        self.signal(Start())

    # ------------------------------------------------------------------ the loop

    def _start_task(self) -> None:
        self._task = self.system.loop.create_task(self._run(), name=self.path)

    async def _run(self) -> None:
        me = self._task
        life = self.life
        mailbox = self.mailbox
        batch = self.system.settings.batch_size
        handled = 0
        while self._task is me:
            if self._signals:
                await self._guarded(life.on_signal(self._signals.popleft()))
            elif life.state is State.RUNNING and mailbox.queue and self._may_start(mailbox.queue[0]):
                envelope = mailbox.queue.popleft()
                if mailbox.waiting:
                    mailbox.refill()
                await self._guarded(self._on_envelope(envelope))
                handled += 1
                if handled % batch == 0:
                    await asyncio.sleep(0)
            elif self._draining and not life.stopping and not mailbox.queue and not self.overlap:
                self.stop()
            else:
                self._task = None

    async def _guarded(self, step: Any) -> None:
        try:
            await step
        except asyncio.CancelledError:
            if not self._cancelled:
                raise
        if self._cancelled:
            self._cancelled = False
            asyncio.current_task().uncancel()  # type: ignore[union-attr]

    def _may_start(self, envelope: Envelope) -> bool:
        if self.overlap is None:
            return True
        route = self.route(type(envelope.message))
        return route is None or not route.concurrent or self.overlap.has_room(route)

    async def _on_envelope(self, envelope: Envelope) -> None:
        asker = envelope.asker
        if asker is not None:
            asker.on_abandon = None
            if envelope.deadline is not None and envelope.deadline <= self.system.loop.time():
                self.system.dead_letters.add(self.path, envelope.message, DeadReason.EXPIRED)
                return
        route = self.routes.get(type(envelope.message)) or self.route(type(envelope.message))
        if route is None:
            turn_away(self, envelope, DeadReason.UNHANDLED)
        elif route.concurrent and self.overlap is not None:
            self.overlap.start(route, envelope)
        else:
            self.handling = handling = Handling(self, envelope)
            try:
                error = await invoke(self, route, handling)
            finally:
                if self.handling is handling:
                    self.handling = None
            if error is not None and not handling.abandoned:
                await self.life.fail(error)

    def route(self, kind: type) -> Route | None:
        """Find the receiver of a message type, its base classes' included."""
        for base in kind.__mro__:
            if base in self.routes:
                self.routes[kind] = self.routes[base]
                return self.routes[base]
        return None

    # ------------------------------------------------------------------ the ladder

    def _climb(self, delay_s: float, step: Any) -> None:
        if self._ladder is not None:
            self._ladder.cancel()
        self._ladder = self.system.loop.call_later(delay_s, step)

    def step_off(self) -> None:
        """Leave the ladder: the actor has ended."""
        if self._ladder is not None:
            self._ladder.cancel()
            self._ladder = None

    def _cancel_receiver(self) -> None:
        if self._task is not None and self._signals:
            self._cancelled = True
            self._task.cancel()
        self._climb(self.system.settings.cancel_grace_s, self._abandon_receiver)

    def _abandon_receiver(self) -> None:
        self._ladder = None
        if self._task is None or not self._signals:
            return
        _log.warning("%s: its receiver ignores cancellation and is abandoned", self.path)
        handling, self.handling = self.handling, None
        self._cancelled = False
        if handling is not None:
            handling.abandoned = True
            turn_away(self, handling.envelope, DeadReason.STOPPED)
        self._start_task()
