"""Spans that tests look at: kept in the memory of each process, and handed out by an actor."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from scanflow_actors.actors import Actor, Request, receive

KEPT = InMemorySpanExporter()


def keep() -> None:
    """Keep the spans of this process; called once or more."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(KEPT))
        trace.set_tracer_provider(provider)


@dataclass(frozen=True, slots=True)
class Span:
    """What a test wants to know of one."""

    name: str
    kind: str
    trace: int
    id: int
    parent: int | None
    links: tuple[int, ...]
    status: str
    events: tuple[str, ...]
    path: str
    host: str
    journal: str | None


def kept() -> list[Span]:
    """The finished spans of this process."""
    return [
        Span(
            name=span.name,
            kind=span.kind.name,
            trace=span.context.trace_id,
            id=span.context.span_id,
            parent=span.parent.span_id if span.parent else None,
            links=tuple(link.context.span_id for link in span.links),
            status=span.status.status_code.name,
            events=tuple(event.name for event in span.events),
            path=str(span.attributes["scanflow.path"]) if span.attributes else "",
            host=str(span.attributes["scanflow.host"]) if span.attributes else "",
            journal=str(span.attributes["scanflow.trace"])
            if span.attributes and "scanflow.trace" in span.attributes
            else None,
        )
        for span in KEPT.get_finished_spans()
        if span.context is not None
    ]


@dataclass(frozen=True, slots=True)
class Kept(Request[list[Span]]):
    """The finished spans of the process that the actor lives in."""


class Keeper(Actor):
    @receive
    def kept(self, message: Kept) -> list[Span]:  # noqa: ARG002 - its type is its route
        return kept()
