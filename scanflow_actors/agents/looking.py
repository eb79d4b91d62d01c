"""One look of one strategy: sense, judge, and word the effects. Whatever the user's code raises is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.constraint import Look, Verdict
from scanflow_actors.agents.records import Decision, Memory
from scanflow_actors.agents.sensor import Sight, sensed
from scanflow_actors.errors import StrategyFailedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from scanflow_actors.actors.message import Request
    from scanflow_actors.agents.sensor import Observation
    from scanflow_actors.agents.strategy import Call, Strategy
    from scanflow_actors.artifacts.knowledge import KnowledgeBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a strategy was fired by, and what it may look at."""

    decision: str
    """Name of the decision that comes of it."""
    agent: str
    now: datetime
    call: Call | None
    knowledge: KnowledgeBase | None
    belief: Any
    sense_timeout_s: float
    ask: Callable[[Request[Any]], Awaitable[Any]] | None = None
    """Asks the infrastructure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What came of a look."""

    memory: Memory
    belief: Any
    decision: Decision | None
    """None when there was nothing new."""


async def look(strategy: Strategy, memory: Memory, occasion: Occasion) -> Looked:
    """Look once. Nothing is written and nothing is done.

    Raises:
        StrategyFailedError: The sensor, the constraint or the action raised, or the sensor took too long.
    """
    try:
        return await _look(strategy, memory, occasion)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise StrategyFailedError(f"{occasion.agent}/{strategy.name} failed: {reason}") from error


async def _look(strategy: Strategy, memory: Memory, occasion: Occasion) -> Looked:
    seen = await _sense(strategy, memory, occasion)
    if seen.is_nothing:
        if not strategy.sense.accumulates:
            memory = replace(memory, watermark=seen.watermark)
        return Looked(memory=memory, belief=occasion.belief, decision=None)
    before = after = memory.watermark
    verdict = strategy.given.judge(Look(state=seen.state, now=occasion.now, memory=memory.verdict))
    if verdict.holds or not strategy.sense.accumulates:
        after = seen.watermark
    if verdict.memory is not None or memory.verdict is not None or after is not before:
        memory = replace(memory, verdict=verdict.memory, watermark=after)
    belief = occasion.belief
    if strategy.learns is not None:
        belief = strategy.learns(belief, seen.state)
    decision = _decision(strategy, seen.state, verdict, occasion, watermarks=(before, after))
    return Looked(memory=memory, belief=belief, decision=decision)


async def _sense(strategy: Strategy, memory: Memory, occasion: Occasion) -> Observation:
    sight = Sight(
        now=occasion.now,
        watermark=memory.watermark,
        message=None if occasion.call is None else occasion.call.message,
        knowledge=occasion.knowledge,
        belief=occasion.belief,
        ask=occasion.ask,
    )
    return await sensed(strategy.sense, sight, timeout_s=occasion.sense_timeout_s)


def _decision(
    strategy: Strategy, state: Any, verdict: Verdict, occasion: Occasion, *, watermarks: tuple[Any, Any]
) -> Decision:
    call = occasion.call
    return Decision(
        id=occasion.decision,
        agent=occasion.agent,
        strategy=strategy.name,
        cause=None if call is None else call.cause,
        trace=occasion.decision if call is None else call.trace,
        at=occasion.now.isoformat(timespec="seconds"),
        holds=verdict.holds,
        reason=verdict.reason,
        state=state,
        effects=strategy.then.effects(state) if verdict.holds else (),
        priority=strategy.priority,
        lease_s=strategy.lease_s,
        watermarks=watermarks,
    )
