"""The receivers of a durable actor: its own, which save before they reply, and those of the protocol."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from scanflow_actors.actors.actor import Actor, Route
from scanflow_actors.actors.durable.delivery import Confirm, Delivery
from scanflow_actors.actors.durable.reminders import Due
from scanflow_actors.errors import RejectError

if TYPE_CHECKING:
    from scanflow_actors.actors.context import ActorContext

_RECEIVERS = "__scanflow_receivers__"


def completed(kind: type[Actor], found: dict[type, Route], *, saves: bool) -> dict[type, Route]:
    """Complete the receivers that were found in a class of durable actors.

    Args:
        kind: The class; it keeps its receivers as they are, for deliveries and timers.
        found: The receivers.
        saves: Whether each saves before it replies.
    """
    setattr(kind, _RECEIVERS, dict(found))
    if saves:
        found = {message: _saving(route) for message, route in found.items()}
    return {**found, **_PROTOCOL}


def _saving(route: Route) -> Route:
    """The same receiver, which saves before it replies."""

    async def handle(actor: Actor, message: Any, ctx: ActorContext) -> Any:
        result = await _call(route, actor, message, ctx)
        await ctx.durable.save()
        return result

    return replace(route, function=handle, is_async=True, wants_context=True)


async def _call(route: Route, actor: Actor, message: Any, ctx: ActorContext) -> Any:
    result = route.function(actor, message, ctx) if route.wants_context else route.function(actor, message)
    return await result if route.is_async else result


async def _handle(actor: Actor, ctx: ActorContext, message: Any) -> None:
    """Handle what came in a delivery or with a timer; what is refused for good is a dead letter."""
    receivers: dict[type, Route] = getattr(type(actor), _RECEIVERS)
    route = next((receivers[kind] for kind in type(message).__mro__ if kind in receivers), None)
    try:
        if route is not None:
            await _call(route, actor, message, ctx)
            return
    except RejectError:
        pass  # a "no" is an answer: it would be the same the next time
    ctx.durable.writing.refuse(message)


async def _take_delivery(actor: Actor, message: Delivery, ctx: ActorContext) -> None:
    await ctx.durable.inbox.take(message, partial(_handle, actor, ctx))


async def _take_due(actor: Actor, message: Due, ctx: ActorContext) -> None:
    await ctx.durable.reminders.take(message, partial(_handle, actor, ctx))


def _take_confirm(_: Actor, message: Confirm, ctx: ActorContext) -> None:
    ctx.durable.outbox.confirm(message)


_PROTOCOL: dict[type, Route] = {
    kind: Route(message=kind, function=function, is_async=is_async, wants_context=True, concurrent=0)
    for kind, function, is_async in (
        (Delivery, _take_delivery, True),
        (Due, _take_due, True),
        (Confirm, _take_confirm, False),
    )
}
