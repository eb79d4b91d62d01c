"""One actor at run time: its mailbox, its receivers, and the turns that bring the two together.

An idle actor has no task; a runner of the system carries it on while it is busy. Signals go before messages,
and between two of them.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.actor import Route, routes_of
from scanflow_actors.actors.dead_letters import DeadReason
from scanflow_actors.actors.handling import Running
from scanflow_actors.actors.invoke import turn_away, turn_away_cycle
from scanflow_actors.actors.life import Life
from scanflow_actors.actors.mailbox import Mailbox
from scanflow_actors.actors.message import Envelope
from scanflow_actors.actors.overlap import Overlap
from scanflow_actors.actors.ref import ActorRef
from scanflow_actors.actors.signals import Crash, Inner, Start, State, Stop, Suspend
from scanflow_actors.actors.turn import run
from scanflow_actors.errors import NameTakenError

if TYPE_CHECKING:
    import asyncio
    from contextvars import Context

    from scanflow_actors.actors.context import ActorContext
    from scanflow_actors.actors.handling import Handling
    from scanflow_actors.actors.inline import Begun
    from scanflow_actors.actors.message import Reply, Signal, StopReason
    from scanflow_actors.actors.observing.counts import Counted
    from scanflow_actors.actors.observing.measures import Timing
    from scanflow_actors.actors.recipe import Recipe
    from scanflow_actors.actors.runner import Runner
    from scanflow_actors.actors.system import ActorSystem

_log = logging.getLogger(__name__)

_RUNNING = State.RUNNING  # looking up a member costs as much as a call


class Cell:
    """Runs one actor. Made by the system or by its parent; all calls on the system's event loop."""

    __slots__ = (
        "_ladder",
        "busy",
        "cancelled",
        "draining",
        "events",
        "handled",
        "handling",
        "inline",
        "is_open",
        "life",
        "mailbox",
        "overlap",
        "path",
        "recipe",
        "ref",
        "replied",
        "routes",
        "runner",
        "signals",
        "system",
        "timing",
        "turn",
    )

    def __init__(self, system: ActorSystem, path: str, recipe: Recipe, parent: Cell | None) -> None:
        self.system = system
        self.path = path
        self.ref = ActorRef(system.uid, path, system)
        self.recipe = recipe
        self.routes = routes_of(recipe.actor)
        has_priorities = any(route.priority for route in self.routes.values())
        self.mailbox = Mailbox(recipe.mailbox, self._priority if has_priorities else None)
        self.handling: Handling | None = None
        """The call of an exclusive receiver that is running."""
        concurrent = any(route.concurrent for route in self.routes.values())
        self.overlap = Overlap(self) if concurrent else None
        self.life = Life(self, parent)
        self.signals: deque[Signal | Inner] | None = None
        self.busy = False
        """Whether a turn is running, waiting, or about to begin."""
        self.turn = 0
        self.runner: Runner | None = None
        self._ladder: asyncio.TimerHandle | None = None
        self.cancelled = False
        self.draining = False
        self.is_open = True
        """Whether it takes messages: not any more when it drains or has ended."""
        self.handled = 0
        """Messages that a receiver was called with from the loop."""
        self.replied = 0
        self.inline = 0
        """Asks that were answered in the asker's turn."""
        self.events: Counter[Counted] | None = None
        """Asks that ended otherwise, and restarts; made when there is something to count."""
        self.timing: Timing | None = None

    # ------------------------------------------------------------------ what others call

    def tell(self, message: Any) -> None:
        """Take a plain message in."""
        mailbox = self.mailbox
        queue = mailbox.queue
        if len(queue) + mailbox.in_flight >= mailbox.capacity or not self.is_open or mailbox.waiting:
            self.deliver(Envelope(message))
            return
        queue.append(message)
        if not self.busy and self.life.state is _RUNNING:
            self._begin_soon()

    def tell_now(self, message: Any) -> None:
        """Take a plain message in, and begin with it at once when there is nothing else to do."""
        idle = self.is_idle
        self.busy = self.busy or idle
        self.tell(message)
        if idle:
            self._begin_now()

    def deliver(self, envelope: Envelope) -> None:
        """Take a message into the mailbox, or turn it away by the mailbox's rule."""
        if not self.is_open:
            turn_away(self, envelope, DeadReason.STOPPED)
            return
        handling, chain = self.handling, envelope.chain
        if chain and handling is not None and handling.closes_cycle(self.path, chain):
            turn_away_cycle(self, envelope)
            return
        lost = self.mailbox.put(envelope)
        if lost is not None:
            turn_away(self, lost, DeadReason.MAILBOX_FULL)
        asker = envelope.reply or envelope.admission
        if asker is not None and envelope is not lost:
            asker.holder = self
        if not self.busy and self.life.state is _RUNNING:
            self._begin_soon()

    @property
    def is_idle(self) -> bool:
        """Whether it could handle a message this moment, in the sender's turn."""
        return not self.busy and self.life.state is _RUNNING and self.overlap is None

    def rest(self) -> None:
        """End a turn that was not a runner's: what came meanwhile is handled in one that is."""
        if self.mailbox.queue or self.signals or self.draining:
            self._begin_soon()
        else:
            self.busy = False

    def carry_on(self, begun: Begun, envelope: Envelope) -> None:
        """Go on with a receiver that waits or has failed; the envelope has the reply to answer."""
        begun.handling.envelope = envelope
        route = self.routes.get(type(begun.message))
        if route is not None and route.cancellable and envelope.reply is not None:
            envelope.reply.holder = Running(self, begun.handling)
        begun.context.run(self._begin, begun.context, begun)

    def note(self, event: Counted) -> None:
        """Count something that happens less often than replies."""
        if self.events is None:
            self.events = Counter()
        self.events[event] += 1

    def abandoned(self, reply: Reply) -> None:
        """Hear that nobody waits for one of the messages in the mailbox any more."""
        self.mailbox.withdraw(reply)

    def signal(self, signal: Signal | Inner) -> None:
        """Hand a notice to the actor, ahead of its messages."""
        if self.life.state is State.ENDED:
            return
        if self.signals is None:
            self.signals = deque()
        self.signals.append(signal)
        if not self.busy:
            self._begin_soon()

    def wake(self) -> None:
        """Look at the mailbox again: something has changed that may let a message through."""
        if not self.busy and self.life.state is not State.ENDED:
            self._begin_soon()

    def stop(self, *, drain: bool = False) -> asyncio.Future[StopReason]:
        """Ask the actor to end.

        The running receiver gets its grace, then it is cancelled, then it is abandoned with a warning.

        Args:
            drain: Handle what is in the mailbox first, for as long as the settings allow.
        """
        life = self.life
        if drain and not life.stopping and life.state is State.RUNNING and not self.draining:
            self.draining = True
            self.is_open = False
            self._climb(self.system.settings.drain_s, self.stop)
            self.wake()
        elif not life.stopping and life.state is not State.ENDED:
            life.stopping = True
            self.signals = None
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
        child = type(self)(self.system, path, recipe, self)
        self.life.children[recipe.name] = child
        return await self.system.start_cell(child)

    def start(self) -> None:
        """Make the first instance; `life.started` waits for its `on_start`."""
        self.signal(Start())

    def start_now(self) -> None:
        """Make the first instance in the turn of whoever wants it, as far as it goes without waiting."""
        self.busy = True
        self.signal(Start())
        self._begin_now()

    # ------------------------------------------------------------------ the loop

    def _begin_soon(self) -> None:
        self.busy = True
        context = self.system.context.copy()
        self.system.loop.call_soon(self._begin, context, context=context)

    def _begin_now(self) -> None:
        context = self.system.context.copy()
        self.system.inline_depth += 1
        try:
            context.run(self._begin, context)
        finally:
            self.system.inline_depth -= 1

    def _begin(self, context: Context, begun: Begun | None = None) -> None:
        """Begin a turn, in this context: as many steps as there are, without a task while none waits."""
        runners = self.system.runners
        self.turn += 1
        runner = self.runner = runners.take() if begun is None else begun.runner
        if runner.begin(run(self, self.turn, begun), context):
            self.runner = None
            runners.take_back(runner)

    def route(self, kind: type) -> Route | None:
        """Find the receiver of a message type, its base classes' included."""
        for base in kind.__mro__:
            if base in self.routes:
                self.routes[kind] = self.routes[base]
                return self.routes[base]
        return None

    def _priority(self, item: Any) -> int:
        """How urgent a message is: what its receiver says."""
        kind = type(item.message if type(item) is Envelope else item)
        route = self.routes.get(kind) or self.route(kind)
        return 0 if route is None else route.priority

    def cancel(self, handling: Handling) -> None:
        """Cancel an exclusive receiver whose asker has given up, if it is still running."""
        if self.handling is handling and self.runner is not None:
            self.cancelled = True
            self.runner.task.cancel()

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
        if self.runner is not None and self.signals:
            self.cancelled = True
            self.runner.task.cancel()
        self._climb(self.system.settings.cancel_grace_s, self._abandon_receiver)

    def _abandon_receiver(self) -> None:
        self._ladder = None
        if self.runner is None or not self.signals:
            return
        _log.warning("%s: its receiver ignores cancellation and is abandoned", self.path)
        handling, self.handling = self.handling, None
        self.cancelled = False
        if handling is not None and handling.envelope is not None:
            turn_away(self, handling.envelope, DeadReason.STOPPED)
        self._begin_soon()
