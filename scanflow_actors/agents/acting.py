"""The half of an agent that carries out what was decided, and keeps count of what fails."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.actor import Actor, receive
from scanflow_actors.actors.context import ActorContext
from scanflow_actors.agents.act import carry_out
from scanflow_actors.agents.charge import AgentFact, Charge, Concluded, Decided, Quarantined, Released
from scanflow_actors.agents.journal import Journal
from scanflow_actors.agents.quarantine import after_failure, after_success, has_failed
from scanflow_actors.agents.records import Decision, Memory
from scanflow_actors.infrastructure.claim import Rule
from scanflow_actors.storage import Line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from scanflow_actors.agents.act import Done
    from scanflow_actors.agents.strategy import Strategy


NOTHING = Memory()


@dataclass(frozen=True, slots=True)
class Ended:
    """To oneself: the effects of a decision were carried out, or failed for good."""

    decision: Decision
    is_failure: bool
    is_stale: bool
    reason: str


@dataclass(slots=True)
class Step:
    """What a strategy has come to: it is being written, and then acted on."""

    decision: Decision | None
    """None when there is only something to remember."""
    written: asyncio.Future[bool | None]
    """Whether the decision is new, once it is on the disk."""
    is_new: bool = True


class Acting(Actor):
    """What `Agent` stands on."""

    _journal: Journal
    _line: Line
    _memories: dict[str, Memory]

    def __init__(self, charge: Charge) -> None:
        self.charge = charge
        self._strategies: dict[str, Strategy] = {}
        self._opened = ExitStack()
        self._turns: dict[str, asyncio.Lock] = {}
        self._looks: dict[str, asyncio.Lock] = {}
        self._acting = 0

    async def settle(self, steps: list[Step], ctx: ActorContext) -> None:
        """Wait until all steps are on the disk, then act on them: also when nobody waits for it any more."""
        try:
            for step in steps:
                await asyncio.shield(step.written)
        except asyncio.CancelledError:
            ctx.run(self._follow(steps, ctx), name="settle")
            raise
        except Exception:
            await asyncio.gather(*(step.written for step in steps), return_exceptions=True)
            raise
        await self._follow(steps, ctx)

    async def _follow(self, steps: list[Step], ctx: ActorContext) -> None:
        for step in steps:
            answer, decision = await step.written, step.decision
            step.is_new = step.is_new and answer is not False
            if decision is None or not step.is_new:
                continue
            ctx.remark(
                "decision", id=decision.id, trace=decision.trace, holds=decision.holds, reason=decision.reason
            )
            self._tell_decided(decision)
            if decision.effects:
                self._act(decision, ctx)
            elif has_failed(self._memories.get(decision.strategy, NOTHING)):
                async with self.turn_of(decision.strategy):
                    await self._worked(decision.strategy)

    def _act(self, decision: Decision, ctx: ActorContext) -> None:
        ctx.run(self._carry_out(decision, ctx), name=decision.strategy)

    async def _carry_out(self, decision: Decision, ctx: ActorContext) -> None:
        """Carry out the effects of a decision; those of one strategy go one after the other."""
        self._acting += 1
        clock = asyncio.get_running_loop().time
        try:
            async with self._turns.setdefault(decision.strategy, asyncio.Lock()):
                strategy = self._strategies.get(decision.strategy)
                reports = None if strategy is None else strategy.reports
                begin_s = clock()
                done = await carry_out(decision, ctx, self.write, self.charge.settings, reports)
                ctx.meters.measure(
                    "scanflow_action_duration_seconds",
                    clock() - begin_s,
                    agent=decision.agent,
                    strategy=decision.strategy,
                    outcome="done" if done.is_success else "refused" if done.rule else "failed",
                )
                await self._conclude(decision, done)
        finally:
            self._acting -= 1
        self._tell(
            Concluded(
                decision=decision.id,
                agent=decision.agent,
                strategy=decision.strategy,
                is_success=done.is_success,
                reason=done.reason,
            )
        )
        is_failure = not done.is_success and done.rule is None
        ctx.self_ref.tell(Ended(decision, is_failure, done.rule == Rule.STALE, done.reason))

    async def _conclude(self, decision: Decision, done: Done) -> None:
        """Write the outcome; what a stale decision was made of counts as not seen."""
        outcome = (decision, done.is_success, done.reason, done.results)
        if done.rule != Rule.STALE:
            await self.write("conclude", *outcome)
            return
        async with self.turn_of(decision.strategy):
            memory, (before, after) = self._memories.get(decision.strategy), decision.watermarks
            if memory is not None and memory.watermark == after:
                memory = replace(memory, watermark=before)
                self._memories[decision.strategy] = memory
            await self.write("conclude", *outcome, memory)

    @receive(concurrent=1000)
    async def _ended(self, ended: Ended, ctx: ActorContext) -> None:
        """Count what came of a decision, in the strategy's turn, so that no step of it is lost."""
        steps: list[Step] = []
        async with self.turn_of(ended.decision.strategy):
            strategy = self._strategies.get(ended.decision.strategy)
            if strategy is None:
                return
            if ended.is_failure:
                await self._failed(strategy, ended.decision.id, ended.reason)
            elif ended.is_stale:
                await self.look_again(strategy, ended.decision, steps, ctx)
            else:
                await self._worked(strategy.name)
        await self.settle(steps, ctx)

    async def look_again(
        self, strategy: Strategy, decision: Decision, steps: list[Step], ctx: ActorContext
    ) -> None:
        """Decide anew in place of a decision that was refused as stale."""
        raise NotImplementedError

    def turn_of(self, strategy: str) -> asyncio.Lock:
        """What a strategy holds while it looks: it waits for itself, and not for the others."""
        return self._looks.setdefault(strategy, asyncio.Lock())

    @asynccontextmanager
    async def turns_of(self, strategies: list[str]) -> AsyncIterator[None]:
        """Hold the turns of several strategies, which are given in order of their names."""
        held = []
        try:
            for name in strategies:
                turn = self.turn_of(name)
                await turn.acquire()
                held.append(turn)
            yield
        finally:
            for turn in held:
                turn.release()

    async def _failed(self, strategy: Strategy, decision: str, reason: str) -> None:
        """Write down a failure; too many in a row put the strategy into quarantine."""
        before = self._memories[strategy.name]
        memory = after_failure(before, self.charge.clock.now(), self.charge.settings)
        await self._note("failure", strategy.name, decision, reason, memory)
        if memory.quarantined_until is not None and memory.quarantined_until != before.quarantined_until:
            until = memory.quarantined_until
            words = f"failed {memory.failures} times in a row, and is looked at again at {until}: {reason}"
            await self._note("quarantine", strategy.name, decision, words, memory)
            name = self.charge.name
            self._tell(Quarantined(agent=name, strategy=strategy.name, until=until, reason=reason))

    async def _worked(self, strategy: str) -> None:
        """Forget the failures before, in the strategy's turn; a quarantine is over."""
        before = self._memories.get(strategy, NOTHING)
        if not has_failed(before):
            return
        memory = after_success(before)
        if before.quarantined_until is not None:
            await self._note("release", strategy, f"{self.charge.name}/{strategy}", "it works", memory)
            self._tell(Released(agent=self.charge.name, strategy=strategy))
        else:
            await self.write("remember", self.charge.name, {strategy: memory})
            self._memories[strategy] = memory

    async def _note(self, kind: str, strategy: str, decision: str, reason: str, memory: Memory) -> None:
        note = Decision(
            id=decision,
            agent=self.charge.name,
            strategy=strategy,
            cause=None,
            trace=decision,
            at=self.charge.clock.now().isoformat(timespec="seconds"),
            holds=False,
            reason=reason,
            state=None,
            effects=(),
        )
        await self.write("note", kind, note, memory)
        self._memories[strategy] = memory

    def write(self, method: str, *args: Any) -> Awaitable[Any]:
        """Have the journal write, together with what others in this process write at the moment."""
        return self._line.write(getattr(self._journal, method), *args)

    def _tell_decided(self, decision: Decision) -> None:
        if self.charge.observer is not None:
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

    def _tell(self, fact: AgentFact) -> None:
        if self.charge.observer is not None:
            self.charge.observer.tell(fact)
