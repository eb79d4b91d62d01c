"""An agent: an actor that owns strategies.

At each event it senses, judges and decides; the decision is journalled together with the watermark and
only then acted on, beside the mailbox, until its outcome is known. After a crash the agent takes up what
was decided and not concluded, under the same keys. A strategy that keeps failing is quarantined; the rest
of the agent goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from scanflow_actors.actors.actor import receive
from scanflow_actors.actors.context import ActorContext
from scanflow_actors.agents.acting import NOTHING, Acting, Step
from scanflow_actors.agents.alarms import Alarms, Wake
from scanflow_actors.agents.control import (
    AgentStatus,
    Pause,
    Release,
    Resume,
    ShowStatus,
    Update,
    status_of,
)
from scanflow_actors.agents.journal import Journal
from scanflow_actors.agents.known import Known
from scanflow_actors.agents.looking import Looked, Occasion, look
from scanflow_actors.agents.memories import last_fire, recall
from scanflow_actors.agents.page import MIND
from scanflow_actors.agents.quarantine import is_quarantined
from scanflow_actors.agents.records import AGAIN, CALLS_KEPT, Decision, Memory, Mind
from scanflow_actors.agents.sensor import MESSAGE
from scanflow_actors.agents.strategy import Accepted, Call, Strategy, decorated, waits_for
from scanflow_actors.artifacts.knowledge import KnowledgeBase
from scanflow_actors.errors import RejectError, StrategyFailedError
from scanflow_actors.infrastructure.actor import NAME as INFRASTRUCTURE
from scanflow_actors.infrastructure.facts import Fact
from scanflow_actors.storage import Line
from scanflow_actors.triggers import Received, Tick, due

if TYPE_CHECKING:
    from scanflow_actors.agents.charge import Charge

MAX_AGAIN = 3
"""Looks at once in place of a stale decision, before the next instant is waited for."""


class Agent(Acting):
    """Derive from it and list `strategies`, set them in the constructor, or mark methods with `strategy`."""

    strategies: tuple[Strategy, ...] = ()
    belief: Any = None
    """At first; afterwards what the strategies have learnt, snapshotted with each decision."""

    def __init__(self, charge: Charge) -> None:
        super().__init__(charge)
        self._alarms = Alarms()

    async def on_start(self, ctx: ActorContext) -> None:
        """Open the journal, take up what was not concluded, and set the first timers."""
        self._journal = await asyncio.to_thread(self.open_journal)
        self._opened.callback(self._journal.close)
        self._line = Line(self._journal.executor)
        self._known = Known(self._journal, ctx)
        self._meters = ctx.meters
        self._ask = partial(ctx.find(INFRASTRUCTURE).ask, timeout_s=self.charge.settings.sense_timeout_s)
        settings = self.charge.knowledge
        self._knowledge = None if settings is None else KnowledgeBase(settings)
        await self._line.flush()
        mind = await asyncio.to_thread(self._journal.mind, self.charge.name)
        self._mind = mind or Mind(belief=self.belief)
        await self._take_up(self.all_strategies(), ctx)
        for decision in await asyncio.to_thread(self._journal.pending, self.charge.name):
            self._act(decision, ctx)

    async def on_stop(self, ctx: ActorContext) -> None:
        """Close the journal, if it could be opened."""
        del ctx
        self._opened.close()

    def all_strategies(self) -> tuple[Strategy, ...]:
        """Those in `strategies`, those that are methods, and those that the team has given it."""
        return (*self.strategies, *decorated(self), *self.charge.strategies)

    def open_journal(self) -> Journal:
        """Open the journal that the team shares; called in a thread, at each start."""
        return Journal(self.charge.journal)

    async def _take_up(self, strategies: tuple[Strategy, ...], ctx: ActorContext) -> None:
        await self._line.flush()
        self._strategies = {strategy.name: strategy for strategy in strategies}
        agent, now = self.charge.name, self.charge.clock.now()
        self._memories = await asyncio.to_thread(recall, self._journal, agent, self._strategies, now)
        self._schedule_all(ctx)

    # ------------------------------------------------------------------ events

    @receive(concurrent=1000)
    async def _called(self, call: Call, ctx: ActorContext) -> Accepted:
        """Take a call of another agent: each strategy that waits for its type decides.

        The next call is looked at while this one is written; each is answered when it is on the disk.
        """
        kind = type(call.message)
        fired = [name for name, strategy in self._strategies.items() if waits_for(strategy.when, kind)]
        if not fired:
            raise RejectError(f"{self.charge.name} has no strategy that waits for {kind.__name__}")
        steps: list[Step] = []
        try:
            for name in fired:
                had = await self._had(call, name)
                async with self.turn_of(name):
                    await self._take(call, self._strategies.get(name), steps, had=had)
        finally:
            await self.settle(steps, ctx)
        return Accepted(is_new=any(step.is_new for step in steps))

    @receive(concurrent=1000)
    async def _heard(self, fact: Fact, ctx: ActorContext) -> None:
        """Take a fact that the infrastructure tells, as a call that nobody waits for."""
        key = f"{type(fact).__name__}-{uuid4().hex}"
        await self._called(Call(message=fact, key=key, trace=key), ctx)

    async def _take(self, call: Call, strategy: Strategy | None, steps: list[Step], *, had: bool) -> None:
        """Let one strategy step; a call that it has had before only waits until that one is written."""
        if self._mind.is_paused:
            raise StrategyFailedError(f"{self.charge.name} is paused; resume it, or ask later")
        if strategy is None:
            raise StrategyFailedError(f"{self.charge.name} has other strategies by now; ask again")
        memory, now = self._memories[strategy.name], self.charge.clock.now()
        decision_id = f"{self.charge.name}/{strategy.name}/{call.key}"
        if had or call.key in memory.calls:
            steps.append(Step(None, self._line.flush(), is_new=False))
            return
        if is_quarantined(memory, now):
            raise StrategyFailedError(f"{strategy.name} is quarantined until {memory.quarantined_until}")
        event = Received(message_type=type(call.message), instant=now)
        state, fires = strategy.when.step(memory.trigger_state, event)
        calls = (*memory.calls, call.key)[-CALLS_KEPT:]
        memory = replace(memory, trigger_state=state, calls=calls)
        if fires:
            await self._decide(strategy, memory, decision_id, call, steps)
        else:
            self._remember(strategy, memory, steps)

    async def _had(self, call: Call, strategy: str) -> bool:
        """Whether a strategy has had this call before; the journal knows those that are long past."""
        calls = self._memories.get(strategy, NOTHING).calls
        if call.key in calls or len(calls) < CALLS_KEPT:
            return call.key in calls
        return await self._known.has(f"{self.charge.name}/{strategy}/{call.key}")

    @receive(concurrent=1000)
    async def _woken(self, wake: Wake, ctx: ActorContext) -> None:
        """Deal with the instants of strategies that have come, then wait for the next."""
        names = self._alarms.rung(wake)
        steps: list[Step] = []
        async with self.turns_of(names):
            strategies = [self._strategies[name] for name in names if name in self._strategies]
            if not self._mind.is_paused:
                await self._wake(strategies, steps, ctx)
        await self.settle(steps, ctx)

    async def _wake(self, strategies: list[Strategy], steps: list[Step], ctx: ActorContext) -> None:
        failed: list[Strategy] = []
        for strategy in strategies:
            try:
                await self._deal_with_instants(strategy, steps)
            except StrategyFailedError:
                failed.append(strategy)
        delays_s = self.charge.settings.retry_delays_s
        for strategy in strategies:
            failures = self._memories[strategy.name].failures if strategy in failed else 0
            pause_s = delays_s[min(failures, len(delays_s)) - 1] if failures else 0.0
            self._schedule(strategy, ctx, pause_s=pause_s)

    async def _deal_with_instants(self, strategy: Strategy, steps: list[Step]) -> None:
        memory, now = self._memories[strategy.name], self.charge.clock.now()
        if is_quarantined(memory, now):
            return
        last, late_s = last_fire(memory), strategy.max_lateness_s
        todo = due(strategy.when, last=last, now=now, misfire=strategy.misfire, max_lateness_s=late_s)
        state = memory.trigger_state
        if todo.since > last:
            state = strategy.when.skip(state, todo.since)
        until = todo.until.isoformat()
        for instant in todo.instants:
            state, fires = strategy.when.step(state, Tick(instant=instant))
            if fires:
                dealt_with = until if instant == todo.instants[-1] else instant.isoformat()
                memory = replace(self._memories[strategy.name], trigger_state=state, last_fire=dealt_with)
                decision_id = f"{self.charge.name}/{strategy.name}/{instant.isoformat()}"
                await self._decide(strategy, memory, decision_id, None, steps)
        memory = self._memories[strategy.name]
        if (memory.trigger_state, memory.last_fire) != (state, until):
            self._remember(strategy, replace(memory, trigger_state=state, last_fire=until), steps)

    def _schedule_all(self, ctx: ActorContext) -> None:
        self._alarms.clear()
        for strategy in self._strategies.values():
            self._schedule(strategy, ctx)

    def _schedule(self, strategy: Strategy, ctx: ActorContext, *, pause_s: float = 0.0) -> None:
        instant = self._next_fire(strategy)
        if instant is not None:
            self._alarms.set(strategy, instant, max(pause_s, self.charge.clock.wait_s(instant)), ctx)

    def _next_fire(self, strategy: Strategy) -> datetime | None:
        memory = self._memories[strategy.name]
        instant = strategy.when.next_fire(last_fire(memory))
        if instant is None or memory.quarantined_until is None:
            return instant
        return max(instant, datetime.fromisoformat(memory.quarantined_until))

    # ------------------------------------------------------------------ deciding

    async def look_again(
        self, strategy: Strategy, decision: Decision, steps: list[Step], ctx: ActorContext
    ) -> None:
        """Look at once, a few times; then at the next instant. A message is not looked at again."""
        if strategy.sense is MESSAGE or decision.id.count(AGAIN) >= MAX_AGAIN:
            return
        try:
            memory = self._memories[strategy.name]
            await self._decide(strategy, memory, decision.id + AGAIN, None, steps)
        except StrategyFailedError:
            self._schedule(strategy, ctx)  # it is counted, and tried again at the next instant

    async def _decide(
        self, strategy: Strategy, memory: Memory, decision_id: str, call: Call | None, steps: list[Step]
    ) -> None:
        """Look, and have written what comes of it."""
        if strategy.learns is None:
            await self._look(strategy, memory, decision_id, call, steps)
        else:
            async with self.turn_of(MIND):
                await self._look(strategy, memory, decision_id, call, steps)

    async def _look(
        self, strategy: Strategy, memory: Memory, decision_id: str, call: Call | None, steps: list[Step]
    ) -> None:
        occasion = Occasion(
            decision=decision_id,
            agent=self.charge.name,
            now=self.charge.clock.now(),
            call=call,
            knowledge=self._knowledge,
            belief=self._mind.belief,
            sense_timeout_s=self.charge.settings.sense_timeout_s,
            ask=self._ask,
        )
        try:
            looked = await look(strategy, memory, occasion)
        except StrategyFailedError as error:
            self._evaluated(strategy, "failed")
            await self._failed(strategy, decision_id, str(error))
            raise
        decision = looked.decision
        said = "nothing new" if decision is None else "holds" if decision.holds else "does not hold"
        self._evaluated(strategy, said)
        self._commit(strategy, looked, steps)

    def _evaluated(self, strategy: Strategy, outcome: str) -> None:
        self._meters.count(
            "scanflow_strategy_evaluations",
            agent=self.charge.name,
            strategy=strategy.name,
            outcome=outcome,
        )

    def _commit(self, strategy: Strategy, looked: Looked, steps: list[Step]) -> None:
        decision = looked.decision
        if decision is None:
            self._remember(strategy, looked.memory, steps)
            return
        mind = replace(self._mind, belief=looked.belief) if strategy.learns is not None else None
        written = self.write("commit", decision, looked.memory, mind)
        steps.append(Step(decision, asyncio.ensure_future(written)))
        self._memories[strategy.name] = looked.memory
        self._mind = mind or self._mind

    def _remember(self, strategy: Strategy, memory: Memory, steps: list[Step]) -> None:
        if memory != self._memories[strategy.name]:
            written = self.write("remember", self.charge.name, {strategy.name: memory})
            steps.append(Step(None, asyncio.ensure_future(written)))
            self._memories[strategy.name] = memory

    # ------------------------------------------------------------------ what people and teams ask

    @receive
    async def _pause(self, _message: Pause) -> None:
        await self._resolve(is_paused=True)

    @receive
    async def _resume(self, _message: Resume, ctx: ActorContext) -> None:
        await self._resolve(is_paused=False)
        self._schedule_all(ctx)

    async def _resolve(self, *, is_paused: bool) -> None:
        async with self.turn_of(MIND):
            mind = replace(self._mind, is_paused=is_paused)
            await self.write("resolve", self.charge.name, mind)
            self._mind = mind

    @receive
    async def _update(self, message: Update, ctx: ActorContext) -> None:
        """Have other strategies from now on; what is remembered is handed on by name."""
        self.charge = replace(self.charge, strategies=message.strategies)
        async with self.turns_of(sorted(self._strategies)):  # what is under way ends first
            await self._take_up(type(self)(self.charge, *message.args).all_strategies(), ctx)

    @receive
    async def _release(self, message: Release, ctx: ActorContext) -> None:
        strategy = self._strategies.get(message.strategy)
        if strategy is None:
            known = ", ".join(self._strategies)
            raise RejectError(f"{self.charge.name} has no strategy {message.strategy!r}; it has {known}")
        async with self.turn_of(strategy.name):
            await self._worked(strategy.name)
        self._schedule_all(ctx)

    @receive
    def _show_status(self, _message: ShowStatus) -> AgentStatus:
        return AgentStatus(
            name=self.charge.name,
            is_paused=self._mind.is_paused,
            belief=self._mind.belief,
            acting=self._acting,
            strategies=tuple(
                status_of(name, self._memories[name], self._next_fire(strategy))
                for name, strategy in self._strategies.items()
            ),
        )
