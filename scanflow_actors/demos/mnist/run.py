"""The main job, end to end: train, serve windows of a drifting stream, and let the team keep it good."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from scanflow_actors.agents import Clock, Journal
from scanflow_actors.cluster import LOCAL, RayActorSystem
from scanflow_actors.demos.mnist import lab as names
from scanflow_actors.demos.mnist.console import ConsoleActor, make_progress
from scanflow_actors.demos.mnist.steps import open_knowledge, prepare_digits, sets_of, store_window
from scanflow_actors.demos.mnist.stream import Schedule, make_window
from scanflow_actors.demos.mnist.table import Summary, WindowRow, read_rows, summarise
from scanflow_actors.demos.mnist.team import make_team
from scanflow_actors.demos.mnist.workflows import workflows
from scanflow_actors.errors import WorkflowFailedError
from scanflow_actors.infrastructure import Infrastructure, InfrastructureActor
from scanflow_actors.infrastructure.actor import NAME as INFRASTRUCTURE
from scanflow_actors.infrastructure.embedded.batch import EmbeddedBackend
from scanflow_actors.primitives import Perform, Primitive, RunWorkflow, UpgradeWorkflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from scanflow_actors.actors import ActorRef
    from scanflow_actors.agents import Entry
    from scanflow_actors.demos.mnist.lab import Lab

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
"""The agents' time when their clock starts."""

WORK_TIMEOUT_S = 300.0
"""Seconds for one workflow that the demo itself asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a run."""

    rows: tuple[WindowRow, ...]
    summary: Summary
    entries: tuple[Entry, ...]
    """The whole journal."""
    failures: tuple[str, ...]
    """Decisions that could not be carried out, in words."""
    begun_at: datetime
    """The agents' time at the first window."""


async def run(
    lab: Lab, console: Console, on_window: Callable[[int, RayActorSystem], None] | None = None
) -> Result:
    """Run the demo.

    Args:
        lab: Its settings; the folder must exist.
        console: Where progress goes.
        on_window: Called after each window with its index and the running system: for tests that break
            something on purpose.

    Returns:
        The table, and all that was decided.

    Raises:
        WorkflowFailedError: A workflow that the demo itself asked for failed.
        DataNotFoundError: The digits are not there.
    """
    progress = make_progress(console)
    with progress:
        console.print("starting Ray and reading the digits")
        preparing = asyncio.gather(
            asyncio.to_thread(prepare_digits, lab), asyncio.to_thread(open_knowledge(lab.knowledge).prepare)
        )
        async with RayActorSystem("mnist") as system:
            await preparing
            watcher = await system.spawn(ConsoleActor, console, progress, name="console", placement=LOCAL)
            stage = _Stage(lab, system, console, watcher)
            console.print("starting the team; training the first model and the drift detector")
            await asyncio.gather(stage.train(), stage.start_team())
            begun_at = await stage.stream(on_window)
    rows = await asyncio.to_thread(read_rows, lab)
    entries = await asyncio.to_thread(_read_journal, lab)
    return Result(
        rows=rows,
        summary=await asyncio.to_thread(summarise, lab, rows),
        entries=entries,
        failures=tuple(
            f"{entry.decision}: {entry.reason}"
            for entry in entries
            if entry.kind == "outcome" and not entry.holds
        ),
        begun_at=begun_at,
    )


class _Stage:
    """The people around the team: data scientists who train, users who send windows of predictions."""

    def __init__(self, lab: Lab, system: RayActorSystem, console: Console, watcher: ActorRef) -> None:
        self._lab = lab
        self._system = system
        self._console = console
        self._watcher = watcher
        self._clock = Clock.starting(MIDNIGHT, hour_s=lab.hour_s)
        self._team = make_team(lab, self._clock, watcher)

    async def start_team(self) -> None:
        """Start the agents; until the stream begins they find nothing to do."""
        await self._team.start(self._system)

    async def train(self) -> None:
        """Start the infrastructure; train, register and promote version 1; fit the detector."""
        parts = Infrastructure(
            backend=EmbeddedBackend(),
            workflows=workflows(self._lab),
            ledger=self._lab.journal,
            knowledge=self._lab.knowledge,
            opens_knowledge=True,
            observer=self._watcher,
        )
        await self._system.spawn(InfrastructureActor, parts, name=INFRASTRUCTURE)
        first = RunWorkflow(workflow=names.TRAINING, parameters={"retrain": False, "production_version": 0})
        fitting = RunWorkflow(workflow=names.DETECTOR_FITTING)
        version, _ = await asyncio.gather(
            self._perform(first, "first-training"), self._perform(fitting, "detector-fitting")
        )
        upgrade = UpgradeWorkflow(workflow=names.INFERENCE, model=names.MODEL, version=version)
        await self._perform(upgrade, "first-promotion")

    async def stream(self, on_window: Callable[[int, RayActorSystem], None] | None) -> datetime:
        """Send the team a window an hour, then wait until it has dealt with all.

        Returns:
            The agents' time at the first window.
        """
        begin = self._clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        self._console.print(f"all is up; the stream begins at {begin:%H:%M}", highlight=False)
        for index in range(self._lab.windows):
            await asyncio.sleep(self._clock.wait_s(begin + timedelta(hours=index)))
            await self._window(index)
            if on_window is not None:
                on_window(index, self._system)
        await self._finish()
        return begin

    async def _window(self, index: int) -> None:
        ref = await asyncio.to_thread(lay_down, self._lab, index)
        inference = RunWorkflow(workflow=names.INFERENCE, parameters={"window": ref})
        await self._perform(inference, f"window-{index}")

    async def _finish(self) -> None:
        """Give the agents the hour in which they check the last window, and time to act."""
        await asyncio.sleep(3600.0 / self._clock.scale)
        await self._team.settled(timeout_s=WORK_TIMEOUT_S)

    async def _perform(self, primitive: Primitive, key: str) -> Any:
        request = Perform(primitive=primitive, key=key, by="demo")
        infrastructure = self._system.find(INFRASTRUCTURE)
        outcome = await infrastructure.ask(request, timeout_s=WORK_TIMEOUT_S)
        if not outcome.is_success:
            raise WorkflowFailedError(workflow=primitive.workflow, executor=key, reason=outcome.reason)
        return outcome.result


def lay_down(lab: Lab, index: int) -> Any:
    """Make a window of the stream and store it for the inference workflow."""
    schedule = Schedule(corruptions=lab.corruptions)
    window = make_window(sets_of(lab).stream, seed=lab.seed, index=index, schedule=schedule)
    return store_window(lab, index, window.images, window.ids)


def _read_journal(lab: Lab) -> tuple[Entry, ...]:
    journal = Journal(lab.journal)
    try:
        return journal.entries()
    finally:
        journal.close()
