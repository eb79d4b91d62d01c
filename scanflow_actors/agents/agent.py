"""An agent: an actor that owns strategies.

At each event it senses, judges and decides; the decision is journalled together with the watermark and
only then acted on, beside the mailbox, until its outcome is known. After a crash the agent takes up what
was decided and not concluded, under the same keys. A strategy that keeps failing is quarantined; the rest
of the agent goes on.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from scanflow_actors.actors.actor import receive
from scanflow_actors.actors.context import ActorContext
from scanflow_actors.agents.acting import Acting
from scanflow_actors.agents.charge import Charge, Decided
from scanflow_actors.agents.control import (
    AgentStatus,
    Pause,
    Release,
    Resume,
    ShowStatus,
    Update,
    status_of,
)
from scanflow_actors.agents.journal import MIND, Journal
from scanflow_actors.agents.looking import Looked, Occasion, look
from scanflow_actors.agents.memories import last_fire, recall
from scanflow_actors.agents.quarantine import is_quarantined
from scanflow_actors.agents.records import AGAIN, CALLS_KEPT, Decision, Memory, Mind
from scanflow_actors.agents.sensor import MESSAGE
from scanflow_actors.agents.strategy import Accepted, Call, Strategy, decorated, waits_for
from scanflow_actors.artifacts.knowledge import KnowledgeBase
from scanflow_actors.errors import RejectError, StrategyFailedError
from scanflow_actors.infrastructure.actor import NAME as INFRASTRUCTURE
from scanflow_actors.infrastructure.facts import Fact
from scanflow_actors.triggers import Received, Tick, due

MAX_AGAIN = 3
"""Looks at once in place of a stale decision, before the next instant is waited for."""


@dataclass(frozen=True, slots=True)
class _Wake:
    strategy: str


class Agent(Acting):
    """Derive from it and list `strategies`, set them in the constructor, or mark methods with `strategy`."""

    strategies: tuple[Strategy, ...] = ()
    belief: Any = None
    """At first; afterwards what the strategies have learnt, snapshotted with each decision."""

    def __init__(self, charge: Charge) -> None:
        super().__init__(charge)
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def on_start(self, ctx: ActorContext) -> None:
        """Open the journal, take up what was not concluded, and set the first timers."""
        self._journal = await asyncio.to_thread(self.open_journal)
        self._opened.callback(self._journal.close)
        settings = self.charge.knowledge
        self._knowledge = None if settings is None else KnowledgeBase(settings)
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
        self._strategies = {strategy.name: strategy for strategy in strategies}
        agent, now = self.charge.name, self.charge.clock.now()
        self._memories = await asyncio.to_thread(recall, self._journal, agent, self._strategies, now)
        self._schedule_all(ctx)

    # ------------------------------------------------------------------ events

    @receive
    async def _called(self, call: Call, ctx: ActorContext) -> Accepted:
        """Take a call of another agent: each strategy that waits for its type decides."""
        kind = type(call.message)
        fired = [strategy for strategy in self._strategies.values() if waits_for(strategy.when, kind)]
        if not fired:
            raise RejectError(f"{self.charge.name} has no strategy that waits for {kind.__name__}")
        if self._mind.is_paused:
            raise StrategyFailedError(f"{self.charge.name} is paused; resume it, or ask later")
        answers = []
        for strategy in fired:
            async with self.turn_of(strategy.name):
                answers.append(await self._take(call, strategy, ctx))
        return Accepted(is_new=any(answers))

    @receive
    async def _heard(self, fact: Fact, ctx: ActorContext) -> None:
        """Take a fact that the infrastructure tells, as a call that nobody waits for."""
        key = f"{type(fact).__name__}-{uuid4().hex}"
        await self._called(Call(message=fact, key=key, trace=key), ctx)

    async def _take(self, call: Call, strategy: Strategy, ctx: ActorContext) -> bool:
        """Let one strategy step; False when it has had this call before."""
        memory = self._memories[strategy.name]
        if call.key in memory.calls:
            return False
        now = self.charge.clock.now()
        if is_quarantined(memory, now):
            raise StrategyFailedError(f"{strategy.name} is quarantined until {memory.quarantined_until}")
        event = Received(message_type=type(call.message), instant=now)
        state, fires = strategy.when.step(memory.trigger_state, event)
        calls = (*memory.calls, call.key)[-CALLS_KEPT:]
        memory = replace(memory, trigger_state=state, calls=calls)
        if fires:
            return await self._decide(strategy, memory, ctx, event_id=call.key, call=call)
        await self._remember(strategy, memory)
        return True

    @receive(concurrent=1000)
    async def _woken(self, wake: _Wake, ctx: ActorContext) -> None:
        """Deal with the instants of a strategy that have come, then wait for the next."""
        async with self.turn_of(wake.strategy):
            strategy = self._strategies.get(wake.strategy)
            if strategy is not None and not self._mind.is_paused:
                await self._wake(strategy, ctx)

    async def _wake(self, strategy: Strategy, ctx: ActorContext) -> None:
        try:
            await self._deal_with_instants(strategy, ctx)
        except StrategyFailedError:
            delays_s = self.charge.settings.retry_delays_s
            failures = self._memories[strategy.name].failures
            self._schedule(strategy, ctx, pause_s=delays_s[min(failures, len(delays_s)) - 1])
        else:
            self._schedule(strategy, ctx)

    async def _deal_with_instants(self, strategy: Strategy, ctx: ActorContext) -> None:
        memory, now = self._memories[strategy.name], self.charge.clock.now()
        if is_quarantined(memory, now):
            return
        late_s = strategy.max_lateness_s
        todo = due(
            strategy.when, last=last_fire(memory), now=now, misfire=strategy.misfire, max_lateness_s=late_s
        )
        state = strategy.when.skip(memory.trigger_state, todo.since)
        memory = replace(memory, trigger_state=state, last_fire=todo.until.isoformat())
        for instant in todo.instants:
            state, fires = strategy.when.step(memory.trigger_state, Tick(instant=instant))
            memory = replace(memory, trigger_state=state)
            if fires:
                await self._decide(strategy, memory, ctx, event_id=instant.isoformat(), call=None)
                memory = self._memories[strategy.name]
        await self._remember(strategy, memory)

    def _schedule_all(self, ctx: ActorContext) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for strategy in self._strategies.values():
            self._schedule(strategy, ctx)

    def _schedule(self, strategy: Strategy, ctx: ActorContext, *, pause_s: float = 0.0) -> None:
        instant = self._next_fire(strategy)
        if instant is not None:
            wait_s = max(pause_s, self.charge.clock.wait_s(instant))
            self._timers[strategy.name] = ctx.after(wait_s, _Wake(strategy.name))

    def _next_fire(self, strategy: Strategy) -> datetime | None:
        memory = self._memories[strategy.name]
        instant = strategy.when.next_fire(last_fire(memory))
        if instant is None or memory.quarantined_until is None:
            return instant
        return max(instant, datetime.fromisoformat(memory.quarantined_until))

    # ------------------------------------------------------------------ deciding

    async def _decide(
        self, strategy: Strategy, memory: Memory, ctx: ActorContext, *, event_id: str, call: Call | None
    ) -> bool:
        """Look, journal, and start to act; False when this event was decided before."""
        decision_id = f"{self.charge.name}/{strategy.name}/{event_id}"
        if call is not None and await asyncio.to_thread(self._journal.knows, decision_id):
            return False  # an instant is decided together with what is remembered of it, and so only once
        if strategy.learns is not None:
            async with self.turn_of(MIND):
                return await self._look(strategy, memory, ctx, decision_id, call)
        return await self._look(strategy, memory, ctx, decision_id, call)

    async def look_again(self, strategy: Strategy, decision: Decision, ctx: ActorContext) -> None:
        """Look at once, a few times; then at the next instant. A message is not looked at again."""
        if strategy.sense is MESSAGE or decision.id.count(AGAIN) >= MAX_AGAIN:
            return
        event_id = decision.id.removeprefix(f"{decision.agent}/{decision.strategy}/") + AGAIN
        try:
            await self._decide(strategy, self._memories[strategy.name], ctx, event_id=event_id, call=None)
        except StrategyFailedError:
            self._schedule(strategy, ctx)  # it is counted, and tried again at the next instant

    async def _look(
        self, strategy: Strategy, memory: Memory, ctx: ActorContext, decision_id: str, call: Call | None
    ) -> bool:
        occasion = Occasion(
            decision=decision_id,
            agent=self.charge.name,
            now=self.charge.clock.now(),
            call=call,
            knowledge=self._knowledge,
            belief=self._mind.belief,
            sense_timeout_s=self.charge.settings.sense_timeout_s,
            ask=partial(ctx.find(INFRASTRUCTURE).ask, timeout_s=self.charge.settings.sense_timeout_s),
        )
        try:
            looked = await look(strategy, memory, occasion)
        except StrategyFailedError as error:
            self._evaluated(ctx, strategy, "failed")
            await self._failed(strategy, decision_id, str(error))
            raise
        decision = looked.decision
        said = "nothing new" if decision is None else "holds" if decision.holds else "does not hold"
        self._evaluated(ctx, strategy, said)
        return await self._commit(strategy, looked, ctx)

    def _evaluated(self, ctx: ActorContext, strategy: Strategy, outcome: str) -> None:
        ctx.meters.count(
            "scanflow_strategy_evaluations",
            agent=self.charge.name,
            strategy=strategy.name,
            outcome=outcome,
        )

    async def _commit(self, strategy: Strategy, looked: Looked, ctx: ActorContext) -> bool:
        decision = looked.decision
        if decision is None:
            await self._remember(strategy, looked.memory)
            return True
        mind = replace(self._mind, belief=looked.belief) if strategy.learns is not None else None
        is_new: bool = await self.write("commit", decision, looked.memory, mind)
        self._memories[strategy.name] = looked.memory
        self._mind = mind or self._mind
        if is_new:
            ctx.remark(
                "decision", id=decision.id, trace=decision.trace, holds=decision.holds, reason=decision.reason
            )
            self._tell(
                Decided(
                    decision=decision.id,
                    agent=decision.agent,
                    strategy=decision.strategy,
                    at=decision.at,
                    holds=decision.holds,
                    reason=decision.reason,
                )
            )
            if decision.effects:
                self._act(decision, ctx)
            else:
                await self._worked(strategy)
        return is_new

    # ------------------------------------------------------------------ what people and teams ask

    @receive
    async def _pause(self, _message: Pause) -> None:
        await self._resolve(is_paused=True)

    @receive
    async def _resume(self, _message: Resume, ctx: ActorContext) -> None:
        await self._resolve(is_paused=False)
        self._schedule_all(ctx)

    async def _resolve(self, *, is_paused: bool) -> None:
        mind = replace(self._mind, is_paused=is_paused)
        await self.write("resolve", self.charge.name, mind)
        self._mind = mind

    @receive
    async def _update(self, message: Update, ctx: ActorContext) -> None:
        """Have other strategies from now on; what is remembered is handed on by name."""
        self.charge = replace(self.charge, strategies=message.strategies)
        async with AsyncExitStack() as turns:  # what is under way ends first
            for name in sorted(self._strategies):
                await turns.enter_async_context(self.turn_of(name))
            await self._take_up(type(self)(self.charge, *message.args).all_strategies(), ctx)

    @receive
    async def _release(self, message: Release, ctx: ActorContext) -> None:
        strategy = self._strategies.get(message.strategy)
        if strategy is None:
            known = ", ".join(self._strategies)
            raise RejectError(f"{self.charge.name} has no strategy {message.strategy!r}; it has {known}")
        async with self.turn_of(strategy.name):
            await self._worked(strategy)
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

    async def _remember(self, strategy: Strategy, memory: Memory) -> None:
        if memory != self._memories[strategy.name]:
            await self.write("remember", self.charge.name, {strategy.name: memory})
            self._memories[strategy.name] = memory
