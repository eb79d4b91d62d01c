"""An agent: an actor that owns strategies.

At each event it senses, judges and decides; the decision is journalled together with the watermark and
only then acted on, beside the mailbox, until its outcome is known. After a crash the agent takes up what
was decided and not concluded, under the same keys.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from scanflow_actors.actors.actor import Actor, receive
from scanflow_actors.actors.context import ActorContext
from scanflow_actors.agents.act import carry_out
from scanflow_actors.agents.clock import Clock
from scanflow_actors.agents.constraint import Look, Verdict
from scanflow_actors.agents.journal import Journal
from scanflow_actors.agents.records import CALLS_KEPT, Decision, Memory
from scanflow_actors.agents.sensor import Observation, Sight
from scanflow_actors.agents.strategy import Accepted, Call, Strategy, decorated, waits_for
from scanflow_actors.artifacts.knowledge import KnowledgeBase, KnowledgeSettings
from scanflow_actors.errors import RejectError
from scanflow_actors.settings import AgentSettings
from scanflow_actors.triggers import Received, Tick, due

if TYPE_CHECKING:
    from pathlib import Path

    from scanflow_actors.actors.ref import ActorRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What an agent is given by its team."""

    name: str
    journal: Path
    clock: Clock = field(default_factory=Clock)
    knowledge: KnowledgeSettings | None = None
    observer: ActorRef | None = None
    """Gets a `Decided` for each decision and a `Concluded` for each outcome."""
    settings: AgentSettings = field(default_factory=AgentSettings)
    strategies: tuple[Strategy, ...] = ()
    """Given to it beside its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Fact: a strategy has judged."""

    decision: str
    agent: str
    strategy: str
    at: str
    holds: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """Fact: the effects of a decision have been carried out, or have failed for good."""

    decision: str
    agent: str
    strategy: str
    is_success: bool
    reason: str


@dataclass(frozen=True, slots=True)
class _Wake:
    strategy: str


