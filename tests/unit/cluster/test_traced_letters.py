"""What traces add to what crosses between hosts: nothing where there are none."""

from __future__ import annotations

import pytest
from opentelemetry import trace

from scanflow_actors.actors.message import Envelope
from scanflow_actors.cluster.node import Node
from scanflow_actors.cluster.wire import Traced
from scanflow_actors.settings import ActorSettings, Settings
from scanflow_actors.tracing import Tracing
from tests.spans import keep
from tests.troupe import Note


class NoCarrier:
    """Nothing leaves: the letters are looked at before."""

    is_busy = False

    def carry(self, number: int, entries: object) -> int:
        del number, entries
        return 1

    def acknowledged(self, expected: int) -> None:
        """Nobody acknowledges."""

    async def close(self) -> None:
        """Nothing is open."""


def letter_of(settings: ActorSettings) -> object:
    """The label that a told message gets."""
    node = Node("test", "host-1", Settings(actors=settings), lambda *_: NoCarrier())
    envelope = Envelope(Note(1))
    for tap in node.system.taps:
        tap.leaves("/there", envelope)
    return node._letter("host-2", "/there", envelope)[0]


@pytest.mark.parametrize("settings", [ActorSettings(), ActorSettings(metrics=True)])
async def test_without_traces_a_letter_has_its_path_for_a_label(settings: ActorSettings) -> None:
    assert letter_of(settings) == "/there"


async def test_with_traces_it_says_which_span_sent_it() -> None:
    keep()
    with trace.get_tracer("test").start_as_current_span(
        "sender", attributes={"scanflow.path": "", "scanflow.host": ""}
    ) as span:
        label = letter_of(ActorSettings(taps=(Tracing(),)))
    assert isinstance(label, Traced)
    context = span.get_span_context()
    assert label.headers["traceparent"].startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")
    assert label.label == "/there"
