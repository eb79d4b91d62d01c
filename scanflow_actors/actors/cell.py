"""One actor at run time: its mailbox, its instance, and the loop that brings the two together.

An idle actor has no task; one task drains the mailbox while it is busy. Signals go before messages, and
between two of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.actor import Route, routes_of
from scanflow_actors.actors.context import ActorContext
from scanflow_actors.actors.mailbox import DeadReason, Mailbox
from scanflow_actors.actors.message import ChildFailed, Envelope, Signal, StopReason, Terminated
from scanflow_actors.actors.ref import ActorRef
from scanflow_actors.actors.supervision import RestartLog
from scanflow_actors.errors import (
    ActorFailedError,
    ActorStoppedError,
    MailboxFullError,
    NameTakenError,
    RejectError,
    UnhandledMessageError,
)

if TYPE_CHECKING:
    from scanflow_actors.actors.actor import Actor
    from scanflow_actors.actors.recipe import Recipe
    from scanflow_actors.actors.system import ActorSystem

_log = logging.getLogger(__name__)


class _State(Enum):
    NEW = auto()
    RUNNING = auto()
    WAITING = auto()
    ENDED = auto()


class _Start:
    pass


class _Stop:
    pass


class _Fail:
    __slots__ = ("context", "error")

    def __init__(self, context: ActorContext, error: BaseException) -> None:
        self.context = context
        self.error = error


class Cell:
    """Runs one actor. Made by the system or by its parent; all calls on the system's event loop."""

    def __init__(self, system: ActorSystem, path: str, recipe: Recipe, parent: Cell | None) -> None:
        self.system = system
        self.ref = ActorRef(system.uid, path, system)
        self.recipe = recipe
        self.children: dict[str, Cell] = {}
        self.watchers: set[ActorRef] = set()
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[StopReason] = loop.create_future()
        self._loop = loop
        self._parent = parent
        self._routes = routes_of(recipe.actor)
        self._has_concurrent = any(route.concurrent for route in self._routes.values())
        self._mailbox = Mailbox(recipe.mailbox)
        self._signals: deque[Signal | _Start | _Stop | _Fail] = deque()
        self._restarts = RestartLog(recipe.restart)
        self._state = _State.NEW
        self._stopping = False
        self._cancelled = False
        self._task: asyncio.Task[None] | None = None
        self._actor: Actor | None = None
        self._context: ActorContext | None = None
        self._overlapping: Counter[Route] = Counter()

    # ------------------------------------------------------------------ what others call

    def start(self) -> None:
        """Make the first instance; `started` tells when `on_start` has returned."""
        self._signal(_Start())

    def deliver(self, envelope: Envelope) -> None:
        """Take a message into the mailbox, or turn it away by the mailbox's rule."""
        if self._state is _State.ENDED:
            self._turn_away(envelope, DeadReason.STOPPED)
            return
        lost = self._mailbox.put(envelope, self._overlapping.total() if self._has_concurrent else 0)
        if lost is not None:
            self._turn_away(lost, DeadReason.MAILBOX_FULL)
        if self._task is None and self._state is _State.RUNNING:
            self._wake()

    def signal(self, signal: Signal) -> None:
        """Hand a notice of the system to the actor, ahead of its messages."""
        if self._state is not _State.ENDED:
            self._signal(signal)

    def stop(self) -> asyncio.Future[StopReason]:
        """Ask the actor to end: the running handler gets its grace, then it is cancelled."""
        if not self._stopping and self._state is not _State.ENDED:
            self._stopping = True
            self._signals.clear()
            self._signal(_Stop())
            self._loop.call_later(self.system.settings.stop_grace_s, self._cancel_handler)
        return self.ended

    def fail_later(self, context: ActorContext, error: BaseException) -> None:
        """Report an error that happened beside the mailbox; ignored when its instance is gone."""
        self._signal(_Fail(context, error))

    async def spawn_child(self, recipe: Recipe) -> ActorRef:
        """Start a child of this actor and wait for its `on_start`."""
        path = f"{self.ref.path}/{recipe.name}"
        if recipe.name in self.children:
            raise NameTakenError(path=path)
        child = Cell(self.system, path, recipe, self)
        self.children[recipe.name] = child
        return await self.system.start_cell(child)

    # ------------------------------------------------------------------ the loop

    def _signal(self, signal: Signal | _Start | _Stop | _Fail) -> None:
        self._signals.append(signal)
        if self._task is None:
            self._wake()

    def _wake(self) -> None:
        self._task = self._loop.create_task(self._run(), name=self.ref.path)

    async def _run(self) -> None:
        batch = self.system.settings.batch_size
        queue = self._mailbox.queue
        handled = 0
        while self._state is not _State.ENDED:
            if self._signals:
                await self._guarded(self._on_signal(self._signals.popleft()))
            elif self._state is _State.RUNNING and queue and self._has_room(queue[0]):
                await self._guarded(self._on_envelope(queue.popleft()))
                handled += 1
                if handled % batch == 0:
                    await asyncio.sleep(0)
            else:
                break
        self._task = None

    async def _guarded(self, step: Any) -> None:
        try:
            await step
        except asyncio.CancelledError:
            if not self._cancelled:
                raise
            self._cancelled = False
            asyncio.current_task().uncancel()  # type: ignore[union-attr]

    def _cancel_handler(self) -> None:
        if self._task is not None and self._state is not _State.ENDED and self._signals:
            self._cancelled = True
            self._task.cancel()

    def _has_room(self, envelope: Envelope) -> bool:
        if not self._has_concurrent:
            return True
        route = self._route(type(envelope.message))
        return route is None or not route.concurrent or self._overlapping[route] < route.concurrent

    # ------------------------------------------------------------------ messages

    async def _on_envelope(self, envelope: Envelope) -> None:
        if envelope.deadline is not None and envelope.deadline <= self._loop.time():
            self._dead(envelope, DeadReason.EXPIRED)
            return
        route = self._route(type(envelope.message))
        if route is None:
            self._turn_away(envelope, DeadReason.UNHANDLED)
        elif route.concurrent:
            self._overlap(route, envelope)
        elif (error := await self._handle(route, envelope)) is not None:
            await self._fail(error)

    def _overlap(self, route: Route, envelope: Envelope) -> None:
        context = self._current()
        self._overlapping[route] += 1

        async def handle() -> None:
            try:
                error = await self._handle(route, envelope)
            finally:
                if context is self._context:
                    self._overlapping[route] -= 1
                    if self._task is None:
                        self._wake()
            if error is not None:
                raise error

        context.run(handle(), name=type(envelope.message).__name__)

    async def _handle(self, route: Route, envelope: Envelope) -> BaseException | None:
        arguments: tuple[Any, ...] = (envelope.message,)
        if route.wants_context:
            arguments += (self._context,)
        reply = envelope.reply
        try:
            result = route.function(self._actor, *arguments)
            if route.is_async:
                result = await result
        except RejectError as error:
            if reply is None:
                self._dead(envelope, DeadReason.UNHANDLED)
            else:
                reply.fail(error)
        except asyncio.CancelledError as error:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                self._turn_away(envelope, DeadReason.STOPPED)
                raise
            self._report(envelope, error)  # something that the handler awaited was cancelled
            return error
        except Exception as error:  # noqa: BLE001 - any error of a user's handler goes to asker and supervisor
            self._report(envelope, error)
            return error
        else:
            if reply is not None:
                reply.resolve(result)
        return None

    def _route(self, kind: type) -> Route | None:
        route = self._routes.get(kind)
        if route is None:
            for base in kind.__mro__[1:-1]:
                if base in self._routes:
                    route = self._routes[kind] = self._routes[base]
                    break
        return route

    def _report(self, envelope: Envelope, error: BaseException) -> None:
        if envelope.reply is None:
            self._dead(envelope, DeadReason.FAILED)
            return
        envelope.reply.fail(self._failure(type(envelope.message).__name__, error))

    def _failure(self, request: str, error: BaseException) -> ActorFailedError:
        reason = f"{type(error).__name__}: {error}"
        failure = ActorFailedError(path=self.ref.path, request=request, reason=reason)
        failure.__cause__ = error
        return failure

    def _turn_away(self, envelope: Envelope, reason: DeadReason) -> None:
        reply = envelope.reply
        if reply is None:
            self._dead(envelope, reason)
        elif reason is DeadReason.MAILBOX_FULL:
            reply.fail(MailboxFullError(path=self.ref.path, capacity=self._mailbox.capacity))
        elif reason is DeadReason.UNHANDLED:
            known = tuple(sorted(kind.__name__ for kind in self._routes))
            kind = type(envelope.message).__name__
            reply.fail(UnhandledMessageError(path=self.ref.path, message=kind, known=known))
        else:
            reply.fail(ActorStoppedError(path=self.ref.path))

    def _dead(self, envelope: Envelope, reason: DeadReason) -> None:
        self.system.dead_letters.add(self.ref.path, envelope.message, reason)

    # ------------------------------------------------------------------ life

    def _current(self) -> ActorContext:
        if self._context is None:
            self._context = ActorContext(self)
        return self._context

    async def _on_signal(self, signal: Signal | _Start | _Stop | _Fail) -> None:
        if isinstance(signal, _Start):
            await self._start()
        elif isinstance(signal, _Stop):
            await self._end(StopReason.NORMAL)
        elif isinstance(signal, _Fail):
            if signal.context is self._context:
                await self._fail(signal.error)
        elif self._actor is not None:
            try:
                await self._actor.on_signal(signal, self._current())
            except Exception as error:  # noqa: BLE001 - escalation: the error of a child fails its parent
                await self._fail(error)

    async def _start(self) -> None:
        try:
            self._actor = self.recipe.actor(*self.recipe.args)
            await self._actor.on_start(self._current())
        except Exception as error:  # noqa: BLE001 - whatever a user's start raises is a failed start
            if self.started.done():
                await self._fail(error)
                return
            await self._end(StopReason.FAILED, self._failure("its start", error))
            return
        self._state = _State.RUNNING
        if not self.started.done():
            self.started.set_result(None)

    async def _fail(self, error: BaseException) -> None:
        self._state = _State.WAITING
        delay_s = None
        if not self._stopping:
            delay_s = self._restarts.decide(self._loop.time(), failed=True)
        _log.warning(
            "%s failed (%s: %s); %s",
            self.ref.path,
            type(error).__name__,
            error,
            "ends" if delay_s is None else f"restarts in {delay_s:.3f} s",
        )
        if delay_s is None:
            await self._end(StopReason.FAILED)
            if self._parent is not None and not self._stopping:
                self._parent.signal(ChildFailed(self.ref, error))
            return
        await self._clear()
        self._loop.call_later(delay_s, self._restart)

    def _restart(self) -> None:
        if self._state is _State.WAITING and not self._stopping:
            self._signal(_Start())

    async def _clear(self) -> None:
        """End the present instance: its tasks, its children, then its own `on_stop`."""
        context, actor = self._context, self._actor
        self._context = self._actor = None
        self._overlapping.clear()
        if context is not None:
            await context.close()
        for child in reversed(tuple(self.children.values())):
            await asyncio.shield(child.stop())
        if actor is not None and context is not None:
            try:
                async with asyncio.timeout(self.system.settings.stop_grace_s):
                    await actor.on_stop(context)
            except Exception:  # noqa: BLE001 - a failing clean-up is logged and must not stop the ending
                _log.exception("%s: on_stop failed", self.ref.path)
            await context.close()

    async def _end(self, reason: StopReason, failure: ActorFailedError | None = None) -> None:
        self._stopping = True
        await self._clear()
        self._state = _State.ENDED
        self._signals.clear()
        while self._mailbox.queue:
            self._turn_away(self._mailbox.queue.popleft(), DeadReason.STOPPED)
        if self._parent is not None:
            self._parent.children.pop(self.recipe.name, None)
        self.system.forget(self)
        for watcher in self.watchers:
            self.system.notify(watcher, Terminated(self.ref, reason))
        self.watchers.clear()
        self.ended.set_result(reason)
        if not self.started.done():
            self.started.set_exception(failure or ActorStoppedError(path=self.ref.path))
