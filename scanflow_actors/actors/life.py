"""The life of one actor: start, failure, restart, end, and what it owns meanwhile."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from scanflow_actors.actors.actor import Actor
from scanflow_actors.actors.context import ActorContext
from scanflow_actors.actors.dead_letters import DeadReason
from scanflow_actors.actors.durable.actor import DurableActor, revive
from scanflow_actors.actors.events import ActorFailed, ActorRestarted, ActorStarted, ActorStopped
from scanflow_actors.actors.invoke import failure, turn_away
from scanflow_actors.actors.message import ChildFailed, Signal, StopReason, Terminated
from scanflow_actors.actors.observing.counts import RestartReason
from scanflow_actors.actors.overlap import cancel_all
from scanflow_actors.actors.signals import Crash, Down, Inner, Start, State, Stop, Suspend
from scanflow_actors.actors.supervision import RestartLog
from scanflow_actors.errors import ActorFailedError, ActorStoppedError

if TYPE_CHECKING:
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.group import Group
    from scanflow_actors.actors.ref import ActorRef

_log = logging.getLogger(__name__)


class Life:
    """State of one actor beside its mailbox. All coroutines run in the task of its cell."""

    __slots__ = (
        "_cell",
        "_ended",
        "_is_new",
        "_reason",
        "_restarts",
        "_start_error",
        "_started",
        "_timer",
        "actor",
        "children",
        "context",
        "group",
        "parent",
        "state",
        "stopping",
        "undecided",
        "watchers",
        "watching",
    )

    def __init__(self, cell: Cell, parent: Cell | None) -> None:
        self._cell = cell
        self._restarts: RestartLog | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.parent = parent
        self.state = State.NEW
        self.stopping = False
        self.undecided = False
        """Whether its supervisor has yet to decide what follows its failure."""
        self.actor: Actor | None = None
        self.context: ActorContext | None = None
        self.children: dict[str, Cell] = {}
        self.group: Group | None = None
        """Set for a supervisor: decides for the children."""
        self.watchers: set[ActorRef] | None = None
        self.watching: set[ActorRef] | None = None
        self._is_new = True
        """Whether it has yet to start for the first time, or to fail in it."""
        self._started: asyncio.Future[None] | None = None
        self._start_error: ActorFailedError | ActorStoppedError | None = None
        self._ended: asyncio.Future[StopReason] | None = None
        self._reason: StopReason | None = None

    @property
    def ended(self) -> asyncio.Future[StopReason]:
        """Done when the actor has ended for good; made when somebody wants to know."""
        if self._ended is None:
            self._ended = self._cell.system.loop.create_future()
            if self._reason is not None:
                self._ended.set_result(self._reason)
        return self._ended

    async def started(self) -> None:
        """Wait for the first `on_start` to return.

        Raises:
            ActorFailedError: It failed; the cause is chained.
            ActorStoppedError: The actor was stopped before.
        """
        if self._is_new:
            if self._started is None:
                self._started = self._cell.system.loop.create_future()
            await asyncio.shield(self._started)
        if self._start_error is not None:
            raise self._start_error

    async def on_signal(self, signal: Signal | Inner) -> None:
        """Do what a signal says."""
        if isinstance(signal, Start):
            await self._start()
        elif isinstance(signal, Stop):
            await self._stop(own=signal.own)
        elif isinstance(signal, Suspend):
            await self._suspend(signal)
        elif isinstance(signal, Crash):
            if signal.context is self.context:
                await self.fail(signal.error)
        elif isinstance(signal, Down):
            if self.group is not None:
                await self._decide(self.group, signal)
        elif self.actor is not None and self.context is not None:
            await self._notice(signal, self.actor, self.context)

    async def _notice(self, signal: Signal, actor: Actor, context: ActorContext) -> None:
        if isinstance(signal, Terminated):
            self.forget_target(signal.ref)
        try:
            await actor.on_signal(signal, context)
        except Exception as error:  # noqa: BLE001 - escalation: the error of a child fails its parent
            await self.fail(error)

    # ------------------------------------------------------------------ start

    async def _start(self) -> None:
        recipe = self._cell.recipe
        self.context = context = ActorContext(self._cell)
        try:
            self.actor = recipe.actor(*recipe.args)
            if isinstance(self.actor, DurableActor):
                await revive(self._cell, context, self.actor)
            else:
                await self.actor.on_start(context)
        except Exception as error:  # noqa: BLE001 - whatever a user's start raises is a failed start
            if self._is_new:
                self._emit_failed(error)
                await self.end(StopReason.FAILED, failure(self._cell.path, "its start", error))
            else:
                await self.fail(error)
            return
        if self.context is context:  # else it was abandoned meanwhile
            self.state = State.RUNNING
            self._cell.system.events.emit(ActorStarted if self._is_new else ActorRestarted, self._cell.ref)
            self._has_started()

    def _has_started(self) -> None:
        self._is_new = False
        if self._started is not None and not self._started.done():
            self._started.set_result(None)

    def start_after(self, delay_s: float, reason: RestartReason) -> None:
        """Make a new instance after some seconds, unless it is stopped meanwhile."""
        if delay_s > 0:
            self._timer = self._cell.system.loop.call_later(delay_s, self._restart, reason)
        else:
            self._restart(reason)

    def _restart(self, reason: RestartReason) -> None:
        self._timer = None
        if self.state is State.WAITING and not self.stopping:
            self._cell.note(reason)
            self._cell.signal(Start())

    # ------------------------------------------------------------------ failure

    async def fail(self, error: BaseException) -> None:
        """End the present instance because of an error, and have it decided what follows."""
        self.state = State.WAITING
        self._emit_failed(error)
        await self._down(error)

    def _emit_failed(self, error: BaseException) -> None:
        problem = f"{type(error).__name__}: {error}"
        self._cell.system.events.emit(ActorFailed, self._cell.ref, problem)

    async def _stop(self, *, own: bool) -> None:
        if own and not self.stopping and self._cell.recipe.restart.survives(failed=False):
            self.state = State.WAITING
            await self._down(None)
        else:
            await self.end(StopReason.NORMAL)

    async def _down(self, error: BaseException | None) -> None:
        parent = self.parent
        failed = error is not None
        if parent is not None and parent.life.group is not None and not self.stopping:
            if self._cell.recipe.restart.survives(failed=failed):
                self.undecided = True
                await self._clear()
                parent.signal(Down(self._cell, error))
                return
            delay_s = None
        else:
            now_s = self._cell.system.loop.time()
            self._restarts = self._restarts or RestartLog(self._cell.recipe.restart)
            delay_s = None if self.stopping else self._restarts.decide(now_s, failed=failed)
        self._log_down(error, delay_s)
        if delay_s is None:
            await self._end_down(error)
            return
        await self._clear()
        self.start_after(delay_s, RestartReason.FAILED if failed else RestartReason.ENDED)

    def _log_down(self, error: BaseException | None, delay_s: float | None) -> None:
        what = "ended" if error is None else f"failed ({type(error).__name__}: {error})"
        then = "stays down" if delay_s is None else f"restarts in {delay_s:.3f} s"
        _log.warning("%s %s; %s", self._cell.path, what, then)

    async def _end_down(self, error: BaseException | None) -> None:
        wanted = self.stopping
        await self.end(StopReason.NORMAL if error is None else StopReason.FAILED)
        if self.parent is not None and not wanted and error is not None:
            self.parent.signal(ChildFailed(self._cell.ref, error))

    async def _suspend(self, signal: Suspend) -> None:
        self.state = State.WAITING
        self.undecided = False
        self._cell.step_off()
        if self._timer is not None:
            self._timer.cancel()
        await self._clear()
        if not signal.done.done():
            signal.done.set_result(None)

    async def _decide(self, group: Group, down: Down) -> None:
        if down.child.life.undecided and not await group.decide(down.child, down.error):
            await self.fail(down.error or ActorStoppedError(path=down.child.path))

    # ------------------------------------------------------------------ end

    async def _clear(self) -> None:
        """End the present instance: its calls, its tasks, its children, then its own `on_stop`."""
        cell = self._cell
        grace_s = cell.system.settings.stop_grace_s
        context, actor = self.context, self.actor
        self.context = self.actor = None
        try:
            if cell.overlap is not None:
                await cell.overlap.close(grace_s)
            if context is not None:
                await context.close(grace_s)
            for child in reversed(tuple(self.children.values())):
                await asyncio.shield(child.stop())
        finally:
            if actor is not None and context is not None:
                await self._let_go(actor, context, grace_s)

    async def _let_go(self, actor: Actor, context: ActorContext, grace_s: float) -> None:
        if type(actor).on_stop is not Actor.on_stop:
            path = self._cell.path
            task = asyncio.create_task(actor.on_stop(context), name=f"{path}:on_stop")
            await asyncio.wait((task,), timeout=grace_s)
            if not task.done():
                await cancel_all((task,), grace_s)
            elif not task.cancelled() and (error := task.exception()) is not None:
                _log.error("%s: on_stop failed", path, exc_info=error)
        await context.close(grace_s)

    async def end(self, reason: StopReason, failed: ActorFailedError | None = None) -> None:
        """End for good, once: the name is free before the watchers hear of it."""
        if self.state is State.ENDED:
            return
        cell = self._cell
        self.stopping = True
        if self._timer is not None:
            self._timer.cancel()
        await self._clear()
        if self._is_new:
            self._start_error = failed or ActorStoppedError(path=cell.path)
        self.state = State.ENDED
        cell.is_open = False
        cell.step_off()
        for envelope in cell.mailbox.empty():
            turn_away(cell, envelope, DeadReason.STOPPED)
        if self.parent is not None:
            self.parent.life.children.pop(cell.recipe.name, None)
        cell.system.forget(cell)
        self._tell_watchers(reason)
        cell.system.events.emit(ActorStopped, cell.ref, reason)
        self._reason = reason
        if self._ended is not None:
            self._ended.set_result(reason)
        self._has_started()

    def add_watcher(self, watcher: ActorRef) -> None:
        """Have the end of this actor told to another."""
        self.watchers = self.watchers or set()
        self.watchers.add(watcher)

    def forget_watcher(self, watcher: ActorRef) -> None:
        """Tell it nothing."""
        if self.watchers is not None:
            self.watchers.discard(watcher)

    def add_target(self, target: ActorRef) -> None:
        """Take note that this actor watches another."""
        self.watching = self.watching or set()
        self.watching.add(target)

    def forget_target(self, target: ActorRef) -> None:
        """Take note that it does not, or that the other has ended."""
        if self.watching is not None:
            self.watching.discard(target)

    def _tell_watchers(self, reason: StopReason) -> None:
        system, ref = self._cell.system, self._cell.ref
        for watcher in self.watchers or ():
            system.notify(watcher, Terminated(ref, reason))
        for target in self.watching or ():
            system.unwatch(ref, target)
        self.watchers = self.watching = None
