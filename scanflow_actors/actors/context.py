"""What a running actor may do: spawn children, watch, set timers, run tasks, stop."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.group import Group, Scope
from scanflow_actors.actors.handling import CURRENT
from scanflow_actors.actors.interval import IntervalTimer
from scanflow_actors.actors.message import Envelope
from scanflow_actors.actors.overlap import cancel_all

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from scanflow_actors.actors.actor import Actor
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.durable.keeper import Keeper
    from scanflow_actors.actors.events import EventStream
    from scanflow_actors.actors.mailbox import MailboxSpec
    from scanflow_actors.actors.observing.meters import Meters
    from scanflow_actors.actors.receptionist import Receptionist
    from scanflow_actors.actors.ref import ActorRef
    from scanflow_actors.actors.supervision import RestartStrategy


class ActorContext:
    """Handed to every hook and receiver; belongs to one instance and ends with it."""

    __slots__ = ("_cell", "_tasks", "_timers", "durable")

    durable: Keeper
    """What a `DurableActor` keeps; other actors have none."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._timers: set[asyncio.TimerHandle | IntervalTimer] | None = None
        self._tasks: set[asyncio.Task[Any]] | None = None

    @property
    def self_ref(self) -> ActorRef:
        """The address of this actor."""
        return self._cell.ref

    @property
    def meters(self) -> Meters:
        """Counts and durations of one's own, which are observed with the rest of the process."""
        return self._cell.system.meters

    @property
    def receptionist(self) -> Receptionist:
        """Where actors register, and find each other."""
        return self._cell.system.receptionist

    @property
    def events(self) -> EventStream:
        """What happens to the actors of the system."""
        return self._cell.system.events

    def remark(self, name: str, **attributes: Any) -> None:
        """Say something of the message that is being handled: an event of its span, where there is one."""
        for tap in self._cell.system.taps:
            tap.remark(name, attributes)

    def find(self, name: str) -> ActorRef:
        """Address the top-level actor called `name`, wherever it lives."""
        return self._cell.system.find(name)

    async def spawn(
        self,
        actor: type[Actor],
        *args: Any,
        name: str,
        mailbox: MailboxSpec | None = None,
        restart: RestartStrategy | None = None,
    ) -> ActorRef:
        """Start a child. It stops when this actor stops or restarts.

        Raises:
            NameTakenError: A living child has this name.
            ActorFailedError: Its first start failed; the cause is chained.
        """
        recipe = self._cell.system.recipe(actor, args, name, mailbox, restart)
        return await self._cell.spawn_child(recipe)

    def supervise(self, scope: Scope, strategy: RestartStrategy) -> None:
        """Decide together for all children what follows the failure of one; see `Supervisor`."""
        self._cell.life.group = Group(self._cell, scope, strategy)

    def watch(self, ref: ActorRef) -> None:
        """Get one `Terminated` in `on_signal` when `ref` ends, also if it has ended already."""
        self._cell.life.add_target(ref)
        self._cell.system.watch(self._cell.ref, ref)

    def unwatch(self, ref: ActorRef) -> None:
        """Take a watch back; a `Terminated` that is on its way may still come."""
        self._cell.life.forget_target(ref)
        self._cell.system.unwatch(self._cell.ref, ref)

    def stop(self) -> None:
        """Stop this actor once the current message is handled. A permanent one is then started again."""
        self._cell.finish()

    def after(self, delay_s: float, message: Any) -> asyncio.TimerHandle:
        """Send `message` to this actor after `delay_s` seconds, unless it restarts before.

        Returns:
            The timer; its ``cancel`` is a no-op once it has fired.
        """
        return self.call_after(delay_s, lambda: self._cell.deliver(Envelope(message)))

    def call_after(self, delay_s: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        """Call `function` after `delay_s` seconds, beside the mailbox, unless the actor restarts before."""
        timers = self._timers = self._timers if self._timers is not None else set()
        handle: asyncio.TimerHandle

        def fire() -> None:
            timers.discard(handle)
            function()

        handle = self._cell.system.loop.call_later(delay_s, fire)
        timers.add(handle)
        return handle

    def every(self, interval_s: float, message: Any, *, first_s: float | None = None) -> IntervalTimer:
        """Send `message` to this actor every `interval_s` seconds, > 0, until it restarts.

        Args:
            interval_s: From one instant to the next; they do not drift. Those that a busy event loop has
                missed altogether are left out.
            message: What the actor receives.
            first_s: Seconds until the first, so that many timers need not fire together; None waits an
                interval.

        Returns:
            The timer, to `cancel` it before.
        """
        if interval_s <= 0:
            raise ValueError(f"interval_s must be > 0; got {interval_s}")
        timers = self._timers = self._timers if self._timers is not None else set()
        first_s = interval_s if first_s is None else first_s
        timer = IntervalTimer(self._cell, interval_s, self._cell.system.prepare(message), first_s)
        timers.add(timer)
        return timer

    def run(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run `work` beside the mailbox. It is cancelled with the actor; if it raises, the actor fails.

        What it asks has its own deadlines: those of the message that started it do not bind it.
        """
        context = copy_context()
        context.run(CURRENT.set, None)
        task = asyncio.create_task(work, name=f"{self._cell.path}:{name}", context=context)
        if self._tasks is None:
            self._tasks = set()
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if self._tasks is not None:
            self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._cell.fail_later(self, error)

    async def close(self, grace_s: float) -> None:
        """Cancel timers and tasks, and wait for the tasks to be gone. Called by the system."""
        for timer in self._timers or ():
            timer.cancel()
        self._timers = None
        tasks = tuple(self._tasks or ())
        self._tasks = None
        for task in tasks:
            task.remove_done_callback(self._ended)
        await cancel_all(tasks, grace_s)