class Agent(Actor):
    """Derive from it and list `strategies`, set them in the constructor, or mark methods with `strategy`."""

    strategies: tuple[Strategy, ...] = ()

    def __init__(self, charge: Charge) -> None:
        self.charge = charge
        self._acting: dict[str, asyncio.Lock] = {}
        self._opened = ExitStack()

    async def on_start(self, ctx: ActorContext) -> None:
        """Open the journal, take up what was not concluded, and set the first timers."""
        self._journal = await asyncio.to_thread(self.open_journal)
        self._opened.callback(self._journal.close)
        self._knowledge: KnowledgeBase | None = None
        if self.charge.knowledge is not None:
            self._knowledge = await asyncio.to_thread(KnowledgeBase, self.charge.knowledge)
        self._strategies = {strategy.name: strategy for strategy in self.all_strategies()}
        self._memories = await asyncio.to_thread(self._recall)
        for strategy in self._strategies.values():
            self._schedule(strategy, ctx)
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

    # ------------------------------------------------------------------ events

    @receive
    async def _called(self, call: Call, ctx: ActorContext) -> Accepted:
        """Take a call of another agent: each strategy that waits for its type decides."""
        kind = type(call.message)
        fired = [strategy for strategy in self._strategies.values() if waits_for(strategy.when, kind)]
        if not fired:
            raise RejectError(f"{self.charge.name} has no strategy that waits for {kind.__name__}")
        answers = [await self._take(call, strategy, ctx) for strategy in fired]
        return Accepted(is_new=any(answers))

    async def _take(self, call: Call, strategy: Strategy, ctx: ActorContext) -> bool:
        """Let one strategy step; False when it has had this call before."""
        memory = self._memories[strategy.name]
        if call.key in memory.calls:
            return False
        event = Received(message_type=type(call.message), instant=self.charge.clock.now())
        state, fires = strategy.when.step(memory.trigger_state, event)
        calls = (*memory.calls, call.key)[-CALLS_KEPT:]
        memory = replace(memory, trigger_state=state, calls=calls)
        if fires:
            return await self._decide(strategy, memory, ctx, event_id=call.key, call=call)
        await self._remember(strategy, memory)
        return True

    @receive
    async def _woken(self, wake: _Wake, ctx: ActorContext) -> None:
        """Deal with the instants of a strategy that have come, then wait for the next."""
        strategy = self._strategies[wake.strategy]
        memory = self._memories[strategy.name]
        todo = due(
            strategy.when,
            last=_last_fire(memory),
            now=self.charge.clock.now(),
            misfire=strategy.misfire,
            max_lateness_s=strategy.max_lateness_s,
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
        self._schedule(strategy, ctx)

    def _schedule(self, strategy: Strategy, ctx: ActorContext) -> None:
        instant = strategy.when.next_fire(_last_fire(self._memories[strategy.name]))
        if instant is not None:
            ctx.after(self.charge.clock.wait_s(instant), _Wake(strategy.name))

    # ------------------------------------------------------------------ deciding

    async def _decide(
        self, strategy: Strategy, memory: Memory, ctx: ActorContext, *, event_id: str, call: Call | None
    ) -> bool:
        """Sense, judge, journal, and start to act; False when this event was decided before."""
        decision_id = f"{self.charge.name}/{strategy.name}/{event_id}"
        if await asyncio.to_thread(self._journal.knows, decision_id):
            return False
        seen = await self._sense(strategy, memory, call)
        verdict = Verdict(holds=False, reason="nothing new")
        if not seen.is_nothing:
            look = Look(state=seen.state, now=self.charge.clock.now(), memory=memory.verdict)
            verdict = strategy.given.judge(look)
            memory = replace(memory, verdict=verdict.memory)
        if verdict.holds or not strategy.sense.accumulates:
            memory = replace(memory, watermark=seen.watermark)
        if seen.is_nothing:
            await self._remember(strategy, memory)
            return True
        decision = Decision(
            id=decision_id,
            agent=self.charge.name,
            strategy=strategy.name,
            cause=None if call is None else call.cause,
            trace=decision_id if call is None else call.trace,
            at=self.charge.clock.now().isoformat(timespec="seconds"),
            holds=verdict.holds,
            reason=verdict.reason,
            state=seen.state,
            effects=strategy.then.effects(seen.state) if verdict.holds else (),
            priority=strategy.priority,
            lease_s=strategy.lease_s,
        )
        is_new = await asyncio.to_thread(self._journal.commit, decision, memory)
        self._memories[strategy.name] = memory
        if is_new:
            self._tell_decided(decision)
            if decision.effects:
                self._act(decision, ctx)
        return is_new

    async def _sense(self, strategy: Strategy, memory: Memory, call: Call | None) -> Observation:
        sight = Sight(
            now=self.charge.clock.now(),
            watermark=memory.watermark,
            message=None if call is None else call.message,
            knowledge=self._knowledge,
        )
        async with asyncio.timeout(self.charge.settings.sense_timeout_s):
            return await asyncio.to_thread(strategy.sense.read, sight)

    def _recall(self) -> dict[str, Memory]:
        """What each strategy remembers; those that are new start now, which is written down."""
        agent, now = self.charge.name, self.charge.clock.now()
        memories = {name: self._journal.memory(agent, name) for name in self._strategies}
        new = {
            name: Memory(
                trigger_state=self._strategies[name].when.initial_state(now), last_fire=now.isoformat()
            )
            for name, memory in memories.items()
            if memory.last_fire is None
        }
        self._journal.remember(agent, new)
        return memories | new

    async def _remember(self, strategy: Strategy, memory: Memory) -> None:
        if memory != self._memories[strategy.name]:
            await asyncio.to_thread(self._journal.remember, self.charge.name, {strategy.name: memory})
            self._memories[strategy.name] = memory

    # ------------------------------------------------------------------ acting

    def _act(self, decision: Decision, ctx: ActorContext) -> None:
        ctx.run(self._carry_out(decision, ctx), name=decision.strategy)

    async def _carry_out(self, decision: Decision, ctx: ActorContext) -> None:
        """Carry out the effects of a decision; those of one strategy go one after the other."""
        async with self._acting.setdefault(decision.strategy, asyncio.Lock()):
            done = await carry_out(decision, ctx, self._journal, self.charge.settings)
            await asyncio.to_thread(
                self._journal.conclude,
                decision,
                is_success=done.is_success,
                reason=done.reason,
                results=done.results,
            )
        self._tell(
            Concluded(
                decision=decision.id,
                agent=decision.agent,
                strategy=decision.strategy,
                is_success=done.is_success,
                reason=done.reason,
            )
        )

    def _tell_decided(self, decision: Decision) -> None:
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

    def _tell(self, fact: Decided | Concluded) -> None:
        if self.charge.observer is not None:
            self.charge.observer.tell(fact)


def _last_fire(memory: Memory) -> datetime:
    if memory.last_fire is None:
        raise AssertionError("a strategy's memory is filled in on start")
    return datetime.fromisoformat(memory.last_fire)
