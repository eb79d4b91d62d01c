"""Carrying out what was decided: each effect is asked for until its outcome is known."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents.strategy import Accepted, Call
from scanflow_actors.errors import (
    ActorError,
    ActorNotFoundError,
    RejectError,
    StrategyFailedError,
    UnhandledMessageError,
)
from scanflow_actors.infrastructure.actor import NAME as INFRASTRUCTURE
from scanflow_actors.primitives import Outcome, Perform

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scanflow_actors.actors.context import ActorContext
    from scanflow_actors.agents.action import Effect
    from scanflow_actors.agents.records import Decision
    from scanflow_actors.settings import AgentSettings

_FINAL = (RejectError, UnhandledMessageError, ActorNotFoundError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of the effects of one decision."""

    is_success: bool
    reason: str
    results: tuple[Any, ...]
    rule: str | None = None
    """Of the arbiter, that refused it: a clear no, which is no failure."""


async def carry_out(
    decision: Decision,
    ctx: ActorContext,
    write: Callable[..., Awaitable[Any]],
    settings: AgentSettings,
    reports: Callable[[Any, Done], Effect] | None = None,
) -> Done:
    """Carry out the effects of a decision in order; the first that fails for good ends it. Then report.

    An effect whose outcome is unknown (the other side died, or was silent) is asked for again under the
    same key, by which the other side recognises it.

    Args:
        decision: Whose effects.
        ctx: Of the agent.
        write: Has a method of the journal, by its name, write.
        settings: How long to wait, and how often to ask.
        reports: From the state and what came of it to one more effect.
    """
    done = await _all_of(decision, ctx, write, settings)
    if reports is None or not decision.effects:
        return done
    try:
        effect = reports(decision.state, done)
        await _insist(_Errand(decision, len(decision.effects), effect, settings), ctx, write)
    except Exception as error:  # noqa: BLE001 - the user's code; whatever it is, it is the outcome's reason
        reason = "; ".join(part for part in (done.reason, f"could not be reported: {error}") if part)
        return replace(done, is_success=False, reason=reason)
    return done


async def _all_of(
    decision: Decision, ctx: ActorContext, write: Callable[..., Awaitable[Any]], settings: AgentSettings
) -> Done:
    results: list[Any] = []
    for index, effect in enumerate(decision.effects):
        try:
            result = await _insist(_Errand(decision, index, effect, settings), ctx, write)
        except ActorError as error:
            return Done(is_success=False, reason=str(error), results=tuple(results))
        results.append(result)
        if isinstance(result, Outcome) and not result.is_success:
            return Done(is_success=False, reason=result.reason, results=tuple(results), rule=result.rule)
    return Done(is_success=True, reason="", results=tuple(results))


@dataclass(frozen=True, slots=True)
class _Errand:
    """One effect of a decision, as a request."""

    decision: Decision
    index: int
    effect: Effect
    settings: AgentSettings

    @property
    def _generation(self) -> int | None:
        """That its target was seen at; None when an earlier effect of the same decision changes it too."""
        target = self.effect.message.target
        earlier = (each.message for each in self.decision.effects[: self.index] if each.target is None)
        if any(primitive.target == target for primitive in earlier):
            return None
        generation: int | None = getattr(self.decision.state, "generations", {}).get(target)
        return generation

    async def ask(self, ctx: ActorContext) -> Outcome | Accepted:
        decision, effect = self.decision, self.effect
        key = f"{decision.id}#{self.index}"
        ref = ctx.find(effect.target or INFRASTRUCTURE)
        timeout_s = self.settings.act_timeout_s
        if effect.target is not None:
            call = Call(message=effect.message, key=key, trace=decision.trace)
            return await ref.ask(call, timeout_s=timeout_s)
        asked = Perform(
            primitive=effect.message,
            key=key,
            by=f"{decision.agent}/{decision.strategy}",
            priority=decision.priority,
            lease_s=decision.lease_s,
            generation=self._generation,
            at_s=datetime.fromisoformat(decision.at).timestamp(),
        )
        return await ref.ask(asked, timeout_s=timeout_s)


async def _insist(
    errand: _Errand, ctx: ActorContext, write: Callable[..., Awaitable[Any]]
) -> Outcome | Accepted:
    for delay_s in errand.settings.retry_delays_s:
        try:
            return await errand.ask(ctx)
        except ActorError as error:
            if isinstance(error, _FINAL) and not isinstance(error, StrategyFailedError):
                raise  # a clear "no": asking again would not change it
            await write("attempt", errand.decision, str(error))
            await asyncio.sleep(delay_s)
    return await errand.ask(ctx)
