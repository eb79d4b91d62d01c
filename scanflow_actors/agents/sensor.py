"""From observations to the state that a constraint judges: ``s_t = F(o_t)``, each observation once."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanflow_actors.errors import InvalidTeamError
from scanflow_actors.infrastructure.state import ShowState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from scanflow_actors.actors.message import Request
    from scanflow_actors.artifacts.knowledge import KnowledgeBase
    from scanflow_actors.artifacts.ref import ArtifactRef
    from scanflow_actors.artifacts.run import Watermark
    from scanflow_actors.infrastructure.state import WorkflowState


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a sensor may look at."""

    now: datetime
    """The agents' time."""
    watermark: Any
    """From the last observation that was acted on; None at first. Must pickle."""
    message: Any
    """The message that fired the strategy, or None."""
    knowledge: KnowledgeBase | None
    belief: Any = None
    """The agent's, as its last decision left it."""
    ask: Callable[[Request[Any]], Awaitable[Any]] | None = None
    """Asks the infrastructure actor; None where there is no actor system."""

    async def state_of(self, workflow: str, since: int | None = None) -> WorkflowState:
        """How a workflow is, and what has happened to it.

        Args:
            workflow: Its name.
            since: Number of the last fact that is known; None asks for no facts.

        Raises:
            InvalidTeamError: There is no infrastructure to ask.
            RejectError: No workflow has this name, or there is no word from what it runs on.
        """
        if self.ask is None:
            raise InvalidTeamError(place="team", problem="a sensor asks the infrastructure; start one")
        state: WorkflowState = await self.ask(ShowState(workflow=workflow, since=since))
        return state

    def require_knowledge(self) -> KnowledgeBase:
        """The knowledge base.

        Raises:
            InvalidTeamError: The team has none.
        """
        if self.knowledge is None:
            raise InvalidTeamError(
                place="team", problem="a sensor reads the knowledge base; give the team one"
            )
        return self.knowledge


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A state, and the watermark that covers what it was made from."""

    state: Any
    watermark: Any = None
    is_nothing: bool = False
    """There was nothing new to see: nothing is decided and nothing is journalled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """A function that reads observations, and what becomes of those that were not acted on.

    ``accumulates``: while the constraint does not hold, the watermark stays, so that observations add up
    until they are acted on, once (counts). Otherwise each verdict uses them up (comparisons).
    """

    read: Callable[[Sight], Any]
    """Gives an `Observation`. It may block, since it is called in a thread; or be a coroutine function."""
    accumulates: bool = True
    is_quick: bool = False
    """It never blocks, since it reads memory only, or awaits: it is called at once, without a thread."""
    gives: type | None = None
    """Class of its states, where it is known: constraints and actions are checked against its fields."""


async def sensed(sensor: Sensor, sight: Sight, *, timeout_s: float | None = None) -> Observation:
    """Read a sensor: off the event loop, unless it is quick.

    Args:
        sensor: Which.
        sight: What it may look at.
        timeout_s: Seconds that it may take; None for no limit.

    Raises:
        TimeoutError: It took longer.
    """
    seen: Any = sensor.read(sight) if sensor.is_quick else None
    if isinstance(seen, Observation):
        return seen  # a timer for what takes microseconds would cost more than the look
    async with asyncio.timeout(timeout_s):
        if seen is None:
            seen = await asyncio.to_thread(sensor.read, sight)
        observation: Observation = await seen if inspect.isawaitable(seen) else seen
    return observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """State: runs that are new since the last that were acted on, and the sum of one of their metrics."""

    total: float
    runs: tuple[str, ...]
    """Ids, the earliest first."""
    artifacts: tuple[ArtifactRef, ...]


def new_runs(kind: str, *, metric: str) -> Sensor:
    """Make a sensor that counts, over the finished runs of a kind not acted on yet, a metric's sum.

    Args:
        kind: What sort of run, as given to `KnowledgeBase.record`.
        metric: Whose values are summed; a run without it counts 0.

    Returns:
        A sensor whose state is a `Count`.
    """
    return Sensor(read=NewRuns(kind=kind, metric=metric), gives=Count)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRuns:
    """Reads the finished runs of a kind that were not acted on yet; made by `new_runs`."""

    kind: str
    metric: str

    def __call__(self, sight: Sight) -> Observation:
        """Count them, and sum up the metric."""
        watermark: Watermark | None = sight.watermark
        seen = sight.require_knowledge().runs_since(self.kind, watermark)
        artifacts = tuple(ref for run in seen.runs for ref in run.artifacts.values())
        total = sum(run.metrics.get(self.metric, 0.0) for run in seen.runs)
        state = Count(total=total, runs=tuple(run.id for run in seen.runs), artifacts=artifacts)
        return Observation(state=state, watermark=seen.watermark, is_nothing=not seen.runs)


def _read_message(sight: Sight) -> Observation:
    return Observation(state=sight.message)


MESSAGE = Sensor(read=_read_message, accumulates=False, is_quick=True)
"""The state is the message itself."""
