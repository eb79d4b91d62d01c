"""A chain of decisions is one trace, and its spans name the journal's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.actors import ActorSystem
from scanflow_actors.settings import ActorSettings
from scanflow_actors.tracing import Tracing
from tests.spans import KEPT, keep, kept
from tests.unit.agents.crew import Feed, World, clock_of_loop, entries_of, make_team, start

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.looptime
async def test_a_chain_of_decisions_is_one_trace(tmp_path: Path) -> None:
    settings = ActorSettings(taps=(Tracing(setup=keep),))
    KEPT.clear()
    async with ActorSystem(settings=settings) as system:
        team = make_team(tmp_path, clock_of_loop(), Feed([1.0] * 12))
        await start(system, team, World())
        await asyncio.sleep(3601)
        assert await team.settled(timeout_s=60)
    spans = {span.name: span for span in kept()}
    looked, called, done = spans["Counting Wake"], spans["Checking Call"], spans["Works Perform"]
    assert looked.trace == called.trace == done.trace
    assert (called.parent, done.parent) == (looked.id, called.id)
    assert looked.events == ("decision",)
    decisions = [entry for entry in entries_of(tmp_path) if entry.kind == "decision"]
    assert len(decisions) == 2
    assert {entry.trace for entry in decisions} == {called.journal}
