"""OpenTelemetry spans of messages, across actors and processes. Needs the extra ``tracing``.

::

    def export() -> None:  # in an importable module: every process of the system calls it
        trace.set_tracer_provider(...)

    settings = Settings(actors=ActorSettings(taps=(Tracing(setup=export),)))
    async with RayActorSystem(settings=settings) as system: ...

A span is one call of a receiver. What is asked is a child of the span of its asker: a trace is what somebody
waited for. What is told begins a trace of its own with a link to its sender, or the trace of an actor that
sends itself a message would never end. A system without this tap pays nothing, and sends not a byte.

Source: OpenTelemetry semantic conventions, messaging spans.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from scanflow_actors.actors.forward import Forward
from scanflow_actors.actors.observing.taps import Receiver, Tap, current
from scanflow_actors.errors import RejectError

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.util.types import AttributeValue

    from scanflow_actors.actors.actor import Route
    from scanflow_actors.actors.cell import Cell
    from scanflow_actors.actors.message import Envelope

FLUSH_MS = 5000
"""Milliseconds that spans get to leave when a process of the system ends."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """Put into `ActorSettings.taps`: traces the messages of a system."""

    setup: Callable[[], None] | None = None
    """Called in every process of the system, to say where spans go; picklable."""

    def __call__(self) -> Tap:
        """Make the tap of one process."""
        if self.setup is not None:
            self.setup()
        return _Spans()


class _Spans(Tap):
    def __init__(self) -> None:
        self._tracer = trace.get_tracer("scanflow_actors")

    async def close(self) -> None:
        """Let the last spans leave."""
        flush = getattr(trace.get_tracer_provider(), "force_flush", None)
        if flush is not None:
            await asyncio.to_thread(flush, FLUSH_MS)

    def leaves(self, path: str, envelope: Envelope) -> None:
        """Write down which span it is sent from."""
        del path
        if getattr(envelope, "headers", None) is None:
            envelope.headers = {}
            propagate.inject(envelope.headers)

    def remark(self, name: str, attributes: dict[str, Any]) -> None:
        """Put an event into the span of the message that is being handled."""
        trace.get_current_span().add_event(name, _attributes(attributes))

    def wrap(self, route: Route, receiver: Receiver) -> Receiver:
        """Put a span around each call."""
        del route

        async def traced(actor: Any, message: Any, *rest: Any) -> Any:
            cell, envelope = current()
            with self._span(actor, message, cell, envelope) as span:
                try:
                    return await receiver(actor, message, *rest)
                except Forward:  # whoever gets it is traced as if it had been asked from here
                    envelope.headers = {}
                    propagate.inject(envelope.headers)
                    raise
                except RejectError as error:  # an answer, and no fault
                    span.add_event("rejected", {"scanflow.reason": str(error)})
                    raise
                except asyncio.CancelledError:
                    span.add_event("cancelled")
                    raise
                except Exception as error:
                    span.record_exception(error)
                    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
                    raise

        return traced

    def _span(self, actor: Any, message: Any, cell: Cell, envelope: Envelope) -> Any:
        context = propagate.extract(envelope.headers, Context())
        sender = trace.get_current_span(context).get_span_context()
        links = []
        if envelope.reply is None:
            context = trace.set_span_in_context(trace.INVALID_SPAN, context)
            links = [Link(sender)] if sender.is_valid else []
        return self._tracer.start_as_current_span(
            f"{type(actor).__name__} {type(message).__name__}",
            context=context,
            kind=SpanKind.CONSUMER if envelope.reply is None else SpanKind.SERVER,
            links=links,
            attributes=_attributes({"path": cell.path, "host": cell.system.name, **_journalled(message)}),
            record_exception=False,
            set_status_on_exception=False,
        )


def _journalled(message: Any) -> dict[str, Any]:
    """What ties a message to the journal of a team: the trace and the key that calls of agents carry."""
    found = {name: getattr(message, name, None) for name in ("trace", "key")}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _attributes(values: dict[str, Any]) -> dict[str, AttributeValue]:
    return {
        f"scanflow.{name}": value if isinstance(value, bool | int | float) else str(value)
        for name, value in values.items()
    }
