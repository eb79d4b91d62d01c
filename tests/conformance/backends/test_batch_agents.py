"""A shipped planner looks after a run on Ray whose executor is killed by its bound of memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scanflow_actors.agents import Clock, Member, Team
from scanflow_actors.agents.templates import MoreMemory, Planner, Planning, Retry
from scanflow_actors.infrastructure import ShowState, WorkflowEnded, WorkflowState
from scanflow_actors.primitives import RunWorkflow
from scanflow_actors.triggers import every
from scanflow_actors.workflows import BatchWorkflow, Executor
from tests import steps
from tests.unit.agents.place import Place

if TYPE_CHECKING:
    from pathlib import Path

MIB = 2**20
SECONDLY = every(seconds=1)


@pytest.mark.usefixtures("ray_session")
async def test_an_executor_that_runs_out_of_memory_gets_more_and_its_run_is_repeated(tmp_path: Path) -> None:
    from scanflow_actors.infrastructure.embedded.batch import EmbeddedBackend  # noqa: PLC0415 - imports ray

    step = Executor(
        name="allocate", run=steps.allocate, takes={"size_bytes": "size_bytes"}, memory_bytes=64 * MIB
    )
    workflow = BatchWorkflow(name="hungry", executors=(step,), result="allocate")
    config = Planning(
        more_memory=MoreMemory(workflow="hungry", most_bytes=512 * MIB, factor=4.0, interval=SECONDLY),
        retry=Retry(workflow="hungry", delay_s=1.0, interval=SECONDLY),
    )
    place = Place(tmp_path, (workflow,), backend=EmbeddedBackend(), clock=Clock())
    team = Team(
        members={"planner": Member(agent=Planner, args=(config,))},
        journal=tmp_path / "journal.db",
        clock=place.clock,
    )
    async with place:
        await place.start(team)
        first = await place.perform(RunWorkflow(workflow="hungry", parameters={"size_bytes": 128 * MIB}))
        assert "out of memory" in first.reason
        state = await _once_it_succeeded(place)
        assert state.batch is not None
        assert state.batch.executor("allocate").memory_bytes == 256 * MIB


async def _once_it_succeeded(place: Place) -> WorkflowState:
    async with asyncio.timeout(90):
        while True:
            state = await place.ref.ask(ShowState(workflow="hungry", since=0))
            facts = [noted.fact for noted in state.facts]
            if any(isinstance(fact, WorkflowEnded) and fact.outcome.is_success for fact in facts):
                return state
            await asyncio.sleep(0.1)
